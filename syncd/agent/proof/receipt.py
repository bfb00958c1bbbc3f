"""A receipt: what a target said that it holds of some runs, to be carried back to them. No I/O.

`docs/operations.md` describes the document. Its digest over itself tells a receipt that was cut or
altered by accident; it is no signature, so a receipt is worth what the hands are that carried it.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tidelog.datastore.errors import InvalidNameError
from tidelog.datastore.names import check_file_path, check_name
from tidelog.syncd.agent.target.held import FileContents, LogContents, RunContents
from tidelog.syncd.errors import SyncdError

TYPE = "receipt"
VERSION = 1
BYTES_MAX = 256 * 1024 * 1024
"""A receipt larger than this is neither written nor read."""

_BEGINNING = re.compile(rf'\s*{{\s*"type"\s*:\s*"{TYPE}"'.encode())
_LOG_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ROOT_ID = re.compile(r"([0-9a-f]{32})?", re.ASCII)


class ReceiptError(SyncdError):
    """A file is no receipt, or not the receipt that was written."""


class Attested(NamedTuple):
    """What one target said of one run, and when (seconds since the epoch).

    `root_id` tells which root a `file://` target is, wherever it is mounted; "" for a hub.
    """

    target: str
    time: float
    project: str
    run: str
    held: RunContents
    root_id: str = ""


def merged(old: Iterable[Attested], new: Iterable[Attested]) -> list[Attested]:
    """Return what a receipt says after more was attested: of a run at a target the last word counts."""
    words = {(each.target, each.project, each.run): each for each in [*old, *new]}
    return sorted(words.values(), key=lambda each: (each.project, each.run, each.target))


def encode_receipt(attested: Iterable[Attested]) -> bytes:
    """Return the document. Raises ReceiptError where it would be too large to be read again."""
    document = {"type": TYPE, "version": VERSION, "runs": [_document(each) for each in attested]}
    text = json.dumps({**document, "sha256": _digest(document)}, ensure_ascii=False, indent=1) + "\n"
    data = text.encode()
    if len(data) > BYTES_MAX:
        raise ReceiptError(
            f"the receipt would have {len(data)} bytes; the limit is {BYTES_MAX}: take fewer runs"
        )
    return data


def decode_receipt(data: bytes, *, name: str) -> list[Attested]:
    """Return what a receipt says; `name` is for messages. Raises ReceiptError for anything but one."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ReceiptError(
            f"{name} is no receipt, or only the beginning of one: {error}; have it written again"
        ) from error
    if not isinstance(document, dict) or document.get("type") != TYPE:
        raise ReceiptError(f"{name} is no receipt: it is not a document of the type {TYPE!r}")
    if document.get("version") != VERSION:
        raise ReceiptError(
            f"{name} is a receipt of version {document.get('version')!r}; this tidelog reads version "
            f"{VERSION}: upgrade with `pip install -U tidelog`"
        )
    written = document.pop("sha256", None)
    found = _digest(document)
    if written != found:
        raise ReceiptError(
            f"{name} was altered after it was written: it gives itself the SHA-256 {written!r}, what it "
            f"says has {found}; have it written again"
        )
    try:
        return [_attested(run) for run in document["runs"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReceiptError(f"{name} is no receipt that tidelog wrote: {error!r}") from error


def is_beginning(start: bytes) -> bool:
    """Tell whether the first bytes of a file are those of a receipt, wherever that is cut."""
    return not start or _BEGINNING.match(start) is not None


def time_text(time: float) -> str:
    """Return seconds since the epoch the way a receipt writes them, in UTC."""
    return datetime.fromtimestamp(int(time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document whose keys are sorted and which has no space in it, in ASCII."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _document(attested: Attested) -> dict[str, Any]:
    root = {"root_id": attested.root_id} if attested.root_id else {}
    return {
        "target": attested.target,
        **root,
        "time": time_text(attested.time),
        "project": attested.project,
        "run": attested.run,
        "logs": [log._asdict() for log in attested.held.logs],
        "files": [file._asdict() for file in attested.held.files],
    }


def _attested(run: Mapping[str, Any]) -> Attested:
    logs = [
        LogContents(
            check_name("log", log["name"]),
            _like(_LOG_ID, log["log_id"]),
            _count(log["size"]),
            _count(log["chunks"]),
            _count(log["rows"]),
            _like(_SHA256, log["sha256"]),
        )
        for log in run["logs"]
    ]
    files = [
        FileContents(check_file_path(file["path"]), _count(file["size"]), _like(_SHA256, file["sha256"]))
        for file in run["files"]
    ]
    return Attested(
        _text(run["target"]),
        datetime.strptime(run["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp(),
        check_name("project", run["project"]),
        check_name("run", run["run"]),
        RunContents(logs, files),
        _like(_ROOT_ID, run.get("root_id", "")),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _like(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise InvalidNameError(f"{value!r} is not what stands here in a receipt")
    return value
