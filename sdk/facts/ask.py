"""Asks another program something: with a deadline, a bound on its answer, and no prompt."""

import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tidelog.datastore.clock import Clock

if TYPE_CHECKING:
    import subprocess

DEADLINE_S = 5.0
OUTPUT_BYTES_MAX = 4 * 1024 * 1024
ERROR_BYTES_MAX = 4096
BLOCK_BYTES = 64 * 1024
REAP_PATIENCE_S = 0.5


class Answer(NamedTuple):
    """What a program said; `trouble` says why it is not all of it, and is empty where it is."""

    output: bytes
    trouble: str = ""
    is_cut: bool = False
    is_late: bool = False

    @property
    def text(self) -> str:
        """The output as text, without the end of its last line."""
        return self.output.decode(errors="backslashreplace").rstrip("\n")


def ask(
    command: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    deadline_s: float = DEADLINE_S,
    bytes_max: int = OUTPUT_BYTES_MAX,
    clock: Clock | None = None,
) -> Answer:
    """Run a program and return what it printed. Never raises for what the program does.

    It is killed, with the processes that it started, at the deadline and where it prints more than
    `bytes_max` bytes; those that it printed by then are returned.
    """
    import subprocess

    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # So that it can be killed with all that it started.
            env=None if environ is None else dict(environ),
        )
    except FileNotFoundError:
        return Answer(b"", f"{command[0]} is not installed")
    except OSError as error:
        return Answer(b"", f"{command[0]} could not be started: {error.strerror or error}")
    conversation = _Conversation(
        process, bytes_max=bytes_max, deadline_s=deadline_s, clock=clock or Clock()
    )
    try:
        is_whole = conversation.listen()
    finally:
        conversation.end()
    output = bytes(conversation.output[:bytes_max])
    if len(conversation.output) > bytes_max:
        return Answer(output, f"it is more than {bytes_max} bytes", is_cut=True)
    if not is_whole:
        return Answer(
            output, f"{command[0]} did not answer within {deadline_s:g} s", is_cut=True, is_late=True
        )
    return Answer(output, conversation.complaint(command[0]))


class _Conversation:
    """One program that runs, and what it said so far."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", *, bytes_max: int, deadline_s: float, clock: Clock
    ) -> None:
        self.output = bytearray()
        self._errors = bytearray()
        self._process = process
        self._bytes_max = bytes_max
        self._clock = clock
        self._ends_at = clock.monotonic() + deadline_s
        self._is_over = False

    def listen(self) -> bool:
        """Read both pipes to their ends; tell whether all came, and the program ended, in time."""
        import select

        assert self._process.stdout is not None and self._process.stderr is not None  # noqa: S101 - they are pipes.
        held = {
            self._process.stdout.fileno(): (self.output, self._bytes_max + 1),
            self._process.stderr.fileno(): (self._errors, ERROR_BYTES_MAX),
        }
        poll = select.poll()  # select() takes no descriptor above 1023, which training may well have.
        for fd in held:
            poll.register(fd, select.POLLIN)
        while held and len(self.output) <= self._bytes_max:
            if self._left_s() == 0:
                return False
            for fd, _event in poll.poll(self._left_s() * 1000):
                text, size_max = held[fd]
                block = os.read(fd, BLOCK_BYTES)
                text += block[: size_max - len(text)]
                if not block:
                    poll.unregister(fd)
                    del held[fd]
        self._is_over = not held and self._has_ended(self._left_s())
        return self._is_over

    def end(self) -> None:
        """Kill what still runs. One that waits for a dead file system does not even die: it is left."""
        if not self._is_over:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._has_ended(REAP_PATIENCE_S)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def complaint(self, name: str) -> str:
        """Return what a program that failed said of it, in one line; nothing of one that did not."""
        if not self._process.returncode:
            return ""
        told = self._errors.decode(errors="backslashreplace").strip().partition("\n")[0]
        return told or f"{name} ended with {self._process.returncode}"

    def _has_ended(self, patience_s: float) -> bool:
        import subprocess

        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        return self._process.returncode is not None

    def _left_s(self) -> float:
        return max(0.0, self._ends_at - self._clock.monotonic())
