"""What a person wants of the agent: where to, what, how fast, when.

Flags win over `TIDELOG_*` variables (both come in as `overrides`), these over the table `[sync]` of
`$XDG_CONFIG_HOME/tidelog/config.toml`. The settings file of a training folder has no such table: a
daemon serves more folders than that one.
"""

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import structs

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import SYNC_TABLE, config_directory
from tidelog.datastore.text import counted
from tidelog.syncd.agent.plan.file_filter import EVERY_FILE, FileFilter
from tidelog.syncd.agent.plan.pace import Pace
from tidelog.syncd.agent.plan.quiet_hours import QuietHours, never_end, parse_quiet_hours
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.credentials import CONFIG_NAME
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.listen import Listen
from tidelog.syncd.quantities import parse_amount, shown_amount

CONCURRENCY_MAX = 64
RATE_BYTES_MIN = 1000
"""Slower, and the smallest piece is under way for longer than a minute: a live row waits behind it."""

T = TypeVar("T")


class Wishes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings as they are written, None where nobody said anything."""

    targets: list[str] | None = None
    roots: list[str] | None = None
    limit_rate: str | None = None
    concurrency: int | None = None
    quiet_hours: list[str] | None = None
    only: list[str] | None = None
    media: bool | None = None
    retry_max: float | None = None
    metrics: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The same, understood. `targets` are addresses as written, empty for the hub of `syncd login`."""

    targets: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    limit_rate_bytes: int | None = None
    quiet_hours: tuple[QuietHours, ...] = ()
    files: FileFilter = EVERY_FILE
    metrics: Listen | None = None
    settings: AgentSettings = field(default_factory=AgentSettings)


def read_config(overrides: Wishes, environ: Mapping[str, str], disk: Disk) -> Config:
    """Return what holds now. Raises CannotStartError with the setting, its value and the remedy."""
    written = written_wishes(config_directory(environ) / CONFIG_NAME, disk)
    said = {name: value for name, value in structs.asdict(overrides).items() if value is not None}
    return _understand(structs.replace(written, **said))


def written_wishes(path: Path, disk: Disk) -> Wishes:
    """Return the table [sync] of a settings file. Raises CannotStartError where it is not sound."""
    try:
        return msgspec.convert(_read_table(path, disk), Wishes)
    except msgspec.ValidationError as error:
        names = ", ".join(Wishes.__struct_fields__)
        raise CannotStartError(f"{path}, [{SYNC_TABLE}]: {error}; it may set {names}") from error


def _read_table(path: Path, disk: Disk) -> Any:
    try:
        return tomllib.loads(disk.read(path).decode()).get(SYNC_TABLE, {})
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise CannotStartError(f"{path} cannot be read as TOML: {error}") from error


def _understand(wishes: Wishes) -> Config:
    rate = None if wishes.limit_rate is None else _rate(wishes.limit_rate)
    return Config(
        targets=tuple(wishes.targets or ()),
        roots=tuple(map(_root, wishes.roots or ())),
        limit_rate_bytes=rate,
        quiet_hours=_windows(wishes.quiet_hours or ()),
        files=FileFilter(tuple(map(_pattern, wishes.only or ())), has_media=wishes.media is not False),
        metrics=None if wishes.metrics is None else Listen.parse(wishes.metrics),
        settings=_in_small_pieces(_settings(wishes), Pace(rate)),
    )


def _settings(wishes: Wishes) -> AgentSettings:
    settings = AgentSettings()
    if wishes.retry_max is not None:
        if not 0 < wishes.retry_max < inf:
            raise CannotStartError(
                f"a longest wait of {wishes.retry_max:g} s: it must be more than 0 and have an end"
            )
        settings = replace(settings, backoff_max_s=wishes.retry_max)
    if wishes.concurrency is not None:
        if not 1 <= wishes.concurrency <= CONCURRENCY_MAX:
            raise CannotStartError(
                f"{wishes.concurrency} uploads at a time: it can be 1 to {CONCURRENCY_MAX}"
            )
        settings = replace(settings, tasks_max=wishes.concurrency)
    return settings


def _root(text: str) -> str:
    if not text.strip():
        raise CannotStartError(f"roots: {text!r} is no folder: name one, or take it out")
    return os.path.expanduser(text)


def _pattern(text: str) -> str:
    if not text.strip():
        raise CannotStartError(f"only: {text!r} matches no file: write it like media/**, or take it out")
    return text


def _rate(text: str) -> int:
    rate = _parsed("limit_rate", parse_amount, text)
    if rate == 0:
        raise CannotStartError("a rate of 0 bytes a second sends nothing: `syncd pause` does that")
    if rate < RATE_BYTES_MIN:
        raise CannotStartError(
            f"limit_rate: {text!r} is {counted(rate, 'byte')} a second, too slow for live rows: it can "
            f"be {shown_amount(RATE_BYTES_MIN)} and more; 1M is a million"
        )
    return rate


def _windows(texts: Sequence[str]) -> tuple[QuietHours, ...]:
    windows = tuple(_parsed("quiet_hours", parse_quiet_hours, text) for text in texts)
    if never_end(windows):
        raise CannotStartError(
            f"quiet_hours: {', '.join(texts)} leave no minute of the week in which anything is sent: "
            "make them shorter, or let `syncd pause` send nothing"
        )
    return windows


def _parsed(setting: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise CannotStartError(f"{setting}: {error}") from error


def _in_small_pieces(settings: AgentSettings, pace: Pace) -> AgentSettings:
    """A slow line takes small pieces: a live row waits for the one under way."""
    return replace(
        settings,
        append_bytes=pace.piece_bytes(settings.append_bytes),
        batch_bytes=pace.piece_bytes(settings.batch_bytes),
        piece_bytes=pace.piece_bytes(settings.piece_bytes),
    )
