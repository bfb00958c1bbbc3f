"""`datastore export`: a run's rows as a file that other programs read."""

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import click

from tidelog.datastore.cli.path_completion import complete_path
from tidelog.datastore.cli.unreadable import tell
from tidelog.datastore.columns import Columns
from tidelog.datastore.disk import Disk
from tidelog.datastore.export import FORMATS, export, format_of
from tidelog.datastore.find import find_locations
from tidelog.datastore.location import Location
from tidelog.datastore.reader import Reader
from tidelog.datastore.text import counted, on_one_line, size_text

DAMAGE_FOUND = 1
RUNS_SHOWN_MAX = 3
NAMES_SHOWN_MAX = 20

STEPS = re.compile(r"(-?[0-9]{1,20})?:(-?[0-9]{1,20})?")


def _parse_steps(context: click.Context, option: click.Parameter, text: str | None) -> slice:
    found = STEPS.fullmatch(":" if text is None else text)
    if found is None:
        fault = f"{text!r} is no range of steps; write 100:200, 100: or :200"
        raise click.BadParameter(fault, ctx=context, param=option)
    return slice(*(int(bound) if bound else None for bound in found.groups()))


@click.command(
    "export",
    epilog="""\b
Examples:
  datastore export tidelog/latest -o run.parquet
  datastore export tidelog/latest -o val.csv --keys 'val/*' --keys loss
  datastore export tidelog/latest -o run.jsonl --steps 100:200 --force""",
)
@click.argument("path", metavar="PATH", shell_complete=complete_path)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    shell_complete=complete_path,
    help="The file to write; it ends in .parquet, .csv or .jsonl.",
)
@click.option("--keys", multiple=True, metavar="NAME", help="Only these columns; * as in a shell.")
@click.option(
    "--steps", metavar="FIRST:END", callback=_parse_steps, help="Only rows with FIRST <= step < END."
)
@click.option("--nan-as-null", is_flag=True, help="Write NaN as a missing value.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def command(
    path: str, *, output: str, keys: tuple[str, ...], steps: slice, nan_as_null: bool, force: bool
) -> None:
    """Write one run's rows to a Parquet, CSV or JSON-lines file.

    Calls of one step are one row; `_step` and `_time` come first. What is missing is null, or an empty
    cell; among floats it is NaN. The file appears whole or not at all.
    """
    suffix = format_of(output)
    if suffix is None:
        raise click.UsageError(f"{output} ends in none of {', '.join(FORMATS)}: name the format so")
    _check_output(output, force=force)
    location = _one_run(path)
    with Reader(location.path, disk=location.disk) as run:
        columns = _history(run, keys, steps)
        export(columns, output, suffix, nan_as_null=nan_as_null, overwrite=force)
        damages = run.damage
    size = size_text(Disk().stat(output).st_size)
    shape = f"{counted(len(columns), 'row')} of {counted(len(columns.keys()), 'column')}"
    click.echo(f"{on_one_line(output)}: {shape}, {size}")
    for damage in damages:
        tell(
            f"{path}: {damage.log} is damaged: {damage.length} bytes at offset {damage.offset}, "
            f"{damage.chunks} chunks lost"
        )
    if damages:
        raise SystemExit(DAMAGE_FOUND)


def _check_output(output: str, *, force: bool) -> None:
    """Refuse before anything is read what could not be written after it."""
    disk = Disk()
    if not disk.is_directory(folder := os.path.dirname(output) or "."):
        raise click.UsageError(f"{folder} is no folder: make it first")
    if disk.is_directory(output):
        raise click.UsageError(f"{output} is a folder: name a file in it")
    if disk.is_there(output) and not force:
        raise click.UsageError(f"{output} is there already: --force writes over it")


def _one_run(path: str) -> Location:
    runs = find_locations(path)
    if len(runs) > 1:
        shown = ", ".join(map(str, runs[:RUNS_SHOWN_MAX])) + (", ..." if runs[RUNS_SHOWN_MAX:] else "")
        raise click.UsageError(f"{path} holds {len(runs)} runs, a file takes one: name it ({shown})")
    return runs[0]


def _history(run: Reader, keys: Sequence[str], steps: slice) -> Columns:
    columns = run.history(keys=keys or None, steps=steps)
    if unfound := _unfound(keys, columns.keys()):
        # Rows of other steps may have it.
        names = run.history().keys()
        if unfound := _unfound(unfound, names):
            shown = ", ".join(names[:NAMES_SHOWN_MAX]) + (", ..." if names[NAMES_SHOWN_MAX:] else "")
            raise click.UsageError(
                on_one_line(f"no column of {run.id} is named {unfound[0]!r}; there are: {shown}")
            )
    return columns


def _unfound(keys: Sequence[str], names: Sequence[str]) -> list[str]:
    return [k for k in keys if not any(name == k or fnmatchcase(name, k) for name in names)]
