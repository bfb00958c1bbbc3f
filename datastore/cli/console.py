"""`datastore console`: what a run printed, as it was seen on a terminal."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict

import click

from tidelog.datastore.as_json import dumps
from tidelog.datastore.cli.path_completion import complete_path
from tidelog.datastore.console import ConsoleLine, ConsoleLines
from tidelog.datastore.find import find_locations
from tidelog.datastore.reader import Reader
from tidelog.datastore.text import counted, on_one_line

DAMAGE_FOUND = 1


@click.command(
    "console",
    epilog="""\b
Examples:
  datastore console tidelog/latest
  datastore console tidelog/latest --stream stderr | tail
  datastore console tidelog/latest --follow     until the run has ended""",
)
@click.argument("paths", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_path)
@click.option("--stream", type=click.Choice(["stdout", "stderr"]), help="Only this one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line of the console.")
@click.option("--follow", is_flag=True, help="Wait for more, until the run has ended.")
def command(paths: tuple[str, ...], *, stream: str | None, as_json: bool, follow: bool) -> None:
    """Print what runs printed, progress bars as they were last seen.

    The lines of all its processes, by their times. With --follow a line is printed as soon as it is
    finished, and again where it was replaced.
    """
    is_damaged = False
    for location in [found for path in paths for found in find_locations(path)]:
        with Reader(location.path, disk=location.disk) as run:
            for line in _follow(run) if follow else _read(run):
                if stream in (None, line.stream):
                    click.echo(dumps(asdict(line)) if as_json else _shown(line.text))
            for damage in run.damage:
                is_damaged = True
                click.echo(
                    f"datastore: {on_one_line(str(location))}: {damage.log} is damaged, lines may lack: "
                    f"{damage.length} bytes at offset {damage.offset}, "
                    f"{counted(damage.chunks, 'chunk')} lost",
                    err=True,
                )
    if is_damaged:
        raise SystemExit(DAMAGE_FOUND)


def _read(run: Reader) -> Iterable[ConsoleLine]:
    lines = ConsoleLines()
    for record in run.records():
        lines.feed(record)
    return lines.all()


def _follow(run: Reader) -> Iterator[ConsoleLine]:
    lines = ConsoleLines()
    for record in run.follow():
        yield from lines.feed(record)
    yield from lines.unfinished()


def _shown(text: str) -> str:
    """Return a line with all escaped that would steer the terminal; tabs stay."""
    return "\t".join(map(on_one_line, text.split("\t")))
