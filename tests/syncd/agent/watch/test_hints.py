"""What inotify tells, and what is done where it tells nothing, too little, or no more."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from faults.mounts import needs_root, served
from waiting import PATIENCE_S, until

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.watch.hints import Hints, open_inotify
from tidelog.syncd.agent.watch.tree import Place

QUEUED_MAX = Path("/proc/sys/fs/inotify/max_queued_events")


class Watcher:
    """Hints for some folders, and what came of them."""

    def __init__(self, stack: ExitStack, *, holds: bool = False, **settings: int) -> None:
        self.told: list[str] = []
        self.hinted = threading.Event()
        self.may_go_on = threading.Event()
        self.is_held = threading.Event()
        if not holds:
            self.may_go_on.set()
        inotify = open_inotify(self.told.append)
        assert inotify is not None
        self.hints = Hints(
            self._hint,
            inotify=inotify,
            disk=Disk(),
            clock=Clock(),
            settings=replace(AgentSettings(trust_s=0.0), **settings),
            tell=self.told.append,
        )
        stack.callback(inotify.close)
        stack.callback(self.may_go_on.set)

    def _hint(self) -> None:
        self.hinted.set()
        self.is_held.set()
        self.may_go_on.wait(PATIENCE_S)

    def watch(self, *paths: Path) -> None:
        self.hints.watch([place(path) for path in paths])

    def prove(self, path: Path, name: str) -> None:
        """Let an event come for a change that a look has found."""
        self.hints.judge([])
        self.hear(path / name)
        self.hints.quiet()
        self.hints.judge([str(path)])

    def hear(self, path: Path) -> None:
        self.hinted.clear()
        path.mkdir()
        assert self.hinted.wait(PATIENCE_S)


def place(path: Path) -> Place:
    found = Place(str(path))
    status = path.stat()
    found.identity = (status.st_dev, status.st_ino)
    return found


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_a_folder_is_quiet_once_events_are_proven_and_loud_after_one(
    stack: ExitStack, tmp_path: Path
) -> None:
    """Before the proof it is looked at, whatever is heard."""
    watcher = Watcher(stack)
    watcher.watch(tmp_path)
    assert set() == watcher.hints.quiet()
    assert "no event has proven it yet" in watcher.hints.way_to(place(tmp_path))
    watcher.prove(tmp_path, "one")
    assert {str(tmp_path)} == watcher.hints.quiet()
    assert "inotify" == watcher.hints.way_to(place(tmp_path))
    watcher.hear(tmp_path / "two")
    assert set() == watcher.hints.quiet()
    assert {str(tmp_path)} == watcher.hints.quiet()


def test_a_change_without_an_event_is_told_and_ends_the_quiet(stack: ExitStack, tmp_path: Path) -> None:
    """The kernel does not see everybody who changes this file system."""
    watcher = Watcher(stack)
    watcher.watch(tmp_path)
    watcher.prove(tmp_path, "one")
    watcher.hints.judge([str(tmp_path)])
    until(lambda: watcher.hints.judge([]) or watcher.told)
    assert "came without an event" in watcher.told[0]
    assert set() == watcher.hints.quiet()


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_folder_in_another_ones_place_is_watched_anew(
    stack: ExitStack, tmp_path: Path, is_deleted: bool
) -> None:
    """Also where the old one was deleted, and many file systems give its number to the new one."""
    folder = tmp_path / "root"
    folder.mkdir()
    watcher = Watcher(stack)
    watcher.watch(folder)
    watcher.prove(folder, "one")
    if is_deleted:
        (folder / "one").rmdir()
        watcher.hints.quiet()
        watcher.hinted.clear()
        folder.rmdir()
        assert watcher.hinted.wait(PATIENCE_S)
        folder.mkdir()
    else:
        folder.rename(tmp_path / "old")
        folder.mkdir()
    watcher.hints.quiet()
    watcher.watch(folder)
    watcher.hear(folder / "two")


def test_a_folder_that_is_watched_no_more_gives_no_hint(stack: ExitStack, tmp_path: Path) -> None:
    """Nor does it keep a watch."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    watcher = Watcher(stack)
    watcher.watch(one, two)
    watcher.prove(two, "x")
    watcher.watch(two)
    (one / "unheard").mkdir()
    watcher.hear(two / "heard")
    assert set() == watcher.hints.quiet()
    assert 1 == watches_of_this_process()


def watches_of_this_process() -> int:
    """Count the inotify watches as the kernel has them."""
    infos = [path.read_text() for path in Path("/proc/self/fdinfo").iterdir() if path.exists()]
    return sum(line.startswith("inotify wd:") for info in infos for line in info.splitlines())


def test_beyond_the_bound_nothing_is_watched(stack: ExitStack, tmp_path: Path) -> None:
    """What is not watched is not quiet."""
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    watcher = Watcher(stack, watches_max=2)
    watcher.watch(*folders)
    watcher.prove(folders[0], "x")
    assert {str(folder) for folder in folders[:2]} == watcher.hints.quiet()
    assert [] == watcher.told
    assert "no inotify watch" in watcher.hints.way_to(place(folders[2]))


def test_a_queue_that_ran_over_leaves_nothing_quiet(stack: ExitStack, tmp_path: Path) -> None:
    """The kernel dropped events: nobody knows of which folder."""
    many, other = tmp_path / "many", tmp_path / "other"
    many.mkdir()
    other.mkdir()
    watcher = Watcher(stack)
    watcher.watch(many, other)
    watcher.prove(many, "x")
    assert {str(many), str(other)} == watcher.hints.quiet()
    watcher.is_held.clear()
    watcher.may_go_on.clear()
    (many / "held").mkdir()
    assert watcher.is_held.wait(PATIENCE_S)
    # Whoever reads events waits, so the kernel's queue fills up and runs over.
    for number in range(int(QUEUED_MAX.read_text()) + 100):
        os.close(os.open(many / f"{number}", os.O_CREAT | os.O_WRONLY))
    watcher.may_go_on.set()
    until(lambda: watcher.hints.overflows)
    assert set() == watcher.hints.quiet()
    assert 1 == watcher.hints.overflows
    assert {str(many), str(other)} == until(lambda: watcher.hints.quiet())
    assert [] == watcher.told


@needs_root
def test_a_file_system_that_others_change_is_not_watched(stack: ExitStack, tmp_path: Path) -> None:
    """FUSE: a change from behind makes no event."""
    point, _ = stack.enter_context(served(tmp_path))
    watcher = Watcher(stack)
    watcher.watch(point)
    assert set() == watcher.hints.quiet()
    assert "looking: fuse" in watcher.hints.way_to(place(point))


IN_A_NAMESPACE = """
import sys
from contextlib import ExitStack
from pathlib import Path
limit, value, tests, *folders = sys.argv[1:]
sys.path.insert(0, tests)
from few_watches import told_of
Path("/proc/sys/user", limit).write_text(value)
print(*told_of(folders), sep="\\n")
"""


def told_with(limit: str, value: int, folders: list[Path]) -> list[str]:
    """Return what is told where the limits on inotify are the process's own."""
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", IN_A_NAMESPACE]
    tests = Path(__file__).parents[3]
    arguments = [limit, value, tests, *folders]
    done = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout.splitlines()


def test_watches_that_are_used_up_are_told_once(tmp_path: Path) -> None:
    """With the folder, the limit and what is done instead; the others are watched."""
    folders = [tmp_path / name for name in "abcd"]
    for folder in folders:
        folder.mkdir()
    told, watched = told_with("max_inotify_watches", 2, folders)
    assert f"{folders[2]} cannot be watched" in told
    assert "by looking" in told
    assert "fs.inotify.max_user_watches" in told
    assert f"watched {folders[0]} {folders[1]}" == watched


def test_instances_that_are_used_up_are_told_once(tmp_path: Path) -> None:
    """Everything is found by looking then."""
    told, watched = told_with("max_inotify_instances", 0, [tmp_path])
    assert "fs.inotify.max_user_instances" in told
    assert "watched" == watched.strip()
