"""Redirected streams: what C code and children write, and whoever dies first."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from console_reading import printed
from waiting import PATIENCE_S

from tidelog.datastore import Reader

RunScript = Callable[..., subprocess.CompletedProcess[str]]
StartScript = Callable[..., subprocess.Popen[str]]
OnlyRun = Callable[[], Path]

INIT = (
    'run = sdk.init(project="p", dir=ROOT, mode="offline", '
    'settings={"quiet": True, "console": "redirect"})\n'
)


def eventually(is_so: Callable[[], object]) -> bool:
    """Tell whether something comes true, asked again and again for a while."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_c_code_and_children_are_recorded(run_script: RunScript, only_run: OnlyRun) -> None:
    """Both streams, apart from each other; what comes after the run is shown alone."""
    result = run_script(
        INIT
        + """
import ctypes, subprocess
print("python", flush=True)
subprocess.run(["sh", "-c", "echo child; echo trouble >&2"])
libc = ctypes.CDLL(None)
libc.printf(b"from C\\n")
libc.fflush(None)
os.write(1, "é".encode()[:1]); os.write(1, "é".encode()[1:] + b"\\n")
print("unflushed")
run.finish()
print("after")
        """
    )
    out = "python\nchild\nfrom C\né\nunflushed\n"
    assert (0, "trouble\n") == (result.returncode, result.stderr)
    assert out + "after\n" == result.stdout
    assert out == printed(only_run())
    assert "trouble\n" == printed(only_run(), "stderr")


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(1)", "os.abort()", "pass"])
def test_the_last_words_of_a_crash_are_recorded(
    end: str, run_script: RunScript, only_run: OnlyRun
) -> None:
    """All that reached the pipe, by the process at its other end, which does not die with us."""
    result = run_script(INIT + f"os.write(2, b'last words\\n' * 3000)\n{end}")
    assert "last words\n" * 3000 == result.stderr
    assert eventually(lambda: printed(only_run(), "stderr") == result.stderr)


def test_code_that_holds_the_interpreter_may_print_without_end(
    run_script: RunScript, only_run: OnlyRun
) -> None:
    """A thread of ours would never get its turn to read, and the pipe is full at 64 KiB."""
    result = run_script(
        INIT
        + """
import ctypes
libc = ctypes.PyDLL(None)
for n in range(50): libc.write(1, b"x" * 99_999 + b"\\n", 100_000)
        """
    )
    assert ("x" * 99_999 + "\n") * 50 == result.stdout == printed(only_run())


@pytest.mark.parametrize("end", ["run.finish()", "os.kill(os.getpid(), 9)"])
def test_a_child_that_outlives_the_run_is_never_refused(
    end: str, start_script: StartScript, tmp_path: Path
) -> None:
    """Whether the run ended or the trainer was killed, what the child writes arrives."""
    (tmp_path / "child.py").write_text(
        "import os, sys, time\n"
        "parent = int(sys.argv[1])\n"
        "while os.getppid() == parent: time.sleep(0.01)\n"
        "for n in range(2000): print('child', n, flush=True)\n"
        "open('survived', 'w').close()\n"
    )
    process = start_script(
        "import subprocess\n"
        + INIT
        + "subprocess.Popen([sys.executable, 'child.py', str(os.getpid())])\n"
        + "print('begun', flush=True)\n"
        + end
    )
    out, err = process.communicate(timeout=PATIENCE_S)
    assert "" == err
    assert "begun\n" + "".join(f"child {n}\n" for n in range(2000)) == out
    assert eventually((tmp_path / "survived").exists)


def test_a_pump_that_is_killed_costs_no_line(run_script: RunScript) -> None:
    """The trainer and its children go on and are seen; that nothing is recorded is told once."""
    result = run_script(
        INIT
        + """
import signal, subprocess
from tidelog.sdk.console.redirect import of_this_process
print("before", flush=True)
child = subprocess.Popen(["sh", "-c", "read x; echo child"], stdin=subprocess.PIPE)
of_this_process._process.send_signal(signal.SIGKILL)
of_this_process._watch.join()
for n in range(20_000): print("line", n)
sys.stdout.flush()
child.communicate(b"go\\n")
run.finish()
        """
    )
    assert 0 == result.returncode
    assert 1 == result.stderr.count("has ended")
    lines = result.stdout.splitlines()
    assert {"before", "child"} | {f"line {n}" for n in range(20_000)} == set(lines)


def test_what_a_child_wrote_behind_a_killed_pump_is_waited_for(start_script: StartScript) -> None:
    """Where nobody reads it at once the script ends later, as its child would have without us."""
    process = start_script(
        INIT
        + """
import signal, subprocess
from tidelog.sdk.console.redirect import of_this_process
child = subprocess.Popen(["sh", "-c", "read x; seq 2000"], stdin=subprocess.PIPE)
of_this_process._process.send_signal(signal.SIGKILL)
of_this_process._watch.join()
os.write(1, b"x" * 60_000 + b"\\n")  # A pipe holds 65,536.
child.communicate(b"go\\n")
run.finish()
print("ending", file=sys.stderr, flush=True)
        """
    )
    assert process.stderr is not None
    next(line for line in process.stderr if line == "ending\n")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.0)
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert "x" * 60_000 + "\n" + "".join(f"{n}\n" for n in range(1, 2001)) == out


def test_forked_children_are_recorded_once(run_script: RunScript, only_run: OnlyRun) -> None:
    """By the pump alone; their end ends neither the run nor the redirection."""
    result = run_script(
        INIT
        + """
for child in range(5):
    if os.fork() == 0:
        print("child", child)
        run.finish()
        sys.exit()
    os.wait()
print("parent")
        """
    )
    expected = "".join(f"child {n}\n" for n in range(5)) + "parent\n"
    assert ("", expected) == (result.stderr, result.stdout)
    assert expected == printed(only_run())


def test_a_run_of_a_forked_child_records_its_streams(run_script: RunScript, tmp_path: Path) -> None:
    """Beside its parent's pump, which is not the child's to command."""
    result = run_script(
        INIT
        + """
if os.fork() == 0:
    own = sdk.init(project="p", dir=ROOT, mode="offline", id="child",
                   settings={"quiet": True, "console": "redirect"})
    print("child")
    own.finish()
    sys.exit()
print(os.wait()[1], "parent")
        """
    )
    assert "child\n0 parent\n" == result.stdout
    assert "child\n" == printed(tmp_path / "root" / "p" / "child")


def test_descriptors_and_threads_are_what_they_were(run_script: RunScript) -> None:
    """After many runs, those that overlap included."""
    result = run_script(
        """
        import threading
        def facts():
            return (sorted(os.listdir("/proc/self/fd")), threading.active_count(),
                    [os.fstat(fd)[:3] for fd in (1, 2)])
        def begin(**more):
            return sdk.init(project="p", dir=ROOT, mode="offline",
                            settings={"quiet": True, "console": "redirect"}, **more)
        begin().finish()
        before = facts()
        for _ in range(5):
            first, second = begin(), begin(reinit="create_new")
            print("x", flush=True)
            first.finish()
            print("y", flush=True)
            second.finish()
        print(facts() == before or (before, facts()))
        """
    )
    assert ("", "x\ny\n" * 5 + "True\n") == (result.stderr, result.stdout)


def test_what_redirected_anew_is_left_alone(run_script: RunScript, only_run: OnlyRun) -> None:
    """As pytest's capture does: we put back only what is still ours."""
    result = run_script(
        INIT
        + """
mine = os.open("mine", os.O_CREAT | os.O_WRONLY)
before = os.dup(1)
os.dup2(mine, 1)
print("mine", flush=True)
run.finish()
print("still mine", flush=True)
os.dup2(before, 1)
os.write(1, b"seen\\n")
        """
    )
    assert ("", "seen\n") == (result.stderr, result.stdout)
    assert "" == printed(only_run())


@pytest.mark.parametrize("shell", ["{} >&-", "{} 2>&-", "{} | head -1", "{} >/dev/full"])
def test_broken_streams_break(shell: str, tmp_path: Path) -> None:
    """The script ends as without us, if a little later than the first line that nobody took."""
    script = tmp_path / "train.py"
    script.write_text(
        f"import sys, time\nfrom tidelog import sdk\nROOT = {str(tmp_path / 'root')!r}\n{INIT}"
        "for n in range(100_000): print('line', n, flush=True)\n"
    )

    def run(console: str) -> tuple[int, str, str]:
        command = f"set -o pipefail; {shell.format(f'{sys.executable} {script}')}"
        result = subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env={**os.environ, "TIDELOG_CONSOLE": console},
        )
        return result.returncode, result.stdout, (result.stderr.splitlines() or [""])[-1]

    script.write_text(script.read_text().replace(', "console": "redirect"', ""))
    assert run("off") == run("redirect")


def test_both_on_one_pipe_keep_their_order(tmp_path: Path, only_run: OnlyRun) -> None:
    """What goes to one place is seen as it was written, whatever stream it was."""
    script = tmp_path / "train.py"
    script.write_text(
        f"import os\nfrom tidelog import sdk\nROOT = {str(tmp_path / 'root')!r}\n{INIT}"
        "for n in range(5000): os.write(1 + n % 2, b'%d\\n' % n)\n"
    )
    result = subprocess.run(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    assert "".join(f"{n}\n" for n in range(5000)) == result.stdout == printed(only_run())


def test_a_terminal_stays_one(tmp_path: Path, only_run: OnlyRun) -> None:
    """For children too, with its size; every byte arrives as it would without us."""
    script = tmp_path / "train.py"
    code = (
        "import os, sys, subprocess\nfrom tidelog import sdk\n"
        f"ROOT = {str(tmp_path / 'root')!r}\n{INIT}"
        "print(sys.stdout.isatty(), os.get_terminal_size(1))\n"
        "subprocess.run([sys.executable, '-c', 'import os; print(os.isatty(1), os.isatty(2))'])\n"
        "print('a\\rb\\tc\\x1b[31mred\\x1b[0m\\n', end='')\n"
        "run.finish()\nprint('over')\n"
    )

    def run(console: str) -> bytes:
        script.write_text(code.replace("redirect", console))
        master, slave = pty.openpty()
        import fcntl
        import struct
        import termios

        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        process = subprocess.Popen(
            [sys.executable, script], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave
        )
        os.close(slave)
        seen = b""
        with contextlib.suppress(OSError):
            while select.select([master], [], [], PATIENCE_S)[0]:
                seen += os.read(master, 4096)
        os.close(master)
        assert 0 == process.wait(PATIENCE_S)
        return seen

    seen = run("redirect")
    assert b"True os.terminal_size(columns=77, lines=33)\r\nTrue True\r\n" in seen
    assert printed(only_run()).splitlines()[2] == "b\tcred"
    assert run("off") == seen


def test_signals_to_all_processes_of_a_job_do_not_end_the_pump(
    start_script: StartScript, only_run: OnlyRun
) -> None:
    """As Ctrl-C and `scancel` send them: the traceback is still shown and recorded."""
    process = start_script(
        INIT
        + "from tidelog.sdk.console.redirect import of_this_process\n"
        + "os.setpgid(0, 0)\nos.write(1, b'ready\\n')\n"
        + "print(of_this_process._process.pid, flush=True)\ntime.sleep(60)"
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert "ready\n" == process.stdout.readline()  # So the pump is up.
    pump = int(process.stdout.readline())
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        os.kill(pump, number)
    os.killpg(process.pid, signal.SIGINT)
    err = process.stderr.read()
    assert -signal.SIGINT == process.wait(PATIENCE_S)
    assert err.endswith("KeyboardInterrupt\n")
    with Reader(only_run()) as reader:
        assert "failed" == reader.state
    assert err == printed(only_run(), "stderr")


def test_ranks_record_their_own(run_script: RunScript, only_run: OnlyRun) -> None:
    """In a log of the rank's own."""
    run_script(INIT + "print('rank three')", RANK="3", WORLD_SIZE="4")
    assert (only_run() / "console3.0001.tlog").exists()
    assert "rank three\n" == printed(only_run())
