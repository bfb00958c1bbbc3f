"""When each key was used last: noted in memory with each request, written down now and then.

A file of its own: the hub writes it, while the command line changes the keys. It may lag by a minute and
is no promise; a file that cannot be read is begun anew.
"""

import json
import os
from collections.abc import Container

from tidelog.datastore.disk import Disk, StrPath

LAST_USE_FILE = "last-use.json"


class LastUse:
    """Key ids and when they were used last, in seconds since the epoch."""

    def __init__(self, directory: StrPath, *, disk: Disk) -> None:
        self._path = os.path.join(directory, LAST_USE_FILE)
        self._disk = disk
        self._noted: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<LastUse in {self._path}, {len(self._noted)} to write>"

    def note(self, key_id: str, now: float) -> None:
        """Take note of a use."""
        self._noted[key_id] = now

    def times(self) -> dict[str, float]:
        """Return what is known: what was written down, and what was noted since."""
        return {**self._read(), **self._noted}

    def write(self, known: Container[str]) -> None:
        """Write down what was noted, and forget all keys but the known ones.

        Raises OSError where the disk fails; then it is written the next time.
        """
        noted = dict(self._noted)
        if not noted:
            return
        times = {key_id: at for key_id, at in {**self._read(), **noted}.items() if key_id in known}
        self._disk.place(self._path, json.dumps(times, indent=1).encode(), mode=0o600)
        # What was noted meanwhile stays for the next time.
        for key_id, time in noted.items():
            if self._noted.get(key_id) == time:
                self._noted.pop(key_id, None)

    def _read(self) -> dict[str, float]:
        try:
            times = json.loads(self._disk.read(self._path))
            return {str(key_id): float(time) for key_id, time in times.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
