"""Reads a run: live, finished, crashed or damaged. Never writes, never raises for a bad byte.

Whatever of a run is asked for, the logs are first read on from where the last question left them, so
an open reader follows a run that is being written.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from tidelog.datastore.clock import Clock
from tidelog.datastore.columns import Columns, Series
from tidelog.datastore.digest import MediaFile
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import FileMismatchError
from tidelog.datastore.follow import FOLLOW_INTERVAL_S, SLICE_RECORDS, AsyncChanges, Changes, Ending
from tidelog.datastore.layout import MONITOR
from tidelog.datastore.location import locate
from tidelog.datastore.log_reader import RECOVERIES, Recovery
from tidelog.datastore.names import check_file_path
from tidelog.datastore.outline import SavedFile
from tidelog.datastore.process import this_machine
from tidelog.datastore.record_stream import RecordStream
from tidelog.datastore.records import Record
from tidelog.datastore.rows import read_columns, read_series
from tidelog.datastore.run_logs import RunLogs
from tidelog.datastore.run_outline import folded, project_of
from tidelog.datastore.scan import BLOCK_BYTES, Damage, TornTail
from tidelog.datastore.state import State
from tidelog.datastore.summary import Summary
from tidelog.datastore.table import Table, joined, parts_of, read_table


class Reader:
    """One run, from its directory or from a single log, by its path or a URL. A context manager.

    Raises NotARunError where `path` leads to neither, NotALogError where a file is no log,
    UnsupportedVersionError for a log of a newer format. `recovery` says what damage does:
    "skip_damage" reads on and reports it in `damage`, "tolerate_tail" raises DamagedLogError for it,
    "strict" for a torn tail as well.

    What is said about the run as a whole (`config`, `summary`, `state`, ...) is read from the ends of
    its logs, whatever their size; `damage`, `media` and `rows` need all of it once.
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
        self._disk, self.path = locate(path, disk=disk)
        self._clock = clock or Clock()
        self._logs = RunLogs(self.path, recovery=recovery, disk=self._disk, block_bytes=block_bytes)

    def __repr__(self) -> str:
        return f"<Reader of {self._disk.shown(self.path)}: {', '.join(self._logs.names)}>"

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
        self._logs.close()

    # -- the run ---------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The run's id: its directory's name; of a lone log what its records say, if they do."""
        recorded = self.metadata.get("id") if self._logs.is_one_log else None
        return str(recorded or self._logs.directory.name)

    @property
    def project(self) -> str | None:
        """The project, from the records, else from the directory above; None for a lone log."""
        if self._logs.is_one_log:
            return self.metadata.get("project")
        return project_of(self.metadata, self._logs.directory.parent.name) or None

    @property
    def name(self) -> str:
        """The run's display name, its id where it has none."""
        return str(self.metadata.get("name") or self.id)

    @property
    def metadata(self) -> dict[str, Any]:
        """Facts about the run: host, argv, git, tags, ...; of the main process where several say."""
        return dict(self._logs.outline().metadata)

    @property
    def config(self) -> dict[str, Any]:
        """The hyper-parameters, as last set."""
        return dict(self._logs.outline().config)

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """What `define_metric` said, by name."""
        return dict(self._logs.outline().metrics)

    @property
    def summary(self) -> dict[str, Any]:
        """Key -> the value that stands for the run: set by hand, else computed from its rows."""
        return dict(self._logs.outline().summary)

    def running_summary(self) -> Summary:
        """Return the summary as further rows would go on changing it, for a writer that goes on."""
        return self._logs.summary()

    @property
    def state(self) -> State:
        """`running`, `finished`, `failed`, `crashed` or `unknown`; see `state.infer_state`."""
        return self._logs.outline().state(now=self._clock.now(), machine=this_machine(Disk()))

    @property
    def exit_code(self) -> int | None:
        """The exit code of the main process that was last to run; None while it has none.

        It is -N where signal N ended the process, as the monitor records it.
        """
        return self._logs.outline().exit_code

    @property
    def exit_reason(self) -> str:
        """Why that process ended, such as "ValueError: x"; "" where nobody told."""
        return self._logs.outline().exit_reason

    @property
    def last_step(self) -> int | None:
        """The highest step that any log ended at; None where there is no row."""
        return self._logs.outline().last_step

    @property
    def times(self) -> tuple[float, float] | None:
        """When the first and the last record were written, in seconds since the epoch."""
        return self._logs.outline().times

    @property
    def logs(self) -> list[str]:
        """The names of the logs that were opened, in reading order."""
        self._logs.refresh()
        return self._logs.names

    @property
    def missing_logs(self) -> list[str]:
        """The names of logs that must have been there: a stream's numbers count from 1 without gaps."""
        self._logs.refresh()
        return list(self._logs.missing)

    def files(self) -> list[SavedFile]:
        """Return what `save()` put into the run; of a path saved twice the last one."""
        self._logs.refresh()
        return list(folded(log.outline.files for log in self._logs).values())

    # -- what only those know who read all of it -------------------------------------------------

    @property
    def damage(self) -> list[Damage]:
        """Every stretch of bytes that could not be used, in reading order."""
        self._logs.refresh()
        unborn = [found for found in self._logs.unborn if isinstance(found, Damage)]
        return unborn + [found for log in self._logs for found in log.walk.damage]

    @property
    def torn_tails(self) -> list[TornTail]:
        """`(log, offset, length)` of each unfinished last chunk; normal after a crash."""
        self._logs.refresh()
        unborn = [found for found in self._logs.unborn if isinstance(found, TornTail)]
        tails = [log.walk.torn_tail for log in self._logs]
        return unborn + [tail for tail in tails if tail is not None]

    @property
    def rows(self) -> int:
        """How many rows can be read, before merging; the monitor's are not among them."""
        self._logs.refresh()
        return sum(log.digest.rows_read for log in self._logs if log.stream != MONITOR)

    @property
    def unknown_records(self) -> int:
        """How many records of a kind that this version does not know were skipped."""
        self._logs.refresh()
        return sum(log.digest.unknown_records for log in self._logs)

    def media(self, kind: str | None = None) -> list[MediaFile]:
        """Return the media that rows mention, in order; `kind` is a folder such as "images".

        Each is followed by those that belong to it, under the same key: its masks, a table's images.
        """
        self._logs.refresh()
        found = [media for log in self._logs for media in log.digest.media]
        if kind is None:
            return found
        return [media for media in found if media.path.startswith(f"media/{kind}/")]

    def table(self, key: str, *, step: int | None = None) -> Table:
        """Return a table that was logged: the last one, or the one that held at `step`.

        Of an incremental table all rows up to then. Raises KeyError where there is none,
        FileMismatchError where its file is not what the log says, RecordError where it is no table,
        OSError as the system gives it.
        """
        return joined(
            [
                read_table(part.path, self._whole(part))
                for part in parts_of(key, self.media("tables"), step)
            ]
        )

    def _whole(self, media: MediaFile) -> bytes:
        import hashlib  # Loads OpenSSL, which those who read numbers need not pay for.

        data = self._disk.read(self._logs.directory / check_file_path(media.path))
        if hashlib.sha256(data).hexdigest() != media.sha256:
            raise FileMismatchError(
                f"{media.path} has {len(data)} bytes whose SHA-256 is not {media.sha256[:12]}..., "
                f"which the log gives it with {media.size} bytes"
            )
        return data

    # -- rows and records ------------------------------------------------------------------------

    def records(self) -> Iterator[Record]:
        """Yield every record but schemas, log by log, each log in the order of writing.

        The monitor's are among them, samples as rows: the `log` of a record tells it.
        """
        self._logs.refresh()
        yield from RecordStream(self._logs)

    def history(
        self,
        keys: str | Iterable[str] | None = None,
        *,
        steps: slice | None = None,
        dtype: Any = None,
    ) -> Columns:
        """Return the rows as columns, calls of one step merged into one row.

        `keys` names the columns to keep, with `*` as in a shell; `_step` and `_time` are always there.
        `steps=slice(a, b)` keeps the rows with `a <= step < b`; raises ValueError for a stride. `dtype`
        is what columns of numbers become, see `Columns.astype`. The monitor's rows are not among them.
        """
        return read_columns(self._logs.row_logs(), keys=keys, steps=steps, dtype=dtype)

    def system(
        self,
        keys: str | Iterable[str] | None = None,
        *,
        host: str | None = None,
        steps: slice | None = None,
        dtype: Any = None,
    ) -> Columns:
        """Return what the monitor sampled of one machine as columns, one row per sample.

        `host` is one of `system_hosts`, the first of them where it is None: the main process's own. A
        `_step` is the number of a sample, from 0 again in each life of the monitor; `_time` tells when.
        The other arguments are those of `history`; docs/system-metrics.md lists the names.
        """
        hosts = self._logs.sample_logs()
        chosen = next(iter(hosts), None) if host is None else host
        return read_columns(hosts.get(chosen, []), keys=keys, steps=steps, dtype=dtype)

    @property
    def system_hosts(self) -> list[str]:
        """The machines of which there are system metrics, that of the main process first."""
        return [host for host in self._logs.sample_logs() if host is not None]

    def metric(self, name: str, *, steps: slice | None = None) -> Series:
        """Return one metric without gaps, of `a <= step < b` where `steps=slice(a, b)`.

        No more of the run is held than that. Raises KeyError where no row has it.
        """
        return read_series(self._logs.row_logs(), name, steps=steps)

    def follow(
        self, *, interval_s: float = FOLLOW_INTERVAL_S, resume_patience_s: float = 0.0
    ) -> Iterator[Record]:
        """Yield every record so far, then each new one as it is written, until the run has ended.

        File-system events wake it where they work; where they do not, it looks every `interval_s`
        seconds. Ends behind the final chunk, or once the writer is known to be dead: `state` then says
        "crashed". A run that did not finish may be resumed: that is waited for `resume_patience_s`
        seconds.
        """
        ending = Ending(self._clock, resume_patience_s)
        stream = RecordStream(self._logs)
        with Changes(self._logs.directory, disk=self._disk) as changes:
            while True:
                state = self.state
                is_idle = True
                for record in stream:
                    is_idle = False
                    yield record
                if is_idle and ending.is_reached(state):
                    return
                if is_idle:
                    changes.wait(interval_s)

    async def afollow(
        self, *, interval_s: float = FOLLOW_INTERVAL_S, resume_patience_s: float = 0.0
    ) -> AsyncIterator[Record]:
        """Follow as `follow` does, and let the event loop go on while nothing new comes.

        The files are read in the loop's own thread, a slice of a few milliseconds at a time.
        """
        import asyncio

        ending = Ending(self._clock, resume_patience_s)
        stream = RecordStream(self._logs)
        with AsyncChanges(self._logs.directory, disk=self._disk) as changes:
            while True:
                state = self.state
                count = 0
                for count, record in enumerate(stream, 1):
                    yield record
                    if count % SLICE_RECORDS == 0:
                        await asyncio.sleep(0)
                if not count and ending.is_reached(state):
                    return
                if not count:
                    await changes.wait(interval_s)
