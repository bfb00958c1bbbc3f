"""API keys: what each allows, and how the file that keeps them changes under a running hub."""

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest
from log_spec import LogSpec

from tidelog.datastore.clock import Clock
from tidelog.syncd.errors import CannotStartError, KeyNameError, ProblemError
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.guard.keys import Key, authenticate, authorize
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.protocol import log_path

SECRET = "tide_AAAA"
KEY = Key("laptop", hashlib.sha256(SECRET.encode()).hexdigest(), "write", "*", 0.0)
CALLS = [
    ("HEAD", log_path("p", "r", "main.0001.tlog")),
    ("PATCH", log_path("p", "r", "main.0001.tlog")),
    ("GET", log_path("p", "r", "main.0001.tlog")),
    ("POST", "/v1/projects/p/runs/r/files:missing"),
    ("POST", "/v1/projects/p/runs/r/files:batch"),
    ("PUT", "/v1/projects/p/runs/r/files/media/a"),
    ("GET", "/v1/projects/p/runs/r"),
    ("GET", "/v1/runs"),
    ("GET", "/nowhere"),
    ("DELETE", "/v1/runs"),
]


class SetClock(Clock):
    def __init__(self, now: float = 1000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time


# -- the rules -----------------------------------------------------------------------------------


def test_a_key_is_known_by_its_digest() -> None:
    """Among several, whatever their order."""
    other = Key("other", "0" * 64, "read", "*", 0.0)
    assert KEY == authenticate(f"Bearer {SECRET}", [other, KEY], now=1.0)
    assert KEY == authenticate(f"Bearer {SECRET}", [KEY, other], now=1.0)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "is missing"),
        ("", "not of the form"),
        (SECRET, "not of the form"),
        (f"Basic {SECRET}", "not of the form"),
        ("Bearer " + "x" * 300, "not of the form"),
        ("Bearer ", "none of this hub's"),
        ("Bearer tide_AAAB", "none of this hub's"),
        (f"Bearer {SECRET.lower()}", "none of this hub's"),
        (f"Bearer {SECRET}\udcff", "none of this hub's"),
    ],
)
def test_what_is_no_key_is_401(header: str | None, words: str) -> None:
    """With a sentence, and the scheme that is asked for."""
    with pytest.raises(ProblemError, match=words) as e:
        authenticate(header, [KEY], now=1.0)
    assert 401 == e.value.problem.status
    assert 'Bearer realm="tidelog"' == e.value.headers["WWW-Authenticate"]


def test_a_revoked_or_expired_key_opens_nothing() -> None:
    """From that moment on."""
    revoked = Key("a", KEY.sha256, "admin", "*", 0.0, revoked=5.0)
    with pytest.raises(ProblemError, match="'a' is revoked"):
        authenticate(f"Bearer {SECRET}", [revoked], now=6.0)
    expiring = Key("b", KEY.sha256, "admin", "*", 0.0, expires=5.0)
    assert expiring == authenticate(f"Bearer {SECRET}", [expiring], now=4.9)
    with pytest.raises(ProblemError, match="'b' is expired"):
        authenticate(f"Bearer {SECRET}", [expiring], now=5.0)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("read", {"read"}), ("write", {"read", "write"}), ("admin", {"read", "write", "admin"})],
)
def test_a_role_allows_what_it_stands_for(role: str, allowed: set[str]) -> None:
    """write also reads, admin does everything."""
    key = Key("k", "0" * 64, role, "*", 0.0)
    assert allowed == {needed for needed in ("read", "write", "admin") if key.may(needed)}
    for needed in {"read", "write", "admin"} - allowed:
        with pytest.raises(ProblemError, match=f"for role '{role}', this needs '{needed}'"):
            authorize(key, needed)


def test_a_pattern_says_which_projects() -> None:
    """Case counts; nothing but the pattern opens a project."""
    key = Key("k", "0" * 64, "write", "mnist*", 0.0)
    authorize(key, "write", "mnist")
    authorize(key, "write", "mnist-2")
    authorize(key, "write", None)
    for project in ("MNIST", "my-mnist", ""):
        with pytest.raises(ProblemError, match="is for projects 'mnist\\*'") as e:
            authorize(key, "read", project)
        assert 403 == e.value.problem.status


# -- the file ------------------------------------------------------------------------------------


def test_a_key_is_256_bits_and_only_its_digest_is_kept(tmp_path: Path) -> None:
    """Who reads the file learns no key."""
    keys = KeyFile(tmp_path, entropy=lambda size: bytes(range(size)), clock=SetClock())
    secret = keys.create("laptop", role="write", project="mnist", expires_in_s=60)
    assert "tide_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" == secret
    text = (tmp_path / ".hub/keys.json").read_text()
    assert secret.removeprefix("tide_") not in text
    assert {
        "version": 1,
        "keys": [
            {
                "name": "laptop",
                "sha256": hashlib.sha256(secret.encode()).hexdigest(),
                "role": "write",
                "project": "mnist",
                "created": 1000.0,
                "expires": 1060.0,
                "revoked": None,
            }
        ],
    } == json.loads(text)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """0600 in a folder of 0700, whatever the umask."""
    before = os.umask(0)
    try:
        KeyFile(tmp_path).create("laptop")
    finally:
        os.umask(before)
    assert 0o600 == stat.S_IMODE((tmp_path / ".hub/keys.json").stat().st_mode)
    assert 0o700 == stat.S_IMODE((tmp_path / ".hub").stat().st_mode)


def test_another_process_sees_each_change_at_once(tmp_path: Path) -> None:
    """Created, revoked, and created again under the same name."""
    seen, command = KeyFile(tmp_path), KeyFile(tmp_path)

    def states() -> list[tuple[str, str]]:
        return [(key.name, key.state(0)) for key in seen.keys()]  # noqa: SIM118

    assert [] == states()
    command.create("a")
    assert [("a", "active")] == states()
    command.revoke("a")
    assert [("a", "revoked")] == states()
    command.create("a")
    assert [("a", "revoked"), ("a", "active")] == states()
    (tmp_path / ".hub/keys.json").unlink()
    assert [] == states()


def test_bad_wishes_are_refused_in_words(tmp_path: Path) -> None:
    """A name twice, a name that is none, a role that is none, a key too many, nobody to revoke."""
    keys = KeyFile(tmp_path, limits=HubLimits(keys_max=2))
    keys.create("a")
    with pytest.raises(KeyNameError, match="there is a key 'a' already; revoke it first"):
        keys.create("a")
    with pytest.raises(ValueError, match=r"key '\.\./x' holds '/'"):
        keys.create("../x")
    with pytest.raises(KeyNameError, match="'root' is none of: write, read, admin"):
        keys.create("b", role="root")
    for pattern in ("", "x" * 300, "a\nb"):
        with pytest.raises(KeyNameError, match="project pattern"):
            keys.create("b", project=pattern)
    with pytest.raises(KeyNameError, match="there is no key 'b'"):
        keys.revoke("b")
    keys.create("b")
    with pytest.raises(KeyNameError, match="has 2 keys, and the limit is 2"):
        keys.create("c")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 2}',
        '{"version": 1, "keys": [{"name": "a"}]}',
        (
            '{"version": 1, "keys": [{"name": "a", "sha256": 5, "role": "read", "project": "*", '
            '"created": 0}]}'
        ),
        (
            '{"version": 1, "keys": [{"name": "a", "sha256": "", "role": "root", "project": "*", '
            '"created": 0}]}'
        ),
    ],
)
def test_a_file_that_is_none_opens_nothing(tmp_path: Path, text: str) -> None:
    """It is told, not taken for an empty one."""
    (tmp_path / ".hub").mkdir()
    (tmp_path / ".hub/keys.json").write_text(text)
    with pytest.raises(CannotStartError, match=r"keys\.json"):
        KeyFile(tmp_path).keys()


# -- at the door of a running hub ----------------------------------------------------------------


def test_every_call_but_healthz_needs_a_key(hub) -> None:
    """Also what does not exist: nobody learns what is there."""
    assert (200, {"status": "ok"}) == (
        (answer := hub.call("GET", "/healthz", key=None)).status,
        answer.json,
    )
    for method, path in CALLS:
        for key in (None, "tide_" + "A" * 43):
            answer = hub.call(method, path, key=key)
            assert 401 == answer.status
            assert 'Bearer realm="tidelog"' == answer.headers["WWW-Authenticate"]


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


def test_a_reading_key_changes_nothing(hub) -> None:
    """403 for all that writes."""
    secret = hub.server.keys.create("page", role="read")
    for method, path in CALLS[:8]:
        answer = hub.call(method, path, key=secret)
        if method in ("GET", "HEAD"):
            assert answer.status in (200, 404)
        else:
            assert (403, "forbidden") == (answer.status, answer.slug)


def test_a_key_for_some_projects_sees_no_other(hub) -> None:
    """Neither by name nor in the list of runs."""
    data = LogSpec().row({"a": 1}, step=0).data
    for project in ("mnist", "secret"):
        hub.append(0, data, name=(project, "r1", "main.0001.tlog"))
    secret = hub.server.keys.create("ci", project="mnist*")
    runs = hub.call("GET", "/v1/runs", key=secret).json["runs"]
    assert [("mnist", "r1")] == [(run["project"], run["run"]) for run in runs]
    assert 200 == hub.call("GET", "/v1/projects/mnist/runs/r1", key=secret).status
    for path in ("/v1/projects/secret/runs/r1", "/v1/projects/s%65cret/runs/r1"):
        assert 403 == hub.call("GET", path, key=secret).status
    answer = hub.append(0, data, name=("secret", "r1", "main.0001.tlog"), key=secret)
    assert (403, "forbidden") == (answer.status, answer.slug)


@pytest.mark.parametrize("start", ["/v1/%70rojects/", "/%761/projects/", "/v%31/project%73/"])
def test_an_encoded_address_opens_no_other_project(hub, start: str) -> None:
    """Routes match the decoded path: who writes the address in another way gets a 400, not a run."""
    data = LogSpec().row({"a": 1}, step=0).data
    hub.append(0, data, name=("secret", "r1", "main.0001.tlog"))
    secret = hub.server.keys.create("ci", project="mnist")
    for method in ("GET", "PATCH", "HEAD", "POST"):
        answer = hub.raw(
            f"{method} {start}secret/runs/r1 HTTP/1.1\r\nHost: hub\r\nContent-Length: 0\r\n"
            f"Authorization: Bearer {secret}\r\nConnection: close\r\n\r\n".encode()
        )
        assert int(answer.split()[1]) in (400, 403, 405), method
        assert b"main.0001" not in answer
