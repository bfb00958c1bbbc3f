"""Lists the media that the rows of a run mention, and remembers how far it read: a log only grows.

The memory is bounded, and a cache: a run that it does not remember is read again.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tidelog.datastore.as_json import plain
from tidelog.datastore.digest import MediaFile, media_of
from tidelog.datastore.disk import Disk
from tidelog.datastore.open_log import OpenLog
from tidelog.datastore.records import ROW
from tidelog.datastore.run_logs import RunLogs
from tidelog.datastore.scan import BLOCK_BYTES
from tidelog.datastore.selection import Selection
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.read.documents import Media, MediaList
from tidelog.syncd.hub.web.address import RunAddress

CHUNKS_BETWEEN_LOOKS = 256
"""So many chunks are read before the clock is asked again."""


class Place(NamedTuple):
    """Behind which medium of which log a page begins."""

    log: str
    number: int


class _Progress:
    """How far one log was read, and what was found in it."""

    def __init__(self, log_id: str, size: int) -> None:
        self.log_id = log_id
        self.size = size
        self.offset = 0
        self.chunks = 0
        self.schemas: dict[int, tuple[str, ...]] = {}
        self.media: list[MediaFile] = []

    def fits(self, log: OpenLog) -> bool:
        """Tell whether the log is the one that was read, grown at most."""
        is_whole = not log.has_superseded
        return is_whole and log.id == self.log_id and log.reader.size >= self.size


class MediaShelf:
    """Remembers the media of the runs that were asked for last. For several threads."""

    def __init__(self, *, disk: Disk, limits: HubLimits) -> None:
        self._disk = disk
        self._limits = limits
        self._runs: OrderedDict[RunAddress, dict[str, _Progress]] = OrderedDict()
        self._lock = threading.Lock()

    def list(
        self,
        directory: str,
        run: RunAddress,
        *,
        key: str | None,
        after: Place | None,
        limit: int,
        is_late: Callable[[], bool],
    ) -> MediaList:
        """Return a page of media whose key matches; raises what opening the logs raises."""
        logs = RunLogs(Path(directory), recovery="skip_damage", disk=self._disk, block_bytes=BLOCK_BYTES)
        # Two who ask for one run would read it twice; the second finds it read.
        with self._lock:
            try:
                logs.refresh()
                read = self._runs.pop(run, {})
                is_complete = self._read_on(logs, read, is_late)
                self._keep(run, read)
            finally:
                logs.close()
            streams = {log.name: log.stream for log in logs}
            found = list(_page(read, streams, key=key, after=after, limit=limit + 1))
        is_more = len(found) > limit
        last = found[limit - 1][0] if is_more else None
        following = None if last is None else f"{last.log}/{last.number}"
        return MediaList(*run, [media for _, media in found[:limit]], following, is_complete)

    def _read_on(self, logs: RunLogs, read: dict[str, _Progress], is_late: Callable[[], bool]) -> bool:
        """Read on in every log; tell whether all of it was read."""
        for name in set(read) - set(logs.names):
            del read[name]
        left = self._limits.media_of_run_max - sum(len(each.media) for each in read.values())
        for log in logs:
            progress = read.get(log.name)
            if progress is None or not progress.fits(log):
                progress = read[log.name] = _Progress(log.id, 0)
            if not _read_log(log, progress, left, is_late):
                return False
            left = self._limits.media_of_run_max - sum(len(each.media) for each in read.values())
        return True

    def _keep(self, run: RunAddress, read: dict[str, _Progress]) -> None:
        self._runs[run] = read
        kept = sum(len(p.media) for run_read in self._runs.values() for p in run_read.values())
        while kept > self._limits.media_kept_max and len(self._runs) > 1:
            _, dropped = self._runs.popitem(last=False)
            kept -= sum(len(each.media) for each in dropped.values())
        while len(self._runs) > self._limits.runs_read_kept_max:
            self._runs.popitem(last=False)


def _read_log(log: OpenLog, progress: _Progress, media_left: int, is_late: Callable[[], bool]) -> bool:
    """Read one log on; tell whether its end was reached."""
    if media_left <= 0:
        return False
    media_max = len(progress.media) + media_left
    walk = log.reader.walk()
    if progress.offset:
        walk.advance(progress.offset, progress.chunks)
        walk.schemas.update(progress.schemas)
    size = log.reader.size
    is_whole = True
    for count, (chunk, content) in enumerate(walk, 1):
        if isinstance(content, list) and not log.is_superseded(chunk):
            for record in content:
                if record[0] == ROW:
                    values = dict(zip(walk.schemas[record[1]], record[4:], strict=True))
                    progress.media.extend(media_of(record[2], values))
        progress.offset, progress.chunks = chunk.end, chunk.seq + 1
        is_full = len(progress.media) >= media_max
        if is_full or (count % CHUNKS_BETWEEN_LOOKS == 0 and is_late()):
            is_whole = False
            break
    progress.schemas = walk.schemas
    progress.size = size
    return is_whole


def _page(
    read: dict[str, _Progress],
    streams: dict[str, str],
    *,
    key: str | None,
    after: Place | None,
    limit: int,
) -> Iterator[tuple[Place, Media]]:
    names, wanted = list(streams), Selection(key)
    start = names.index(after.log) if after is not None and after.log in streams else 0
    for name in names[start:]:
        progress = read.get(name)
        if progress is None:
            return
        first = after.number + 1 if after is not None and name == after.log else 0
        for number in range(first, len(progress.media)):
            media = progress.media[number]
            if wanted.has_name(media.key):
                if not limit:
                    return
                limit -= 1
                yield Place(name, number), _document(media, streams[name])


def _document(media: MediaFile, stream: str) -> Media:
    caption = None if media.caption is None else str(media.caption)
    return Media(
        media.key,
        media.step,
        stream,
        media.type,
        media.path,
        media.sha256,
        media.size,
        caption,
        plain(media.details),
    )
