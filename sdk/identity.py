"""What a run is: its names, its place, its mode. Names for people may be changed while it goes on."""

from collections.abc import Callable, Mapping
from typing import Any

from tidelog.sdk.choices import DISABLED, ONLINE
from tidelog.sdk.run_directory import RunDirectory
from tidelog.sdk.run_plan import Plan, as_names, as_text

Record = Callable[[dict[str, Any]], None]


class Identity:
    """The part of a `Run` that says what it is; what is changed here is recorded at once."""

    def __init__(self, plan: Plan, *, is_resumed: bool, record: Record) -> None:
        self._plan = plan
        self._is_resumed = is_resumed
        self._record = record
        self._tags = tuple(as_names(plan.facts.get("tags")))

    @property
    def id(self) -> str:
        """The run's id, which is the name of its directory."""
        return self._plan.run_id

    @property
    def name(self) -> str:
        """The name for people."""
        return self._plan.name

    @name.setter
    def name(self, name: object) -> None:
        self._plan.name = as_text(name)
        self._set_fact("name", self._plan.name)

    @property
    def notes(self) -> str | None:
        """The notes, where some were given."""
        return self._plan.facts.get("notes")

    @notes.setter
    def notes(self, notes: object) -> None:
        self._set_fact("notes", as_text(notes))

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags; `run.tags += ("best",)` adds one."""
        return self._tags

    @tags.setter
    def tags(self, tags: object) -> None:
        self._tags = tuple(as_names(tags))
        self._set_fact("tags", list(self._tags))

    @property
    def project(self) -> str:
        """The project that it belongs to."""
        return self._plan.project

    @property
    def entity(self) -> str | None:
        """The person or team, where one was given."""
        return self._plan.facts.get("entity")

    @property
    def group(self) -> str | None:
        """The group, where one was given."""
        return self._plan.facts.get("group")

    @property
    def job_type(self) -> str | None:
        """The type of job, where one was given."""
        return self._plan.facts.get("job_type")

    @property
    def path(self) -> str:
        """Project and id, as the run lies below its root."""
        return f"{self.project}/{self.id}"

    @property
    def dir(self) -> RunDirectory:
        """The run directory."""
        return RunDirectory(self._plan.directory)

    @property
    def url(self) -> str | None:
        """Where the hub has the run once it is uploaded; None where it is not on its way to one."""
        return self._plan.url if self.mode == ONLINE else None

    @property
    def mode(self) -> str:
        """`online`, `offline` or `disabled`."""
        return self._plan.mode

    @property
    def offline(self) -> bool:
        """Whether nothing is uploaded while it is recorded."""
        return self.mode != ONLINE

    @property
    def disabled(self) -> bool:
        """Whether nothing is recorded."""
        return self.mode == DISABLED

    @property
    def resumed(self) -> bool:
        """Whether the run was there before."""
        return self._is_resumed

    @property
    def start_time(self) -> float:
        """When this process began it, or went on with it, in seconds since the epoch."""
        return self._plan.start_time

    @property
    def rank(self) -> int:
        """The number of this process in a distributed job, 0 where there is only one."""
        return self._plan.rank.number

    def facts(self) -> Mapping[str, Any]:
        """Return what was recorded about the run and its process."""
        return self._plan.facts

    def _set_fact(self, name: str, value: Any) -> None:
        self._plan.facts[name] = value
        self._record({name: value})
