"""Looks at one run directory and says what the index is to know of it. Reads, never writes."""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import DatastoreError, InvalidNameError
from tidelog.datastore.layout import sorted_logs
from tidelog.datastore.names import check_name
from tidelog.datastore.places import Places
from tidelog.datastore.run_logs import RunLogs
from tidelog.datastore.run_outline import RunOutline, outline_of
from tidelog.datastore.scan import BLOCK_BYTES
from tidelog.syncd.hub.read.entry import (
    Entry,
    Facts,
    Known,
    LogSize,
    facts_of,
    tags_of,
    text_of,
)
from tidelog.syncd.hub.read.paced_disk import PacedDisk, Pause, TakesLongError, no_pause
from tidelog.syncd.hub.read.run_state import RunState
from tidelog.syncd.hub.web.address import RunAddress

NANOSECONDS = 1e-9
INTEGER_MAX = 2**53
"""What every reader of JSON has exactly."""


class Look:
    """Looks at the runs of one data folder."""

    def __init__(self, data: StrPath, *, disk: Disk, facts_bytes_max: int) -> None:
        self._places = Places(data, disk=disk)
        self._disk = disk
        self._facts_bytes_max = facts_bytes_max

    def runs(self) -> Iterator[RunAddress]:
        """Yield what may be runs, in the order of names. A folder that cannot be read is passed over."""
        for project in self._folders(self._places.root):
            for run in self._folders(os.path.join(self._places.root, project)):
                yield RunAddress(project, run)

    def sizes(self, run: RunAddress) -> tuple[LogSize, ...]:
        """Return the logs of a run in reading order; none where there is no such run."""
        directory = self._places.run(*run)
        try:
            names = [entry.name for entry in self._disk.list(directory) if entry.is_file]
            return tuple(self._size(directory, str(name)) for name in sorted_logs(names))
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def files(self, run: RunAddress) -> tuple[int, int]:
        """Return how many media and files a run has, and their bytes."""
        sizes = [self._disk.stat(path).st_size for path in self._places.held_files(*run)]
        return len(sizes), sum(sizes)

    def outline(self, run: RunAddress, *, pause: Pause) -> tuple[RunOutline, str | None]:
        """Return what the ends of a run's logs say, and why they cannot be read, None where they can.

        Of a log that is damaged near its end all is read. Raises TakesLongError as `pause` does.
        """
        try:
            logs = RunLogs(
                Path(self._places.run(*run)),
                recovery="skip_damage",
                disk=PacedDisk(self._disk, pause),
                block_bytes=BLOCK_BYTES,
            )
            try:
                return logs.outline(), None
            finally:
                logs.close()
        except (DatastoreError, OSError) as error:
            return outline_of([]), str(error).replace(self._places.root, "")
        except TakesLongError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever somebody sent, the other runs are listed
            return outline_of([]), f"its logs cannot be read: {type(error).__name__}"

    def known(
        self,
        run: RunAddress,
        logs: tuple[LogSize, ...],
        files: tuple[int, int],
        *,
        heard: float,
        pause: Pause = no_pause,
    ) -> Known:
        """Return all of it, the state left at "running" for whoever knows the time.

        Raises TakesLongError as `pause` does.
        """
        outline, fault = self.outline(run, pause=pause)
        facts = facts_of(
            {
                "config": outline.config,
                "summary": outline.summary,
                "metadata": outline.metadata,
                "metrics": outline.metrics,
            },
            bytes_max=self._facts_bytes_max,
        )
        return Known(_entry(run, outline, fault, logs, files, heard), facts)

    def unread(
        self, run: RunAddress, logs: tuple[LogSize, ...], files: tuple[int, int], *, heard: float
    ) -> Known:
        """Return what there is to say of a run whose logs were not read yet."""
        return Known(_entry(run, outline_of([]), None, logs, files, heard), Facts())

    def _folders(self, path: str) -> Iterator[str]:
        try:
            entries = self._disk.list(path)
        except OSError:
            return
        for entry in entries:
            if entry.is_directory:
                with contextlib.suppress(InvalidNameError):
                    yield check_name("folder", entry.name)

    def _size(self, directory: str, name: str) -> LogSize:
        status = self._disk.stat(os.path.join(directory, name))
        return LogSize(name, status.st_size, status.st_mtime_ns, status.st_ino)


def last_written(logs: tuple[LogSize, ...]) -> float:
    """Return when the youngest log was written, in seconds since the epoch."""
    return max((log.mtime_ns for log in logs), default=0) * NANOSECONDS


def _entry(
    run: RunAddress,
    outline: RunOutline,
    fault: str | None,
    logs: tuple[LogSize, ...],
    files: tuple[int, int],
    heard: float,
) -> Entry:
    metadata, times = outline.metadata, outline.times or (None, None)
    state: RunState = "running"
    return Entry(
        project=run.project,
        run=run.run,
        name=text_of(metadata.get("name")) or run.run,
        state=state,
        ended=outline.ended,
        exit_code=_whole(outline.exit_code),
        exit_reason=text_of(outline.exit_reason) or "",
        rows=_whole(outline.rows) or 0,
        last_step=_whole(outline.last_step),
        started=_moment(times[0]),
        updated=_moment(times[1]),
        heard=heard,
        logs=logs,
        files=files[0],
        files_bytes=files[1],
        group=text_of(metadata.get("group")),
        job_type=text_of(metadata.get("job_type")),
        user=text_of(metadata.get("username")),
        tags=tags_of(metadata.get("tags")),
        fault=fault,
    )


def _whole(number: int | None) -> int | None:
    """Return a number as others can hold it: a log may claim what it likes."""
    return None if number is None else max(-INTEGER_MAX, min(number, INTEGER_MAX))


def _moment(time: float | None) -> float | None:
    return float(time) if time is not None and math.isfinite(time) else None
