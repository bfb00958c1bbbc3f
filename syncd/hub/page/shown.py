"""What the page shows of runs, and the one interface by which it gets it. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tidelog.syncd.hub.page.place import run_page
from tidelog.syncd.hub.read.question import Reach
from tidelog.syncd.hub.web.address import RunAddress


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run in short. Times are in seconds since the epoch."""

    project: str
    run: str
    name: str
    state: str
    last_step: int | None
    summary: Mapping[str, Any]
    started: float | None
    updated: float | None
    user: str | None

    @property
    def address(self) -> str:
        """The address of its page."""
        return run_page(RunAddress(self.project, self.run))


@dataclass(frozen=True, slots=True)
class RunList:
    """A page of runs, the newest first; `following` is where the next one begins, None on the last."""

    runs: Sequence[ShownRun]
    following: str | None
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class RunDetails:
    """A run with its facts."""

    run: ShownRun
    exit_code: int | None
    exit_reason: str
    config: Mapping[str, Any]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ShownMedia:
    """A media file that a row mentions."""

    key: str
    step: int
    path: str
    size: int
    caption: str | None


@dataclass(frozen=True, slots=True)
class MediaPage:
    """Media in the order of logging; `following` is where the next page begins, None on the last."""

    media: Sequence[ShownMedia]
    following: str | None


class RunSource(Protocol):
    """Where the page gets its runs. All of it raises ProtocolError for an `after` that is none."""

    async def runs(self, reach: Reach, *, project: str | None, after: str | None, limit: int) -> RunList:
        """Return runs that the one who asks may see, and no others."""
        ...

    async def run(self, address: RunAddress, reach: Reach) -> RunDetails | None:
        """Return one run, None where there is none."""
        ...

    async def media(
        self, address: RunAddress, reach: Reach, *, after: str | None, limit: int
    ) -> MediaPage | None:
        """Return a page of its media, None where there is no such run."""
        ...
