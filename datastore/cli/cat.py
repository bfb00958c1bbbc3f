"""`datastore cat`: every record of a run, one per line."""

from dataclasses import fields

import click

from tidelog.datastore.as_json import encoded
from tidelog.datastore.cli.as_text import time_text, value_text
from tidelog.datastore.cli.path_completion import complete_path
from tidelog.datastore.cli.unreadable import Unreadable, end_if_any, find_each, noting, tell
from tidelog.datastore.location import Location
from tidelog.datastore.reader import Reader
from tidelog.datastore.records import KIND_NAMES, SCHEMA, Record
from tidelog.datastore.text import on_one_line

DAMAGE_FOUND = 1
KINDS = [name for kind, name in KIND_NAMES.items() if kind != SCHEMA]


@click.command(
    "cat",
    epilog="""\b
Examples:
  datastore cat tidelog/latest
  datastore cat tidelog/latest --kind row --json | jq .data.loss
  datastore cat tidelog/latest --follow     until the run has ended""",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", shell_complete=complete_path)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per record and line.")
@click.option("--kind", type=click.Choice(KINDS), multiple=True, help="Only records of this kind.")
@click.option("--follow", is_flag=True, help="Wait for more, until the run has ended.")
def command(paths: tuple[str, ...], *, as_json: bool, kind: tuple[str, ...], follow: bool) -> None:
    """Print the records of runs, in the order of their logs."""
    unreadable: list[Unreadable] = []
    runs = find_each(paths, unreadable)
    is_damaged = False
    for location in runs:
        prefix = f"{on_one_line(str(location))}: " if len(runs) > 1 else ""
        with noting(unreadable, location), Reader(location.path, disk=location.disk) as run:
            for record in run.follow() if follow else run.records():
                if not kind or record.kind in kind:
                    line = encoded(_as_map(record, location)) if as_json else prefix + _line(record)
                    click.echo(line)
            is_damaged |= _tell_faults(run, location, follow=follow)
    end_if_any(unreadable)
    if is_damaged:
        raise SystemExit(DAMAGE_FOUND)


def _tell_faults(run: Reader, location: Location, *, follow: bool) -> bool:
    """Tell of damage, and of the end of a run that was followed; return whether there is damage."""
    if follow and run.state != "finished":
        tell(f"{location} has ended: {run.state}")
    for damage in run.damage:
        tell(
            f"{location}: {damage.log} is damaged: {damage.length} bytes at offset {damage.offset}, "
            f"{damage.chunks} chunks lost"
        )
    return bool(run.damage)


def _as_map(record: Record, location: Location) -> dict[str, object]:
    # Not `asdict`, which goes into the values as well: they may be lists a thousand levels deep.
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {"path": str(location), **values}


def _line(record: Record) -> str:
    where = f"{record.log}#{record.seq}"
    when = time_text(record.time) if record.time is not None else "-"
    step = f" step={record.step}" if record.step is not None else ""
    data = " ".join(f"{on_one_line(str(key))}={value_text(value)}" for key, value in record.data.items())
    return f"{where}  {when}  {record.kind}{step}  {data}".rstrip()
