"""When a log is due for its next checkpoint, and what leads from it to all that came before. No I/O."""

from collections.abc import Iterable
from typing import Any

from tidelog.datastore.limits import WriterLimits


class CheckpointChain:
    """The checkpoints of one log that is being written, and the chunks with notes that they name."""

    def __init__(self, offset: int, limits: WriterLimits, *, notes: Iterable[int] = ()) -> None:
        """Begin with a log of `offset` bytes that has no checkpoint, and chunks of `notes` in it."""
        self.due = offset + limits.checkpoint_bytes_min
        """The length in bytes from which on the log is due for a checkpoint."""
        self._limits = limits
        self._previous = 0
        self._notes = list(notes)
        self._noted = 0

    def note(self, offset: int) -> None:
        """Take the offset of a chunk that holds a record of NOTED_KINDS."""
        self._notes.append(offset)

    def links(self) -> dict[str, Any]:
        """Return `previous`, `notes` and `noted` of a checkpoint that comes now (`docs/format.md`)."""
        return {"previous": self._previous, "notes": self._notes, "noted": self._noted}

    def written(self, at: int, *, payload_bytes: int, end: int) -> None:
        """Take a checkpoint with these links, from the offset `at` to `end`."""
        limits = self._limits
        self.due = end + max(limits.checkpoint_bytes_min, limits.checkpoint_growth * payload_bytes)
        self._previous = at
        if self._notes:
            self._notes, self._noted = [], at
