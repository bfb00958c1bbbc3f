"""The audit log: only ever added to, by several processes, and whole after a crash."""

import json
import subprocess
import sys
from pathlib import Path

from waiting import PATIENCE_S

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.hub.guard.audit import Actor, Audit

ADA = Actor("ada", "0123456789ab", "10.0.0.7")


class SetClock(Clock):
    def now(self) -> float:
        return 1764129600.25


def audit(folder: Path) -> Audit:
    return Audit(folder, disk=Disk(), clock=SetClock())


def test_a_line_says_when_what_on_what_who_and_from_where(tmp_path: Path) -> None:
    """As one JSON object, readable by the hub's account alone."""
    audit(tmp_path).record("key.revoked", "ci 00ff", by=ADA, of="ci")
    path = tmp_path / "audit.jsonl"
    expected = {
        "time": "2025-11-26T04:00:00.250Z",
        "what": "key.revoked",
        "on": "ci 00ff",
        "account": "ada",
        "key": "0123456789ab",
        "address": "10.0.0.7",
        "of": "ci",
    }
    assert [expected] == [json.loads(line) for line in path.read_text().splitlines()]
    assert 0o600 == path.stat().st_mode & 0o777


def test_a_line_that_a_crash_cut_short_swallows_no_other(tmp_path: Path) -> None:
    """It is passed over; what came before and what comes after is there."""
    log = audit(tmp_path)
    log.record("one", "x", by=ADA)
    path = tmp_path / "audit.jsonl"
    path.write_bytes(path.read_bytes() + b'{"time": "2025')
    log.record("two", "x", by=ADA)
    assert ["one", "two"] == [entry["what"] for entry in log.entries()]
    assert [] == list(audit(tmp_path / "nowhere").entries())


def test_no_text_makes_a_second_line(tmp_path: Path) -> None:
    """Nor a long one."""
    log = audit(tmp_path)
    log.record("key.created", 'x\n{"what": "forged"}\r\u2028' + "y" * 10_000, by=ADA)
    assert 1 == (tmp_path / "audit.jsonl").read_text().count("\n")
    assert ["key.created"] == [entry["what"] for entry in log.entries()]
    assert (tmp_path / "audit.jsonl").stat().st_size < 4096


def test_two_processes_write_the_same_log(tmp_path: Path) -> None:
    """Every line of both is there, whole."""
    program = (
        "import sys\n"
        "from tidelog.datastore.clock import Clock\n"
        "from tidelog.datastore.disk import Disk\n"
        "from tidelog.syncd.hub.guard.audit import CONSOLE, Audit\n"
        "log = Audit(sys.argv[1], disk=Disk(), clock=Clock())\n"
        "for n in range(50): log.record('test', sys.argv[2] * 100, by=CONSOLE, n=n)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name]) for name in "ab"]
    assert [0, 0] == [writer.wait(PATIENCE_S) for writer in writers]
    entries = list(audit(tmp_path).entries())
    for name in "ab":
        assert list(range(50)) == [e["n"] for e in entries if e["on"] == name * 100]
