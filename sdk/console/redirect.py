"""Leads the standard descriptors of this process through a pump, for any number of runs at once."""

import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tidelog.datastore.disk import Disk

if TYPE_CHECKING:
    from subprocess import Popen

    from tidelog.sdk.console.redirection import Redirection

END_PATIENCE_S = 10.0
"""Longer than the pump itself waits for a disk."""

REAP_PATIENCE_S = 2.0


class Redirect:
    """The descriptors of a process while somebody records them. One per process."""

    def __init__(self, *, disk: Disk | None = None) -> None:
        self._disk = disk or Disk()
        self._runs: dict[str, threading.Event] = {}
        self._redirections: list[Redirection] = []
        self._commands = -1
        self._pid = 0
        self._watch: threading.Thread | None = None
        self._process: Popen[bytes] | None = None
        self._on_problem: Callable[[str], None] = lambda _text: None

    def start(self, directory: str, *, log_stream: str, on_problem: Callable[[str], None]) -> None:
        """Record into a log of its own in `directory`. Raises OSError where it cannot be done."""
        if self._runs and os.getpid() != self._pid:
            raise OSError("it is, by the process that this one was forked from")
        self._on_problem = on_problem
        if not self._runs:
            self._begin()
        self._runs[directory] = threading.Event()
        self._say(f"record {log_stream} {directory}")

    def stop(self, directory: str) -> None:
        """Return when all is recorded, or after some patience; the last run leaves all as it was."""
        ended = self._runs.get(directory)
        if ended is None or os.getpid() != self._pid:
            return  # A forked child has no part in it: its parent's pump records it.
        _flush_streams()
        if len(self._runs) == 1:
            for redirection in self._redirections:
                redirection.end()
        self._say(f"end {directory}")
        if not ended.wait(END_PATIENCE_S):
            self._on_problem("the last lines of the console may not be recorded: its process is stuck")
        del self._runs[directory]
        if not self._runs:
            self._end()

    def _begin(self) -> None:
        from tidelog.sdk.console.redirection import redirections

        self._pid = os.getpid()
        found = redirections(self._disk)
        heard, self._commands = os.pipe()
        answers, answer = os.pipe()
        try:
            self._process = _start_pump(heard, answer, found)
        except OSError:
            for each in found:
                each.close()
            self._disk.close(answers)
            self._disk.close(self._commands)
            raise
        finally:
            self._disk.close(heard)
            self._disk.close(answer)
        _flush_streams()
        self._redirections = found
        for each in found:
            each.begin()
        self._watch = threading.Thread(
            target=self._hear, args=(answers, found), name="tidelog-console", daemon=True
        )
        self._watch.start()

    def _end(self) -> None:
        self._disk.close(self._commands)
        if self._watch is not None:
            self._watch.join(REAP_PATIENCE_S)
        for redirection in self._redirections:
            redirection.close()
        self._redirections = []
        _reap(self._process)

    def _say(self, command: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._commands, os.fsencode(command) + b"\n")

    def _hear(self, answers: int, redirections: "list[Redirection]") -> None:
        """Hear what the pump says, and do its work where it is gone before its time."""
        with os.fdopen(answers, "rb") as lines:
            for line in lines:
                verb, _, rest = os.fsdecode(line.rstrip(b"\n")).partition(" ")
                if verb == "ended" and rest in self._runs:
                    self._runs[rest].set()
                elif verb == "broken":
                    self._let_break(rest, redirections)
                elif verb == "failed":
                    self._on_problem(f"the console is not recorded: {rest}")
        if any(not ended.is_set() for ended in self._runs.values()):
            self._replace_pump(redirections)

    def _let_break(self, name: str, redirections: "list[Redirection]") -> None:
        """Let writers see what they would see without us: that nobody takes it."""
        for redirection in redirections:
            if redirection.name == name:
                redirection.end()
                redirection.close()
        self._say(f"release {name}")

    def _replace_pump(self, redirections: "list[Redirection]") -> None:
        self._on_problem(
            "the process that records the console has ended: what is printed from now on is shown, and "
            "not recorded"
        )
        self._redirections = []  # In the hands of channels, which pass on what is still written to them.
        for redirection in redirections:
            redirection.end()
        for ended in self._runs.values():
            ended.set()
        for redirection in redirections:
            # What children have written by then is still shown at the end of this process.
            atexit.register(redirection.take_over().drain, END_PATIENCE_S)


of_this_process = Redirect()


def _start_pump(commands: int, answers: int, redirections: "list[Redirection]") -> "Popen[bytes]":
    """Start the process; `-P` keeps the working directory out of its imports (`spawn.py`)."""
    import subprocess

    streams = [f"{each.name}:{each.source}:{each.target}" for each in redirections]
    passed = [descriptor for each in redirections for descriptor in (each.source, each.target)]
    module = "tidelog.sdk.console.pump"
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, str(commands), str(answers), *streams],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[commands, answers, *passed],
        start_new_session=True,
    )


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError, RuntimeError):
            stream.flush()


_lingering: list[Any] = []


def _reap(process: "Popen[bytes] | None") -> None:
    """Wait for a pump that nobody writes to any more; one that children write to goes on."""
    import subprocess

    _lingering[:] = [each for each in _lingering if each.poll() is None]
    if process is not None:
        try:
            process.wait(REAP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            _lingering.append(process)
