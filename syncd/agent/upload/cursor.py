"""A cursor: how far one log was acknowledged by one target. A value; no I/O."""

from typing import NamedTuple

from tidelog.datastore.format import FILE_HEADER_BYTES


class Cursor(NamedTuple):
    """Everything before `offset` is held by the target, and its files stand in the ledger's queue.

    `seq` is the next chunk's number; `twin` the name at the target where it differs; `is_final` says
    that nothing can follow. A cursor is a cache: the target's own offset is the truth.
    """

    log_id: str
    offset: int = 0
    seq: int = 0
    twin: str = ""
    is_final: bool = False

    @property
    def scan_offset(self) -> int:
        """Where the first chunk that is not acknowledged starts."""
        return max(self.offset, FILE_HEADER_BYTES)
