"""The lines of `syncd top`, for screens of any size."""

import pytest
from status_documents import HUB, USB, WALL, a_file, a_run, a_status, a_target, an_outage, behind

from tidelog.datastore.text import ASCII_BARS, BARS, width_of
from tidelog.syncd.cli.top_screen import Size, curve_of, screen_lines

REASON = f"{HUB} cannot be reached: Connection refused; start the hub there, or correct the address"


def busy() -> dict[str, object]:
    runs = [a_run(f"r{n}") for n in range(20)]
    logs, unsent = behind(*runs)
    events = [(WALL - n, f"event {n}") for n in range(20, 0, -1)]
    return a_status(
        a_target(USB, history=[0] * 50 + [100, 200, 400, 800, 0, 0, 800, 400, 100], rate_bytes_s=280.0),
        a_target(
            outage=an_outage(REASON),
            behind=logs,
            wanted=20,
            parked={a_file(runs[0], "media/图.png"): "it is not here"},
        ),
        live=runs,
        unsent=unsent,
        events=events,
    )


@pytest.mark.parametrize("size", [Size(80, 24), Size(120, 40), Size(60, 12), Size(40, 6), Size(200, 50)])
def test_the_screen_is_filled_and_never_overrun(size: Size) -> None:
    """As many lines as it has, none too wide, the keys in the last one."""
    lines = screen_lines(busy(), size)
    assert size.height == len(lines)
    assert [] == [line.text for line in lines if width_of(line.text) > size.width]
    assert "q quit" in lines[-1].text


def test_targets_that_need_attention_come_first_and_runs_that_lag_most() -> None:
    """With the reason, the next try, what is parked; the newest event on top."""
    text = "\n".join(line.text for line in screen_lines(busy(), Size(100, 40)))
    assert text.index("DOWN") < text.index(USB)
    assert "2 h 0 min, next try in 12.0 s: https://hub.lab cannot be reached" in text
    assert "1 parked: mnist/r0/media/图.png: it is not here" in text
    assert text.index("mnist/r19") < text.index("mnist/r18") < text.index("mnist/r17")
    assert text.index("event 1\n") < text.index("event 2\n")


def test_a_small_screen_keeps_the_targets() -> None:
    """Events and live runs give way."""
    text = "\n".join(line.text for line in screen_lines(busy(), Size(80, 11)))
    assert (True, True, False, False) == (
        "DOWN" in text,
        "file:///media/usb" in text,
        "LIVE RUN" in text,
        "LAST EVENTS" in text,
    )


def test_a_curve_rises_from_nothing_to_the_highest() -> None:
    """Seconds without a byte are blank; each cell stands for the same time, the last ones included."""
    assert "  ▅█" == curve_of([0, 0, 50, 100], 4, BARS)
    assert " █" == curve_of([0, 0, 1, 1], 2, BARS)
    assert "#" == curve_of([1, 2, 3], 1, ASCII_BARS)
    assert "" == curve_of([1, 2, 3], 0, BARS)
    assert "▂█" == curve_of([1, 100_000], 2, BARS)
    assert 30 == len(curve_of(list(range(59)), 30, BARS))


def test_a_note_stands_beside_the_keys() -> None:
    """What a key has done."""
    assert screen_lines(busy(), Size(80, 24), note="paused")[-1].text.endswith("paused")
