"""The monitor's life: it waits, looks, samples, records deaths, and ends when no trainer is left."""

import contextlib
import os
import select
import time
from collections.abc import Callable

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.writer import Writer
from tidelog.sdk.monitor.lock import MonitorLock
from tidelog.sdk.monitor.moment import Moment
from tidelog.sdk.monitor.pace import FIRST_SAMPLE_S, LOOK_S, pause_s
from tidelog.sdk.monitor.process_table import read_table
from tidelog.sdk.monitor.process_tree import tree_below
from tidelog.sdk.monitor.sampler import Sampler
from tidelog.sdk.monitor.trainers import Deceased, Trainers

WORD_BYTES_MAX = 64
UNKNOWN_CODE = 1


class Watch:
    """Watches the trainers of one run on this machine, and the machine."""

    def __init__(
        self,
        writer: Writer,
        trainers: Trainers,
        make_sampler: Callable[[], Sampler],
        lock: MonitorLock,
        word_fd: int,
        *,
        interval_s: float,
        disk: Disk,
        clock: Clock,
        cpu_time: Callable[[], float] = time.process_time,
    ) -> None:
        """`cpu_time` tells the processor seconds that this process has used."""
        self._writer = writer
        self._trainers = trainers
        self._make_sampler = make_sampler
        self._lock = lock
        self._word_fd = word_fd
        self._interval_s = interval_s
        self._disk = disk
        self._clock = clock
        self._cpu_time = cpu_time
        self._samples = 0
        self._last_death: Deceased | None = None

    def run(self) -> None:
        """Watch until no trainer is left; then write how that was."""
        is_needed = self._is_needed()  # Before all else: who dies while libraries load is seen.
        sampler = self._make_sampler()
        sampler.sample(self._moment())  # From here on counters are counted.
        sample_at = self._clock.monotonic() + min(FIRST_SAMPLE_S, self._interval_s)
        while is_needed:
            self._wait(min(LOOK_S, max(0.0, sample_at - self._clock.monotonic())))
            if self._clock.monotonic() >= sample_at:
                sample_at = self._clock.monotonic() + self._sample(sampler)
            is_needed = self._is_needed()
        if not self._samples:
            self._sample(sampler)
        self._close()

    def _is_needed(self) -> bool:
        """Tell whether anybody is left to watch; if not, the lock is given up.

        Who came while it was still ours has left its log and counts on us: then it is taken again,
        unless a third one was faster.
        """
        if self._look():
            return True
        self._lock.release()
        return self._look() and self._reacquire()

    def _look(self) -> bool:
        """Look at the trainers, record who has died, and tell whether anybody is left."""
        for deceased in self._trainers.look(self._clock.monotonic()):
            code, reason = deceased.death
            self._writer.log_death(deceased.log.log_id, {"code": code, "reason": reason})
            self._last_death = deceased
        return bool(self._trainers)

    def _reacquire(self) -> bool:
        with contextlib.suppress(OSError):
            lock = MonitorLock.acquire(self._lock.path, self._disk)
            if lock is not None:
                self._lock = lock
                return True
        return False

    def _wait(self, timeout_s: float) -> None:
        """Wait for the end of a trainer, or for the word of the first that its run has ended."""
        poll = select.poll()
        for fd in (*self._trainers.fds, self._word_fd):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        events = dict(poll.poll(max(1, round(timeout_s * 1000))))
        if self._word_fd in events:
            if os.read(self._word_fd, WORD_BYTES_MAX):
                self._trainers.dismiss_first()
            else:  # Nobody holds the other end any more.
                self._disk.close(self._word_fd)
                self._word_fd = -1

    def _sample(self, sampler: Sampler) -> float:
        """Record a row, and return how long the next one is to wait."""
        before = self._cpu_time()
        self._writer.log_row(sampler.sample(self._moment()), step=self._samples)
        self._samples += 1
        return pause_s(self._interval_s, cost_s=self._cpu_time() - before)

    def _moment(self) -> Moment:
        tree = tree_below(self._trainers.pids, read_table(self._disk))
        return Moment(self._clock.monotonic(), tree)

    def _close(self) -> None:
        if self._last_death is None:
            self._writer.close()
            return
        code, reason = self._last_death.death
        self._writer.close(
            state="crashed", exit_code=UNKNOWN_CODE if code is None else code, reason=reason
        )
