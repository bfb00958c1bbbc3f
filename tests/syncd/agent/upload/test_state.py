"""What the agent remembers: in memory and in LMDB alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.daemon.lock import Holder, acquire, holder_of
from tidelog.syncd.agent.task import LOG, Run, Task
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.state import DOUBT, LmdbState, MemoryState, Round
from tidelog.syncd.agent.upload.tables import StateWriteError
from tidelog.syncd.bodies import FileEntry
from tidelog.syncd.errors import CannotStartError

TARGET, OTHER = "http://hub", "file:///usb"
RUN = Run("/root/mnist/r1", "mnist", "r1")
TASK = Task(RUN, LOG, "main.0001.tlog")
CURSOR = Cursor("ab" * 16, 4096, 17, "main.0001.abababab.tlog", is_final=True)
FIRST, SECOND = FileEntry("media/a", 1, "aa" * 32), FileEntry("media/a", 2, "bb" * 32)
BYTES_MAX = 1 << 24


def open_state(path: Path) -> LmdbState:
    return LmdbState(path, disk=Disk(), bytes_max=BYTES_MAX)


@pytest.fixture(params=["memory", "lmdb"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryState | LmdbState]:
    if request.param == "memory":
        yield MemoryState()
    else:
        with open_state(tmp_path) as lmdb_state:
            yield lmdb_state


def test_what_the_disk_does_not_take_is_said_with_the_remedy(tmp_path: Path) -> None:
    """LMDB's own words are no sentence, and of a full disk not even true. What was kept is kept."""
    with LmdbState(tmp_path, disk=Disk(), bytes_max=1 << 16) as state:
        with pytest.raises(StateWriteError, match="make room where it lies, `syncd doctor` says where"):
            for number in range(1000):
                state.add_root(f"/{number:0500}")
        assert number == len(state.roots()) > 0
        state.remove_root("/".ljust(501, "0"))
        assert number - 1 == len(state.roots())


def test_a_cursor_belongs_to_one_target_and_one_log(state: MemoryState | LmdbState) -> None:
    """Each target has cursors of its own."""
    state.advance(TARGET, TASK, CURSOR, [])
    assert CURSOR == state.cursor(TARGET, TASK)
    assert state.cursor(OTHER, TASK) is None
    assert state.cursor(TARGET, TASK._replace(name="main.0002.tlog")) is None


def test_files_are_queued_with_the_cursor_and_the_last_entry_wins(
    state: MemoryState | LmdbState,
) -> None:
    """A newer entry takes the place of the older one of the same path."""
    state.advance(TARGET, TASK, CURSOR, [FIRST])
    state.advance(TARGET, TASK, CURSOR, [SECOND])
    assert [SECOND] == state.files(TARGET, RUN)
    assert [RUN] == state.runs_with_files(TARGET)
    assert [] == state.runs_with_files(OTHER)


def test_the_queue_is_asked_for_one_file_or_a_few(state: MemoryState | LmdbState) -> None:
    """A run may have very many; those that are not wanted do not count."""
    entries = [FileEntry(f"files/{n}", n, "0" * 64) for n in range(9)]
    state.advance(TARGET, TASK, CURSOR, entries)
    assert entries[7] == state.file(TARGET, RUN, "files/7")
    assert state.file(TARGET, RUN, "files/9") is None
    assert state.file(OTHER, RUN, "files/7") is None
    odd = state.files(TARGET, RUN, limit=3, is_wanted=lambda entry: entry.size % 2 == 1)
    assert [True] * 3 == [entry.size % 2 == 1 for entry in odd]


def test_a_delivery_does_not_take_away_a_newer_version(state: MemoryState | LmdbState) -> None:
    """What was logged while the older version travelled is still to send."""
    state.advance(TARGET, TASK, CURSOR, [SECOND])
    state.delivered(TARGET, RUN, [FIRST])
    assert [SECOND] == state.files(TARGET, RUN)
    state.delivered(TARGET, RUN, [SECOND])
    assert [] == state.files(TARGET, RUN)


def test_a_mark_is_good_until_another_file_is_delivered(state: MemoryState | LmdbState) -> None:
    """One in doubt until another one is put."""
    state.put_mark(TARGET, RUN, "3-aa")
    assert ("3-aa", None) == (state.mark(TARGET, RUN), state.mark(OTHER, RUN))
    state.delivered(TARGET, RUN, [FIRST])
    assert state.mark(TARGET, RUN) is None
    state.put_mark(TARGET, RUN, DOUBT)
    state.delivered(TARGET, RUN, [FIRST])
    assert DOUBT == state.mark(TARGET, RUN)
    state.forget(TARGET, RUN)
    assert state.mark(TARGET, RUN) is None


def test_a_round_is_remembered_by_target(state: MemoryState | LmdbState) -> None:
    """And where it stands."""
    one = Round(1234.5, "/root/mnist", "r1", is_hurried=True)
    state.put_round(TARGET, one)
    assert (one, None) == (state.round(TARGET), state.round(OTHER))


def test_what_is_parked_is_remembered_with_its_reason(state: MemoryState | LmdbState) -> None:
    """A person finds it there tomorrow."""
    state.park(TARGET, TASK, "422")
    assert {TASK: "422"} == state.parked(TARGET)
    assert {} == state.parked(OTHER)
    state.unpark(TARGET, TASK)
    assert {} == state.parked(TARGET)


def test_names_may_be_as_long_as_a_file_system_allows(state: MemoryState | LmdbState) -> None:
    """LMDB's keys may have 511 bytes, a path has 4,096."""
    run = Run("/" + "x" * 4000, "p" * 128, "r" * 128)
    entry = FileEntry("media/" + "ü" * 500, 1, "aa" * 32)
    state.advance(TARGET, Task(run, LOG, "main.0001.tlog"), CURSOR, [entry])
    assert [entry] == state.files(TARGET, run)


def test_the_state_survives_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """Closed and opened again it says the same; folders are 0700, files 0600."""
    with open_state(tmp_path) as state:
        state.advance(TARGET, TASK, CURSOR, [FIRST])
        state.add_root("/data/tidelog")
    with open_state(tmp_path) as state:
        assert CURSOR == state.cursor(TARGET, TASK)
        assert [FIRST] == state.files(TARGET, RUN)
        assert ["/data/tidelog"] == state.roots()
        state.remove_root("/data/tidelog")
        assert [] == state.roots()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
    assert {"data.mdb": 0o600, "lock.mdb": 0o600} == modes
    assert 0o700 == (tmp_path / "state").stat().st_mode & 0o777


def test_a_state_that_cannot_be_read_is_begun_anew(tmp_path: Path) -> None:
    """It is a cache: the target knows what it holds."""
    with open_state(tmp_path) as state:
        state.advance(TARGET, TASK, CURSOR, [])
    (tmp_path / "state" / "data.mdb").write_bytes(b"\xff" * 8192)
    with open_state(tmp_path) as state:
        assert state.cursor(TARGET, TASK) is None
        state.advance(TARGET, TASK, CURSOR, [])
        assert CURSOR == state.cursor(TARGET, TASK)


def test_a_state_that_is_only_in_want_of_memory_is_kept(tmp_path: Path) -> None:
    """The roots in it are nowhere else."""
    with open_state(tmp_path) as state:
        state.add_root("/data/tidelog")
    with pytest.raises(CannotStartError, match="the state cannot be kept in"):
        LmdbState(tmp_path, disk=Disk(), bytes_max=1 << 60)
    with open_state(tmp_path) as state:
        assert ["/data/tidelog"] == state.roots()


def test_only_one_process_holds_the_lock(tmp_path: Path) -> None:
    """The second is told who has it; a lock that was given up is free."""
    lock = acquire(tmp_path, Disk())
    assert lock is not None
    lock.announce(Holder(4242, "/run/agent.sock"))
    assert acquire(tmp_path, Disk()) is None
    assert Holder(4242, "/run/agent.sock") == holder_of(tmp_path, Disk())
    lock.release()
    assert holder_of(tmp_path, Disk()) is None
    again = acquire(tmp_path, Disk())
    assert again is not None
    again.release()
