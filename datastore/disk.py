"""The one door to the file system: only this module opens, writes, syncs, renames or lists.

Never decides anything. The fault tests hand a `Disk` of their own to everything that takes one.
"""

import builtins
import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from tidelog.datastore.layout import TEMPORARY_SUFFIX

StrPath = str | os.PathLike[str]

COPY_BYTES = 1024 * 1024
SYNCS_MAX = 8
"""So many files are synced at one time."""


class Entry(NamedTuple):
    """One name in a directory, as `Disk.list` gives it; a symbolic link is neither of the two."""

    name: str
    is_directory: bool
    is_file: bool


class Room(NamedTuple):
    """The room of a file system, and what of it an ordinary account may still take.

    `files` is 0 where the file system has no table of them that could be full.
    """

    size_bytes: int
    free_bytes: int
    files: int
    free_files: int


class Disk:
    """The real file system. Every method raises `OSError` as the system gives it."""

    # -- files that grow -------------------------------------------------------------------------

    def create(self, path: StrPath, *, mode: int = 0o666) -> int:
        """Create a file that is not there yet and return a descriptor that appends to it."""
        flags = os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC
        return os.open(path, flags, mode)

    def open(self, path: StrPath) -> int:
        """Open a file for `pread`; the last part of the path must be no symbolic link."""
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)

    def open_update(self, path: StrPath, *, mode: int = 0o666) -> int:
        """Open or create a file for `pread` and `pwrite`, through no symbolic link."""
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags, mode)

    def open_append(self, path: StrPath, *, mode: int = 0o666) -> int:
        """Open or create a file that only grows, such as a daemon's log of what it did."""
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags, mode)

    # `write(fd, data)` at the end returns how many bytes were taken, which may be fewer. It stands on
    # the way of every row: the system's own function, with no call of ours around it.
    write = staticmethod(os.write)

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        """Write at `offset` and return how many bytes were taken, which may be fewer."""
        return os.pwrite(fd, data, offset)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Read up to `size` bytes at `offset`; fewer also where a file system likes to (`read_at`)."""
        return os.pread(fd, size, offset)

    def read_at(self, fd: int, offset: int, size: int) -> bytes:
        """Read `size` bytes at `offset`; fewer only where the file ends, whatever one `pread` gives."""
        data = self.pread(fd, size, offset)
        while data and len(data) < size:
            more = self.pread(fd, size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        os.ftruncate(fd, size)

    def fdatasync(self, fd: int) -> None:
        """Return once the file's bytes and length are on the disk."""
        _fdatasync(fd)

    def start_writing(self, fd: int) -> None:
        """Let the system begin to bring a file's bytes to the disk; a hint that promises nothing."""
        if hasattr(os, "posix_fadvise"):
            # What is not on the disk cannot be forgotten: Linux starts to write it, and keeps it.
            with contextlib.suppress(OSError):
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def sync_all(self, fds: Sequence[int]) -> None:
        """Return once the bytes and lengths of several files are on the disk.

        Asked for at the same time, a file system commits them together: little more than one costs.
        """
        if len(fds) == 1:
            self.fdatasync(fds[0])
            return
        from concurrent.futures import ThreadPoolExecutor  # Only those who sync many pay for it.

        with ThreadPoolExecutor(SYNCS_MAX, thread_name_prefix="disk-sync") as pool:
            list(pool.map(self.fdatasync, fds))

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    def size(self, fd: int) -> int:
        """Return the length of an open file in bytes."""
        return os.fstat(fd).st_size

    def links(self, fd: int) -> int:
        """Return how many names an open file has; 0 once somebody deleted it."""
        return os.fstat(fd).st_nlink

    def identity(self, fd: int) -> tuple[int, int]:
        """Return what tells an open file from all others: device and inode."""
        status = os.fstat(fd)
        return status.st_dev, status.st_ino

    def try_lock(self, fd: int) -> bool:
        """Lock an open file; tell whether nobody else has it. The lock goes with its last descriptor."""
        import fcntl  # Windows has none, and most who open files lock nothing.

        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def lock(self, fd: int) -> None:
        """Lock an open file once nobody else has it. The lock goes with its last descriptor."""
        import fcntl  # Windows has none, and most who open files lock nothing.

        fcntl.flock(fd, fcntl.LOCK_EX)

    # -- whole files -----------------------------------------------------------------------------

    def read(self, path: StrPath) -> bytes:
        """Return all bytes of a small file."""
        return Path(path).read_bytes()

    def read_start(self, path: StrPath, size: int) -> bytes:
        """Return the beginning of a file, at most `size` bytes."""
        fd = self.open(path)
        try:
            return self.read_at(fd, 0, size)
        finally:
            self.close(fd)

    def open_text(self, path: StrPath, *, errors: str = "strict") -> IO[str]:
        """Open a file for reading, as whoever asked for it will go on by himself."""
        return Path(path).open(encoding="utf-8", errors=errors)

    def replace(self, path: StrPath, data: bytes, *, mode: int = 0o666) -> None:
        """Let a file appear whole, or not at all: temporary file, fsync, rename, fsync of the folder."""
        self._appear(path, (data,), mode=mode)

    def replace_all(self, files: Sequence[tuple[StrPath, bytes]], *, mode: int = 0o666) -> None:
        """Let files appear, each whole or not at all; all are on the disk on return.

        None appears before the bytes of all are safe. Each has a descriptor until then.
        """
        staged: list[tuple[int, str, StrPath]] = []
        try:
            for path, data in files:
                temporary = self.temporary_beside(path)
                staged.append((self.create(temporary, mode=mode), temporary, path))
                self._write_whole(staged[-1][0], data)
                self.start_writing(staged[-1][0])
            self.sync_all([fd for fd, _temporary, _path in staged])
            for _fd, temporary, path in staged:
                self.move(temporary, path)
            for folder in dict.fromkeys(os.path.dirname(os.fspath(path)) for path, _data in files):
                self.sync_directory(folder or ".")
        except BaseException:
            for _fd, temporary, _path in staged:
                self.remove(temporary)
            raise
        finally:
            for fd, _temporary, _path in staged:
                self.close(fd)

    def place(self, path: StrPath, data: bytes, *, mode: int = 0o666) -> None:
        """Let a file appear whole, or not at all; until `sync_file` a power cut may undo it."""
        self._appear(path, (data,), mode=mode, is_synced=False)

    def sync_file(self, path: StrPath) -> None:
        """Return once the bytes and the length of a file are on the disk; its name is the folder's."""
        fd = self.open(path)
        try:
            self.fdatasync(fd)
        finally:
            self.close(fd)

    def copy(
        self, source: StrPath, path: StrPath, *, see: Callable[[bytes], None] | None = None
    ) -> None:
        """Copy a file so that the copy appears whole, or not at all, and is on the disk on return.

        `see` gets every block on its way, for a digest of what the copy holds.
        """
        with Path(source).open("rb") as reading:
            blocks = iter(lambda: reading.read(COPY_BYTES), b"")
            self._appear(path, blocks if see is None else _seen(blocks, see))

    def _appear(
        self, path: StrPath, blocks: Iterable[bytes], *, mode: int = 0o666, is_synced: bool = True
    ) -> None:
        temporary = self.temporary_beside(path)
        fd = self.create(temporary, mode=mode)
        try:
            try:
                for block in blocks:
                    self._write_whole(fd, block)
                if is_synced:
                    self.fdatasync(fd)
            finally:
                self.close(fd)
            if is_synced:
                self.rename(temporary, path)
            else:
                self.move(temporary, path)
        except BaseException:
            self.remove(temporary)
            raise

    def _write_whole(self, fd: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.write(fd, view) :]

    def temporary_beside(self, path: StrPath) -> str:
        """Return a fresh name in the same folder that every reader knows to leave alone."""
        return f"{os.fspath(path)}.{os.urandom(4).hex()}{TEMPORARY_SUFFIX}"

    def rename(self, source: StrPath, target: StrPath) -> None:
        """Rename over whatever is there, and fsync the folder of the new name."""
        self.move(source, target)
        self.sync_directory(os.path.dirname(os.fspath(target)) or ".")

    def move(self, source: StrPath, target: StrPath) -> None:
        """Rename over whatever is there; a power cut may undo it."""
        os.rename(source, target)

    def remove(self, path: StrPath) -> None:
        """Remove a file; one that is not there is fine."""
        Path(path).unlink(missing_ok=True)

    def point_link(self, path: StrPath, target: str) -> None:
        """Let the symbolic link at `path` lead to `target`, in one step."""
        temporary = self.temporary_beside(path)
        self.symlink(target, temporary)
        try:
            self.move(temporary, path)
        except BaseException:
            self.remove(temporary)
            raise

    def link(self, source: StrPath, path: StrPath) -> None:
        """Give a file a second name that nothing has yet; a power cut may undo it."""
        os.link(source, path, follow_symlinks=False)

    def symlink(self, target: str, path: StrPath) -> None:
        """Make a symbolic link; a power cut may undo it."""
        os.symlink(target, path)

    # -- directories -----------------------------------------------------------------------------

    def mkdir(self, path: StrPath, *, mode: int = 0o777) -> None:
        """Make one directory; a power cut may undo it."""
        os.mkdir(path, mode)

    def make_directory(self, path: StrPath, *, mode: int = 0o777) -> None:
        """Make a directory and those above it, and fsync the folder of each one that is new."""
        path = os.path.abspath(path)
        missing = []
        while not self.is_directory(path):
            missing.append(path)
            path = os.path.dirname(path)
        for new in reversed(missing):
            try:
                self.mkdir(new, mode=mode)
            except FileExistsError:
                if not self.is_directory(new):
                    raise
            self.sync_directory(os.path.dirname(new))

    def sync_directory(self, path: StrPath) -> None:
        """Return once the names in a directory are on the disk."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def remove_tree(self, path: StrPath) -> None:
        """Remove a directory and all below it, through no symbolic link."""
        import shutil  # Only those who give something up pay for it.

        shutil.rmtree(path)

    def list(self, path: StrPath) -> list[Entry]:
        """Return what a directory holds, sorted by name."""
        with os.scandir(path) as entries:
            return sorted(
                Entry(
                    entry.name,
                    entry.is_dir(follow_symlinks=False),
                    entry.is_file(follow_symlinks=False),
                )
                for entry in entries
            )

    def walk(self, path: StrPath) -> Iterator[tuple[str, Entry]]:
        """Yield `(path, entry)` for everything below a directory, through no symbolic link."""
        for entry in self.list(path):
            below = os.path.join(path, entry.name)
            yield below, entry
            if entry.is_directory:
                yield from self.walk(below)

    def glob(self, pattern: str) -> "builtins.list[str]":
        """Return the paths that match a pattern with `*`, `?`, `[...]` or `**`, sorted."""
        import glob  # Only those who save files by pattern pay for it.

        return sorted(glob.iglob(pattern, recursive=True))

    # -- questions -------------------------------------------------------------------------------

    def shown(self, path: StrPath) -> str:
        """Return a path as messages name it."""
        return os.fspath(path)

    def stat(self, path: StrPath) -> os.stat_result:
        """Return the status of a path, through symbolic links."""
        return os.stat(path)

    def room(self, path: StrPath) -> Room:
        """Return how much there is, and is left, of the file system under a path."""
        status = os.statvfs(path)
        return Room(
            status.f_blocks * status.f_frsize,
            status.f_bavail * status.f_frsize,
            status.f_files,
            status.f_favail,
        )

    def link_target(self, path: StrPath) -> str:
        """Return what a symbolic link holds."""
        return os.readlink(path)

    def real_path(self, path: StrPath) -> str:
        """Return the absolute path behind all symbolic links; it need not be there."""
        return os.path.realpath(path)

    def is_writable(self, path: StrPath) -> bool:
        """Tell whether this account may write to a file or folder, and its file system be written."""
        return os.access(path, os.W_OK)

    def is_there(self, path: StrPath) -> bool:
        """Tell whether there is anything at a path; a dangling symbolic link is something."""
        return os.path.lexists(path)

    def is_file(self, path: StrPath) -> bool:
        """Tell whether the path is a regular file, and no symbolic link."""
        try:
            return stat.S_ISREG(os.lstat(path).st_mode)
        except OSError:
            return False

    def is_link(self, path: StrPath) -> bool:
        """Tell whether the path is a symbolic link."""
        return os.path.islink(path)

    def is_directory(self, path: StrPath) -> bool:
        """Tell whether the path is a directory, or a link to one."""
        return os.path.isdir(path)


def _seen(blocks: Iterable[bytes], see: Callable[[bytes], None]) -> Iterator[bytes]:
    for block in blocks:
        see(block)
        yield block


def _fdatasync(fd: int) -> None:
    os.fdatasync(fd) if hasattr(os, "fdatasync") else os.fsync(fd)
