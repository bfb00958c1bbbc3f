"""Where the runs, logs and files of a root lie: a name becomes a path here, and nowhere else.

A name that comes from outside passes the grammar first; the path stays beneath the root and leads
through no symbolic link.
"""

import errno
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import InvalidNameError, PlaceTakenError
from tidelog.datastore.layout import FILES_DIRECTORY, MEDIA_DIRECTORY, TEMPORARY_SUFFIX, LogName
from tidelog.datastore.names import check_file_path, check_name

SYNCED_DIRECTORIES_MAX = 65_536


def check_log_name(name: object) -> str:
    """Return `name` where it may name a log, else raise InvalidNameError."""
    name = check_name("log", name)
    parsed = LogName.parse(name)
    if parsed is None or str(parsed) != name:
        raise InvalidNameError(f"log {name!r} is not named like main.0001.tlog")
    return name


def check_upload_path(path: object) -> str:
    """Return `path` where a run's file may lie there: below media/ or files/, and not unfinished."""
    path = check_file_path(path)
    top, _, below = path.partition("/")
    if top not in (MEDIA_DIRECTORY, FILES_DIRECTORY) or not below:
        raise InvalidNameError(
            f"file path {path!r} lies neither below {MEDIA_DIRECTORY}/ nor below {FILES_DIRECTORY}/"
        )
    if any(part.endswith(TEMPORARY_SUFFIX) for part in path.split("/")):
        raise InvalidNameError(
            f"file path {path!r} ends in {TEMPORARY_SUFFIX}, the mark of an unfinished file: "
            "rename the file"
        )
    return path


class Places:
    """The paths below one root; it makes directories, and knows which are safely on the disk."""

    def __init__(self, root: StrPath, *, disk: Disk) -> None:
        self.root = os.path.abspath(root)
        self._disk = disk
        self._synced: set[str] = set()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Places below {self.root}>"

    def run(self, project: str, run: str) -> str:
        """Return the path of a run directory, whether it is there or not."""
        return self._beneath(check_name("project", project), check_name("run", run))

    def log(self, project: str, run: str, log: str) -> str:
        """Return the path of a log, whether it is there or not."""
        return os.path.join(self.run(project, run), check_log_name(log))

    def file(self, project: str, run: str, path: str) -> str:
        """Return the path of a run's file, whether it is there or not."""
        self.run(project, run)
        *folders, name = check_upload_path(path).split("/")
        return os.path.join(self._beneath(project, run, *folders), name)

    def files(self, project: str, run: str, paths: Iterable[str]) -> list[str]:
        """Return the path of each of a run's files; what many lie in is looked at once."""
        found, folders = [], dict[str, str]()
        for path in paths:
            folder, _, name = check_upload_path(path).rpartition("/")
            if folder not in folders:
                folders[folder] = os.path.dirname(self.file(project, run, path))
            found.append(os.path.join(folders[folder], name))
        return found

    def held_files(self, project: str, run: str) -> Iterator[str]:
        """Yield the paths of a run's media and files that lie there, unfinished ones left out."""
        for top in (MEDIA_DIRECTORY, FILES_DIRECTORY):
            start = os.path.join(self.run(project, run), top)
            if self._disk.is_link(start) or not self._disk.is_directory(start):
                continue
            for path, entry in self._disk.walk(start):
                if entry.is_file and not entry.name.endswith(TEMPORARY_SUFFIX):
                    yield path

    def make_parent(self, path: str) -> None:
        """Make the directories above `path`; they and their names are on the disk on return.

        The root itself is not made: where it is gone its disk was pulled out, and what is written below
        would be hidden once that is back.
        """
        parent = os.path.dirname(path)
        if not self._disk.is_directory(self.root):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.root)
        try:
            with taken(path):
                self._disk.make_directory(parent)
            self.sync_above(path)
        except OSError:
            self.forget_synced()
            raise

    def sync_above(self, path: str) -> None:
        """Return once every name from the root down to `path` is on the disk.

        Whoever made them before may have died before that. Once is enough: what this process adds
        later is synced as it is added. But a directory that is not known yet may have been made just now
        by a thread that has not synced its name, or could not: the known one above it is synced, too.
        """
        parent, above = os.path.dirname(path), list[str]()
        if parent in self._synced:
            return
        while parent != self.root and parent not in self._synced:
            above.append(parent)
            parent = os.path.dirname(parent)
        above.append(parent)
        for directory in above:
            self._disk.sync_directory(directory)
        with self._lock:
            if len(self._synced) >= SYNCED_DIRECTORIES_MAX:
                self._synced.clear()
            self._synced.update(above)

    def forget_synced(self) -> None:
        """Trust no directory any more: a disk has just failed."""
        with self._lock:
            self._synced.clear()

    def _beneath(self, *names: str) -> str:
        path = self.root
        for name in names:
            path = os.path.join(path, name)
            if self._disk.is_link(path):
                raise PlaceTakenError(
                    f"{os.path.relpath(path, self.root)} is a symbolic link, and none is followed here"
                )
        return path


@contextmanager
def taken(path: str | None = None) -> Iterator[None]:
    """Turn what the system says of a link, a file or a directory in the way into PlaceTakenError.

    Without a path the error's own one is named.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP):
            raise
        path = path or error.filename2 or error.filename or ""
        raise PlaceTakenError(
            f"{os.path.basename(path)} cannot be put in its place: {error.strerror}"
        ) from error
