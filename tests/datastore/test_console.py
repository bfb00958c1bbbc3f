"""The lines of a console, from its records, and the command that prints them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from log_spec import TIME, LogSpec
from waiting import PATIENCE_S

from tidelog.datastore import Writer
from tidelog.datastore.console import ConsoleLines
from tidelog.datastore.records import CONSOLE, Record


def lines_of(*texts: str) -> list[str]:
    lines = ConsoleLines()
    for text in texts:
        lines.feed(
            Record("console", "main.0001.tlog", 0, TIME, None, {"stream": "stdout", "text": text})
        )
    return [line.text for line in lines.all()]


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        (["a", "b"], ["a\nb\n"]),
        (["ab", "c"], ["a", "b\n", "c"]),
        (["9%"], ["1%", "\r2%", "\r9%"]),
        (["a", "B", "C"], ["a\nb\nc", "\x1b[1A\rB\nC"]),
        (["x"], ["a\nb", "\x1b[99A\rx"]),
        ([""], ["\n"]),
        ([], [""]),
        (["\x1b[2J"], ["\x1b[2J"]),
    ],
)
def test_a_text_goes_on_or_replaces(lines: list[str], texts: list[str]) -> None:
    """By its first characters alone; further up than the first line there is nothing."""
    assert lines == lines_of(*texts)


def datastore_console(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tidelog.datastore", "console", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
        timeout=PATIENCE_S,
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    log = LogSpec()
    for second, (stream, text) in enumerate(
        [("stdout", "a\n1%"), ("stderr", "e\n"), ("stdout", "\r2%\n"), ("stdout", "\tend \x1b]0;x\7")]
    ):
        log.record(CONSOLE, TIME + second, stream, text)
    log.final()
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    child = LogSpec(log_id=b"1" * 16).record(CONSOLE, TIME + 1.5, "stdout", "child\n").final()
    (tmp_path / "main.0002.tlog").write_bytes(child.data)
    return tmp_path


def test_the_command_prints_lines_by_their_times(run: Path) -> None:
    """Of all processes; a bar as it was last; nothing steers the terminal it is shown on."""
    result = datastore_console(run)
    assert ("", 0) == (result.stderr, result.returncode)
    assert "a\ne\nchild\n2%\n\tend \\x1b]0;x\\x07\n" == result.stdout
    assert "e\n" == datastore_console(run, "--stream", "stderr").stdout
    first, *_others = map(json.loads, datastore_console(run, "--json").stdout.splitlines())
    assert {"log": "main.0001.tlog", "stream": "stdout", "time": TIME, "text": "a"} == first


def test_a_run_is_followed_to_its_end(tmp_path: Path) -> None:
    """Each line as soon as it is finished."""
    writer = Writer(tmp_path)
    writer.log_console("stdout", "first\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "tidelog.datastore", "console", str(tmp_path), "--follow"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    with process:
        assert process.stdout is not None
        assert "first\n" == process.stdout.readline()
        writer.log_console("stdout", "second\nunfini")
        assert "second\n" == process.stdout.readline()
        writer.close()
        assert "unfini\n" == process.stdout.read()
    assert 0 == process.returncode


def test_damage_is_exit_code_1_and_told(run: Path) -> None:
    """What is left is printed."""
    path = run / "main.0001.tlog"
    data = bytearray(path.read_bytes())
    data[80] ^= 1
    path.write_bytes(data)
    result = datastore_console(run)
    assert 1 == result.returncode
    assert "is damaged, lines may lack" in result.stderr
    assert "child\n" in result.stdout
