"""A command in a terminal of its own: a pseudo-terminal, and pyte as the emulator that draws it."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pyte
from waiting import PATIENCE_S


class Terminal:
    """Runs one command of syncd; `screen` is what a person sees, `bytes` all that was written."""

    def __init__(
        self, *arguments: str | Path, width: int = 80, height: int = 24, **environ: str
    ) -> None:
        self._master, self._slave = pty.openpty()
        self.screen = pyte.Screen(width, height)
        self.bytes = b""
        self._stream = pyte.ByteStream(self.screen)
        self._set_size(width, height)
        self.attributes = termios.tcgetattr(self._slave)
        # These two go before the size that the terminal has; who runs tests side by side sets them.
        inherited = {name: os.environ[name] for name in os.environ if name not in ("COLUMNS", "LINES")}
        environment = {**inherited, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tidelog.syncd", *map(str, arguments)],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=environment,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)
        os.close(self._slave)

    @property
    def text(self) -> str:
        """The screen as lines."""
        return "\n".join(self.screen.display)

    @property
    def is_as_before(self) -> bool:
        """Whether the terminal echoes and waits for lines as it did before the command."""
        return self.attributes == termios.tcgetattr(self._slave)

    def until(self, *words: str) -> str:
        """Return the screen once all words stand on it."""
        deadline = time.monotonic() + PATIENCE_S
        while not all(word in self.text for word in words):
            assert time.monotonic() < deadline, f"{words} not on:\n{self.text}"
            self._take(0.05)
        return self.text

    def until_line(self, number: int, word: str) -> None:
        """Return once a word stands in the line of a number, from 0."""
        deadline = time.monotonic() + PATIENCE_S
        while word not in self.screen.display[number]:
            assert time.monotonic() < deadline, f"{word} not in line {number} of:\n{self.text}"
            self._take(0.05)

    def press(self, key: str) -> None:
        """Press a key."""
        os.write(self._master, key.encode())

    def resize(self, width: int, height: int) -> None:
        """Give the terminal another size, as dragging its corner does."""
        self.screen.resize(height, width)
        self._set_size(width, height)
        self.signal(signal.SIGWINCH)

    def signal(self, number: int) -> None:
        """Send a signal to the command."""
        self._process.send_signal(number)

    def end(self) -> int:
        """Return the exit code once the command has ended, all that it wrote taken in."""
        deadline = time.monotonic() + PATIENCE_S
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end:\n{self.text}"
            self._take(0.02)
        while self._take(0):
            pass
        return self._process.returncode

    def _take(self, timeout_s: float) -> bool:
        if not select.select([self._master], [], [], timeout_s)[0]:
            return False
        data = os.read(self._master, 65536)
        self.bytes += data
        self._stream.feed(data)
        return True

    def _set_size(self, width: int, height: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


def _take_terminal() -> None:
    """Let Ctrl-C reach the command, as in a shell."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
