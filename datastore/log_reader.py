"""One log being read: its chunks decoded, its damage and its tail accounted for. Never writes."""

import os
from collections.abc import Iterator
from typing import Any, Literal

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import DamagedLogError, ReaderClosedError, RecordError
from tidelog.datastore.format import CHECKPOINT, FILE_HEADER_BYTES, FINAL, RECORDS, Chunk
from tidelog.datastore.payload import decode_map, decode_records
from tidelog.datastore.records import ROW, SCHEMA, Content, check_record
from tidelog.datastore.scan import BLOCK_BYTES, Damage, Identity, Scanner, TornTail, identify

Recovery = Literal["skip_damage", "tolerate_tail", "strict"]
RECOVERIES: tuple[Recovery, ...] = ("skip_damage", "tolerate_tail", "strict")


class LogReader:
    """An open log. `walk()` goes through it from the start; several walks may be under way at once."""

    def __init__(
        self,
        path: StrPath,
        *,
        recovery: Recovery = "skip_damage",
        disk: Disk | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """Open the file and read its header.

        Raises NotALogError, UnsupportedVersionError, and OSError as the system gives it.
        """
        self.path = os.fspath(path)
        self.name = os.path.basename(self.path)
        self.recovery = recovery
        self.block_bytes = block_bytes
        self._disk = disk or Disk()
        self._fd = self._disk.open(path)
        try:
            self.identity: Identity = identify(self.read_at, log=self._disk.shown(path))
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<LogReader {self.path}>"

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; fewer only at the end of the file.

        Raises ReaderClosedError after `close()`.
        """
        self._require_open()
        try:
            return self._disk.read_at(self._fd, offset, size)
        except OSError as error:
            error.filename = error.filename or self.path  # `pread` knows a descriptor alone.
            raise

    @property
    def is_open(self) -> bool:
        """Whether the file can still be read."""
        return self._fd >= 0

    @property
    def size(self) -> int:
        """The file's length in bytes, now. Raises ReaderClosedError after `close()`."""
        self._require_open()
        return self._disk.size(self._fd)

    def walk(self, *, block_bytes: int | None = None) -> "LogWalk":
        """Return a walk that stands at the first chunk and reads `block_bytes` at a time."""
        return LogWalk(self, block_bytes or self.block_bytes)

    def close(self) -> None:
        """Close the file; again is without effect."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._disk.close(fd)

    def _require_open(self) -> None:
        if self._fd < 0:
            raise ReaderClosedError(
                f"{self.path} was closed before this part of it was read: ask while it is open"
            )


class LogWalk:
    """A walk through one log. Iterating ends where no whole chunk follows; again goes on from there."""

    def __init__(self, reader: LogReader, block_bytes: int) -> None:
        self.is_final = False
        self.schemas: dict[int, tuple[str, ...]] = {}
        self._reader = reader
        self._block_bytes = block_bytes
        self._scanner = self._scan_from(FILE_HEADER_BYTES, 0)
        self._ahead: Scanner | None = None
        self._ahead_size = -1  # How long the file was when a scan ahead reached its end.
        self._undecodable: list[Damage] = []
        if reader.identity.is_header_damaged:
            self._scanner.damage.append(Damage(reader.name, 0, FILE_HEADER_BYTES, 0))

    @property
    def damage(self) -> list[Damage]:
        """All damage so far, in order; what lies at the end counts, unless it is a torn tail."""
        tail = [self._scanner.tail] if isinstance(self._scanner.tail, Damage) else []
        return sorted([*self._scanner.damage, *self._undecodable, *tail])

    @property
    def torn_tail(self) -> TornTail | None:
        """The unfinished chunk at which the last iteration ended, if there is one."""
        tail = self._scanner.tail
        return tail if isinstance(tail, TornTail) else None

    @property
    def offset(self) -> int:
        """The offset behind the last whole chunk."""
        return self._scanner.offset

    @property
    def chunks(self) -> int:
        """How many chunks were written up to here, those that are lost included."""
        return self._scanner.seq

    def advance(self, offset: int, chunks: int) -> None:
        """Stand behind chunks that were read in another way; begin to iterate anew after this."""
        self._scanner.offset, self._scanner.seq = offset, chunks

    def __iter__(self) -> Iterator[tuple[Chunk, Content]]:
        """Yield each whole chunk with what it holds.

        In the recovery modes that forbid it, raises DamagedLogError for damage or a torn tail.
        """
        known_damage = 0
        for damage in (*self._scanner.damage, *self._undecodable):
            self._refuse(damage)  # Again, for those who ask again: what was read is not all.
            known_damage = len(self._scanner.damage)
        for chunk in self._scanner:
            if len(self._scanner.damage) != known_damage:
                known_damage = len(self._scanner.damage)
                self._refuse(self._scanner.damage[-1])
            try:
                content = self._decode(chunk)
            except RecordError:
                damage = Damage(self._reader.name, chunk.offset, chunk.end - chunk.offset, 1)
                self._undecodable.append(damage)
                self._refuse(damage)
                continue
            yield chunk, content
        self._refuse(self._scanner.tail)

    def _decode(self, chunk: Chunk) -> Content:
        if chunk.type == RECORDS:
            records = decode_records(chunk.payload)
            for record in records:
                check_record(record)
                if record[0] == SCHEMA:
                    self._learn_schema(record)
                elif record[0] == ROW:
                    self._check_row(record, chunk)
            return records
        if chunk.type in (CHECKPOINT, FINAL):
            content = decode_map(chunk.payload)
            self._learn(content)
            self.is_final = chunk.type == FINAL
            return content
        return None

    def _check_row(self, record: list[Any], chunk: Chunk) -> None:
        names = self.schemas.get(record[1])
        if names is None:
            self._look_ahead(record[1], chunk)
            names = self.schemas.get(record[1])
        if names is None or len(names) != len(record) - 4:
            raise RecordError(f"a row's schema {record[1]} is not known or does not fit it")

    def _look_ahead(self, schema_id: int, chunk: Chunk) -> None:
        """Find a schema whose record was lost: a later checkpoint repeats it."""
        # One scan for all that is missing: it goes on where the last one found what it sought.
        if self._ahead is None:
            self._ahead = self._scan_from(chunk.end, chunk.seq + 1)
        size = self._reader.size
        if size == self._ahead_size:
            return  # Damage at the end would be searched again for each row.
        for later in self._ahead:
            if later.type in (CHECKPOINT, FINAL):
                try:
                    self._learn(decode_map(later.payload))
                except RecordError:
                    continue
                if schema_id in self.schemas:
                    return
        self._ahead_size = size

    def _learn(self, checkpoint: dict[str, Any]) -> None:
        entries = checkpoint.get("schemas", [])
        if not isinstance(entries, list) or not all(isinstance(entry, list) for entry in entries):
            raise RecordError("a checkpoint's schemas are no lists")
        for entry in entries:
            record = [SCHEMA, *entry]
            check_record(record)
            self._learn_schema(record)

    def _learn_schema(self, record: list[Any]) -> None:
        names = tuple(record[2])
        if self.schemas.setdefault(record[1], names) != names:
            raise RecordError(f"schema {record[1]} is given twice, with other names")

    def _scan_from(self, offset: int, seq: int) -> Scanner:
        reader = self._reader
        return Scanner(
            reader.read_at,
            reader.identity.tag,
            log=reader.name,
            offset=offset,
            seq=seq,
            block_bytes=self._block_bytes,
        )

    def _refuse(self, found: Damage | TornTail | None) -> None:
        recovery = self._reader.recovery
        if isinstance(found, Damage) and recovery != "skip_damage":
            raise DamagedLogError(
                f"{found.log} is damaged: {found.length} bytes at offset {found.offset}, "
                f"{found.chunks} chunks lost; read it with recovery='skip_damage' to go on"
            )
        if isinstance(found, TornTail) and recovery == "strict":
            raise DamagedLogError(
                f"{found.log} ends in an unfinished chunk of {found.length} bytes at offset "
                f"{found.offset}; read it with recovery='tolerate_tail' to accept that"
            )
