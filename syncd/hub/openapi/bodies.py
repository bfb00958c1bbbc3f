"""The JSON documents of the calls that receive, as the OpenAPI document describes them. No I/O."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from tidelog.syncd.hub.guard.key_file import OVERLAP_S
from tidelog.syncd.protocol import WireLimits

_LIMITS = WireLimits()

Role = Literal["read", "write", "admin"]
Kind = Literal["person", "service"]
Seconds = Annotated[float, Meta(description="Seconds since the epoch.")]
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


class AskedRun(Struct, frozen=True):
    """A run, and how many bytes of each of its logs were acknowledged."""

    run: str
    logs: dict[str, Annotated[int, Meta(ge=0)]]


class AskedRuns(Struct, frozen=True):
    """Runs that an agent has uploaded."""

    runs: Annotated[list[AskedRun], Meta(max_length=_LIMITS.held_runs_max)]


class RunHeld(Struct, frozen=True):
    """Which logs are not held, or not as far; `files` tells one state of its files from others."""

    run: str
    missing: list[str]
    files: str
    deleted: bool


class RunsHeld(Struct, frozen=True):
    """As many of the runs that were asked for, from the first on, as there was time to look at."""

    runs: list[RunHeld]


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


class Grant(Struct, frozen=True):
    """A role on the projects that a pattern matches."""

    role: Role
    project: str


class OwnKey(Struct, frozen=True):
    """What a hub knows of who asks; `role` and `project` are the strongest of the grants."""

    name: str
    account: str
    kind: Kind
    grants: list[Grant]
    role: Role | None
    project: str | None
    expires: Seconds | None


class Key(Struct, frozen=True):
    """What a hub knows of a key: all but the key."""

    id: str
    name: str
    account: str
    kind: Kind | None
    grants: list[Grant]
    role: Role | None
    project: str | None
    state: Literal["active", "revoked", "expired"]
    created: Seconds
    expires: Seconds | None
    revoked: Seconds | None
    last_used: Seconds | None
    rotated_from: str | None


class NewKey(Key, frozen=True, kw_only=True):
    """A key with the key itself, this one time."""

    key: str


class KeyList(Struct, frozen=True):
    """Keys, revoked ones included."""

    keys: list[Key]


class KeyWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """What a new key is to be; by default it is the caller's own and may what he may."""

    name: str
    account: str | None = None
    grants: Annotated[list[Grant], Meta(min_length=1, max_length=100)] | None = None
    expires_in_s: Annotated[float, Meta(gt=0)] | None = None


class RotationWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """For how long the key that is replaced stays good."""

    overlap_s: Annotated[float, Meta(ge=0)] = OVERLAP_S


class Deleted(Struct, frozen=True):
    """A run that was deleted, and when."""

    project: str
    run: str
    deleted: Seconds


class Restored(Struct, frozen=True):
    """A run that may be written to again; whether it was still in the trash."""

    project: str
    run: str
    restored: bool


class ShareWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """For how long a share link is to be good; the hub has a limit."""

    expires_in_s: Annotated[float, Meta(gt=0)] | None = None


class Share(Struct, frozen=True):
    """A share link that is good, without the link itself."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{12}$")]
    project: str
    run: str
    account: str
    created: Seconds
    expires: Seconds


class Shares(Struct, frozen=True):
    """The share links of a run."""

    shares: list[Share]


class NewShare(Share, frozen=True, kw_only=True):
    """A share link, told this one time."""

    url: str


class EndedShare(Struct, frozen=True):
    """A share link that opens nothing any more."""

    id: str
    revoked: bool


class Problem(Struct, frozen=True):
    """A refusal (RFC 9457); some have members of their own."""

    type: Annotated[str, Meta(pattern="^tag:tidelog,2026:")]
    title: str
    status: int
    detail: str
