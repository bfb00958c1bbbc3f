"""The door of one simulated process to a medium: descriptors, faults, and a death at any call."""

import builtins
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any

from simulation.loop import Killed
from simulation.medium import Directory, File, Medium, Node

from tidelog.datastore.disk import Disk, Entry, Room, StrPath
from tidelog.datastore.layout import TEMPORARY_SUFFIX


class Faults:
    """How often calls of a disk fail now; a scenario turns the knobs while processes run."""

    def __init__(self) -> None:
        self.is_full = False
        self.eio_read = self.eio_write = self.eio_sync = self.short_write = 0.0

    def heal(self) -> None:
        """Let nothing fail any more."""
        self.__init__()  # type: ignore[misc]


class SimulatedDisk(Disk):
    """What one process sees of a medium. After its death every call raises Killed.

    `die_in` counts calls down; at 0 the process dies before the call has an effect; `on_death` is told.
    """

    def __init__(
        self, medium: Medium, faults: Faults, *, on_death: Callable[[], None] | None = None
    ) -> None:
        self.medium = medium
        self.is_dead = False
        self.die_in = 0
        self.calls = 0
        self._faults = faults
        self._on_death = on_death
        self._random = medium.random
        self._open: dict[int, File] = {}

    def kill(self) -> None:
        """Let no call have an effect any more."""
        self.is_dead = True

    # -- files that grow -------------------------------------------------------------------------

    def create(self, path: StrPath, *, mode: int = 0o666) -> int:
        """Create a file that is not there yet."""
        self._count()
        directory, name = self._above(path)
        if name in directory.names:
            raise _error(errno.EEXIST, path)
        return self._open_file(self._make(directory, name))

    def open(self, path: StrPath) -> int:
        """Open a file for reading."""
        self._count()
        return self._open_file(self._file(path))

    def open_update(self, path: StrPath, *, mode: int = 0o666) -> int:
        """Open or create a file."""
        self._count()
        directory, name = self._above(path)
        node = directory.names.get(name)
        if node is None:
            node = self._make(directory, name)
        if isinstance(node, Directory):
            raise _error(errno.EISDIR, path)
        return self._open_file(node)

    def write(self, fd: int, data: bytes | memoryview) -> int:  # type: ignore[override]
        """Append."""
        self._count()
        file = self._open[fd]
        return self._write(file, bytes(data), len(file.data))

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        """Write at an offset."""
        self._count()
        return self._write(self._open[fd], bytes(data), offset)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Read."""
        self._count()
        if self._faults.eio_read and self._random.random() < self._faults.eio_read:
            raise _error(errno.EIO)
        return bytes(self._open[fd].data[offset : offset + size])

    def read_at(self, fd: int, offset: int, size: int) -> bytes:
        """Read; one `pread` gives all there is."""
        return self.pread(fd, size, offset)

    def truncate(self, fd: int, size: int) -> None:
        """Change a file's length."""
        self._count()
        file = self._open[fd]
        if self._faults.eio_write and self._random.random() < self._faults.eio_write:
            raise _error(errno.EIO)
        if len(file.data) != size:
            file.truncate(size)
            file.mtime_s = self.medium.now()

    def fdatasync(self, fd: int) -> None:
        """Sync, or fail as a disk does."""
        self._count()
        file = self._open[fd]
        if self._faults.eio_sync and self._random.random() < self._faults.eio_sync:
            file.fail_sync(self._random)
            raise _error(errno.EIO)
        file.sync()

    def sync_all(self, fds: Sequence[int]) -> None:
        """Sync one after the other: threads have no place in a seed."""
        for fd in fds:
            self.fdatasync(fd)

    def start_writing(self, fd: int) -> None:
        """Promise nothing, and do nothing."""
        self._count()

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        self._count()
        del self._open[fd]

    def size(self, fd: int) -> int:
        """Return the length of an open file."""
        self._count()
        return len(self._open[fd].data)

    def links(self, fd: int) -> int:
        """Return 0 once the file was deleted."""
        self._count()
        return int(self._open[fd].is_linked)

    def identity(self, fd: int) -> tuple[int, int]:
        """Return device and inode."""
        return 1, self._open[fd].inode

    def try_lock(self, fd: int) -> bool:
        """Lock: what one step does is done before another begins, so nobody else has it."""
        return fd in self._open

    def lock(self, fd: int) -> None:
        """Lock, likewise."""

    # -- whole files -----------------------------------------------------------------------------

    def read(self, path: StrPath) -> bytes:
        """Return a whole file."""
        self._count()
        return bytes(self._file(path).data)

    def temporary_beside(self, path: StrPath) -> str:
        """Return a fresh name."""
        return f"{os.fspath(path)}.{self.medium.next_inode():08x}{TEMPORARY_SUFFIX}"

    def move(self, source: StrPath, target: StrPath) -> None:
        """Rename within one directory."""
        self._count()
        directory, old = self._above(source)
        other, new = self._above(target)
        if directory is not other:
            raise _error(errno.EXDEV, source)
        node = directory.names.get(old)
        if node is None:
            raise _error(errno.ENOENT, source)
        self._check_room()
        self._unlink(directory.names.get(new))
        if isinstance(node, File):
            node.is_linked = True
        directory.change({old: None, new: node}, self.medium.now())

    def link(self, source: StrPath, path: StrPath) -> None:
        """Fail: this file system knows one name for each file."""
        self._count()
        raise _error(errno.EPERM, path)

    def remove(self, path: StrPath) -> None:
        """Remove a file; one that is not there is fine."""
        self._count()
        try:
            directory, name = self._above(path)
        except FileNotFoundError:
            return
        if name in directory.names:
            self._unlink(directory.names[name])
            directory.change({name: None}, self.medium.now())

    # -- directories -----------------------------------------------------------------------------

    def mkdir(self, path: StrPath, *, mode: int = 0o777) -> None:
        """Make one directory."""
        self._count()
        directory, name = self._above(path)
        if name in directory.names:
            raise _error(errno.EEXIST, path)
        self._check_room()
        made = Directory(self.medium.next_inode(), self.medium.now())
        directory.change({name: made}, self.medium.now())

    def sync_directory(self, path: StrPath) -> None:
        """Sync names."""
        self._count()
        if self._faults.eio_sync and self._random.random() < self._faults.eio_sync:
            raise _error(errno.EIO, path)
        self._directory(path).sync()

    def remove_tree(self, path: StrPath) -> None:
        """Remove a directory and all below it."""
        self._count()
        for _, file in self.medium.files(os.fspath(path)):
            file.is_linked = False
        directory, name = self._above(path)
        directory.change({name: None}, self.medium.now())

    def list(self, path: StrPath) -> "builtins.list[Entry]":
        """Return what a directory holds, sorted by name."""
        self._count()
        names = self._directory(path).names
        return [
            Entry(name, not (is_file := isinstance(names[name], File)), is_file)
            for name in sorted(names)
        ]

    # -- questions -------------------------------------------------------------------------------

    def stat(self, path: StrPath) -> Any:
        """Return what anybody asks of a status."""
        self._count()
        node = self._node(path)
        if node is None:
            raise _error(errno.ENOENT, path)
        return SimpleNamespace(
            st_size=len(node.data) if isinstance(node, File) else 0,
            st_mtime=node.mtime_s,
            st_mtime_ns=int(node.mtime_s * 1e9),
            st_ino=node.inode,
            st_dev=1,
        )

    def room(self, path: StrPath) -> Room:
        """Return a disk that is large; when it is full, writing says so."""
        del path
        return Room(1 << 40, 1 << 39, 0, 0)

    def real_path(self, path: StrPath) -> str:
        """Return the path: there are no links."""
        return os.fspath(path)

    def is_there(self, path: StrPath) -> bool:
        """Tell whether there is anything."""
        self._count()
        return self._node(path) is not None

    def is_file(self, path: StrPath) -> bool:
        """Tell whether there is a file."""
        self._count()
        return isinstance(self._node(path), File)

    def is_link(self, path: StrPath) -> bool:
        """Tell that there are no links."""
        return False

    def is_directory(self, path: StrPath) -> bool:
        """Tell whether there is a directory."""
        self._count()
        return isinstance(self._node(path), Directory)

    # -- below -----------------------------------------------------------------------------------

    def _count(self) -> None:
        if self.is_dead:
            raise Killed
        self.calls += 1
        if self.die_in:
            self.die_in -= 1
            if not self.die_in:
                self.is_dead = True
                if self._on_death is not None:
                    self._on_death()
                raise Killed

    def _node(self, path: StrPath) -> Node | None:
        return self.medium.find(os.fspath(path))

    def _file(self, path: StrPath) -> File:
        node = self._node(path)
        if node is None:
            raise _error(errno.ENOENT, path)
        if isinstance(node, Directory):
            raise _error(errno.EISDIR, path)
        return node

    def _directory(self, path: StrPath) -> Directory:
        node = self._node(path)
        if node is None:
            raise _error(errno.ENOENT, path)
        if isinstance(node, File):
            raise _error(errno.ENOTDIR, path)
        return node

    def _above(self, path: StrPath) -> tuple[Directory, str]:
        above, name = os.path.split(os.fspath(path))
        return self._directory(above), name

    def _make(self, directory: Directory, name: str) -> File:
        self._check_room()
        file = File(self.medium.next_inode(), self.medium.now())
        directory.change({name: file}, self.medium.now())
        return file

    def _open_file(self, file: File) -> int:
        self.medium.descriptors += 1
        self._open[self.medium.descriptors] = file
        return self.medium.descriptors

    def _write(self, file: File, data: bytes, offset: int) -> int:
        faults = self._faults
        self._check_room()
        if faults.eio_write and self._random.random() < faults.eio_write:
            taken = self._random.randrange(len(data) + 1)
            if taken:
                file.write(offset, data[:taken])
            raise _error(errno.EIO)
        if faults.short_write and self._random.random() < faults.short_write:
            data = data[: self._random.randrange(len(data) + 1)]
        if data:
            file.write(offset, data)
            file.mtime_s = self.medium.now()
        return len(data)

    def _check_room(self) -> None:
        if self._faults.is_full:
            raise _error(errno.ENOSPC)

    def _unlink(self, node: Node | None) -> None:
        if isinstance(node, File):
            node.is_linked = False


def _error(code: int, path: StrPath | None = None) -> OSError:
    if path is None:
        return OSError(code, os.strerror(code))
    return OSError(code, os.strerror(code), str(PurePath(path)))
