"""The logs of one run while they are open: which there are, which are missing, what they supersede."""

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import NotALogError, NotARunError
from tidelog.datastore.format import FILE_HEADER_BYTES
from tidelog.datastore.layout import MONITOR, missing_logs, sorted_logs
from tidelog.datastore.log_reader import LogReader, Recovery
from tidelog.datastore.open_log import OpenLog
from tidelog.datastore.outline import LogOutline
from tidelog.datastore.rows import RowLog
from tidelog.datastore.run_outline import Outlined, RunOutline, outline_of, summary_of
from tidelog.datastore.scan import Damage, TornTail
from tidelog.datastore.summary import Summary


class RunLogs:
    """Iterates over the open logs in reading order. Each `refresh` finds those that have come since."""

    def __init__(self, path: Path, *, recovery: Recovery, disk: Disk, block_bytes: int) -> None:
        """Open what is there.

        Raises NotARunError where `path` leads to no log, NotALogError where the one file that it names
        is none, UnsupportedVersionError for a log of a newer format.
        """
        self.path = path
        self.is_one_log = disk.is_file(path)
        # Not by way of a link: that may lead to another run tomorrow, and has a name of its own.
        self.directory = Path(disk.real_path(path.parent if self.is_one_log else path))
        self.missing: list[str] = []
        self._recovery = recovery
        self._disk = disk
        self._block_bytes = block_bytes
        self._logs: dict[str, OpenLog] = {}
        self._unborn: dict[str, TornTail | Damage] = {}
        self._is_closed = False
        # What was last made of the logs' outlines, and how far each had been read then.
        self._outline: RunOutline | None = None
        self._read: list[tuple[LogOutline, int]] = []
        try:
            self._find()
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[OpenLog]:
        return iter(list(self._logs.values()))

    @property
    def names(self) -> list[str]:
        """The names of the open logs, in reading order."""
        return list(self._logs)

    @property
    def unborn(self) -> list[TornTail | Damage]:
        """What there is of logs without a header: their writer died at once, or they are damaged."""
        return list(self._unborn.values())

    def refresh(self) -> None:
        """Find new logs. One that carries on a failed log says which chunks of that it holds again."""
        if self._is_closed:
            return
        self._find()
        superseded: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        if len(self._logs) > 1:
            for log in self:
                for tag, start, end in log.outline.supersedes:
                    if tag != log.tag:  # No log holds its own chunks again.
                        superseded[tag].append((start, end))
        for log in self:
            log.supersede(superseded[log.tag])

    def outline(self) -> RunOutline:
        """Read on, and return what the logs say about the run as a whole."""
        outlines = self._outlines()
        read = [(each.outline, each.outline.chunks) for each in outlines]
        if self._outline is None or read != self._read:
            self._outline, self._read = outline_of(outlines), read
        return self._outline

    def summary(self) -> Summary:
        """Read on, and return the summary as further rows would go on changing it."""
        return summary_of(self._outlines())

    def _outlines(self) -> list[Outlined]:
        self.refresh()
        return [Outlined(log.stream, log.id, log.outline) for log in self]

    def row_logs(self) -> list[RowLog]:
        """Return the logs whose rows are the run's, after finding new ones: all but the monitor's."""
        self.refresh()
        return [_row_log(log, stream=log.stream) for log in self if log.stream != MONITOR]

    def sample_logs(self) -> dict[str | None, list[RowLog]]:
        """Return the monitors' logs by host, that of the main process first.

        Each is a stream of its own: its samples count from 0.
        """
        own = self.outline().metadata.get("host")
        logs = [log for log in self if log.stream == MONITOR]
        hosts: dict[str | None, list[RowLog]] = {}
        for log in sorted(logs, key=lambda log: log.outline.facts.get("host") != own):
            host = log.outline.facts.get("host")
            key = host if isinstance(host, str) else None
            hosts.setdefault(key, []).append(_row_log(log, stream=log.name))
        return hosts

    def close(self) -> None:
        """Close the files."""
        self._is_closed = True
        for log in self:
            log.reader.close()

    def _find(self) -> None:
        if self.is_one_log:
            if not self._logs:
                self._open(self.path.name)
            return
        try:
            names = [entry.name for entry in self._disk.list(self.directory) if entry.is_file]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotARunError(
                f"{self._disk.shown(self.path)} is no run directory and no log: {error.strerror}"
            ) from error
        logs = [str(log) for log in sorted_logs(names)]
        for log in logs:
            if log not in self._logs:
                self._unborn.pop(log, None)
                # A writer whose disk takes no header removes the file again.
                with contextlib.suppress(FileNotFoundError):
                    try:
                        self._open(log)
                    except NotALogError:
                        self._unborn[log] = self._judge_unborn(log)
        self._logs = {log: self._logs[log] for log in logs if log in self._logs}
        self._unborn = {log: self._unborn[log] for log in logs if log in self._unborn}
        self.missing = missing_logs(logs)
        if not (self._logs or self._unborn):
            raise NotARunError(
                f"{self._disk.shown(self.path)} is no run directory: it holds no log, such as "
                "main.0001.tlog; open_root() and `datastore runs` read a folder of runs"
            )

    def _open(self, name: str) -> None:
        path = self.directory / name
        reader = LogReader(path, recovery=self._recovery, disk=self._disk, block_bytes=self._block_bytes)
        self._logs[name] = OpenLog(name, reader)

    def _judge_unborn(self, name: str) -> TornTail | Damage:
        size = self._disk.stat(self.directory / name).st_size
        return TornTail(name, 0, size) if size < FILE_HEADER_BYTES else Damage(name, 0, size, 1)


def _row_log(log: OpenLog, *, stream: str) -> RowLog:
    return RowLog(log.reader, stream, log.is_superseded if log.has_superseded else None)
