"""The guard at the door of a running hub: who is let in, who is told what, and for how long."""

import base64
import hashlib
import json
import socket
import threading
import timeit
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from browser import Browser
from log_spec import LogSpec
from waiting import PATIENCE_S, until

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.hub.guard.book import Book
from tidelog.syncd.hub.guard.grants import Grant
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.guard.keys import Key, digest
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.signin.sessions import Sessions
from tidelog.syncd.protocol import log_path

CALLS = [
    ("HEAD", log_path("p", "r", "main.0001.tlog")),
    ("PATCH", log_path("p", "r", "main.0001.tlog")),
    ("GET", log_path("p", "r", "main.0001.tlog")),
    ("POST", "/v1/projects/p/runs/r/files:missing"),
    ("POST", "/v1/projects/p/runs/r/files:batch"),
    ("PUT", "/v1/projects/p/runs/r/files/media/a"),
    ("GET", "/v1/projects/p/runs/r"),
    ("DELETE", "/v1/projects/p/runs/r"),
    ("POST", "/v1/projects/p/runs/r/restore"),
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("DELETE", "/v1/keys/000000000000"),
    ("POST", "/v1/keys/000000000000/rotate"),
    ("GET", "/v1/runs"),
    ("GET", "/nowhere"),
    ("DELETE", "/v1/runs"),
]
FORGED = "tide_" + "A" * 43


class SetClock(Clock):
    def __init__(self, now: float = 1000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


# -- keys ----------------------------------------------------------------------------------------


def test_every_call_but_healthz_needs_a_key(start_hub) -> None:
    """Also what does not exist: nobody learns what is there."""
    hub = start_hub(refusals_burst=1000)
    answer = hub.call("GET", "/healthz", key=None)
    assert (200, {"status": "ok"}) == (answer.status, answer.json)
    for method, path in CALLS:
        for key in (None, FORGED):
            answer = hub.call(method, path, key=key)
            assert 401 == answer.status
            assert 'Bearer realm="tidelog"' == answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "not of the form"),
        ("tide_AAAA", "not of the form"),
        ("Basic tide_AAAA", "not of the form"),
        ("Bearer " + "x" * 300, "not of the form"),
        ("Bearer ", "not of the form"),
        ("Bearer tide_AAAB", "none of this hub's"),
        ("Bearer tide_\xff", "none of this hub's"),
    ],
)
def test_what_is_no_key_is_401(hub, header: str, words: str) -> None:
    """With a sentence that says what was wrong."""
    answer = hub.call("GET", "/v1/runs", headers={"Authorization": header}, key=None)
    assert (401, "unauthorized") == (answer.status, answer.slug)
    assert words in answer.json["detail"]


def test_a_key_counts_and_stops_counting_at_once(hub) -> None:
    """The command line changes the file; the hub looks with each request."""
    command = KeyFile(hub.data)
    secret = command.create("late")
    assert 200 == hub.call("GET", "/v1/runs", key=secret).status
    command.revoke("late")
    answer = hub.call("GET", "/v1/runs", key=secret)
    assert (401, "unauthorized") == (answer.status, answer.slug)
    assert "'late' is revoked" in answer.json["detail"]


def test_an_expired_key_is_refused(start_hub) -> None:
    """By the hub's clock."""
    clock = SetClock()
    hub = start_hub(clock=clock)
    secret = hub.server.keys.create("short", expires_in_s=10)
    assert 200 == hub.call("GET", "/v1/runs", key=secret).status
    clock.time += 10
    assert "'short' is expired" in hub.call("GET", "/v1/runs", key=secret).json["detail"]


def test_a_disabled_account_opens_nothing_until_it_is_enabled(hub) -> None:
    """None of its keys does."""
    keys = hub.server.keys
    keys.create_account("ada", "person", [Grant("read", "*")])
    secrets = [keys.create(name, account="ada") for name in "ab"]
    keys.disable("ada")
    for secret in secrets:
        answer = hub.call("GET", "/v1/runs", key=secret)
        assert (401, True) == (answer.status, "'ada' is disabled" in answer.json["detail"])
    keys.disable("ada", is_disabled=False)
    assert [200, 200] == [hub.call("GET", "/v1/runs", key=secret).status for secret in secrets]


def test_when_a_key_was_used_last_is_written_down(tmp_path: Path, start_hub) -> None:
    """At the latest when the hub is stopped."""
    clock = SetClock()
    hub = start_hub(clock=clock)
    secret = hub.server.keys.create("a")
    clock.time = 2000.0
    hub.call("GET", "/v1/runs", key=secret)
    assert 2000.0 == hub.server.keys.last_use.times()[digest(secret)[:12]]
    hub.stop_now()
    assert 2000.0 == KeyFile(hub.data).last_use.times()[digest(secret)[:12]]


# -- while a request lasts -----------------------------------------------------------------------


def test_a_browser_uses_the_key_that_it_signed_in_with(start_hub) -> None:
    """Else a key that is about to be rotated out would look as if nobody used it any more."""
    clock = SetClock(1000.0)
    hub = start_hub(clock=clock)
    browser = Browser(hub.server.url)
    browser.sign_in(hub.key)
    clock.time = 2000.0
    assert 200 == browser.get("/").status
    assert 2000.0 == hub.server.keys.last_use.times()[digest(hub.key)[:12]]


def test_a_body_that_arrives_after_its_key_was_revoked_is_not_taken(hub) -> None:
    """The request had begun while the key was good."""
    secret = hub.server.keys.create("slow")
    data = LogSpec().row({"a": 1}, step=0).data
    path = log_path("mnist", "r1", "main.0001.tlog")
    with socket.create_connection(("127.0.0.1", hub.port), timeout=PATIENCE_S) as connection:
        connection.sendall(
            (
                f"PATCH {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nUpload-Offset: 0\r\n"
                f"Authorization: Bearer {secret}\r\nTidelog-Log-Id: {data[8:24].hex()}\r\n"
                f"Content-Digest: sha-256=:{_b64_sha256(data)}:\r\n"
                f"Content-Length: {len(data)}\r\nExpect: 100-continue\r\n\r\n"
            ).encode()
        )
        # The hub asks for the body: the guard has let the request in.
        assert b"100 Continue" in connection.recv(100)
        hub.server.keys.revoke("slow")
        connection.sendall(data)
        received = b""
        while block := connection.recv(65536):
            received += block
    assert b" 401 " in received.splitlines()[0]
    assert 404 == hub.call("HEAD", path).status


class HeldDisk(Disk):
    """Whoever syncs a file waits until it is `free`."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def fdatasync(self, fd: int) -> None:
        self.free.wait()
        super().fdatasync(fd)


def test_a_body_that_waited_while_its_key_was_revoked_is_not_taken(start_hub) -> None:
    """However long the line was: nothing is written in the name of a key that opens nothing."""
    disk = HeldDisk()
    disk.free.set()
    hub = start_hub(disk=disk, syncs_max=1)
    secret = hub.server.keys.create("slow")
    data = LogSpec().row({"a": 1}, step=0).data
    disk.free.clear()
    with ThreadPoolExecutor(2) as threads:
        try:
            first = threads.submit(hub.append, 0, data, name=("p", "first", "main.0001.tlog"))
            until(lambda: "0 turns to append free" in repr(hub.server._store._appends))
            second = threads.submit(
                hub.append, 0, data, name=("p", "second", "main.0001.tlog"), key=secret
            )
            until(lambda: "1 waiting" in repr(hub.server._store._appends))
            KeyFile(hub.data).revoke("slow")
        finally:
            disk.free.set()
        assert [200, 401] == [first.result().status, second.result().status]
    assert not (hub.data / "p/second").exists()


def test_a_download_ends_when_its_key_is_revoked(hub) -> None:
    """What was not sent yet is not sent."""
    body = b"x" * (48 << 20)
    sha256 = hashlib.sha256(body).hexdigest()
    path = f"/v1/projects/mnist/runs/r1/files/media/big?sha256={sha256}"
    for at in range(0, len(body), 16 << 20):
        part = body[at : at + (16 << 20)]
        is_last = "?1" if at + len(part) == len(body) else "?0"
        fields = {"Upload-Offset": str(at), "Upload-Length": str(len(body)), "Upload-Complete": is_last}
        assert 200 == hub.call("PATCH", path, part, fields).status
    secret = hub.server.keys.create("reader", role="read")
    with socket.create_connection(("127.0.0.1", hub.port), timeout=PATIENCE_S) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {secret}\r\n\r\n".encode()
        )
        received = len(connection.recv(65536))
        hub.server.keys.revoke("reader")
        while block := connection.recv(1 << 20):
            received += len(block)
    assert received < len(body)


# -- teams ---------------------------------------------------------------------------------------


def test_a_reading_key_changes_nothing(hub) -> None:
    """403 for all that writes."""
    secret = hub.server.keys.create("page", role="read")
    for method, path in CALLS:
        answer = hub.call(method, path, key=secret)
        if method in ("GET", "HEAD") and "/keys" not in path:
            assert answer.status in (200, 404)
        else:
            assert (403, "forbidden") == (answer.status, answer.slug), (method, path)


def both_projects(hub) -> str:
    """Fill a project of each of two teams; return a key of the one."""
    data = LogSpec().row({"a": 1}, step=0).data
    for project in ("team-a", "team-b"):
        hub.append(0, data, name=(project, "r1", "main.0001.tlog"))
        hub.call("PUT", *_file(project))
    return hub.server.keys.create("a", role="admin", project="team-a*")


def _file(project: str) -> tuple[str, bytes, dict[str, str]]:
    sha256 = hashlib.sha256(b"1").hexdigest()
    path = f"/v1/projects/{project}/runs/r1/files/media/a?sha256={sha256}"
    return path, b"1", {"Upload-Length": "1", "Upload-Complete": "?1"}


@pytest.mark.parametrize(
    ("method", "below"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/restore"),
        ("HEAD", "/logs/main.0001.tlog"),
        ("GET", "/logs/main.0001.tlog"),
        ("PATCH", "/logs/main.0001.tlog"),
        ("GET", "/files/media/a"),
        ("HEAD", f"/files/media/a?sha256={hashlib.sha256(b'1').hexdigest()}"),
        ("PUT", f"/files/media/a?sha256={hashlib.sha256(b'1').hexdigest()}"),
        ("POST", "/files:missing"),
        ("POST", "/files:batch"),
        ("GET", "/nowhere"),
    ],
)
def test_another_teams_run_answers_as_one_that_is_not_there(hub, method: str, below: str) -> None:
    """The same status, headers and body, but for the name that was asked for."""
    secret = both_projects(hub)
    answers = []
    for project in ("team-b", "team-c"):
        answer = hub.call(method, f"/v1/projects/{project}/runs/r1{below}", key=secret)
        fields = {n: v for n, v in answer.headers.items() if n not in ("Date", "Tidelog-Checksum")}
        answers.append((answer.status, json.dumps(fields), answer.body.decode()))
    there, not_there = answers
    assert tuple(str(part).replace("team-b", "team-c") for part in there) == tuple(map(str, not_there))
    if method in ("GET", "HEAD", "DELETE"):
        # ... and as a run of one's own that is not there.
        own = hub.call(method, f"/v1/projects/team-a/runs/r2{below}", key=secret)
        assert (own.status, own.status) == (404, there[0])
        text = own.body.decode().replace("team-a", "team-c").replace("runs/r2", "runs/r1")
        assert (text or not_there[2]) == not_there[2]
    else:
        assert 403 == there[0]


def test_a_list_has_only_what_one_may_see(hub) -> None:
    """One's own project, and no trace of the other."""
    secret = both_projects(hub)
    answer = hub.call("GET", "/v1/runs", key=secret)
    assert [("team-a", "r1")] == [(run["project"], run["run"]) for run in answer.json["runs"]]
    assert b"team-b" not in answer.body


@pytest.mark.parametrize("start", ["/v1/%70rojects/", "/%761/projects/", "/v%31/project%73/"])
def test_an_encoded_address_opens_no_other_project(hub, start: str) -> None:
    """Routes match the decoded path: who writes the address in another way gets a 400, not a run."""
    data = LogSpec().row({"a": 1}, step=0).data
    hub.append(0, data, name=("secret", "r1", "main.0001.tlog"))
    secret = hub.server.keys.create("ci", project="mnist")
    for method in ("GET", "PATCH", "HEAD", "POST", "DELETE"):
        answer = hub.raw(
            f"{method} {start}secret/runs/r1 HTTP/1.1\r\nHost: hub\r\nContent-Length: 0\r\n"
            f"Authorization: Bearer {secret}\r\nConnection: close\r\n\r\n".encode()
        )
        assert int(answer.split()[1]) in (400, 403, 405), method
        assert b"main.0001" not in answer


@pytest.mark.parametrize("path", ["/v1/%6beys", "/%761/keys"])
def test_an_encoded_address_of_the_keys_needs_an_admin_too(hub, path: str) -> None:
    """The call itself asks."""
    secret = hub.server.keys.create("ci", role="write")
    answer = hub.raw(
        f"GET {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {secret}\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    assert 403 == int(answer.split()[1])


# -- forged keys ---------------------------------------------------------------------------------


def test_an_address_with_many_forged_keys_waits_while_a_good_key_from_it_is_let_in(start_hub) -> None:
    """Once its burst is used up it gets 429 with the time to wait; the audit log has one line of it."""
    clock = SetClock()
    hub = start_hub(clock=clock, refusals_burst=5)
    keys = [f"tide_{n:043}" for n in range(40)]
    statuses = [hub.call("GET", "/v1/runs", key=key).status for key in keys]
    assert [401] * 5 + [429] * 35 == statuses
    answer = hub.call("GET", "/v1/runs", key=FORGED)
    assert ("too-many-requests", "2") == (answer.slug, answer.headers["Retry-After"])
    assert 200 == hub.call("GET", "/v1/runs").status
    told = [entry for entry in hub.server.keys.audit.entries() if entry["what"] == "key.refused"]
    assert ["127.0.0.1"] == [entry["address"] for entry in told]
    clock.time += 2
    assert [401, 429] == [hub.call("GET", "/v1/runs", key=key).status for key in keys[:2]]


def test_a_key_that_has_ended_is_told_so_however_often_it_comes(start_hub) -> None:
    """An agent that runs with it for months must say why, not that it comes too often."""
    hub = start_hub(refusals_burst=2)
    secret = hub.server.keys.create("old")
    hub.server.keys.revoke("old")
    for _ in range(10):
        answer = hub.call("GET", "/v1/runs", key=secret)
        assert (401, True) == (answer.status, "'old' is revoked" in answer.json["detail"])


def test_keys_are_looked_up_not_walked_through(tmp_path: Path) -> None:
    """Among 10,000 keys one is found in the time of a few instructions."""
    keys = tuple(Key(f"k{n}", "a", digest(str(n)), None, 0.0) for n in range(10_000))
    book = Book((), keys)
    took_s = min(timeit.repeat(lambda: book.key_with("0" * 64), number=1000, repeat=5)) / 1000
    assert keys[9999] == book.key_with(digest("9999"))
    assert took_s < 5e-6


def _b64_sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


@pytest.mark.parametrize("path", ["/v1/runs", "/"])
def test_broken_keys_under_a_running_hub_let_nobody_in(hub, caplog, path: str) -> None:
    """503 until somebody mends the file, and a line in the log that names it, without a traceback."""
    file = hub.data / ".hub" / "keys.json"
    good = file.read_bytes()
    session = Sessions(file.parent, disk=Disk(), clock=Clock(), limits=HubLimits()).begin(
        "test", digest(hub.key)
    )
    shown = {"Cookie": f"tidelog-session={session}"} if path == "/" else {}
    file.write_bytes(good[:-20])
    assert 503 == hub.call("GET", path, headers=shown).status
    lines = [record for record in caplog.records if record.name == "tidelog.hub"]
    assert {(1, None)} == {(record.getMessage().count(str(file)), record.exc_info) for record in lines}
    # Whatever writes down when keys were used may meet the broken file as well, and says so.
    assert 1 == sum(record.getMessage().startswith("GET ") for record in lines)
    file.write_bytes(good)
    assert 200 == hub.call("GET", path, headers=shown).status
