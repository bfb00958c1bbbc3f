"""`syncd serve`: run a hub in the foreground until SIGTERM or SIGINT."""

import asyncio
import logging
import os
import signal

import click

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import read_settings
from tidelog.syncd.cli.options import Amount, log_options
from tidelog.syncd.listen import Listen
from tidelog.syncd.logging_setup import set_up_logging
from tidelog.syncd.notify import Notifier
from tidelog.syncd.protocol import DEFAULT_LISTEN

EPILOG = """\b
Examples:
  syncd serve --data hub/
  syncd key create laptop --data hub/      a key for an agent
  syncd serve --data hub/ --listen 0.0.0.0:7070
  syncd serve --data hub/ --keep-free 10G      agents wait when less is left
\b
Exit code: 0 stopped by SIGTERM or SIGINT, 2 cannot start.
"""


@click.command("serve", epilog=EPILOG)
@click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False),
    help="The folder that holds the runs; it is made where it is missing.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help=f"Where to accept requests, by default {DEFAULT_LISTEN}; port 0 takes any free one.",
)
@click.option(
    "--keep-free",
    "keep_free_bytes",
    type=Amount(),
    metavar="AMOUNT",
    help="Room on the disk that no upload may take, like 10G; by default a hundredth of it, at most 1G. "
    "Agents wait until there is more.",
)
@log_options
def command(
    data: str, listen: str | None, keep_free_bytes: int | None, log_format: str, log_file: str | None
) -> None:
    """Run a hub: receive runs, keep them as run directories, and tell what it holds.

    Requests need an API key (`syncd key create`). The hub speaks plain HTTP: on anything but the
    loopback address, put a TLS proxy in front of it.
    """
    set_up_logging(log_format, log_file, os.environ, Disk(), level=logging.WARNING)
    if listen is None:
        setting = read_settings().get("listen")
        listen = setting.value if setting is not None else DEFAULT_LISTEN
    asyncio.run(_serve(data, listen, keep_free_bytes))


async def _serve(data: str, listen: str, keep_free_bytes: int | None) -> None:
    # The other subcommands need no web server: they must not wait for its import.
    from tidelog.syncd.hub.limits import HubLimits
    from tidelog.syncd.hub.server import HubServer

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    notifier = Notifier.from_environment(os.environ, pid=os.getpid())
    limits = HubLimits(keep_free_bytes=keep_free_bytes)
    async with HubServer(data, listen=Listen.parse(listen), limits=limits) as hub:
        click.echo(f"hub listening on {hub.url}", err=True)
        if not hub.keys.keys():
            click.echo(f"no API key yet: syncd key create NAME --data {data}", err=True)
        notifier.ready()
        beating = asyncio.ensure_future(notifier.beat(lambda: f"serves {data} on {hub.url}"))
        await stop.wait()
        notifier.stopping()
        beating.cancel()
