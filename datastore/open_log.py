"""One log of a run while it is open: what it says so far, read on whenever the file has grown."""

from bisect import bisect_right
from collections.abc import Iterable
from operator import itemgetter
from typing import Generic, TypeVar

from tidelog.datastore.digest import LogDigest
from tidelog.datastore.format import RECORDS, Chunk
from tidelog.datastore.layout import MAIN, LogName
from tidelog.datastore.log_reader import LogReader, LogWalk
from tidelog.datastore.outline import LogOutline
from tidelog.datastore.tail import read_tail

SKIP_DAMAGE = "skip_damage"


class OpenLog:
    """A log's file, its outline from the tail, its digest once somebody asks for all of it."""

    def __init__(self, name: str, reader: LogReader) -> None:
        self.name = name
        self.reader = reader
        self.tag = reader.identity.tag
        self.id = (reader.identity.log_id or b"").hex()
        parsed = LogName.parse(name)
        self.stream = parsed.stream if parsed is not None else MAIN
        self._superseded: list[tuple[int, int]] = []
        self._outline: _Gathered[LogOutline] | None = None
        self._digest: _Gathered[LogDigest] | None = None

    def __repr__(self) -> str:
        return f"<OpenLog {self.name}>"

    @property
    def outline(self) -> LogOutline:
        """What the log says about its run as a whole; of a sound log only the end is read for it."""
        if self._digest is None and self._outline is None and self._may_read_tail():
            tail = read_tail(self.reader)
            if tail is not None:
                self._outline = _Gathered(*tail)
        if self._digest is not None or self._outline is None:
            return self.digest
        self._outline.read_on(self)
        return self._outline.outline

    @property
    def digest(self) -> LogDigest:
        """What only those know who read the whole log; an outline as well."""
        return self._read_whole().outline

    @property
    def walk(self) -> LogWalk:
        """The walk through the whole log, which knows all its damage."""
        return self._read_whole().walk

    @property
    def has_superseded(self) -> bool:
        """Whether a later log holds some of this one's records."""
        return bool(self._superseded)

    def supersede(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Count chunks in `ranges` no more; what was gathered is gathered anew where that is news."""
        merged = _merged(ranges)
        if merged != self._superseded:
            self._superseded = merged
            self._outline = self._digest = None

    def is_superseded(self, chunk: Chunk) -> bool:
        """Tell whether a later log holds these records; a checkpoint behind them counts them too."""
        ranges = self._superseded
        if not ranges or chunk.seq < ranges[0][0]:
            return False
        _, end = ranges[bisect_right(ranges, chunk.seq, key=itemgetter(0)) - 1]
        return chunk.seq < end or chunk.type != RECORDS

    def _read_whole(self) -> "_Gathered[LogDigest]":
        if self._digest is None:
            self._digest = _Gathered(LogDigest(), self.reader.walk())
        self._digest.read_on(self)
        return self._digest

    def _may_read_tail(self) -> bool:
        """The other recovery modes must see all damage; a checkpoint counts what is superseded."""
        return self.reader.recovery == SKIP_DAMAGE and not self._superseded


Outline = TypeVar("Outline", bound=LogOutline)


class _Gathered(Generic[Outline]):
    """An outline or a digest, and the walk that it was gathered from."""

    def __init__(self, outline: Outline, walk: LogWalk) -> None:
        self.outline = outline
        self.walk = walk
        self._size = -1

    def read_on(self, log: OpenLog) -> None:
        """Take what has been appended since; a file that was closed stays as it was read.

        Raises ReaderClosedError where it was closed before anybody read it.
        """
        was_read = self._size >= 0
        if was_read and not log.reader.is_open:
            return
        size = log.reader.size
        if size == self._size:
            return
        for chunk, content in self.walk:
            if not log.is_superseded(chunk):
                self.outline.take(chunk, content, self.walk.schemas)
            elif isinstance(content, list):
                self.outline.take_superseded(content)
        self._size = size


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges in order, those that touch or overlap as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
