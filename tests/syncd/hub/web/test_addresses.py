"""Names from outside: hostile ones in every place, byte for byte on the wire."""

from pathlib import Path

import pytest
from log_spec import LOG_ID, LogSpec

from tidelog.syncd.protocol import digest_header

HOSTILE = [
    "..",
    ".",
    "%2e%2e",
    "%2E",
    "..%2f..%2fetc",
    "%2Fetc%2Fpasswd",
    "a%2Fb",
    "a%5Cb",
    "%00",
    "a%00b",
    "a%0Ab",
    "%7F",
    "-rf",
    ".hub",
    "%2ehub",
    "a.",
    "a%20",
    "a%3Ab",
    "a%2A",
    "a%3Fb",
    "%FF%FE",
    "%ED%A0%80",
    "x" * 129,
    "%C3%BC" * 65,
    "%E2%80%AE",
]


def request(hub, method: str, path: str) -> tuple[int, bytes]:
    """Send a path as it is: no library gets to tidy it up."""
    body = LogSpec().row({"a": 1}, step=0).data
    answer = hub.raw(
        f"{method} {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {hub.key}\r\n"
        f"Upload-Offset: 0\r\nUpload-Length: {len(body)}\r\nUpload-Complete: ?1\r\n"
        f"Tidelog-Log-Id: {LOG_ID.hex()}\r\nContent-Digest: {digest_header(body)}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), rest


def paths_of(data: Path) -> list[Path]:
    """All paths in and around a data folder, but for what the hub itself keeps beside the runs."""
    paths = sorted(data.parent.rglob("*"))
    return [path for path in paths if not path.is_relative_to(data / ".hub")]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_400_and_becomes_no_path(hub, name: str) -> None:
    """As a project, a run, a log, a file and a part of a file's path."""
    before = paths_of(hub.data)
    sha = "ab" * 32
    for method, path in (
        ("PATCH", f"/v1/projects/{name}/runs/r/logs/main.0001.tlog"),
        ("PATCH", f"/v1/projects/p/runs/{name}/logs/main.0001.tlog"),
        ("PATCH", f"/v1/projects/p/runs/r/logs/{name}"),
        ("PUT", f"/v1/projects/p/runs/r/files/media/{name}?sha256={sha}"),
        ("PUT", f"/v1/projects/p/runs/r/files/media/{name}/x?sha256={sha}"),
        ("PUT", f"/v1/projects/p/runs/r/files/{name}?sha256={sha}"),
        ("POST", f"/v1/projects/{name}/runs/r/files:batch"),
        ("POST", f"/v1/projects/p/runs/{name}/files:missing"),
        ("GET", f"/v1/projects/{name}/runs/r"),
        ("GET", f"/v1/projects/p/runs/{name}"),
    ):
        status, answer = request(hub, method, path)
        assert 400 == status, (method, path, answer)
        assert b"invalid-name" in answer or b"bad-request" in answer
    assert before == paths_of(hub.data)


def test_a_plain_name_of_any_script_is_taken(hub) -> None:
    """Spaces, brackets, percent signs and emoji are names like any other."""
    for name in ("a%20b", "%5B1%5D", "100%25", "%C3%BC", "%F0%9F%8C%8A", "a+b", "%7Ba%7D", "%252e"):
        status, answer = request(hub, "PATCH", f"/v1/projects/{name}/runs/{name}/logs/main.0001.tlog")
        assert 200 == status, (name, answer)
    names = {"a b", "[1]", "100%", "ü", "🌊", "a+b", "{a}", "%2e"}
    assert names == {path.name for path in hub.data.iterdir()} - {".hub"}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/projects/p", b"404"),
        ("GET", "/v1/projects/p/runs/r/logs/", b"404"),
        ("GET", "/v1/projects//runs/r", b"400"),
        ("PUT", "/v1/projects/p/runs/r", b"405"),
        ("POST", "/v1/projects/p/runs/r/logs/main.0001.tlog", b"405"),
        ("OPTIONS", "/v1/runs", b"405"),
    ],
)
def test_what_the_router_does_not_know_is_a_problem_too(
    hub, method: str, path: str, expected: bytes
) -> None:
    """In words, and 405 with what is allowed."""
    answer = hub.raw(
        f"{method} {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n"
        f"Authorization: Bearer {hub.key}\r\n\r\n".encode()
    )
    assert expected == answer.split()[1]
    assert b"Content-Type: application/problem+json" in answer
    assert (expected == b"405") == (b"\r\nAllow: " in answer)


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
    ],
)
def test_what_is_no_http_ends_the_connection_and_nothing_else(start_hub, data: bytes, caplog) -> None:
    """It is refused, the hub goes on, and its log stays short."""
    hub = start_hub(headers_s=2.0, connections_look_s=0.05)
    try:
        answer = hub.raw(data)
    except ConnectionError:
        answer = b""
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    assert 200 == hub.call("GET", "/healthz").status
    assert "" == caplog.text


def test_a_connection_that_sends_no_headers_is_closed(start_hub) -> None:
    """Also where it sends a byte now and then: the headers have one deadline."""
    hub = start_hub(headers_s=0.1, connections_look_s=0.05)
    assert b"" == hub.raw(b"GET /healthz HTTP/1.1\r\nHost: slow")
