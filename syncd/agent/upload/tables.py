"""Sorted tables of bytes inside transactions: those of an LMDB environment, or dicts in memory.

What keys and values mean is not known here.
"""

from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import lmdb

from tidelog.syncd.errors import SyncdError

DATA_NAME = "data.mdb"
FILE_NAMES = (DATA_NAME, "lock.mdb")
"""What an environment consists of, below its folder."""
TABLES_MAX = 16
BROKEN = (lmdb.CorruptedError, lmdb.InvalidError, lmdb.VersionMismatchError, lmdb.PageNotFoundError)
"""What LMDB raises where the files are none of its own, or not any more."""


class StateWriteError(SyncdError):
    """The disk, or the bound of the state, does not take what is to be remembered."""


Items = Generator[tuple[bytes, bytes], None, None]


class Table(Protocol):
    """A sorted map of bytes to bytes: one of LMDB's, or a dict."""

    def get(self, key: bytes) -> bytes | None: ...
    def put(self, key: bytes, value: bytes) -> None: ...
    def delete(self, key: bytes) -> None: ...
    def items(self, prefix: bytes) -> Items: ...
    def count(self) -> int: ...


class Tables(Protocol):
    """All tables inside one transaction: leaving it without an error keeps what was put."""

    def __enter__(self) -> Mapping[bytes, Table]: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class LmdbEnvironment:
    """Tables on the disk, for the one process that writes them."""

    def __init__(self, path: Path, *, bytes_max: int) -> None:
        """Open or make the environment in a folder that is there. Raises OSError, lmdb.Error."""
        # metasync=False: a power cut may take back the last write, never half of one.
        self._environment: Any = lmdb.open(
            str(path),
            map_size=bytes_max,
            max_dbs=TABLES_MAX,
            mode=0o600,
            metasync=False,
            lib_version=0,
        )
        self._handles: dict[bytes, Any] = {}

    def open_tables(self, names: Iterable[bytes]) -> None:
        """Open the tables, and make those that are missing. Raises lmdb.Error."""
        self._handles = {name: self._environment.open_db(name, create=True) for name in names}

    def begin(self, *, write: bool) -> Tables:
        """Begin a transaction."""
        return _LmdbTables(self._environment, self._handles, write=write)

    def close(self) -> None:
        """Close the environment; what was written is kept."""
        self._environment.close()


def open_to_read(path: Path) -> Any:
    """Open an environment, also beside the process that writes it. Raises OSError, lmdb.Error."""
    return lmdb.open(str(path), readonly=True, create=False, max_dbs=TABLES_MAX, lib_version=0)


def values_in(path: Path, name: bytes) -> list[bytes]:
    """Return the values of one table, also beside the process that writes it; none where it is not."""
    try:
        with open_to_read(path) as environment, environment.begin() as transaction:
            table = _LmdbTable(transaction, environment.open_db(name, transaction, create=False))
            return [value for _, value in table.items(b"")]
    except (OSError, lmdb.Error):
        return []


class DictTable:
    """A table that lives as long as this object."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key."""
        return self._values.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Keep a value, in place of an older one."""
        self._values[key] = value

    def delete(self, key: bytes) -> None:
        """Forget a key; one that is not there is fine."""
        self._values.pop(key, None)

    def items(self, prefix: bytes) -> Items:
        """Yield the keys that begin with a prefix, sorted, and their values."""
        yield from sorted(item for item in self._values.items() if item[0].startswith(prefix))

    def count(self) -> int:
        """Return how many keys there are."""
        return len(self._values)


class DictTables:
    """A transaction over dicts, which takes nothing back: for a state that a failure ends anyway."""

    def __init__(self, tables: Mapping[bytes, Table]) -> None:
        self._mapping = tables

    def __enter__(self) -> Mapping[bytes, Table]:
        return self._mapping

    def __exit__(self, *_: object) -> None:
        pass


class _LmdbTables:
    def __init__(self, environment: Any, handles: Mapping[bytes, Any], *, write: bool) -> None:
        self._transaction = environment.begin(write=write)
        self._handles = handles

    def __enter__(self) -> Mapping[bytes, Table]:
        return {name: _LmdbTable(self._transaction, db) for name, db in self._handles.items()}

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._transaction.abort()
            return
        try:
            self._transaction.commit()
        except lmdb.Error as error:
            raise _no_room(error) from error


class _LmdbTable:
    def __init__(self, transaction: Any, db: Any) -> None:
        self._transaction = transaction
        self._db = db

    def get(self, key: bytes) -> bytes | None:
        value: bytes | None = self._transaction.get(key, db=self._db)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        try:
            self._transaction.put(key, value, db=self._db)
        except lmdb.Error as error:
            raise _no_room(error) from error

    def delete(self, key: bytes) -> None:
        self._transaction.delete(key, db=self._db)

    def items(self, prefix: bytes) -> Items:
        with self._transaction.cursor(db=self._db) as cursor:
            if cursor.set_range(prefix) if prefix else cursor.first():
                for key, value in cursor:
                    if not key.startswith(prefix):
                        break
                    yield key, value

    def count(self) -> int:
        return int(self._transaction.stat(self._db)["entries"])


def _no_room(error: lmdb.Error) -> StateWriteError:
    # Of a disk that is full LMDB says that it failed.
    return StateWriteError(
        f"the state cannot be written ({error}): make room where it lies, `syncd doctor` says where"
    )
