"""What a replica tells of its runs, read anew from the disk."""

import hashlib
import json
from pathlib import Path

from log_spec import LOG_ID, LogSpec, log_of_every_kind

from tidelog.datastore.reader import Reader
from tidelog.datastore.replica import ListedFile, Replica, RunName


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_listing_names_every_log_and_file_with_what_the_disk_holds(tmp_path: Path) -> None:
    """Bytes, chunks, rows and digests, of whole chunks alone."""
    log = log_of_every_kind()
    replica = Replica(tmp_path)
    replica.logs.append("p", "r", "main.0001.tlog", offset=0, data=log.data, log_id=LOG_ID)
    replica.files.put("p", "r", [("media/a.png", sha(b"png"), b"png")])
    replica.files.put("p", "r", [("files/m.npz", sha(b"npz"), b"npz")])
    replica.files.stage("p", "r", "files/large", b"l", sha256=sha(b"large"), offset=0)
    listing = replica.listing("p", "r")
    assert listing is not None
    expected = {
        "project": "p",
        "run": "r",
        "logs": [
            {
                "name": "main.0001.tlog",
                "log_id": LOG_ID.hex(),
                "size": len(log.data),
                "chunks": len(log.ends),
                "rows": 7,
                "sha256": sha(log.data),
                "damage": [],
            }
        ],
        "files": [
            {"path": "media/a.png", "size": 3, "sha256": sha(b"png")},
            {"path": "files/m.npz", "size": 3, "sha256": sha(b"npz")},
        ],
    }
    assert expected == json.loads(json.dumps(listing.document()))


def test_a_listing_sees_what_changed_on_the_disk(tmp_path: Path) -> None:
    """Nothing is told from memory: a damaged file has another digest."""
    replica = Replica(tmp_path)
    replica.files.put("p", "r", [("media/a", sha(b"abc"), b"abc")])
    (tmp_path / "p/r/media/a").write_bytes(b"abd")
    listing = replica.listing("p", "r")
    assert listing is not None
    assert (ListedFile("media/a", 3, sha(b"abd")),) == listing.files


def test_a_listing_tells_damage_that_travelled(tmp_path: Path) -> None:
    """With its range and the exact number of chunks."""
    log = LogSpec()
    for step in range(3):
        log.row({"loss": 1.0}, step=step)
    data = bytearray(log.data)
    data[log.starts[1] + 30] ^= 1
    length = log.ends[1] - log.starts[1]
    replica = Replica(tmp_path)
    replica.logs.append(
        "p",
        "r",
        "main.0001.tlog",
        offset=0,
        data=bytes(data),
        log_id=LOG_ID,
        damage=[(log.starts[1], length)],
    )
    listing = replica.listing("p", "r")
    assert listing is not None
    (listed,) = listing.logs
    assert [{"offset": log.starts[1], "length": length, "chunks": 1}] == listed.document()["damage"]
    assert (2, 2) == (listed.chunks, listed.rows)


def test_runs_are_the_directories_that_hold_a_log(tmp_path: Path) -> None:
    """What is hidden, linked or empty is no run, and a root that is not there holds none."""
    assert [] == list(Replica(tmp_path / "nowhere").runs())
    replica = Replica(tmp_path)
    data = LogSpec().data
    for project, run in (("b", "r2"), ("a", "r1"), ("b", "r1")):
        replica.logs.append(project, run, "main.0001.tlog", offset=0, data=data, log_id=LOG_ID)
    (tmp_path / ".hub").mkdir()
    (tmp_path / "a/empty").mkdir()
    (tmp_path / "latest").symlink_to("a/r1")
    expected = [RunName("a", "r1"), RunName("b", "r1"), RunName("b", "r2")]
    assert expected == list(replica.runs())


def test_a_run_that_is_not_there_has_no_listing(tmp_path: Path) -> None:
    """And asking for it makes nothing."""
    assert None is Replica(tmp_path / "root").listing("p", "r")
    assert not (tmp_path / "root").exists()


def test_a_replica_is_a_root_that_a_reader_opens(tmp_path: Path) -> None:
    """What arrived is a run directory like any other."""
    log = log_of_every_kind()
    Replica(tmp_path).logs.append("p", "r", "main.0001.tlog", offset=0, data=log.data, log_id=LOG_ID)
    with Reader(tmp_path / "p/r") as run:
        assert 7 == run.rows
        assert [] == run.damage
