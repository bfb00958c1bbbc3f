"""Which state a run is in, as a hub can know it: what its logs say, else how long they have been silent.

No I/O. A hub hears from a run by its bytes alone, and judges the silence by its own clock: a trainer's
may be wrong. Silence is no death: a run that is out of reach goes on, and what comes late is welcome.
"""

from typing import Literal, get_args

RunState = Literal["running", "finished", "failed", "crashed", "unreachable"]
STATES: tuple[str, ...] = get_args(RunState)

NEW = "new"
CHANGED = "changed"
STATE = "state"
REMOVED = "removed"


def state_of(*, ended: str | None, silent_s: float, patience_s: float) -> RunState:
    """Return the state of a run whose logs tell of this end, None for none, and are silent for so long.

    A run that was resumed has no end again, so every state may follow every other.
    """
    if ended == "finished":
        return "finished"
    if ended == "failed":
        return "failed"
    if ended == "crashed":
        return "crashed"
    return "running" if silent_s < patience_s else "unreachable"


def news_of(before: str | None, after: str | None) -> str | None:
    """Return which event tells of a run that changed between these states; None is no run at all."""
    if before is None:
        return None if after is None else NEW
    if after is None:
        return REMOVED
    return CHANGED if before == after else STATE


def silent_since(heard: float, *, state: str, started: float) -> float:
    """Return since when a run has been silent to a hub that started at `started`.

    While it was away a hub could not hear: who was running then has all its time again.
    """
    return max(heard, started) if state == "running" else heard
