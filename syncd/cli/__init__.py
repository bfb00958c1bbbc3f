"""The command `syncd`: one file per subcommand, loaded when it is called; none is defined here."""

import os
from importlib import import_module
from typing import ClassVar, NoReturn

import click

from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.text import on_one_line
from tidelog.syncd.cli.console import BAD_USAGE, INTERRUPTED, prepare_streams, say
from tidelog.syncd.errors import SyncdError


class LazyGroup(click.Group):
    """Knows the subcommands by name and a line of help; imports only the one that is called."""

    SUMMARIES: ClassVar[dict[str, str]] = {
        "login": "Save the hub's address and an API key.",
        "logout": "Forget the hub and the key.",
        "profiles": "List the logins that are stored here.",
        "start": "Watch folders of runs and upload what is new, until SIGTERM.",
        "watch": "Watch more folders, or a pattern of folders.",
        "unwatch": "Watch folders no more.",
        "sync": "Upload runs once, until all of it is acknowledged.",
        "status": "Show how far each target is behind, what fails, and what to do.",
        "top": "Show the same as a live screen.",
        "retry": "Try parked items again.",
        "pause": "Send nothing for a while.",
        "resume": "End a pause.",
        "verify": "Compare runs on the disk with what the hub holds.",
        "pack": "Put runs into one archive, to be carried where no network goes.",
        "unpack": "Take such an archive in, and give a receipt for it.",
        "clean": "Delete runs that are proven to be whole on a target.",
        "logs": "Show what the daemon has told.",
        "doctor": "Look at all that an agent needs, and say what to do.",
        "install": "Let the agent, or a hub, run as a service of the system.",
        "uninstall": "End that service and forget it.",
        "off": "Record the runs of a folder offline: nothing of them is uploaded by itself.",
        "on": "Upload the runs of a folder while they are recorded.",
        "serve": "Run a hub: receive runs and keep them.",
        "reindex": "Make the index of a hub anew.",
        "key": "Create, list, rotate and revoke the API keys of a hub.",
        "account": "Say who may do what at a hub: people and services.",
        "audit": "Show what was done about keys, accounts and runs of a hub.",
        "share": "Make, list and revoke links by which others read a run.",
        "delete": "Delete runs at a hub.",
        "restore": "Take back that runs were deleted.",
        "completion": "Let a shell complete commands, options and paths.",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the subcommands in the order in which a person meets them."""
        del ctx
        return list(self.SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one subcommand."""
        del ctx
        if cmd_name not in self.SUMMARIES:
            return None
        command = import_module(f"tidelog.syncd.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a mistake of ours, not of a caller
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand; Ctrl-C ends it with the code that shells give, wherever it comes."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):  # The latter where it comes while a person is asked.
            click.echo("syncd: interrupted", err=True)
            raise SystemExit(INTERRUPTED) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self.SUMMARIES.items()))


@click.group(
    cls=LazyGroup,
    epilog="Each command explains itself: syncd COMMAND --help",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="tidelog", prog_name="syncd")
def group() -> None:
    """Carry runs from the machine that trains to a hub, and keep them there."""


def main() -> NoReturn:
    """Run the command; errors that we raise on purpose become one sentence and exit code 2."""
    prepare_streams()
    try:
        group.main(prog_name="syncd")
    except (SyncdError, DatastoreError) as error:
        say(on_one_line(f"syncd: {error}"))
        raise SystemExit(BAD_USAGE) from None
    except OSError as error:
        say(on_one_line(f"syncd: {_words(error)}"))
        raise SystemExit(BAD_USAGE) from None
    raise SystemExit(0)


def _words(error: OSError) -> str:
    """Return what the system refused, and why. Of an open file it does not say which."""
    what = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return what + (error.strerror or str(error))
