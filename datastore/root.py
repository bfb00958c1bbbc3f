"""Many runs: a root, a project or a stick full of them, listed without reading more than their ends."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from tidelog.datastore.clock import Clock
from tidelog.datastore.columns import Columns
from tidelog.datastore.comparison import Comparison, sort_key
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.find import FoundRun, find_run_directories, is_gone
from tidelog.datastore.location import locate
from tidelog.datastore.process import this_machine
from tidelog.datastore.run_info import RunInfo, check_field
from tidelog.datastore.run_logs import RunLogs
from tidelog.datastore.run_outline import RunOutline, outline_of, project_of
from tidelog.datastore.run_table import table_of
from tidelog.datastore.scan import BLOCK_BYTES
from tidelog.datastore.settings import cache_directory
from tidelog.datastore.state import State

if TYPE_CHECKING:
    from tidelog.datastore.catalog import Catalog, Fingerprint

OnProgress = Callable[[int, int], None]


def open_root(path: StrPath, *, disk: Disk | None = None, clock: Clock | None = None) -> "Root":
    """Return the runs in a folder, or below a URL, and in two levels below it.

    Raises NotARunError where there is no such folder, at the first listing.
    """
    disk, path = locate(path, disk=disk)
    return Root(path, disk=disk, clock=clock or Clock())


class Root:
    """Runs below one folder. Each listing looks anew; what it read of runs that rest is kept in a cache.

    The cache lies below `$XDG_CACHE_HOME/tidelog`. Without it, or where it cannot be kept, a listing
    takes longer and says the same.
    """

    def __init__(
        self, path: Path, *, disk: Disk, clock: Clock, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.path = path
        self._disk = disk
        self._clock = clock
        self._cache = cache_directory(environ)

    def __repr__(self) -> str:
        return f"<Root {self._disk.shown(self.path)}>"

    def __iter__(self) -> Iterator[RunInfo]:
        return iter(self.runs())

    def runs(
        self,
        *,
        project: str | None = None,
        state: State | Iterable[State] | None = None,
        where: str | Iterable[str] = (),
        sort: str | Iterable[str] = ("project", "id"),
        on_progress: OnProgress | None = None,
    ) -> list[RunInfo]:
        """Return the runs, in an order.

        `project` may hold `*`; `where` are comparisons that must all hold, such as `"config.lr < 1e-3"`,
        `"summary.acc >= 0.9"`, `"metadata.tags = baseline"`, `"name ~ resnet*"`; `sort` names fields,
        with a `-` before it the largest comes first. Fields are those of `RunInfo`. `on_progress` is
        told how many runs of how many were read. Raises ComparisonError for a text that is no
        comparison and for a field that no run can have, ValueError for a state that there is not,
        NotARunError where there is no such folder.
        """
        wanted = [Comparison.parse(text) for text in ([where] if isinstance(where, str) else where)]
        if project is not None:
            wanted.append(Comparison("project", "~", project))
        order = [sort] if isinstance(sort, str) else list(sort)
        for name in (*(each.field for each in wanted), *(name.removeprefix("-") for name in order)):
            check_field(name)
        states = _states(state)
        chosen = []
        for run in self._read(on_progress):
            if run.state in states:
                fields = run.fields()
                if all(comparison.holds(fields) for comparison in wanted):
                    chosen.append((fields, run))
        for name in reversed(order):
            chosen = _sorted(chosen, name)
        return [run for _, run in chosen]

    def table(self, runs: Iterable[RunInfo] | None = None) -> Columns:
        """Return one row per run: what it is, `config.*` and `summary.*`; all runs, or those given."""
        return table_of(self.runs() if runs is None else runs)

    def _read(self, on_progress: OnProgress | None) -> list[RunInfo]:
        """Return all runs, from the cache where their logs are as they were, else from these."""
        from tidelog.datastore.catalog import Catalog

        now, machine = self._clock.now(), this_machine(Disk())
        found = find_run_directories(self.path, disk=self._disk)
        real = self._disk.real_path(self.path)
        infos: list[RunInfo] = []
        with Catalog(self._cache, self._disk.shown(self.path), disk=Disk()) as catalog:
            for read, run in enumerate(found, 1):
                below = run.directory.removeprefix(os.fspath(self.path))
                outline, fault = self._outline_or_fault(run, below, catalog)
                if fault is None or not is_gone(run, disk=self._disk):
                    state = outline.state(now=now, machine=machine)
                    infos.append(_info(run, real + below, outline, state, fault, disk=self._disk))
                if on_progress is not None:
                    on_progress(read, len(found))
            catalog.store()
        return infos

    def _outline_or_fault(
        self, run: FoundRun, below: str, catalog: "Catalog"
    ) -> tuple[RunOutline, str | None]:
        """Return what is said of a run, and why it cannot be read, None where it can."""
        try:
            return self._outline(run, below, catalog), None
        except (DatastoreError, OSError) as error:
            return outline_of([]), str(error)

    def _outline(self, run: FoundRun, below: str, catalog: "Catalog") -> RunOutline:
        """Return what the catalog has of a run, else what its logs say, for the catalog to keep."""
        fingerprint = self._fingerprint(run)
        outline = catalog.find(below, fingerprint)
        if outline is None:
            outline = self._read_outline(run)
            catalog.keep(below, fingerprint, outline)
        return outline

    def _fingerprint(self, run: FoundRun) -> "Fingerprint":
        statuses = ((log, self._disk.stat(os.path.join(run.directory, log))) for log in run.logs)
        return [[log, status.st_size, status.st_mtime_ns, status.st_ino] for log, status in statuses]

    def _read_outline(self, run: FoundRun) -> RunOutline:
        logs = RunLogs(
            Path(run.directory), recovery="skip_damage", disk=self._disk, block_bytes=BLOCK_BYTES
        )
        try:
            return logs.outline()
        finally:
            logs.close()


def _info(
    run: FoundRun, place: str, outline: RunOutline, state: State, fault: str | None, *, disk: Disk
) -> RunInfo:
    """Return a run in short; `place` is where it lies when no link leads there."""
    folder, run_id = os.path.split(place)
    metadata, times = outline.metadata, outline.times or (None, None)
    return RunInfo(
        path=Path(run.directory),
        project=project_of(metadata, os.path.basename(folder)),
        id=run_id,
        name=str(metadata.get("name") or run_id),
        state=state,
        exit_code=outline.exit_code,
        rows=outline.rows,
        last_step=outline.last_step,
        started=times[0],
        updated=times[1],
        config=outline.config,
        summary=outline.summary,
        metadata=metadata,
        logs=run.logs,
        fault=fault,
        disk=disk,
    )


def _states(state: State | Iterable[State] | None) -> frozenset[str]:
    """Return the states that are wanted; None stands for all."""
    wanted = get_args(State) if state is None else (state,) if isinstance(state, str) else tuple(state)
    for each in wanted:
        if each not in get_args(State):
            raise ValueError(f"state {each!r} is none of {', '.join(get_args(State))}")
    return frozenset(wanted)


Chosen = tuple[dict[str, Any], RunInfo]


def _sorted(chosen: list[Chosen], name: str) -> list[Chosen]:
    """Sort by one field, the largest first where its name has a `-` before it; who lacks it is last."""
    is_descending = name.startswith("-")
    keyed = [(sort_key(each[0], name.removeprefix("-")), each) for each in chosen]
    has = sorted((k for k in keyed if k[0] is not None), key=itemgetter(0), reverse=is_descending)
    return [each for _, each in has] + [each for key, each in keyed if key is None]
