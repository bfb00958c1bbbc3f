"""A process that died without a word: what a monitor's log says of it is the run's state and exit."""

from pathlib import Path

import pytest
from log_spec import TIME, LogSpec

from tidelog.datastore import Reader, Writer, open_root
from tidelog.datastore.records import EXIT, RUN
from tidelog.datastore.salvage import salvage

A, B, M = b"a" * 16, b"b" * 16, b"m" * 16
ELSEWHERE = {"host": "another machine", "boot_id": "b", "pid": 7, "pid_started": 70}
KILLED = {"code": -9, "reason": "killed by SIGKILL", "log": A.hex()}


def main(log_id: bytes = A) -> LogSpec:
    """The log of a process on another machine, which it left open."""
    return LogSpec(log_id).record(RUN, TIME, ELSEWHERE).row({"loss": 0.5}, step=3)


def monitor(*endings: dict[str, object], log_id: bytes = M) -> LogSpec:
    log = LogSpec(log_id).row({"system/cpu_percent": 50.0}, step=9)
    for ending in endings:
        log.record(EXIT, TIME + 2, ending)
    return log


def run_of(path: Path, **logs: LogSpec) -> Path:
    path.mkdir(parents=True)
    for name, log in logs.items():
        (path / f"{name}.tlog".replace("_", ".000")).write_bytes(log.data)
    return path


def ending_of(path: Path) -> tuple[str, int | None, str]:
    with Reader(path) as run:
        return run.state, run.exit_code, run.exit_reason


def test_a_death_that_the_monitor_saw_is_known_on_every_machine(tmp_path: Path) -> None:
    """Without the monitor's word nobody elsewhere knows; with it state, code and reason are there."""
    run = run_of(tmp_path / "p" / "r", main_1=main())
    assert ("unknown", None, "") == ending_of(run)
    (run / "monitor.0001.tlog").write_bytes(monitor(KILLED).data)
    assert ("crashed", -9, "killed by SIGKILL") == ending_of(run)
    (listed,) = open_root(tmp_path).runs()
    assert ("crashed", -9) == (listed.state, listed.exit_code)
    (again,) = open_root(tmp_path).runs()
    assert listed == again  # From the catalog.


def test_a_run_that_was_resumed_has_outlived_an_earlier_death(tmp_path: Path) -> None:
    """The word is about one log: the next one of the main process overrules it."""
    run = run_of(tmp_path / "r", main_1=main(), monitor_1=monitor(KILLED), main_2=main(B))
    assert ("unknown", None, "") == ending_of(run)
    (run / "main.0002.tlog").write_bytes(main(B).final().data)
    assert "finished" == ending_of(run)[0]


def test_what_a_process_says_of_itself_wins(tmp_path: Path) -> None:
    """An exit record or a final chunk of its own log is believed before the monitor."""
    own = main().record(EXIT, TIME, {"code": 3, "reason": "SystemExit(3)"})
    run = run_of(tmp_path / "r", main_1=own, monitor_1=monitor(KILLED))
    assert ("failed", 3, "SystemExit(3)") == ending_of(run)


def test_the_death_of_a_rank_is_not_the_death_of_the_run(tmp_path: Path) -> None:
    """The main process decides."""
    of_rank = {"code": -11, "reason": "SIGSEGV", "log": B.hex()}
    logs = {"main_1": main().final(), "rank1_1": main(B), "monitor_1": monitor(of_rank)}
    assert ("finished", None, "") == ending_of(run_of(tmp_path / "r", **logs))


@pytest.mark.parametrize("log_id", [None, 7, [A.hex()], ""])
def test_a_death_that_names_no_log_is_nobodys(tmp_path: Path, log_id: object) -> None:
    """A later version may mean something else by it; a log whose header is lost has no id."""
    odd = monitor({"code": -9, "log": log_id})
    assert "unknown" == ending_of(run_of(tmp_path / "r", main_1=main(), monitor_1=odd))[0]


def test_a_salvaged_copy_tells_the_same_death(tmp_path: Path) -> None:
    """The copies have ids of their own; the monitor's copy names that of the main log's copy."""
    run = run_of(tmp_path / "p" / "r", main_1=main(), monitor_1=monitor(KILLED))
    salvage(run, tmp_path / "copy")
    (copy,) = (log.parent for log in (tmp_path / "copy").rglob("main.0001.tlog"))
    assert ending_of(run) == ending_of(copy)


def test_a_writer_records_the_death_of_another(tmp_path: Path) -> None:
    """It is no end of its own log, and found from the tail of it."""
    run = run_of(tmp_path / "r", main_1=main())
    writer = Writer(run, stream="monitor")
    writer.log_death(A.hex(), {"code": -9, "reason": "killed by SIGKILL"})
    assert ("crashed", -9, "killed by SIGKILL") == ending_of(run)
    writer.close(state="crashed")
    assert ("crashed", -9, "killed by SIGKILL") == ending_of(run)


def test_system_metrics_are_no_part_of_what_a_run_came_to(tmp_path: Path) -> None:
    """Neither of its rows, steps and summary, nor of its history; `system()` has them."""
    run = run_of(tmp_path / "r", main_1=main(), monitor_1=monitor())
    with Reader(run) as reader:
        assert (1, 3, {"loss": 0.5}) == (reader.rows, reader.last_step, reader.summary)
        assert ["_step", "_time", "loss"] == list(reader.history())
        system = reader.system()
        assert ([9], [50.0]) == (list(system["_step"]), list(system["system/cpu_percent"]))


def test_the_metrics_of_each_machine_are_apart(tmp_path: Path) -> None:
    """The main process's own machine is the first; lives of a monitor come one after the other."""
    here, there = {"host": "another machine"}, {"host": "node2"}
    logs = {
        "main_1": main(),
        "monitor_1": LogSpec(b"1" * 16).record(RUN, TIME, there).row({"n": 1}, step=0),
        "monitor_2": LogSpec(b"2" * 16).record(RUN, TIME, here).row({"n": 2}, step=0),
        "monitor_3": LogSpec(b"3" * 16).record(RUN, TIME, here).row({"m": 3}, step=0),
    }
    with Reader(run_of(tmp_path / "r", **logs)) as run:
        assert ["another machine", "node2"] == run.system_hosts
        assert [0, 0] == list(run.system()["_step"])
        assert 2.0 == run.system("n")["n"][0]
        assert [1] == list(run.system(host="node2")["n"])
        assert 0 == len(run.system(host="node3"))
        assert 0 == len(run.system(steps=slice(1, None)))


def test_a_run_without_a_monitor_has_no_system_metrics(tmp_path: Path) -> None:
    """An empty table, and no machine."""
    with Reader(run_of(tmp_path / "r", main_1=main())) as run:
        assert ([], 0) == (run.system_hosts, len(run.system()))


def test_a_monitors_log_alone_can_be_read(tmp_path: Path) -> None:
    """Its samples, and what it says; there is no training in it."""
    run = run_of(tmp_path / "r", main_1=main(), monitor_1=monitor(KILLED))
    with Reader(run / "monitor.0001.tlog") as alone:
        assert (1, 0) == (len(alone.system()), len(alone.history()))
