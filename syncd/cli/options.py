"""The options that several commands of the agent share."""

import math
from collections.abc import Callable
from typing import Any

import click

from tidelog.datastore.cli.path_completion import complete_path
from tidelog.syncd.log_lines import FORMATS, TEXT
from tidelog.syncd.quantities import parse_amount, parse_span

LOOKS_S_MAX = 86_400.0
"""Between two looks of a command that looks again and again; no sleep takes for ever."""


class Span(click.ParamType[float]):
    """A span of time as people write it, in seconds: 12h, 30d."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        try:
            return parse_span(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Seconds(click.FloatRange):
    """A number of seconds; what is no number is none, though it compares with no bound."""

    name = "number of seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds


class Amount(click.ParamType[int]):
    """An amount of bytes as people write it: 500K, 10M."""

    name = "amount"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        try:
            return parse_amount(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _one_or_none(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> str | None:
    """Taking the last of several in silence would let people believe in copies that are not there."""
    if len(value) > 1:
        text = f"{len(value)} targets were named: one target at a time, the command once for each"
        raise click.BadParameter(text, ctx, param)
    return value[0] if value else None


to_option = click.option(
    "--to",
    multiple=True,
    callback=_one_or_none,
    metavar="URL",
    help="The target: http(s)://HOST of a hub, or file:///FOLDER of another root. "
    "Without it: TIDELOG_HUB, else the hub that `syncd login` stored.",
)
json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")
paths_argument = click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", shell_complete=complete_path
)
receipt_option = click.option(
    "--receipt",
    metavar="FILE",
    shell_complete=complete_path,
    help="Ask no target: believe what this receipt says, or all those beside the runs of a folder.",
)
targets_option = click.option(
    "--to",
    multiple=True,
    metavar="URL",
    help="A target: http(s)://HOST of a hub, or file:///FOLDER of another root; say it as often as "
    "needed. Without it: `targets` of config.toml, TIDELOG_HUB, or the hub that `syncd login` stored.",
)


def log_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what says where a service tells what it does, and in which form."""
    to_file = click.option(
        "--log-file",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Write the log there, as JSON, instead of to stderr; it is kept below 3 MB, in 3 parts.",
    )
    form = click.option(
        "--log-format",
        type=click.Choice(FORMATS),
        default=TEXT,
        show_default=True,
        help="The form of the lines on stderr.",
    )
    return form(to_file(command))


def sending_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what says how fast and which files; they come in under the names of `Wishes`."""
    options = (
        click.option(
            "--limit-rate",
            envvar="TIDELOG_LIMIT_RATE",
            metavar="BYTES",
            help="Send at most so many bytes a second to all targets together, like 500K or 10M.",
        ),
        click.option(
            "--concurrency",
            envvar="TIDELOG_CONCURRENCY",
            type=int,
            metavar="N",
            help="Uploads at a time to one target.",
        ),
        click.option(
            "--only",
            multiple=True,
            metavar="PATTERN",
            callback=_list_or_none,
            help="Of a run's files, send those that match, like 'media/**'; records always travel.",
        ),
        click.option(
            "--media/--no-media",
            default=None,
            help="Send media, or hold it back until a daemon or command sends it.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _list_or_none(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> list[str] | None:
    del ctx, param
    return list(value) or None
