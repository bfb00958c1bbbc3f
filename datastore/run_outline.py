"""What the logs of a run say about it together: facts, config, summary, how it ended. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tidelog.datastore.layout import MAIN, MONITOR
from tidelog.datastore.outline import LogOutline
from tidelog.datastore.state import Machine, State, ended_state, infer_state
from tidelog.datastore.summary import Summary

FORKED_FROM = "forked_from"


class Outlined(NamedTuple):
    """A log of a run and its outline; `log_id` is hexadecimal, "" where a damaged header lost it."""

    stream: str
    log_id: str
    outline: LogOutline


@dataclass(frozen=True, slots=True)
class LastLife:
    """The end of the log that decides on the state: the last one of the main process.

    `death` is what a monitor recorded of it, where its process ended without a word.
    """

    final: dict[str, Any] | None
    ending: dict[str, Any] | None
    death: dict[str, Any] | None
    facts: dict[str, Any]
    last_time: float | None


@dataclass(frozen=True, slots=True)
class RunOutline:
    """A run in short. `rows` counts those that were written, before merging; times are in seconds."""

    metadata: dict[str, Any]
    config: dict[str, Any]
    metrics: dict[str, dict[str, Any]]
    summary: dict[str, Any]
    rows: int
    last_step: int | None
    times: tuple[float, float] | None
    last_life: LastLife | None

    @property
    def exit_code(self) -> int | None:
        """The exit code of the main process that was last to run; None while it has none."""
        code = self._ending.get("code")
        return code if isinstance(code, int) else None

    @property
    def exit_reason(self) -> str:
        """Why that process ended, as it said itself or the monitor found out; "" where nobody told."""
        return str(self._ending.get("reason") or "")

    @property
    def _ending(self) -> Mapping[str, Any]:
        life = self.last_life
        return {} if life is None else life.ending or life.death or {}

    @property
    def ended(self) -> State | None:
        """How the run ended, as its logs say it; None where they tell of no end."""
        life = self.last_life
        if life is None:
            return None
        return ended_state(final=life.final, ending=life.ending, death=life.death)

    def state(self, *, now: float, machine: Machine) -> State:
        """Return the state of the run as `machine` sees it at the time `now`."""
        life = self.last_life
        if life is None:
            return "unknown"
        return infer_state(
            final=life.final,
            ending=life.ending,
            death=life.death,
            facts=life.facts,
            last_time=life.last_time,
            now=now,
            machine=machine,
        )

    def as_map(self) -> dict[str, Any]:
        """Return all of it as a map that msgpack can hold."""
        life = self.last_life
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "last_life": None
            if life is None
            else {each: getattr(life, each) for each in life.__slots__},
        }

    @classmethod
    def from_map(cls, content: Mapping[str, Any]) -> "RunOutline":
        """Return the outline that gave this map."""
        life, times = content["last_life"], content["times"]
        return cls(
            **{
                **content,
                "times": None if times is None else (times[0], times[1]),
                "last_life": None if life is None else LastLife(**life),
            }
        )


def outline_of(logs: Sequence[Outlined]) -> RunOutline:
    """Return the outline of a run from those of its logs, in reading order.

    What the monitor samples of the machine is no part of what the run came to: neither of its summary
    nor of its rows and steps.
    """
    outlines = [log.outline for log in logs]
    trained = _trained(logs)
    first = [each.first_time for each in outlines if each.first_time is not None]
    last = [each.last_time for each in outlines if each.last_time is not None]
    return RunOutline(
        metadata=folded(log.outline.facts for log in sorted(logs, key=lambda log: log.stream == MAIN)),
        config=folded(each.config for each in outlines),
        metrics=folded(each.metrics for each in outlines),
        summary=summary_of(logs).values(),
        rows=sum(each.rows for each in trained),
        last_step=max((each.last_step for each in trained if each.last_step is not None), default=None),
        times=(min(first), max(last)) if first and last else None,
        last_life=_last_life(logs),
    )


def summary_of(logs: Sequence[Outlined]) -> Summary:
    """Return the summary of all of a run's logs, as further rows would go on changing it."""
    # A forked child's log comes after its parent's, and its rows before the parent's last ones.
    forked_first = sorted(_trained(logs), key=lambda outline: FORKED_FROM not in outline.facts)
    return Summary().combined(each.summary for each in forked_first)


def project_of(metadata: Mapping[str, Any], folder: str) -> str:
    """Return the project of a run: what its records say, else the folder that its directory lies in."""
    return str(metadata.get("project") or folder)


def folded(maps: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one map; of a key that is in several the last value counts."""
    whole: dict[str, Any] = {}
    for each in maps:
        whole.update(each)
    return whole


def _trained(logs: Sequence[Outlined]) -> list[LogOutline]:
    """Return the outlines of what training logged; of all logs where there is nothing else."""
    outlines = [log.outline for log in logs]
    return [log.outline for log in logs if log.stream != MONITOR] or outlines


def _last_life(logs: Sequence[Outlined]) -> LastLife | None:
    """Return the end of the main process's last log: forked children do not decide on the state."""
    trained = [log for log in logs if log.stream != MONITOR] or logs
    main = [log for log in trained if log.stream == MAIN] or trained
    lives = [log for log in main if FORKED_FROM not in log.outline.facts] or main
    if not lives:
        return None
    _, log_id, life = lives[-1]
    deaths = folded(log.outline.deaths for log in logs)
    death = deaths.get(log_id) if log_id else None
    return LastLife(life.final, life.ending, death, life.facts, life.last_time)
