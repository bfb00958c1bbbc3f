"""Where something lies: a disk and a path on it. What has a scheme lies on another machine."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import NotARunError, UnsupportedUrlError

FILE = "file://"

_URL = re.compile(r"[a-z][a-z0-9+.-]*(::|://)", re.IGNORECASE)


class Location(NamedTuple):
    """A path, and the disk that it lies on."""

    disk: Disk
    path: Path

    def __str__(self) -> str:
        """Return the path, or the URL, as messages name it."""
        return self.disk.shown(self.path)


def is_url(text: str) -> bool:
    """Tell whether a text is a URL and no path of this machine."""
    return "://" in text and _URL.match(text) is not None


def locate(path: StrPath, *, disk: Disk | None = None) -> Location:
    """Return the disk and the path for a path of this machine or a URL that fsspec reads.

    `disk` is that of this machine, where it is to be another than the real one.
    Raises what `RemoteDisk` raises for a URL that nothing here reads, NotARunError for no text at all.
    """
    text = os.fspath(path)
    if not text:
        raise NotARunError("the path is empty: name a run, a project or a root; this folder is '.'")
    if not is_url(text):
        return Location(disk or Disk(), Path(path))
    if text.startswith(FILE) and "::" not in text:
        return Location(disk or Disk(), _local_path(text))
    from tidelog.datastore.remote import RemoteDisk  # Only those who read over a network pay for it.

    remote = RemoteDisk(text)
    return Location(remote, remote.start)


def _local_path(url: str) -> Path:
    from urllib.parse import unquote

    host, slash, path = url.removeprefix(FILE).partition("/")
    if host not in ("", "localhost") or not slash:
        raise UnsupportedUrlError(f"{url} names no path of this machine, as file:///runs does")
    return Path(f"/{unquote(path)}")
