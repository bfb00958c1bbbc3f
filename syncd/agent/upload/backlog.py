"""What is still to be sent to one target: logs and files, counts and bytes. No I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tidelog.syncd.agent.task import Run
from tidelog.syncd.bodies import FileEntry


@dataclass(slots=True)
class Amount:
    """A number of items and their bytes."""

    count: int = 0
    bytes: int = 0

    def add(self, size_bytes: int) -> None:
        """Count one more."""
        self.count += 1
        self.bytes += size_bytes

    def scaled(self, factor: float) -> "Amount":
        """Return an estimate for a whole of which this is a part."""
        return Amount(round(self.count * factor), round(self.bytes * factor))


@dataclass(slots=True)
class Backlog:
    """Files to send; those that the filter holds back are in none of the first two."""

    small: Amount = field(default_factory=Amount)
    large: Amount = field(default_factory=Amount)
    held_back: Amount = field(default_factory=Amount)

    def scaled(self, factor: float) -> "Backlog":
        """Return an estimate for a whole of which this is a part."""
        return Backlog(
            self.small.scaled(factor), self.large.scaled(factor), self.held_back.scaled(factor)
        )


def sum_up(
    files: Iterable[tuple[Run, FileEntry]],
    *,
    passes: Callable[[str], bool],
    is_parked: Callable[[Run, str], bool],
    small_file_bytes_max: int,
) -> Backlog:
    """Return what the files of one target's queue come to; what is parked waits for no turn."""
    backlog = Backlog()
    for run, entry in files:
        size = max(0, entry.size)
        if is_parked(run, entry.path):
            continue
        if not passes(entry.path):
            backlog.held_back.add(size)
        elif size > small_file_bytes_max:
            backlog.large.add(size)
        else:
            backlog.small.add(size)
    return backlog
