"""What lives as long as a run: parts that record in it, watchers that see how it ends, chores."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from tidelog.sdk.attempts import Attempts
from tidelog.sdk.chores import Chores
from tidelog.sdk.notices import Notices

CHORES_PATIENCE_S = 2.0
"""How long the end of a run waits for git and the like; without them the run is as whole."""


class Watcher(Protocol):
    """Something that lives as long as the run: it never raises, and `stop` is bounded in time."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End; in a forked child only what is the child's."""


class Part(Watcher, Protocol):
    """A watcher that records in the run's own log, so that it is stopped before that ends."""

    @property
    def is_busy(self) -> bool:
        """Whether this very thread is in the middle of it: a signal handler interrupted it."""


AnyWatcher = TypeVar("AnyWatcher", bound=Watcher)


class Lifetime:
    """Starts what belongs to one run, and ends it in the order that the log wants."""

    def __init__(self, *, attempts: Attempts, notices: Notices) -> None:
        self._attempts = attempts
        self._notices = notices
        self._parts: list[Part] = []
        self._watchers: list[Watcher] = []
        self._chores: Chores | None = None

    @property
    def is_busy(self) -> bool:
        """Whether this very thread is in the middle of a part: to stop it now would be for ever."""
        return any(part.is_busy for part in self._parts)

    def start_part(self, part: Part) -> None:
        """Let something live as long as the run and record in it; what came last is stopped first."""
        part.start()
        self._parts.append(part)

    def start_watcher(self, watcher: Watcher) -> None:
        """Let something live as long as the run and see how it ends: it is stopped behind that."""
        watcher.start()
        self._watchers.append(watcher)

    def find_watcher(self, kind: type[AnyWatcher]) -> AnyWatcher | None:
        """Return the watcher of a class, None where there is none, or none any more."""
        return next((each for each in self._watchers if isinstance(each, kind)), None)

    def start_chores(self, chores: Iterable[Callable[[], None]], afterwards: Callable[[], None]) -> None:
        """Do what can wait beside training."""
        self._chores = Chores(chores, afterwards=afterwards, notices=self._notices)

    def wait_for_chores(self, patience_s: float = CHORES_PATIENCE_S) -> None:
        """Wait until the chores are done, or the patience is over."""
        if self._chores is not None:
            self._chores.wait(patience_s)

    def stop_parts(self) -> None:
        """End what records in the log."""
        while self._parts:
            self._attempts.make("finish", self._parts.pop().stop)

    def stop_watchers(self) -> None:
        """End what saw the log end."""
        while self._watchers:
            self._attempts.make("finish", self._watchers.pop().stop)
