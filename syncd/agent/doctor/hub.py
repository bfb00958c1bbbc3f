"""Does a hub answer: its name, its port, its certificate, its clock, and the key that it is to take.

One step after the other, so that the first that fails is the one to mend.
"""

import asyncio
import socket
import ssl
from collections.abc import Generator, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # Not in the stubs.

import aiohttp

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import SettingsError
from tidelog.syncd.agent.doctor.certificate import judge_certificate, judge_distrust
from tidelog.syncd.agent.doctor.finding import Finding, Level, ok, problem, warning
from tidelog.syncd.agent.doctor.key import judge_key
from tidelog.syncd.agent.plan.retry import Course, SetbackError
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.credentials import Address, find_key
from tidelog.syncd.agent.target.hub_client import HubClient
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.listen import LOOPBACK
from tidelog.syncd.protocol import HEALTH_PATH

STEP_TIMEOUT_S = 5.0
SKEW_WARNING_S = 5.0
SKEW_PROBLEM_S = 300.0
DATE_UNSURE_S = 0.5
"""A `Date` has whole seconds."""
PORTS = {"http": 80, "https": 443}


class Moment(NamedTuple):
    """When the hub said what time it is: our clock before and after, and its word."""

    before: float
    after: float
    date: str


def look_at_hub(
    address: Address,
    environ: Mapping[str, str],
    *,
    disk: Disk,
    clock: Clock,
    step_timeout_s: float = STEP_TIMEOUT_S,
) -> Iterator[Finding]:
    """Look at one hub, step by step."""
    host, port = _place(address)
    proxy = proxy_for(address.scheme, f"{host}:{port}", environ)
    if proxy is None:
        reached = yield from _reach(address, clock, step_timeout_s)
        if not reached:
            return
    moment = asyncio.run(_moment(address, clock, step_timeout_s))
    if moment is not None:
        yield from judge_skew(moment)
    settings = AgentSettings(answer_timeout_s=step_timeout_s, connect_timeout_s=step_timeout_s)
    yield _judge_key(address, environ, disk, clock, settings, is_behind_proxy=proxy is not None)


def proxy_for(scheme: str, host: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy that stands before a host (with its port), None where there is none."""
    excepted = {"no": environ.get("no_proxy") or environ.get("NO_PROXY") or ""}
    if host.rpartition(":")[0] in LOOPBACK or proxy_bypass_environment(host, excepted):
        return None
    return environ.get(f"{scheme}_proxy") or environ.get(f"{scheme}_proxy".upper()) or None


def judge_skew(moment: Moment) -> Iterator[Finding]:
    """Compare the two clocks; nothing where the hub's word is no date."""
    try:
        theirs = parsedate_to_datetime(moment.date).timestamp() + DATE_UNSURE_S
    except ValueError:
        return
    skew_s = (moment.before + moment.after) / 2 - theirs
    sure_s = abs(skew_s) - DATE_UNSURE_S - (moment.after - moment.before) / 2
    ahead = "ahead of" if skew_s > 0 else "behind"
    text = f"this machine is {abs(skew_s):.0f} s {ahead} the hub"
    remedy = "set the clock of the one that is wrong, for good by NTP: `timedatectl set-ntp true`"
    if sure_s > SKEW_PROBLEM_S:
        yield problem("clock", text, remedy)
    elif sure_s > SKEW_WARNING_S:
        yield warning("clock", text, remedy)
    else:
        yield ok("clock", "the same as the hub's, to the second")


def _place(address: Address) -> tuple[str, int]:
    parts = urlsplit(address.url)
    return parts.hostname or "", parts.port or PORTS[address.scheme]


def _reach(address: Address, clock: Clock, timeout_s: float) -> Generator[Finding, None, bool]:
    """Look up the name, connect, and shake hands; return whether all of it went well."""
    host, port = _place(address)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield problem(
            "dns", f"{host} has no address: {error.strerror}", "correct the address, or the DNS"
        )
        return False
    addresses = ", ".join(dict.fromkeys(str(entry[4][0]) for entry in found))
    if addresses != host:
        yield ok("dns", f"{host} is {addresses}")
    try:
        connection = socket.create_connection((host, port), timeout=timeout_s)
    except OSError as error:
        text = f"{host}:{port} does not answer: {error.strerror or error}"
        yield problem("tcp", text, "start the hub, open the firewall; uploads wait meanwhile")
        return False
    with connection:
        yield ok("tcp", f"{host}:{port} answers")
        if address.scheme != "https":
            return True
        finding = _shake_hands(connection, host, clock)
        yield finding
        return finding.level is not Level.PROBLEM


def _shake_hands(connection: socket.socket, host: str, clock: Clock) -> Finding:
    context = ssl.create_default_context()
    try:
        with context.wrap_socket(connection, server_hostname=host) as tls:
            certificate: Mapping[str, Any] = tls.getpeercert() or {}
            return judge_certificate(certificate, now=clock.now(), version=tls.version() or "")
    except ssl.SSLCertVerificationError as error:
        return judge_distrust(error.verify_code, error.verify_message, now=clock.now())
    except OSError as error:
        text = f"{host} does not speak TLS as we do: {getattr(error, 'reason', None) or error}"
        return problem("tls", text, "is it an http:// address, or another program's port?")


async def _moment(address: Address, clock: Clock, timeout_s: float) -> Moment | None:
    is_far = _place(address)[0] not in LOOPBACK
    before = clock.now()
    try:
        async with (
            asyncio.timeout(timeout_s),
            aiohttp.ClientSession(trust_env=is_far) as session,
            session.get(address.url + HEALTH_PATH, allow_redirects=False) as response,
        ):
            date = response.headers.get("Date")
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None
    return None if date is None else Moment(before, clock.now(), date)


def _judge_key(
    address: Address,
    environ: Mapping[str, str],
    disk: Disk,
    clock: Clock,
    settings: AgentSettings,
    *,
    is_behind_proxy: bool,
) -> Finding:
    """Show the key to the hub, and say what it answers."""
    try:
        key = asyncio.run(_show_key(address, environ, disk, clock, settings))
    except (CannotStartError, SettingsError) as error:
        return problem("key", str(error), "")
    except SetbackError as error:
        if error.setback.course in (Course.REFUSED, Course.PARK):
            return problem("key", str(error), "a new key from `syncd key create`, then `syncd login`")
        remedy = "correct the address" + (", or the proxy" if is_behind_proxy else "")
        return problem("hub", str(error), remedy)
    return judge_key(address.url, key, now=clock.now())


async def _show_key(
    address: Address,
    environ: Mapping[str, str],
    disk: Disk,
    clock: Clock,
    settings: AgentSettings,
) -> dict[str, Any] | None:
    key = find_key(address, environ, disk)
    client = HubClient(address.url, read_key=lambda: key, settings=settings, clock=clock)
    try:
        await client.check()
        return await client.own_key()
    finally:
        await client.close()
