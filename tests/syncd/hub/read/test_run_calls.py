"""GET of the runs and of one run: what `verify` trusts."""

import hashlib

from log_spec import LOG_ID, log_of_every_kind

from tidelog.syncd.bodies import SmallFile, encode_batch


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_run_is_listed_with_what_the_disk_holds_now(hub) -> None:
    """Rows, bytes and digests of logs and files."""
    log = log_of_every_kind()
    hub.append(0, log.data)
    files = [SmallFile("media/a.png", sha(b"png"), b"png")]
    hub.call("POST", "/v1/projects/mnist/runs/r1/files:batch", encode_batch(files))
    listed = {
        "name": "main.0001.tlog",
        "log_id": LOG_ID.hex(),
        "size": len(log.data),
        "chunks": len(log.ends),
        "rows": 7,
        "sha256": sha(log.data),
        "damage": [],
    }
    assert {
        "project": "mnist",
        "run": "r1",
        "logs": [listed],
        "files": [{"path": "media/a.png", "size": 3, "sha256": sha(b"png")}],
    } == hub.call("GET", "/v1/projects/mnist/runs/r1").json


def test_a_byte_that_changed_on_the_hubs_disk_is_seen(hub) -> None:
    """The digest is of the bytes that are there, not of those that came."""
    log = log_of_every_kind()
    hub.append(0, log.data)
    path = hub.data / "mnist/r1/main.0001.tlog"
    data = bytearray(log.data)
    data[log.starts[3] + 25] ^= 1
    path.write_bytes(data)
    (listed,) = hub.call("GET", "/v1/projects/mnist/runs/r1").json["logs"]
    assert sha(bytes(data)) == listed["sha256"]
    assert [{"offset": log.starts[3], "length": log.ends[3] - log.starts[3], "chunks": 1}] == listed[
        "damage"
    ]


def test_the_runs_are_listed(hub) -> None:
    """By project and run; none at first."""
    assert [] == hub.call("GET", "/v1/runs").json["runs"]
    data = log_of_every_kind().data
    for run in ("r2", "r1"):
        hub.append(0, data, name=("mnist", run, "main.0001.tlog"))
    assert ["r1", "r2"] == [each["run"] for each in hub.call("GET", "/v1/runs").json["runs"]]


def test_a_run_that_is_not_there_is_404(hub) -> None:
    """And asking makes nothing."""
    answer = hub.call("GET", "/v1/projects/mnist/runs/r1")
    assert (404, "not-found") == (answer.status, answer.slug)
    assert not (hub.data / "mnist").exists()
