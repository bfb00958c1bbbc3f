"""`syncd verify`: compare runs on the disk with what the target holds."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted, size_text
from tidelog.syncd.agent.plan.retry import Course, SetbackError
from tidelog.syncd.agent.proof.verify import Verdict, bytes_of, logs_by_run, verify_run
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.connect import open_target
from tidelog.syncd.agent.target.credentials import Address, find_address
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.watch.selection import select_logs
from tidelog.syncd.cli.console import PARKED, UNREACHABLE, WHOLE, print_json, say
from tidelog.syncd.cli.options import json_option, paths_argument, to_option

READING_TIMEOUT_S = 3600.0

EPILOG = """\b
Examples:
  syncd verify tidelog/latest
  syncd verify tidelog/ --to file:///mnt/stick --json
\b
Exit code: 0 equal, 1 something differs or is damaged, 2 bad usage,
3 the target is unreachable.
"""


@click.command("verify", epilog=EPILOG)
@paths_argument
@to_option
@json_option
def command(paths: tuple[str, ...], to: str | None, *, is_json: bool) -> None:
    """Prove that the target holds what the disk holds, or name every difference.

    PATH is a run, a project, a root, or a single log. Both ends read every byte again: rows, chunks,
    bytes and SHA-256 of each log, and of each file that the ledger names. The unfinished last chunk of
    a run that goes on, or was killed, is reported and is no difference.
    """
    disk = Disk()
    address = find_address(to, os.environ, disk)
    logs = logs_by_run(log for path in paths for log in select_logs(path, disk))
    try:
        verdicts = asyncio.run(_verify(address, logs, disk))
    except SetbackError as error:
        is_away = error.setback.course in (Course.OUTAGE, Course.AGAIN)
        if is_json:
            print_json(
                _document(address, [], state="unreachable" if is_away else "refused", reason=error)
            )
        say(f"syncd: {error}")
        raise SystemExit(UNREACHABLE if is_away else PARKED) from None
    is_equal = all(verdict.is_equal for verdict in verdicts)
    if is_json:
        print_json(_document(address, verdicts, state="equal" if is_equal else "different"))
    else:
        _print(verdicts, address)
    raise SystemExit(WHOLE if is_equal else PARKED)


async def _verify(address: Address, logs: Mapping[Run, Sequence[str]], disk: Disk) -> list[Verdict]:
    # A hub reads a whole run before it answers.
    settings = replace(AgentSettings(), answer_timeout_s=READING_TIMEOUT_S)
    target = open_target(address, environ=os.environ, disk=disk, clock=Clock(), settings=settings)
    try:
        return [await verify_run(target, run, names, disk) for run, names in logs.items()]
    finally:
        await target.close()


def _document(
    address: Address, verdicts: Sequence[Verdict], *, state: str, reason: Exception | None = None
) -> dict[str, Any]:
    return {
        "type": "verify",
        "target": address.url,
        "equal": state == "equal",
        "state": state,
        "reason": str(reason) if reason else None,
        "runs": [verdict.document() for verdict in verdicts],
    }


def _print(verdicts: Sequence[Verdict], address: Address) -> None:
    for verdict in verdicts:
        home = verdict.home
        facts = (
            f"{counted(len(home.logs), 'log')}, {counted(sum(log.rows for log in home.logs), 'row')}, "
            f"{counted(len(home.ledger), 'file')}, {size_text(bytes_of(home))}"
        )
        word = "equal" if verdict.is_equal else "DIFFERS" if verdict.differences else "DAMAGED"
        click.echo(f"{home.run}: {word}: {facts}")
        for item, reason in verdict.differences:
            click.echo(f"  {item + ': ' if item else ''}{reason}")
        for damage in verdict.damage:
            click.echo(
                f"  {damage.log}: damaged from byte {damage.offset} on for "
                f"{counted(damage.length, 'byte')} ({counted(damage.chunks, 'chunk')} lost)"
            )
        for tail in verdict.torn_tails:
            click.echo(
                f"  {tail.log}: torn tail of {counted(tail.length, 'byte')} at {tail.offset}, "
                "which stays here"
            )
    equal = sum(verdict.is_equal for verdict in verdicts)
    click.echo(f"{equal} of {counted(len(verdicts), 'run')} equal to {address.url}")
