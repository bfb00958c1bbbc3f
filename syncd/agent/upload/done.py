"""What one try of a task achieved. A value; no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tidelog.datastore.scan import Damage, TornTail
from tidelog.syncd.agent.task import LARGE_FILE, Run, Task
from tidelog.syncd.bodies import FileEntry


@dataclass(slots=True)
class Done:
    """What one try achieved, for the planner and for those who watch.

    `has_more` says that the task has more to send; `entries` are files that became known; `parked` are
    tasks (of files) that only a person can help; `delivered` the files that the target holds now; `twin`
    the log's name at the target where that differs; `has_lost` says that the target held less than it
    had acknowledged, and that it gets it again.
    """

    has_more: bool = False
    is_final: bool = False
    has_lost: bool = False
    chunks: int = 0
    offset: int = 0
    bytes_sent: int = 0
    entries: Sequence[FileEntry] = ()
    parked: dict[Task, str] = field(default_factory=dict)
    delivered: Sequence[FileEntry] = ()
    damage: Sequence[Damage] = ()
    tail: Damage | TornTail | None = None
    twin: str = ""


def file_task(run: Run, path: str) -> Task:
    """Return the task that stands for one file."""
    return Task(run, LARGE_FILE, path)
