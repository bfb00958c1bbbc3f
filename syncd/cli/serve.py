"""`syncd serve`: run a hub in the foreground until SIGTERM or SIGINT."""

import asyncio
import logging
import signal

import click

from tidelog.datastore.settings import read_settings
from tidelog.syncd.listen import Listen
from tidelog.syncd.protocol import DEFAULT_LISTEN

EPILOG = """\b
Examples:
  syncd serve --data hub/
  syncd key create laptop --data hub/      a key for an agent
  syncd serve --data hub/ --listen 0.0.0.0:7070
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
def command(data: str, listen: str | None) -> None:
    """Run a hub: receive runs, keep them as run directories, and tell what it holds.

    Requests need an API key (`syncd key create`). The hub speaks plain HTTP: on anything but the
    loopback address, put a TLS proxy in front of it.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    if listen is None:
        setting = read_settings().get("listen")
        listen = setting.value if setting is not None else DEFAULT_LISTEN
    asyncio.run(_serve(data, listen))


async def _serve(data: str, listen: str) -> None:
    # The other subcommands need no web server: they must not wait for its import.
    from tidelog.syncd.hub.server import HubServer

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with HubServer(data, listen=Listen.parse(listen)) as hub:
        click.echo(f"hub listening on {hub.url}", err=True)
        if not hub.keys.keys():
            click.echo(f"no API key yet: syncd key create NAME --data {data}", err=True)
        await stop.wait()
