"""Blocks of a file that lies elsewhere: what is fetched, how often, and what growth changes."""

from random import Random

import pytest

from tidelog.datastore.remote_file import BLOCK_BYTES, Blocks, RemoteFile


class Source:
    """Bytes, as an open file; notes every stretch that is read of it."""

    def __init__(self, data: bytes, read: list[tuple[int, int]], *, part_bytes: int) -> None:
        self._data = data
        self._read = read
        self._part_bytes = part_bytes
        self._offset = 0

    def seek(self, offset: int, /) -> int:
        self._offset = offset
        return offset

    def read(self, size: int, /) -> bytes:
        part = self._data[self._offset : self._offset + min(size, self._part_bytes)]
        self._read.append((self._offset, len(part)))
        self._offset += len(part)
        return part

    def close(self) -> None:
        self._data = b""


class Elsewhere:
    """A file on another machine, of which only the first `size` bytes are there yet."""

    def __init__(self, size: int, *, part_bytes: int = BLOCK_BYTES) -> None:
        self.data = Random(3).randbytes(size)
        self.read: list[tuple[int, int]] = []
        self._part_bytes = part_bytes

    def open_at(self, size: int) -> Source:
        return Source(self.data[:size], self.read, part_bytes=self._part_bytes)

    def opened(self, size: int, *, blocks: Blocks | None = None, fd: int = 7) -> RemoteFile:
        return RemoteFile(fd, size, open_at=self.open_at, blocks=blocks or Blocks())


def test_small_reads_fetch_a_block_once() -> None:
    """Chunks of a log are read by the block, whatever their size."""
    there = Elsewhere(3 * BLOCK_BYTES // 2)
    file = there.opened(len(there.data))
    read = b"".join(file.pread(4096, at) for at in range(0, len(there.data), 4096))
    assert there.data == read
    assert [(0, BLOCK_BYTES), (BLOCK_BYTES, BLOCK_BYTES // 2)] == there.read


def test_a_read_ends_with_its_block() -> None:
    """As a read may on any file system; whoever wants more asks again."""
    there = Elsewhere(2 * BLOCK_BYTES)
    assert there.data[BLOCK_BYTES - 3 : BLOCK_BYTES] == there.opened(2 * BLOCK_BYTES).pread(
        9, BLOCK_BYTES - 3
    )


def test_a_source_that_gives_less_than_was_asked_for_is_asked_again() -> None:
    """Archives and sockets do so."""
    there = Elsewhere(10_000, part_bytes=999)
    assert there.data == there.opened(10_000).pread(10_000, 0)


def test_of_a_file_that_grew_only_what_is_new_is_fetched() -> None:
    """Also in the middle of a block."""
    there = Elsewhere(5000)
    file = there.opened(2000)
    assert there.data[:2000] == file.pread(5000, 0)
    file.resize(5000)
    assert there.data == file.pread(5000, 0)
    assert [(0, 2000), (2000, 3000)] == there.read


def test_a_file_that_became_shorter_is_read_anew() -> None:
    """It is another one under the same name."""
    there = Elsewhere(5000)
    file = there.opened(5000)
    file.pread(5000, 0)
    there.data = bytes(100)
    file.resize(100)
    assert bytes(100) == file.pread(5000, 0)


@pytest.mark.parametrize("blocks_max", [1, 3])
def test_no_more_blocks_are_kept_than_allowed(blocks_max: int) -> None:
    """The one that was not asked for the longest goes first; a closed file keeps none."""
    there = Elsewhere(4 * BLOCK_BYTES)
    blocks = Blocks(blocks_max)
    file = there.opened(4 * BLOCK_BYTES, blocks=blocks)
    for number in range(4):
        file.pread(1, number * BLOCK_BYTES)
    file.pread(1, 3 * BLOCK_BYTES)
    kept = [number for number in range(4) if blocks.get(7, number)]
    assert list(range(4 - blocks_max, 4)) == kept
    file.close()
    assert [] == [number for number in range(4) if blocks.get(7, number)]


def test_files_do_not_share_their_blocks() -> None:
    """One disk keeps the blocks of all its files in one place."""
    blocks = Blocks()
    one, two = Elsewhere(10), Elsewhere(10)
    two.data = bytes(10)
    files = [one.opened(10, blocks=blocks, fd=1), two.opened(10, blocks=blocks, fd=2)]
    assert [one.data, bytes(10)] == [file.pread(10, 0) for file in files]
    assert [one.data, bytes(10)] == [file.pread(10, 0) for file in files]
