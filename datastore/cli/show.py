"""`datastore show`: what a run is, what it logged, and whether all of it is there."""

import math
from collections import Counter
from typing import Any

import click

from tidelog.datastore.as_json import encoded, plain
from tidelog.datastore.cli.as_text import key_text, print_table, tail_text, time_text, value_text
from tidelog.datastore.cli.path_completion import complete_path
from tidelog.datastore.cli.repro import print_rebuild
from tidelog.datastore.cli.system import describe_system, system_lines
from tidelog.datastore.cli.unreadable import Unreadable, end_if_any, find_each, noting
from tidelog.datastore.location import Location
from tidelog.datastore.reader import Reader
from tidelog.datastore.text import (
    counted,
    duration_text,
    on_one_line,
    padded,
    size_text,
    sparkline,
    width_of,
)

DAMAGE_FOUND = 1
CURVE_WIDTH = 24


@click.command(
    "show",
    epilog="""\b
Examples:
  datastore show tidelog/latest
  datastore show tidelog/mnist          all runs of a project, a line each
  datastore show tidelog/latest --json | jq .summary
  datastore show tidelog/latest --repro > rebuild.sh""",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", shell_complete=complete_path)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--repro", is_flag=True, help="Print a script that makes the run again.")
def command(paths: tuple[str, ...], *, as_json: bool, repro: bool) -> None:
    """Show runs: a log, a run directory, a project or a root.

    One run is shown whole, several are listed a line each.
    """
    unreadable: list[Unreadable] = []
    runs = find_each(paths, unreadable)
    if repro:
        end_if_any(unreadable)
        if len(runs) != 1:
            raise click.UsageError(f"--repro takes one run, and these are {len(runs)}")
        print_rebuild(runs[0], as_json=as_json)
        return
    shown: list[dict[str, Any]] = []
    for run in runs:
        with noting(unreadable, run):
            shown.append(_describe(run, with_history=len(runs) == 1 and not as_json))
    is_one = len(runs) == 1 == len(shown)
    if as_json and is_one:
        click.echo(encoded({"type": "run", **shown[0]}, indent=2))
    elif as_json:
        faults = [each._asdict() for each in unreadable]
        click.echo(encoded({"type": "runs", "runs": shown, "unreadable": faults}, indent=2))
    elif is_one:
        _print_run(shown[0])
    elif shown:
        _print_list(shown)
    end_if_any(unreadable)
    if any(run["damage"] for run in shown):
        raise SystemExit(DAMAGE_FOUND)


def _describe(location: Location, *, with_history: bool) -> dict[str, Any]:
    disk, path = location
    with Reader(path, disk=disk) as run:
        directory = path.parent if disk.is_file(path) else path
        described = {
            "path": str(location),
            "id": run.id,
            "project": run.project,
            "name": run.name,
            "state": run.state,
            "exit_code": run.exit_code,
            "exit_reason": run.exit_reason,
            "times": run.times,
            "rows": run.rows,
            "last_step": run.last_step,
            "config": plain(run.config),
            "summary": run.summary if with_history else plain(run.summary),
            "metadata": plain(run.metadata),
            "logs": [{"name": n, "bytes": disk.stat(directory / n).st_size} for n in run.logs],
            "missing_logs": run.missing_logs,
            "media": len(run.media()),
            "media_bytes": sum(media.size for media in run.media()),
            "media_types": Counter(media.type for media in run.media()),
            "files": [file._asdict() for file in run.files()],
            "damage": [damage._asdict() for damage in run.damage],
            "torn_tails": [tail._asdict() for tail in run.torn_tails],
            "unknown_records": run.unknown_records,
            "system": describe_system(run),
        }
        if with_history:
            described["curves"] = _curves(run)
        return described


def _curves(run: Reader) -> dict[str, str]:
    """Return a sparkline for each metric that is a number in at least two rows."""
    curves = {}
    history = run.history()
    for name in history.keys()[2:]:
        numbers = [
            float(value)
            for value in history[name]
            if isinstance(value, (int, float)) or hasattr(value, "dtype")
            if math.isfinite(value)
        ]
        if len(numbers) > 1:
            curves[name] = sparkline(numbers, width=CURVE_WIDTH)
    return curves


def _print_list(runs: list[dict[str, Any]]) -> None:
    header = ("RUN", "STATE", "ROWS", "STEP", "MEDIA", "NAME")
    lines = [
        (
            f"{run['project'] or '-'}/{run['id']}",
            run["state"] + (", damaged" if run["damage"] else ""),
            f"{run['rows']:,}",
            str(run["last_step"] if run["last_step"] is not None else "-"),
            str(run["media"]),
            run["name"],
        )
        for run in runs
    ]
    print_table([header, *lines])


def _print_run(run: dict[str, Any]) -> None:
    click.echo(on_one_line(f"{run['project'] or '-'}/{run['id']}  {run['name']}"))
    state = run["state"] if run["exit_code"] in (None, 0) else f"{run['state']} ({run['exit_code']})"
    _print_field("state", state)
    if run["exit_reason"]:
        _print_field("reason", run["exit_reason"])
    if run["times"]:
        first, last = run["times"]
        _print_field("recorded", f"{time_text(first)}, for {duration_text(last - first)}")
    steps = "" if run["last_step"] is None else f", last step {run['last_step']}"
    _print_field("rows", f"{run['rows']:,}{steps}")
    for log in run["logs"]:
        _print_field("log", f"{log['name']}  {size_text(log['bytes'])}")
    for log in run["missing_logs"]:
        _print_field("MISSING", f"{log}: it must have been there, and what it holds is not shown")
    if run["media"]:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in run["media_types"].most_common(8))
        _print_field("media", f"{kinds}; {size_text(run['media_bytes'])}")
    for file in run["files"]:
        _print_field("file", f"{file['path']}  {size_text(file['size'])}")
    _print_map("config", run["config"], {})
    _print_map("summary", run["summary"], run["curves"])
    for host, described in run["system"].items():
        lines = [f"{host}, {counted(described['samples'], 'sample')}", *system_lines(described)]
        for index, line in enumerate(lines):
            _print_field("machine" if index == 0 else "", line)
    for tail in run["torn_tails"]:
        _print_field("torn tail", f"{tail['log']} {tail_text(tail['length'])}")
    for damage in run["damage"]:
        _print_field(
            "DAMAGE",
            f"{damage['log']}: {damage['length']} bytes at offset {damage['offset']}, "
            f"{counted(damage['chunks'], 'chunk')} lost",
        )
    if run["unknown_records"]:
        _print_field("skipped", f"{run['unknown_records']} records of kinds that are newer than this")


def _print_field(name: str, text: str) -> None:
    click.echo(f"  {name:<10} {on_one_line(text)}")


def _print_map(title: str, values: dict[str, Any], curves: dict[str, str]) -> None:
    width = max((width_of(key_text(key)) for key in values), default=0)
    for index, (key, value) in enumerate(values.items()):
        text = padded(f"{padded(key_text(key), width)}  {value_text(value)}", width + 16)
        _print_field(title if index == 0 else "", f"{text}  {curves.get(key, '')}".rstrip())
