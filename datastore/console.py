"""Console records as the lines that were seen, without those that were replaced. No I/O.

The language of these texts is in docs/format.md.
"""

import re
from dataclasses import dataclass

from tidelog.datastore.records import Record

_REPLACES = re.compile(r"(?:\x1b\[([0-9]{1,9})A)?\r")


@dataclass(slots=True)
class ConsoleLine:
    """A line as it is now; `time` is that of the record which last said something of it."""

    log: str
    stream: str
    time: float
    text: str


class ConsoleLines:
    """The lines of a run, fed with its records in their order."""

    def __init__(self) -> None:
        # The last line of each is unfinished; it is empty after a newline.
        self._lines: dict[tuple[str, str], list[ConsoleLine]] = {}

    def feed(self, record: Record) -> list[ConsoleLine]:
        """Take a record of any kind, and return the lines that it finished or replaced."""
        if record.kind != "console":
            return []
        log, stream, time = record.log, record.data["stream"], record.time or 0.0
        text = record.data["text"]
        lines = self._lines.setdefault((log, stream), [ConsoleLine(log, stream, time, "")])
        replaces = _REPLACES.match(text)
        if replaces is not None:
            text = text[replaces.end() :]
            up = min(int(replaces[1] or 0), len(lines) - 1)
            del lines[len(lines) - up :]
            lines[-1].text = ""
        first, *others = text.split("\n")
        begun = len(lines) - 1
        lines[-1].text += first
        lines[-1].time = time
        lines += [ConsoleLine(log, stream, time, other) for other in others]
        return lines[begun:-1]

    def unfinished(self) -> list[ConsoleLine]:
        """Return the last line of each stream, where there is something in it."""
        return [lines[-1] for lines in self._lines.values() if lines[-1].text]

    def all(self) -> list[ConsoleLine]:
        """Return all lines of all streams and processes in the order of their times."""
        finished = [line for lines in self._lines.values() for line in lines[:-1]]
        return sorted([*finished, *self.unfinished()], key=lambda line: line.time)
