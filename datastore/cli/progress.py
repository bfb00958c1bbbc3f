"""How far a long reading has come: a bar on a terminal, nothing elsewhere."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator

from tidelog.datastore.disk import Disk


class MeteredDisk(Disk):
    """The real disk; `on_read` is told of every piece of a file that was read, in bytes."""

    def __init__(self, on_read: Callable[[int], None]) -> None:
        self._on_read = on_read

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Read up to `size` bytes at `offset`."""
        data = super().pread(fd, size, offset)
        self._on_read(len(data))
        return data


@contextlib.contextmanager
def reading(doing: str, paths: Iterable[str]) -> Iterator[Disk]:
    """Give the disk to read `paths` with; a bar on stderr shows how much of their bytes was read.

    rich is loaded only where stderr is a terminal.
    """
    if not has_watcher():
        yield Disk()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (BarColumn(bar_width=20), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(doing, *columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=sum(bytes_below(path, Disk()) for path in paths))
        yield MeteredDisk(lambda size: bar.advance(task, size))


def has_watcher() -> bool:
    """Tell whether stderr is a terminal; a daemon's child may have none at all."""
    return sys.stderr is not None and sys.stderr.isatty()


def bytes_below(path: str, disk: Disk) -> int:
    """Return how many bytes lie in a file, or in all files below a directory."""
    size = 0
    with contextlib.suppress(OSError):  # The bar is too short then; the reading itself will tell.
        paths = [path] if disk.is_file(path) else (name for name, e in disk.walk(path) if e.is_file)
        for file in paths:
            size += disk.stat(file).st_size
    return size
