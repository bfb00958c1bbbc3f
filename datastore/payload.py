"""A chunk's payload: records and maps as msgpack, and back. No I/O.

Bytes are believed only as far as they prove themselves: a CRC says what was written, not by whom.
"""

import contextlib
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

import msgpack

from tidelog.datastore.errors import RecordError
from tidelog.datastore.records import Histogram, Media

MEDIA_EXTENSION: Final = 1
HISTOGRAM_EXTENSION: Final = 2

MEDIA_LEVELS_MAX: Final = 4
"""Media may hold media: a table its images, these their masks. What lies deeper stays undecoded."""

# So small that what arrays and maps claim to hold needs no look before memory is taken for it.
CLAIMS_TRUSTED_BYTES = 256


def decode_records(payload: bytes) -> list[list[Any]]:
    """Return the msgpack arrays of a records chunk.

    Raises RecordError where the payload is no sequence of msgpack arrays that start with an int.
    """
    try:
        _check_claims(payload)
        records = [_unpack(payload)]
    except msgpack.ExtraData:
        records = list(_unpack_many(payload))
    except _UNPACK_ERRORS as error:
        raise RecordError(f"a chunk's payload is not msgpack: {error}") from error
    for record in records:
        if type(record) is not list or not record or type(record[0]) is not int:
            raise RecordError("a chunk's payload holds something other than records")
    return records


def encode_map(content: Mapping[str, Any]) -> bytes:
    """Return a map as msgpack. Raises RecordError for a value that no record can hold."""
    try:
        payload: bytes = msgpack.packb(content, default=pack_extension)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RecordError(f"a map cannot hold this: {error}") from error
    return payload


def decode_map(payload: bytes) -> dict[str, Any]:
    """Return the map of a checkpoint or final chunk. Raises RecordError where it is none."""
    try:
        _check_claims(payload)
        value = _unpack(payload)
    except _UNPACK_ERRORS as error:
        raise RecordError(f"a checkpoint is not msgpack: {error}") from error
    if not isinstance(value, dict):
        raise RecordError("a checkpoint is not a map")
    return value


def pack_extension(value: object) -> msgpack.ExtType:
    """Return a media value or a histogram as msgpack's extension. Raises TypeError for anything else."""
    if isinstance(value, Media):
        return msgpack.ExtType(MEDIA_EXTENSION, msgpack.packb(value.fields(), default=pack_extension))
    if isinstance(value, Histogram):
        return msgpack.ExtType(HISTOGRAM_EXTENSION, msgpack.packb(dict(value.fields)))
    raise TypeError(f"cannot record {type(value).__name__}")


def _unpack_extension(code: int, data: bytes, levels_left: int = MEDIA_LEVELS_MAX) -> object:
    if code not in (MEDIA_EXTENSION, HISTOGRAM_EXTENSION) or not levels_left:
        return msgpack.ExtType(code, data)
    _check_claims(data)
    within = partial(_unpack_extension, levels_left=levels_left - 1)
    fields = msgpack.unpackb(data, ext_hook=within, strict_map_key=False)
    if not isinstance(fields, dict):
        raise ValueError(f"extension {code} holds no map")
    if code == HISTOGRAM_EXTENSION:
        return Histogram(fields)
    own = (fields.pop("type"), fields.pop("path"), fields.pop("sha256"), fields.pop("size"))
    if tuple(map(type, own)) != (str, str, str, int):
        raise ValueError("a media value lacks type, path, sha256 or size")
    return Media(*own, fields)


_UNPACK_ERRORS = (ValueError, TypeError, KeyError, RecursionError, msgpack.UnpackException)


def _check_claims(data: bytes) -> None:
    """Raise ValueError where an array or a map claims to hold more than follows.

    msgpack takes memory for what is claimed before it looks: arrays in arrays, a thousand levels of
    them, each of which claims the rest of the payload, would cost the thousandfold of its size.
    """
    if len(data) <= CLAIMS_TRUSTED_BYTES:
        return
    unpacker = msgpack.Unpacker(max_buffer_size=len(data))
    unpacker.feed(data)
    end = 0
    with contextlib.suppress(msgpack.OutOfData):
        while True:
            unpacker.skip()
            end = unpacker.tell()
    if end != len(data):
        raise ValueError("it ends in the middle of a value")


def _unpack(payload: bytes) -> Any:
    return msgpack.unpackb(payload, ext_hook=_unpack_extension, strict_map_key=False)


def _unpack_many(payload: bytes) -> Iterable[Any]:
    # No array or map is believed to have more elements than there are bytes.
    unpacker = msgpack.Unpacker(
        ext_hook=_unpack_extension, strict_map_key=False, max_buffer_size=len(payload)
    )
    unpacker.feed(payload)
    # `tell` counts what was read of an unfinished record too: it is asked behind each whole one.
    end = 0
    try:
        for record in unpacker:
            end = unpacker.tell()
            yield record
    except _UNPACK_ERRORS as error:
        raise RecordError(f"a chunk's payload is not msgpack: {error}") from error
    if end != len(payload):
        raise RecordError("a chunk's payload ends in the middle of a record")
