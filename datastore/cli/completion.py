"""Completion of a command's words in a shell: prints what the shell is to read, once at its start."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


def make_command(prog_name: str) -> click.Command:
    """Return the subcommand `completion` of the command `prog_name`."""
    variable = f"_{prog_name.upper()}_COMPLETE"
    epilog = f"""\b
Examples:
  eval "$({prog_name} completion bash)"      in ~/.bashrc
  eval "$({prog_name} completion zsh)"       in ~/.zshrc, after compinit
  {prog_name} completion fish > ~/.config/fish/completions/{prog_name}.fish
\b
Exit code: 0 printed, 2 an unknown shell.
"""

    @click.command("completion", epilog=epilog)
    @click.argument("shell", type=click.Choice(SHELLS))
    @click.pass_context
    def command(ctx: click.Context, shell: str) -> None:
        """Print what lets a shell complete commands, options and paths with the Tab key."""
        kind = get_completion_class(shell)
        assert kind is not None  # noqa: S101 - click has all of SHELLS
        root = ctx.find_root().command
        click.echo(kind(root, {}, prog_name, variable).source())

    return command


command = make_command("datastore")
