"""The audit log: only ever added to, by several processes, and whole after a crash."""

import json
import subprocess
import sys
from pathlib import Path

from waiting import PATIENCE_S

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.hub.guard.audit import Actor, Audit

ADA = Actor("ada", "0123456789ab", "10.0.0.7")


class SetClock(Clock):
    def __init__(self) -> None:
        self.at = 1764129600.25

    def now(self) -> float:
        return self.at


def audit(folder: Path, *, disk: Disk | None = None, clock: Clock | None = None) -> Audit:
    return Audit(folder, disk=disk or Disk(), clock=clock or SetClock())


def test_a_line_says_when_what_on_what_who_and_from_where(tmp_path: Path) -> None:
    """As one JSON object, readable by the hub's account alone."""
    audit(tmp_path).record("key.revoked", "ci 00ff", by=ADA, of="ci")
    path = tmp_path / "audit-2025.jsonl"
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
    path = tmp_path / "audit-2025.jsonl"
    path.write_bytes(path.read_bytes() + b'{"time": "2025')
    log.record("two", "x", by=ADA)
    assert ["one", "two"] == [entry["what"] for entry in log.entries()]
    assert [] == list(audit(tmp_path / "nowhere").entries())


def test_no_text_makes_a_second_line(tmp_path: Path) -> None:
    """Nor a long one."""
    log = audit(tmp_path)
    log.record("key.created", 'x\n{"what": "forged"}\r\u2028' + "y" * 10_000, by=ADA)
    assert 1 == (tmp_path / "audit-2025.jsonl").read_text().count("\n")
    assert ["key.created"] == [entry["what"] for entry in log.entries()]
    assert (tmp_path / "audit-2025.jsonl").stat().st_size < 4096


def test_each_year_has_a_file_and_all_of_them_are_one_log(tmp_path: Path) -> None:
    """From the one file of an older hub on; nothing is renamed, so nothing is lost in between."""
    (tmp_path / "audit.jsonl").write_text('{"time": "2024-05-01T00:00:00.000Z", "what": "zero"}\n')
    clock = SetClock()
    log = audit(tmp_path, clock=clock)
    for at, what in ((1767225599.999, "one"), (1767225600.0, "two"), (1767225601.0, "three")):
        clock.at = at
        log.record(what, "x", by=ADA)
    clock.at = 1767225599.0  # A clock that was put back writes where its year is.
    log.record("late", "x", by=ADA)
    assert ["zero", "one", "late", "two", "three"] == [entry["what"] for entry in log.entries()]
    assert ["two", "three"] == [
        entry["what"] for entry in log.entries(since="2026-01-01T00:00:00+00:00")
    ]
    names = {"audit.jsonl", "audit-2025.jsonl", "audit-2026.jsonl"}
    assert names == {path.name for path in tmp_path.iterdir()}


def test_a_new_file_s_name_is_on_the_disk_whoever_made_it(tmp_path: Path) -> None:
    """Who made it may have died before; then nobody had been told of its line, but of this one."""

    class CountingDisk(Disk):
        synced = 0

        def sync_directory(self, path: StrPath) -> None:
            super().sync_directory(path)
            self.synced += 1

    (tmp_path / "audit-2025.jsonl").write_bytes(b'{"what": "half')
    disk = CountingDisk()
    log = audit(tmp_path, disk=disk)
    for what in ("one", "two"):
        log.record(what, "x", by=ADA)
    assert 1 == disk.synced
    assert ["one", "two"] == [entry["what"] for entry in log.entries()]


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
