"""All sources as one: a row of metrics at a time. One that fails is left out, and that is told once."""

from collections.abc import Callable, Iterable, Iterator

from tidelog.datastore.disk import Disk
from tidelog.sdk.monitor.cgroup_source import CgroupSource
from tidelog.sdk.monitor.gpus import vendors_here
from tidelog.sdk.monitor.machine import CpuSource, DiskSource, MemorySource, NetworkSource, SpaceSource
from tidelog.sdk.monitor.moment import Moment, Row, Source
from tidelog.sdk.monitor.tree_source import TreeSource

Make = Callable[[], Source]


def makers(directory: str, disk: Disk) -> Iterator[tuple[str, Make]]:
    """Yield name and maker of each source that this machine may have."""
    yield "CPU", CpuSource
    yield "memory", MemorySource
    yield "space", lambda: SpaceSource(directory)
    yield "disks", DiskSource
    yield "network", NetworkSource
    yield "processes", TreeSource
    yield "cgroup", lambda: CgroupSource(disk)
    for vendor in vendors_here(disk):
        yield f"{vendor.name} GPUs", vendor.source


class Sampler:
    """Asks every source that works."""

    def __init__(self, sources: Iterable[tuple[str, Make]], *, tell: Callable[[str], None]) -> None:
        """`tell` takes one sentence for each source that is left out."""
        self._tell = tell
        self._sources: dict[str, Source] = {}
        for name, make in sources:
            try:
                self._sources[name] = make()
            except Exception as error:  # noqa: BLE001 - whatever a library raises, the others go on.
                self._leave_out(name, error)

    def sample(self, moment: Moment) -> Row:
        """Return what all of them tell of this moment."""
        row: Row = {}
        for name, source in list(self._sources.items()):
            try:
                row |= source.sample(moment)
            except Exception as error:  # noqa: BLE001 - as above.
                del self._sources[name]
                self._leave_out(name, error)
        return row

    def _leave_out(self, name: str, error: Exception) -> None:
        self._tell(f"{name}: {type(error).__name__}: {error}; left out from now on")
