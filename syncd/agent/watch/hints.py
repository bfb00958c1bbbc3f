"""Hints that something has changed on the disk. They only set "dirty": the next look finds the truth.

Roots and projects are watched, not runs: a new run shows there, and ten thousand finished runs cost
nothing. Network file systems give no hints and need none.
"""

import asyncio
import contextlib
from collections.abc import Iterable

from tidelog.datastore.disk import Disk
from tidelog.datastore.filesystems import filesystem_of, is_network

WATCHED_MAX = 64


class Hints:
    """Sets `dirty` when a directory that is watched gains or loses an entry."""

    def __init__(self, dirty: asyncio.Event, *, disk: Disk) -> None:
        from watchdog.events import (
            DirCreatedEvent,
            DirMovedEvent,
            FileCreatedEvent,
            FileMovedEvent,
            FileSystemEvent,
            FileSystemEventHandler,
        )
        from watchdog.observers import Observer

        loop = asyncio.get_running_loop()

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002
                with contextlib.suppress(RuntimeError):  # The loop may be gone already.
                    loop.call_soon_threadsafe(dirty.set)

        self._handler = Handler()
        self._kinds: list[type[FileSystemEvent]] = [
            DirCreatedEvent,
            DirMovedEvent,
            FileCreatedEvent,
            FileMovedEvent,
        ]
        self._disk = disk
        self._observer = Observer()
        self._seen: set[str] = set()
        self._observer.start()

    def watch(self, paths: Iterable[str]) -> None:
        """Watch more directories, up to a bound; those beyond it are found by looking."""
        for path in paths:
            if path in self._seen or len(self._seen) >= WATCHED_MAX:
                continue
            if not self._disk.is_directory(path):
                continue
            self._seen.add(path)
            if not is_network(filesystem_of(path, self._disk)):
                with contextlib.suppress(OSError):  # Out of watches: looking finds it all the same.
                    self._observer.schedule(self._handler, path, event_filter=self._kinds)

    def close(self) -> None:
        """Stop watching."""
        self._observer.stop()
        self._observer.join()
