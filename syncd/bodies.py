"""The bodies that agent and hub exchange: the list of files, the batch, zstd. No I/O.

Decoding believes nothing: types, counts and sizes are checked; what is wrong is a ProtocolError.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, NamedTuple, TypeVar

import msgpack
import msgspec

from tidelog.syncd.errors import ProtocolError
from tidelog.syncd.protocol import decode_sha256

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_LEVEL = 3
SHA256_DIGITS: Final = 64

Body = TypeVar("Body")


class FileEntry(NamedTuple):
    """A file as the ledger names it: path below the run directory, bytes, SHA-256 in hex."""

    path: str
    size: int
    sha256: str


class SmallFile(NamedTuple):
    """One file of a batch, with its bytes."""

    path: str
    sha256: str
    data: bytes


class TooLargeError(ProtocolError):
    """A body is over a limit; it was not taken into memory."""


class AskedRun(NamedTuple):
    """A run of which a hub acknowledged some logs: their names there, and how many bytes of each."""

    run: str
    logs: Mapping[str, int]


class HeldRun(NamedTuple):
    """What a target says of a run without reading it.

    `missing` are the logs of which it holds less than was asked for; `files` is another text after one
    of the run's files came, went or changed. A run that a person deleted there is to stay deleted.
    """

    run: str
    missing: Sequence[str]
    files: str
    is_deleted: bool = False


class _AskedRun(msgspec.Struct):
    run: str
    logs: dict[str, Annotated[int, msgspec.Meta(ge=0)]]


class _AskedRuns(msgspec.Struct):
    """The body of `runs:held`."""

    runs: list[_AskedRun]


class _MissingFile(msgspec.Struct):
    path: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    sha256: Annotated[str, msgspec.Meta(min_length=SHA256_DIGITS, max_length=SHA256_DIGITS)]


class _MissingFiles(msgspec.Struct):
    """The body of `files:missing`: typed, so that a body of another shape makes no objects."""

    files: list[_MissingFile]


def encode_missing(files: Iterable[FileEntry]) -> bytes:
    """Return the body of `files:missing`."""
    return _json({"files": [entry._asdict() for entry in files]})


def decode_missing(body: bytes, *, files_max: int) -> list[FileEntry]:
    """Return the entries of a `files:missing`."""
    files = _decode_json(body, _MissingFiles, shape='{"files": [{path, size, sha256}, ...]}').files
    if len(files) > files_max:
        raise TooLargeError(f"the body lists {len(files)} files; the limit is {files_max}")
    return [
        FileEntry(file.path, file.size, decode_sha256(f"the sha256 of {file.path!r}", file.sha256))
        for file in files
    ]


def encode_asked_runs(runs: Iterable[AskedRun]) -> bytes:
    """Return the body of `runs:held`."""
    return _json({"runs": [run._asdict() for run in runs]})


def decode_asked_runs(body: bytes, *, bytes_max: int, runs_max: int, logs_max: int) -> list[AskedRun]:
    """Return the runs of a `runs:held`."""
    if len(body) > bytes_max:
        raise TooLargeError(f"the body has {len(body)} bytes; the limit here is {bytes_max}")
    runs = _decode_json(body, _AskedRuns, shape='{"runs": [{run, logs: {name: size}}, ...]}').runs
    logs = sum(len(run.logs) for run in runs)
    if len(runs) > runs_max or logs > logs_max:
        raise TooLargeError(
            f"the body lists {len(runs)} runs with {logs} logs; the limits are {runs_max} and {logs_max}"
        )
    return [AskedRun(run.run, run.logs) for run in runs]


def encode_batch(files: Iterable[SmallFile]) -> bytes:
    """Return the body of `files:batch`: msgpack arrays of path, SHA-256 and bytes, back to back."""
    packer = msgpack.Packer(autoreset=True)
    return b"".join(packer.pack([file.path, file.sha256, file.data]) for file in files)


def decode_batch(body: bytes, *, files_max: int) -> list[SmallFile]:
    """Return the files of a batch."""
    # msgpack takes memory for what an array claims to hold, before it looks whether it does.
    unpacker = msgpack.Unpacker(
        max_buffer_size=max(len(body), 1),
        max_array_len=len(SmallFile._fields),
        max_map_len=0,
        max_ext_len=0,
    )
    unpacker.feed(body)
    files: list[SmallFile] = []
    end = 0
    try:
        for entry in unpacker:
            end = unpacker.tell()
            if len(files) == files_max:
                raise TooLargeError(f"the batch has more than {files_max} files")
            files.append(_decode_file(entry))
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        if isinstance(error, ProtocolError):
            raise
        raise ProtocolError(f"the batch is not msgpack: {error}") from error
    # Asked after each whole entry: a cut one counts as read, too.
    if end != len(body):
        raise ProtocolError("the batch ends in the middle of a file")
    return files


def compress(data: bytes) -> bytes:
    """Return `data` as one zstd frame."""
    compressed: bytes = zstd.compress(data, level=ZSTD_LEVEL)
    return compressed


def decompress(data: bytes, *, bytes_max: int, window_log_max: int) -> bytes:
    """Return what one zstd frame holds, never taking more memory than the limits say."""
    decompressor = zstd.ZstdDecompressor(
        options={zstd.DecompressionParameter.window_log_max: window_log_max}
    )
    try:
        decoded: bytes = decompressor.decompress(data, max_length=bytes_max + 1)
    except zstd.ZstdError as error:
        raise ProtocolError(f"the body is not the zstd frame that it says it is: {error}") from error
    if len(decoded) > bytes_max:
        raise TooLargeError(f"the decoded body has more than {bytes_max} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise ProtocolError("the body is not exactly one zstd frame")
    return decoded


def _decode_json(body: bytes, kind: type[Body], *, shape: str) -> Body:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"the body is not {shape}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the body is not JSON: {error}") from error


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _decode_file(entry: object) -> SmallFile:
    if not isinstance(entry, list) or len(entry) != 3:
        raise ProtocolError("an entry of the batch is not [path, sha256, bytes]")
    path, sha256, data = entry
    if not isinstance(path, str) or not isinstance(data, bytes):
        raise ProtocolError("an entry of the batch is not [path, sha256, bytes]")
    return SmallFile(path, decode_sha256(f"the sha256 of {path!r}", sha256), data)
