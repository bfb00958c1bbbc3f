"""Room runs out: the disk's, or an account's. What was held stays, and all goes on by itself."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from log_spec import LogSpec

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, Room, StrPath
from tidelog.syncd.hub.receive.owners import OWNERS_FILE
from tidelog.syncd.protocol import file_path

KB = 1000


class RoomyDisk(Disk):
    """A disk that says to have as much room as a test wants."""

    free_bytes = 1000 * KB
    free_files = 1000

    def room(self, path: StrPath) -> Room:
        """Return what was wished for."""
        del path
        return Room(1000 * KB, self.free_bytes, 1000, self.free_files)


@dataclass
class SteppedClock(Clock):
    """A monotonic clock that a test moves."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        """Return the seconds so far."""
        return self.seconds


def log_of(size: int) -> LogSpec:
    return LogSpec().row({"text": "x" * size}, step=0)


def put(hub: Any, run: str, size: int, *, key: str = "") -> int:
    """Append a new log of about `size` bytes to a run."""
    answer = hub.append(0, log_of(size).data, name=("p", run, "main.0001.tlog"), key=key)
    if answer.status != 200:
        assert 507 == answer.status
        assert 0 < int(answer.headers["Retry-After"])
    return answer.status


def test_the_reserve_is_left_free(start_hub: Any) -> None:
    """507 before the disk is full, reading goes on, and appending once there is room again."""
    disk, clock = RoomyDisk(), SteppedClock()
    hub = start_hub(disk=disk, clock=clock, keep_free_bytes=900 * KB)
    assert 200 == put(hub, "r1", 60 * KB)
    refused = hub.append(0, log_of(60 * KB).data, name=("p", "r2", "main.0001.tlog"))
    assert "disk-full" == refused.slug
    assert "keeps the last 900KB of its disk free" in refused.json["detail"]
    assert 200 == hub.call("GET", "/v1/runs").status
    assert ["r1"] == [run["run"] for run in hub.call("GET", "/v1/runs").json["runs"]]
    clock.seconds += 1.0
    assert 200 == put(hub, "r2", 60 * KB)


def test_a_hundredth_of_the_disk_is_kept_unless_told(start_hub: Any) -> None:
    """Files and large files are refused as appends are."""
    disk = RoomyDisk()
    disk.free_bytes = 11 * KB
    hub = start_hub(disk=disk)
    assert 507 == put(hub, "r1", 2 * KB)
    path = file_path("p", "r1", "files/a.bin", sha256="0" * 64)
    headers = {"Upload-Length": "9000", "Upload-Complete": "?0"}
    assert "disk-full" == hub.call("PUT", path, b"x" * 2 * KB, headers).slug
    assert not (hub.data / "p").exists()


def test_names_run_out_too(start_hub: Any) -> None:
    """A file system without room for another file takes none."""
    disk = RoomyDisk()
    disk.free_files = 1
    assert 507 == put(start_hub(disk=disk), "r1", 10)


def test_an_account_over_its_quota_waits_and_others_do_not(start_hub: Any) -> None:
    """Its runs are counted anew before it is refused: what was deleted makes room."""
    clock = SteppedClock()
    hub = start_hub(clock=clock)
    keys = hub.server.keys
    ada, bob = keys.create("ada"), keys.create("bob")
    keys.set_quota("ada", 100 * KB)
    assert 200 == put(hub, "a1", 60 * KB, key=ada)
    refused = hub.append(0, log_of(60 * KB).data, name=("p", "a2", "main.0001.tlog"), key=ada)
    assert "quota-exceeded" == refused.slug
    assert "the runs of account 'ada' take 60" in refused.json["detail"]
    assert "60" == refused.headers["Retry-After"]
    assert 200 == put(hub, "b1", 60 * KB, key=bob)
    shutil.rmtree(hub.data / "p" / "a1")
    assert 507 == put(hub, "a2", 60 * KB, key=ada)
    clock.seconds += 60.0
    assert 200 == put(hub, "a2", 60 * KB, key=ada)


def test_a_larger_quota_counts_at_once(hub: Any) -> None:
    """And none at all."""
    key = hub.server.keys.create("ada")
    hub.server.keys.set_quota("ada", 1 * KB)
    assert 507 == put(hub, "r1", 60 * KB, key=key)
    hub.server.keys.set_quota("ada", 100 * KB)
    assert 200 == put(hub, "r1", 60 * KB, key=key)
    hub.server.keys.set_quota("ada", None)
    assert 200 == put(hub, "r2", 60 * KB, key=key)


@pytest.mark.parametrize("damage", ["none", "torn", "lost"])
def test_a_quota_outlives_the_hub_and_its_notes(start_hub: Any, damage: str, tmp_path: Path) -> None:
    """A new hub counts what lies on the disk; a run without an owner is its next writer's."""
    hub = start_hub()
    key = hub.server.keys.create("ada")
    hub.server.keys.set_quota("ada", 100 * KB)
    assert 200 == put(hub, "r1", 60 * KB, key=key)
    hub.server.keys.revoke("test")
    hub.stop_now()
    owners = tmp_path / "hub" / OWNERS_FILE
    assert {"project": "p", "run": "r1", "account": "ada"} == json.loads(owners.read_bytes())
    if damage == "torn":
        owners.write_bytes(b'\n{"project": "p", "ru' + owners.read_bytes())
    if damage == "lost":
        owners.unlink()
    again = start_hub()
    # Held already: nothing is written, but from here on it is known whose it is.
    again.append(0, log_of(60 * KB).data, name=("p", "r1", "main.0001.tlog"), key=key)
    assert 507 == put(again, "r2", 60 * KB, key=key)


def test_what_is_refused_leaves_nothing(hub: Any) -> None:
    """Neither a run nor a note whose it would be: somebody could have a hub note millions of them."""
    log, files = ("p", "r1", "main.0001.tlog"), "/v1/projects/p/runs/r2"
    part = {"Upload-Length": "1", "Upload-Complete": "?1"}
    assert 422 == hub.append(0, b"x" * 100, name=log).status
    assert 400 == hub.call("POST", f"{files}/files:batch", b"x").status
    assert 422 == hub.call("PUT", file_path("p", "r3", "files/a", sha256="0" * 64), b"x", part).status
    assert not (hub.data / OWNERS_FILE).exists()
    assert 200 == put(hub, "r1", 10)
    assert "r1" == json.loads((hub.data / OWNERS_FILE).read_bytes())["run"]
