"""What `log()` gives its media to: what is cheap becomes a file at once, what is dear beside training.

Either way a file is in place before the row that names it is written. What is dear is a snapshot by
then, so the row's other values do not wait for it: they are written at once, and the media value
comes in a second row of the same step, which is one with the first when they are read.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted
from tidelog.sdk.media.encoder_queue import EncoderLimits, EncoderQueue
from tidelog.sdk.media.store import MediaStore
from tidelog.sdk.media.value import LATER, MediaValue, Snapshot
from tidelog.sdk.notices import Notices, shown
from tidelog.sdk.values import media_fault

ENCODE_S_MAX = 0.005
"""What takes longer to encode is not for the training thread."""


class MediaRecorder:
    """The media of one run, from `log()` to their files."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        disk: Disk,
        notices: Notices,
        write_row: Callable[[dict[str, Any], int], None],
        is_synced: bool = False,
        limits: EncoderLimits | None = None,
    ) -> None:
        """Take what writes a row at a step, for the media values that come later than their row.

        With `is_synced` a file is on the disk before `record` returns; else within moments of that, as
        the rows of a writer are.
        """
        self._limits = limits or EncoderLimits()
        self._store = MediaStore(directory, disk=disk)
        self._notices = notices
        self._write_row = write_row
        self._queue = EncoderQueue(self._limits)
        self._is_synced = is_synced
        self._sync_due_in: int | None = None  # The process whose queue holds a call of `_sync`.

    @property
    def count(self) -> int:
        """How many media values have their files in place."""
        return self._store.count

    @property
    def size_bytes(self) -> int:
        """How many bytes were written for them."""
        return self._store.size_bytes

    @property
    def is_busy(self) -> bool:
        """Whether a signal handler came in the middle of a call here: to wait would be for ever."""
        return self._queue.is_busy

    def record(
        self, key: str, value: MediaValue | list[MediaValue], *, step: int, at_once: bool = False
    ) -> Any:
        """Return what stands in the row for a media value, or for a list of them.

        That is LATER where it comes in a second row, which `at_once` forbids. Raises ValueError for what
        is no such media, OSError where a file cannot be written.
        """
        values = value if isinstance(value, list) else [value]
        try:
            taken = [each.in_row() or each.snapshot(self._store.disk) for each in values]
        finally:
            self._tell_faults(values)
        snapshots = [each for each in taken if isinstance(each, Snapshot)]
        encode = partial(self._encode, key, value, taken, step)
        is_dear = sum(each.encode_s for each in snapshots) > ENCODE_S_MAX
        # What comes behind a waiting value of its key waits as well: the last one logged is the last.
        if (is_dear or self._queue.has(key)) and not at_once:
            record_late = partial(self._record_late, key, value, step, encode)
            size = sum(each.size_bytes for each in snapshots)
            if self._queue.put(record_late, key=key, size_bytes=size):
                return LATER
        found = encode(is_synced=self._is_synced)
        if self._store.has_unsynced:
            self._sync_soon()
        return found

    def stop(self) -> None:
        """Wait until all that was logged is in place; what takes too long is lost, and told."""
        if self._store.has_unsynced and not self._queue.put(self._sync):
            self._sync()
        lost = self._queue.stop()
        if lost:
            self._notices.tell(
                "media late",
                f"{counted(lost, 'media value')} could not be encoded within "
                f"{self._limits.stop_patience_s:g} s after the end of the run and are lost; the other "
                "values of their rows are recorded: log fewer or smaller ones towards the end",
            )

    def _encode(
        self, key: str, value: Any, taken: list[Any], step: int, *, is_synced: bool = True
    ) -> Any:
        is_list = isinstance(value, list)
        try:
            found = [
                self._store.put(key, each, step=step, is_synced=is_synced)
                if isinstance(each, Snapshot)
                else each
                for each in taken
            ]
        finally:
            self._tell_faults(value if is_list else [value])
        return found if is_list else found[0]

    def _record_late(self, key: str, value: Any, step: int, encode: Callable[[], Any]) -> None:
        try:
            row = {key: encode()}
            if not self._queue.is_abandoned:
                self._write_row(row, step)
        except Exception as error:  # noqa: BLE001 - an encoder may raise anything for what it is given.
            fault = media_fault(value, error)
            self._notices.tell(fault.kind, f"log() left out {shown(key)}: {fault}")

    def _sync_soon(self) -> None:
        """Bring files to the disk beside training: where it is slow, two syncs take 10 ms and more."""
        if self._sync_due_in != os.getpid():
            self._sync_due_in = os.getpid()
            if not self._queue.put(self._sync):
                self._sync_due_in = None

    def _sync(self) -> None:
        self._sync_due_in = None  # What comes while this goes on is for the next one.
        try:
            self._store.sync()
        except OSError as error:
            self._notices.tell("media disk", f"media files may not survive a power cut: {error}")

    def _tell_faults(self, values: list[MediaValue]) -> None:
        for value in values:
            faults, value.faults[:] = list(value.faults), []
            for fault in faults:
                self._notices.tell(*fault)
