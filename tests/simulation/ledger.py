"""The ledger outside: what was logged, what is owed, and every version that a log or a file ever had.

Kept by the scenario at the moment when a call returned; no code under test is asked.
"""

import hashlib
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field


@dataclass(slots=True)
class LogHistory:
    """One life of a log, by its id: all bytes that were written, and what damage made of them."""

    run: str
    name: str
    written: bytearray = field(default_factory=bytearray)
    damaged: list[bytes] = field(default_factory=list)

    def may_hold(self, data: bytes, *, is_hurt: bool, unproven: Container[int] = ()) -> bool:
        """Tell whether these bytes are the beginning of a version that there was.

        Of a log that was damaged while it was uploaded (`is_hurt`) each byte may be of another version,
        and those at the offsets `unproven` may be anything.
        """
        versions = [bytes(self.written), *self.damaged]
        if any(version.startswith(data) for version in versions):
            return True
        return is_hurt and all(
            at in unproven or any(at < len(version) and version[at] == byte for version in versions)
            for at, byte in enumerate(data)
        )


class Ledger:
    """What the world knows beside the programs."""

    def __init__(self) -> None:
        self.rows = 0
        self.row_runs: dict[int, str] = {}
        self.logs: dict[bytes, LogHistory] = {}
        self.files: dict[tuple[str, str], dict[str, bytes]] = {}
        self.stored: dict[str, int] = {}
        self.copies: Counter[tuple[str, bytes]] = Counter()
        """How often a log was put into a run in the place of another."""

    def lives(self, run: str, name: str, data: bytes) -> list[LogHistory]:
        """Return the logs that these bytes may be of: the header's, and those of this name."""
        named = self.logs.get(data[8:24])
        lives = [life for life in self.logs.values() if (life.run, life.name) == (run, name)]
        return lives if named is None or named in lives else [named, *lives]

    def may_hold(
        self, run: str, name: str, data: bytes, *, is_hurt: bool, unproven: Container[int] = ()
    ) -> bool:
        """Tell whether these bytes were once in a log of this name, or in the header's."""
        lives = self.lives(run, name, data)
        return any(life.may_hold(data, is_hurt=is_hurt, unproven=unproven) for life in lives)

    def places_of(self, run: str, log_id: bytes) -> int:
        """Return in how many places of a run a log may lie."""
        return max(1, self.copies[run, log_id] + (self.logs[log_id].run == run))

    def next_row(self, run: str) -> int:
        """Return the number of a new row; it is in no other."""
        self.rows += 1
        self.row_runs[self.rows] = run
        return self.rows

    def note_file(self, run: str, path: str, data: bytes) -> str:
        """Note a version of a file; return its SHA-256."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.files.setdefault((run, path), {})[sha256] = data
        return sha256
