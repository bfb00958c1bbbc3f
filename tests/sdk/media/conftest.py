import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidelog.datastore.disk import Disk
from tidelog.sdk.media.encoder_queue import EncoderLimits
from tidelog.sdk.media.recorder import MediaRecorder
from tidelog.sdk.media.store import MediaStore
from tidelog.sdk.notices import Notices


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore(tmp_path, disk=Disk())


class Rows:
    """What a recorder writes late, in its order."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, Any]]] = []
        self.threads: set[str] = set()

    def write(self, row: dict[str, Any], step: int) -> None:
        self.rows.append((step, row))
        self.threads.add(threading.current_thread().name)


@pytest.fixture
def late() -> Rows:
    return Rows()


@pytest.fixture
def recorder(tmp_path: Path, late: Rows) -> Iterator[Callable[..., MediaRecorder]]:
    """Give what makes a recorder below `tmp_path`, with a disk and the limits of its queue."""
    made = []

    def make(*, disk: Disk | None = None, is_synced: bool = False, **limits: Any) -> MediaRecorder:
        recorder = MediaRecorder(
            tmp_path,
            disk=disk or Disk(),
            notices=Notices(),
            write_row=late.write,
            is_synced=is_synced,
            limits=EncoderLimits(**limits),
        )
        made.append(recorder)
        return recorder

    yield make
    for each in made:
        each.stop()
