"""What run and exit records say of other logs, told anew for the copies of these logs. No I/O."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgpack

from tidelog.datastore.record_encoder import RecordEncoder
from tidelog.datastore.records import EXIT, OF_LOG, RUN, SUPERSEDES

FORKED_FROM = "forked_from"


def with_new_references(payload: bytes, content: list[list[Any]], new_ids: Mapping[str, str]) -> bytes:
    """Return a payload whose records name the copies of logs, and no chunk of an old one.

    All other records stay byte for byte; a record of which nothing is left goes. `content` is what the
    payload holds, `new_ids` maps the ids of old logs to those of their copies, in hexadecimal.
    """
    told = {
        index: anew
        for index, record in enumerate(content)
        if record[0] in _TOLD_ANEW and (anew := _TOLD_ANEW[record[0]](record[2], new_ids)) != record[2]
    }
    if not told:
        return payload
    encoder = RecordEncoder()
    pieces = []
    for index, (piece, record) in enumerate(zip(_split(payload), content, strict=True)):
        if index not in told:
            pieces.append(piece)
        elif told[index]:
            pieces.append(encoder.record(record[0], record[1], told[index], *record[3:]))
    return b"".join(pieces)


def _facts_anew(facts: dict[str, Any], new_ids: Mapping[str, str]) -> dict[str, Any]:
    told = dict(facts)
    notes = facts.get(SUPERSEDES)
    if isinstance(notes, list):
        # A note about a log that is not copied along stays: that log may turn up again.
        told[SUPERSEDES] = [note for note in notes if not _is_about(note, new_ids)]
        if not told[SUPERSEDES]:
            del told[SUPERSEDES]
    parent = facts.get(FORKED_FROM)
    if isinstance(parent, str):
        told[FORKED_FROM] = new_ids.get(parent, parent)
    return told


def _ending_anew(ending: dict[str, Any], new_ids: Mapping[str, str]) -> dict[str, Any]:
    log_id = ending.get(OF_LOG)
    return {**ending, OF_LOG: new_ids.get(log_id, log_id)} if isinstance(log_id, str) else ending


_TOLD_ANEW = {RUN: _facts_anew, EXIT: _ending_anew}


def _is_about(note: Any, new_ids: Mapping[str, str]) -> bool:
    return isinstance(note, list) and note[:1] != [] and isinstance(note[0], str) and note[0] in new_ids


def _split(payload: bytes) -> Iterator[bytes]:
    """Yield the bytes of each record of a payload."""
    unpacker = msgpack.Unpacker(max_buffer_size=len(payload))
    unpacker.feed(payload)
    start = 0
    with contextlib.suppress(msgpack.OutOfData):
        while True:
            unpacker.skip()
            end = unpacker.tell()
            yield payload[start:end]
            start = end
