"""The monitor beside training scripts: what it holds, what ends it, and that it harms nothing."""

import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from monitored import deaths_of, is_closed, is_running, monitor_pid, samples_of
from waiting import until

from tidelog.datastore import Reader

StartMonitored = Callable[..., Any]


def test_a_notebook_that_finishes_and_lives_on_has_no_monitor_left(script: StartMonitored) -> None:
    """Its log is whole by the time that finish() returns."""
    trainer = script("run.finish(); print('finished', flush=True); time.sleep(600)").until_sampled()
    trainer.let_go()
    assert "finished" == trainer.line()
    with Reader(trainer.run / "monitor.0001.tlog") as monitor:
        assert "finished" == monitor.state
    assert trainer.process.poll() is None


def test_workers_below_the_trainer_are_sampled_with_it(script: StartMonitored) -> None:
    """DataLoader workers are where the work is."""
    end = """
import subprocess
busy = f"while __import__('os').getppid() == {os.getpid()}: pass"
workers = [subprocess.Popen([sys.executable, "-c", busy]) for _ in range(2)]
os.unlink(ROOT + ".go")
wait_for_go()
for worker in workers:
    worker.kill()
    worker.wait()
"""
    trainer = script(end).until_sampled()
    trainer.let_go()

    def has_seen_them() -> bool:
        with Reader(trainer.run) as run:
            samples = run.system(["system/process/count", "system/process/cpu_percent"])
        return any(
            count >= 3 and percent > 2
            for count, percent in zip(
                samples["system/process/count"], samples["system/process/cpu_percent"], strict=True
            )
        )

    until(has_seen_them)
    assert 0 == trainer.end()


def test_signals_to_the_whole_job_do_not_end_the_monitor_before_the_trainer(
    script: StartMonitored,
) -> None:
    """Ctrl-C goes to the terminal's group, SIGTERM of a scheduler to all: it tells how that ended."""
    trainer = script("pass").until_sampled()
    pid = monitor_pid(trainer.run)
    assert os.getsid(pid) != os.getsid(trainer.pid)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"):
        os.kill(pid, getattr(signal, name))
    trainer.until_sampled_again(2)
    os.kill(trainer.pid, signal.SIGKILL)
    (death,) = until(lambda: deaths_of(trainer.run))
    assert -9 == death["code"]


def test_the_death_of_the_monitor_harms_nothing(script: StartMonitored) -> None:
    """Training goes on, its end waits for nobody, and nothing is said of it."""
    trainer = script("run.log({'loss': 0.25})").until_sampled()
    pid = monitor_pid(trainer.run)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_running(pid))
    assert 0 == trainer.end()
    assert "monitor" not in trainer.process.stderr.read()
    with Reader(trainer.run) as run:
        assert ("finished", 2) == (run.state, run.rows)
    (lock,) = trainer.run.parents[2].glob("tidelog-monitor-*.lock")
    lock.unlink()  # A killed process cleans nothing up; the file that is left locks nobody out.


def test_the_monitor_is_no_child_of_the_trainer(script: StartMonitored) -> None:
    """A script that waits for all its children would wait for the monitor, and that for the script."""
    end = """
try:
    os.wait()
except ChildProcessError:
    print("no child", flush=True)
"""
    trainer = script(end).until_sampled()
    trainer.end()
    assert "no child" == trainer.line()


def held_by(pid: int, folder: Path) -> tuple[list[str], set[str]]:
    """Return which files of a folder a process has open, and what else, now."""
    held = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # Closed meanwhile.
            held.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    own = [path for path in held if path.startswith(str(folder))]
    names = sorted(os.path.basename(path).partition("-")[0] for path in own)
    return names, {path.partition(":")[0] for path in held if path not in own}


def test_the_monitor_holds_nothing_of_the_trainers(script: StartMonitored) -> None:
    """Neither a file, whose room it would keep, nor a terminal, nor any socket."""
    trainer = script("pass").until_sampled()
    process = psutil.Process(monitor_pid(trainer.run))
    log_and_lock = ["monitor.0001.tlog", "tidelog"]
    held = log_and_lock, {"/dev/null", "pipe", "anon_inode"}
    # In the midst of a sample it reads files of /proc as well.
    until(lambda: held == held_by(process.pid, trainer.run.parents[2]))
    assert [] == process.net_connections(kind="all")
    assert 0 == trainer.end()


def test_a_run_directory_that_is_deleted_ends_nobody(script: StartMonitored) -> None:
    """The monitor watches on, and ends with its trainer."""
    trainer = script("pass").until_sampled()
    pid = monitor_pid(trainer.run)
    shutil.rmtree(trainer.run)
    trainer.let_go()
    assert 0 == trainer.end()
    until(lambda: not is_running(pid))


def test_the_monitor_can_be_left_out(script: StartMonitored) -> None:
    """By a setting; then there is no such process, and no such log."""
    trainer = script("time.sleep(1)", TIDELOG_MONITOR="off")
    assert 0 == trainer.end()
    assert ["main.0001.tlog"] == [log.name for log in trainer.run.glob("*.tlog")]


def test_a_wrong_setting_is_told(script: StartMonitored) -> None:
    """The default takes its place."""
    trainer = script("pass", TIDELOG_MONITOR="often")
    assert 0 == trainer.end()
    assert "monitor 'often' is neither off nor a number" in trainer.process.stderr.read()


def test_what_a_monitor_samples_is_no_part_of_the_training(script: StartMonitored) -> None:
    """Rows, steps and summary are the script's own; the samples count from 0."""
    trainer = script("run.log({'loss': 0.25})").until_sampled()
    trainer.until_sampled_again(2)
    trainer.end()
    with Reader(trainer.run) as run:
        assert (2, 1, {"loss": 0.25}) == (run.rows, run.last_step, run.summary)
        assert ["_step", "_time", "loss"] == list(run.history())
        samples = run.system()
        assert list(range(len(samples))) == list(samples["_step"])
        assert [os.uname().nodename] == run.system_hosts


RANKS = """
import subprocess
if "RANK" not in os.environ:
    ranks = [
        subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "6", "TIDELOG_RUN_ID": "r"},
        )
        for rank in range(6)
    ]
    print(*[each.pid for each in ranks], flush=True)
    print(*[each.wait() for each in ranks], flush=True)
    os._exit(0)
run = sdk.init(project="p", dir=ROOT, mode="offline")
run.log({"loss": 0.5})
while not os.path.exists(ROOT + ".go"):
    time.sleep(0.005)
"""


def test_all_ranks_of_a_machine_have_one_monitor(
    start_script: Callable[..., Any], tmp_path: Path
) -> None:
    """It samples and watches each of them, tells the death of one, and ends with the last."""
    launcher = start_script(RANKS, TIDELOG_MONITOR="0.2", TMPDIR=str(tmp_path))
    pids = [int(word) for word in launcher.stdout.readline().split()]
    run = tmp_path / "root" / "p" / "r"
    until(lambda: samples_of(run))

    def most_at_once() -> int:
        with Reader(run) as reader:
            return int(max(reader.system("system/process/count")["system/process/count"]))

    def rows() -> int:
        with Reader(run) as reader:
            return reader.rows

    until(lambda: most_at_once() >= 6 and rows() == 6)
    os.kill(pids[3], signal.SIGKILL)
    (death,) = until(lambda: deaths_of(run))
    assert -9 == death["code"]
    assert not is_closed(run)
    (tmp_path / "root.go").touch()
    assert "0 0 0 -9 0 0" == launcher.stdout.readline().strip()
    until(lambda: is_closed(run))
    assert ["monitor.0001.tlog"] == [log.name for log in run.glob("monitor.*.tlog")]
    assert 1 == len(deaths_of(run))
    with Reader(run) as reader:
        assert ("finished", 6) == (reader.state, reader.rows)


def test_the_monitor_imports_nothing_of_the_users(script: StartMonitored, tmp_path: Path) -> None:
    """A module of theirs that is named like one of ours often lies in the working directory."""
    (tmp_path / "psutil.py").write_text("raise SystemExit('the user's own')")
    trainer = script("pass").until_sampled()
    assert 0 == trainer.end()
    with Reader(trainer.run) as run:
        assert "system/cpu_percent" in run.system()
