"""Every bound and interval of a writer, in one table; tests make them tiny."""

from dataclasses import dataclass

HEARTBEAT_S = 60.0
"""A writer that lives says so once in this time; readers on other machines count on it."""


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """Bytes that may be held, and how long things may wait, in seconds."""

    sync_interval_s: float = 1.0
    buffered_bytes_max: int = 64 * 1024
    buffered_interval_s: float = 0.2
    unsynced_bytes_max: int = 64 * 1024 * 1024
    carried_chunk_bytes: int = 8 * 1024 * 1024
    checkpoint_bytes_min: int = 64 * 1024
    checkpoint_growth: int = 16
    heartbeat_s: float = HEARTBEAT_S
    reopen_backoff_first_s: float = 0.1
    reopen_backoff_max_s: float = 30.0
    close_patience_s: float = 2.0
    sync_patience_s: float = 30.0
    names_tried_max: int = 1000
    # So often the trouble of a disk that comes and goes is told; the loss of rows is told in any case.
    troubles_told_max: int = 3
    # A disk that does not answer. So long the constructor waits for it, and a call that records; with
    # durability "power", which asks for waiting, `sync_patience_s`.
    open_patience_s: float = 2.0
    answer_patience_s: float = 0.05
    # An answer that takes longer is slow; a disk that gave one is not trusted for some time.
    slow_answer_s: float = 0.1
    distrust_s: float = 60.0
    # Its silence is told after so long.
    silence_told_s: float = 1.0
