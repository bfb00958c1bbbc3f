import os
import signal
import sys
import time
from pathlib import Path

import pytest
from waiting import PATIENCE_S

from tidelog.sdk.facts.ask import Answer, ask


def python(code: str, **limits: float) -> Answer:
    return ask([sys.executable, "-c", code], **limits)  # type: ignore[arg-type]


def test_what_a_program_prints_is_its_answer() -> None:
    """All of it, and no trouble."""
    assert Answer(b"a\n\xff" + b"b" * 200_000) == python(
        "import os; os.write(1, b'a\\n\\xff'); print('b' * 200_000, end='')"
    )


def test_a_program_that_fails_says_why() -> None:
    """The first line that it wrote to stderr, else its code."""
    assert (
        "fatal: no"
        == python("import sys; print('fatal: no\\nmore', file=sys.stderr); sys.exit(1)").trouble
    )
    assert f"{sys.executable} ended with 3" == python("raise SystemExit(3)").trouble


def test_a_program_that_is_not_there_is_told() -> None:
    """None of these raises."""
    assert "no-such-git is not installed" == ask(["no-such-git"]).trouble
    assert "could not be started" in ask([os.devnull]).trouble


def test_a_program_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    """Also where the child holds the pipe, and the program itself is gone; what came by then is kept."""
    code = f"echo some; sleep 3600 & echo $! > {tmp_path / 'pid'}"
    answer = ask(["sh", "-c", code], deadline_s=1.0)
    assert (b"some\n", True, True) == (answer.output, answer.is_cut, answer.is_late)
    assert "did not answer within 1 s" in answer.trouble
    with pytest.raises(ProcessLookupError):
        _wait_for_end(int((tmp_path / "pid").read_text()))


def test_a_program_that_says_too_much_is_cut() -> None:
    """It is killed at the bound; nobody reads the rest."""
    answer = python("while True: print('x' * 1000)", bytes_max=5000)
    assert (5000, True, False) == (len(answer.output), answer.is_cut, answer.is_late)
    assert "more than 5000 bytes" in answer.trouble


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text()
        if status.rpartition(")")[2].split()[0] == "Z":
            raise ProcessLookupError
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
