"""Training where nothing works as it should: it comes to the same weights, and what is lost is counted.

Each training is a process; `train` compares its weights with those of one that logs nothing.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from faults.mounts import ext4, needs_root, tmpfs
from faults.trainer import Trained, steps_read, train

from tidelog.datastore import Reader

WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-all") if os.geteuid() == 0 else ()
"""Root may write where modes forbid it: such trainings are root's without its privileges."""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Give what takes down mounts at the end."""
    with ExitStack() as stack:
        yield stack


def at_step(step: int, act: Callable[[], object]) -> Callable[[int], None]:
    """Return what calls `act` once training has come to a step."""
    return lambda reached: act() if reached == step else None  # type: ignore[func-returns-value]


def nothing_lost(trained: Trained, root: Path, steps: int) -> bool:
    return list(range(steps)) == steps_read(root) and trained.told["lost"] == 0


# -- full disks -------------------------------------------------------------------------------------


@needs_root
def test_a_full_disk(stack: ExitStack, tmp_path: Path) -> None:
    """4 MiB: what fitted is read back, the rest is counted, and the number is told once."""
    root = stack.enter_context(tmpfs(tmp_path / "small", "size=4m"))
    steps = 1500
    trained = train(root, steps=steps, text_bytes=5000)
    found, lost = steps_read(root), trained.told["lost"]
    assert lost > 0
    assert list(range(steps - lost)) == found
    assert (1, 1) == (trained.says("cannot be written"), trained.says(f": {lost} rows are lost"))
    assert trained.says("No space left on device") >= 1


@needs_root
def test_a_full_disk_that_is_cleared(stack: ExitStack, tmp_path: Path) -> None:
    """What waited in memory is written as soon as there is room: nothing is lost."""
    small = stack.enter_context(tmpfs(tmp_path / "small", "size=4m"))
    (small / "ballast").write_bytes(bytes(3_900_000))
    root, steps = small / "root", 600
    strike = at_step(400, (small / "ballast").unlink)
    trained = train(root, steps=steps, text_bytes=1000, step_s=0.005, strike=strike)
    assert nothing_lost(trained, root, steps)
    assert (1, 1) == (trained.says("cannot be written"), trained.says("takes data again"))


@needs_root
def test_no_inodes(stack: ExitStack, tmp_path: Path) -> None:
    """Where not even a file can be made nothing is recorded, which one sentence says."""
    small = stack.enter_context(tmpfs(tmp_path / "small", "size=4m,nr_inodes=4"))
    trained = train(small / "root")
    assert 1 == trained.says("nothing of this run is recorded, training goes on")


@needs_root
def test_no_inodes_for_the_rest(stack: ExitStack, tmp_path: Path) -> None:
    """The log is there, run.json cannot be: all rows are read back."""
    small = stack.enter_context(tmpfs(tmp_path / "small", "size=4m,nr_inodes=5"))
    steps = 300
    trained = train(small / "root", steps=steps, step_s=0.001)
    assert nothing_lost(trained, small / "root", steps)
    assert 1 == trained.says("run.json and summary.json")


# -- directories that go ----------------------------------------------------------------------------


def test_the_directory_deleted_under_it(tmp_path: Path) -> None:
    """Rows that nobody can read any more are counted, and that is told."""
    root = tmp_path / "root"
    trained = train(root, step_s=0.005, strike=at_step(200, lambda: shutil.rmtree(root)))
    assert trained.told["lost"] > 0
    assert 1 == trained.says(f": {trained.told['lost']} rows are lost")
    assert 1 == trained.says("the log was deleted while it was written")


def test_the_directory_turned_read_only_under_it(tmp_path: Path) -> None:
    """The file that is open goes on; only the copies for people cannot be made."""
    steps, root = 400, tmp_path / "root"

    def forbid() -> None:
        (directory,) = root.glob("p/2*")
        for folder in (directory, directory.parent, root):
            folder.chmod(0o555)

    trained = train(
        root, steps=steps, step_s=0.002, prefix=WITHOUT_PRIVILEGES, strike=at_step(200, forbid)
    )
    assert nothing_lost(trained, root, steps)
    assert 1 == trained.says("run.json and summary.json")
    assert 1 == trained.says("Permission denied")


def test_a_root_that_may_not_be_written(tmp_path: Path) -> None:
    """Said once, with what to do; training goes on."""
    tmp_path.chmod(0o555)
    trained = train(tmp_path / "root", prefix=WITHOUT_PRIVILEGES)
    tmp_path.chmod(0o755)
    assert 1 == trained.says("cannot be written (Permission denied)")
    assert 1 == trained.says("TIDELOG_DIR=...")


@needs_root
def test_a_file_system_that_turns_read_only(stack: ExitStack, tmp_path: Path) -> None:
    """As ext4 does after an error of its device: rows are held, counted, and told once."""
    root = stack.enter_context(ext4(tmp_path / "disk", tmp_path / "disk.img", mib=16))

    def abort() -> None:
        subprocess.run(["mount", "-o", "remount,abort", root], check=False, capture_output=True)

    trained = train(root / "root", step_s=0.005, strike=at_step(200, abort))
    lost = trained.told["lost"]
    assert 0 < lost <= 500
    assert (1, 1) == (trained.says("cannot be written"), trained.says(f": {lost} rows are lost"))
    assert list(range(500 - lost)) == steps_read(root / "root")[: 500 - lost]


# -- limits -----------------------------------------------------------------------------------------


def limit(name: str, value: str) -> str:
    """Return code that lowers a limit of the process."""
    return (
        f"import resource\nhard = resource.getrlimit(resource.{name})[1]\n"
        f"resource.setrlimit(resource.{name}, ({value}, hard))\n"
    )


def test_files_of_bounded_size(tmp_path: Path) -> None:
    """RLIMIT_FSIZE: the run goes on in the next file, and the next."""
    steps = 400
    trained = train(
        tmp_path / "root",
        steps=steps,
        text_bytes=1000,
        step_s=0.001,
        do=limit("RLIMIT_FSIZE", "100_000"),
    )
    assert nothing_lost(trained, tmp_path / "root", steps)
    assert len(list((tmp_path / "root").glob("p/*/*.tlog"))) > 1


@pytest.mark.parametrize("at", [-1, 100], ids=["from the start", "later"])
def test_no_more_descriptors(at: int, tmp_path: Path) -> None:
    """Nothing can be opened: a log that is open goes on, and one that is not cannot begin."""
    steps = 400
    code = limit(
        "RLIMIT_NOFILE", "3" if at < 0 else "max(map(int, __import__('os').listdir('/proc/self/fd')))"
    )
    trained = train(tmp_path / "root", steps=steps, step_s=0.005, at=at, do=code)
    if at < 0:
        assert 1 == trained.says("nothing of this run is recorded")
    else:
        assert nothing_lost(trained, tmp_path / "root", steps)


def test_no_more_threads(tmp_path: Path) -> None:
    """Who logs writes, and the end syncs. Root has no RLIMIT_NPROC: its stacks are beyond all memory."""
    steps = 400
    code = "import threading; threading.stack_size(2**46)"
    trained = train(tmp_path / "root", steps=steps, do=code)
    assert nothing_lost(trained, tmp_path / "root", steps)
    assert 1 == trained.says("no thread can be started to sync")


def test_no_more_memory(tmp_path: Path) -> None:
    """RLIMIT_AS: a row too large for memory is left out, counted and told; all others are read back."""
    code = (
        "size = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        + limit("RLIMIT_AS", "size + 160_000_000")
        + "text = 'x' * 150_000_000\nfor _ in range(3): run.log({'i': -1, 'text': text}, step=0)\n"
        "del text\n"
    )
    steps = 400
    trained = train(tmp_path / "root", steps=steps, step_s=0.001, at=100, do=code)
    found = [step for step in steps_read_all(tmp_path / "root") if step >= 0]
    assert list(range(steps)) == found
    assert 1 == trained.says("MemoryError")


def steps_read_all(root: Path) -> list[int]:
    """Return the steps of all rows of the one run below a root."""
    (directory,) = {log.parent for log in root.glob("*/*/*.tlog")}
    with Reader(directory) as run:
        assert [] == run.damage
        return [int(record.data["i"]) for record in run.records() if record.kind == "row"]


def test_a_home_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container: no HOME, a user without a name, nothing to be read or written there."""
    monkeypatch.setenv("HOME", "/not/there")
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        monkeypatch.delenv(name)
    steps = 200
    trained = train(tmp_path / "root", steps=steps)
    assert nothing_lost(trained, tmp_path / "root", steps)
    assert 0 == trained.says("cannot")
