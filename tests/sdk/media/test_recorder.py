"""What `log()` gives its media to: now or later, in order, never lost without a word."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidelog.datastore.disk import Disk
from tidelog.datastore.records import Histogram as RecordedHistogram
from tidelog.datastore.records import Media
from tidelog.sdk.media import Histogram, Image
from tidelog.sdk.media.recorder import MediaRecorder
from tidelog.sdk.media.value import LATER, Encoded, MediaValue, Snapshot

Make = Callable[..., MediaRecorder]

SMALL = np.zeros((8, 8), np.uint8)
LARGE = np.random.default_rng(0).integers(0, 256, (600, 600), np.uint8)


class Gate(MediaValue):
    """A media value whose encoding is dear, and lasts until it is let go."""

    type = "gate"
    folder = "gates"

    def __init__(self, data: bytes = b"x", *, size_bytes: int = 1) -> None:
        super().__init__()
        self.data, self.size_bytes = data, size_bytes
        self.is_open, self.is_reached = threading.Event(), threading.Event()

    def snapshot(self, disk: object) -> Snapshot:
        return Snapshot(self.size_bytes, 1.0, self._encode)

    def _encode(self, _keep: object) -> Encoded:
        self.is_reached.set()
        assert self.is_open.wait(60)
        return Encoded(self.type, self.folder, "bin", self.data)


def test_what_is_cheap_is_in_place_at_once(tmp_path: Path, recorder: Make, late: Any) -> None:
    """No thread is begun for it."""
    media = recorder().record("a", Image(SMALL), step=1)
    assert isinstance(media, Media)
    assert (tmp_path / media.path).is_file()
    assert [] == late.rows


def test_what_is_dear_comes_in_a_second_row_of_its_step(
    tmp_path: Path, recorder: Make, late: Any
) -> None:
    """Its file is in place by then; a thread of its own did it."""
    made = recorder()
    assert LATER is made.record("a", Image(LARGE), step=3)
    assert LATER is made.record("b", [Image(LARGE), Image(SMALL), Histogram([1])], step=4)
    made.stop()
    (step, first), (_, second) = late.rows
    assert (3, {"tidelog-media"}) == (step, late.threads)
    assert (tmp_path / first["a"].path).is_file()
    assert [Media, Media, RecordedHistogram] == [type(each) for each in second["b"]]


def test_what_lies_deeper_in_a_value_is_in_place_at_once(recorder: Make) -> None:
    """There a second row could not take its place."""
    assert isinstance(recorder().record("a", Image(LARGE), step=0, at_once=True), Media)


def test_values_of_one_key_keep_their_order(recorder: Make, late: Any) -> None:
    """A cheap one behind a dear one waits for it: the last that was logged is the last in the log."""
    made, gate = recorder(), Gate()
    made.record("a", gate, step=0)
    assert LATER is made.record("a", Image(SMALL), step=1)
    assert isinstance(made.record("b", Image(SMALL), step=1), Media)
    gate.is_open.set()
    made.stop()
    assert [0, 1] == [step for step, _ in late.rows]
    assert isinstance(made.record("a", Image(SMALL), step=2), Media)


@pytest.mark.parametrize("limits", [{"calls_max": 2}, {"bytes_max": 20}])
def test_a_full_queue_makes_the_caller_encode_and_drops_nothing(
    limits: dict[str, int], recorder: Make, late: Any
) -> None:
    """Bounded in count and in bytes."""
    made, gates = recorder(**limits), [Gate(b"%d" % n, size_bytes=10) for n in range(3)]
    assert [LATER] * 2 == [made.record(f"k{n}", gates[n], step=n) for n in range(2)]
    gates[2].is_open.set()
    assert isinstance(made.record("k2", gates[2], step=2), Media)
    for gate in gates:
        gate.is_open.set()
    made.stop()
    assert [0, 1] == [step for step, _ in late.rows]


def test_a_queue_takes_as_much_again_once_it_is_empty(recorder: Make, late: Any) -> None:
    """What was done no longer counts."""
    made = recorder(calls_max=1, bytes_max=10)
    for step in range(20):
        gate = Gate(b"%d" % step, size_bytes=10)
        gate.is_open.set()
        made.record("a", gate, step=step)
        while made._queue.waiting:
            threading.Event().wait(0.001)
    made.stop()
    assert list(range(20)) == [step for step, _ in late.rows]


def test_a_snapshot_is_of_when_it_was_logged(recorder: Make, late: Any) -> None:
    """The caller may use its buffer again while it waits to be encoded."""
    made, gate, pixels = recorder(), Gate(), LARGE.copy()
    made.record("gate", gate, step=0)
    made.record("a", Image(pixels), step=0)
    pixels[:] = 0
    gate.is_open.set()
    made.stop()
    assert made.record("b", Image(LARGE), step=1, at_once=True) == late.rows[1][1]["a"]


def test_what_cannot_be_encoded_later_is_told(
    recorder: Make, late: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence with the key; the queue goes on."""

    class Broken(Gate):
        def _encode(self, _keep: object) -> Encoded:
            raise ValueError("its sprockets are bent")

    made = recorder()
    made.record("a", Broken(), step=0)
    made.record("b", Image(LARGE), step=1)
    made.stop()
    assert [1] == [step for step, _ in late.rows]
    assert "log() left out 'a': its sprockets are bent" in capsys.readouterr().err


def test_the_end_waits_with_bounded_patience_and_tells_what_is_lost(
    recorder: Make, late: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was not encoded by then writes no row afterwards: the log is closed."""
    made, gate, behind = recorder(stop_patience_s=0.05), Gate(), Gate()
    made.record("a", gate, step=0)
    made.record("b", behind, step=1)
    assert gate.is_reached.wait(60)
    made.stop()
    assert "2 media values could not be encoded within 0.05 s" in capsys.readouterr().err
    (thread,) = [each for each in threading.enumerate() if each.name == "tidelog-media"]
    gate.is_open.set()
    behind.is_open.set()
    thread.join(60)
    assert not behind.is_reached.is_set()
    assert [] == late.rows
    assert isinstance(made.record("c", Image(LARGE), step=2), Media), "the caller encodes afterwards"


def test_a_forked_child_has_no_thread_and_begins_anew(recorder: Make, late: Any, tmp_path: Path) -> None:
    """What waited in its parent is its parent's; what it logs itself is encoded there."""
    made, gate = recorder(), Gate()
    made.record("a", gate, step=0)
    assert gate.is_reached.wait(60)
    pid = os.fork()
    if not pid:
        late.rows.clear()
        assert LATER is made.record("b", Image(LARGE), step=5)
        made.stop()
        os._exit(0 if [5] == [step for step, _ in late.rows] else 1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    gate.is_open.set()
    made.stop()
    assert [0] == [step for step, _ in late.rows]


def test_faults_of_a_value_are_told_once(recorder: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """However often it is logged."""
    image = Image(SMALL, colour="red")
    made = recorder()
    made.record("a", image, step=0)
    made.record("a", image, step=1)
    assert 1 == capsys.readouterr().err.count("Image(colour=...) is not known")
    assert {"image colour": 1} == dict(made._notices.counts)


class GatedDisk(Disk):
    """A disk whose syncs of files last until they are let go, and may fail."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.failure: OSError | None = None
        self.synced = 0

    def fdatasync(self, fd: int) -> None:
        assert self.is_open.wait(60)
        if self.failure is not None:
            raise self.failure
        super().fdatasync(fd)
        self.synced += 1


def test_a_disk_that_blocks_blocks_no_training(recorder: Make) -> None:
    """What is cheap is in the kernel at once, and is synced beside training; at the end all is."""
    disk = GatedDisk()
    made = recorder(disk=disk)
    for step in range(5):
        assert isinstance(made.record("a", Image(SMALL + step), step=step), Media)
    assert 0 == disk.synced
    disk.is_open.set()
    made.stop()
    assert 5 == disk.synced


def test_with_durability_power_a_file_is_on_the_disk_at_once(recorder: Make) -> None:
    """Before the row that names it."""
    disk = GatedDisk()
    disk.is_open.set()
    made = recorder(disk=disk, is_synced=True)
    made.record("a", Image(SMALL), step=0)
    assert 1 == disk.synced


def test_a_sync_that_fails_is_told(recorder: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is there all the same, and the others are synced."""
    disk = GatedDisk()
    disk.failure = OSError(5, "Input/output error")
    made = recorder(disk=disk)
    made.record("a", Image(SMALL), step=0)
    made.record("b", Image(SMALL + 1), step=0)
    disk.is_open.set()
    made.stop()
    told = capsys.readouterr().err
    assert 1 == told.count("media files may not survive a power cut: [Errno 5] Input/output error")
    assert "could not be encoded" not in told


def test_a_forked_child_syncs_its_own(recorder: Make) -> None:
    """Though a sync of its parent was due."""
    disk = GatedDisk()
    made = recorder(disk=disk)
    made.record("a", Image(SMALL), step=0)
    pid = os.fork()
    if not pid:
        disk.is_open.set()
        made._store._unsynced.clear()
        made.record("b", Image(SMALL + 1), step=1)
        made.stop()
        os._exit(0 if 1 == disk.synced else 1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    disk.is_open.set()
