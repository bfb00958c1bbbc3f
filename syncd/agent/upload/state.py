"""What the agent remembers: cursors, files still to send, what is parked, which roots it watches.

Cursors and queued files are a cache of the target's truth: who loses them pays one question per file.
The roots and what is parked are nowhere else, so only a state that is broken for sure is begun anew.
`MemoryState` lives as long as a command; `LmdbState` survives the daemon.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import lmdb
import msgpack

from tidelog.datastore.disk import Disk
from tidelog.datastore.filesystems import filesystem_of, is_network
from tidelog.syncd.agent.task import Run, Task
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.tables import (
    BROKEN,
    FILE_NAMES,
    DictTable,
    DictTables,
    LmdbEnvironment,
    Table,
    Tables,
    values_in,
)
from tidelog.syncd.bodies import FileEntry
from tidelog.syncd.errors import CannotStartError

_CURSORS, _FILES, _PARKED, _ROOTS, _BEGUN = (
    b"acknowledged",
    b"files",
    b"parked tasks",
    b"roots",
    b"begun",
)
_PAUSE = b"pause"
_MARKS = b"marks"
_ROUNDS = b"rounds"
_TABLES = (_CURSORS, _FILES, _PARKED, _ROOTS, _BEGUN, _PAUSE, _MARKS, _ROUNDS)
_KEY_BYTES = 20

DELETED = "deleted"
"""The mark of a run that a person deleted at the target."""
DOUBT = "doubt"
"""The mark of a run that starts over, and of which the target has not told anything since."""

STATE_NAME = "state"
"""The folder of the tables, below the state directory."""


class Round(NamedTuple):
    """A round of questions: when it began (seconds since the epoch), and up to which run it came.

    `folder` is the project's; `is_hurried` says that the target is known to have lost something.
    """

    began: float
    folder: str = ""
    run: str = ""
    is_hurried: bool = False
    is_done: bool = False


class State(Protocol):
    """What an uploader needs to remember. `target` is the target's address."""

    def cursor(self, target: str, task: Task) -> Cursor | None:
        """Return how far a log was acknowledged."""

    def advance(self, target: str, task: Task, cursor: Cursor, entries: Iterable[FileEntry]) -> None:
        """Move a log's cursor and queue the files that its records name, both or neither."""

    def files(
        self,
        target: str,
        run: Run,
        *,
        limit: int | None = None,
        is_wanted: Callable[[FileEntry], bool] | None = None,
    ) -> list[FileEntry]:
        """Return the files of a run that are still to send, the first so many that are wanted."""

    def file(self, target: str, run: Run, path: str) -> FileEntry | None:
        """Return one of them, None where it is not to send."""

    def queue(self, target: str, run: Run, entries: Iterable[FileEntry]) -> None:
        """Queue files to send, each in place of what was queued for its path."""

    def delivered(self, target: str, run: Run, entries: Iterable[FileEntry]) -> None:
        """Take files out of the queue, unless a newer entry for the path has come meanwhile."""

    def runs_with_files(self, target: str) -> list[Run]:
        """Return the runs that have files to send."""

    def forget(self, target: str, run: Run) -> None:
        """Forget all that is known of a run that is gone."""

    def park(self, target: str, task: Task, reason: str) -> None:
        """Remember that a task waits for a person, and why."""

    def unpark(self, target: str, task: Task) -> None:
        """Forget that a task was parked."""

    def parked(self, target: str) -> dict[Task, str]:
        """Return what is parked, with the reasons."""

    def mark(self, target: str, run: Run) -> str | None:
        """Return what the target said last of a run's files, None where that does not hold any more."""

    def put_mark(self, target: str, run: Run, mark: str) -> None:
        """Remember what the target says of a run's files, until another file is delivered.

        DELETED and DOUBT are marks as well; DOUBT stays until another one is put.
        """

    def round(self, target: str) -> Round | None:
        """Return where the round over all runs stands."""

    def put_round(self, target: str, round_: Round) -> None:
        """Remember where the round over all runs stands."""


class _Book:
    """The one implementation of `State`, over tables that a subclass opens."""

    def _tables(self, *, write: bool = False) -> Tables:
        raise NotImplementedError

    def cursor(self, target: str, task: Task) -> Cursor | None:
        """Return how far a log was acknowledged."""
        with self._tables() as tables:
            value = tables[_CURSORS].get(_task_key(target, task))
        return None if value is None else Cursor(*msgpack.unpackb(value))

    def advance(self, target: str, task: Task, cursor: Cursor, entries: Iterable[FileEntry]) -> None:
        """Move a log's cursor and queue the files that its records name, both or neither."""
        with self._tables(write=True) as tables:
            tables[_CURSORS].put(_task_key(target, task), msgpack.packb(cursor))
            _queue(tables[_FILES], target, task.run, entries)

    def queue(self, target: str, run: Run, entries: Iterable[FileEntry]) -> None:
        """Queue files to send, each in place of what was queued for its path."""
        entries = list(entries)
        if entries:
            with self._tables(write=True) as tables:
                _queue(tables[_FILES], target, run, entries)

    def files(
        self,
        target: str,
        run: Run,
        *,
        limit: int | None = None,
        is_wanted: Callable[[FileEntry], bool] | None = None,
    ) -> list[FileEntry]:
        """Return the files of a run that are still to send, the first so many that are wanted."""
        key = _key(target, run.path)
        # The items are closed before the transaction is: their cursor must not outlive that.
        with self._tables() as tables, closing(tables[_FILES].items(key)) as items:
            entries = (FileEntry(*_unpack(value)[2]) for _, value in items)
            return list(islice((e for e in entries if is_wanted is None or is_wanted(e)), limit))

    def file(self, target: str, run: Run, path: str) -> FileEntry | None:
        """Return one of them, None where it is not to send."""
        with self._tables() as tables:
            value = tables[_FILES].get(_file_key(target, run, path))
        return None if value is None else FileEntry(*_unpack(value)[2])

    def delivered(self, target: str, run: Run, entries: Iterable[FileEntry]) -> None:
        """Take files out of the queue, unless a newer entry for the path has come meanwhile."""
        with self._tables(write=True) as tables:
            table = tables[_FILES]
            if tables[_MARKS].get(_key(target, run.path)) != DOUBT.encode():
                tables[_MARKS].delete(_key(target, run.path))
            for entry in entries:
                key = _file_key(target, run, entry.path)
                value = table.get(key)
                if value is not None and FileEntry(*_unpack(value)[2]) == entry:
                    table.delete(key)

    def runs_with_files(self, target: str) -> list[Run]:
        """Return the runs that have files to send."""
        with self._tables() as tables:
            values = [_unpack(value) for _, value in tables[_FILES].items(b"")]
        return list(dict.fromkeys(Run(*run) for at, run, _ in values if at == target))

    def queued_files(self, limit: int) -> tuple[list[tuple[str, Run, FileEntry]], int]:
        """Return the first so many files that any target lacks, and how many there are in all."""
        with self._tables() as tables, closing(tables[_FILES].items(b"")) as items:
            queued = [_unpack(value) for _, value in islice(items, limit)]
            count = tables[_FILES].count()
        return [(target, Run(*run), FileEntry(*entry)) for target, run, entry in queued], count

    def forget(self, target: str, run: Run) -> None:
        """Forget all that is known of a run that is gone."""
        prefix = _key(target, run.path)
        with self._tables(write=True) as tables:
            for name in (_CURSORS, _FILES, _PARKED, _MARKS):
                with closing(tables[name].items(prefix)) as items:
                    keys = [key for key, _ in items]
                for key in keys:
                    tables[name].delete(key)

    def park(self, target: str, task: Task, reason: str) -> None:
        """Remember that a task waits for a person, and why."""
        value = msgpack.packb([target, *task, reason], unicode_errors="surrogateescape")
        with self._tables(write=True) as tables:
            tables[_PARKED].put(_task_key(target, task), value)

    def unpark(self, target: str, task: Task) -> None:
        """Forget that a task was parked."""
        with self._tables(write=True) as tables:
            tables[_PARKED].delete(_task_key(target, task))

    def parked(self, target: str) -> dict[Task, str]:
        """Return what is parked, with the reasons."""
        with self._tables() as tables:
            values = [_unpack(value) for _, value in tables[_PARKED].items(b"")]
        return {
            Task(Run(*run), kind, name): reason for at, run, kind, name, reason in values if at == target
        }

    def mark(self, target: str, run: Run) -> str | None:
        """Return what the target said last of a run's files, None where that does not hold any more."""
        with self._tables() as tables:
            value = tables[_MARKS].get(_key(target, run.path))
        return None if value is None else value.decode()

    def put_mark(self, target: str, run: Run, mark: str) -> None:
        """Remember what the target says of a run's files, until another file is delivered."""
        with self._tables(write=True) as tables:
            tables[_MARKS].put(_key(target, run.path), mark.encode())

    def round(self, target: str) -> Round | None:
        """Return where the round over all runs stands."""
        with self._tables() as tables:
            value = tables[_ROUNDS].get(_key(target))
        return None if value is None else Round(*_unpack(value))

    def put_round(self, target: str, round_: Round) -> None:
        """Remember where the round over all runs stands."""
        with self._tables(write=True) as tables:
            tables[_ROUNDS].put(_key(target), msgpack.packb(round_, unicode_errors="surrogateescape"))

    def is_begun(self, target: str) -> bool:
        """Tell whether `begin` was called for a target."""
        with self._tables() as tables:
            return tables[_BEGUN].get(_key(target)) is not None

    def begin(self, target: str) -> None:
        """Remember that a target was seen to be there."""
        with self._tables(write=True) as tables:
            tables[_BEGUN].put(_key(target), target.encode(errors="surrogateescape"))

    def paused_until(self) -> float:
        """Return until when uploads are paused (seconds since the epoch), 0 where they are not."""
        with self._tables() as tables:
            value = tables[_PAUSE].get(_key())
        return 0.0 if value is None else float(msgpack.unpackb(value))

    def pause(self, until: float) -> None:
        """Remember until when the uploads are paused; 0 ends a pause."""
        with self._tables(write=True) as tables:
            tables[_PAUSE].put(_key(), msgpack.packb(until))

    def roots(self) -> list[str]:
        """Return the roots that are watched."""
        with self._tables() as tables:
            return [os.fsdecode(value) for _, value in tables[_ROOTS].items(b"")]

    def add_root(self, path: str) -> None:
        """Remember to watch a root."""
        with self._tables(write=True) as tables:
            tables[_ROOTS].put(_key(path), os.fsencode(path))

    def remove_root(self, path: str) -> None:
        """Stop watching a root."""
        with self._tables(write=True) as tables:
            tables[_ROOTS].delete(_key(path))


class MemoryState(_Book):
    """A state that nobody needs after the command: everything is asked of the target."""

    def __init__(self) -> None:
        self._dicts: dict[bytes, Table] = {name: DictTable() for name in _TABLES}

    def _tables(self, *, write: bool = False) -> Tables:  # noqa: ARG002 - LMDB needs to know
        return DictTables(self._dicts)


class LmdbState(_Book):
    """The daemon's state, in one LMDB environment that only the daemon opens."""

    def __init__(
        self,
        directory: Path,
        *,
        disk: Disk,
        bytes_max: int,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Open or make the state; `tell` hears of one that was broken and is begun anew.

        Raises CannotStartError where it cannot be kept here.
        """
        kind = filesystem_of(str(directory), disk)
        if is_network(kind):
            raise CannotStartError(
                f"{directory} lies on a network file system ({kind}), where the state would break: "
                "set XDG_STATE_HOME to a folder on a local disk"
            )
        path = directory / STATE_NAME
        try:
            disk.make_directory(path, mode=0o700)
            try:
                self._environment = LmdbEnvironment(path, bytes_max=bytes_max)
            except BROKEN:
                # The target knows what it holds; the rest only a person knows.
                tell(
                    f"the state in {directory} was broken and is begun anew: name the roots again that "
                    "`syncd watch` named, and pause it where it was paused"
                )
                for name in FILE_NAMES:
                    disk.remove(path / name)
                self._environment = LmdbEnvironment(path, bytes_max=bytes_max)
            self._environment.open_tables(_TABLES)
        except (OSError, lmdb.Error) as error:
            raise CannotStartError(
                f"the state cannot be kept in {directory}: {error}; set XDG_STATE_HOME to a folder "
                "that you can write"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the environment; every advance was kept when it returned."""
        self._environment.close()

    def _tables(self, *, write: bool = False) -> Tables:
        return self._environment.begin(write=write)


def roots_in(directory: Path) -> list[str]:
    """Return the roots that a state names, also beside a daemon that has it; none without a state."""
    return [os.fsdecode(value) for value in values_in(directory / STATE_NAME, _ROOTS)]


def _key(*parts: str) -> bytes:
    """Return a key of fixed length: LMDB's may have 511 bytes, and paths have more."""
    text = "\0".join(parts).encode(errors="surrogateescape")
    return hashlib.sha256(text).digest()[:_KEY_BYTES]


def _task_key(target: str, task: Task) -> bytes:
    return _key(target, task.run.path) + _key(task.kind, task.name)


def _file_key(target: str, run: Run, path: str) -> bytes:
    return _key(target, run.path) + _key(path)


def _queue(files: Table, target: str, run: Run, entries: Iterable[FileEntry]) -> None:
    for entry in entries:
        value = msgpack.packb([target, run, entry], unicode_errors="surrogateescape")
        files.put(_file_key(target, run, entry.path), value)


def _unpack(value: bytes) -> Any:
    return msgpack.unpackb(value, unicode_errors="surrogateescape")
