"""May a run be deleted here? What speaks against it, in words. Decides only; reads and deletes nothing.

A run that is not due is kept, and that is no fault. A run that is due and in doubt is kept, too, and
the doubt is told: all that anybody could want back must be somewhere else, byte for byte.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tidelog.datastore.layout import RUN_JSON, SALVAGE_JSON, SUMMARY_JSON
from tidelog.datastore.scan import Damage
from tidelog.datastore.text import duration_text
from tidelog.syncd.agent.proof.compare import Verdict

DERIVED = frozenset([RUN_JSON, SUMMARY_JSON, SALVAGE_JSON])
ENDED = frozenset(["finished", "failed"])
ENDED_WITHOUT_A_WORD = frozenset(["crashed", "unknown"])

_UNFINISHED = re.compile(r".+\.([0-9a-f]{8}|[0-9a-f]{16})\.tmp")


class Seen(NamedTuple):
    """One name below a run directory, as it lay there: None for the size of what is no plain file."""

    size: int | None
    is_directory: bool
    mtime_ns: int
    ctime_ns: int


Sight = Mapping[str, Seen]
"""Everything below a run directory, by its path there."""


def reason_to_keep(state: str, age_s: float, *, older_than_s: float, takes_crashed: bool) -> str | None:
    """Say why a run is not due, None where it is. `age_s` counts from the last change in it."""
    if state in ENDED_WITHOUT_A_WORD and not takes_crashed:
        return f"{state}: it ended without a word, --crashed takes it too"
    if state not in ENDED and state not in ENDED_WITHOUT_A_WORD:
        return f"{state}"
    if age_s < older_than_s:
        return f"younger than {duration_text(older_than_s)}"
    return None


def doubts_of(sight: Sight, names: Sequence[str], verdict: Verdict) -> list[str]:
    """Name all that speaks against deleting a run: what is not proven, and what nobody has recorded."""
    doubts = [
        f"{difference.item + ': ' if difference.item else ''}{difference.reason}"
        for difference in verdict.differences
    ]
    doubts += [
        f"{tail.log}: the damaged bytes from {tail.offset} on are nowhere else"
        for tail in verdict.home.tails
        if isinstance(tail, Damage)
    ]
    known = {*names, *verdict.home.ledger, *DERIVED}
    doubts += [f"{path}: {fault}" for path, fault in _strays(sight, known)]
    return doubts


def has_changed(before: Sight, now: Sight) -> str | None:
    """Name something that is not as it was, None where everything is."""
    for path in sorted({*before, *now}):
        if before.get(path) != now.get(path):
            return path
    return None


def _strays(sight: Sight, known: Iterable[str]) -> list[tuple[str, str]]:
    known = set(known)
    return [
        (path, fault)
        for path, seen in sight.items()
        if path not in known and (fault := _fault_of(path, seen)) is not None
    ] + [
        (path, "it is no plain file")
        for path, seen in sight.items()
        if path in known and seen.size is None
    ]


def _fault_of(path: str, seen: Seen) -> str | None:
    """Say why a name that no log mentions is in the way; what a killed writer left unfinished is not."""
    if seen.is_directory:
        return None
    if seen.size is None:
        return "it is a link, or no plain file"
    return (
        None if _UNFINISHED.fullmatch(path) else "no log of the run mentions it, so it is nowhere else"
    )
