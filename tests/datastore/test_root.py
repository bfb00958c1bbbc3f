"""Listing many runs: what is said of each, which are chosen, and a cache that only saves time."""

import os
import struct
import subprocess
import sys
import textwrap
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest
from log_spec import TIME, LogSpec
from restless_disk import ClosedDisk, VanishingDisk
from run_spec import RunSpec

from tidelog.datastore import NotARunError, Reader, Root, RunInfo, open_root
from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import ComparisonError
from tidelog.datastore.format import RECORDS
from tidelog.datastore.records import CONFIG, RUN


class CountingDisk(Disk):
    """Counts how often each log is opened."""

    def __init__(self) -> None:
        self.opened: Counter[str] = Counter()

    def open(self, path: StrPath) -> int:
        self.opened[os.path.basename(os.path.dirname(path))] += 1
        return super().open(path)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put(root: Path, project: str, run: str, *, config: dict[str, Any], losses: list[float]) -> Path:
    """Write a finished run by hand."""
    directory = root / project / run
    directory.mkdir(parents=True)
    log = LogSpec(log_id=os.urandom(16))
    log.record(RUN, TIME, {"name": f"{run} by name", "tags": ["t"]}).record(CONFIG, TIME, config)
    for step, loss in enumerate(losses):
        log.row({"loss": loss}, step=step, time=TIME + step)
    (directory / "main.0001.tlog").write_bytes(log.final().data)
    return directory


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three runs of two projects."""
    put(tmp_path / "root", "mnist", "r1", config={"lr": 0.1, "net": {"depth": 2}}, losses=[0.5, 0.25])
    put(tmp_path / "root", "mnist", "r2", config={"lr": 0.01}, losses=[0.75])
    put(tmp_path / "root", "cifar", "r3", config={"lr": 1, "net": {"depth": 9}}, losses=[])
    return tmp_path / "root"


def ids(runs: list[RunInfo]) -> list[str]:
    return [run.id for run in runs]


def test_a_listing_says_what_a_reader_says(root: Path) -> None:
    """Of every field that both have."""
    for info in open_root(root):
        with Reader(info.path) as run, info.open() as opened:
            assert (run.id, run.project, run.name) == (info.id, info.project, info.name)
            assert (run.state, run.exit_code) == (info.state, info.exit_code)
            assert (run.config, run.summary) == (info.config, info.summary)
            assert (run.metadata, run.last_step) == (info.metadata, info.last_step)
            assert (run.times, run.rows) == ((info.started, info.updated), info.rows)
            assert run.id == opened.id


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, ["r3", "r1", "r2"]),
        ({"project": "mnist"}, ["r1", "r2"]),
        ({"project": "*i*"}, ["r3", "r1", "r2"]),
        ({"project": "c*"}, ["r3"]),
        ({"state": "finished"}, ["r3", "r1", "r2"]),
        ({"state": ["crashed", "running"]}, []),
        ({"where": "summary.loss < 0.5"}, ["r1"]),
        ({"where": ["config.lr < 1", "summary.loss >= 0.25"]}, ["r1", "r2"]),
        ({"where": "config.net.depth > 5"}, ["r3"]),
        ({"where": "metadata.tags = t", "sort": "config.lr"}, ["r2", "r1", "r3"]),
        ({"sort": "-config.lr"}, ["r3", "r1", "r2"]),
        ({"sort": "summary.loss"}, ["r1", "r2", "r3"]),
        ({"sort": "-summary.loss"}, ["r2", "r1", "r3"]),
        ({"sort": ["-project", "-id"]}, ["r2", "r1", "r3"]),
    ],
)
def test_runs_are_chosen_and_sorted(root: Path, choice: dict[str, Any], expected: list[str]) -> None:
    """By project, state and comparisons; who lacks what is sorted by comes last either way."""
    assert expected == ids(open_root(root).runs(**choice))


def test_a_text_that_is_no_comparison_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    """Also where the root is not there."""
    with pytest.raises(ComparisonError):
        open_root(tmp_path / "nothing").runs(where="lr")


@pytest.mark.parametrize(
    "choice",
    [{"where": "sumary.acc > 0.9"}, {"where": "lr = 1"}, {"sort": "-acc"}, {"sort": "config-lr"}],
)
def test_a_field_that_no_run_can_have_is_refused(choice: dict[str, Any], root: Path) -> None:
    """Else nobody would see why no run fits, or why they are in no order."""
    with pytest.raises(ComparisonError, match=r"is no field of a run; there are: .*summary.KEY"):
        open_root(root).runs(**choice)


@pytest.mark.parametrize("read", [Reader, lambda path: open_root(path).runs()])
def test_an_empty_path_is_not_this_folder(
    read: Callable[[str], object], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a variable of a script that nobody set."""
    monkeypatch.chdir(root / "mnist" / "r1")
    with pytest.raises(NotARunError, match="the path is empty"):
        read("")


def test_a_state_that_there_is_not_is_refused(root: Path) -> None:
    """Else nobody would see why no run fits."""
    with pytest.raises(ValueError, match="state 'finnished' is none of running, finished, failed"):
        open_root(root).runs(state=["failed", "finnished"])  # type: ignore[list-item]


def test_a_root_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """So is what is no folder; an empty one has no runs."""
    with pytest.raises(NotARunError, match="is not there"):
        open_root(tmp_path / "nothing").runs()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotARunError, match="is no folder"):
        open_root(tmp_path / "file").runs()
    (tmp_path / "empty").mkdir()
    assert [] == open_root(tmp_path / "empty").runs()


def test_the_table_has_a_row_per_run(root: Path) -> None:
    """Config in config is spread; what a run lacks is NaN among floats."""
    table = open_root(root).table(open_root(root).runs(sort="id"))
    assert 3 == len(table)
    assert ["r1", "r2", "r3"] == list(table["id"])
    assert [0.1, 0.01, 1.0] == list(table["config.lr"])
    assert [2, None, 9] == list(table["config.net.depth"])
    assert [0.25, 0.75] == list(table["summary.loss"])[:2]
    assert table["summary.loss"][2] != table["summary.loss"][2]
    assert ["r1", "r2", "r3"] == list(table.to_pandas().sort_values("id")["id"])


def test_no_run_spoils_the_table_of_the_others(root: Path) -> None:
    """Config as deep as a record can hold it, a directory whose name is no UTF-8."""
    deep = b"\x93\x03\xcb" + struct.pack(">d", TIME) + b"\x81\xa1k" * 1016 + b"\x01"
    log = root / "mnist" / os.fsdecode(b"r\xff") / "main.0001.tlog"
    log.parent.mkdir()
    log.write_bytes(LogSpec(log_id=os.urandom(16)).chunk(RECORDS, deep).data)
    table = open_root(root).table(open_root(root).runs(sort="config"))
    depths = {"r1": 2, "r2": None, "r3": 9, "r\\udcff": None}
    assert depths == dict(zip(table["id"], table["config.net.depth"], strict=True))
    assert set(depths) == set(table.to_pandas()["id"])
    assert set(depths) == set(table.to_arrow()["id"].to_pylist())


def test_the_second_listing_opens_no_log_that_rests(root: Path) -> None:
    """And says the same, by whatever path the root is named."""
    disk = CountingDisk()
    first = open_root(root, disk=disk).runs()
    assert Counter({"r1": 1, "r2": 1, "r3": 1}) == disk.opened
    again = CountingDisk()
    assert first == open_root(root, disk=again).runs()
    there = root.parent / "elsewhere" / ".." / "root"
    (root.parent / "elsewhere").mkdir()
    assert ids(first) == ids(open_root(there, disk=again).runs())
    assert Counter() == again.opened


def test_what_has_changed_is_read_again_and_what_is_gone_is_forgotten(root: Path) -> None:
    """A log that grew, a run that came, a run that went."""
    live = RunSpec(root, "mnist", "live").rows(3)
    assert 3 == next(run for run in open_root(root) if run.id == "live").rows
    live.rows(2)
    put(root, "cifar", "r4", config={}, losses=[1.0])
    (root / "mnist" / "r1" / "main.0001.tlog").unlink()
    disk = CountingDisk()
    found = open_root(root, disk=disk).runs(sort="id")
    assert ["live", "r2", "r3", "r4"] == ids(found)
    assert 5 == found[0].rows
    assert Counter({"live": 1, "r4": 1}) == disk.opened


def test_the_state_is_never_from_the_cache(tmp_path: Path) -> None:
    """A writer that lives now may be dead at the next listing, with no byte more in its log."""
    run = tmp_path / "root" / "p" / "r"
    run.mkdir(parents=True)
    code = """
        import sys
        from tidelog.datastore import Writer
        Writer(sys.argv[1]).log_row({"a": 1}, step=0)
        print("logged", flush=True)
        sys.stdin.read()
        """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(run)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert ["running"] == [run.state for run in open_root(tmp_path / "root")]
        process.kill()
        process.wait()
    assert ["crashed"] == [run.state for run in open_root(tmp_path / "root")]


@pytest.mark.parametrize(
    "harm",
    ["deleted", "garbage", "truncated", "a file in its place", "read-only", "entries of another kind"],
)
def test_without_the_cache_a_listing_says_the_same(root: Path, cache: Path, harm: str) -> None:
    """Whatever happened to it."""
    expected = open_root(root).runs()
    [folder] = (cache / "tidelog" / "catalogs").iterdir()
    data = folder / "data.mdb"
    if harm == "deleted":
        data.unlink()
    elif harm == "garbage":
        data.write_bytes(os.urandom(data.stat().st_size))
    elif harm == "truncated":
        os.truncate(data, data.stat().st_size // 2)
    elif harm == "a file in its place":
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        folder.write_text("no folder")
    elif harm == "read-only":
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        (cache / "tidelog" / "catalogs").rmdir()
        (cache / "tidelog").rmdir()
        (cache / "tidelog").symlink_to("/proc/self/nothing")
    else:
        with lmdb.open(str(folder), lib_version=0) as environment, environment.begin(write=True) as put_:
            for key, value in list(put_.cursor()):
                put_.put(bytes(key), bytes(value)[:-20])
    assert expected == open_root(root).runs()
    assert expected == open_root(root).runs()


def test_a_cache_on_no_account_lies_about_another_root(root: Path, tmp_path: Path) -> None:
    """Each root has its own."""
    put(tmp_path / "other", "mnist", "r1", config={"lr": 5}, losses=[9.0])
    assert {"r1": 0.1} == {r.id: r.config["lr"] for r in open_root(root).runs(where="id = r1")}
    assert {"r1": 5} == {r.id: r.config["lr"] for r in open_root(tmp_path / "other")}


def test_a_run_that_cannot_be_read_is_listed_with_its_fault(root: Path) -> None:
    """The others are listed all the same."""
    log = root / "mnist" / "r1" / "main.0001.tlog"
    data = bytearray(log.read_bytes())
    data[4] = 9  # A log of format version 9, with a right CRC.
    data[36:40] = zlib.crc32(data[:36]).to_bytes(4, "little")
    log.write_bytes(data)
    faults = {run.id: run.fault for run in open_root(root)}
    assert (None, None) == (faults["r2"], faults["r3"])
    assert "version 9" in str(faults["r1"])


@pytest.mark.parametrize(
    ("gone", "call", "at"),
    [
        ("mnist", "list", 1),  # Seen in the root, and then not there.
        ("mnist/r1", "list", 1),
        ("mnist/r1", "stat", 1),  # Found, and gone when its logs are looked at,
        ("mnist/r1", "list", 2),  # when it is read,
        ("mnist/r1", "open", 1),  # and when its log is opened.
    ],
)
def test_a_run_that_goes_away_while_a_root_is_listed_is_not_listed(
    gone: str, call: str, at: int, root: Path
) -> None:
    """And no fault: roots are alive. All the others are listed."""
    disk = VanishingDisk(root / gone, call, at=at)
    runs = open_root(root, disk=disk).runs()
    assert not (root / gone).exists()
    assert {"r3"} | ({"r2"} if gone != "mnist" else set()) == set(ids(runs))
    assert [None] * len(runs) == [run.fault for run in runs]


@pytest.mark.parametrize(("closed", "others"), [("cifar", ["r1", "r2"]), ("mnist/r1", ["r2", "r3"])])
def test_a_directory_that_may_not_be_looked_into_hides_no_other(
    closed: str, others: list[str], root: Path
) -> None:
    """It may hold runs: it is listed with its fault."""
    runs = open_root(root, disk=ClosedDisk(root / closed)).runs(sort="id")
    assert others == sorted(run.id for run in runs if run.fault is None)
    assert {root / closed: f"[Errno 13] Permission denied: '{root / closed}'"} == {
        run.path: run.fault for run in runs if run.fault is not None
    }


def test_a_root_that_may_not_be_looked_into_is_an_error(root: Path) -> None:
    """The system's own."""
    with pytest.raises(PermissionError, match="denied"):
        open_root(root, disk=ClosedDisk(root)).runs()


def test_what_a_file_system_keeps_for_itself_is_no_run(root: Path) -> None:
    """The top of a disk has a directory that is closed to all but root."""
    (root / "lost+found").mkdir()
    assert {None} == {run.fault for run in open_root(root, disk=ClosedDisk(root / "lost+found"))}


def test_missing_logs_are_named(root: Path) -> None:
    """The second log of a run that has no first one."""
    run = root / "mnist" / "r1"
    (run / "main.0001.tlog").rename(run / "main.0003.tlog")
    [info] = open_root(root).runs(where="id = r1")
    assert ["main.0001.tlog", "main.0002.tlog"] == info.missing_logs
    with Reader(run) as reader:
        assert ["main.0001.tlog", "main.0002.tlog"] == reader.missing_logs


def test_progress_is_told(root: Path) -> None:
    """How many of how many."""
    told: list[tuple[int, int]] = []
    open_root(root).runs(on_progress=lambda *done: told.append(done))
    assert [(1, 3), (2, 3), (3, 3)] == told


def test_a_root_prints_its_path(root: Path) -> None:
    """In a shell it says what it is."""
    assert f"<Root {root}>" == repr(Root(root, disk=Disk(), clock=Clock()))
