"""Crashes of the hub: in every state that one may leave, every acknowledged byte is there."""

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from faults.crash_states import State, deaths, moments, power_cuts
from faults.hub_recording import LOG, PROJECT, HubDisk, ServedHub, Uploads, put_on_disk
from faults.recording_disk import FilePromised, LogPromised, Promise

from tidelog.datastore.errors import DifferentBytesError
from tidelog.datastore.replica import Replica

SEED = int(os.environ.get("TIDELOG_TEST_SEED", time.time_ns() % 2**32))
STATES_PER_MOMENT, RECOVERED_EACH = 12, 40
PROOF_STATES_PER_MOMENT, PROOF_STATES = 400, 10_000


class Check:
    """Looks at states of one recording, each once."""

    def __init__(self, uploads: Uploads, folder: Path) -> None:
        self.states = self.recovered = 0
        self._uploads = uploads
        self._folder = folder
        self._seen: set[int] = set()

    def state(self, state: State, promises: Sequence[Promise]) -> None:
        """Fail where a byte is missing that was acknowledged; every so often let a hub go on from it."""
        key = hash((tuple(sorted(state.files.items())), len(promises)))
        if key in self._seen:
            return
        self._seen.add(key)
        self.states += 1
        for promise in promises:
            assert isinstance(promise, LogPromised | FilePromised)
            found = state.files[promise.path].data
            if isinstance(promise, LogPromised):
                assert found.startswith(promise.data), f"{promise.path} lost what was acknowledged"
            else:
                assert found == promise.data, f"{promise.path} is not what was acknowledged"
        if self.states % RECOVERED_EACH == 0:
            self._go_on(state, promises)

    def _go_on(self, state: State, promises: Sequence[Promise]) -> None:
        """A hub that starts from here holds no less, and takes the rest of each log."""
        root = self._folder / "state"
        put_on_disk(root, state.files, state.directories)
        logs = Replica(root).logs
        for number, (path, log) in enumerate(sorted(self._uploads.logs.items()), start=1):
            names = (PROJECT, f"r{number}", LOG)
            held = logs.held(*names)
            at = held.offset if held is not None else 0
            for promise in promises:
                if isinstance(promise, LogPromised) and promise.path == path:
                    assert len(promise.data) <= at
            try:
                logs.append(*names, offset=0, data=log.data, log_id=bytes([number]) * 16)
            except DifferentBytesError:
                # Chunks behind a hole, which nobody was told of: kept apart, never believed.
                assert (root / path).read_bytes()[:at] != log.data[:at]
                continue
            assert log.data == (root / path).read_bytes()
        self.recovered += 1
        shutil.rmtree(root)


def check(tmp_path: Path, seed: int, *, runs: int, chunks: int, limit: int) -> Check:
    """Record a hub at work, then look at what a death and a power cut at any moment leave."""
    print(f"TIDELOG_TEST_SEED={seed}")
    data = tmp_path / f"hub-{seed}"
    data.mkdir()
    disk, random = HubDisk(data), Random(seed)
    with ServedHub(data, disk) as hub:
        uploads = Uploads(hub, disk, seed)
        uploads.run(runs, chunks)
    found = Check(uploads, tmp_path)

    def cuts(size: int) -> set[int]:
        return {1, size // 2} & set(range(1, size))

    for state, promises in deaths(disk.calls_made, cuts=cuts):
        found.state(state, promises)
    for moment in moments(disk.calls_made):
        for state in power_cuts(moment, limit=limit, random=random):
            found.state(state, moment.promises)
    return found


def test_no_crash_costs_an_acknowledged_byte(tmp_path: Path) -> None:
    """Whatever several agents send at one time, and whichever part of what was not synced is missing."""
    found = check(tmp_path, SEED, runs=3, chunks=8, limit=STATES_PER_MOMENT)
    assert found.states > 500
    assert found.recovered > 5


@pytest.mark.proof
def test_proof_of_ten_thousand_crashes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Until so many states have been looked at."""
    states = recovered = recordings = 0
    while states < PROOF_STATES:
        found = check(tmp_path, SEED + recordings, runs=4, chunks=12, limit=PROOF_STATES_PER_MOMENT)
        states, recovered = states + found.states, recovered + found.recovered
        recordings += 1
    with capsys.disabled():
        print(
            f"\nhub: {states:,} states after a crash in {recordings} recordings, and from {recovered:,} "
            "of them a hub went on: every acknowledged byte was there"
        )
