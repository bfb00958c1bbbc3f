"""The doctor's look at a hub: each step against a real server with a real fault."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from syncd_process import HubProcess, make_key, run_syncd
from web_server import WebServer

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.doctor.certificate import judge_certificate
from tidelog.syncd.agent.doctor.finding import Finding, Level
from tidelog.syncd.agent.doctor.hub import look_at_hub, proxy_for
from tidelog.syncd.agent.doctor.key import judge_key
from tidelog.syncd.agent.target.credentials import parse_address
from tidelog.syncd.hub.guard.key_file import KeyFile

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
KEY = {"name": "laptop", "role": "write", "project": "*", "expires": None}


def look(url: str, key: str = "tide_any", **environ: str) -> dict[str, Finding]:
    """Return the doctor's findings by their names."""
    environment = {"TIDELOG_API_KEY": key, **environ}
    found = look_at_hub(parse_address(url), environment, disk=Disk(), clock=Clock(), step_timeout_s=1.0)
    return {finding.check: finding for finding in found}


@contextmanager
def tls_server(tmp_path: Path, authority: trustme.CA, *names: str, **times: datetime) -> Iterator[str]:
    """Serve what a hub answers to the doctor, with a certificate for `names`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names, **times).configure_cert(context)

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"runs": [], "status": "ok", **KEY})

    pages = {"/healthz": answer, "/v1/runs": answer, "/v1/keys/self": answer}
    with WebServer(tmp_path, tls=context, pages=pages) as server:
        yield server.url


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this machine trusts while the test runs."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


def test_a_hub_that_is_well(tmp_path: Path) -> None:
    """Every step says so, and nothing has to be done."""
    with HubProcess(tmp_path / "data") as hub:
        found = look(hub.url, make_key(tmp_path / "data"))
    assert ["tcp", "clock", "key"] == list(found)
    assert {Level.OK} == {finding.level for finding in found.values()}


def test_a_wrong_key_is_refused(tmp_path: Path) -> None:
    """It says how to get a right one."""
    with HubProcess(tmp_path / "data") as hub:
        found = look(hub.url, "tide_wrong")["key"]
    assert (Level.PROBLEM, True) == (found.level, "syncd login" in found.remedy)


def test_a_key_that_may_only_read_is_found_out(tmp_path: Path) -> None:
    """Uploads with it would be parked one by one."""
    with HubProcess(tmp_path / "data") as hub:
        secret = KeyFile(tmp_path / "data").create("page", role="read")
        found = look(hub.url, secret)["key"]
    assert (Level.PROBLEM, True) == (found.level, "'page': it may read" in found.text), found


def test_a_key_says_for_what_and_how_long() -> None:
    """A week before its end is a warning; a hub that is too old to tell is none."""
    key = {"name": "laptop", "role": "write", "project": "mnist*", "expires": 1_000_000.0}
    far = judge_key("http://hub", key, now=0.0)
    assert (Level.OK, True) == (far.level, "'mnist*' alone, until 1970-01-12 13:46 UTC" in far.text)
    assert Level.WARNING is judge_key("http://hub", key, now=900_000.0).level
    assert "http://hub takes it" == judge_key("http://hub", None, now=0.0).text


def test_no_key_says_where_to_get_one(tmp_path: Path) -> None:
    """The sentence has the command itself."""
    with HubProcess(tmp_path / "data") as hub:
        found = look(hub.url, "")["key"]
    assert (Level.PROBLEM, True) == (found.level, f"syncd login --hub {hub.url}" in found.text)


def test_a_port_that_nobody_listens_on() -> None:
    """The first step that fails is the last."""
    found = look("http://127.0.0.1:9")
    assert ["tcp"] == list(found)
    assert (Level.PROBLEM, True) == (found["tcp"].level, "Connection refused" in found["tcp"].text)


def test_a_name_that_nobody_has() -> None:
    """`.invalid` never resolves (RFC 2606)."""
    found = look("http://hub.invalid")
    assert ["dns"] == list(found)
    assert "hub.invalid has no address" in found["dns"].text


def test_a_server_that_says_nothing_holds_nobody_up() -> None:
    """It accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = look(f"http://127.0.0.1:{server.getsockname()[1]}")
    assert ["tcp", "hub"] == list(found)
    assert "did not answer within 1 s" in found["hub"].text


def test_something_that_is_no_hub(tmp_path: Path) -> None:
    """A web server answers; the key is not what is wrong."""
    with WebServer(tmp_path) as server:
        found = look(server.url)
    assert "not a tidelog hub" in found["hub"].text


@pytest.mark.parametrize(
    ("skew", "level", "words"),
    [
        (timedelta(0), Level.OK, "the same as the hub's"),
        (timedelta(seconds=40), Level.WARNING, "40 s ahead of the hub"),
        (timedelta(hours=-2), Level.PROBLEM, "s behind the hub"),
    ],
)
def test_the_clocks_are_compared(skew: timedelta, level: Level, words: str, tmp_path: Path) -> None:
    """By the hub's Date; more than five minutes is a problem."""

    async def answer(request: web.Request) -> web.Response:
        date = format_datetime(datetime.now(UTC) - skew, usegmt=True)
        return web.json_response({"status": "ok"}, headers={"Date": date})

    with WebServer(tmp_path, pages={"/healthz": answer}) as server:
        found = look(server.url)["clock"]
    assert (level, True) == (found.level, words in found.text), found


def test_a_certificate_that_is_trusted(authority: trustme.CA, tmp_path: Path) -> None:
    """For how long, and whose; as the command prints it."""
    with tls_server(tmp_path, authority, "localhost", not_after=NOW + 90 * DAY) as url:
        done = run_syncd("doctor", "--to", url, TIDELOG_API_KEY="k")
    assert 0 == done.returncode, done.stdout
    assert "certificate for localhost, valid for 89 more days" in done.stdout
    assert f"{url} takes 'laptop': it may write" in done.stdout


def test_a_certificate_for_another_name(authority: trustme.CA, tmp_path: Path) -> None:
    """The key never travels there."""
    with tls_server(tmp_path, authority, "hub.lab") as url:
        found = look(url)
    assert ["dns", "tcp", "tls"] == list(found)
    tls = found["tls"]
    assert (Level.PROBLEM, True) == (tls.level, "not valid for 'localhost'" in tls.text), tls
    assert "use the name that the certificate is for" in tls.remedy


@pytest.mark.parametrize(
    ("begin", "end", "words"),
    [(-9 * DAY, -DAY, "has expired"), (DAY, 9 * DAY, "not yet valid")],
    ids=["expired", "not yet"],
)
def test_a_certificate_at_the_wrong_time(
    begin: timedelta, end: timedelta, words: str, authority: trustme.CA, tmp_path: Path
) -> None:
    """It is renewed, unless the clock is wrong: which it shows."""
    times = {"not_before": NOW + begin, "not_after": NOW + end}
    with tls_server(tmp_path, authority, "localhost", **times) as url:
        tls = look(url)["tls"]
    assert (Level.PROBLEM, True) == (tls.level, words in tls.text), tls
    assert f"unless the clock here ({NOW:%Y-%m-%d}" in tls.remedy


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    """The authority's own certificate mends it."""
    with tls_server(tmp_path, trustme.CA(), "localhost") as url:
        tls = look(url)["tls"]
    assert (Level.PROBLEM, True) == (tls.level, "SSL_CERT_FILE" in tls.remedy), tls


def test_a_certificate_that_ends_soon() -> None:
    """Two weeks before, it is a warning."""
    soon = {"notAfter": "Nov 30 00:00:00 2026 GMT", "subjectAltName": (("DNS", "hub.lab"),)}
    now = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
    found = judge_certificate(soon, now=now, version="TLSv1.3")
    assert (Level.WARNING, True) == (found.level, "valid for 10 more days" in found.text)


def test_https_where_plain_http_is_spoken(tmp_path: Path) -> None:
    """The address is what is wrong."""
    with HubProcess(tmp_path / "data") as hub:
        tls = look(hub.url.replace("http:", "https:"))["tls"]
    assert (Level.PROBLEM, True) == (tls.level, "http://" in tls.remedy), tls


def test_a_proxy_is_asked_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one stands before the hub, neither its name nor its port is looked at from here."""
    taken: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    taken.append(connection.recv(4096))
                    connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("http_proxy", proxy)
        found = look("http://hub.invalid", http_proxy=proxy)
        thread.join()
    assert ["hub"] == list(found)
    assert "or the proxy" in found["hub"].remedy
    assert all(request.startswith(b"GET http://hub.invalid/") for request in taken)


@pytest.mark.parametrize(
    ("host", "environ", "expected"),
    [
        ("hub.lab:443", {}, None),
        ("hub.lab:443", {"https_proxy": "http://p:1"}, "http://p:1"),
        ("hub.lab:443", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("hub.lab:443", {"http_proxy": "http://p:1"}, None),
        ("hub.lab:443", {"https_proxy": "http://p:1", "no_proxy": ".lab"}, None),
        ("127.0.0.1:7070", {"https_proxy": "http://p:1"}, None),
    ],
)
def test_which_proxy_stands_before_a_hub(
    host: str, environ: dict[str, str], expected: str | None
) -> None:
    """As the HTTP client sees it: none before this machine itself."""
    assert expected == proxy_for("https", host, environ)
