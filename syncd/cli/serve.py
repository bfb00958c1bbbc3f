"""`syncd serve`: run a hub in the foreground until SIGTERM or SIGINT."""

import asyncio
import logging
import os
import signal

import click

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import read_settings
from tidelog.syncd.cli.options import Amount, log_options
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.listen import Listen
from tidelog.syncd.logging_setup import set_up_logging
from tidelog.syncd.notify import Notifier
from tidelog.syncd.protocol import DEFAULT_LISTEN

EPILOG = """\b
Examples:
  syncd serve --data hub/
  syncd key create laptop --data hub/      a key for an agent
  syncd serve --data hub/ --keep-free 10G  agents wait when less is left
  syncd serve --data hub/ --listen 0.0.0.0:443 --tls-cert fullchain.pem --tls-key privkey.pem
  syncd serve --data hub/ --behind-proxy   a proxy on this machine speaks TLS
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
@click.option(
    "--tls-cert",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Speak TLS with this certificate and its chain (PEM); taken up again when it changes.",
)
@click.option(
    "--tls-key", metavar="FILE", type=click.Path(dir_okay=False), help="The certificate's private key."
)
@click.option(
    "--behind-proxy",
    is_flag=True,
    help="A proxy on this machine speaks TLS to the world: believe whom it says to come from.",
)
@log_options
def command(
    data: str,
    listen: str | None,
    keep_free_bytes: int | None,
    tls_cert: str | None,
    tls_key: str | None,
    log_format: str,
    log_file: str | None,
    *,
    behind_proxy: bool,
) -> None:
    """Run a hub: receive runs, keep them as run directories, and show them.

    Requests need an API key (`syncd key create`); people sign in on the hub's page with one, or by
    single sign-on. Without a certificate the hub speaks plain HTTP: on anything but the loopback address
    give it one, or put a proxy in front of it.
    """
    set_up_logging(log_format, log_file, os.environ, Disk(), level=logging.WARNING)
    if listen is None:
        setting = read_settings().get("listen")
        listen = setting.value if setting is not None else DEFAULT_LISTEN
    if (tls_cert is None) != (tls_key is None):
        raise CannotStartError("TLS needs both --tls-cert and --tls-key")
    tls = None if tls_cert is None or tls_key is None else (tls_cert, tls_key)
    asyncio.run(_serve(data, Listen.parse(listen), tls, keep_free_bytes, is_behind_proxy=behind_proxy))


async def _serve(
    data: str,
    listen: Listen,
    tls: tuple[str, str] | None,
    keep_free_bytes: int | None,
    *,
    is_behind_proxy: bool,
) -> None:
    # The other subcommands need no web server: they must not wait for its import.
    from tidelog.syncd.hub.limits import HubLimits
    from tidelog.syncd.hub.server import HubServer
    from tidelog.syncd.hub.tls import TlsFiles

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    notifier = Notifier.from_environment(os.environ, pid=os.getpid())
    async with HubServer(
        data,
        listen=listen,
        tls=None if tls is None else TlsFiles(*tls),
        is_behind_proxy=is_behind_proxy,
        limits=HubLimits(keep_free_bytes=keep_free_bytes),
    ) as hub:
        click.echo(f"hub listening on {hub.url}", err=True)
        if tls is None and not listen.is_loopback:
            click.echo(
                f"warning: keys and runs travel in the clear to {hub.url}; give --tls-cert and "
                "--tls-key, or listen on 127.0.0.1 with a TLS proxy in front (--behind-proxy)",
                err=True,
            )
        if not hub.keys.keys():
            click.echo(f"no API key yet: syncd key create NAME --data {data}", err=True)
        notifier.ready()
        beating = asyncio.ensure_future(notifier.beat(lambda: f"serves {data} on {hub.url}"))
        await stop.wait()
        notifier.stopping()
        beating.cancel()
