"""What is said of hubs that are ill, and of what stands in a hub's place: what, where, what to do."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme
from agent_targets import SETTINGS, find_logs, make_agent
from own_port import own_port
from run_spec import RunSpec, tree
from waiting import PATIENCE_S

from tidelog.datastore.clock import Clock
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.http_target import HttpTarget
from tidelog.syncd.errors import DISK_FULL, ProblemError
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.server import HubServer, Listen
from tidelog.syncd.hub.web.answers import problem_answer

IMPATIENT = replace(SETTINGS, answer_timeout_s=0.3, rate_bytes_min=1 << 30)
PATIENT = replace(SETTINGS, answer_timeout_s=PATIENCE_S, connect_timeout_s=PATIENCE_S)
LOGIN = "http://portal.lab/login?to=%1b[31m"

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def http(status: str, *headers: str, body: bytes = b"", kind: str = "text/html") -> Answer:
    """A program that gives one answer to everything."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    data = "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()

    return answer


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A hub that accepts and never answers."""
    await reader.read(-1)


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A hub that answers byte by byte, without end."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"{")
        await writer.drain()
        await asyncio.sleep(0.02)


async def goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A hub that closes the connection instead of answering."""
    await reader.readuntil(b"\r\n\r\n")


@contextlib.asynccontextmanager
async def listening(answer: Answer, tls: ssl.SSLContext | None = None):  # type: ignore[no-untyped-def]
    """Yield the port on which a program answers."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await answer(reader, writer)
        tasks.discard(task)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def setback_at(url: str, *, key: str = "tide_k", settings: AgentSettings = PATIENT) -> Setback:
    target = HttpTarget(url, read_key=lambda: key, settings=settings, clock=Clock())
    try:
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(SetbackError) as caught:
                await target.client.check()
    finally:
        await target.close()
    return caught.value.setback


def setback_of(
    answer: Answer, *, tls: ssl.SSLContext | None = None, settings: AgentSettings = PATIENT
) -> Setback:
    async def work() -> Setback:
        async with listening(answer, tls) as port:
            url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
            return await setback_at(url, settings=settings)

    return asyncio.run(work())


@pytest.mark.parametrize("answer", [silence, dribble])
def test_a_hub_that_does_not_answer_in_time_is_an_outage(answer: Answer) -> None:
    """Also where it sends a byte now and then: the answer has one deadline."""
    setback = setback_of(answer, settings=IMPATIENT)
    assert Course.OUTAGE is setback.course
    for word in ("did not answer within 0.3 s", "overloaded"):
        assert word in setback.reason


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(goodbye, ["ended without an answer", "its log"], id="goodbye"),
        pytest.param(
            http("200 OK", body=b"<html>sign in"),
            ["not a tidelog hub", "log in to the network"],
            id="portal",
        ),
        pytest.param(
            http("302 Found", f"Location: {LOGIN}"),
            ["not a tidelog hub", "sends to 'http://portal.lab/login", "log in to the network"],
            id="redirect",
        ),
        pytest.param(
            http("511 Network Authentication Required"),
            ["status 511", "log in to the network"],
            id="511",
        ),
        pytest.param(
            http("502 Bad Gateway"), ["status 502", "behind it is away", "start the hub"], id="502"
        ),
        pytest.param(http("504 Gateway Timeout"), ["status 504", "start the hub"], id="504"),
        pytest.param(http("407 Proxy Authentication Required"), ["status 407", "password"], id="407"),
        pytest.param(http("404 Not Found"), ["status 404", "correct the address"], id="404"),
    ],
)
def test_what_stands_in_a_hubs_place_is_an_outage_in_words(answer: Answer, words: list[str]) -> None:
    """Nothing is parked and nothing believed; the sentence says what to do."""
    setback = setback_of(answer)
    assert Course.OUTAGE is setback.course
    for word in words:
        assert word in setback.reason
    assert setback.reason.isprintable()


def test_retry_after_of_a_stranger_is_obeyed_as_seconds_and_as_a_date() -> None:
    """A proxy before the hub knows best when that is back."""
    assert 7.0 == setback_of(http("502 Bad Gateway", "Retry-After: 7")).retry_after_s
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    seconds = setback_of(http("503 Service Unavailable", f"Retry-After: {then}")).retry_after_s
    assert seconds is not None
    assert 50 < seconds <= 60


def test_a_full_hub_says_so_and_when_to_come_again() -> None:
    """507 stops the target, not the item; somebody must free space."""
    full = problem_answer(ProblemError(DISK_FULL, "the hub's disk is full; what was held is still held"))
    assert isinstance(full.body, bytes)
    answer = http(
        "507 Full",
        f"Retry-After: {full.headers['Retry-After']}",
        body=full.body,
        kind="application/problem+json",
    )
    setback = setback_of(answer)
    assert (Course.OUTAGE, 2.0) == (setback.course, setback.retry_after_s)
    assert "disk is full" in setback.reason
    assert "free space" in setback.reason


def certificate(how: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    name = "other.lab" if how == "name" else "127.0.0.1"
    now = datetime.now(UTC)
    began, ended = {
        "expired": (now - timedelta(days=9), now - timedelta(days=1)),
        "early": (now + timedelta(days=1), now + timedelta(days=9)),
    }.get(how, (now - timedelta(days=1), now + timedelta(days=9)))
    authority = trustme.CA()
    authority.issue_cert(name, not_before=began, not_after=ended).configure_cert(context)
    context.ca = authority  # type: ignore[attr-defined]
    return context


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("expired", ["certificate has expired", "renewed", "clock"]),
        ("early", ["not valid yet", "clock"]),
        ("name", ["for another name", "correct the address"]),
        ("stranger", ["signed by nobody that this machine trusts", "SSL_CERT_FILE"]),
    ],
)
def test_a_certificate_that_is_not_right(
    how: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong name, day or signer (an intercepting proxy is one, too): each has its own remedy."""
    tls = certificate(how)
    trusted = ssl.create_default_context()
    if how != "stranger":
        tls.ca.configure_trust(trusted)  # type: ignore[attr-defined]
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusted)
    setback = setback_of(http("200 OK"), tls=tls)
    assert Course.OUTAGE is setback.course
    for word in words:
        assert word in setback.reason
    assert "_ssl.c" not in setback.reason


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://no-such-host.invalid", ["correct the name no-such-host.invalid", "network"]),
        ("http://[::1]:9", ["http://[::1]:9", "start the hub"]),
    ],
)
def test_a_host_that_is_not_there(url: str, words: list[str]) -> None:
    """A name that nobody knows, an address of IPv6 where nobody listens."""
    setback = asyncio.run(setback_at(url))
    assert Course.OUTAGE is setback.course
    for word in words:
        assert word in setback.reason


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY"])
def test_a_proxy_of_the_environment_that_is_dead_is_named(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the hub is away: the sentence names the proxy, and where it is set."""
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    scheme = variable.partition("_")[0].lower()
    setback = asyncio.run(setback_at(f"{scheme}://hub.lab"))
    assert Course.OUTAGE is setback.course
    for word in ("the proxy 127.0.0.1:9", variable, "refused", "unset"):
        assert word in setback.reason


@pytest.mark.parametrize(
    ("end", "words"),
    [
        pytest.param({"expires_in_s": -1.0}, "is expired", id="expired"),
        pytest.param({}, "is revoked", id="revoked"),
    ],
)
def test_a_key_that_counts_no_longer_says_why(end: dict[str, float], words: str, tmp_path: Path) -> None:
    """Expired and revoked keys are told apart, and one command mends both."""

    async def work() -> Setback:
        async with HubServer(tmp_path, listen=Listen("127.0.0.1", 0)) as hub:
            secret = hub.keys.create("laptop", expires_in_s=end.get("expires_in_s"))
            if not end:
                hub.keys.revoke("laptop")
            return await setback_at(hub.url, key=secret)

    setback = asyncio.run(work())
    assert Course.REFUSED is setback.course
    assert f"'laptop' {words}" in setback.reason
    assert "syncd login" in setback.reason


def test_an_outage_is_told_once_and_ends_by_itself(tmp_path: Path) -> None:
    """One warning however many tries, one line when it is over, and everything arrives."""
    root, data, told = tmp_path / "root", tmp_path / "data", list[str]()
    for number in range(4):
        RunSpec(root, run=f"r{number}", seed=number).rows(20).media("a.png").finish()

    key = KeyFile(data).create("test")

    async def work(port: int) -> None:
        target = HttpTarget(
            f"http://127.0.0.1:{port}", read_key=lambda: key, settings=SETTINGS, clock=Clock()
        )
        agent = make_agent(target, told=told)
        find_logs(agent, root)
        uploading = asyncio.ensure_future(agent.run(until_idle=True))
        while agent.outage is None or agent.outage.attempt < 5:  # noqa: ASYNC110 - no event.
            await asyncio.sleep(0.005)
        async with HubServer(data, listen=Listen("127.0.0.1", port)), asyncio.timeout(PATIENCE_S):
            await uploading
        await target.close()

    with own_port() as port:
        asyncio.run(work(port))
    assert tree(root) == tree(data)
    assert 2 == len(told), told
    assert "cannot be reached" in told[0]
    assert "works again" in told[1]
