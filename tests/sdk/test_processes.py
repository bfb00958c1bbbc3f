"""Training scripts as processes: how they end, fork, are killed, and what is left of them then."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from saved_files import saved_files

from tidelog.datastore import Reader

RunScript = Callable[..., subprocess.CompletedProcess[str]]
StartScript = Callable[..., subprocess.Popen[str]]
OnlyRun = Callable[[], Path]

INIT = 'run = sdk.init(project="p", dir=ROOT, mode="offline")\n'


def test_the_sdk_imports_nothing_that_a_script_does_not_use(run_script: RunScript) -> None:
    """A run of numbers loads none of the heavy libraries, and nothing of syncd."""
    result = run_script(
        """
        import threading
        heavy = {"numpy", "psutil", "lmdb", "aiohttp", "watchdog", "PIL", "click", "rich",
                 "platformdirs", "subprocess", "tomllib", "json", "socket", "asyncio",
                 "hashlib", "tidelog.syncd", "tidelog.datastore.reader"}
        print(sorted(heavy & set(sys.modules)))
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        run.log({"a": 1.0})
        run.lifetime.wait_for_chores(10)
        beside = {"subprocess", "json", "hashlib", "socket"}  # json, git and versions, off the main path
        print(sorted((heavy - beside) & set(sys.modules)))
        """
    )
    assert ("[]\n[]\n", 0) == (result.stdout, result.returncode)


def test_offline_opens_no_socket(run_script: RunScript) -> None:
    """Not even one to a socket on this machine; and no process but git is started."""
    result = run_script(
        """
        seen = []
        def watch(event, args):
            if event.startswith("socket.") or event in ("os.posix_spawn", "os.fork"):
                seen.append(event)
            if event == "subprocess.Popen" and "git" not in str(args[1]):
                seen.append(args)
        sys.addaudithook(watch)
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        run.log({"a": 1, "image": sdk.Image([[0, 1], [1, 0]])})
        run.save(__file__)
        run.finish()
        print(seen)
        """,
        TIDELOG_HUB="http://127.0.0.1:9",
        TIDELOG_API_KEY="secret",
    )
    assert ("[]\n", 0) == (result.stdout, result.returncode)


@pytest.mark.parametrize(
    ("state", "code", "end"),
    [
        ("finished", 0, "pass"),
        ("finished", 0, "sys.exit()"),
        ("failed", 3, "sys.exit(3)"),
        ("failed", 1, "sys.exit('bad data')"),
        ("failed", 1, "raise ValueError('bad data')"),
        ("failed", 130, "run.lifetime.wait_for_chores(10)\nraise KeyboardInterrupt"),
        ("finished", 0, "try:\n    sys.exit(3)\nexcept SystemExit:\n    run.log({'a': 2})"),
        ("finished", 0, "run.finish()\nsdk.init(project='q', mode='disabled')"),
        (
            "failed",
            1,
            "import threading\nthreading.Thread(target=time.sleep, args=(.1,)).start()\n1 / 0",
        ),
        (
            "failed",
            1,
            (
                "import threading\nwork = lambda: time.sleep(.2) or run.log({'a': 2})\n"
                "threading.Thread(target=work).start()\n1 / 0"
            ),
        ),
        (
            "finished",
            0,
            "try:\n    1 / 0\nexcept Exception:\n    sys.excepthook(*sys.exc_info())\nrun.log({'a': 2})",
        ),
    ],
)
def test_the_exit_of_the_script_is_the_exit_of_the_run(
    state: str, code: int, end: str, run_script: RunScript, only_run: OnlyRun
) -> None:
    """Without finish(): the interpreter's end is noticed, with its exit code; nothing is lost."""
    result = run_script(INIT + "run.log({'a': 1})\n" + end)
    with Reader(only_run()) as reader:
        assert (state, code) == (reader.state, reader.exit_code)
        assert 1 == reader.history()["a"][0]
        assert not reader.torn_tails
    assert result.returncode == (-signal.SIGINT if code == 130 else code)


def test_a_ctrl_c_is_seen_by_shells_whatever_is_imported_at_the_end(run_script: RunScript) -> None:
    """The process dies by SIGINT, although code run from a string cleared the interpreter's mark."""
    result = run_script(
        """
        sys.excepthook = lambda *args: exec("pass")
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        raise KeyboardInterrupt
        """
    )
    assert -signal.SIGINT == result.returncode


def test_hooks_of_others_are_called_and_put_back(run_script: RunScript) -> None:
    """What was there before init is there after finish, and was called in between."""
    result = run_script(
        """
        def mine(*args):
            print("mine saw it")
        sys.excepthook = mine
        before = sys.exit
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        run.finish()
        print(sys.excepthook is mine, sys.exit is before)
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        raise ValueError
        """
    )
    assert ["True True", "mine saw it"] == result.stdout.splitlines()


@pytest.mark.parametrize(
    ("end", "returncode"),
    [("os._exit(0)", 0), ("os.kill(os.getpid(), 9)", -9), ("os.kill(os.getpid(), 15)", -15)],
)
def test_a_sudden_death_loses_nothing_that_was_logged(
    end: str, returncode: int, run_script: RunScript, only_run: OnlyRun
) -> None:
    """After SIGKILL, SIGTERM or os._exit every row that log() returned from is there."""
    result = run_script(INIT + "for i in range(2000):\n    run.log({'i': i})\n" + end)
    assert returncode == result.returncode
    with Reader(only_run()) as reader:
        assert list(range(2000)) == list(reader.history()["i"])
        assert "crashed" == reader.state


def test_sigkill_in_the_middle_of_logging_keeps_every_step_that_was_printed(
    start_script: StartScript, only_run: OnlyRun
) -> None:
    """What the script printed after log() returned is read back."""
    process = start_script(
        INIT + "for i in range(10**7):\n    run.log({'i': i})\n    os.write(1, b'%d\\n' % i)\n"
    )
    assert process.stdout is not None
    printed = [process.stdout.readline() for _ in range(500)]
    process.kill()
    printed += process.stdout.read().splitlines()
    last = int(printed[-1])
    with Reader(only_run()) as reader:
        steps = list(reader.history()["i"])
        assert list(range(len(steps))) == steps
        assert last + 1 <= len(steps) <= last + 2


def test_a_forked_child_logs_to_a_file_of_its_own_and_ends_only_itself(
    run_script: RunScript, only_run: OnlyRun
) -> None:
    """Children that exit by os._exit, by sys.exit and by an exception leave the parent's run open."""
    result = run_script(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        run.log({"parent": 0})
        children = []
        for child in range(3):
            pid = os.fork()
            if pid == 0:
                for i in range(50):
                    sdk.log({f"child{child}": i}, step=i)
                if child == 0:
                    os._exit(0)
                if child == 1:
                    sys.exit(5)
                raise ValueError("of the child")
            children.append(pid)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        print(codes, flush=True)
        from tidelog.datastore import Reader
        with Reader(run.dir) as reader:
            print(reader.state, flush=True)
        for i in range(1, 10):
            run.log({"parent": i})
        """
    )
    assert ["[0, 5, 1]", "running"] == result.stdout.splitlines()
    assert 0 == result.returncode
    assert 1 == result.stderr.count(" finished after ")
    with Reader(only_run()) as reader:
        assert "finished" == reader.state
        assert 4 == len(reader.logs)
        rows = [record.data for record in reader.records() if record.kind == "row"]
        assert 10 + 3 * 50 == len(rows)
        for child in range(3):
            assert list(range(50)) == [r[f"child{child}"] for r in rows if f"child{child}" in r]


def test_multiprocessing_workers_log_as_well(run_script: RunScript, only_run: OnlyRun) -> None:
    """As DataLoader's workers do: forked, while threads of the parent log, ended by os._exit."""
    result = run_script(
        """
        import multiprocessing, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        stop = threading.Event()
        def chatter():
            while not stop.is_set():
                run.log({"chatter": 1}, step=0)
        threads = [threading.Thread(target=chatter) for _ in range(2)]
        for thread in threads:
            thread.start()
        def work(worker):
            for i in range(20):
                run.log({"worker": worker, "i": i}, step=i)
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=work, args=(n,)) for n in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print([worker.exitcode for worker in workers])
        stop.set()
        for thread in threads:
            thread.join()
        """
    )
    assert ("[0, 0, 0, 0]\n", 0) == (result.stdout, result.returncode), result.stderr
    with Reader(only_run()) as reader:
        found = [r.data for r in reader.records() if r.kind == "row" and "worker" in r.data]
        assert {(w, i) for w in range(4) for i in range(20)} == {(d["worker"], d["i"]) for d in found}
        assert 80 == len(found)


def test_files_of_bounded_size_lose_nothing(run_script: RunScript, only_run: OnlyRun) -> None:
    """Where a file can grow no more (here RLIMIT_FSIZE) the run goes on in the next one."""
    result = run_script(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        for i in range(5000):
            run.log({"i": i, "x": i / 7})
            time.sleep(0.0001)
        """
    )
    assert 0 == result.returncode
    assert "Traceback" not in result.stderr
    with Reader(only_run()) as reader:
        assert len(reader.logs) > 1
        assert list(range(5000)) == list(reader.history()["i"])
        assert 5000 == reader.rows
        assert "finished" == reader.state


def test_a_closed_stderr_does_not_reach_training(run_script: RunScript, only_run: OnlyRun) -> None:
    """Nothing can be said then, and everything is recorded."""
    result = run_script(
        "sys.stderr.close()\n" + INIT + "run.log({'a': b'1', 'b': 1})\nsys.stderr = None\nrun.finish()"
    )
    assert (0, "") == (result.returncode, result.stderr)
    with Reader(only_run()) as reader:
        assert {"b": 1} == reader.summary


DETACHED = """
from tidelog.sdk.current import Current
pid_file = os.path.join(os.path.dirname(ROOT), "daemon.pid")
code = (
    "import os, sys, time; f = open(sys.argv[1] + '.new', 'w');"
    "links = [os.readlink('/proc/self/fd/%d' % n) for n in (0, 1, 2)];"
    "print(os.getpid(), os.getsid(0), *links, file=f);"
    "f.close(); os.rename(sys.argv[1] + '.new', sys.argv[1]); time.sleep(float(sys.argv[2]))"
)
seconds = sys.argv[1]
current = Current(syncd=lambda root: [sys.executable, "-c", code, pid_file, seconds, root])
run = current.init({"project": "p", "dir": ROOT})
"""


def test_online_starts_a_daemon_that_holds_nothing_of_training(
    run_script: RunScript, tmp_path: Path, only_run: OnlyRun
) -> None:
    """The script ends while the daemon lives: in a session of its own, with no stdio of the script."""
    script = DETACHED + "print(run.mode, flush=True)\nrun.log({'a': 1})\n"
    script += "while not os.path.exists(pid_file):\n    time.sleep(0.01)\n"
    result = run_script(script, "60", TIDELOG_HUB="http://127.0.0.1:9")
    pid, session, *stdio = (tmp_path / "daemon.pid").read_text().split()
    try:
        assert ("online\n", 0) == (result.stdout, result.returncode)
        assert pid == session
        assert ["/dev/null"] * 3 == stdio
        os.kill(int(pid), 0)
    finally:
        os.kill(int(pid), signal.SIGKILL)
    with Reader(only_run()) as reader:
        assert ("finished", 1) == (reader.state, reader.rows)


def test_a_daemon_that_ends_leaves_no_zombie(run_script: RunScript) -> None:
    """Its end is waited for beside training."""
    script = DETACHED + (
        "while not os.path.exists(pid_file):\n    time.sleep(0.01)\n"
        "pid = int(open(pid_file).read().split()[0])\n"
        "while os.path.exists(f'/proc/{pid}'):\n    time.sleep(0.01)\n"
        "print('reaped')"
    )
    result = run_script(script, "0", TIDELOG_HUB="http://127.0.0.1:9")
    assert ("reaped\n", 0) == (result.stdout, result.returncode)


def test_a_daemon_that_fails_is_told(run_script: RunScript, only_run: OnlyRun) -> None:
    """Its exit code is seen beside training, and the sentence says how to see why."""
    result = run_script(
        """
        import threading
        from tidelog.sdk.current import Current
        current = Current(syncd=lambda root: [sys.executable, "-c", "raise SystemExit(2)"])
        run = current.init({"project": "p", "dir": ROOT, "mode": "online"})
        for thread in threading.enumerate():
            if thread.name == "tidelog-chores":
                thread.join()
        run.log({"a": 1})
        """
    )
    assert 0 == result.returncode
    assert "syncd did not start (exit code 2)" in result.stderr
    with Reader(only_run()) as reader:
        assert 1 == reader.rows


def test_a_daemon_that_cannot_be_started_is_told(run_script: RunScript, only_run: OnlyRun) -> None:
    """Recording goes on, and the sentence says what to type."""
    result = run_script(
        """
        from tidelog.sdk.current import Current
        current = Current(syncd=lambda root: ["/not/there"])
        run = current.init({"project": "p", "dir": ROOT, "mode": "online"})
        run.log({"a": 1})
        """
    )
    assert 0 == result.returncode
    assert "syncd could not be started" in result.stderr
    assert "syncd login --hub URL" in result.stderr
    with Reader(only_run()) as reader:
        assert 1 == reader.rows


def test_the_module_speaks_of_the_current_run(run_script: RunScript, only_run: OnlyRun) -> None:
    """`sdk.run`, `sdk.config`, `sdk.summary` and the functions follow init and finish."""
    result = run_script(
        """
        print(sdk.run)
        sdk.log({"a": 0})
        sdk.init(project="p", dir=ROOT, mode="offline", config={"lr": 1})
        sdk.log({"a": 1})
        sdk.log({"b": 2}, step=5)
        sdk.config.seed = 3
        sdk.summary["best"] = 4
        sdk.define_metric("a", summary="max")
        sdk.save(__file__)
        sdk.alert("hm")
        print(sdk.run.step, dict(sdk.config), sdk.summary.best)
        sdk.finish()
        print(sdk.run, hasattr(sdk, "nonsense"))
        """
    )
    assert ["None", "6 {'lr': 1, 'seed': 3} 4", "None False"] == result.stdout.splitlines()
    assert "sdk.log() without a run" in result.stderr
    with Reader(only_run()) as reader:
        assert {"a": 1, "b": 2, "best": 4} == reader.summary
        assert {"lr": 1, "seed": 3} == reader.config
        assert ["files/train0.py"] == [file.path for file in saved_files(reader)]


def test_the_example_runs(tmp_path: Path) -> None:
    """What the README shows works: curves, images, config, summary and weights are recorded."""
    example = Path(__file__).parents[2] / "examples" / "train_digits.py"
    command = [sys.executable, str(example), "--epochs", "2", "--hidden", "16", "--mode", "offline"]
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert "left out" not in result.stderr
    (directory,) = (tmp_path / "tidelog" / "digits").iterdir()
    with Reader(directory) as reader:
        config: Any = reader.config
        assert ("finished", 2, 16) == (reader.state, config["epochs"], config["hidden"])
        assert reader.summary["test_accuracy"] > 0.5
        assert len(reader.media("images")) >= 8
        assert ["files/weights.npz"] == [file.path for file in saved_files(reader)]
        assert 2 == len(reader.metric("val/loss").value)


def test_an_interrupt_in_the_middle_of_log_damages_nothing(
    run_script: RunScript, only_run: OnlyRun
) -> None:
    """Ctrl-C, caught by the script that then goes on: every row that log() returned from is there."""
    result = run_script(
        """
        import random, signal
        random.seed(7)
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        def interrupt(*_):
            raise KeyboardInterrupt
        signal.signal(signal.SIGALRM, interrupt)
        returned, interrupts = [], 0
        i = 0
        while interrupts < 300:
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 3e-4))
                while True:
                    i += 1
                    run.log({"i": i}, step=i)
                    returned.append(i)
            except KeyboardInterrupt:
                interrupts += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        run.finish()
        print(*returned)
        """
    )
    assert 0 == result.returncode, result.stderr
    with Reader(only_run()) as reader:
        assert [] == reader.damage
        assert set(map(int, result.stdout.split())) <= set(reader.history()["i"])
        assert "finished" == reader.state


def test_a_signal_handler_may_log_and_finish(run_script: RunScript, only_run: OnlyRun) -> None:
    """In the middle of a log() of the same thread, too: nothing waits for itself, nothing is torn."""
    result = run_script(
        """
        import random, signal
        random.seed(7)
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        handled = 0
        def handle(*_):
            global handled
            handled += 1
            run.log({"handled": handled, "array": [handled]}, step=0)
            run.config[f"k{handled}"] = handled
            if handled == 300:
                run.save(__file__)
                run.summary["last"] = 1
                run.finish(7)
                sys.exit(7)
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 3e-4))
        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        i = 0
        while True:
            i += 1
            run.log({"i": i}, step=i)
        """
    )
    assert 7 == result.returncode, result.stderr
    assert "Traceback" not in result.stderr
    with Reader(only_run()) as reader:
        assert [] == reader.damage
        assert [] == reader.torn_tails
        rows = [record.data for record in reader.records() if record.kind == "row"]
        assert list(range(1, 301)) == sorted(r["handled"] for r in rows if "handled" in r)
        steps = [r["i"] for r in rows if "i" in r]
        assert list(range(1, len(steps) + 1)) == steps
        assert (300, 1, 1) == (len(reader.config), reader.summary["last"], len(saved_files(reader)))
        assert ("failed", 7) == (reader.state, reader.exit_code)
