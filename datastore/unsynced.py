"""The records that are not yet known to be on the disk, kept in memory within a bound. No I/O.

A record waits for a file, is being written, is held until a sync has passed, or is being carried over to
another log. Those calls that may take long for the disk's sake come in pairs, so that what is under way
is counted, too.
"""

from collections import deque
from collections.abc import Iterable

Held = tuple[bytes, int, bytes | None, int, bool]
"""Payload, rows in it, the chunk that may hold it: log id and sequence number, None and 0 for none;
and whether that chunk is known to be in the kernel."""

Waiting = tuple[bytes, int, bool]
"""Payload, rows in it, and whether it holds a record of NOTED_KINDS."""


class Unsynced:
    """A queue from which records leave once a sync has passed, or to be written to another log."""

    def __init__(self, *, bytes_max: int) -> None:
        self._syncing: deque[Held] = deque()
        self._queue: deque[Held] = deque()  # Behind those that are being synced.
        self._writing: Waiting | None = None
        self._waiting: deque[Waiting] = deque()  # Behind all of these: given to no file yet.
        self._batch: list[Held] = []  # Being carried over.
        self._carried: list[Held] = []
        self._bytes = 0
        self._bytes_max = bytes_max

    def __len__(self) -> int:
        held = len(self._syncing) + len(self._queue) + len(self._batch) + len(self._carried)
        return held + len(self._waiting) + (self._writing is not None)

    @property
    def is_waiting(self) -> bool:
        """Whether there are records that no file has been given, or that one is being given now."""
        return bool(self._waiting) or self._writing is not None

    @property
    def rows_nowhere(self) -> int:
        """How many of the rows held are in no file, as far as is known."""
        held = (*self._syncing, *self._queue, *self._batch, *self._carried)
        given = sum(rows for _, rows, _, _, is_taken in held if not is_taken)
        waiting = sum(rows for _, rows, _ in self._waiting)
        return given + waiting + (0 if self._writing is None else self._writing[1])

    def hold(
        self, payload: bytes, rows: int, log_id: bytes | None, seq: int, *, is_taken: bool = True
    ) -> int:
        """Keep records that a file was given; return how many rows were lost for the bound.

        At the bound the oldest that a file has at least in the kernel are let go. Where no file has
        any of them the new ones are lost: what is there first stays.
        """
        self._queue.append((payload, rows, log_id, seq, is_taken))
        self._bytes += len(payload)
        return self._keep_bound() if self._bytes > self._bytes_max else 0

    # -- records that wait for a file ------------------------------------------------------------

    def wait(self, payload: bytes, rows: int, *, is_note: bool) -> int:
        """Keep records for a file that can be given them later; return how many rows were lost."""
        self._waiting.append((payload, rows, is_note))
        self._bytes += len(payload)
        return self._keep_bound() if self._bytes > self._bytes_max else 0

    def begin_write(self, *, bytes_max: int) -> Waiting | None:
        """Return the first that wait, joined up to `bytes_max`, to be given to a file; None for none.

        Until `end_write` they are returned again.
        """
        if self._writing is None and self._waiting:
            payload, rows, is_note = self._waiting.popleft()
            if self._waiting and len(payload) < bytes_max:
                payload, rows, is_note = self._join(
                    [payload], rows, is_note=is_note, bytes_max=bytes_max
                )
            self._writing = (payload, rows, is_note)
        return self._writing

    def end_write(self, written: Waiting, log_id: bytes | None, seq: int, *, is_taken: bool) -> int:
        """Hold what `begin_write` gave, with the chunk that has it; return how many rows were lost."""
        payload, rows, _ = written
        self._writing = None
        self._bytes -= len(payload)
        return self.hold(payload, rows, log_id, seq, is_taken=is_taken)

    # -- syncing ---------------------------------------------------------------------------------

    def begin_sync(self) -> None:
        """Mark all that a file was given as being synced; what comes later is not part of it."""
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

    # -- carrying over to another log ------------------------------------------------------------

    def next_batch(self, *, bytes_max: int) -> list[Held]:
        """Return what is to be carried over next, up to `bytes_max` of payload; [] at the end."""
        self._rejoin()
        size = 0
        while self._queue and (not self._batch or size + len(self._queue[0][0]) <= bytes_max):
            size += len(self._queue[0][0])
            self._batch.append(self._queue.popleft())
        return self._batch

    def end_batch(self, carried: Iterable[Held]) -> None:
        """Hold in the place of the batch what has become of it."""
        carried = list(carried)
        self._bytes += sum(len(held[0]) for held in carried) - sum(len(held[0]) for held in self._batch)
        self._carried += carried
        self._batch = []

    def end_carrying(self, *, is_synced: bool) -> list[bytes]:
        """Hold what was carried over before the rest; return its payloads and those that wait.

        What was taken is let go where it `is_synced` already.
        """
        carried, self._carried = self._carried, []
        if is_synced:
            self._bytes -= sum(len(held[0]) for held in carried if held[4])
            carried = [held for held in carried if not held[4]]
        self._queue.extendleft(reversed(carried))
        return [held[0] for held in carried] + [waiting[0] for waiting in self._waiting]

    def _join(
        self, payloads: list[bytes], rows: int, *, is_note: bool, bytes_max: int
    ) -> tuple[bytes, int, bool]:
        size = len(payloads[0])
        while self._waiting and size + len(self._waiting[0][0]) <= bytes_max:
            payload, more_rows, is_note_too = self._waiting.popleft()
            payloads.append(payload)
            size, rows, is_note = size + len(payload), rows + more_rows, is_note or is_note_too
        return b"".join(payloads), rows, is_note

    def _rejoin(self) -> None:
        self._queue.extendleft(reversed(self._syncing))
        self._syncing = deque()

    def _keep_bound(self) -> int:
        lost = 0
        while self._bytes > self._bytes_max:
            oldest = self._syncing or self._queue
            newest = self._waiting or self._queue or self._syncing
            if oldest and oldest[0][4]:
                size = len(oldest.popleft()[0])
            elif newest:
                gone = newest.pop()
                size, lost = len(gone[0]), lost + gone[1]
            else:
                break  # All of it is under way.
            self._bytes -= size
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
