"""One open file of another machine: read by blocks of 1 MiB, of which the last ones are kept.

Never asks for a byte twice while its block is kept, and never for one behind the file's end.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

BLOCK_BYTES = 1024 * 1024
BLOCKS_MAX = 32
"""Blocks that one disk keeps for all its open files together."""


class Source(Protocol):
    """What fsspec's `open` returns, as far as it is needed here."""

    def seek(self, offset: int, /) -> int:
        """Go to an offset."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none only at the end."""

    def close(self) -> None:
        """Let it go."""


class Blocks:
    """The blocks that were read last, of all files of a disk."""

    def __init__(self, blocks_max: int = BLOCKS_MAX) -> None:
        self._blocks_max = blocks_max
        self._blocks: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def get(self, fd: int, number: int) -> bytes:
        """Return what is kept of a block, b"" where that is nothing."""
        block = self._blocks.get((fd, number))
        if block is None:
            return b""
        self._blocks.move_to_end((fd, number))
        return block

    def keep(self, fd: int, number: int, block: bytes) -> None:
        """Keep a block, and let the one go that was not asked for the longest."""
        self._blocks[fd, number] = block
        self._blocks.move_to_end((fd, number))
        if len(self._blocks) > self._blocks_max:
            self._blocks.popitem(last=False)

    def drop(self, fd: int) -> None:
        """Keep no block of a file any more."""
        for key in [key for key in self._blocks if key[0] == fd]:
            del self._blocks[key]


class RemoteFile:
    """An open file. It may grow: `open_at(size)` opens it anew with the size that it has now."""

    def __init__(self, fd: int, size: int, *, open_at: Callable[[int], Source], blocks: Blocks) -> None:
        self.size = size
        self._fd = fd
        self._open_at = open_at
        self._blocks = blocks
        self._source = open_at(size)

    def resize(self, size: int) -> None:
        """Take notice of the size that the file has now."""
        if size == self.size:
            return
        if size < self.size:
            self._blocks.drop(self._fd)  # It is another file by now.
        self._source.close()
        self._source = self._open_at(size)
        self.size = size

    def pread(self, size: int, offset: int) -> bytes:
        """Return up to `size` bytes at `offset`: no more than lie in one block."""
        number, start = divmod(offset, BLOCK_BYTES)
        return self._block(number)[start : start + size]

    def close(self) -> None:
        """Let the file and its blocks go."""
        self._blocks.drop(self._fd)
        self._source.close()

    def _block(self, number: int) -> bytes:
        block = self._blocks.get(self._fd, number)
        start = number * BLOCK_BYTES
        wanted = min(BLOCK_BYTES, self.size - start)
        if len(block) < wanted:
            block += self._fetch(start + len(block), wanted - len(block))
            self._blocks.keep(self._fd, number, block)
        return block

    def _fetch(self, offset: int, size: int) -> bytes:
        # An archive's member is unpacked from its start after a step back: going on is what is cheap.
        self._source.seek(offset)
        parts = []
        while size > 0 and (part := self._source.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
