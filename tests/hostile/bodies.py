"""Bodies that are small on the wire and large, deep or endless once somebody believes them."""

import hashlib
import sys
from typing import NamedTuple

import msgpack

from tidelog.syncd.bodies import compress

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1024 * 1024
BODY_BYTES_MAX = 32 * MIB
MISSING, BATCH, KEYS = "files:missing", "files:batch", "keys"


class Bomb(NamedTuple):
    """A body for one of the calls; `is_compressed` says that it is zstd."""

    call: str
    body: bytes
    is_compressed: bool = False


def bombs() -> dict[str, Bomb]:
    """Return all of them by name."""
    fills = {
        "empty objects": b'{"files":[' + b"{}," * (10 * MIB) + b"{}]}",
        "deep lists": b'{"files":' + b"[" * (31 * MIB),
        "deep unknown members": b'{"x":' + b"[" * (31 * MIB),
        "deep objects": b'{"files":' + b'{"a":' * (6 * MIB),
        "the same member": b"{" + b'"a":0,' * (5 * MIB) + b'"files":[]}',
        "the same list": b"{" + b'"files":[],' * (2 * MIB) + b'"files":[]}',
        "a huge number": b'{"files":[{"size":' + b"9" * (31 * MIB) + b"}]}",
        "a huge exponent": b'{"files":[{"path":"a","size":1e999999999,"sha256":"' + b"0" * 64 + b'"}]}',
        "a huge text": b'{"files":[{"path":"' + b"a" * (31 * MIB) + b'"}]}',
        "escapes": b'{"files":[{"path":"' + b"\\ud800" * (5 * MIB) + b'"}]}',
        "no UTF-8": b'{"files":[{"path":"\xff\xfe","size":1,"sha256":"' + b"0" * 64 + b'"}]}',
        "not a number": b'{"files":[{"path":"a","size":NaN,"sha256":"' + b"0" * 64 + b'"}]}',
        "too many files": b'{"files":[' + b",".join([_entry()] * 200_000) + b"]}",
        "spaces": b" " * (31 * MIB),
    }
    return {
        **{f"JSON: {name}": Bomb(MISSING, compress(body), True) for name, body in fills.items()},
        **{f"key: {name}": Bomb(KEYS, body[: 60 * 1024]) for name, body in fills.items()},
        "key: a long body": Bomb(KEYS, b" " * (8 * MIB)),
        **{f"msgpack: {name}": Bomb(BATCH, compress(body), True) for name, body in _claims().items()},
        "zstd: many times the limit": Bomb(MISSING, compress(bytes(8 * BODY_BYTES_MAX)), True),
        "zstd: a huge window": Bomb(MISSING, _window(27), True),
        "zstd: many frames": Bomb(MISSING, compress(b"") * 100_000, True),
        "zstd: a frame that claims a terabyte": Bomb(MISSING, _claimed_size(), True),
        "zstd: cut": Bomb(MISSING, compress(bytes(MIB))[:-1], True),
        "zstd: skippable frames": Bomb(MISSING, b"\x50\x2a\x4d\x18\x00\x00\x00\x00" * 100_000, True),
        "zstd: within zstd": Bomb(MISSING, compress(compress(bytes(BODY_BYTES_MAX))), True),
        "zstd: noise": Bomb(MISSING, b"\x28\xb5\x2f\xfd" + bytes(range(256)) * 100, True),
    }


def _claims() -> dict[str, bytes]:
    zeros = bytes(31 * MIB)
    return {
        "arrays that claim what follows": b"\xdd\x01\xf0\x00\x00" * 500 + zeros,
        "arrays that claim all there can be": b"\xdd\xff\xff\xff\xff" * 500,
        "maps": b"\xdf\x00\xf0\x00\x00" * 500 + zeros,
        "a map in the place of a file": msgpack.packb({"path": "a"}),
        "deep arrays": b"\x93" * (31 * MIB),
        "small arrays": b"\x90" * (31 * MIB),
        "nothing": b"\xc0" * (31 * MIB),
        "numbers": b"\x93\x01\x02\x03" * (7 * MIB),
        "a text that claims more": b"\x93\xdb\xff\xff\xff\xff" + zeros,
        "bytes that claim more": b"\x93\xa1a\xa1b\xc6\xff\xff\xff\xff" + zeros,
        "an extension": b"\x93\xc9\x01\xf0\x00\x00\x01" + zeros,
        "a time": b"\xd7\xff" + b"\xff" * 8,
        "no UTF-8": msgpack.packb([b"\xff", "0" * 64, b""], use_bin_type=False),
        "too many files": msgpack.packb(["media/a", hashlib.sha256(b"").hexdigest(), b""]) * 100_000,
    }


def _entry() -> bytes:
    return b'{"path":"media/a","size":0,"sha256":"%b"}' % hashlib.sha256(b"").hexdigest().encode()


def _window(log: int) -> bytes:
    options = {zstd.CompressionParameter.window_log: log, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    whole: bytes = compressor.compress(bytes(MIB)) + compressor.flush()
    return whole


def _claimed_size() -> bytes:
    """Return the header of a frame of one segment whose content is said to have 2**40 bytes."""
    return b"\x28\xb5\x2f\xfd\xe0" + (1 << 40).to_bytes(8, "little") + b"\x01\x00\x00" + bytes(100)
