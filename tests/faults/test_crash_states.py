"""Crashes: in every state that one may leave, all that was promised is there, once, and no more."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random

import pytest
from faults.crash_states import State, deaths, moments, power_cuts
from faults.expected_run import WrittenRun
from faults.memory_disk import MemoryDisk
from faults.recorded_run import RUN, RecordedRun
from faults.recording_disk import Call, EndPromised, FilePromised, Promise, RowsPromised
from faults.scenarios import SCENARIOS, Scenario, wild

from tidelog.datastore import Reader
from tidelog.datastore.errors import NotARunError

SEED = int(os.environ.get("TIDELOG_TEST_SEED", time.time_ns() % 2**32))
STATES_PER_MOMENT = 200
WILD_RUNS, WILD_STATES_PER_MOMENT = 8, 30
PROOF_STATES_PER_MOMENT = 2_500
PROOF_PARTS, PROOF_WILD_RUNS, PROOF_WILD_STATES_PER_MOMENT = 4, 50, 60


class Check:
    """Reads states of one recording, each once, and counts them."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.states = 0
        self._written = WrittenRun(calls)
        self._versions: dict[str, list[bytes]] = {}
        for call in calls:
            if isinstance(call, FilePromised):
                self._versions.setdefault(call.path, []).append(call.data)
        self._seen: set[int] = set()

    def state(self, state: State, promises: Sequence[Promise], *, is_whole: bool = False) -> None:
        """Fail where a state breaks a promise; `is_whole` says that no row before another is missing."""
        key = hash((tuple(sorted(state.files.items())), len(promises)))
        if key in self._seen:
            return
        self._seen.add(key)
        self.states += 1
        rows = self._read(state, is_finished=any(isinstance(p, EndPromised) for p in promises))
        promised = max((p.count for p in promises if isinstance(p, RowsPromised)), default=0)
        assert set(range(promised)) <= set(rows), "a row is lost"
        assert len(set(rows)) == len(rows), "a row is there twice"
        assert not is_whole or set(range(len(rows))) == set(rows), "a row in the middle is missing"
        for promise in promises:
            if isinstance(promise, FilePromised):
                versions = self._versions[promise.path]
                later = versions[versions.index(promise.data) :]
                assert state.files[promise.path].data in later, f"{promise.path} is lost"
        for path in self._versions.keys() & state.files.keys():
            assert state.files[path].data in self._versions[path], f"{path} is not whole"

    def _read(self, state: State, *, is_finished: bool) -> list[int]:
        """Return the rows, and compare with what was written whatever else a reader says."""
        expected = self._written.expected(state, RUN)
        disk = MemoryDisk({path: found.data for path, found in state.files.items()}, state.directories)
        try:
            reader = Reader(RUN, disk=disk)
        except NotARunError:
            assert not any(path.endswith(".tlog") for path in state.files)
            assert not is_finished
            return []
        with reader as run:
            rows = [record.data["i"] for record in run.records() if record.kind == "row"]
            assert expected.rows == rows
            assert sorted(expected.damage) == sorted(run.damage)
            assert sorted(expected.torn_tails) == sorted(run.torn_tails)
            assert len(rows) == run.rows
            assert sorted(rows) == sorted(run.history()["i"] if rows else [])
            assert not is_finished or run.state == "finished"
            for media in run.media():  # A file is in its place before the record that names it.
                assert media.sha256 == _sha256(state.files[f"{RUN}/{media.path}"].data)
            for file in run.files():
                versions = self._versions[f"{RUN}/{file.path}"]
                later = versions[[*map(_sha256, versions)].index(file.sha256) :]
                assert state.files[f"{RUN}/{file.path}"].data in later
        return rows


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# -- the states of a recording ----------------------------------------------------------------------


def few_cuts(size: int) -> set[int]:
    """After the first byte, around a chunk's header, in the middle, before the last byte."""
    return {1, 19, 20, 21, size // 2, size - 1} & set(range(1, size))


def check_deaths(run: RecordedRun, *, cuts: Callable[[int], Iterable[int]] = few_cuts) -> int:
    """Check what the death of the process may leave; return how many states that is."""
    check = Check(run.disk.calls_made)
    for state, promises in deaths(run.disk.calls_made, cuts=cuts):
        check.state(state, promises, is_whole=True)
    return check.states


def check_power_cuts(run: RecordedRun, *, limit: int, seed: int) -> int:
    """Check what a power cut may leave, about `limit` states a moment; return how many there were."""
    check, random = Check(run.disk.calls_made), Random(seed)
    for moment in moments(run.disk.calls_made):
        for state in power_cuts(moment, limit=limit, random=random):
            check.state(state, moment.promises)
    return check.states


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_death_of_a_process_costs_no_row_that_log_returned_for(
    scenario: Scenario, tmp_path: Path
) -> None:
    """Dead after any call, or in the middle of any write: all rows up to some point, each once."""
    assert check_deaths(scenario(tmp_path / "root")) > 50


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_power_cut_costs_nothing_that_was_synced(scenario: Scenario, tmp_path: Path) -> None:
    """Of the rest anything may be missing: each row is there once or not at all, all damage is told."""
    print(f"TIDELOG_TEST_SEED={SEED}")
    run = scenario(tmp_path / "root")
    assert check_power_cuts(run, limit=STATES_PER_MOMENT, seed=SEED) > 50


def test_a_crash_of_any_run_costs_nothing_that_was_promised(tmp_path: Path) -> None:
    """Runs that nobody thought of, with any trouble at any time."""
    for seed in range(SEED, SEED + WILD_RUNS):
        print(f"TIDELOG_TEST_SEED={seed}")
        run = wild(tmp_path / str(seed), seed)
        check_deaths(run)
        check_power_cuts(run, limit=WILD_STATES_PER_MOMENT, seed=seed)


# -- make proof -------------------------------------------------------------------------------------


@pytest.mark.proof
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_proof_of_every_scenario(
    scenario: Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every write cut at every byte; the states of a moment up to a bound that few reach."""
    print(f"TIDELOG_TEST_SEED={SEED}")
    run = scenario(tmp_path / "root")
    dead = check_deaths(run, cuts=lambda size: range(1, size))
    cut = check_power_cuts(run, limit=PROOF_STATES_PER_MOMENT, seed=SEED)
    with capsys.disabled():
        print(f"\n{scenario.__name__}: {dead} states after a death, {cut} after a power cut")


@pytest.mark.proof
@pytest.mark.parametrize("part", range(PROOF_PARTS))
def test_proof_of_any_run(part: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Many runs that nobody thought of."""
    dead = cut = 0
    first = SEED + part * PROOF_WILD_RUNS
    for seed in range(first, first + PROOF_WILD_RUNS):
        print(f"TIDELOG_TEST_SEED={seed}")
        run = wild(tmp_path / str(seed), seed)
        dead += check_deaths(run)
        cut += check_power_cuts(run, limit=PROOF_WILD_STATES_PER_MOMENT, seed=seed)
    with capsys.disabled():
        print(f"\n{PROOF_WILD_RUNS} wild runs: {dead} states after a death, {cut} after a power cut")
