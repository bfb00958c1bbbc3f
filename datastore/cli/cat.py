"""`datastore cat`: every record of a run, one per line."""

from collections.abc import Iterator
from dataclasses import fields

import click

from tidelog.datastore.as_json import encoded
from tidelog.datastore.cli.as_text import on_one_line, time_text, value_text
from tidelog.datastore.find import find_locations
from tidelog.datastore.reader import Reader
from tidelog.datastore.records import KIND_NAMES, SCHEMA, Record

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
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per record and line.")
@click.option("--kind", type=click.Choice(KINDS), multiple=True, help="Only records of this kind.")
@click.option("--follow", is_flag=True, help="Wait for more, until the run has ended.")
def command(paths: tuple[str, ...], *, as_json: bool, kind: tuple[str, ...], follow: bool) -> None:
    """Print the records of runs, in the order of their logs."""
    is_damaged = False
    for location in [found for path in paths for found in find_locations(path)]:
        with Reader(location.path, disk=location.disk) as run:
            for record in _records(run, follow=follow):
                if kind and record.kind not in kind:
                    continue
                click.echo(encoded(_as_map(record)) if as_json else _line(record))
            for damage in run.damage:
                is_damaged = True
                click.echo(
                    f"datastore: {on_one_line(str(location))}: {damage.log} is damaged: {damage.length} "
                    f"bytes at offset {damage.offset}, {damage.chunks} chunks lost",
                    err=True,
                )
    if is_damaged:
        raise SystemExit(DAMAGE_FOUND)


def _records(run: Reader, *, follow: bool) -> Iterator[Record]:
    return run.follow() if follow else run.records()


def _as_map(record: Record) -> dict[str, object]:
    # Not `asdict`, which goes into the values as well: they may be lists a thousand levels deep.
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _line(record: Record) -> str:
    where = f"{record.log}#{record.seq}"
    when = time_text(record.time) if record.time is not None else "-"
    step = f" step={record.step}" if record.step is not None else ""
    data = " ".join(f"{on_one_line(str(key))}={value_text(value)}" for key, value in record.data.items())
    return f"{where}  {when}  {record.kind}{step}  {data}".rstrip()
