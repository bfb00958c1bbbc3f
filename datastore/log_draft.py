"""A log in the making: payloads in, chunks out, with a checkpoint wherever one is due. No I/O."""

from typing import Any

from tidelog.datastore.checkpoint_chain import CheckpointChain
from tidelog.datastore.format import (
    CHECKPOINT,
    CHUNK_HEADER_BYTES,
    FILE_HEADER_BYTES,
    FINAL,
    PAYLOAD_BYTES_MAX,
    RECORDS,
)
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.record_encoder import RecordEncoder

DraftChunk = tuple[int, bytes]
"""Type and payload of a chunk to append."""


class LogDraft:
    """The chunks of one log, in order; `take` them as they come, so that they are not held."""

    def __init__(self, encoder: RecordEncoder, limits: WriterLimits) -> None:
        """Begin a log; `encoder` counts what is in it, and makes its checkpoints."""
        self._encoder = encoder
        self._limits = limits
        self._offset = FILE_HEADER_BYTES
        self._chain: CheckpointChain | None = None  # Begins behind what the log begins with.
        self._chunks: list[DraftChunk] = []

    @property
    def is_begun(self) -> bool:
        """Whether there is a chunk."""
        return self._chain is not None

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether a writer would append a checkpoint here."""
        return self._chain is not None and self._offset >= self._chain.due

    def take(self) -> list[DraftChunk]:
        """Return the chunks that came since the last call."""
        chunks, self._chunks = self._chunks, []
        return chunks

    def append(self, chunk_type: int, payload: bytes, *, is_note: bool = False) -> None:
        """Append a chunk; `is_note` tells that it holds a record of NOTED_KINDS."""
        at = self._add(chunk_type, payload)
        if self._chain is None:
            self._chain = CheckpointChain(self._offset, self._limits, notes=[at] if is_note else [])
        elif is_note:
            self._chain.note(at)

    def append_records(self, payloads: list[bytes], *, is_note: bool = False) -> None:
        """Append records that belong together: as one chunk where they fit into one."""
        payload = b"".join(payloads)
        if len(payload) <= PAYLOAD_BYTES_MAX:
            self.append(RECORDS, payload, is_note=is_note)
            return
        for each in payloads:
            self.append(RECORDS, each, is_note=is_note)

    def append_checkpoint(self) -> None:
        """Append a checkpoint of all that was counted."""
        self._append_checkpoint(CHECKPOINT)

    def append_final(self, **ending: Any) -> None:
        """Append a final chunk with `state` and `exit_code`."""
        self._append_checkpoint(FINAL, **ending)

    def _append_checkpoint(self, chunk_type: int, **ending: Any) -> None:
        chain = self._chain or CheckpointChain(self._offset, self._limits)
        payload = self._encoder.checkpoint(**chain.links(), last_time=self._encoder.last_time, **ending)
        at = self._add(chunk_type, payload)
        chain.written(at, payload_bytes=len(payload), end=self._offset)
        self._chain = chain

    def _add(self, chunk_type: int, payload: bytes) -> int:
        at = self._offset
        self._chunks.append((chunk_type, payload))
        self._offset += CHUNK_HEADER_BYTES + len(payload)
        return at
