"""The monitor from the trainer's side: starts it beside training, tells it that the run has ended."""

import os
import select
import sys
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.sdk.monitor.lock import MonitorLock, lock_path
from tidelog.sdk.notices import Notices
from tidelog.sdk.spawn import Wait, spawn_detached

START_DELAY_S = 0.5
"""A run that is over sooner needs no monitor, and does not pay for one."""

STOP_PATIENCE_S = 2.0
"""How long the end of a run waits for the monitor's last record; it is written without us, too."""

WORD = b"."


class Handles(NamedTuple):
    """What the monitor inherits: the lock, where it hears the word, and what it closes at its end."""

    lock: int
    word: int
    end: int


def monitor_command(directory: str, log: str, interval_s: float, handles: Handles) -> list[str]:
    """Return the command of a monitor; `log` is the name of the trainer's log.

    `-P` keeps the working directory out of its imports, as for syncd.
    """
    place = [directory, log, f"{interval_s:g}"]
    return [sys.executable, "-P", "-m", "tidelog.sdk.monitor", *place, *map(str, handles)]


class Monitor:
    """The monitor of one run, for one of its processes; another one's may watch this process as well."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        log: str,
        *,
        interval_s: float,
        notices: Notices,
        disk: Disk,
        environ: Mapping[str, str] = os.environ,
        spawn: Callable[..., Wait] = spawn_detached,
        delay_s: float = START_DELAY_S,
    ) -> None:
        """Prepare it: `log` is the name of the log that this process writes in the run directory."""
        self._directory = os.path.abspath(directory)
        self._log = log
        self._interval_s = interval_s
        self._notices = notices
        self._disk = disk
        self._environ = environ
        self._spawn = spawn
        self._delay_s = delay_s
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        # Where the word is said, and what ends with the monitor; kept while it may run.
        self._word = self._end = -1

    def start(self) -> None:
        """Start the monitor soon, unless one watches this run here. Never raises, never waits."""
        # A daemon: the interpreter does not wait for it at its end.
        thread = threading.Thread(target=self._start_soon, name="tidelog-monitor", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._tell(f"the monitor could not be started ({error})")

    def stop(self) -> None:
        """Tell the monitor that the run has ended, and wait for its last record, with some patience.

        To be called once this process's log has its final chunk. Without a monitor of ours, without
        effect, as in a forked child. Never raises.
        """
        if os.getpid() != self._pid:
            return
        self._stopping.set()
        if not self._lock.acquire(timeout=STOP_PATIENCE_S):
            return  # It is being started, on a disk that does not answer; it will see that we are gone.
        word, end, self._word, self._end = self._word, self._end, -1, -1
        self._lock.release()
        if word < 0:
            return
        try:
            self._disk.write(word, WORD)
            ended = select.poll()
            ended.register(end, select.POLLHUP)
            ended.poll(STOP_PATIENCE_S * 1000)
        except OSError:
            pass  # It is dead already.
        finally:
            self._close(word, end)

    def _start_soon(self) -> None:
        if self._stopping.wait(self._delay_s):
            return
        try:
            wait = self._try_start()
            code = 0 if wait is None else wait()
        except Exception as error:  # noqa: BLE001 - such as a TypeError: an embedded Python has no executable.
            self._tell(f"the monitor could not be started ({error})")
            return
        if code:
            self._tell(f"the monitor did not start (exit code {code})")
        elif wait is not None:
            self._tell_what_lacks()

    def _try_start(self) -> Wait | None:
        """Start it and return what waits until it stands by itself; None where none is needed."""
        with self._lock:
            if self._stopping.is_set():
                return None
            path = lock_path(self._directory, self._environ, self._disk)
            lock = MonitorLock.acquire(path, self._disk)
            if lock is None:
                return None
            try:
                return self._start_with(lock)
            except BaseException:
                lock.release()
                raise
            finally:
                lock.let_go()

    def _start_with(self, lock: MonitorLock) -> Wait:
        heard, word = os.pipe()
        ended, end = os.pipe()
        handles = Handles(lock.fd, heard, end)
        command = monitor_command(self._directory, self._log, self._interval_s, handles)
        try:
            wait = self._spawn(command, pass_fds=handles)
        except BaseException:
            self._close(word, ended)
            raise
        finally:
            self._close(heard, end)
        self._word, self._end = word, ended
        return wait

    def _close(self, *fds: int) -> None:
        for fd in fds:
            self._disk.close(fd)

    def _tell(self, trouble: str) -> None:
        self._notices.tell(
            "monitor",
            f"{trouble}: no system metrics are recorded, training goes on; TIDELOG_MONITOR=off does "
            "without them",
        )

    def _tell_what_lacks(self) -> None:
        from tidelog.sdk.monitor.gpus import missing_library

        missing = missing_library(self._disk)
        if missing is not None:
            self._notices.tell("gpu", missing)
