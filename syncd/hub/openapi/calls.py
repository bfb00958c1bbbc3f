"""The one table of the calls of a hub: method, address, who may, what comes and goes. No I/O."""

from typing import NamedTuple

from msgspec import Struct

from tidelog.syncd.errors import (
    BODY_TIMEOUT,
    DIFFERENT_BYTES,
    DIFFERENT_LOG,
    DIGEST_MISMATCH,
    DISK_FULL,
    FILE_MISMATCH,
    GONE,
    INVALID_CHUNKS,
    NOT_FOUND,
    OFFSET_MISMATCH,
    PATH_CONFLICT,
    TOO_LARGE,
    UNSUPPORTED_ENCODING,
    Problem,
)
from tidelog.syncd.hub.openapi import bodies
from tidelog.syncd.hub.openapi.parameters import (
    AFTER,
    AXIS,
    DAMAGE_HEADER,
    FILE_LENGTH,
    FILE_OFFSET,
    IF_NONE_MATCH,
    INCLUDE,
    IS_LAST,
    KEY,
    KEYS,
    LAST_EVENT,
    LOG_ID_HEADER,
    LOG_OFFSET,
    MEDIA_LIMIT,
    ORDER,
    POINTS,
    PROJECT,
    RUN_LIMIT,
    SHA256,
    STATE,
    STREAM,
    Parameter,
)
from tidelog.syncd.hub.read import documents
from tidelog.syncd.hub.web.address import (
    BATCH_ROUTE,
    FILE_ROUTE,
    HELD_ROUTE,
    HISTORY_ROUTE,
    KEY_ROUTE,
    LOG_ROUTE,
    MEDIA_ROUTE,
    MISSING_ROUTE,
    OVERVIEW_ROUTE,
    RESTORE_ROUTE,
    RUN_ROUTE,
    SHARE_END_ROUTE,
    SHARES_ROUTE,
)
from tidelog.syncd.protocol import (
    EVENTS_PATH,
    HEALTH_PATH,
    JSON,
    KEYS_PATH,
    METRICS_PATH,
    MSGPACK,
    OCTETS,
    OPENAPI_PATH,
    OWN_KEY_PATH,
    RUNS_PATH,
)

READ, WRITE, ADMIN, NONE = "read", "write", "admin", "none"
TEXT = "text/plain"
EVENT_STREAM = "text/event-stream"


class Call(NamedTuple):
    """One call. `sends` and `answers` are a struct, a media type, or None for no body."""

    method: str
    route: str
    summary: str
    role: str
    parameters: tuple[Parameter, ...] = ()
    sends: type[Struct] | str | None = None
    answers: type[Struct] | str | None = None
    problems: tuple[Problem, ...] = ()
    has_etag: bool = False
    status: int = 200
    has_digest: bool = True


BODY = (DIGEST_MISMATCH, BODY_TIMEOUT, TOO_LARGE, UNSUPPORTED_ENCODING, DISK_FULL, PATH_CONFLICT, GONE)
CONTROL = (NOT_FOUND, DIGEST_MISMATCH, BODY_TIMEOUT, TOO_LARGE, DISK_FULL)
PART = (IS_LAST, FILE_LENGTH, SHA256)

CALLS = (
    Call("GET", HEALTH_PATH, "the hub answers", NONE, answers=documents.Health),
    Call("GET", OPENAPI_PATH, "this document", READ, (IF_NONE_MATCH,), answers=JSON, has_etag=True),
    Call("GET", METRICS_PATH, "how the hub does, for Prometheus", ADMIN, answers=TEXT),
    Call("GET", OWN_KEY_PATH, "what the key that came along may do", READ, answers=bodies.OwnKey),
    Call("GET", KEYS_PATH, "the keys that the caller may manage", ADMIN, answers=bodies.KeyList),
    Call(
        "POST",
        KEYS_PATH,
        "make a key, which is told this one time",
        ADMIN,
        sends=bodies.KeyWanted,
        answers=bodies.NewKey,
        problems=CONTROL,
        status=201,
        has_digest=False,
    ),
    Call(
        "POST",
        KEY_ROUTE + "/rotate",
        "make a key in the place of another, which stays good for the overlap",
        ADMIN,
        sends=bodies.RotationWanted,
        answers=bodies.NewKey,
        problems=CONTROL,
        status=201,
        has_digest=False,
    ),
    Call("DELETE", KEY_ROUTE, "revoke a key", ADMIN, answers=bodies.Key, problems=(NOT_FOUND,)),
    Call(
        "DELETE",
        RUN_ROUTE,
        "delete a run: into the hub's trash, from where it can be restored for a week",
        ADMIN,
        answers=bodies.Deleted,
        problems=(NOT_FOUND,),
    ),
    Call(
        "POST",
        RESTORE_ROUTE,
        "take that back",
        ADMIN,
        answers=bodies.Restored,
        problems=(NOT_FOUND, PATH_CONFLICT),
    ),
    Call(
        "GET",
        SHARES_ROUTE,
        "the share links of a run that are good",
        WRITE,
        answers=bodies.Shares,
        problems=(NOT_FOUND,),
    ),
    Call(
        "POST",
        SHARES_ROUTE,
        "make a link by which anybody reads this run, told this one time",
        WRITE,
        sends=bodies.ShareWanted,
        answers=bodies.NewShare,
        problems=CONTROL,
        status=201,
        has_digest=False,
    ),
    Call(
        "POST",
        SHARE_END_ROUTE,
        "let a share link open nothing from now on",
        WRITE,
        answers=bodies.EndedShare,
        problems=(NOT_FOUND,),
    ),
    Call(
        "GET",
        RUNS_PATH,
        "the runs of the projects that the key is for",
        READ,
        (PROJECT, STATE, ORDER, RUN_LIMIT, AFTER, INCLUDE, IF_NONE_MATCH),
        answers=documents.Runs,
        has_etag=True,
    ),
    Call(
        "GET",
        EVENTS_PATH,
        "runs that are new or change, as they do",
        READ,
        (LAST_EVENT,),
        answers=EVENT_STREAM,
    ),
    Call(
        "GET",
        RUN_ROUTE,
        "what is held of a run, every byte read again from the disk for this answer",
        READ,
        answers=bodies.Listing,
        problems=(NOT_FOUND,),
    ),
    Call(
        "GET",
        OVERVIEW_ROUTE,
        "a run with config, summary and metadata, from the index",
        READ,
        (IF_NONE_MATCH,),
        answers=documents.Overview,
        problems=(NOT_FOUND,),
        has_etag=True,
    ),
    Call(
        "GET",
        HISTORY_ROUTE,
        "series of numbers, sampled",
        READ,
        (KEYS, STREAM, POINTS, AXIS, IF_NONE_MATCH),
        answers=documents.History,
        problems=(NOT_FOUND,),
        has_etag=True,
    ),
    Call(
        "GET",
        MEDIA_ROUTE,
        "the media that rows mention",
        READ,
        (KEY, MEDIA_LIMIT, AFTER, IF_NONE_MATCH),
        answers=documents.MediaList,
        problems=(NOT_FOUND,),
        has_etag=True,
    ),
    Call("HEAD", LOG_ROUTE, "how far a log is held", READ, problems=(NOT_FOUND,)),
    Call("GET", LOG_ROUTE, "what is held of a log, raw", READ, answers=OCTETS, problems=(NOT_FOUND,)),
    Call(
        "PATCH",
        LOG_ROUTE,
        "append whole chunks",
        WRITE,
        (LOG_OFFSET, LOG_ID_HEADER, DAMAGE_HEADER),
        sends=OCTETS,
        answers=bodies.Appended,
        problems=(*BODY, OFFSET_MISMATCH, DIFFERENT_LOG, DIFFERENT_BYTES, INVALID_CHUNKS),
    ),
    Call(
        "POST",
        HELD_ROUTE,
        "runs in; which of their logs are not held as far, told without reading them",
        WRITE,
        sends=bodies.AskedRuns,
        answers=bodies.RunsHeld,
        problems=(DIGEST_MISMATCH, BODY_TIMEOUT, TOO_LARGE, UNSUPPORTED_ENCODING, PATH_CONFLICT),
    ),
    Call(
        "POST",
        MISSING_ROUTE,
        "a list of files in, those that are not held out",
        WRITE,
        sends=bodies.FileList,
        answers=bodies.Missing,
        problems=BODY,
    ),
    Call(
        "POST",
        BATCH_ROUTE,
        "many small files in one body",
        WRITE,
        sends=MSGPACK,
        answers=bodies.Stored,
        problems=(*BODY, FILE_MISMATCH),
    ),
    Call(
        "HEAD",
        FILE_ROUTE,
        "how much is held of one version of a file",
        READ,
        (SHA256,),
        problems=(NOT_FOUND, PATH_CONFLICT),
    ),
    Call("GET", FILE_ROUTE, "the file, raw", READ, answers=OCTETS, problems=(NOT_FOUND, PATH_CONFLICT)),
    Call(
        "PUT",
        FILE_ROUTE,
        "a large file from its start: whole, or its first part",
        WRITE,
        PART,
        sends=OCTETS,
        answers=bodies.PartHeld,
        problems=(*BODY, OFFSET_MISMATCH, FILE_MISMATCH),
    ),
    Call(
        "PATCH",
        FILE_ROUTE,
        "a further part of a large file",
        WRITE,
        (*PART, FILE_OFFSET),
        sends=OCTETS,
        answers=bodies.PartHeld,
        problems=(*BODY, OFFSET_MISMATCH, FILE_MISMATCH),
    ),
)
