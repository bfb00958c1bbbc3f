"""A disk that fails at any call: never a success that is none, and all goes on once it works again."""

import errno
import hashlib
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from log_spec import LogSpec

from tidelog.datastore.disk import Disk
from tidelog.syncd.bodies import SmallFile, encode_batch
from tidelog.syncd.protocol import batch_path, file_path

CALLS = ("create", "write", "pwrite", "truncate", "fdatasync", "move", "mkdir", "sync_directory")
CALLS_MAX = 40


class FailingDisk(Disk):
    """Lets one call that changes something fail, the `after`-th from now on."""

    def __init__(self) -> None:
        self.code = 0
        self.after: int | None = None
        self._lock = threading.Lock()
        for name in CALLS:
            setattr(self, name, self._failing(getattr(super(), name)))

    def _failing(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def failing(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                is_now = self.after == 0
                if self.after is not None:
                    self.after = None if is_now else self.after - 1
            if is_now:
                raise OSError(self.code, os.strerror(self.code))
            return call(*arguments, **named)

        return failing


def uploads(hub: Any, run: str) -> list[tuple[str, str, bytes, Callable[[], Any]]]:
    """Return the calls that fill a run: a new log, more of it, small files, a large one."""
    log = LogSpec().row({"a": 1}, step=0).row({"a": 2}, step=1)
    name, cut = ("p", run, "main.0001.tlog"), log.ends[0]
    data = b"x" * 500
    sha256 = hashlib.sha256(data).hexdigest()
    batch = encode_batch([SmallFile(f"media/{i}", sha256, data) for i in range(2)])
    large = file_path("p", run, "files/b", sha256=sha256)
    whole = {"Upload-Length": "500", "Upload-Complete": "?1"}
    return [
        ("log", "main.0001.tlog", log.data[:cut], lambda: hub.append(0, log.data[:cut], name=name)),
        ("more", "main.0001.tlog", log.data, lambda: hub.append(cut, log.data[cut:], name=name)),
        ("files", "media/1", data, lambda: hub.call("POST", batch_path("p", run), batch)),
        ("file", "files/b", data, lambda: hub.call("PUT", large, data, whole)),
    ]


@pytest.mark.parametrize(
    ("code", "statuses"), [(errno.EIO, {500}), (errno.ENOSPC, {507}), (errno.EROFS, {503})]
)
def test_a_failing_disk_is_never_answered_with_success(
    start_hub: Any, code: int, statuses: set[int]
) -> None:
    """At each call of each kind of upload: 5xx, and all is there once it was tried again."""
    disk = FailingDisk()
    disk.code = code
    hub = start_hub(disk=disk)
    failures = 0
    for at in range(CALLS_MAX):
        before = failures
        for _kind, path, expected, send in uploads(hub, f"r{at}"):
            disk.after = at
            answer = send()
            is_failed = disk.after is None
            disk.after = None
            if is_failed:
                failures += 1
            if answer.status != 200:
                assert is_failed
                assert answer.status in statuses, answer.body
                assert 200 == send().status
            assert expected == (hub.data / "p" / f"r{at}" / path).read_bytes()
        if failures == before:
            break
    assert failures > 20
