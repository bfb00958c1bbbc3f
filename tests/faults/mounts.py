"""Real file systems for a test, mounted as root: small ones, one whose device hangs, one served."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount file systems")
FUSE_SERVER = Path(__file__).with_name("fuse_server.py")


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@contextlib.contextmanager
def mounted(point: Path, *arguments: object) -> Iterator[Path]:
    """Mount with the arguments of mount(8) but the last, which is `point`."""
    point.mkdir()
    _run("mount", *arguments, point)
    try:
        yield point
    finally:
        _run("umount", "--lazy", point)


@contextlib.contextmanager
def tmpfs(point: Path, options: str) -> Iterator[Path]:
    """Mount a file system in memory."""
    with mounted(point, "-t", "tmpfs", "-o", options, "none"):
        yield point


@contextlib.contextmanager
def ext4(point: Path, image: Path, *, mib: int) -> Iterator[Path]:
    """Mount an ext4 file system that lies in the file `image`."""
    with image.open("wb") as file:
        file.truncate(mib * 2**20)
    _run("mkfs.ext4", "-q", "-F", image)
    with mounted(point, "-o", "loop", image):
        yield point


class Hang:
    """Makes something answer nothing, and answer again; what still hangs at the end is let go."""

    def __init__(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self._begin = begin
        self._end = end
        self.is_on = False

    def begin(self) -> None:
        """Let nothing be answered from now on."""
        self._begin()
        self.is_on = True

    def end(self) -> None:
        """Let all be answered again."""
        if self.is_on:
            self.is_on = False
            self._end()


@contextlib.contextmanager
def hanging_device(folder: Path) -> Iterator[tuple[Path, Hang]]:
    """Mount an ext4 whose block device can be made to hang: its image lies on one that is frozen."""
    with ext4(folder / "outer", folder / "outer.img", mib=96) as outer:
        hang = Hang(lambda: _run("fsfreeze", "-f", outer), lambda: _run("fsfreeze", "-u", outer))
        with ext4(folder / "inner", outer / "inner.img", mib=48) as inner:
            try:
                yield inner, hang
            finally:
                hang.end()


@contextlib.contextmanager
def served(folder: Path, *, kind: str = "fuse") -> Iterator[tuple[Path, Hang]]:
    """Mount a file system that a process serves, which can be stopped.

    What is done in `folder / "behind"` shows in it without an event, as what another machine does.
    """
    point, behind = folder / "served", folder / "behind"
    point.mkdir()
    behind.mkdir()
    command = [sys.executable, str(FUSE_SERVER), str(point), str(behind), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert "mounted\n" == server.stdout.readline()
        hang = Hang(
            lambda: server.send_signal(signal.SIGSTOP), lambda: server.send_signal(signal.SIGCONT)
        )
        try:
            yield point, hang
        finally:
            hang.end()
            _run("umount", "--lazy", point)
            server.kill()
