"""The records of a log: their kinds, their shapes, and the values that only tidelog has. No I/O.

A record is an array whose first element is its kind (`docs/format.md`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidelog.datastore.errors import RecordError
from tidelog.datastore.format import PAYLOAD_BYTES_MAX

SCHEMA: Final = 0
ROW: Final = 1
RUN: Final = 2
CONFIG: Final = 3
SUMMARY: Final = 4
METRIC: Final = 5
FILE: Final = 6
CONSOLE: Final = 7
ALERT: Final = 8
EXIT: Final = 9

KIND_NAMES = {
    SCHEMA: "schema",
    ROW: "row",
    RUN: "run",
    CONFIG: "config",
    SUMMARY: "summary",
    METRIC: "metric",
    FILE: "file",
    CONSOLE: "console",
    ALERT: "alert",
    EXIT: "exit",
}

SUPERSEDES = "supersedes"
"""The fact of a run record that names the chunks of failed logs which its own chunk holds again."""

OF_LOG = "log"
"""The key of an exit record that speaks of another log: the id of that, in hexadecimal."""

# Kinds that say something about the run as a whole; a checkpoint names the chunks that hold them. The
# summary set by hand is in the checkpoint itself.
NOTED_KINDS = frozenset((RUN, CONFIG, METRIC, FILE, EXIT))

# A chunk that carries a record over from a failed file says besides where it was.
RECORD_BYTES_MAX = PAYLOAD_BYTES_MAX - 64 * 1024


Content = list[list[Any]] | dict[str, Any] | None
"""The records of a records chunk, the map of a checkpoint or final, None for an unknown type."""


MEDIA_DEPTH_MAX = 32
"""Deeper than this in lists and maps no media is looked for."""


@dataclass(frozen=True, slots=True)
class Media:
    """A file that belongs to a row: what it is, where it lies below the run directory, its digest.

    `details` may hold the media that belong to it in turn: an image its masks, a table its images.
    """

    type: str
    path: str
    sha256: str
    size: int
    details: Mapping[str, Any]

    def fields(self) -> dict[str, Any]:
        """Return the map that the extension holds."""
        own = {"type": self.type, "path": self.path, "sha256": self.sha256, "size": self.size}
        return {**self.details, **own}


@dataclass(frozen=True, slots=True)
class Histogram:
    """The counts of a histogram, as the map that the extension holds: `{counts, edges, ...}`."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One record as `Reader.records()` gives it.

    `log` is the file's name, `seq` the chunk's number in it; `time` is in seconds since the epoch and
    `step` an int for rows, None where the kind has none.
    """

    kind: str
    log: str
    seq: int
    time: float | None
    step: int | None
    data: dict[str, Any]


def media_within(values: Iterable[Any], depth: int = MEDIA_DEPTH_MAX) -> Iterator[Media]:
    """Yield the media among values, and those within them: in lists, maps and the details of media."""
    for value in values:
        if isinstance(value, Media):
            yield value
            within: Iterable[Any] = value.details.values()
        elif isinstance(value, dict):
            within = value.values()
        elif isinstance(value, list):
            within = value
        else:
            continue
        if depth:
            yield from media_within(within, depth - 1)


_NUMBER = (int, float)
_SHAPES: dict[int, tuple[type | tuple[type, ...], ...]] = {
    SCHEMA: (int, list),
    RUN: (_NUMBER, dict),
    CONFIG: (_NUMBER, dict),
    SUMMARY: (_NUMBER, dict),
    METRIC: (str, dict),
    FILE: (_NUMBER, dict),
    CONSOLE: (_NUMBER, str, str),
    ALERT: (_NUMBER, dict),
    EXIT: (_NUMBER, dict),
}


def check_record(record: Any) -> None:
    """Raise RecordError where a record of a known kind has not the shape of its kind.

    A CRC proves what was written, not that a tidelog wrote it.
    """
    kind = record[0]
    if kind == ROW:
        if len(record) < 4 or type(record[1]) is not int or type(record[2]) is not int:
            raise RecordError("a row lacks schema, step or time")
        if type(record[3]) is not float and type(record[3]) is not int:
            raise RecordError("a row's time is no number")
        return
    shape = _SHAPES.get(kind)
    if shape is None:
        return
    if len(record) <= len(shape) or not all(map(isinstance, record[1:], shape)):
        raise RecordError(f"a {KIND_NAMES[kind]} record has the wrong shape")
    if kind == SCHEMA and not all(isinstance(name, str) for name in record[2]):
        raise RecordError("a schema's names are not strings")
    if kind == SCHEMA and len(set(record[2])) != len(record[2]):
        raise RecordError("a schema names a value twice")
