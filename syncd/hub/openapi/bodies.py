"""The JSON documents of the calls that receive, as the OpenAPI document describes them. No I/O."""

from typing import Annotated

from msgspec import Meta, Struct

from tidelog.syncd.protocol import WireLimits

_LIMITS = WireLimits()

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Appended(Struct, frozen=True):
    """How far a log is held now."""

    upload_offset: int


class PartHeld(Struct, frozen=True):
    """How far a file is held now."""

    upload_offset: int
    upload_complete: bool


class FileEntry(Struct, frozen=True):
    """A file as the ledger names it."""

    path: str
    size: Annotated[int, Meta(ge=0)]
    sha256: Sha256


class FileList(Struct, frozen=True):
    """Files that an agent would send."""

    files: Annotated[list[FileEntry], Meta(max_length=_LIMITS.missing_files_max)]


class Missing(Struct, frozen=True):
    """Those that are to be sent."""

    missing: list[str]


class Stored(Struct, frozen=True):
    """Those that are held now."""

    stored: list[str]


class Damage(Struct, frozen=True):
    """A stretch of a log that cannot be used."""

    offset: int
    length: int
    chunks: int


class HeldLog(Struct, frozen=True):
    """A log, each byte of it read again."""

    name: str
    log_id: str
    size: int
    chunks: int
    rows: int
    sha256: Sha256
    damage: list[Damage]


class HeldFile(Struct, frozen=True):
    """A file, each byte of it read again."""

    path: str
    size: int
    sha256: Sha256


class Listing(Struct, frozen=True):
    """What is held of a run."""

    project: str
    run: str
    logs: list[HeldLog]
    files: list[HeldFile]


class OwnKey(Struct, frozen=True):
    """What a hub knows of a key."""

    name: str
    role: str
    project: str
    expires: Annotated[float | None, Meta(description="Seconds since the epoch.")]


class Problem(Struct, frozen=True):
    """A refusal (RFC 9457); some have members of their own."""

    type: Annotated[str, Meta(pattern="^tag:tidelog,2026:")]
    title: str
    status: int
    detail: str
