import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog.datastore import Reader
from tidelog.sdk.current import Current
from tidelog.sdk.recording import Run

RunScript = Callable[..., subprocess.CompletedProcess[str]]

TRAIN = """
run = sdk.init(project="p", dir=ROOT, mode="offline", resume="auto")
for step in range(run.step, run.step + 3):
    run.log({"loss": step})
print(run.id, run.resumed)
"""


@pytest.mark.parametrize(
    ("is_resumed", "end"),
    [
        (True, "import signal; os.kill(os.getpid(), signal.SIGKILL)"),
        (True, "sys.exit(3)"),
        (False, "run.finish()"),
    ],
)
def test_auto_goes_on_with_the_last_run_that_did_not_end_well(
    is_resumed: bool, end: str, run_script: RunScript, tmp_path: Path
) -> None:
    """A run that was killed or failed is resumed by the same command; one that finished is not."""
    first = run_script(TRAIN + "run.lifetime.wait_for_chores(10)\nsys.stdout.flush()\n" + end)
    assert first.returncode in (0, 3, -signal.SIGKILL)
    second = run_script(TRAIN)
    assert second.stdout.split()[1] == str(is_resumed)
    assert is_resumed == (first.stdout.split()[0] == second.stdout.split()[0])
    with Reader(tmp_path / "root/p" / second.stdout.split()[0]) as reader:
        expected = [0, 1, 2, 3, 4, 5] if is_resumed else [0, 1, 2]
        assert expected == list(reader.history()["loss"])
        assert "finished" == reader.state


def test_a_summary_goes_on_over_a_resume(begin: Any) -> None:
    """The least, the mean and what was set by hand are those of both lives, as a reader finds them."""
    rules = {"low": "min", "high": "max", "mean": "mean", "first": "first", "last": "last"}
    for life, values in enumerate([(5, 1, 9), (3, 7)]):
        run = begin(id="a")
        for name, rule in rules.items():
            run.define_metric(name, summary=rule)
        for value in values:
            run.log(dict.fromkeys(rules, value))
        if life == 0:
            run.summary["best"] = 1
            run.finish()
    expected = {"low": 1, "high": 9, "mean": 5, "first": 5, "last": 7, "best": 1}
    assert expected == run.summary
    run.finish()
    with Reader(run.dir) as reader:
        assert expected == reader.summary
    assert expected == json.loads((run.dir / "summary.json").read_text())


def test_auto_takes_no_run_of_another_project(begin: Any, current: Current) -> None:
    """`latest` points to whatever was begun last."""
    begin(project="q", id="other").end(3, "")
    run = begin(project="p", resume="auto")
    assert (False, "p") == (run.resumed, run.project)


def test_auto_without_any_run_begins_one(begin: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Silently: the first start of a job is no mistake."""
    run = begin(resume="auto")
    assert not run.resumed
    assert "resume" not in capsys.readouterr().err.replace("resume=", "")


def test_a_job_that_slurm_queues_again_goes_on(tmp_path: Path) -> None:
    """The same run, from the step where it was; without resume a new one."""
    job = {"SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "0", "TIDELOG_DIR": str(tmp_path)}
    runs = []
    for restarts, resume in (("0", "allow"), ("1", "allow"), ("2", None)):
        process = Current(environ={**job, "SLURM_RESTART_COUNT": restarts})
        run = process.init({"project": "p", "mode": "offline", "resume": resume})
        run.log({"x": restarts})
        run.end(1, "preempted")
        runs.append((run.id, run.resumed, run.step))
    assert [("slurm-4711-0", False, 1), ("slurm-4711-0", True, 2)] == runs[:2]
    assert ("slurm-4711-0", False, 1) != runs[2]
    assert not runs[2][1]


def test_scripts_of_one_job_are_runs_of_their_own(tmp_path: Path) -> None:
    """One that finished is done, one that still runs is another's: the next one begins beside them."""
    environ = {"SLURM_JOB_ID": "8", "TIDELOG_DIR": str(tmp_path)}

    def begin() -> Run:
        return Current(environ=environ).init({"project": "p", "mode": "offline", "resume": "auto"})

    first = begin()
    second = begin()
    assert ["slurm-8", "slurm-8-2"] == [first.id, second.id]
    first.finish()
    second.end(1, "killed")
    third = begin()
    assert ("slurm-8-2", True) == (third.id, third.resumed)
    third.finish()
    fourth = begin()
    assert ("slurm-8-3", False) == (fourth.id, fourth.resumed)
    fourth.finish()


def test_ranks_of_one_launch_share_a_run_without_being_told_an_id(tmp_path: Path) -> None:
    """Each rank logs to a stream of its own; the next launch is another run."""
    ids = []
    for step in ("0", "1"):
        launch = {"SLURM_JOB_ID": "5", "SLURM_STEP_ID": step, "SLURM_NTASKS": "3"}
        for rank in range(3):
            process = Current(
                environ={**launch, "SLURM_PROCID": str(rank), "TIDELOG_DIR": str(tmp_path)}
            )
            run = process.init({"project": "p", "mode": "offline"})
            run.log({f"x{rank}": rank})
            run.finish()
            ids.append(run.id)
    assert 1 == len(set(ids[:3]))
    assert 1 == len(set(ids[3:]))
    assert ids[0] != ids[3]
    with Reader(tmp_path / "p" / ids[0]) as reader:
        assert ["main.0001.tlog", "rank1.0001.tlog", "rank2.0001.tlog"] == reader.logs
        assert {"x0": 0, "x1": 1, "x2": 2} == reader.summary


def test_only_rank_zero_records_where_that_is_wanted(tmp_path: Path) -> None:
    """`TIDELOG_RANKS=zero`: the others accept everything and write nothing."""
    environ = {"WORLD_SIZE": "2", "TIDELOG_RANKS": "zero", "TIDELOG_DIR": str(tmp_path)}
    modes = []
    for rank in ("0", "1"):
        run = Current(environ={**environ, "RANK": rank}).init({"project": "p", "mode": "offline"})
        run.log({"x": 1})
        run.finish()
        modes.append(run.mode)
    assert ["offline", "disabled"] == modes
    assert ["main.0001.tlog"] == [log.name for log in tmp_path.rglob("*.tlog")]
