"""Reads a tar of plain files inside a zstd frame, from its beginning, and trusts none of it.

Not `tarfile`: its sparse maps and extended headers take as much memory as an archive asks for, and it
reads many kinds of members, of which a pack has one. Nothing is written here, and no name is judged.
"""

import re
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tidelog.syncd.agent.pack.contents import PackError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BLOCK_BYTES = 512
INPUT_BYTES = 128 * 1024
WINDOW_LOG_MAX = 23
"""A frame that needs a larger window than 8 MiB is refused before memory is taken."""
EXTENDED_BYTES_MAX = 16 * 1024

_FILE, _EXTENDED = (b"0", b"\0"), b"x"
_KINDS = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device"}
_KINDS |= {b"5": "a folder", b"6": "a pipe", b"S": "a sparse file", b"g": "a global header"}
_OCTAL = re.compile(rb" *([0-7]{1,12})[ \0]*")
_SIZE = re.compile(r"[0-9]{1,15}", re.ASCII)


class TruncatedError(PackError):
    """An archive ends before its end."""


class Member(NamedTuple):
    """One file of an archive."""

    name: str
    size: int


class ZstdStream:
    """What one zstd frame holds, in order; `read_input(size)` gives the next bytes of the frame.

    Raises PackError where it is damaged, or holds more than `bytes_max`.
    """

    def __init__(self, read_input: Callable[[int], bytes], *, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self._read_input = read_input
        self._taken = 0
        self._decompressor = zstd.ZstdDecompressor(
            options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG_MAX}
        )

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only where the input ends."""
        pieces: list[bytes] = []
        left = size
        while left and (piece := self._next(left)):
            pieces.append(piece)
            left -= len(piece)
        self._taken += size - left
        if self._taken > self.bytes_max:
            raise PackError(
                f"it holds more than the {self.bytes_max} bytes that its table of contents has"
            )
        return b"".join(pieces)

    def _next(self, size: int) -> bytes:
        decompressor = self._decompressor
        while not decompressor.eof:
            data = self._read_input(INPUT_BYTES) if decompressor.needs_input else b""
            if decompressor.needs_input and not data:
                return b""
            try:
                piece: bytes = decompressor.decompress(data, max_length=size)
            except zstd.ZstdError as error:
                raise PackError(f"it is damaged, or no zstd archive: {error}") from error
            if piece:
                return piece
        return b""


class TarStream:
    """Iterates over the members; the bytes of each are read, or passed over, before the next one."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read_stream = read
        self._left = 0
        self._padding = 0
        self._name = ""

    def __iter__(self) -> Iterator[Member]:
        while (member := self._next()) is not None:
            self._name = member.name
            self._left = member.size
            self._padding = -member.size % BLOCK_BYTES
            yield member

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes of the member. Raises TruncatedError where they are not there."""
        size = min(size, self._left)
        data = self._exactly(size)
        self._left -= size
        return data

    def skip(self, size: int) -> None:
        """Pass over bytes of the member."""
        while size and (taken := len(self.read(min(size, INPUT_BYTES)))):
            size -= taken

    def _next(self) -> Member | None:
        self.skip(self._left)
        self._exactly(self._padding)
        self._padding = 0
        header = self._exactly(BLOCK_BYTES)
        if not header.strip(b"\0"):
            return None
        kind, member = _header(header)
        if kind != _EXTENDED:
            return member
        fields = _extended(self._exactly_padded(member.size, member.name))
        kind, member = _header(self._exactly(BLOCK_BYTES))
        if kind == _EXTENDED:
            raise PackError(f"two extended headers follow each other before {member.name!r}")
        size = fields.get("size", str(member.size))
        if _SIZE.fullmatch(size) is None:
            raise PackError(f"an extended header gives a member the size {size[:40]!r}")
        return Member(fields.get("path", member.name), int(size))

    def _exactly_padded(self, size: int, name: str) -> bytes:
        if size > EXTENDED_BYTES_MAX:
            raise PackError(
                f"the extended header {name[:80]!r} has {size} bytes; the limit is {EXTENDED_BYTES_MAX}"
            )
        return self._exactly(size + -size % BLOCK_BYTES)[:size]

    def _exactly(self, size: int) -> bytes:
        data = self._read_stream(size)
        if len(data) < size:
            where = f"in {self._name!r}" if self._name else "at its beginning"
            raise TruncatedError(f"it ends {where}, before its end")
        return data


def _header(block: bytes) -> tuple[bytes, Member]:
    """Return kind, name and size of a member (POSIX ustar)."""
    written = _number(block[148:156])
    if block[257:262] != b"ustar" or sum(block) - sum(block[148:156]) + 8 * 32 != written:
        raise PackError("it is damaged: the header of a member is none")
    kind = block[156:157]
    prefix, name = block[345:500].split(b"\0")[0], block[:100].split(b"\0")[0]
    path = _text(prefix + b"/" + name if prefix else name)
    if kind not in (*_FILE, _EXTENDED):
        what = _KINDS.get(kind, f"of the kind {kind!r}")
        raise PackError(f"{path!r} is {what}; a pack holds plain files alone")
    return kind, Member(path, _number(block[124:136]))


def _extended(data: bytes) -> dict[str, str]:
    """Return the records of an extended header: path and size are known, times are passed over."""
    fields: dict[str, str] = {}
    while data:
        length, _, _ = data.partition(b" ")
        size = int(length) if length.isdigit() and len(length) < 6 else 0
        record, data = data[len(length) + 1 : size], data[size:]
        key, found, value = _text(record).partition("=")
        if not found or not value.endswith("\n") or key not in ("path", "size", "mtime"):
            raise PackError(f"an extended header holds {key[:80]!r}, which no pack has")
        fields[key] = value.removesuffix("\n")
    return fields


def _number(field: bytes) -> int:
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise PackError("it is damaged: a number in the header of a member is none")
    return int(match[1], 8)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise PackError(f"a member's name is not UTF-8: {data[:80]!r}") from error
