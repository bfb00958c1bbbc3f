"""TLS at the hub, and a hub behind a proxy: certificates that change, files that are wrong."""

import os
import socket
import ssl
from pathlib import Path

import pytest
import trustme
from browser import Browser
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hostile.raw_http import RawConnection
from run_spec import RunSpec, tree
from syncd_process import SyncdProcess, run_syncd
from waiting import PATIENCE_S, until

from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.hub.tls import TlsFiles
from tidelog.syncd.hub.web.proxy import forwarded_for


def put_certificate(directory: Path, authority: trustme.CA) -> TlsFiles:
    """Write what certbot writes: the certificate, then the key."""
    made = authority.issue_cert("localhost", "127.0.0.1")
    files = TlsFiles(str(directory / "fullchain.pem"), str(directory / "privkey.pem"))
    Path(files.certificate).write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    Path(files.key).write_bytes(made.private_key_pem.bytes())
    return files


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def serial(port: int, authority: trustme.CA, *, name: str = "localhost") -> str:
    """Return the serial number of the certificate that the hub shows."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as plain,
        trusting(authority).wrap_socket(plain, server_hostname=name) as connection,
    ):
        certificate = connection.getpeercert()
        assert certificate is not None
        return str(certificate["serialNumber"])


def test_page_over_tls(start_hub, tmp_path: Path) -> None:
    """Over TLS the page works with cookies that only TLS carries."""
    authority = trustme.CA()
    hub = start_hub(settings={"tls": put_certificate(tmp_path, authority)})
    assert hub.server.url.startswith("https://")
    browser = Browser(hub.server.url, tls=trusting(authority))
    cookie = browser.sign_in(hub.key).cookie("__Host-tidelog-session")
    assert (True, True) == (cookie["secure"], cookie["httponly"])
    assert 200 == browser.get("/").status


def test_old_protocols_are_refused(start_hub, tmp_path: Path) -> None:
    """Nothing older than TLS 1.2 is spoken."""
    authority = trustme.CA()
    hub = start_hub(settings={"tls": put_certificate(tmp_path, authority)})
    old = trusting(authority)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", hub.port), timeout=PATIENCE_S) as plain,
        pytest.raises(ssl.SSLError),
    ):
        old.wrap_socket(plain, server_hostname="localhost")


def test_new_certificate_is_taken_up(start_hub, tmp_path: Path) -> None:
    """A certificate that is written anew counts without a restart; a pair that does not fit does not."""
    authority = trustme.CA()
    files = put_certificate(tmp_path, authority)
    hub = start_hub(settings={"tls": files}, tls_look_s=0.02)
    first = serial(hub.port, authority)
    second_files = put_certificate(tmp_path / "..", authority)
    new = {name: Path(path).read_bytes() for name, path in second_files._asdict().items()}
    # Half of it is there: the old one stays.
    Path(files.certificate).write_bytes(new["certificate"])
    assert not hub.server._tls.look()
    assert first == serial(hub.port, authority)
    Path(files.key).write_bytes(new["key"])
    assert until(lambda: serial(hub.port, authority) != first)
    # Also for who names no host, as a client that connects to an address.
    assert serial(hub.port, authority, name="127.0.0.1") == serial(hub.port, authority)


def test_files_that_are_wrong(start_hub, tmp_path: Path) -> None:
    """A hub does not start with files that are no pair, and says what is wrong with which."""
    authority = trustme.CA()
    files = put_certificate(tmp_path, authority)
    (tmp_path / "other").mkdir()
    other = put_certificate(tmp_path / "other", authority)
    encrypted = tmp_path / "encrypted.pem"
    key = load_pem_private_key(Path(files.key).read_bytes(), None)
    encrypted.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    )
    for wrong, words in (
        (files._replace(key=other.key), "is not the one of the certificate"),
        (files._replace(certificate=str(tmp_path / "none")), "none cannot be read: No such file"),
        (TlsFiles(files.key, files.certificate), "are no certificate and key in PEM"),
        (files._replace(key=str(encrypted)), "a hub needs one without a password"),
    ):
        with pytest.raises(CannotStartError, match=words):
            start_hub(settings={"tls": wrong})


def test_agent_over_tls(tmp_path: Path) -> None:
    """An agent uploads a run over TLS to a hub of its own process, and `serve` warns of nothing."""
    authority = trustme.CA()
    files = put_certificate(tmp_path, authority)
    trust = tmp_path / "ca.pem"
    trust.write_bytes(authority.cert_pem.bytes())
    RunSpec(tmp_path / "runs").rows(50).saved("a.txt", 1000).finish()
    data = tmp_path / "hub"
    key = run_syncd("key", "create", "agent", "--data", data).stdout.strip()
    with SyncdProcess(
        *("serve", "--data", data, "--listen", "127.0.0.1:0"),
        *("--tls-cert", files.certificate, "--tls-key", files.key),
    ) as hub:
        url = hub.line_with("listening on https://").split()[-1]
        known = {"TIDELOG_HUB": url, "TIDELOG_API_KEY": key, "SSL_CERT_FILE": str(trust)}
        result = run_syncd("sync", tmp_path / "runs", **known)
        assert 0 == result.returncode, result.stderr
        untrusting = run_syncd(
            "sync", tmp_path / "runs", "--timeout", "1", **{**known, "SSL_CERT_FILE": os.devnull}
        )
        assert 3 == untrusting.returncode
    assert tree(tmp_path / "runs") == tree(data)


def test_serve_says_what_is_missing(tmp_path: Path) -> None:
    """Half a pair is bad usage; plain HTTP beyond the loopback address is warned of."""
    half = run_syncd("serve", "--data", tmp_path / "hub", "--tls-cert", "a.pem")
    assert 2 == half.returncode
    assert "both --tls-cert and --tls-key" in half.stderr
    with SyncdProcess("serve", "--data", tmp_path / "hub", "--listen", "0.0.0.0:0") as hub:
        assert "--tls-cert" in hub.line_with("travel in the clear")


@pytest.mark.parametrize(
    ("peer", "lines", "expected"),
    [
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("::1", ["10.0.0.1, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["10.0.0.1", "10.0.0.2, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9, evil"], None),
        ("127.0.0.1", ["203.0.113.9", "evil"], None),
        ("127.0.0.1", [], None),
        ("203.0.113.1", ["10.0.0.1"], None),
        (None, ["10.0.0.1"], None),
    ],
)
def test_whom_a_proxy_names(peer: str | None, lines: list[str], expected: str | None) -> None:
    """The last address that a proxy on this machine added counts; nobody else is believed."""
    assert expected == forwarded_for(peer, lines)


def test_behind_a_proxy(start_hub) -> None:
    """Behind a proxy each client has an allowance of its own, and the audit log names it."""
    hub = start_hub(settings={"is_behind_proxy": True}, refusals_burst=1, refusals_per_s=1e-6)

    def refused(address: str) -> int:
        return int(
            hub.call("GET", "/v1/runs", headers={"X-Forwarded-For": address}, key="tdl_no").status
        )

    assert [401, 429, 401] == [refused(address) for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2")]
    assert "10.0.0.1" in [entry["address"] for entry in hub.server.keys.audit.entries()]


def test_a_client_behind_a_proxy_names_nobody_else(start_hub) -> None:
    """A line of its own before that of the proxy, as HAProxy adds it, says nothing."""
    hub = start_hub(settings={"is_behind_proxy": True}, refusals_burst=1, refusals_per_s=1e-6)
    with RawConnection(hub.port) as connection:
        answers = [
            connection.exchange(
                b"GET /v1/runs HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer tdl_no\r\n"
                b"X-Forwarded-For: 10.0.0.%d\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n" % number
            )
            for number in range(2)
        ]
    assert [401, 429] == [answer.status for answer in answers]


def test_without_a_proxy_nobody_is_believed(start_hub) -> None:
    """Without `--behind-proxy` the header says nothing."""
    hub = start_hub(refusals_burst=1, refusals_per_s=1e-6)
    statuses = [
        hub.call("GET", "/v1/runs", headers={"X-Forwarded-For": f"10.0.0.{n}"}, key="tdl_no").status
        for n in range(2)
    ]
    assert [401, 429] == statuses
