"""The blocks on stderr at the start and the end of a run. Pure: they are text, others print them."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from tidelog.datastore.text import (
    ASCII_BARS,
    BARS,
    duration_text,
    on_one_line,
    padded,
    size_text,
    sparkline,
    width_of,
)

METRICS_SHOWN_MAX = 6
KEY_CHARACTERS_MAX = 24
WARNINGS_SHOWN_MAX = 6


class Ending(NamedTuple):
    """What there is to say when a run has ended."""

    exit_code: int
    duration_s: float
    rows: int
    lost_rows: int
    media: int
    media_bytes: int
    files: int
    file_bytes: int
    warnings: Mapping[str, int]


class Style(NamedTuple):
    """How text may look on the stream that it goes to."""

    is_coloured: bool
    is_unicode: bool

    def bold(self, text: str) -> str:
        """Return the text so that it stands out, where the stream is a terminal that likes it."""
        return f"\x1b[1m{text}\x1b[0m" if self.is_coloured else text

    def dim(self, text: str) -> str:
        """Return the text so that it stands back."""
        return f"\x1b[2m{text}\x1b[0m" if self.is_coloured else text


def find_style(stream: Any, environ: Mapping[str, str]) -> Style:
    """Return what a stream can show; NO_COLOR (no-color.org) and TERM=dumb are obeyed."""
    is_plain = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
    try:
        is_terminal = stream.isatty()
        "▁█".encode(stream.encoding or "ascii")
    except (AttributeError, ValueError, LookupError):
        return Style(is_coloured=False, is_unicode=False)
    return Style(is_coloured=is_terminal and not is_plain, is_unicode=True)


def start_block(
    *,
    name: str,
    project: str,
    run_id: str,
    mode: str,
    has_hub: bool,
    directory: str,
    is_resumed: bool,
    style: Style,
) -> str:
    """Return what is printed when a run begins: where its data is and the exact next command."""
    verb = "resuming" if is_resumed else "recording"
    path = shell_path(directory)
    lines = [f"tidelog: {verb} {style.bold(name)} ({mode})"]
    lines += _table(
        [
            ("project", project),
            ("run", run_id),
            ("data", path),
            ("look", f"datastore show {path}"),
            ("upload", _upload(mode, path, has_hub=has_hub)),
        ],
        style,
    )
    return "\n".join(lines)


def end_block(
    ending: Ending,
    *,
    name: str,
    mode: str,
    directory: str,
    curves: list[tuple[str, list[float]]],
    summary: Mapping[str, Any],
    style: Style,
) -> str:
    """Return what is printed when a run ends: counts, losses, curves, the exact next command."""
    state = "finished" if ending.exit_code == 0 else f"failed (exit code {ending.exit_code})"
    path = shell_path(directory)
    counts = f"{ending.rows:,}"
    if ending.media:
        counts += f"   media {ending.media:,} ({size_text(ending.media_bytes)})"
    if ending.files:
        counts += f"   files {ending.files:,} ({size_text(ending.file_bytes)})"
    rows = [("rows", f"{counts}   lost {ending.lost_rows:,}")]
    if ending.warnings:
        rows.append(("warnings", _counts(ending.warnings)))
    rows += [
        (on_one_line(key)[:KEY_CHARACTERS_MAX], on_one_line(text))
        for key, text in _curves(curves, summary, style)
    ]
    if mode == "online":
        rows += [("next", f"syncd verify {path}"), ("", "syncd status")]
    else:
        rows += [("next", f"syncd sync {path}"), ("", f"datastore show {path}")]
    head = f"tidelog: {style.bold(name)} {state} after {duration_text(ending.duration_s)}"
    return "\n".join([head, *_table(rows, style)])


def _counts(warnings: Mapping[str, int]) -> str:
    kinds = [f"{kind} {count:,}" for kind, count in warnings.items()]
    more = len(kinds) - WARNINGS_SHOWN_MAX
    return ", ".join(kinds[:WARNINGS_SHOWN_MAX]) + (f" and {more} more kinds" if more > 0 else "")


def _upload(mode: str, path: str, *, has_hub: bool) -> str:
    if mode != "online":
        return f"syncd sync {path}"
    if has_hub:
        return "in the background; see: syncd status"
    return "waits until syncd knows a hub: syncd login --hub URL"


def _curves(
    curves: list[tuple[str, list[float]]], summary: Mapping[str, Any], style: Style
) -> list[tuple[str, str]]:
    bars = BARS if style.is_unicode else ASCII_BARS
    lines = []
    for key, points in curves[:METRICS_SHOWN_MAX]:
        last = summary.get(key, points[-1])
        value = f"{last:.5g}" if isinstance(last, (int, float)) else str(last)
        # A line that is flat says nothing: a constant, or a value that was set by hand.
        course = sparkline(points, bars=bars) if len(set(points)) > 1 else ""
        lines.append((key, f"{course} {value}".lstrip()))
    more = len(curves) - METRICS_SHOWN_MAX
    if more > 0:
        lines.append(("...", f"and {more} more"))
    return lines


def _table(rows: list[tuple[str, str]], style: Style) -> list[str]:
    width = max(width_of(label) for label, _ in rows)
    return [f"  {style.dim(padded(label, width))}  {text}" for label, text in rows]


def shell_path(directory: str) -> str:
    """Return a path as it can be typed here: relative where that is shorter, quoted where needed."""
    import shlex

    try:
        relative = os.path.relpath(directory)
    except (OSError, ValueError):  # The working directory is gone.
        relative = directory
    return shlex.quote(relative if not relative.startswith("..") else directory)
