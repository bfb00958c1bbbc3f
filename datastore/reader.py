"""Reads a run: live, finished, crashed or damaged. Never writes, never raises for a bad byte.

Whatever of a run is asked for, the logs are first read on from where the last question left them, so
an open reader follows a run that is being written.
"""

import os
import time as system_time
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tidelog.datastore.clock import Clock
from tidelog.datastore.columns import Columns, Series
from tidelog.datastore.digest import LogDigest, MediaFile, SavedFile
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import NotALogError, NotARunError
from tidelog.datastore.format import FILE_HEADER_BYTES, RECORDS, Chunk
from tidelog.datastore.layout import MAIN, MONITOR, LogName, sorted_logs
from tidelog.datastore.log_reader import RECOVERIES, LogReader, LogWalk, Recovery
from tidelog.datastore.merge import RowMerger
from tidelog.datastore.process import boot_id, is_pid_alive, pid_started
from tidelog.datastore.records import KIND_NAMES, METRIC, ROW, SCHEMA, Record
from tidelog.datastore.scan import BLOCK_BYTES, Damage, TornTail
from tidelog.datastore.state import Machine, State, infer_state
from tidelog.datastore.summary import Summary

if TYPE_CHECKING:
    from tidelog.datastore.gather import Gathered

FOLLOW_INTERVAL_S = 0.05


class Reader:
    """One run, from its directory or from a single log. A context manager.

    Raises NotARunError where `path` leads to neither, NotALogError where a file is no log,
    UnsupportedVersionError for a log of a newer format. `recovery` says what damage does:
    "skip_damage" reads on and reports it in `damage`, "tolerate_tail" raises DamagedLogError for it,
    "strict" for a torn tail as well.
    """

    def __init__(
        self,
        path: StrPath,
        *,
        recovery: Recovery = "skip_damage",
        disk: Disk | None = None,
        clock: Clock | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        if recovery not in RECOVERIES:
            raise ValueError(f"recovery {recovery!r} is none of {', '.join(RECOVERIES)}")
        self.path = Path(path)
        self._recovery = recovery
        self._disk = disk or Disk()
        self._clock = clock or Clock()
        self._block_bytes = block_bytes
        self._is_one_log = self._disk.is_file(path)
        self._logs: dict[str, _OpenLog] = {}
        self._unborn: dict[str, TornTail | Damage] = {}
        try:
            self._find_logs()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<Reader of {self.path}: {', '.join(self._logs)}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files; what was read before can still be asked for as it was."""
        for log in self._logs.values():
            log.reader.close()

    # -- the run ---------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The run's id: its directory's name; of a lone log what its records say, if they do."""
        recorded = self.metadata.get("id") if self._is_one_log else None
        return str(recorded or self._directory.name)

    @property
    def project(self) -> str | None:
        """The project, from the records, else from the directory above; None for a lone log."""
        project = self.metadata.get("project")
        if project is None and not self._is_one_log:
            project = self._directory.parent.name
        return str(project) if project else None

    @property
    def name(self) -> str:
        """The run's display name, its id where it has none."""
        return str(self.metadata.get("name") or self.id)

    @property
    def metadata(self) -> dict[str, Any]:
        """Facts about the run: host, argv, git, tags, ...; of the main process where several say."""
        self._refresh()
        by_rank = sorted(self._logs.values(), key=lambda log: _stream(log.name) == MAIN)
        return _folded(log.digest.facts for log in by_rank)

    @property
    def config(self) -> dict[str, Any]:
        """The hyper-parameters, as last set."""
        return _folded(digest.config for digest in self._digests())

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """What `define_metric` said, by name."""
        return _folded(digest.metrics for digest in self._digests())

    @property
    def summary(self) -> dict[str, Any]:
        """Key -> the value that stands for the run: set by hand, else computed from its rows."""
        # A forked child's log comes after its parent's, and its rows before the parent's last ones.
        digests = sorted(self._digests(), key=lambda digest: "forked_from" not in digest.facts)
        return Summary().combined(digest.summary for digest in digests).values()

    @property
    def state(self) -> State:
        """`running`, `finished`, `failed`, `crashed` or `unknown`; see `state.infer_state`."""
        last = self._last_life()
        if last is None:
            return "unknown"
        return infer_state(
            final=last.final,
            ending=last.ending,
            facts=last.facts,
            last_time=last.last_time,
            now=self._clock.now(),
            machine=Machine(os.uname().nodename, boot_id(self._disk), self._is_alive),
        )

    @property
    def exit_code(self) -> int | None:
        """The exit code of the main process that was last to run; None while it has none."""
        last = self._last_life()
        code = last.ending.get("code") if last is not None and last.ending is not None else None
        return code if isinstance(code, int) else None

    @property
    def rows(self) -> int:
        """How many rows were read, before merging."""
        return sum(digest.rows for digest in self._digests())

    @property
    def last_step(self) -> int | None:
        """The highest step that any log ended at; None where there is no row."""
        steps = [d.last_step for d in self._digests() if d.last_step is not None]
        return max(steps, default=None)

    @property
    def times(self) -> tuple[float, float] | None:
        """When the first and the last record were written, in seconds since the epoch."""
        digests = self._digests()
        first = [d.first_time for d in digests if d.first_time is not None]
        last = [d.last_time for d in digests if d.last_time is not None]
        return (min(first), max(last)) if first and last else None

    @property
    def logs(self) -> list[str]:
        """The names of the logs that were opened, in reading order."""
        self._refresh()
        return list(self._logs)

    # -- damage ----------------------------------------------------------------------------------

    @property
    def damage(self) -> list[Damage]:
        """Every stretch of bytes that could not be used, in reading order."""
        self._refresh()
        unborn = [found for found in self._unborn.values() if isinstance(found, Damage)]
        return unborn + [found for log in self._logs.values() for found in log.walk.damage]

    @property
    def torn_tails(self) -> list[TornTail]:
        """`(log, offset, length)` of each unfinished last chunk; normal after a crash."""
        self._refresh()
        unborn = [found for found in self._unborn.values() if isinstance(found, TornTail)]
        tails = [log.walk.torn_tail for log in self._logs.values()]
        return unborn + [tail for tail in tails if tail is not None]

    @property
    def unknown_records(self) -> int:
        """How many records of a kind that this version does not know were skipped."""
        return sum(digest.unknown_records for digest in self._digests())

    # -- rows and records ------------------------------------------------------------------------

    def records(self) -> Iterator[Record]:
        """Yield every record but schemas, log by log, each log in the order of writing."""
        self._refresh()
        for log in self._logs.values():
            walk = log.reader.walk()
            for chunk, content in walk:
                if isinstance(content, list) and not log.is_superseded(chunk):
                    yield from _as_records(content, walk.schemas, log.name, chunk.seq)

    def history(self, keys: Iterable[str] | None = None) -> Columns:
        """Return the rows as columns, calls of one step merged into one row.

        `keys` names the columns to keep, with `*` as in a shell; `_step` and `_time` are always there.
        The monitor's rows are not among them.
        """
        rows = self._gathered_rows()
        names = rows.names
        if keys is not None:
            patterns = [keys] if isinstance(keys, str) else list(keys)
            names = [n for n in names if any(n == p or fnmatchcase(n, p) for p in patterns)]
        columns = {"_step": rows.step_column, "_time": rows.time_column}
        # These two keep their meaning, whatever somebody logged under the same names.
        columns |= {name: rows.column(name) for name in names if name not in columns}
        return Columns(columns, rows=len(rows.step_column))

    def metric(self, name: str) -> Series:
        """Return one metric without gaps. Raises KeyError where no row has it."""
        rows = self._gathered_rows()
        if name not in rows.names:
            raise KeyError(f"no row of {self.id} has {name!r}; there are: {', '.join(rows.names)}")
        present, values = rows.present(name)
        steps, times = rows.step_column, rows.time_column
        if isinstance(steps, list):
            return Series([steps[row] for row in present], [times[row] for row in present], values)
        return Series(steps[present], times[present], values)

    def media(self, kind: str | None = None) -> list[MediaFile]:
        """Return the media that rows mention, in order; `kind` is a folder such as "images"."""
        found = [media for digest in self._digests() for media in digest.media]
        if kind is None:
            return found
        return [media for media in found if media.path.startswith(f"media/{kind}/")]

    def files(self) -> list[SavedFile]:
        """Return what `save()` put into the run; of a path saved twice the last one."""
        return list(_folded(digest.files for digest in self._digests()).values())

    def follow(self, *, interval_s: float = FOLLOW_INTERVAL_S) -> Iterator[Record]:
        """Yield every record so far, then each new one as it is written, until the run has ended.

        Ends behind the final chunk, or once the writer is known to be dead; `state` says which. Where a
        writer's file failed, records that it wrote again to the next file come again.
        """
        positions: dict[str, LogWalk] = {}
        while True:
            is_over = self.state in ("finished", "failed", "crashed")
            found_any = False
            for log in list(self._logs.values()):
                walk = positions.get(log.name)
                if walk is None:
                    walk = positions[log.name] = log.reader.walk()
                for chunk, content in walk:
                    if isinstance(content, list) and not log.is_superseded(chunk):
                        for record in _as_records(content, walk.schemas, log.name, chunk.seq):
                            found_any = True
                            yield record
            if is_over and not found_any:
                return
            if not found_any:
                system_time.sleep(interval_s)

    # -- reading on ------------------------------------------------------------------------------

    @property
    def _directory(self) -> Path:
        path = self.path.absolute()
        return path.parent if self._is_one_log else path

    def _digests(self) -> list[LogDigest]:
        self._refresh()
        return [log.digest for log in self._logs.values()]

    def _last_life(self) -> LogDigest | None:
        """Return the last log of the main process: it decides on the state, forked children do not."""
        self._refresh()
        digests = [log.digest for log in self._logs.values()]
        main = [log.digest for log in self._logs.values() if _stream(log.name) == MAIN]
        lives = [digest for digest in main or digests if "forked_from" not in digest.facts]
        candidates = lives or main or digests
        return candidates[-1] if candidates else None

    def _gathered_rows(self) -> "Gathered | RowMerger":
        """Return all rows as columns: by the stretch with NumPy where that can be, else row by row."""
        self._find_logs()
        if len(self._logs) > 1:
            self._refresh()  # A later log may hold chunks of an earlier one again.
        logs = [log for log in self._logs.values() if _stream(log.name) != MONITOR]
        is_plain = len({_stream(log.name) for log in logs}) > 1 or any(
            log.has_superseded for log in logs
        )
        gathered = None if is_plain else _gather(logs)
        return _merge(logs) if gathered is None else gathered

    def _find_logs(self) -> None:
        """Open the logs that are new. A run's directory may hold one that has no header yet."""
        if self._is_one_log:
            if not self._logs:
                self._open(self.path.name, self.path)
            return
        try:
            names = [entry.name for entry in self._disk.list(self.path) if entry.is_file]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotARunError(
                f"{self.path} is no run directory and no log: {error.strerror}"
            ) from error
        logs = sorted_logs(names)
        if not logs:
            raise NotARunError(
                f"{self.path} is no run directory: it holds no log, such as main.0001.tlog"
            )
        for log in map(str, logs):
            if log not in self._logs:
                self._unborn.pop(log, None)
                try:
                    self._open(log, self.path / log)
                except NotALogError:
                    self._unborn[log] = self._judge_unborn(log)
        self._logs = {str(log): self._logs[str(log)] for log in logs if str(log) in self._logs}

    def _open(self, name: str, path: Path) -> None:
        reader = LogReader(path, recovery=self._recovery, disk=self._disk, block_bytes=self._block_bytes)
        self._logs[name] = _OpenLog(name, reader)

    def _judge_unborn(self, name: str) -> TornTail | Damage:
        size = self._disk.stat(self.path / name).st_size
        return TornTail(name, 0, size) if size < FILE_HEADER_BYTES else Damage(name, 0, size, 1)

    def _refresh(self) -> None:
        """Read on. A log that carries on a failed one says which chunks of that one it holds again."""
        if not any(log.reader.is_open for log in self._logs.values()) and self._logs:
            return
        self._find_logs()
        logs = list(self._logs.values())
        for log in logs:
            log.read_on()
        superseded = [entry for log in logs for entry in log.digest.supersedes]
        for log in logs:
            log.supersede([(start, end) for log_id, start, end in superseded if log_id == log.log_id])

    def _is_alive(self, pid: int, started: int | None) -> bool:
        if started is None:
            return is_pid_alive(pid)
        return pid_started(pid, self._disk) == started


class _OpenLog:
    """A log of the run: its file, the walk that gathers its digest, what of it counts no more."""

    def __init__(self, name: str, reader: LogReader) -> None:
        self.name = name
        self.reader = reader
        log_id = reader.identity.log_id
        self.log_id = log_id.hex() if log_id is not None else None
        self._superseded: list[tuple[int, int]] = []
        self._size = -1
        self._begin()

    def _begin(self) -> None:
        self.walk = self.reader.walk()
        self.digest = LogDigest()

    def read_on(self) -> None:
        size = self.reader.size
        if size == self._size:
            return
        for chunk, content in self.walk:
            if not self.is_superseded(chunk):
                self.digest.take(chunk, content, self.walk.schemas)
        self._size = size

    def supersede(self, ranges: list[tuple[int, int]]) -> None:
        """Count chunks in `ranges` no more; what was gathered is gathered anew where that is news."""
        if ranges != self._superseded:
            self._superseded = ranges
            self._size = -1
            self._begin()
            self.read_on()

    @property
    def has_superseded(self) -> bool:
        """Whether a later log holds some of this one's records."""
        return bool(self._superseded)

    def is_superseded(self, chunk: Chunk) -> bool:
        """Tell whether a later log holds these records; a checkpoint behind them counts them too."""
        is_records = chunk.type == RECORDS
        return any(
            start <= chunk.seq and (chunk.seq < end or not is_records) for start, end in self._superseded
        )


def _gather(logs: list[_OpenLog]) -> "Gathered | None":
    try:
        from tidelog.datastore.gather import gather
    except ImportError:
        return None  # There is no NumPy, or none that works.
    return gather(log.reader for log in logs)


def _merge(logs: list[_OpenLog]) -> RowMerger:
    merger = RowMerger()
    stream = None
    for log in logs:
        if _stream(log.name) != stream:
            stream = _stream(log.name)
            merger.begin_stream()
        walk = log.reader.walk()
        schemas, add = walk.schemas, merger.add
        for chunk, content in walk:
            if isinstance(content, list) and not log.is_superseded(chunk):
                for record in content:
                    if record[0] == ROW:
                        add(schemas[record[1]], record)
    return merger


def _stream(log: str) -> str:
    name = LogName.parse(log)
    return name.stream if name is not None else MAIN


def _folded(maps: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    folded: dict[str, Any] = {}
    for each in maps:
        folded.update(each)
    return folded


def _as_records(
    content: list[list[Any]], schemas: dict[int, tuple[str, ...]], log: str, seq: int
) -> Iterator[Record]:
    for record in content:
        kind = record[0]
        if kind == ROW:
            data = dict(zip(schemas[record[1]], record[4:], strict=True))
            yield Record("row", log, seq, record[3], record[2], data)
        elif kind == METRIC:
            yield Record("metric", log, seq, None, None, {"name": record[1], **record[2]})
        elif kind in KIND_NAMES and kind != SCHEMA:
            data = record[2] if isinstance(record[2], dict) else _console(record)
            yield Record(KIND_NAMES[kind], log, seq, record[1], None, data)


def _console(record: list[Any]) -> dict[str, Any]:
    return {"stream": record[2], "text": record[3]}
