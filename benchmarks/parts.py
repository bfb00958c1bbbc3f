"""What can be measured: each part with its ways to be measured, to come from JSON and to be told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import follow, large_log, listing, monitor, rounds, tables, training, watching
from benchmarks.reading import rounds as reading_rounds
from benchmarks.reading import tables as reading_tables
from benchmarks.roster import ROSTER, choose
from benchmarks.uploading import jobs
from benchmarks.uploading import rounds as uploading_rounds
from benchmarks.uploading import tables as uploading_tables

Results = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line chose; `folder` is where all files go, `tell` takes a line of progress."""

    names: Sequence[str]
    rows: int
    read_rows: Sequence[int]
    rounds: int
    checkpoint_mib: int
    folder: Path
    tell: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Part:
    """One subject of the page. A result has `name`, `failure` and `as_json()`."""

    name: str
    measure: Callable[[Choices], Results]
    from_json: Callable[[dict[str, Any]], Any]
    section: Callable[[Any, int], str]
    terminal: Callable[[Any], str]
    is_asked_for: bool = False
    """Whether it is measured only where it is named: it takes long, or much room."""


def _log(chosen: Choices) -> Results:
    return rounds.run(
        choose(chosen.names),
        rows=chosen.rows,
        rounds=chosen.rounds,
        folder=chosen.folder,
        tell=chosen.tell,
    )


def _train(chosen: Choices) -> Results:
    return training.run(rounds=chosen.rounds, folder=chosen.folder, tell=chosen.tell)


def _upload(chosen: Choices) -> Results:
    sizes = jobs.Sizes(checkpoint_bytes=chosen.checkpoint_mib * jobs.MIB)
    return uploading_rounds.run(
        rounds=chosen.rounds, folder=chosen.folder, tell=chosen.tell, sizes=sizes
    )


def _read(chosen: Choices) -> Results:
    return reading_rounds.run(
        sizes=chosen.read_rows, rounds=chosen.rounds, folder=chosen.folder, tell=chosen.tell
    )


def _list(chosen: Choices) -> Results:
    return listing.run(rounds=chosen.rounds, folder=chosen.folder, tell=chosen.tell)


def _follow(chosen: Choices) -> Results:
    return follow.run(folder=chosen.folder, tell=chosen.tell)


def _watch(chosen: Choices) -> Results:
    return watching.run(folder=chosen.folder, tell=chosen.tell)


def _monitor(chosen: Choices) -> Results:
    return monitor.run(folder=chosen.folder, tell=chosen.tell)


def _ask_a_large_log(chosen: Choices) -> Results:
    return large_log.run(rounds=chosen.rounds, folder=chosen.folder, tell=chosen.tell)


PARTS = (
    Part("logging", _log, rounds.Result.from_json, tables.logging_section, tables.logged),
    Part("training", _train, training.Result.from_json, training.section, training.terminal),
    Part(
        "reading",
        _read,
        reading_rounds.Result.from_json,
        reading_tables.section,
        reading_tables.terminal,
    ),
    Part(
        "large",
        _ask_a_large_log,
        reading_rounds.Result.from_json,
        large_log.section,
        large_log.terminal,
        is_asked_for=True,
    ),
    Part("listing", _list, listing.Result.from_json, listing.section, listing.terminal),
    Part("follow", _follow, follow.Result.from_json, follow.section, follow.terminal),
    Part("monitor", _monitor, monitor.Result.from_json, monitor.section, monitor.terminal),
    Part(
        "watching",
        _watch,
        watching.Result.from_json,
        watching.section,
        watching.terminal,
        is_asked_for=True,
    ),
    Part(
        "upload",
        _upload,
        uploading_rounds.Result.from_json,
        uploading_tables.section,
        uploading_tables.terminal,
    ),
)


def choose_parts(names: Sequence[str]) -> tuple[Part, ...]:
    """Return the parts that the names mean: a peer means logging; all usual parts for none.

    ValueError names the first that nobody has.
    """
    peers = {entry.first_word for entry in ROSTER}
    known = {part.name for part in PARTS}
    for name in names:
        if name not in peers | known:
            listed = ", ".join(sorted(peers | known))
            raise ValueError(f"there is no peer and no part {name!r}: choose among {listed}")
    if not names:
        return tuple(part for part in PARTS if not part.is_asked_for)
    meant = {"logging" if name in peers else name for name in names}
    return tuple(part for part in PARTS if part.name in meant)
