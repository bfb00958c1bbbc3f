"""The command `datastore`: looks into runs on the disk. One file per subcommand."""

from typing import NoReturn

import click

from tidelog.datastore.cli import cat, show, verify
from tidelog.datastore.errors import DatastoreError

CANNOT_READ = 2


@click.group(
    epilog="Exit codes: 0 fine, 1 damage was found, 2 cannot be read or bad usage.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="tidelog", prog_name="datastore")
def group() -> None:
    """Read, print and check recorded runs, whatever state they are in."""


for command in (show.command, cat.command, verify.command):
    group.add_command(command)


def main() -> NoReturn:
    """Run the command; errors that we raise on purpose become one sentence and exit code 2."""
    try:
        group.main(prog_name="datastore")
    except (DatastoreError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise SystemExit(0) from None
        click.echo(f"datastore: {error}", err=True)
        raise SystemExit(CANNOT_READ) from None
    raise SystemExit(0)
