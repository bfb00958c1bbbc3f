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
        """Count one more; a size that is none adds nothing."""
        self.count += 1
        self.bytes += max(0, size_bytes)

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
    passes: Callable[[str], bool] | None = None,
    is_parked: Callable[[Run, str], bool] | None = None,
    small_file_bytes_max: int,
) -> Backlog:
    """Return what the files of one target's queue come to; what is parked waits for no turn.

    Without `passes` no file is held back, without `is_parked` none is parked: there may be many files.
    """
    backlog = Backlog()
    for run, entry in files:
        if is_parked is not None and is_parked(run, entry.path):
            continue
        if passes is not None and not passes(entry.path):
            backlog.held_back.add(entry.size)
        elif entry.size > small_file_bytes_max:
            backlog.large.add(entry.size)
        else:
            backlog.small.add(entry.size)
    return backlog
