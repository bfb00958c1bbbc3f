"""What lies where in a root and in a run directory (DESIGN, section 3): pure names, no I/O."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

LOG_SUFFIX = ".tlog"
MAIN = "main"
MONITOR = "monitor"
MEDIA_DIRECTORY = "media"
FILES_DIRECTORY = "files"
RUN_JSON = "run.json"
SUMMARY_JSON = "summary.json"
SALVAGE_JSON = "salvage.json"
LATEST = "latest"
TEMPORARY_SUFFIX = ".tmp"
"""The end of a name that is not finished yet, and nobody's business."""

OWN_NAMES = {MEDIA_DIRECTORY, FILES_DIRECTORY, RUN_JSON, SUMMARY_JSON, SALVAGE_JSON}

MISSING_NAMED_MAX = 1000

_LOG_NAME = re.compile(
    r"(?P<stream>[a-z]+[0-9]*)\.(?P<number>[0-9]{4,9})(\.(?P<twin>[0-9a-f]{8}))?\.tlog"
)


class LogName(NamedTuple):
    """The name of a log: the stream it belongs to and its place in it.

    `twin` is set where a hub keeps a second log that came under the same name: the first eight
    hexadecimal digits of its log id.
    """

    stream: str
    number: int
    twin: str = ""

    @classmethod
    def parse(cls, name: str) -> "LogName | None":
        """Return the parts of a log's file name, or None where it is not one."""
        match = _LOG_NAME.fullmatch(name)
        if match is None:
            return None
        log = cls(match["stream"], int(match["number"]), match["twin"] or "")
        return log if str(log) == name else None  # Such as a number with too many zeros before it.

    def __str__(self) -> str:
        twin = f".{self.twin}" if self.twin else ""
        return f"{self.stream}.{self.number:04d}{twin}{LOG_SUFFIX}"


def is_stray(name: str) -> bool:
    """Tell whether a name in a run directory is nobody's of ours: the script itself put it there."""
    is_unfinished = name.startswith(".") or name.endswith(TEMPORARY_SUFFIX)
    return not (is_unfinished or name in OWN_NAMES or name.endswith(LOG_SUFFIX))


def sorted_logs(names: list[str]) -> list[LogName]:
    """Return the logs among the names of a directory in reading order: main first, monitor last."""
    logs = [
        log for name in names if name.endswith(LOG_SUFFIX) and (log := LogName.parse(name)) is not None
    ]
    if len(logs) < 2:
        return logs
    rank = {MAIN: 0, MONITOR: 2}
    return sorted(logs, key=lambda log: (rank.get(log.stream, 1), _natural(log.stream), log[1:]))


def missing_logs(names: list[str]) -> list[str]:
    """Return the names of logs that must have been there: each stream counts from 1 without gaps.

    Of each stream the first `MISSING_NAMED_MAX` are told: a name alone could ask for a billion.
    """
    held: dict[str, set[int]] = {}
    for log in sorted_logs(names):
        held.setdefault(log.stream, set()).add(log.number)
    return [
        str(LogName(stream, number))
        for stream, numbers in held.items()
        for number in islice(_absent(numbers), MISSING_NAMED_MAX)
    ]


def next_log(names: list[str], stream: str) -> LogName:
    """Return the name of the log that follows all logs of a stream among `names`."""
    numbers = [log.number for log in sorted_logs(names) if log.stream == stream]
    return LogName(stream, max(numbers, default=0) + 1)


def _absent(numbers: set[int]) -> Iterator[int]:
    return (number for number in range(1, max(numbers)) if number not in numbers)


def _natural(stream: str) -> tuple[str, int]:
    letters = stream.rstrip("0123456789")
    return letters, int(stream[len(letters) :] or 0)
