"""One event, one line: as JSON, for a terminal, for the journal."""

import json
import logging
import os
from pathlib import Path

import pytest

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.notice import Notice
from tidelog.syncd.log_lines import JournalLines, JsonLines, TextLines, entry_in, text_of
from tidelog.syncd.logging_setup import is_coloured, is_journal, teller

MOMENT = 1_795_000_000.5
ENTRY = {"time": "2026-11-18T11:06:40.500Z", "level": "warning", "message": "the hub is away"}


def record(message: str, *, level: int = logging.WARNING, **about: str) -> logging.LogRecord:
    event = logging.LogRecord("tidelog.syncd", level, "", 0, message, None, None)
    event.created = MOMENT
    event.about = about
    return event


def test_json_has_time_level_message_and_what_it_is_about() -> None:
    """Time by RFC 3339 in UTC; names of any language stay readable."""
    line = JsonLines().format(record("the hub is away", target="http://hub", run="mnist/r1"))
    assert {**ENTRY, "target": "http://hub", "run": "mnist/r1"} == json.loads(line)
    assert entry_in(line) == json.loads(line)
    assert "größe" in JsonLines().format(record("größe"))


def test_an_event_is_one_line_of_json_whatever_it_holds() -> None:
    """Line ends, quotes and a traceback too; bytes that are no UTF-8 can still be written."""
    event = record('a\n"b"')
    event.exc_info = (ValueError, ValueError("two\nlines"), None)
    line = JsonLines().format(event)
    assert (1, "two\nlines") == (len(line.splitlines()), json.loads(line)["traceback"][-9:])
    JsonLines().format(record("\udcff")).encode(errors="backslashreplace")


def test_text_is_local_time_level_and_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coloured where that is asked for; a message steers no terminal."""
    monkeypatch.setenv("TZ", "UTC")
    plain = TextLines(is_coloured=False).format(record("the hub\x1b[2J\nis away"))
    assert plain.endswith(" WARNING the hub\\x1b[2J\\nis away")
    assert text_of(ENTRY, is_coloured=False)[19:] == " WARNING the hub is away"
    assert "\033[33mWARNING\033[0m" in text_of(ENTRY, is_coloured=True)
    assert "odd INFO    x" == text_of(
        {"time": "odd", "level": "info", "message": "x"}, is_coloured=False
    )


def test_the_journal_gets_priorities_and_no_time() -> None:
    """One before every line, that of a traceback included."""
    event = record("it failed", level=logging.ERROR)
    event.exc_info = (ValueError, ValueError("bad"), None)
    lines = JournalLines().format(event).splitlines()
    assert "<3>it failed" == lines[0]
    assert {"<3>"} == {line[:3] for line in lines}
    assert "<6>fine" == JournalLines().format(record("fine", level=logging.INFO))


@pytest.mark.parametrize("line", ["", "Traceback:", "[1]", '{"time": 1}', "{" * 100_000])
def test_a_line_that_is_no_event_is_known(line: str) -> None:
    """What a crash prints stands between the events."""
    assert entry_in(line) is None


def test_colours_need_a_terminal_and_nobody_who_minds() -> None:
    """NO_COLOR (no-color.org) and a terminal that has none are obeyed."""
    leader, follower = os.openpty()
    with (
        open(leader, "wb", buffering=0),
        open(follower, "w") as terminal,
        open(os.devnull, "w") as other,
    ):
        assert is_coloured(terminal, {"TERM": "xterm"})
        assert not is_coloured(terminal, {"TERM": "xterm", "NO_COLOR": "1"})
        assert not is_coloured(terminal, {"TERM": "dumb"})
        assert not is_coloured(other, {"TERM": "xterm"})


def test_the_journal_is_known_by_its_file(tmp_path: Path) -> None:
    """JOURNAL_STREAM is inherited also by those whose stderr leads elsewhere."""
    with (tmp_path / "journal").open("w") as stream:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert is_journal(stream.fileno(), environ, Disk())
        assert not is_journal(2, environ, Disk())
        assert not is_journal(stream.fileno(), {}, Disk())
    assert not is_journal(stream_that_is_closed(), environ, Disk())


def stream_that_is_closed() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    return writing


def test_good_news_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Trouble is a warning, its end is not; both tell what they are about."""
    tell = teller(logging.getLogger("tidelog.syncd.test"))
    with caplog.at_level(logging.INFO):
        tell(Notice("100 % away", target="http://hub", run="mnist/r1"))
        tell(Notice("works again", is_good_news=True, target="http://hub"))
        tell("plain")
    assert [("WARNING", "100 % away"), ("INFO", "works again"), ("WARNING", "plain")] == [
        (event.levelname, event.getMessage()) for event in caplog.records
    ]
    assert {"target": "http://hub", "run": "mnist/r1"} == caplog.records[0].about
