"""The small files in which a system says what it is, as in /proc."""

from tidelog.datastore.disk import Disk

BYTES_MAX = 64 * 1024


def read_small_file(path: str, *, disk: Disk, bytes_max: int = BYTES_MAX) -> str:
    """Return the beginning of a file as text, and no text where it cannot be read."""
    try:
        return disk.read_start(path, bytes_max).decode(errors="replace")
    except OSError:
        return ""
