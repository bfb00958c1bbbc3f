"""`save()`: copies files into the run directory and names them in the ledger."""

import os
import stat
import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import COPY_BYTES, Disk
from tidelog.datastore.layout import FILES_DIRECTORY
from tidelog.sdk.copies import Copy, Version
from tidelog.sdk.matches import Match, Matches
from tidelog.sdk.notices import Notices, shown

TWINS_MAX = 10_000

Entry = dict[str, Any]
Record = Callable[[Entry], None]


def _ignore(_entry: Entry) -> None:
    """Record nothing."""


class FileSaver:
    """Copies what `save()` names into `files/`; trouble with one file never stops the others.

    `record` gets the ledger's entry of each file once it is in place. Several threads may call.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        disk: Disk,
        notices: Notices,
        record: Record = _ignore,
        clock: Clock | None = None,
    ) -> None:
        self._given_directory = directory
        self._disk = disk
        self._notices = notices
        self._record = record
        self._clock = clock or Clock()
        self._sources: dict[str, str] = {}
        self._copies: dict[str, Copy] = {}
        self._sizes: dict[str, int] = {}
        # The ledger's last entry of a file must be of the copy that is there last.
        self._lock = threading.RLock()
        self._pid = os.getpid()

    @cached_property
    def _directory(self) -> str:
        """The run directory; the disk is asked for it with the first file: it may not answer at once."""
        return os.path.realpath(self._given_directory)

    @cached_property
    def _matches(self) -> Matches:
        return Matches(self._directory, disk=self._disk, notices=self._notices)

    @property
    def is_busy(self) -> bool:
        """Whether this very thread is in the middle of a copy: a signal handler interrupted it."""
        return self._own_lock()._is_owned()  # type: ignore[attr-defined, no-any-return] # As Condition asks.

    @property
    def count(self) -> int:
        """How many files were saved."""
        return len(self._sizes)

    @property
    def size_bytes(self) -> int:
        """How large they are together, each as it was copied last."""
        return sum(self._sizes.values())

    def save(self, pattern: str, *, base_path: str | None, policy: str) -> list[Entry]:
        """Copy all that a pattern matches now; return the ledger's entries of what is in place."""
        matches = self._matches.find(pattern, base_path, is_told=policy == "now")
        return [entry for match in matches if (entry := self.take(match, policy)) is not None]

    def refresh(self, pattern: str, *, base_path: str | None, policy: str, is_last: bool) -> int:
        """Copy what changed since it was copied, and what is new; return how many files that were.

        Before the `last` time a file is waited for while it changes, and not copied too often.
        """
        matches = self._matches.find(pattern, base_path, is_told=is_last)
        return sum(
            self._is_due(m, is_last=is_last) and self.take(m, policy) is not None for m in matches
        )

    def take(self, match: Match, policy: str) -> Entry | None:
        """Copy one file and record it; return None, which is told, where it cannot be copied."""
        try:
            with self._own_lock():
                name = self._free_name(*match)
                earlier = self._copies.get(name)
                entry = {**self._copy(match.source, name), "policy": policy}
                if earlier is None or earlier.sha256 != entry["sha256"]:
                    self._record(entry)
        except OSError as error:
            self._notices.tell(
                "save", f"save() could not copy {match.source}: {error}; training goes on without it"
            )
            return None
        self._sizes[name] = entry["size"]
        return entry

    def path_of(self, match: Match) -> str:
        """Return the path in the run that a file has, or will have once it is taken."""
        with self._own_lock():
            return f"{FILES_DIRECTORY}/{self._free_name(*match)}"

    def write(self, name: str, data: bytes) -> Entry:
        """Let a file of ours appear below `files/` and record it. Raises OSError."""
        with self._own_lock():
            self._sources[name] = (
                name  # No absolute path: a file of that name of the user's gets a number.
            )
            target = os.path.join(self._directory, FILES_DIRECTORY, name)
            self._disk.make_directory(os.path.dirname(target))
            self._disk.replace(target, data)
            tally = _Tally()
            tally.add(data)
            entry = {**tally.entry(f"{FILES_DIRECTORY}/{name}"), "policy": "now"}
            self._record(entry)
        return entry

    def _is_due(self, match: Match, *, is_last: bool) -> bool:
        copy = self._copies.get(self._free_name(*match))
        if copy is None:
            return True
        try:
            version = Version.of(self._disk.stat(match.source))
        except OSError:
            return False  # It was removed; the run has its copy.
        return copy.is_stale(version) if is_last else copy.is_due(version, self._clock.monotonic())

    def _free_name(self, source: str, name: str) -> str:
        """Return `name`, with a number where a file from another place has it; again it is the same."""
        if os.path.realpath(source) == os.path.join(self._directory, FILES_DIRECTORY, name):
            return name
        stem, suffix = os.path.splitext(name)
        source = os.path.abspath(source)
        for number in range(1, TWINS_MAX):
            free = name if number == 1 else f"{stem}-{number}{suffix}"
            if self._sources.setdefault(free, source) == source:
                if free != name:
                    self._notices.tell(
                        "save twin",
                        f"{source} is saved as {shown(free)}: another file is {shown(name)} already; "
                        "give base_path= to keep their folders",
                    )
                return free
        return name

    def _copy(self, source: str, name: str) -> Entry:
        status = self._disk.stat(source)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{source} is no regular file")
        began, began_at = self._clock.now(), self._clock.monotonic()
        path = f"{FILES_DIRECTORY}/{name}"
        target = os.path.join(self._directory, path)
        tally = _Tally()
        if os.path.realpath(source) != target:
            self._disk.make_directory(os.path.dirname(target))
            self._disk.copy(source, target, see=tally.add)
        else:
            self._read(target, tally)
        entry = tally.entry(path)
        copied_at = self._clock.monotonic()
        self._copies[name] = Copy(
            Version.of(status),
            entry["sha256"],
            began=began,
            copied_at=copied_at,
            cost_s=copied_at - began_at,
        )
        return entry

    def _read(self, path: str, tally: "_Tally") -> None:
        fd = self._disk.open(path)
        try:
            while block := self._disk.pread(fd, COPY_BYTES, tally.size):
                tally.add(block)
        finally:
            self._disk.close(fd)

    def _own_lock(self) -> threading.RLock:
        """Return the lock; in a forked child one that no thread of the parent holds."""
        if os.getpid() != self._pid:
            self._pid, self._lock = os.getpid(), threading.RLock()
        return self._lock


class _Tally:
    """Digest and size of the bytes that went into a copy: the source may have changed since."""

    def __init__(self) -> None:
        import hashlib  # Loads OpenSSL, which a script that logs numbers need not pay for.

        self.size = 0
        self._digest = hashlib.sha256()

    def add(self, block: bytes) -> None:
        self._digest.update(block)
        self.size += len(block)

    def entry(self, path: str) -> Entry:
        return {"path": path, "size": self.size, "sha256": self._digest.hexdigest()}
