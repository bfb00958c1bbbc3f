"""Crashes while the audit log is written, as the year turns: every line that was told of is there."""

import os
import shutil
import time
from pathlib import Path
from random import Random

from faults.crash_states import deaths, moments, power_cuts
from faults.hub_recording import HubDisk, put_on_disk
from faults.recording_disk import LogPromised

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.hub.guard.audit import CONSOLE, Audit

SEED = int(os.environ.get("TIDELOG_TEST_SEED", time.time_ns() % 2**32))
STATES_PER_MOMENT = 30
NEW_YEAR = 1767225600.0


class HandClock(Clock):
    def __init__(self) -> None:
        self.at = NEW_YEAR - 3.0

    def now(self) -> float:
        return self.at


def whats(directory: Path) -> list[str]:
    return [entry["what"] for entry in Audit(directory, disk=Disk(), clock=Clock()).entries()]


def test_no_crash_costs_a_line(tmp_path: Path) -> None:
    """Whichever part of what was not synced is missing; and the next line goes on from there."""
    print(f"TIDELOG_TEST_SEED={SEED}")
    home, clock = tmp_path / "hub", HandClock()
    home.mkdir()
    disk = HubDisk(home)
    hub, command = (Audit(home, disk=disk, clock=clock) for _ in range(2))
    for number in range(6):
        (hub if number % 2 else command).record(f"w{number}", "x", by=CONSOLE)
        for path in home.iterdir():
            disk.promise(LogPromised("power", path.name, path.read_bytes()))
        clock.at += 1.0
    found = list(deaths(disk.calls_made, cuts=lambda size: {1, size // 2} & set(range(1, size))))
    random = Random(SEED)
    for moment in moments(disk.calls_made):
        cuts = power_cuts(moment, limit=STATES_PER_MOMENT, random=random)
        found += [(state, moment.promises) for state in cuts]
    left = tmp_path / "left"
    for state, promises in found:
        told = {promise.path: promise.data for promise in promises if isinstance(promise, LogPromised)}
        for path, data in told.items():
            assert state.files[path].data.startswith(data)
        put_on_disk(left, state.files, state.directories)
        lines = sum(data.count(b"\n") for data in told.values())
        Audit(left, disk=Disk(), clock=clock).record("next", "x", by=CONSOLE)
        assert [f"w{number}" for number in range(lines)] == whats(left)[:lines]
        assert "next" == whats(left)[-1]
        shutil.rmtree(left)
    assert len(found) > 50
