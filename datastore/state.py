"""What state a run is in: an inference from what its last log says, never from a file's age. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from tidelog.datastore.limits import HEARTBEAT_S

State = Literal["running", "finished", "failed", "crashed", "unknown"]

HEARTBEATS_MISSED_MAX = 3


class Machine(NamedTuple):
    """The machine that asks: which it is, and how it knows that a process lives."""

    host: str
    boot_id: str | None
    is_alive: Callable[[int, int | None], bool]
    """`is_alive(pid, started)`: whether that very process, started then, still runs."""


def infer_state(
    *,
    final: Mapping[str, Any] | None,
    ending: Mapping[str, Any] | None,
    death: Mapping[str, Any] | None,
    facts: Mapping[str, Any],
    last_time: float | None,
    now: float,
    machine: Machine,
) -> State:
    """Return the state of a run from the last log of its main process.

    `final` is the map of its final chunk, `ending` that of its exit record, `death` what the monitor
    recorded of a process that ended without either, `facts` those of its run records, `last_time` the
    time of its last record. On the writer's own machine its process decides; elsewhere a heartbeat
    proves that it runs, and silence proves nothing.
    """
    ended = ended_state(final=final, ending=ending, death=death)
    if ended is not None:
        return ended
    pid, host, boot_id = facts.get("pid"), facts.get("host"), facts.get("boot_id")
    if not isinstance(pid, int) or host is None:
        return "unknown"
    is_of_other_boot = None not in (boot_id, machine.boot_id) and boot_id != machine.boot_id
    if host == machine.host and not is_of_other_boot:
        return "running" if machine.is_alive(pid, facts.get("pid_started")) else "crashed"
    if last_time is not None and 0 <= now - last_time <= HEARTBEATS_MISSED_MAX * HEARTBEAT_S:
        return "running"
    # Silent under this machine's name: it was started anew since. Many machines have one name, such as
    # "localhost", so that a heartbeat goes before this.
    return "crashed" if host == machine.host else "unknown"


def ended_state(
    *,
    final: Mapping[str, Any] | None,
    ending: Mapping[str, Any] | None,
    death: Mapping[str, Any] | None,
) -> State | None:
    """Return how a run ended, as its logs say it; None where they tell of no end. See `infer_state`."""
    if final is not None and final.get("state") in ("finished", "failed", "crashed"):
        state: State = final["state"]
        return state
    if ending is not None:
        return "finished" if ending.get("code") == 0 else "failed"
    return None if death is None else "crashed"
