"""Who records into a run on this machine: found by the logs, watched, let go when they have ended."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import until

from tidelog.datastore import Writer
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.process import boot_id
from tidelog.sdk.monitor.trainers import Trainers

DISK = Disk()

RECORDER = """
import os, sys
from tidelog.datastore import Writer
directory, stream, logs, end = sys.argv[1:]
for _ in range(int(logs)):
    writer = Writer(directory, stream=stream)
    writer.log_row({"loss": 0.5}, step=0)
print("ready", flush=True)
while line := sys.stdin.readline():
    if line == "again\\n":
        writer = Writer(directory, stream=stream)
        print("ready", flush=True)
    if line == "close\\n":
        writer.close()
        print("ready", flush=True)
eval(end)
"""


class Recorder:
    """A process that records into a directory: it has begun so many logs, and ends as it is told."""

    def __init__(self, directory: Path, *, stream: str = "main", logs: int = 1, end: str = "0") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RECORDER, str(directory), stream, str(logs), end],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._expect_ready()

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        self._expect_ready()

    def end(self) -> int:
        self.process.communicate()
        return self.process.returncode

    def _expect_ready(self) -> None:
        assert self.process.stdout is not None
        assert "ready\n" == self.process.stdout.readline()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Callable[..., Recorder]]:
    started: list[Recorder] = []

    def start(**how: object) -> Recorder:
        started.append(Recorder(tmp_path, **how))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


def watching(directory: Path, first: str = "main.0001.tlog", disk: Disk = DISK) -> Trainers:
    host = os.uname().nodename
    return Trainers(str(directory), first, host=host, boot_id=boot_id(DISK), disk=disk)


def deaths(trainers: Trainers, now: float = 0.0) -> list[tuple[str, int | None]]:
    return [(str(log.name), death.code) for log, death in trainers.look(now)]


KILL = "os.kill(os.getpid(), 9)"


def test_a_process_is_watched_from_the_start_of_its_log_to_its_death(
    tmp_path: Path, recorder: Callable[..., Recorder]
) -> None:
    """Then there is nobody, and no descriptor is left."""
    before = len(os.listdir("/proc/self/fd"))
    trainers = watching(tmp_path)
    assert not trainers
    trainer = recorder(end=KILL)
    assert [] == deaths(trainers)
    assert [trainer.process.pid] == trainers.pids
    assert -9 == trainer.end()
    assert [("main.0001.tlog", -9)] == deaths(trainers)
    assert not trainers
    assert [] == deaths(trainers)
    assert before == len(os.listdir("/proc/self/fd"))


def test_a_final_chunk_ends_the_watch_though_the_process_lives(
    tmp_path: Path, recorder: Callable[..., Recorder]
) -> None:
    """A log that the same process begins later is watched again."""
    trainer, trainers = recorder(end=KILL), watching(tmp_path)
    assert [] == deaths(trainers)
    trainer.tell("close")
    assert [] == deaths(trainers)
    assert not trainers
    trainer.tell("again")
    assert [] == deaths(trainers)
    assert trainers
    trainer.end()
    assert [("main.0002.tlog", -9)] == deaths(trainers)


def test_of_several_logs_of_a_process_the_last_one_counts(
    tmp_path: Path, recorder: Callable[..., Recorder]
) -> None:
    """The others' files have failed, or it has resumed its run."""
    trainer, trainers = recorder(logs=2, end=KILL), watching(tmp_path)
    assert [] == deaths(trainers)
    assert [trainer.process.pid] == trainers.pids
    trainer.end()
    assert [("main.0002.tlog", -9)] == deaths(trainers)


def test_earlier_lives_are_not_ours(tmp_path: Path, recorder: Callable[..., Recorder]) -> None:
    """What they left open was told by their own monitor, or is not known any more."""
    recorder(end=KILL).end()
    recorder()
    trainers = watching(tmp_path, "main.0002.tlog")
    assert [] == deaths(trainers)
    assert 1 == len(trainers.pids)


def test_one_that_came_and_died_between_two_looks_is_told(
    tmp_path: Path, recorder: Callable[..., Recorder]
) -> None:
    """How, nobody knows."""
    recorder()
    trainers = watching(tmp_path)
    assert [] == deaths(trainers)
    recorder(stream="rank1", end=KILL).end()
    assert [("rank1.0001.tlog", None)] == deaths(trainers)


def test_the_first_is_told_even_if_it_died_before_the_first_look(
    tmp_path: Path, recorder: Callable[..., Recorder]
) -> None:
    """A monitor takes as long to start as a Python does."""
    recorder(end=KILL).end()
    assert [("main.0001.tlog", None)] == deaths(watching(tmp_path))


def test_the_first_is_let_go_at_its_word(tmp_path: Path, recorder: Callable[..., Recorder]) -> None:
    """Also where its disk took no final chunk; the others are watched on."""
    recorder()
    rank = recorder(stream="rank1")
    trainers = watching(tmp_path)
    assert [] == deaths(trainers)
    trainers.dismiss_first()
    assert [rank.process.pid] == trainers.pids
    assert [] == deaths(trainers)
    assert [rank.process.pid] == trainers.pids


def test_a_run_directory_that_is_away_changes_nothing(
    tmp_path: Path, recorder: Callable[..., Recorder]
) -> None:
    """A network file system may be; who is known is watched by the process."""

    class AwayDisk(Disk):
        is_away = False

        def list(self, path: StrPath) -> list:  # type: ignore[type-arg]
            if self.is_away:
                raise OSError(116, "Stale file handle")
            return super().list(path)

    disk, trainer = AwayDisk(), recorder(end=KILL)
    trainers = watching(tmp_path, disk=disk)
    assert [] == deaths(trainers)
    disk.is_away = True
    assert [] == deaths(trainers)
    trainer.end()
    assert [("main.0001.tlog", -9)] == deaths(trainers)


def test_the_monitors_own_logs_are_no_trainers(tmp_path: Path) -> None:
    """Else it would wait for itself."""
    writer = Writer(tmp_path, stream="monitor")
    trainers = watching(tmp_path)
    assert [] == deaths(trainers)
    assert not trainers
    writer.close()


def test_who_has_ended_can_be_waited_for(tmp_path: Path, recorder: Callable[..., Recorder]) -> None:
    """Its descriptor becomes readable at once, so that nobody need look for it."""
    import select

    trainer, trainers = recorder(end=KILL), watching(tmp_path)
    assert [] == deaths(trainers)
    poll = select.poll()
    (fd,) = trainers.fds
    poll.register(fd, select.POLLIN)
    assert [] == poll.poll(0)
    trainer.process.kill()
    assert until(lambda: poll.poll(1000))
    trainer.process.wait()
    assert [("main.0001.tlog", -9)] == deaths(trainers)


def test_a_status_that_is_not_told_yet_is_asked_for_once_more(
    tmp_path: Path, recorder: Callable[..., Recorder]
) -> None:
    """A zombie's 0 may mean that nobody may know; meanwhile its descriptor wakes nobody."""
    trainer, trainers = recorder(end="os._exit(0)"), watching(tmp_path)
    assert [] == deaths(trainers)
    assert trainer.process.stdin is not None
    trainer.process.stdin.close()
    trainer.process.stdin = None  # It is told to end, and nobody fetches its status.

    def is_seen() -> bool:
        assert [] == deaths(trainers)
        return not trainers.fds

    until(is_seen)
    assert [trainer.process.pid] == trainers.pids
    assert [("main.0001.tlog", 0)] == deaths(trainers)
