"""The command `datastore`: looks into runs on the disk. One file per subcommand."""

import os
import sys
from typing import Any, NoReturn

import click

from tidelog.datastore.cli import cat, console, export, runs, salvage, show, verify
from tidelog.datastore.cli.as_text import on_one_line
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError

CANNOT_READ = 2
INTERRUPTED = 130


class PipedGroup(click.Group):
    """Ends with 0 where the reader of its output went away; click's own answer, 1, means damage here."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # What is still buffered is flushed at exit: it must go somewhere.
            os.dup2(Disk().open_append(os.devnull), sys.stdout.fileno())
            raise SystemExit(0) from None


@click.group(
    cls=PipedGroup,
    epilog="Exit codes: 0 fine, 1 damage was found, 2 cannot be read or bad usage.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="tidelog", prog_name="datastore")
def group() -> None:
    """Read, print, export, check and salvage recorded runs, whatever state they are in."""


COMMANDS = (
    show.command,
    runs.command,
    cat.command,
    console.command,
    export.command,
    verify.command,
    salvage.command,
)
for command in COMMANDS:
    group.add_command(command)


def main() -> NoReturn:
    """Run the command; errors that we raise on purpose become one sentence and exit code 2."""
    try:
        # On its own click would answer Ctrl-C with 1, which means damage here.
        code = group.main(prog_name="datastore", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except click.Abort:
        raise SystemExit(INTERRUPTED) from None
    except (DatastoreError, OSError) as error:
        click.echo(f"datastore: {on_one_line(str(error))}", err=True)
        raise SystemExit(CANNOT_READ) from None
    raise SystemExit(code)
