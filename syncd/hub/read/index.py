"""The index of a hub: one entry a run, in LMDB, so that a list opens no log. Never the only copy.

Whatever is wrong with it, it is made anew from the run directories. One thread writes, any read.
"""

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator

import lmdb

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.rebuildable import DATA, open_table, remove_table
from tidelog.syncd.hub.read.entry import Entry, Facts, Known, open_entry, open_facts, seal
from tidelog.syncd.hub.web.address import RunAddress

INDEX_DIRECTORY = "index"
LAYOUT = b"2"
"""Another number for each change of what is stored: an older hub's index is then made anew."""
MAP_BYTES = 8 * 1024 * 1024 * 1024
_LAYOUT_KEY = b"layout"


class Index:
    """The entries of a data folder. Raises lmdb.Error and OSError where the disk fails."""

    def __init__(self, hub_directory: StrPath, *, disk: Disk) -> None:
        self.path = os.path.join(hub_directory, INDEX_DIRECTORY)
        self._disk = disk
        self._nonce = os.urandom(8).hex()
        self._changes = itertools.count()
        self.version = ""
        # Who closes a map while somebody reads in it ends the process.
        self._reading = threading.Lock()
        self._open()

    def __repr__(self) -> str:
        return f"<Index in {self.path}>"

    def close(self) -> None:
        """Close it; who reads after this gets lmdb.Error."""
        with self._reading:
            self._environment.close()

    def is_in_place(self) -> bool:
        """Tell whether the file is still the one that was opened: somebody may have removed it."""
        try:
            status = self._disk.stat(os.path.join(self.path, DATA))
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identity

    def start_over(self) -> None:
        """Forget all of it."""
        with self._reading:
            self._environment.close()
            with contextlib.suppress(OSError):
                remove_table(self.path, disk=self._disk)
            self._open()

    # -- reading ---------------------------------------------------------------------------------

    def entry(self, run: RunAddress) -> Entry | None:
        """Return the entry of a run."""
        with self._reading, self._environment.begin(db=self._entries) as reading:
            sealed = reading.get(key_of(run))
        return None if sealed is None else open_entry(sealed)

    def has(self, run: RunAddress) -> bool:
        """Tell whether a run has an entry, be it a damaged one."""
        with self._reading, self._environment.begin(db=self._entries) as reading:
            return reading.get(key_of(run)) is not None

    def known(self, run: RunAddress) -> Known | None:
        """Return all that is known of a run."""
        with self._reading, self._environment.begin() as reading:
            key = key_of(run)
            entry, facts = reading.get(key, db=self._entries), reading.get(key, db=self._facts)
        if entry is None or facts is None:
            return None
        opened, told = open_entry(entry), open_facts(facts)
        return None if opened is None or told is None else Known(opened, told)

    def facts(self, runs: Iterable[RunAddress]) -> Iterator[Facts]:
        """Yield the facts of runs, empty ones where there are none."""
        with self._reading, self._environment.begin(db=self._facts) as reading:
            for run in runs:
                sealed = reading.get(key_of(run))
                yield (None if sealed is None else open_facts(sealed)) or Facts()

    def entries(
        self,
        *,
        after: RunAddress | None = None,
        is_wanted: Callable[[str], bool] = lambda _project: True,
    ) -> Iterator[Entry]:
        """Yield the entries in the order of project and run, those behind `after` where that is given.

        Projects that are not wanted are passed over in one step, however many runs they have. To be read
        to its end at once, in one thread: others wait, and LMDB keeps what it replaces.
        """
        with (
            self._reading,
            self._environment.begin(db=self._entries) as reading,
            reading.cursor() as cursor,
        ):
            is_there = cursor.set_range(b"" if after is None else key_of(after) + b"\0")
            project = None
            while is_there:
                of_entry = cursor.key().partition(b"\0")[0]
                if of_entry != project and not is_wanted(of_entry.decode()):
                    is_there = cursor.set_range(of_entry + b"\1")
                    continue
                project = of_entry
                entry = open_entry(cursor.value())
                if entry is not None:
                    yield entry
                is_there = cursor.next()

    def keys(self) -> set[bytes]:
        """Return what names the runs that there are, damaged entries included."""
        with (
            self._reading,
            self._environment.begin(db=self._entries) as reading,
            reading.cursor() as cursor,
        ):
            return set(cursor.iternext(keys=True, values=False))

    def __len__(self) -> int:
        with self._reading, self._environment.begin() as reading:
            count: int = reading.stat(self._entries)["entries"]
            return count

    # -- writing ---------------------------------------------------------------------------------

    def store(self, known: Iterable[Known | Entry], *, gone: Iterable[RunAddress] = ()) -> None:
        """Put entries in place of those that were, with their facts where they came along."""
        with self._environment.begin(write=True) as writing:
            for each in known:
                entry = each.entry if isinstance(each, Known) else each
                key = key_of(entry.address)
                writing.put(key, seal(entry), db=self._entries)
                if isinstance(each, Known):
                    writing.put(key, seal(each.facts), db=self._facts)
            for run in gone:
                for table in (self._entries, self._facts):
                    writing.delete(key_of(run), db=table)
        self._touch()

    def _open(self) -> None:
        self._disk.make_directory(self.path, mode=0o700)
        self._environment = open_table(self.path, map_bytes=MAP_BYTES, disk=self._disk, tables_max=3)
        try:
            self._open_tables()
        except lmdb.Error:
            # Its first pages are whole and the others are not.
            self._environment.close()
            remove_table(self.path, disk=self._disk)
            self._environment = open_table(self.path, map_bytes=MAP_BYTES, disk=self._disk, tables_max=3)
            self._open_tables()
        # A reader that was killed keeps its place, and with it all that was replaced since.
        self._environment.reader_check()
        status = self._disk.stat(os.path.join(self.path, DATA))
        self._identity = (status.st_dev, status.st_ino)
        self._touch()

    def _open_tables(self) -> None:
        self._entries, self._facts, about = (
            self._environment.open_db(name) for name in (b"entries", b"facts", b"about")
        )
        with self._environment.begin(write=True) as writing:
            if writing.get(_LAYOUT_KEY, db=about) != LAYOUT:
                for table in (self._entries, self._facts):
                    writing.drop(table, delete=False)
                writing.put(_LAYOUT_KEY, LAYOUT, db=about)

    def _touch(self) -> None:
        self.version = f"{self._nonce}{next(self._changes)}"


def key_of(run: RunAddress) -> bytes:
    """Return what names a run in the index."""
    # Names hold no control characters; so the order of keys is that of projects, then of runs.
    return f"{run.project}\0{run.run}".encode()


def run_of_key(key: bytes) -> RunAddress:
    """Return the run that a key of the index names."""
    project, _, run = key.decode().partition("\0")
    return RunAddress(project, run)
