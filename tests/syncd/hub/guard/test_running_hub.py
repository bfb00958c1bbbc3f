"""Keys at a hub that runs as a process of its own, and commands beside it that change them."""

import contextlib
import http.client
import itertools
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from run_spec import RunSpec
from syncd_process import HubProcess, SyncdProcess, make_key, run_syncd
from waiting import PATIENCE_S, until

FORGED = 100_000


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    with HubProcess(tmp_path / "hub") as process:
        yield process


class Caller(threading.Thread):
    """Asks the hub over one connection, again and again, with the key of the moment.

    `answers` are of the moments at which was asked.
    """

    def __init__(self, port: int, key: str) -> None:
        super().__init__()
        self.key = key
        self.answers: list[tuple[float, str, int]] = []
        self._port = port
        self._is_stopping = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            while not self._is_stopping.is_set():
                key, at = self.key, time.monotonic()
                connection.request("GET", "/v1/runs", headers={"Authorization": f"Bearer {key}"})
                with connection.getresponse() as response:
                    response.read()
                    self.answers.append((at, key, response.status))

    def wait_for(self, status: int, *, key: str) -> None:
        """Return once the hub has given this answer to this key."""
        until(lambda: any((shown, given) == (key, status) for _, shown, given in list(self.answers)))

    def stop(self) -> None:
        self._is_stopping.set()
        self.join()


@contextlib.contextmanager
def calling(port: int, key: str, *, count: int) -> Iterator[list[Caller]]:
    """Let some call with a key, and go on until the block ends."""
    callers = [Caller(port, key) for _ in range(count)]
    for caller in callers:
        caller.start()
    try:
        for caller in callers:
            caller.wait_for(200, key=key)
        yield callers
    finally:
        for caller in callers:
            caller.stop()


def test_a_revoked_key_is_refused_from_the_next_request_on(hub: HubProcess, tmp_path: Path) -> None:
    """Under load, and whoever holds it: from the moment that the command has ended."""
    key = make_key(tmp_path / "hub")
    with calling(hub.port, key, count=4) as callers:
        assert 0 == run_syncd("key", "revoke", "test", "--data", tmp_path / "hub").returncode
        at = time.monotonic()
        for caller in callers:
            caller.wait_for(401, key=key)
    asked_later = {s for caller in callers for when, _, s in caller.answers if when > at}
    assert {401} == asked_later


def test_keys_are_rotated_under_load_without_one_refusal(hub: HubProcess, tmp_path: Path) -> None:
    """In the overlap both are good; each caller takes the new one when it likes."""
    data = tmp_path / "hub"
    first = run_syncd("key", "create", "ci", "--data", data).stdout.strip()
    with calling(hub.port, first, count=3) as callers:
        for _ in range(2):
            new = run_syncd("key", "rotate", "ci", "--data", data, "--overlap", "1h").stdout.strip()
            for caller in callers:
                caller.key = new
                caller.wait_for(200, key=new)
        assert {200} == {status for caller in callers for _, _, status in caller.answers}
        assert 0 == run_syncd("key", "rotate", "ci", "--data", data, "--overlap", "1s").returncode
        for caller in callers:
            caller.wait_for(401, key=new)
    assert {200} == {s for caller in callers for _, key, s in caller.answers if key != new}


def test_the_commands_about_accounts_and_what_they_leave_behind(hub: HubProcess, tmp_path: Path) -> None:
    """An account, its grants, its key, its end; and all of it in the audit log."""
    data = ("--data", tmp_path / "hub")

    def status(key: str, project: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=PATIENCE_S)
        path = f"/v1/projects/{project}/runs/r/files:missing"
        with contextlib.closing(connection):
            connection.request("POST", path, headers={"Authorization": f"Bearer {key}"})
            with connection.getresponse() as response:
                return response.status

    made = run_syncd("account", "create", "ci", "--service", "--grant", "write:team-a*", *data)
    assert (0, "created service ci: write:team-a*\n") == (made.returncode, made.stderr)
    key = run_syncd("key", "create", "night", "--account", "ci", *data).stdout.strip()
    # 400: no digest came along, but the guard had let it in.
    assert [400, 403] == [status(key, project) for project in ("team-a1", "team-b")]
    assert 0 == run_syncd("account", "grant", "ci", "write:team-b", *data).returncode
    assert 400 == status(key, "team-b")
    assert 0 == run_syncd("account", "ungrant", "ci", "write:team-a*", *data).returncode
    assert 403 == status(key, "team-a1")
    wrong = run_syncd("account", "ungrant", "ci", "write:team-a*", *data)
    assert (2, True) == (wrong.returncode, "has not the grant write:team-a*" in wrong.stderr)
    assert 0 == run_syncd("account", "disable", "ci", *data).returncode
    assert 401 == status(key, "team-b")
    assert 0 == run_syncd("account", "enable", "ci", *data).returncode
    assert 400 == status(key, "team-b")
    listed = json.loads(run_syncd("account", "list", "--json", *data).stdout)["accounts"]
    assert [("ci", "service", 1)] == [(a["name"], a["kind"], a["keys"]) for a in listed]
    audit = run_syncd("audit", "--json", *data).stdout
    entries = [json.loads(line) for line in audit.splitlines()]
    whats = ["account.created", "key.created", "account.grants", "account.grants"]
    assert [*whats, "account.disabled", "account.enabled"] == [entry["what"] for entry in entries]
    assert {"console"} == {entry["address"] for entry in entries}
    assert key not in audit
    table = run_syncd("audit", "--what", "key", *data).stdout.splitlines()
    assert ["TIME", "WHAT"] == table[0].split()[:2]
    assert [("key.created", "night")] == [tuple(line.split()[1:3]) for line in table[1:]]


def test_delete_and_restore_at_a_running_hub(hub: HubProcess, tmp_path: Path) -> None:
    """It asks before it deletes; who may not is told so, and what is not there."""
    data = tmp_path / "hub"
    write = run_syncd("key", "create", "agent", "--data", data).stdout.strip()
    admin = run_syncd("key", "create", "boss", "--role", "admin", "--data", data).stdout.strip()
    to = ("--to", hub.url)
    RunSpec(tmp_path / "root", run="r1").rows(3).finish()
    assert 0 == run_syncd("sync", tmp_path / "root", *to, TIDELOG_API_KEY=write).returncode
    refused = run_syncd("delete", "mnist/r1", *to, "--yes", TIDELOG_API_KEY=write)
    assert (1, True) == (refused.returncode, "has not the role 'admin'" in refused.stderr)
    unasked = run_syncd("delete", "mnist/r1", *to, TIDELOG_API_KEY=admin)
    assert (2, True) == (unasked.returncode, "say --yes" in unasked.stderr)
    deleted = run_syncd("delete", "mnist/r1", "mnist/r2", *to, "--yes", "--json", TIDELOG_API_KEY=admin)
    outcomes = [run["outcome"] for run in json.loads(deleted.stdout)["runs"]]
    assert (1, ["deleted", None]) == (deleted.returncode, outcomes)
    parked = run_syncd("sync", tmp_path / "root", *to, TIDELOG_API_KEY=write)
    assert (1, True) == (parked.returncode, "was deleted here at" in parked.stderr)
    verified = run_syncd("verify", tmp_path / "root", *to, TIDELOG_API_KEY=write)
    assert (1, True) == (verified.returncode, "mnist/r1: DIFFERS\n" in verified.stdout)
    assert "take that back (`syncd restore mnist/r1`)" in verified.stdout
    read = run_syncd("key", "create", "reader", "--role", "read", "--data", data).stdout.strip()
    behind = run_syncd("verify", tmp_path / "root", *to, TIDELOG_API_KEY=read)
    assert (1, True) == (behind.returncode, "holds nothing of this run" in behind.stdout)
    restored = run_syncd("restore", "mnist/r1", *to, TIDELOG_API_KEY=admin)
    assert (0, "mnist/r1: restored\n") == (restored.returncode, restored.stderr)
    assert 0 == run_syncd("sync", tmp_path / "root", *to, TIDELOG_API_KEY=write).returncode
    away = run_syncd("restore", "mnist/r1", "--to", "http://127.0.0.1:9", TIDELOG_API_KEY=admin)
    assert 3 == away.returncode
    folder = run_syncd("delete", "mnist/r1", "--to", "file:///tmp/x", "--yes")
    assert (2, True) == (folder.returncode, "is a folder" in folder.stderr)
    no_run = run_syncd("delete", "mnist", *to, "--yes", TIDELOG_API_KEY=admin)
    assert (2, True) == (no_run.returncode, "write PROJECT/RUN" in no_run.stderr)


def test_a_daemon_parks_a_deleted_run_and_goes_on_after_the_restore(
    hub: HubProcess, tmp_path: Path
) -> None:
    """`syncd status` says why; `syncd retry` sends what came meanwhile."""
    data, root = tmp_path / "hub", tmp_path / "root"
    write = run_syncd("key", "create", "agent", "--data", data).stdout.strip()
    admin = run_syncd("key", "create", "boss", "--role", "admin", "--data", data).stdout.strip()
    spec = RunSpec(root, run="r1").rows(3)
    log = data / "mnist/r1/main.0001.tlog"
    with SyncdProcess("start", "--root", root, "--to", hub.url, TIDELOG_API_KEY=write) as daemon:
        until(lambda: log.is_file() and log.read_bytes() == spec.log.data)
        deleted = run_syncd("delete", "mnist/r1", "--to", hub.url, "--yes", TIDELOG_API_KEY=admin)
        assert 0 == deleted.returncode
        spec.rows(3)
        assert "The run was deleted at the hub" in daemon.line_with("is parked")
        assert "The run was deleted at the hub" in run_syncd("status").stdout
        assert not log.exists()
        assert 0 == run_syncd("restore", "mnist/r1", "--to", hub.url, TIDELOG_API_KEY=admin).returncode
        assert 0 == run_syncd("retry").returncode
        until(lambda: log.read_bytes() == spec.log.data)
        assert 0 == daemon.terminate()


def test_login_to_a_profile_and_logout(hub: HubProcess, tmp_path: Path) -> None:
    """Two accounts of one hub on one machine."""
    data = tmp_path / "hub"
    home = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    for name, profile in (("ada", ()), ("ci", ("--profile", "ci"))):
        key = run_syncd("key", "create", name, "--role", "read", "--data", data).stdout
        told = run_syncd("login", "--hub", hub.url, *profile, "--key-file", "-", stdin=key, **home)
        assert 0 == told.returncode, told.stderr
    assert "set TIDELOG_PROFILE=ci where it is to be used" in told.stderr
    listed = json.loads(run_syncd("profiles", "--json", TIDELOG_PROFILE="ci", **home).stdout)
    assert [(None, False), ("ci", True)] == [(p["profile"], p["is_used"]) for p in listed["profiles"]]
    assert "tide_" not in json.dumps(listed) + run_syncd("profiles", **home).stdout
    assert 0 == run_syncd("logout", "--profile", "ci", **home).returncode
    gone = run_syncd("sync", tmp_path, TIDELOG_PROFILE="ci", **home)
    assert (2, True) == (gone.returncode, "`syncd login --profile ci` makes it" in gone.stderr)
    assert 2 == run_syncd("logout", "--profile", "ci", **home).returncode


@pytest.mark.proof
def test_a_hundred_thousand_forged_keys_open_nothing_and_keep_nobody_away(
    hub: HubProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All come from one address, where a good client calls too; neither memory nor the log grows."""
    keys = [make_key(tmp_path / "hub")]
    request = "GET /v1/runs HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer tide_%043d\r\n\r\n"
    process = psutil.Process(hub.pid)
    statuses: Counter[bytes] = Counter()
    with calling(hub.port, keys[0], count=1) as (good,):
        before, spent, began = process.memory_info().rss, process.cpu_times(), time.monotonic()
        with socket.create_connection(("127.0.0.1", hub.port), timeout=PATIENCE_S) as connection:
            for first in range(0, FORGED, 50):
                connection.sendall("".join(request % n for n in range(first, first + 50)).encode())
                received = b""
                while received.count(b"HTTP/1.1 ") < 50 or not received.endswith(b"}"):
                    received += connection.recv(1 << 20)
                statuses.update(part[:3] for part in received.split(b"HTTP/1.1 ")[1:])
        took_s = time.monotonic() - began
    after, cpu = process.memory_info().rss, process.cpu_times()
    times = [at for at, _, _ in good.answers]
    waits = sorted(b - a for a, b in itertools.pairwise(times) if a >= began)
    with capsys.disabled():
        print(
            f"\n{FORGED} forged keys in {took_s:.0f} s, {dict(statuses)};",
            f"{(cpu.user - spent.user) / FORGED * 1e6:.0f} us of the hub's CPU each;",
            f"it grew by {(after - before) / 1e6:.1f} MB; a good client beside them:",
            f"{len(waits)} answers, p50 {waits[len(waits) // 2] * 1e3:.1f} ms,",
            f"p99 {waits[len(waits) * 99 // 100] * 1e3:.1f} ms",
        )
    assert {b"401", b"429"} == set(statuses)
    assert FORGED == statuses.total()
    assert statuses[b"401"] <= 20 + took_s
    assert {200} == {status for _, _, status in good.answers}
    assert after - before < 16e6
    assert sum(path.stat().st_size for path in (tmp_path / "hub/.hub").glob("audit-*.jsonl")) < 20_000
