"""The monitor's process: DIRECTORY LOG INTERVAL_S LOCK_FD WORD_FD END_FD, as `start.py` says it.

It steps out of the trainer's family at once: a trainer that waits for all its children must not wait
for this one. It opens no socket, reads nothing from anybody, and imports nothing of the user's.
"""

import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidelog.datastore.disk import Disk
    from tidelog.datastore.writer import Writer
    from tidelog.sdk.monitor.sampler import Sampler

IGNORED = ("SIGINT", "SIGHUP", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2")
"""What a terminal or a scheduler sends to all of a job: the trainer's end is what ends the monitor."""


def main(arguments: Sequence[str]) -> None:
    """Watch, in a process that is nobody's child."""
    if os.fork():
        os._exit(0)
    for name in IGNORED:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    directory, log, interval_s, *fds = arguments
    lock_fd, word_fd, _end_fd = map(int, fds)
    watch(directory, log, float(interval_s), lock_fd, word_fd)


def watch(directory: str, log: str, interval_s: float, lock_fd: int, word_fd: int) -> None:
    """Watch the trainers of a run until the last one has ended."""
    from tidelog.datastore.clock import Clock
    from tidelog.datastore.disk import Disk
    from tidelog.datastore.layout import MONITOR
    from tidelog.datastore.process import boot_id
    from tidelog.datastore.writer import Writer
    from tidelog.sdk.monitor.lock import MonitorLock, lock_path
    from tidelog.sdk.monitor.trainers import Trainers
    from tidelog.sdk.monitor.watch import Watch

    disk = Disk()
    lock = MonitorLock(lock_path(directory, os.environ, disk), lock_fd, disk)
    try:
        writer = Writer(directory, stream=MONITOR, disk=disk)
        Watch(
            writer,
            Trainers(directory, log, host=os.uname().nodename, boot_id=boot_id(disk), disk=disk),
            lambda: make_sampler(directory, writer, disk),
            lock,
            word_fd,
            interval_s=interval_s,
            disk=disk,
            clock=Clock(),
        ).run()
    finally:
        lock.release()


def make_sampler(directory: str, writer: "Writer", disk: "Disk") -> "Sampler":
    """Return what samples this machine; which GPUs of AMD it has is noted."""
    from tidelog.sdk.monitor.gpus import amd_facts
    from tidelog.sdk.monitor.sampler import Sampler, makers

    gpus = amd_facts(disk)
    if gpus:
        writer.log_run({"gpus": gpus})
    tell = partial(writer.log_console, "stderr")
    return Sampler(makers(directory, disk), tell=lambda text: tell(f"tidelog: {text}\n"))


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)
