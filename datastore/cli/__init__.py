"""The command `datastore`: looks into runs on the disk. One file per subcommand."""

import io
import sys
from typing import Any, NoReturn

import click

from tidelog.datastore.cli import cat, completion, console, export, runs, salvage, show, verify
from tidelog.datastore.cli.pipe import while_read
from tidelog.datastore.cli.unreadable import CANNOT_READ, tell
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.text import on_one_line

INTERRUPTED = 130


class PipedGroup(click.Group):
    """Ends with 0 where the reader of its output went away; click's own answer, 1, means damage here."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        with while_read():
            return super().invoke(ctx)
        return None


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
    completion.command,
)
for command in COMMANDS:
    group.add_command(command)


def main() -> NoReturn:
    """Run the command; errors that we raise on purpose become one sentence and exit code 2."""
    # A terminal that lacks a character shows its code. There may be no stdout at all.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        # On its own click would answer Ctrl-C with 1, which means damage here.
        code = group.main(prog_name="datastore", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()  # The help: our own words, in lines.
        raise SystemExit(error.exit_code) from None
    except click.ClickException as error:
        text = on_one_line(error.message)  # It may name a file that somebody else has named.
        error.message = text  # type: ignore[misc]  # final to type checkers alone
        error.show()
        raise SystemExit(error.exit_code) from None
    except click.Abort:
        raise SystemExit(INTERRUPTED) from None
    except (DatastoreError, OSError) as error:
        tell(str(error))
        raise SystemExit(CANNOT_READ) from None
    raise SystemExit(code)
