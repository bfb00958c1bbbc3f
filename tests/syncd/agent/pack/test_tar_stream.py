"""The tar stream: it reads what `tarfile` writes for a pack, and refuses all else within bounds."""

import io
import sys
import tarfile
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.syncd.agent.pack.contents import PackError
from tidelog.syncd.agent.pack.tar_stream import TarStream, TruncatedError, ZstdStream

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 2**20


def archive(members: list[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    taken = io.BytesIO()
    with tarfile.open(fileobj=taken, mode="w", format=form) as tar:
        for member, data in members:
            tar.addfile(member, io.BytesIO(data))
    return taken.getvalue()


def plain(name: str, data: bytes, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    return member, data


def stream(tar: bytes, *, bytes_max: int = 64 * MIB) -> TarStream:
    return TarStream(ZstdStream(io.BytesIO(zstd.compress(tar)).read, bytes_max=bytes_max).read)


def read_all(tar: bytes) -> list[tuple[str, bytes]]:
    reading = stream(tar)
    return [(member.name, reading.read(member.size)) for member in reading]


names = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1).map(
    lambda name: name.strip() or "x"
)


@given(st.lists(st.tuples(names, st.binary(max_size=1500)), max_size=5))
def test_it_reads_what_tarfile_writes(members: list[tuple[str, bytes]]) -> None:
    """Any name and length."""
    tar = archive([plain(f"mnist/{name}", data) for name, data in members])
    assert [(f"mnist/{name}", data) for name, data in members] == read_all(tar)


def test_long_paths_and_large_sizes_come_in_extended_headers() -> None:
    """A path of 1,200 bytes; 9 GB, of which only the header is looked at."""
    path = "/".join(["ü" * 60] * 10)
    assert [(path, b"abc")] == read_all(archive([plain(path, b"abc")]))
    member = tarfile.TarInfo("big")
    member.size = 9 * 10**9
    header = member.tobuf(tarfile.PAX_FORMAT)
    assert ("big", 9 * 10**9) == next(iter(TarStream(io.BytesIO(header).read)))


def test_what_is_not_read_of_a_member_is_passed_over() -> None:
    """The next member starts where it starts."""
    reading = stream(archive([plain("a", b"x" * 3000), plain("b", b"yes")]))
    members = iter(reading)
    assert ("a", 3000) == next(members)
    reading.read(5)
    assert ("b", 3) == next(members)
    assert b"yes" == reading.read(99)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "a symbolic link"),
        ({"type": tarfile.LNKTYPE, "linkname": "a"}, "a hard link"),
        ({"type": tarfile.CHRTYPE}, "a device"),
        ({"type": tarfile.BLKTYPE}, "a device"),
        ({"type": tarfile.FIFOTYPE}, "a pipe"),
        ({"type": tarfile.DIRTYPE}, "a folder"),
        ({"type": tarfile.GNUTYPE_SPARSE}, "a sparse file"),
        ({"type": b"Z"}, "of the kind b'Z'"),
        ({"pax_headers": {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}}, "GNU.sparse"),
        ({"pax_headers": {"linkpath": "/etc/passwd"}}, "linkpath"),
        ({"pax_headers": {"x": "y" * 20_000}}, "the limit is 16384"),
    ],
    ids=str,
)
def test_only_plain_files_are_taken(fields: dict[str, object], words: str) -> None:
    """Links, devices, pipes, sparse files and what nobody knows end the reading with a sentence."""
    with pytest.raises(PackError, match=words):
        read_all(archive([plain("mnist/a", b"", **fields)]))


def test_a_global_header_is_refused() -> None:
    """It would speak for all members behind it."""
    taken = io.BytesIO()
    with tarfile.open(fileobj=taken, mode="w", pax_headers={"path": "../x"}) as tar:
        tar.addfile(*_as_file(plain("a", b"")))
    with pytest.raises(PackError, match="global header"):
        read_all(taken.getvalue())


def _as_file(member: tuple[tarfile.TarInfo, bytes]) -> tuple[tarfile.TarInfo, io.BytesIO]:
    return member[0], io.BytesIO(member[1])


def test_an_archive_that_is_cut_says_where() -> None:
    """At every byte; the end of the tar's last member but its padding is the last cut that counts."""
    tar = archive([plain("a", b"x" * 600), plain("b", b"y")])
    for at in range(512 * 5, 0, -1):
        with pytest.raises(TruncatedError, match="before its end"):
            read_all(tar[:at])


def test_every_flipped_bit_of_a_header_is_noticed_or_harmless() -> None:
    """The checksum holds no more, or the member is the same."""
    tar = archive([plain("mnist/a", b"abc")])
    for bit in range(512 * 8):
        flipped = bytearray(tar)
        flipped[bit // 8] ^= 1 << (bit % 8)
        try:
            found = read_all(bytes(flipped))
        except PackError:
            continue
        assert [("mnist/a", b"abc")] == found, bit


def test_a_bomb_ends_at_the_limit() -> None:
    """A frame of 200 MiB of zeros is read up to the limit, and no memory is taken for more."""
    squeezed = zstd.compress(bytes(200 * MIB))
    reading = ZstdStream(io.BytesIO(squeezed).read, bytes_max=MIB)
    tracemalloc.start()
    with pytest.raises(PackError, match="more than the 1048576 bytes"):
        while reading.read(65536):
            pass
    assert 4 * MIB > tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_a_window_that_asks_for_memory_is_refused() -> None:
    """A frame may ask for gigabytes before its first byte comes out."""
    options = {zstd.CompressionParameter.window_log: 27}
    squeezed = zstd.ZstdCompressor(options=options).compress(bytes(MIB))
    with pytest.raises(PackError, match="no zstd archive"):
        ZstdStream(io.BytesIO(squeezed).read, bytes_max=MIB).read(10)


@given(st.binary(max_size=600))
def test_any_bytes_end_in_a_sentence(data: bytes) -> None:
    """As the tar, and as the frame around it."""
    for read in (io.BytesIO(data).read, ZstdStream(io.BytesIO(data).read, bytes_max=MIB).read):
        reading = TarStream(read)
        try:
            for member in reading:
                reading.read(member.size)
        except PackError:
            pass
