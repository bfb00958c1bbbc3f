"""The index of runs: right within a scan, whatever happened to it or to the folder."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path
from random import Random

import lmdb
import pytest
from log_spec import LogSpec
from run_spec import RunSpec
from syncd_process import HubProcess, make_key, run_syncd
from waiting import until

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, Entry, StrPath
from tidelog.datastore.records import CONFIG, EXIT, RUN
from tidelog.syncd.hub.web.address import RunAddress

QUICK = {"refresh_interval_s": 0.02, "tick_s": 0.05, "scan_interval_s": 0.1, "scan_rest": 1.0}
STILL = {**QUICK, "scan_interval_s": 1e6}


class HandClock(Clock):
    """A clock whose wall time is moved by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead


def listed(hub, query: str = "") -> dict[str, dict]:
    runs = hub.call("GET", f"/v1/runs{query}").json["runs"]
    return {f"{run['project']}/{run['run']}": run for run in runs}


def state(hub, run: str = "mnist/r1") -> str | None:
    found = listed(hub).get(run)
    return None if found is None else found["state"]


def begun() -> LogSpec:
    log = LogSpec()
    log.record(RUN, 1000.0, {"id": "r1", "name": "first try", "tags": ["a", "b"], "group": "g"})
    log.record(CONFIG, 1000.0, {"lr": 0.1})
    return log.row({"loss": 0.5}, step=0, time=1001.0)


def test_an_entry_says_what_the_run_says(start_hub) -> None:
    """Name, state, rows, last step, times, sizes, config and summary, a moment after they arrived."""
    hub, log = start_hub(**STILL), begun()
    hub.append(0, log.data)
    run = listed(hub, "?include=config&include=summary")["mnist/r1"]
    expected = {"name": "first try", "state": "running", "rows": 1, "last_step": 0, "group": "g"}
    expected |= {"tags": ["a", "b"], "started": 1000.0, "updated": 1001.0, "log_bytes": len(log.data)}
    expected |= {"config": {"lr": 0.1}, "summary": {"loss": 0.5}, "fault": None}
    assert expected == {name: run[name] for name in expected}
    before = len(log.data)
    hub.append(before, log.row({"loss": 0.25}, step=7).data[before:])
    until(lambda: listed(hub)["mnist/r1"]["last_step"] == 7)
    overview = hub.call("GET", "/v1/projects/mnist/runs/r1/overview").json
    assert {"loss": 0.25} == overview["summary"]
    assert "first try" == overview["metadata"]["name"]


def test_a_silent_run_is_unreachable_and_late_data_is_welcome(start_hub) -> None:
    """Unreachable is not crashed; bytes that come late make it run again, an end ends it."""
    clock = HandClock()
    hub, log = start_hub(**STILL, clock=clock), begun()
    hub.append(0, log.data)
    assert "running" == state(hub)
    clock.ahead = 299
    hub.append(0, LogSpec().row({"a": 1}, step=0).data, name=("mnist", "r2", "main.0001.tlog"))
    assert "running" == state(hub, "mnist/r2")
    clock.ahead = 400
    until(lambda: state(hub) == "unreachable")
    assert "running" == state(hub, "mnist/r2")
    before = len(log.data)
    hub.append(before, log.row({"loss": 0.1}, step=1).data[before:])
    until(lambda: state(hub) == "running")
    before = len(log.data)
    hub.append(before, log.record(EXIT, 1010.0, {"code": 3, "reason": "x"}).data[before:])
    until(lambda: state(hub) == "failed")
    assert 3 == listed(hub)["mnist/r1"]["exit_code"]
    resumed = LogSpec(log_id=b"r" * 16).record(RUN, 1020.0, {"id": "r1"})
    hub.append(0, resumed.data, name=("mnist", "r1", "main.0002.tlog"), log_id=b"r" * 16)
    until(lambda: state(hub) == "running")
    end = len(resumed.data)
    final = resumed.final().data[end:]
    hub.append(end, final, name=("mnist", "r1", "main.0002.tlog"), log_id=b"r" * 16)
    until(lambda: state(hub) == "finished")


def test_a_hub_that_is_started_anew_knows_what_it_knew(start_hub, tmp_path: Path) -> None:
    """From the index, before it looked at any run; who ran has the time of silence again."""
    clock = HandClock()
    hub = start_hub(**STILL, clock=clock)
    hub.append(0, begun().data)
    assert "running" == state(hub)
    hub.server.keys.create("again", role="admin")
    data = hub.data
    hub.stop()
    clock.ahead = 1000
    again = start_hub_again(start_hub, data, clock)
    assert "running" == state(again)
    clock.ahead = 1301
    until(lambda: state(again) == "unreachable")


def start_hub_again(start_hub, data: Path, clock: Clock | None = None):
    """Start a hub on a folder whose key `test` is taken."""
    from tidelog.syncd.hub.guard.key_file import KeyFile

    keys = KeyFile(data)
    for key in tuple(keys.keys()):
        if key.revoked is None:
            keys.revoke(key.name)
    return start_hub(data=data, clock=clock or Clock(), **STILL)


def test_what_is_copied_into_the_folder_is_seen_within_a_scan(start_hub) -> None:
    """New, grown, replaced and removed by others than the hub."""
    hub = start_hub(**QUICK)
    spec = RunSpec(hub.data).rows(5)
    until(lambda: "mnist/r1" in listed(hub))
    spec.rows(5)
    until(lambda: listed(hub)["mnist/r1"]["rows"] == 10)
    spec.finish()
    until(lambda: state(hub) == "finished")
    (hub.data / "mnist/r1").rename(hub.data / "mnist/renamed")
    until(lambda: set(listed(hub)) == {"mnist/renamed"})
    shutil.rmtree(hub.data / "mnist")
    until(lambda: listed(hub) == {})


def test_what_was_written_long_ago_is_no_sign_of_life(start_hub) -> None:
    """A run that was copied in is as old as its files are."""
    hub = start_hub(**QUICK)
    spec = RunSpec(hub.data, "old", "r1")
    os.utime(spec.path / "main.0001.tlog", (1e9, 1e9))
    until(lambda: state(hub, "old/r1") == "unreachable")


DATA = Path(".hub/index/data.mdb")


def truncated(data: Path) -> None:
    os.truncate(data / DATA, 8192 + 100)


def emptied(data: Path) -> None:
    (data / DATA).write_bytes(b"")


def garbage(data: Path) -> None:
    size = (data / DATA).stat().st_size
    (data / DATA).write_bytes(Random(1).randbytes(size))


def removed(data: Path) -> None:
    shutil.rmtree(data / ".hub/index")


def opened(data: Path):
    return lmdb.open(str(data / ".hub/index"), max_dbs=3, lib_version=0)


def of_an_older_hub(data: Path) -> None:
    with opened(data) as table, table.begin(write=True) as writing:
        writing.put(b"layout", b"1", db=table.open_db(b"about", txn=writing))
        entries = table.open_db(b"entries", txn=writing)
        writing.put(b"mnist\0r1", b"something else", db=entries)
        writing.put(b"mnist\0ghost", b"something else", db=entries)


def with_a_flipped_value(data: Path) -> None:
    with opened(data) as table, table.begin(write=True) as writing:
        entries = table.open_db(b"entries", txn=writing)
        value = bytearray(writing.get(b"mnist\0r1", db=entries))
        value[20] ^= 1
        writing.put(b"mnist\0r1", bytes(value), db=entries)


@pytest.mark.parametrize(
    "harm", [truncated, emptied, garbage, removed, of_an_older_hub, with_a_flipped_value]
)
def test_a_harmed_index_is_made_anew(start_hub, harm) -> None:
    """Whatever it was, the runs are listed as before."""
    hub = start_hub(**STILL)
    hub.append(0, begun().data)
    expected = listed(hub)
    hub.stop()
    harm(hub.data)
    again = start_hub_again(start_hub, hub.data)
    until(lambda: again.call("GET", "/v1/runs").json["complete"])
    found = listed(again)
    assert expected == {name: run | {"heard": expected[name]["heard"]} for name, run in found.items()}


def test_an_index_that_is_removed_while_the_hub_runs_is_made_anew(start_hub) -> None:
    """The hub notices, and its next life finds one in place."""
    hub = start_hub(**STILL)
    hub.append(0, begun().data)
    assert "mnist/r1" in listed(hub)
    shutil.rmtree(hub.data / ".hub/index")
    until(lambda: (hub.data / DATA).exists() and "mnist/r1" in listed(hub))


def test_the_runs_of_others_cost_a_list_nothing(hub) -> None:
    """However many there are: a project that is not wanted is passed over in one step."""
    for project in ("a", "a b", "b", "c"):
        for run in range(20):
            RunSpec(hub.data, project, f"r{run}").rows(1)
    hub.index()
    asked: list[str] = []

    def is_wanted(project: str) -> bool:
        asked.append(project)
        return project in ("a b", "c")

    found = [entry.project for entry in hub.server._reading.index.entries(is_wanted=is_wanted)]
    assert 20 * ["a b"] + 20 * ["c"] == found
    assert ["a", "a b", "b", "c"] == asked


def test_a_file_where_a_run_was_is_no_run(start_hub) -> None:
    """Nor a link to one; what cannot be read is told, and the others are listed."""
    hub = start_hub(**QUICK)
    RunSpec(hub.data, "a", "good").rows(1)
    outside = RunSpec(hub.data.parent / "elsewhere", "a", "other").rows(1)
    (hub.data / "a/link").symlink_to(outside.path)
    (hub.data / "a/file").write_bytes(b"x")
    (hub.data / "a/bad").mkdir()
    (hub.data / "a/bad/main.0001.tlog").write_bytes(b"no log at all, but long enough for a header")
    until(lambda: set(listed(hub)) == {"a/bad", "a/good"})
    assert listed(hub)["a/good"]["fault"] is None


def test_sigkill_at_any_time_leaves_an_index_that_is_soon_right(tmp_path: Path) -> None:
    """Three lives, each killed while runs arrive: at the end every run is listed as its log has it."""
    data, random = tmp_path / "hub", Random(7)
    make_key(data)
    for life in range(3):
        with HubProcess(data) as hub:
            for number in range(20):
                RunSpec(data, "kill", f"r{life}-{number}", seed=life * 100 + number).rows(number)
            time.sleep(random.random() * 0.15)  # The moment of the kill, not a wait for anything.
            os.kill(hub.pid, signal.SIGKILL)
            hub.wait()
    result = run_syncd("reindex", "--data", data, "--json")
    assert (0, True) == (result.returncode, '"runs": 60' in result.stdout), result.stderr


def test_reindex_asks_the_hub_that_serves_the_folder(tmp_path: Path) -> None:
    """Whether or not a hub runs, one command makes the index anew; exit code 2 for no such folder."""
    data = tmp_path / "hub"
    RunSpec(data).rows(3)
    assert 2 == run_syncd("reindex", "--data", tmp_path / "nowhere").returncode
    assert "1 runs in" in run_syncd("reindex", "--data", data).stdout
    with HubProcess(data) as hub:
        result = run_syncd("reindex", "--data", data)
        assert (0, True) == (result.returncode, "has made its index anew" in result.stdout)
        assert 0 == hub.terminate()
    assert not (data / ".hub/reindex.wanted").exists()


def tell_arrived(hub, run: str) -> None:
    """Let a hub know that something arrived for a run, as its own writing does."""
    upkeep = hub.server._reading.upkeep
    hub._loop.call_soon_threadsafe(lambda: upkeep.arrived(RunAddress("mnist", run)))


class StuckDisk(Disk):
    """Lets looks that take long wait until they are let go, and tells that one waits."""

    def __init__(self) -> None:
        self.goes_on, self.waits = threading.Event(), threading.Event()

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        if threading.current_thread().name.startswith("hub-index-long"):
            self.waits.set()
            assert self.goes_on.wait(20)
        return super().pread(fd, size, offset)


def test_a_run_that_takes_long_to_read_holds_up_no_other(start_hub) -> None:
    """It is listed at once, with what is known by then, and lives while it is read; then it is right."""
    disk, clock = StuckDisk(), HandClock()
    hub = start_hub(**STILL, disk=disk, clock=clock, short_look_bytes=300 * 1024, long_look_rest=0.0)
    big = LogSpec()
    big.record(RUN, 1000.0, {"id": "big", "name": "damaged"})
    while len(big.data) < 500 * 1024:
        big.row({"text": "x" * 9000}, step=len(big.starts))
    data, last = bytearray(big.data), big.starts[-1]
    data[last + 30] ^= 1
    folder = hub.data / "mnist/big"
    folder.mkdir(parents=True)
    (folder / "main.0001.tlog").write_bytes(data)
    try:
        hub.append(0, begun().data)
        tell_arrived(hub, "big")
        assert disk.waits.wait(20)
        known = listed(hub)
        assert ("big", "running", len(data)) == tuple(
            known["mnist/big"][name] for name in ("name", "state", "log_bytes")
        )
        for number in range(5):
            hub.append(0, begun().data, name=("mnist", f"other{number}", "main.0001.tlog"))
            assert "first try" == listed(hub)[f"mnist/other{number}"]["name"]
        clock.ahead = 290
        tell_arrived(hub, "big")
        until(lambda: listed(hub)["mnist/big"]["heard"] > time.time() + 200)
        clock.ahead = 400
        until(lambda: state(hub) == "unreachable")
        assert "running" == state(hub, "mnist/big")
    finally:
        disk.goes_on.set()
    until(lambda: listed(hub)["mnist/big"]["name"] == "damaged")
    until(lambda: hub.call("GET", "/v1/runs").json["complete"])


def test_who_asks_for_a_new_index_waits_for_no_rest(start_hub) -> None:
    """Nor for the next look: a hub that has nothing to do begins at once."""
    hub = start_hub(refresh_interval_s=1e6, tick_s=1e6, scan_interval_s=1e6)
    RunSpec(hub.data).rows(3)
    request = hub.data / ".hub/reindex.wanted"
    request.write_bytes(b"")
    until(lambda: not request.exists())
    assert "mnist/r1" in listed(hub)


def test_an_index_that_is_asked_for_while_runs_are_looked_at_is_made_after_that(
    start_hub, tmp_path: Path
) -> None:
    """What is under way began before, and is not what was asked for."""
    data = tmp_path / "hub"
    request, index, old = data / ".hub/reindex.wanted", data / DATA, tmp_path / "old"

    class AskingDisk(Disk):
        def list(self, path: StrPath) -> list[Entry]:
            if str(path) == str(data / "mnist") and not old.exists():
                old.hardlink_to(index)
                request.write_bytes(b"")
            return super().list(path)

    RunSpec(data).rows(3)
    start_hub(data=data, disk=AskingDisk(), **STILL)
    until(lambda: old.exists() and not request.exists())
    assert not index.samefile(old)


def test_ten_thousand_runs_are_listed_from_the_index_in_a_tenth_of_a_second(tmp_path: Path) -> None:
    """And the memory of a list that nobody keeps is given back."""
    from tidelog.syncd.hub.limits import HubLimits
    from tidelog.syncd.hub.read.documents import encoded
    from tidelog.syncd.hub.read.entry import Facts, Known
    from tidelog.syncd.hub.read.look import Look
    from tidelog.syncd.hub.read.question import Reach
    from tidelog.syncd.hub.read.reading import Listed, Reading

    RunSpec(tmp_path, "p", "r").rows(3)
    look = Look(tmp_path, disk=Disk(), facts_bytes_max=1 << 20)
    address = RunAddress("p", "r")
    known = look.known(address, look.sizes(address), (0, 0), heard=1e9)
    reading = Reading(tmp_path, disk=Disk(), clock=Clock(), limits=HubLimits())
    import msgspec

    reading.index.store(
        Known(msgspec.structs.replace(known.entry, project=f"p{at % 50}", run=f"r{at}"), Facts())
        for at in range(10_000)
    )
    everything = Listed(None, frozenset(), "name", 100_000, None, is_whole=False)
    took = []
    for _ in range(5):
        began = time.process_time()
        body = encoded(reading.runs(everything, Reach("test", lambda _project: True)))
        took.append(time.process_time() - began)
    assert 10_000 == body.count(b'"run":')
    print(f"10,000 runs listed in {min(took) * 1000:.0f} ms of CPU")
    # The goal is 0.1 s; on a machine that others use as well a test only sees that it is no disk.
    assert min(took) < 0.3
    page = replace_limit(everything, 7)
    first = reading.runs(page, Reach("test", lambda _project: True))
    assert 7 == len(first.runs)
    assert first.next is not None


def replace_limit(listed_, limit: int):
    return listed_._replace(limit=limit)
