"""`syncd share`: links by which somebody without an account reads one run."""

import click

from tidelog.syncd.agent.target.hub_runs import HubRuns
from tidelog.syncd.cli.console import print_json
from tidelog.syncd.cli.hub_folder import moment, print_table
from tidelog.syncd.cli.options import Span, json_option, to_option
from tidelog.syncd.cli.runs_at_hub import NamedRun, NotThereError, act_on, end, parse_runs
from tidelog.syncd.errors import CannotStartError

EPILOG = """\b
Examples:
  syncd share mnist/20261123-042233-k3v9q2             prints the link, this one time
  syncd share mnist/run-1 --expires 1d
  syncd share mnist/run-1 --list
  syncd share mnist/run-1 --revoke 0f3a5c9d21be
\b
Exit code: 0 done, 1 the hub has no such run or link, or refuses, 2 bad usage,
3 the hub is unreachable.
"""


@click.command("share", epilog=EPILOG)
@click.argument("run", metavar="PROJECT/RUN")
@click.option("--expires", type=Span(), metavar="SPAN", help="For how long it is good; 7d unless said.")
@click.option("--list", "is_list", is_flag=True, help="List the links to the run that are good.")
@click.option("--revoke", metavar="ID", help="Let a link open nothing from now on.")
@to_option
@json_option
def command(
    run: str, expires: float | None, revoke: str | None, to: str | None, *, is_list: bool, is_json: bool
) -> None:
    """Print a link by which anybody who has it reads one run; needs a key that may write there.

    Whoever opens it sees the run's page, its media and its points, and nothing else. It ends by itself,
    when it is revoked, and with the run.
    """
    if sum((expires is not None, is_list, revoke is not None)) > 1:
        raise CannotStartError("--expires, --list and --revoke are three things: say one of them")
    if revoke is not None and not revoke.isalnum():
        raise CannotStartError(f"{revoke!r} is no id of a link: `--list` shows them")
    answers: list[dict[str, object]] = []

    async def call(hub: HubRuns, named: NamedRun) -> str:
        if revoke is not None:
            if not await hub.end_share(*named, revoke):
                raise NotThereError(f"{hub.url} has no such link to this run")
            return f"revoked {revoke}"
        if is_list:
            found = await hub.shares(*named)
            if found is None:
                raise NotThereError(f"{hub.url} has no such run, or none that this key may share")
            answers.extend(found)
            return f"{len(found)} links"
        made = await hub.share(*named, expires)
        if made is None:
            raise NotThereError(f"{hub.url} has no such run, or none that this key may share")
        answers.append(made)
        return f"shared until {moment(float(made['expires']))}"

    outcomes = act_on(parse_runs([run]), to, call)
    if is_json:
        print_json({"type": "share", "shares": answers, "reason": outcomes[0].reason or None})
    elif is_list and answers:
        print_table([("ID", "MADE BY", "ENDS"), *(_row(answer) for answer in answers)])
    elif answers:
        click.echo(answers[0]["url"])
    end(outcomes, "share", is_json=False)


def _row(share: dict[str, object]) -> tuple[str, str, str]:
    expires = share["expires"]
    ends = moment(expires if isinstance(expires, float) else None)
    return str(share["id"]), str(share["account"]), ends
