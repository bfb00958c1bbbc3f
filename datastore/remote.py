"""A disk that lies on another machine and is only read: whatever fsspec reads, by its URL.

Never changes anything there, and never asks for anything that does not lie below its URL, whatever
names a listing holds. What a network library raises becomes an `OSError` that names the URL.
"""

import builtins
import errno
import itertools
import os
import stat
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Entry, StrPath
from tidelog.datastore.extras import load
from tidelog.datastore.layout import LOG_SUFFIX
from tidelog.datastore.read_only_disk import ReadOnlyDisk
from tidelog.datastore.remote_errors import as_os_error, missing_package, unknown_scheme
from tidelog.datastore.remote_file import BLOCK_BYTES, Blocks, RemoteFile, Source
from tidelog.datastore.remote_url import RemoteUrl

FRESH_S = 1.0
"""So long an answer about a size or a directory counts as the one of now: each asks over a network."""

ANSWERS_MAX = 4096

_FIRST_DESCRIPTOR = 1 << 30
"""Above all descriptors of the system: one of ours that goes astray is no other's file."""

_PAGE = "text/html"
_VERSION_MARKS = (
    "ETag",
    "etag",
    "Last-Modified",
    "LastModified",
    "updated",
    "mtime",
    "date_time",
    "CRC",
)
"""What file systems tell of a file that becomes another when the file does."""

Answer = TypeVar("Answer")


class RemoteDisk(ReadOnlyDisk):
    """What lies below a URL, for reading. `start` is the path of what the URL names.

    `options` are those of fsspec's file system, such as `anon=True` for S3; without them its
    configuration files and the environment decide.
    """

    def __init__(
        self, url: str, *, clock: Clock | None = None, fresh_s: float = FRESH_S, **options: Any
    ) -> None:
        """Make ready to read; most file systems are not asked for anything yet.

        Raises MissingPackageError where a package for the URL is not there, UnsupportedUrlError for a
        scheme that nobody knows, OSError where the archive that it names cannot be read.
        """
        self.url = RemoteUrl.parse(url)
        self._root = self.url.root
        self.start = Path(self._root) / self.url.file
        self._clock = clock or Clock()
        self._fresh_s = fresh_s
        self._files: dict[int, tuple[str, RemoteFile]] = {}
        self._descriptors = itertools.count(_FIRST_DESCRIPTOR)
        self._blocks = Blocks()
        self._answers: dict[tuple[str, str], tuple[float, Any]] = {}
        self._lock = threading.RLock()
        self._fs, self._base = self._connect(url, options)

    def __repr__(self) -> str:
        return f"<RemoteDisk {self.url.shown()}>"

    # -- files -----------------------------------------------------------------------------------

    def open(self, path: StrPath) -> int:
        """Open a file for `pread`."""
        info = self._info(path)
        if info["type"] == "directory":
            raise as_os_error(IsADirectoryError(), self.shown(path))
        fd = next(self._descriptors)
        with self._telling(path), self._lock:
            file = RemoteFile(fd, info["size"] or 0, open_at=self._opener(path), blocks=self._blocks)
        self._files[fd] = (os.fspath(path), file)
        return fd

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Read up to `size` bytes at `offset`; what was appended since the file was opened counts."""
        path, file = self._open_file(fd)
        if offset + size > file.size:
            self.size(fd)
        if offset >= file.size:
            return b""
        with self._telling(path), self._lock:
            return file.pread(size, offset)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        _, file = self._open_file(fd)
        del self._files[fd]
        file.close()

    def size(self, fd: int) -> int:
        """Return the length of an open file in bytes, as it was a second ago or later."""
        path, file = self._open_file(fd)
        size = self._info(path)["size"] or 0
        with self._telling(path), self._lock:
            file.resize(size)
        return size

    def read(self, path: StrPath) -> bytes:
        """Return all bytes of a small file."""
        address = self._address(path)
        with self._telling(path):
            data: bytes = self._fs.cat_file(address)
            return data

    # -- directories and questions ---------------------------------------------------------------

    def list(self, path: StrPath) -> builtins.list[Entry]:
        """Return what a directory holds, sorted by name; names that lead out of it are left out."""
        address = self._address(path)
        page = self.url.page(self._below(path)) if self.url.is_web else address
        entries: dict[str, Entry] = {}
        for info in self._ask("list", path, lambda: self._fs.ls(page, detail=True)):
            name = self.url.name_in(address, info["name"])
            if name is not None:
                kind = self._kind(Path(path, name), info)
                entries[name] = Entry(name, kind == "directory", kind == "file")
        if not entries and not self.is_directory(path):
            raise as_os_error(NotADirectoryError(), self.shown(path))
        return sorted(entries.values())

    def stat(self, path: StrPath) -> os.stat_result:
        """Return the kind and the size of a path; the inode stands for what marks this version of it."""
        info = self._info(path)
        kind = stat.S_IFDIR if self._is_directory(info) else stat.S_IFREG
        version = zlib.crc32(repr([info.get(mark) for mark in _VERSION_MARKS]).encode())
        return os.stat_result((kind | 0o444, version, 0, 1, 0, 0, info["size"] or 0, 0, 0, 0))

    def is_there(self, path: StrPath) -> bool:
        """Tell whether there is anything at a path. Raises OSError where nobody can say."""
        return self._info_if_there(path) is not None

    def is_file(self, path: StrPath) -> bool:
        """Tell whether the path is a file; what a web server answers with a page is none."""
        info = self._info_if_there(path)
        return info is not None and info["type"] == "file" and not self._is_directory(info)

    def is_directory(self, path: StrPath) -> bool:
        """Tell whether the path is a directory; of a web server, whether it is a page."""
        info = self._info_if_there(path)
        return info is not None and self._is_directory(info)

    def shown(self, path: StrPath) -> str:
        """Return the URL of a path as messages name it."""
        try:
            return self.url.shown(self._below(path))
        except FileNotFoundError:
            return os.fspath(path)

    # -- asking ----------------------------------------------------------------------------------

    def _connect(self, url: str, options: dict[str, Any]) -> tuple[Any, str]:
        fsspec = load("fsspec.core", extra="remote", purpose=f"reading {self.url.shown()}")
        try:
            fs, base = fsspec.url_to_fs(url, **options)
        except ImportError as error:
            raise missing_package(error, self.url) from error
        except Exception as error:
            raise unknown_scheme(error, self.url) or as_os_error(error, self.url.shown()) from error
        return fs, base.removesuffix(self.url.file)

    def _below(self, path: StrPath) -> str:
        """Return what of a path lies below the URL; raise FileNotFoundError where it leads elsewhere."""
        text = os.fspath(path)
        below = text.removeprefix(self._root)
        is_within = text.startswith(self._root) and (below[:1] in ("", "/") or self._root == "//")
        if not is_within or ".." in below.split("/"):
            raise FileNotFoundError(errno.ENOENT, f"leads out of {self.url.shown()}", text)
        return below.strip("/")

    def _address(self, path: StrPath) -> str:
        """Return what fsspec is asked for."""
        below = self._below(path)
        if self.url.is_web:
            return self.url.address(below)
        if not below:
            return self._base
        return f"{self._base.rstrip('/')}/{below}" if self._base else below

    def _open_file(self, fd: int) -> tuple[str, RemoteFile]:
        if fd not in self._files:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), self.url.shown())
        return self._files[fd]

    def _opener(self, path: StrPath) -> Callable[[int], Source]:
        address = self._address(path)

        def open_at(size: int) -> Source:
            # Blocks are kept here: fsspec's own cache would forget what was read when the file grows.
            source: Source = self._fs.open(
                address, "rb", block_size=BLOCK_BYTES, cache_type="none", size=size
            )
            return source

        return open_at

    def _info(self, path: StrPath) -> dict[str, Any]:
        address = self._address(path)
        return self._ask("info", path, lambda: dict(self._fs.info(address)))

    def _info_if_there(self, path: StrPath) -> dict[str, Any] | None:
        try:
            return self._info(path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _kind(self, path: Path, info: dict[str, Any]) -> str:
        """Return what a listing holds at a path; where a page does not tell, what is there is asked."""
        kind: str = info["type"]
        if self.url.is_web and kind == "file" and path.suffix != LOG_SUFFIX:
            with suppress(PermissionError):  # What nobody may ask for hides no run that can be read.
                return "directory" if self.is_directory(path) else kind
        return kind

    def _is_directory(self, info: dict[str, Any]) -> bool:
        is_page = self.url.is_web and info.get("mimetype") == _PAGE
        return info["type"] == "directory" or is_page

    def _ask(self, question: str, path: StrPath, ask: Callable[[], Answer]) -> Answer:
        """Ask anew, unless the last answer is fresh. What fsspec remembers for itself may be old."""
        key = (question, os.fspath(path))
        now = self._clock.monotonic()
        with self._lock:
            held = self._answers.get(key)
            if held is not None and now - held[0] < self._fresh_s:
                fresh: Answer = held[1]
                return fresh
            with self._telling(path):
                self._fs.invalidate_cache()
                answer = ask()
            if len(self._answers) >= ANSWERS_MAX:
                self._answers.clear()
            self._answers[key] = (now, answer)
            return answer

    @contextmanager
    def _telling(self, path: StrPath) -> Iterator[None]:
        """Turn whatever a network library raises into an `OSError` that names the URL."""
        try:
            yield
        except Exception as error:
            raise as_os_error(error, self.shown(path)) from error
