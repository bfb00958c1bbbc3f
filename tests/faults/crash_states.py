"""What a crash may leave on the disk: every state that a recording allows, within bounds. No I/O.

The method is ALICE's (Pillai et al., "All File Systems Are Not Created Equal: On the Complexity of
Crafting Crash-Consistent Applications", OSDI 2014): record the calls, then take away what no sync had
made last. What it found file systems to do, each does here:

- Of what was not synced any part may be missing, whatever came first: writes of one file, files
  among each other, names before or after what they lead to.
- A write may be cut where a sector ends, or in the middle; the file's length may arrive before its
  bytes, which are zeros then, or what these sectors held before.
- A new name lasts once its directory was synced, and the sync of a file does not do that.
- A rename is one step. A sync that failed makes nothing last, and no later one does for those bytes.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from random import Random
from typing import NamedTuple

from faults.recording_disk import (
    DIRECTORY,
    Call,
    Change,
    DirectorySynced,
    Named,
    Promise,
    Synced,
    SyncFailed,
    Truncated,
    Written,
)
from log_spec import LogSpec

SECTOR_BYTES = 512
FILE_HEADER_BYTES = 40


class Found(NamedTuple):
    """A file in a state: which one of the recording it is, and what is left of it."""

    file: int
    data: bytes


class State(NamedTuple):
    """The files by path, and the directories."""

    files: dict[str, Found]
    directories: frozenset[str]


class Moment(NamedTuple):
    """A point in time: what is on the disk for sure, what may or may not be, what was promised."""

    calls: int
    sure: tuple[tuple[int, Change], ...]
    loose: tuple[tuple[int, Change], ...]
    promises: tuple[Promise, ...]


def build(changes: Iterable[Change]) -> State:
    """Return the state after changes; a file is seen where all directories above it are."""
    contents: dict[int, bytearray] = {}
    names: dict[str, dict[str, int]] = {}
    for change in changes:
        if isinstance(change, Written):
            content = contents.setdefault(change.file, bytearray())
            content.extend(bytes(max(0, change.offset - len(content))))
            content[change.offset : change.offset + len(change.data)] = change.data
        elif isinstance(change, Truncated):
            content = contents.setdefault(change.file, bytearray())
            content[change.size :] = bytes(max(0, change.size - len(content)))
        else:
            entries = names.setdefault(change.directory, {})
            for name, file in change.names:
                entries.pop(name, None)
                if file is not None:
                    entries[name] = file
    files: dict[str, Found] = {}
    directories = [""]
    for directory in directories:
        for name, file in names.get(directory, {}).items():
            path = f"{directory}/{name}".lstrip("/")
            if file == DIRECTORY:
                directories.append(path)
            else:
                files[path] = Found(file, bytes(contents.get(file, b"")))
    return State(files, frozenset(directories[1:]))


def leftovers(change: Change) -> list[Change | None]:
    """Return what may be left of a change: nothing, all, and then what is odd."""
    if not isinstance(change, Written):
        return [None, change]
    data, end = change.data, change.offset + len(change.data)
    first_sector = change.offset // SECTOR_BYTES + 1
    boundaries = [at - change.offset for at in range(first_sector * SECTOR_BYTES, end, SECTOR_BYTES)]
    odd = [bytes(len(data)), data[: len(data) // 2]]
    for boundary in (boundaries[0], boundaries[-1]) if boundaries else ():
        odd.append(data[:boundary])
        odd.append(data[:boundary] + bytes(len(data) - boundary))
        odd.append(bytes(boundary) + data[boundary:])
    if change.offset:
        odd.append(_stale(len(data)))
    return [None, change, *(replace(change, data=each) for each in dict.fromkeys(odd))]


# -- the death of a process: the kernel has what it took --------------------------------------------


def deaths(
    calls: Sequence[Call], *, cuts: Callable[[int], Iterable[int]]
) -> Iterator[tuple[State, tuple[Promise, ...]]]:
    """Yield the state after each call, and with each write cut where `cuts(its length)` says."""
    changes: list[Change] = []
    promises: list[Promise] = []
    for call in calls:
        if isinstance(call, Promise):
            promises.append(call)
        elif isinstance(call, Change):
            if isinstance(call, Written):
                for taken in cuts(len(call.data)):
                    yield build([*changes, replace(call, data=call.data[:taken])]), tuple(promises)
            changes.append(call)
        yield build(changes), tuple(promises)


# -- a power cut: the disk has what was synced, and any of the rest ---------------------------------


def moments(calls: Sequence[Call]) -> Iterator[Moment]:
    """Yield the moment before each sync, and the end.

    What a cut at any other time leaves is among what these leave: up to the next sync the changes that
    may be missing only become more, and so do the promises.
    """
    sure: set[int] = set()
    doubtful: set[int] = set()
    for end, call in enumerate(calls):
        if isinstance(call, SyncFailed):
            doubtful |= {at for at in _writes(calls[:end], call.file) if at not in sure}
        elif isinstance(call, Synced | DirectorySynced):
            before = calls[: call.before]
            is_file = isinstance(call, Synced)
            made = _writes(before, call.file) if is_file else _namings(before, call.directory)
            if not sure.issuperset(new := made - doubtful):
                yield _moment(calls, end, sure)
                sure |= new
    yield _moment(calls, len(calls), sure)


def power_cuts(moment: Moment, *, limit: int, random: Random) -> Iterator[State]:
    """Yield states that a power cut at a moment may leave: all of them, or about `limit` picked ones."""
    options = [leftovers(change) for _, change in moment.loose]
    for picks in _picks([len(each) for each in options], limit=limit, random=random):
        picked = [each[pick] for each, pick in zip(options, picks, strict=True)]
        if _may_be(picked, moment.loose):
            loose = zip((at for at, _ in moment.loose), picked, strict=True)
            kept = [(at, change) for at, change in (*moment.sure, *loose) if change is not None]
            yield build(change for _, change in sorted(kept, key=lambda each: each[0]))


def _may_be(picked: Sequence[Change | None], loose: Sequence[tuple[int, Change]]) -> bool:
    """Leave out logs that lost their header and hold another one's chunks: they are whose those are."""
    headless = {
        change.file
        for (_, change), left in zip(loose, picked, strict=True)
        if isinstance(change, Written) and not change.offset and left != change
    }
    stale = {c.file for c in picked if isinstance(c, Written) and c.data == _stale(len(c.data))}
    return headless.isdisjoint(stale)


def _writes(calls: Sequence[Call], file: int) -> set[int]:
    return {
        at
        for at, call in enumerate(calls)
        if isinstance(call, Written | Truncated) and call.file == file
    }


def _namings(calls: Sequence[Call], directory: str) -> set[int]:
    return {at for at, c in enumerate(calls) if isinstance(c, Named) and c.directory == directory}


def _moment(calls: Sequence[Call], end: int, sure: set[int]) -> Moment:
    changes = [(at, call) for at, call in enumerate(calls[:end]) if isinstance(call, Change)]
    return Moment(
        calls=end,
        sure=tuple(each for each in changes if each[0] in sure),
        loose=tuple(each for each in changes if each[0] not in sure),
        promises=tuple(c for c in calls[:end] if isinstance(c, Promise) and c.level == "power"),
    )


def _picks(counts: list[int], *, limit: int, random: Random) -> Iterator[tuple[int, ...]]:
    """Yield which option of each to take: all combinations where they are no more than `limit`."""
    combinations = 1
    for count in counts:
        combinations *= count
    if combinations <= limit:
        yield from itertools.product(*map(range, counts))
        return
    yield from itertools.islice(_near_picks(counts), limit)
    for _ in range(limit):
        yield tuple(random.choice((0, 1, 1, random.randrange(count))) for count in counts)


def _near_picks(counts: list[int]) -> Iterator[tuple[int, ...]]:
    """Yield what is near to an orderly disk: the first ones, all but one or two, a single one."""
    size = len(counts)
    nothing, everything = [0] * size, [1] * size
    for index, count in enumerate(counts):
        for option in range(count):
            yield (*everything[:index], option, *nothing[index + 1 :])
            yield (*everything[:index], option, *everything[index + 1 :])
            yield (*nothing[:index], option, *nothing[index + 1 :])
    for one, other in itertools.combinations(range(size), 2):
        yield tuple(int(index not in (one, other)) for index in range(size))


@cache
def _stale(size: int) -> bytes:
    """Return what sectors held before: chunks of an earlier log, whole ones among them."""
    log = LogSpec(log_id=b"an earlier life.")
    while len(log.data) < FILE_HEADER_BYTES + 7 + size:
        log.row({"i": -1}, step=0)
    return log.data[FILE_HEADER_BYTES + 7 :][:size]
