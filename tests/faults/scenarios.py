"""Runs to record: what a training script does, and what its disk does to it."""

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from faults.recorded_run import LIMITS, RecordedRun

from tidelog.datastore.writer import DURABILITIES

Scenario = Callable[[Path], RecordedRun]


def plain(root: Path) -> RecordedRun:
    """Rows of two schemas, short and over sectors, checkpoints, syncs, a final chunk."""
    run = RecordedRun(root)
    run.log(4)
    run.sync()
    run.log(3)
    run.log(2, text_bytes=700)
    run.sync()
    run.log(5)
    run.close()
    return run


def power(root: Path) -> RecordedRun:
    """Each row is on the disk when its call returns."""
    run = RecordedRun(root, durability="power")
    run.log(6)
    run.log(2, text_bytes=700)
    run.close()
    return run


def buffered(root: Path) -> RecordedRun:
    """Several rows in a chunk."""
    run = RecordedRun(root, durability="buffered")
    run.log(9)
    run.sync()
    run.log(12)
    run.log(2, text_bytes=300)
    run.sync()
    run.log(3)
    run.close()
    return run


def failing_write(root: Path) -> RecordedRun:
    """A write fails, another is short, and no file can be made for a while."""
    run = RecordedRun(root)
    run.log(4)
    run.sync()
    run.log(3)
    run.refuse_files(errno.ENOSPC)
    run.disk.fail("write", errno.ENOSPC)
    run.log(3)
    run.recover()
    run.log(2)
    run.disk.write_short(25)
    run.log()
    run.recover()
    run.log(2)
    run.close()
    return run


def failing_sync(root: Path) -> RecordedRun:
    """fdatasync fails, and while the rows are carried over a write fails as well."""
    run = RecordedRun(root)
    run.log(3)
    run.sync()
    run.log(5)
    run.disk.fail("fdatasync", errno.EIO)
    run.disk.fail("write", errno.EIO, at=run.disk.calls["write"] + 4)
    run.sync()
    run.log(2)
    run.disk.fail("fdatasync", errno.EDQUOT)
    run.sync()
    run.log(1)
    run.close()
    return run


def failing_first_sync(root: Path) -> RecordedRun:
    """Nothing of the first log is known to be on the disk, not even its header."""
    run = RecordedRun(root, durability="power")
    run.disk.fail("fdatasync", errno.EIO)
    run.log(1, text_bytes=600)
    run.recover()
    run.log(3)
    run.disk.fail("fdatasync", errno.EIO)
    run.log(2)
    run.recover()
    run.close()
    return run


def files(root: Path) -> RecordedRun:
    """Images before their rows, saved files before their entries, run.json again and again."""
    run = RecordedRun(root)
    run.describe()
    run.log(2)
    run.image()
    run.save("model.npz", 1500)
    run.describe()
    run.image()
    run.save("model.npz", 900)
    run.sync()
    run.log(1)
    run.describe()
    run.close()
    return run


def background(root: Path) -> RecordedRun:
    """The background thread syncs by itself."""
    limits = replace(LIMITS, sync_interval_s=0.001)
    run = RecordedRun(root, limits=limits)
    for _ in range(3):
        run.log(2)
        run.wait_for_background()
    run.close()
    return run


def wild(root: Path, seed: int) -> RecordedRun:
    """What a random number generator thinks of."""
    random = Random(seed)
    run = RecordedRun(root, durability=random.choice(DURABILITIES), seed=seed)
    disk = run.disk
    trouble: list[Callable[[], None]] = [
        lambda: disk.fail("write", errno.ENOSPC),
        lambda: disk.fail("write", errno.EIO, at=disk.calls["write"] + random.randrange(1, 6), times=2),
        lambda: disk.write_short(random.randrange(60)),
        lambda: disk.fail("fdatasync", errno.EIO, times=random.randrange(1, 3)),
        lambda: disk.fail("create", errno.ENOSPC, at=disk.calls["create"] + 1),
    ]
    calm: list[Callable[[], None]] = [
        lambda: run.log(random.randrange(1, 5)),
        lambda: run.log(text_bytes=random.choice((40, 300, 1100))),
        run.image,
        run.describe,
        lambda: run.save(f"{random.choice('ab')}.bin", random.choice((0, 3, 513, 1024))),
    ]
    for _ in range(random.randrange(5, 10)):
        random.choice(calm)()
        if random.random() < 0.3:
            random.choice(trouble)()
            run.log(random.randrange(1, 4))
            run.sync()
        elif random.random() < 0.3:
            run.sync()
        disk.heal()
    if random.random() < 0.3:
        disk.fail("fdatasync", errno.EIO)
    run.close()
    return run


SCENARIOS = [
    plain,
    power,
    buffered,
    failing_write,
    failing_sync,
    failing_first_sync,
    files,
    background,
]
