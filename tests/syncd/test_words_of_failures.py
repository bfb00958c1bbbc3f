"""What `status` says of each way in which a hub can fail, with a real cause for each: and what to do."""

import asyncio
import errno
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from aiohttp import web
from own_port import own_port
from run_spec import RunSpec
from syncd_process import SyncdProcess, run_syncd
from waiting import PATIENCE_S

from tidelog.datastore.disk import Disk
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.server import HubServer, Listen

HERE = "127.0.0.1"
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
ENTROPY = bytes(range(32))


class FullDisk(Disk):
    """Has no room for a byte."""

    def write(self, fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@asynccontextmanager
async def answering(
    handler: web.RequestHandler, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """A web server that answers every request in one way; yields its port."""
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, HERE, 0, ssl_context=tls)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def portal(request: web.BaseRequest) -> web.Response:
    return web.Response(text="<h1>Please accept our terms</h1>", content_type="text/html")


async def redirect(request: web.BaseRequest) -> web.Response:
    raise web.HTTPFound("http://portal.example/login")


def tls_of(authority: trustme.CA, name: str, not_after: datetime | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name, not_after=not_after).configure_cert(context)
    return context


def make_key(data: Path, *, expires_in_s: float | None = None) -> str:
    """Create the same key at every hub: a daemon has one for all."""
    keys = KeyFile(data, entropy=lambda size: ENTROPY[:size])
    return keys.create("laptop", expires_in_s=expires_in_s)


async def all_failures(
    tmp_path: Path, stack: AsyncExitStack, trusted: trustme.CA
) -> dict[str, list[str]]:
    """Start what fails; return the words that a person needs, by the target's address."""
    refused = stack.enter_context(own_port())
    for name, expires_in_s in (("full", None), ("expired", -1.0)):
        make_key(tmp_path / name, expires_in_s=expires_in_s)
    hubs = [
        await stack.enter_async_context(
            HubServer(
                tmp_path / name, listen=Listen(HERE, 0), disk=FullDisk() if name == "full" else None
            )
        )
        for name in ("full", "expired", "other")
    ]
    servers = {
        name: await stack.enter_async_context(answering(handler, tls))
        for name, handler, tls in (
            ("portal", portal, None),
            ("redirect", redirect, None),
            ("name", portal, tls_of(trusted, "other.lab")),
            ("old", portal, tls_of(trusted, "localhost", YESTERDAY)),
            ("unknown", portal, tls_of(trustme.CA(), "localhost")),
        )
    }
    terms = ["log in to the network where it asks for that, or correct the address"]
    return {
        f"http://{HERE}:{refused}": ["Connection refused; start the hub there, or correct the address"],
        "http://no.such.host.invalid": ["correct the name no.such.host.invalid"],
        hubs[0].url: ["The hub's disk is full", "free space there, then uploading goes on"],
        hubs[1].url: ["the key 'laptop' is expired; ask for a new one, then run `syncd login`"],
        hubs[2].url: ["the key is none of this hub's", "run `syncd login`"],
        f"http://{HERE}:{servers['portal']}": [
            "that is not a tidelog hub answered with status 200",
            *terms,
        ],
        f"http://{HERE}:{servers['redirect']}": [
            "is not a tidelog hub answered with status 302",
            *terms,
        ],
        f"https://localhost:{servers['name']}": [
            "its certificate is for another name; correct the address",
            "give the hub a certificate for localhost",
        ],
        f"https://localhost:{servers['old']}": ["its certificate has expired; have it renewed"],
        f"https://localhost:{servers['unknown']}": ["signed by nobody that this machine trusts"],
        f"https://{HERE}:{hubs[2].url.rpartition(':')[2]}": ["is it an http:// address?"],
    }


async def watch(words: dict[str, list[str]], root: Path, **environment: str) -> tuple[str, str]:
    """Return the status in JSON and for people, once every target has failed."""
    targets = [part for address in words for part in ("--to", address)]
    with SyncdProcess("start", "--root", root, *targets, **environment) as daemon:
        await asyncio.to_thread(daemon.line_with, "uploads to")
        async with asyncio.timeout(PATIENCE_S):
            while True:
                done = await asyncio.to_thread(run_syncd, "status", "--json")
                if all(target["outage"] for target in json.loads(done.stdout)["targets"]):
                    text = await asyncio.to_thread(run_syncd, "status")
                    return done.stdout, text.stdout


def test_every_failure_says_what_to_do(tmp_path: Path) -> None:
    """One daemon, a target for each: refused keys on top, every line within 80 cells."""
    RunSpec(tmp_path / "root").rows(5)
    trusted = trustme.CA()
    trusted.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def work() -> tuple[dict[str, list[str]], str, str]:
        async with AsyncExitStack() as stack:
            words = await all_failures(tmp_path, stack, trusted)
            environment = {
                "TIDELOG_API_KEY": make_key(tmp_path / "one"),
                "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
            }
            return (words, *await watch(words, tmp_path / "root", **environment))

    words, document, text = asyncio.run(work())
    reasons = {t["target"]: t["outage"]["reason"] for t in json.loads(document)["targets"]}
    missing = {
        address: (reasons[address], expected)
        for address, expected in words.items()
        if not all(word in reasons[address] for word in expected)
    }
    assert {} == missing
    assert 80 >= max(map(len, text.splitlines()))
    states = [line.rpartition("  ")[2] for line in text.splitlines() if line[:4] in ("http",)]
    assert ["KEY REFUSED"] * 2 + ["DOWN"] * 9 == states
