"""Hints that something has changed on the disk: inotify, by watchdog, where it tells the truth.

They only bring the next look forward, and spare looks at folders of which nothing is told. Folders,
projects and the folders in front of patterns are watched, not runs: a new run shows there, appends
make no event, and ten thousand finished runs cost nothing.
"""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.filesystems import filesystem_of, is_network
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.watch.tree import Identity, Place
from tidelog.syncd.agent.watch.trust import Proof, Trust

if TYPE_CHECKING:
    from tidelog.syncd.agent.watch.inotify import Inotify, Watch


_WAYS = {
    Proof.NONE: "inotify, and looking: no event has proven it yet",
    Proof.GIVEN: "inotify",
    Proof.LOST: "inotify, and looking: a change came without an event",
}


class Watched(NamedTuple):
    """A folder that is watched, and which folder was there when that began."""

    watch: "Watch"
    identity: Identity


def open_inotify(tell: Callable[[str], None]) -> "Inotify | None":
    """Return what all hints of a daemon share; None where looking must do it all."""
    from watchdog.utils import UnsupportedLibcError

    try:
        from tidelog.syncd.agent.watch.inotify import Inotify
    except (ImportError, TypeError, UnsupportedLibcError):
        return None  # A system without inotify.
    try:
        return Inotify()
    except OSError as error:
        tell(
            f"no inotify instance is to be had ({error.strerror}): new runs are found by looking; "
            "more instances: sysctl fs.inotify.max_user_instances"
        )
        return None


class Hints:
    """Calls `on_hint`, from any thread, when a folder that is watched has changed."""

    def __init__(
        self,
        on_hint: Callable[[], None],
        *,
        inotify: "Inotify | None",
        disk: Disk,
        clock: Clock,
        settings: AgentSettings,
        tell: Callable[[str], None],
    ) -> None:
        self.overflows = 0
        self._on_hint = on_hint
        self._disk = disk
        self._clock = clock
        self._settings = settings
        self._tell = tell
        self._trust = Trust(patience_s=settings.trust_s)
        self._watched: dict[str, Watched] = {}
        self._kinds: dict[int, str] = {}
        self._new: set[str] = set()
        self._is_used_up = False
        self._lock = threading.Lock()
        self._loud: set[str] = set()
        self._has_overflowed = False
        self._inotify = inotify

    def watch(self, places: Iterable[Place]) -> None:
        """Watch these folders, and no others. A folder that took another one's place is watched anew."""
        if self._inotify is None:
            return
        there = {place.path: place.identity for place in places if place.identity is not None}
        self._forget_devices({device for device, _ in there.values()})
        wanted = {
            path: identity for path, identity in there.items() if self._is_told_all(path, identity[0])
        }
        lost = [
            path
            for path, held in self._watched.items()
            if wanted.get(path) != held.identity or held.watch.is_gone
        ]
        for path in lost:
            self._inotify.remove(self._watched.pop(path).watch)
        self._trust.forget(lost)
        if len(self._watched) < len(wanted):
            self._is_used_up = not all(
                self._add(self._inotify, path, identity)
                for path, identity in wanted.items()
                if path not in self._watched
            )

    def quiet(self) -> set[str]:
        """Return the folders that did not change since the last call; where events are trusted alone."""
        with self._lock:
            loud, self._loud = self._loud, set()
            has_overflowed, self._has_overflowed = self._has_overflowed, False
        self._trust.heard(loud)
        if has_overflowed:
            self._trust.excuse()
            return set()
        return {
            path
            for path, held in self._watched.items()
            if path not in loud and self._trust.is_proven(held.identity[0])
        }

    def judge(self, changed: Iterable[str]) -> None:
        """Take into account which folders a look has found changed."""
        with self._lock:
            # The look for these is still to come.
            self._trust.heard(self._loud)
        # What changed between a look and the watch that it led to made no event.
        known = self._watched.keys() - self._new
        here = [(path, self._watched[path].identity[0]) for path in changed if path in known]
        self._new = set()
        for device in self._trust.judge(here, self._clock.monotonic()):
            self._tell(
                f"a change on the file system {self._kinds.get(device, '')} came without an event: new "
                "runs there are found by looking"
            )

    def way_to(self, place: Place) -> str:
        """Say how a change in a folder is noticed, for people. Asks no disk: it may not answer."""
        held = self._watched.get(place.path)
        if held is not None:
            return _WAYS[self._trust.proof(held.identity[0])]
        kind = self._kinds.get(place.identity[0], "") if place.identity else ""
        if self._inotify is not None and is_network(kind):
            return f"looking: {kind} does not tell what other machines do"
        return "looking: no inotify watch is to be had" if self._is_used_up else "looking"

    def close(self) -> None:
        """Watch nothing more."""
        self.watch([])

    # -- from the thread that reads events -------------------------------------------------------

    def _heard(self, path: str) -> None:
        with self._lock:
            is_first = not self._loud
            self._loud.add(path)
        if is_first:
            self._on_hint()

    def _overflowed(self) -> None:
        with self._lock:
            # watchdog says it once for every folder.
            self.overflows += not self._has_overflowed
            self._has_overflowed = True
        self._on_hint()

    # -- watches ---------------------------------------------------------------------------------

    def _forget_devices(self, there: set[int]) -> None:
        """Another file system may be mounted under the number of one that is away."""
        self._kinds = {device: kind for device, kind in self._kinds.items() if device in there}
        self._trust.keep(there)

    def _is_told_all(self, path: str, device: int) -> bool:
        """Tell whether the kernel knows of all changes there: no other machine can make any."""
        if device not in self._kinds:
            self._kinds[device] = filesystem_of(path, self._disk)
        return not is_network(self._kinds[device])

    def _add(self, inotify: "Inotify", path: str, identity: Identity) -> bool:
        if inotify.watch_count >= self._settings.watches_max:
            return False
        try:
            watch = inotify.add(path, self._heard, self._overflowed)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return True  # Looking tells what is wrong with it.
        except OSError as error:
            if not inotify.is_used_up:
                self._tell(
                    f"{path} cannot be watched for events ({error.strerror}): new runs there are found "
                    f"by looking, every {self._settings.tail_interval_s:g} s; more watches: sysctl "
                    "fs.inotify.max_user_watches"
                )
            inotify.is_used_up = True
            return False
        self._watched[path] = Watched(watch, identity)
        self._new.add(path)
        return True
