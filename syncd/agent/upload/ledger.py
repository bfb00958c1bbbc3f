"""The ledger: which files the records of a log name, with size and SHA-256. No I/O.

Most chunks name none, so a payload is decoded only where the word for a digest occurs in it.
"""

import re
from typing import Any

from tidelog.datastore.errors import InvalidNameError, RecordError
from tidelog.datastore.format import RECORDS, Chunk
from tidelog.datastore.payload import decode_records
from tidelog.datastore.places import check_upload_path
from tidelog.datastore.records import FILE, ROW, media_within
from tidelog.syncd.bodies import FileEntry

DIGEST_WORD = b"sha256"

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def entries_of(chunk: Chunk) -> list[FileEntry]:
    """Return the files that a chunk names, in its order; the last entry for a path counts.

    A chunk whose payload is no record names none: readers report it, and it travels as it is.
    """
    if chunk.type != RECORDS or DIGEST_WORD not in chunk.payload:
        return []
    try:
        records = decode_records(chunk.payload)
    except RecordError:
        return []
    entries: list[FileEntry] = []
    for record in records:
        if record[0] == ROW:
            entries += [
                FileEntry(media.path, media.size, media.sha256) for media in media_within(record[4:])
            ]
        elif record[0] == FILE and len(record) > 2 and isinstance(record[2], dict):
            entries.append(_entry(record[2]))
    return entries


def fault_of(entry: FileEntry) -> str | None:
    """Say why an entry cannot be uploaded, or None where it can."""
    try:
        check_upload_path(entry.path)
    except InvalidNameError as error:
        return str(error)
    if _SHA256.fullmatch(entry.sha256) is None:
        return f"the ledger gives {entry.path!r} the SHA-256 {entry.sha256!r}, which is none"
    if entry.size < 0:
        return f"the ledger gives {entry.path!r} no size"
    return None


def _entry(fields: dict[str, Any]) -> FileEntry:
    size = fields.get("size")
    return FileEntry(
        str(fields.get("path", "")),
        size if type(size) is int else -1,
        str(fields.get("sha256", "")),
    )
