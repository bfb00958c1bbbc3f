"""The JSON documents of the reading calls; the OpenAPI document is made from them. No I/O."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tidelog.syncd.hub.read.entry import Entry, Facts
from tidelog.syncd.hub.read.run_state import RunState

Facts_ = Annotated[
    Raw,
    Meta(
        description="A JSON object; null where it is too long.",
        extra_json_schema={"type": ["object", "null"]},
    ),
]
Value = Annotated[
    float | int | str, Meta(description='A number, or one of "NaN", "Infinity", "-Infinity".')
]
Seconds = Annotated[float, Meta(description="Seconds since the epoch.")]


class Run(Struct, frozen=True):
    """A run in short. `heard` is by the hub's clock, `started` and `updated` by the run's own."""

    project: str
    run: str
    name: str
    state: RunState
    exit_code: int | None
    exit_reason: str
    rows: int
    last_step: int | None
    started: Seconds | None
    updated: Seconds | None
    heard: Seconds
    log_bytes: int
    files: int
    files_bytes: int
    group: str | None
    job_type: str | None
    user: str | None
    tags: list[str]
    fault: Annotated[str | None, Meta(description="Why its logs cannot be read.")]
    config: Facts_ | UnsetType = UNSET
    summary: Facts_ | UnsetType = UNSET


class Runs(Struct, frozen=True):
    """Runs; `next` is the `after` of the next page, null on the last one."""

    runs: list[Run]
    next: str | None
    complete: Annotated[
        bool, Meta(description="False while a hub that was just started looks at its runs.")
    ]


class Log(Struct, frozen=True):
    """A log as it lies on the hub's disk."""

    name: str
    size: int
    written: Seconds


class Overview(Run, frozen=True, kw_only=True):
    """A run with all that is known of it without reading its rows."""

    metadata: Facts_
    metrics: Facts_
    left_out: Annotated[list[str], Meta(description="Which of the objects are null for their length.")]
    logs: list[Log]


class Points(Struct, frozen=True):
    """One series of numbers: `count` points were logged, these were kept."""

    key: str
    stream: Annotated[str, Meta(description='"main", a rank such as "rank3", or "monitor".')]
    count: int
    step: list[int]
    time: list[Value]
    value: list[Value]


class History(Struct, frozen=True):
    """Sampled series of a run."""

    project: str
    run: str
    series: list[Points]
    left_out: Annotated[list[str], Meta(description="Names beyond the limit of series in one answer.")]
    complete: Annotated[bool, Meta(description="False where time ran out before the end of the logs.")]


class Media(Struct, frozen=True):
    """A media file that a row mentions; `path` is where `GET .../files/{path}` has it."""

    key: str
    step: int
    stream: str
    type: str
    path: str
    sha256: str
    size: int
    caption: str | None
    details: dict[str, Any]


class MediaList(Struct, frozen=True):
    """The media of a run in the order of logging; `next` is the `after` of the next page."""

    project: str
    run: str
    media: list[Media]
    next: str | None
    complete: Annotated[bool, Meta(description="False where time ran out: ask again to go on.")]


class Health(Struct, frozen=True):
    """The hub answers."""

    status: str


def brief_of(entry: Entry, facts: Facts | None = None) -> Run:
    """Return a run as a list shows it, with config and summary where its facts come along."""
    return Run(**_brief(entry), **({} if facts is None else _shown(facts)))


def overview_of(entry: Entry, facts: Facts) -> Overview:
    """Return a run with its facts."""
    return Overview(
        **_brief(entry),
        **_shown(facts),
        metadata=Raw(facts.metadata),
        metrics=Raw(facts.metrics),
        left_out=list(facts.left_out),
        logs=[Log(log.name, log.size, log.mtime_ns / 1e9) for log in entry.logs],
    )


def encoded(document: Struct) -> bytes:
    """Return a document as JSON."""
    return msgspec.json.encode(document)


_SAME = [name for name in Run.__struct_fields__ if name in Entry.__struct_fields__]


def _brief(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _SAME} | {"log_bytes": entry.log_bytes}


def _shown(facts: Facts) -> dict[str, Any]:
    return {"config": Raw(facts.config), "summary": Raw(facts.summary)}
