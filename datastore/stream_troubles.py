"""What people are told of a stream's disk: that it takes no data, or does not answer, and what is lost.

Counts and words alone; what is done about it is the stream's. A trouble that comes and goes is told a
few times, a loss always.
"""

from collections.abc import Callable
from pathlib import Path

from tidelog.datastore.limits import WriterLimits


class StreamTroubles:
    """The troubles of the stream in a directory; `tell` gets each line."""

    def __init__(self, directory: Path, tell: Callable[[str], None], *, limits: WriterLimits) -> None:
        self.lost_rows = 0
        self._directory = directory
        self._tell = tell
        self._limits = limits
        self._is_told = False
        self._told = 0
        self._is_log_deleted = False

    def __repr__(self) -> str:
        return f"<StreamTroubles in {self._directory}: {self.lost_rows} rows lost>"

    def begin(self, log: Path, failure: Exception) -> None:
        """Say that a log takes no data, once until `end`."""
        self._is_log_deleted |= isinstance(failure, FileNotFoundError)
        if self._is_told or self._told == self._limits.troubles_told_max:
            return
        self._is_told = True
        self._told += 1
        is_last = self._told == self._limits.troubles_told_max
        reason = getattr(failure, "strerror", None) or failure
        self._tell(
            f"{log} cannot be written ({reason}); training goes on, "
            "what is logged is held in memory and goes to the next file as soon as there is room"
            + ("; this is told no more unless rows are lost" if is_last else "")
        )

    def end(self, log_name: str) -> None:
        """Say that data is taken again, where it was told that none is."""
        if self._is_told:
            self._is_told = False
            self._tell(f"{self._directory} takes data again, in {log_name}: {self._loss}")

    def begin_silence(self, silent_s: float) -> None:
        """Say that the disk does not answer."""
        self._tell(
            f"the disk of {self._directory} has not answered for {silent_s:.2g} s; training goes on, "
            "what is logged is held in memory until it does"
        )

    def end_silence(self) -> None:
        """Say that it does again."""
        self._tell(f"the disk of {self._directory} answers again: {self._loss}")

    def lose(self, rows: int) -> None:
        """Count rows that memory had no room for; the first are told."""
        if rows and not self.lost_rows:
            self._tell(
                f"{self._directory} takes no data and {self._limits.unsynced_bytes_max} bytes "
                "are held in memory: rows are lost from now on, and counted"
            )
        self.lost_rows += rows

    def give_up(self, rows: int) -> None:
        """Count rows that no file will hold, and say what is lost altogether."""
        self.lost_rows += rows
        lost = f"{self.lost_rows} rows are lost" if self.lost_rows else "its last rows may be lost"
        self._tell(f"{self._directory} still takes no data: {lost}")

    @property
    def _loss(self) -> str:
        lost = f"{self.lost_rows} rows are lost" if self.lost_rows else "nothing is lost"
        return f"{lost}, besides what was deleted" if self._is_log_deleted else lost
