"""The records that are not yet known to be on the disk, kept in memory within a bound. No I/O."""

from collections import deque
from collections.abc import Iterator

Held = tuple[bytes, int, bytes | None, int, bool]
"""Payload, rows in it, the chunk that may hold it: log id and sequence number, None and 0 for none;
and whether that chunk is known to be in the kernel."""


class Unsynced:
    """A queue from which records leave once a sync has passed, or to be written to another log."""

    def __init__(self, *, bytes_max: int) -> None:
        self._syncing: deque[Held] = deque()
        self._queue: deque[Held] = deque()  # Behind those that are being synced.
        self._bytes = 0
        self._bytes_max = bytes_max

    def __len__(self) -> int:
        return len(self._syncing) + len(self._queue)

    @property
    def rows_nowhere(self) -> int:
        """How many of the rows held are in no file, as far as is known."""
        return sum(rows for _, rows, _, _, is_taken in (*self._syncing, *self._queue) if not is_taken)

    def hold(
        self, payload: bytes, rows: int, log_id: bytes | None, seq: int, *, is_taken: bool = True
    ) -> int:
        """Keep records; return how many rows were lost because the bound was reached.

        At the bound the oldest that a file has at least in the kernel are let go. Where no file has
        any of them the new ones are lost: what is there first stays.
        """
        self._queue.append((payload, rows, log_id, seq, is_taken))
        self._bytes += len(payload)
        return self._keep_bound() if self._bytes > self._bytes_max else 0

    def begin_sync(self) -> None:
        """Mark all that is held as being synced; what comes later is not part of it."""
        self._syncing.extend(self._queue)
        self._queue = deque()

    def end_sync(self, *, is_synced: bool) -> None:
        """Let go of what was marked; where the sync failed keep all, and count on no file for it."""
        if is_synced:
            self._bytes -= sum(len(held[0]) for held in self._syncing)
        else:
            self._rejoin()
            self._queue = deque((*held[:4], False) for held in self._queue)
        self._syncing = deque()

    def batches(self, *, bytes_max: int) -> Iterator[list[Held]]:
        """Yield all that is held, in order, in lists of up to `bytes_max` of payload.

        What is yielded is no longer held; `put_back` puts something in its place afterwards.
        """
        self._rejoin()
        while self._queue:
            batch: list[Held] = []
            size = 0
            for held in self._queue:
                if batch and size + len(held[0]) > bytes_max:
                    break
                batch.append(held)
                size += len(held[0])
            for _ in batch:
                self._queue.popleft()
            self._bytes -= size
            yield batch

    def put_back(self, batch: list[Held]) -> None:
        """Hold records again, before all that is held."""
        self._queue.extendleft(reversed(batch))
        self._bytes += sum(len(held[0]) for held in batch)

    def _rejoin(self) -> None:
        self._queue.extendleft(reversed(self._syncing))
        self._syncing = deque()

    def _keep_bound(self) -> int:
        lost = 0
        while self._bytes > self._bytes_max:
            queue = self._syncing or self._queue
            if queue[0][4]:
                gone = queue.popleft()
            else:
                gone = self._queue.pop()
                lost += gone[1]
            self._bytes -= len(gone[0])
        return lost


def superseded_ranges(batch: list[Held]) -> list[list[str | int]]:
    """Return the chunks that a batch was in, as `[[log id, first seq, end seq], ...]`."""
    ranges: list[list[str | int]] = []
    for _, _, log_id, seq, _ in batch:
        if log_id is None:
            continue
        if ranges and ranges[-1][0] == log_id.hex() and ranges[-1][2] == seq:
            ranges[-1][2] = seq + 1
        else:
            ranges.append([log_id.hex(), seq, seq + 1])
    return ranges
