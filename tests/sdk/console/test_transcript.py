"""What of a stream is recorded, and when, by times that are passed in."""

from console_reading import read

from tidelog.sdk.console.allowance import Allowance
from tidelog.sdk.console.transcript import RECORD_CHARACTERS_MAX, Transcript


def test_finished_lines_are_due_at_once_and_an_unfinished_one_now_and_then() -> None:
    """A bar's states in between are nobody's."""
    transcript = Transcript(0.0, unfinished_interval_s=2.0)
    transcript.feed("stdout", "a\n10%", 0.1)
    assert [("stdout", "a\n")] == transcript.take(0.1)
    transcript.feed("stdout", "\r20%", 1.0)
    assert [] == transcript.take(1.0)
    transcript.feed("stdout", "\r30%", 2.0)
    assert [("stdout", "30%")] == transcript.take(2.0)
    transcript.feed("stdout", "\r40%", 2.5)
    assert [] == transcript.take(3.9)
    assert [("stdout", "\r40%")] == transcript.take(4.0)
    transcript.feed("stdout", "\r99%", 4.1)
    assert [("stdout", "\r99%")] == transcript.take(4.1, is_last=True)


def test_lines_of_two_streams_keep_their_order() -> None:
    """Those that came between others as well."""
    transcript = Transcript(0.0)
    for stream, text in [("stdout", "1\n"), ("stderr", "2\n"), ("stdout", "3\n4\n"), ("stderr", "5\n")]:
        transcript.feed(stream, text, 0.0)
    assert "1\n 2\n 3\n4\n 5\n" == " ".join(text for _stream, text in transcript.take(0.0))


def test_no_record_is_larger_than_a_chunk_may_be() -> None:
    """10 MB in one line, in one print."""
    transcript = Transcript(0.0)
    transcript.feed("stdout", "x" * 10_000_000 + "\n", 0.0)
    texts = [text for _stream, text in transcript.take(0.0)]
    assert RECORD_CHARACTERS_MAX >= max(map(len, texts))
    assert "x" * 10_000_000 + "\n" == read(texts)


def test_what_is_too_much_is_counted_where_it_is_left_out() -> None:
    """It is told once, and recording goes on as soon as there is room."""
    told = []
    transcript = Transcript(
        0.0,
        allowance=Allowance(0.0, at_once=10, per_s=10),
        on_left_out=lambda: told.append("too much"),
    )
    texts = []
    for second, text in enumerate(["12345\n", "a\n" * 50, "b\n" * 50, "end\n"]):
        transcript.feed("stdout", text, float(second))
        texts += [text for _stream, text in transcript.take(float(second))]
    assert "12345\ntidelog: 100 lines were left out here: too much was printed\nend\n" == read(texts)
    assert ["too much"] == told


def test_an_allowance_fills_up_with_time_and_no_further() -> None:
    """A clock that stands still gives nothing."""
    allowance = Allowance(0.0, at_once=3, per_s=1)
    assert [True, True, True, False] == [allowance.grant(1, 0.0) for _ in range(4)]
    assert [True, False] == [allowance.grant(1, 1.0) for _ in range(2)]
    assert [True, True, True, False] == [allowance.grant(1, 1000.0) for _ in range(4)]
