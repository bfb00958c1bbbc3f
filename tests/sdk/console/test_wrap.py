"""Training scripts that print: what people see, what is recorded, and that neither harms the other."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from console_reading import printed
from waiting import PATIENCE_S

from tidelog.datastore import Reader

RunScript = Callable[..., subprocess.CompletedProcess[str]]
StartScript = Callable[..., subprocess.Popen[str]]
OnlyRun = Callable[[], Path]

INIT = 'run = sdk.init(project="p", dir=ROOT, mode="offline", settings={"quiet": True})\n'


def test_what_is_printed_is_seen_and_recorded(run_script: RunScript, only_run: OnlyRun) -> None:
    """Both streams, text of several writes, and a line without an end."""
    result = run_script(
        INIT + "print('a', 1)\nprint('e', file=sys.stderr)\nsys.stdout.writelines(['b\\n', 'c'])"
    )
    assert ("a 1\nb\nc", "e\n", 0) == (result.stdout, result.stderr, result.returncode)
    assert ("a 1\nb\nc", "e\n") == (printed(only_run()), printed(only_run(), "stderr"))


@pytest.mark.parametrize("lines", [1, 50, 20_000])
def test_every_line_is_recorded_however_fast_it_came(
    lines: int, run_script: RunScript, only_run: OnlyRun
) -> None:
    """And in its order, also where the thread takes turns with the printing."""
    result = run_script(INIT + f"for n in range({lines}): print('line', n)")
    assert "".join(f"line {n}\n" for n in range(lines)) == result.stdout == printed(only_run())


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(1)", "os.abort()"])
def test_what_print_returned_from_outlives_the_process(
    end: str, run_script: RunScript, only_run: OnlyRun
) -> None:
    """Up to a hundred lines at once; also where Python's own buffer never reached the pipe."""
    result = run_script(INIT + f"for n in range(90): print('line', n)\n{end}", PYTHONUNBUFFERED="")
    assert "" == result.stdout
    assert "".join(f"line {n}\n" for n in range(90)) == printed(only_run())


def test_a_kill_in_the_midst_of_much_printing_leaves_a_beginning(
    start_script: StartScript, only_run: OnlyRun
) -> None:
    """Whole lines, none of them changed, and all but those of the last moment."""
    process = start_script(INIT + "n = 0\nwhile True:\n    print('line', n, flush=True)\n    n += 1")
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(30_000)]
    process.kill()
    seen += process.stdout.read().splitlines(keepends=True)
    recorded = printed(only_run())
    assert "".join(seen).startswith(recorded)
    assert recorded.count("\n") > 1000


def test_lines_of_both_streams_keep_their_order(run_script: RunScript, only_run: OnlyRun) -> None:
    """As they were printed, one after the other."""
    run_script(
        INIT + "for n in range(500): print(n, file=(sys.stdout, sys.stderr)[n % 2])",
    )
    with Reader(only_run()) as reader:
        texts = [record.data["text"] for record in reader.records() if record.kind == "console"]
    assert "".join(f"{n}\n" for n in range(500)) == "".join(texts)


def test_those_bound_to_the_stream_before_are_heard_as_well(
    run_script: RunScript, only_run: OnlyRun
) -> None:
    """A logging handler, a warning, a traceback."""
    result = run_script(
        "import logging, warnings\nlogging.basicConfig(format='%(message)s')\n"
        + INIT
        + "logging.warning('logged')\nwarnings.warn('warned')\n1 / 0"
    )
    recorded = printed(only_run(), "stderr")
    assert 1 == result.returncode
    assert result.stderr == recorded
    for text in ("logged\n", "UserWarning: warned\n", "ZeroDivisionError: division by zero\n"):
        assert text in recorded


def test_streams_are_what_they_were(run_script: RunScript) -> None:
    """The same objects with the same attributes during a run, and not a trace of us after it."""
    result = run_script(
        """
        before = [(s, dict(s.__dict__), s.write) for s in (sys.stdout, sys.stderr)]
        def facts():
            return [(s.isatty(), s.fileno(), s.encoding, s.buffer, type(s)) for s, *_ in before]
        known = facts()
        for number in range(300):
            run = sdk.init(project="p", dir=ROOT, mode="offline", settings={"quiet": True})
            print("x")
            assert facts() == known and sys.stdout is before[0][0] is sys.__stdout__
            run.finish()
            assert [(s, dict(s.__dict__), s.write) for s in (sys.stdout, sys.stderr)] == before
        import threading
        print(threading.active_count(), len(os.listdir("/proc/self/fd")) < 12)
        """
    )
    assert ("", 0) == (result.stderr, result.returncode)
    assert "x\n" * 300 + "1 True\n" == result.stdout


def test_a_stream_that_takes_the_place_is_left_alone(run_script: RunScript, only_run: OnlyRun) -> None:
    """What is caught by `redirect_stdout` is not on the console; what hands on to it is, once."""
    result = run_script(
        INIT
        + """
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as caught:
    print("caught")
class Shout:
    def __init__(self, stream): self.stream = stream
    def write(self, text): return self.stream.write(text.upper())
    def __getattr__(self, name): return getattr(self.stream, name)
sys.stdout = Shout(sys.stdout)
print("shouted")
run.finish()
print("over", type(sys.stdout).__name__, caught.getvalue().strip())
        """
    )
    assert "SHOUTED\nOVER SHOUT CAUGHT\n" == result.stdout
    assert "SHOUTED\n" == printed(only_run())


def test_runs_at_once_record_each_for_itself(run_script: RunScript, tmp_path: Path) -> None:
    """They end in any order; the streams are free after the last one."""
    result = run_script(
        """
        def begin(id):
            return sdk.init(project="p", dir=ROOT, mode="offline", id=id, reinit="create_new",
                            settings={"quiet": True})
        a = begin("a")
        print("one")
        b = begin("b")
        print("two")
        a.finish()
        print("three")
        b.finish()
        print("four", "write" in sys.stdout.__dict__)
        """
    )
    assert "one\ntwo\nthree\nfour False\n" == result.stdout
    assert "one\ntwo\n" == printed(tmp_path / "root" / "p" / "a")
    assert "two\nthree\n" == printed(tmp_path / "root" / "p" / "b")


def test_threads_print_whole_lines(run_script: RunScript, only_run: OnlyRun) -> None:
    """What is recorded is what was seen, in the order in which it was."""
    result = run_script(
        INIT
        + """
import threading
def work(name):
    for n in range(2000): sys.stdout.write(f"{name} {n}\\n")
threads = [threading.Thread(target=work, args=(name,)) for name in "abcdefgh"]
for thread in threads: thread.start()
for thread in threads: thread.join()
        """
    )
    assert sorted(f"{name} {n}" for name in "abcdefgh" for n in range(2000)) == sorted(
        result.stdout.splitlines()
    )
    assert sorted(result.stdout.splitlines()) == sorted(printed(only_run()).splitlines())


def test_a_forked_child_records_its_own_lines_once(run_script: RunScript, only_run: OnlyRun) -> None:
    """In its own log, also where the fork comes while another thread prints as fast as it can."""
    result = run_script(
        INIT
        + """
import threading
stop = threading.Event()
def chatter():
    n = 0
    while not stop.is_set():
        print("parent", n, file=sys.stderr); n += 1
thread = threading.Thread(target=chatter); thread.start()
for child in range(20):
    pid = os.fork()
    if pid == 0:
        for n in range(3): sys.stdout.write(f"child {child} {n}\\n")
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
stop.set(); thread.join()
        """
    )
    assert 0 == result.returncode
    assert sorted(f"child {child} {n}" for child in range(20) for n in range(3)) == sorted(
        printed(only_run()).splitlines()
    )
    assert sorted(result.stderr.splitlines()) == sorted(printed(only_run(), "stderr").splitlines())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_goes_on(method: str, run_script: RunScript, only_run: OnlyRun) -> None:
    """Children of every kind print and end; what a forked one prints is recorded."""
    result = run_script(
        f"""
        import multiprocessing
        def work(n):
            sys.stdout.write(f"child {{n}}\\n")
        if __name__ == "__main__":
            run = sdk.init(project="p", dir=ROOT, mode="offline", settings={{"quiet": True}})
            context = multiprocessing.get_context({method!r})
            children = [context.Process(target=work, args=(n,)) for n in range(3)]
            for child in children: child.start()
            for child in children: child.join()
            print([child.exitcode for child in children])
        """
    )
    assert {"child 0", "child 1", "child 2", "[0, 0, 0]"} == set(result.stdout.splitlines())
    assert "" == result.stderr
    expected = result.stdout if method == "fork" else "[0, 0, 0]\n"
    assert sorted(expected.splitlines()) == sorted(printed(only_run()).splitlines())


def test_signal_handlers_print(run_script: RunScript, only_run: OnlyRun) -> None:
    """In the middle of a print, of `log()`, of a recording: nothing is lost or waits for itself."""
    result = run_script(
        INIT
        + """
import signal
count = 0
def handle(*_):
    global count
    count += 1
    sys.stdout.write(f"signal {count}\\n")
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
end = time.monotonic() + 2
n = 0
while time.monotonic() < end:
    n += 1
    try:
        run.log({"n": n}); sys.stdout.write(f"line {n}\\n")
    except RuntimeError:
        pass  # Python's own streams refuse to be written by a handler within a write.
signal.setitimer(signal.ITIMER_REAL, 0)
run.finish()
        """
    )
    assert ("", 0) == (result.stderr, result.returncode)
    recorded = printed(only_run()).splitlines()
    assert set(result.stdout.splitlines()) <= set(recorded)
    assert len(set(recorded)) == len(recorded)


def test_ctrl_c_in_the_midst_of_printing_is_an_interrupt(
    start_script: StartScript, only_run: OnlyRun
) -> None:
    """The script ends as it would without us, and all that was seen is recorded."""
    process = start_script(INIT + "n = 0\nwhile True:\n    print('line', n, flush=True); n += 1")
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(5000)]
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    out, err = process.stdout.read(), process.stderr.read()
    assert -signal.SIGINT == process.wait(PATIENCE_S)
    assert err.endswith("KeyboardInterrupt\n")
    assert set("".join([*seen, out]).splitlines()) <= set(printed(only_run()).splitlines())


@pytest.mark.parametrize("console", ["wrap", "off"])
@pytest.mark.parametrize("shell", ["{} >&-", "{} 2>&-", "{} >&- 2>&-", "{} | head -1", "{} >/dev/full"])
def test_broken_streams_break_as_they_would(
    shell: str, console: str, tmp_path: Path, only_run: OnlyRun
) -> None:
    """Closed, a reader that went away, a full disk: the same exit code and the same last words."""
    script = tmp_path / "train.py"
    script.write_text(
        f"import sys\nfrom tidelog import sdk\nROOT = {str(tmp_path / 'root')!r}\n{INIT}"
        "for n in range(100_000): print('line', n)\nrun.log({'done': 1})\n"
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
        return result.returncode, result.stdout, result.stderr.split("File")[0].split("name=")[0]

    assert run("off") == run(console)


def test_python_minus_u_and_others_that_write_through(run_script: RunScript, only_run: OnlyRun) -> None:
    """Streams without buffers, and bytes to the buffer below, are as they were."""
    result = run_script(
        INIT + "print('a')\nsys.stdout.flush()\nsys.stdout.buffer.write(b'raw\\n')", PYTHONUNBUFFERED="1"
    )
    assert "a\nraw\n" == result.stdout
    assert "a\n" == printed(only_run())


def test_an_object_that_cannot_be_listened_to_is_told_once(run_script: RunScript) -> None:
    """With what to do instead; what is printed on it goes where it went."""
    result = run_script(
        """
        class Slots:
            __slots__ = ("stream",)
            def __init__(self, stream): self.stream = stream
            def write(self, text): return self.stream.write(text)
            def flush(self): self.stream.flush()
        sys.stdout = Slots(sys.stdout)
        """
        + INIT.replace("\n", "\n        ")
        + "print('seen')"
    )
    assert "seen\n" == result.stdout
    assert 1 == result.stderr.count("\n")
    assert "TIDELOG_CONSOLE=redirect" in result.stderr


def test_daemon_threads_print_through_the_interpreters_end(run_script: RunScript) -> None:
    """No exception of ours, no hang."""
    result = run_script(
        INIT
        + """
import threading
def chatter():
    while True: sys.stdout.write("x\\n")
threading.Thread(target=chatter, daemon=True).start()
time.sleep(0.2)
        """
    )
    assert "tidelog" not in result.stderr


def test_a_progress_bar_is_its_last_state(run_script: RunScript, only_run: OnlyRun) -> None:
    """tqdm itself, with a line written between two updates: a handful of records."""
    run_script(
        "from tqdm import tqdm\n"
        + INIT
        + "for n in tqdm(range(200), mininterval=0, ascii=True, ncols=60):\n"
        + "    if n == 100: tqdm.write('half', file=sys.stderr)\n"
        + "print('done')"
    )
    first, last = printed(only_run(), "stderr").splitlines()
    assert "half" == first.rstrip()
    assert last.startswith("100%|####")
    assert "200/200" in last
    with Reader(only_run()) as reader:
        assert sum(record.kind == "console" for record in reader.records()) < 10


def test_console_off_leaves_the_streams_alone(run_script: RunScript, only_run: OnlyRun) -> None:
    """TIDELOG_CONSOLE, or WANDB_CONSOLE for those who come from there."""
    result = run_script(INIT + "print('write' in sys.stdout.__dict__)", WANDB_CONSOLE="off")
    assert "False\n" == result.stdout
    assert "" == printed(only_run())
