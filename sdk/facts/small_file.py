"""The small files in which a system says what it is, as in /proc."""

from tidelog.datastore.disk import Disk

BYTES_MAX = 64 * 1024


def read_small_file(path: str, *, disk: Disk, bytes_max: int = BYTES_MAX) -> str:
    """Return the beginning of a file as text, and no text where it cannot be read."""
    try:
        fd = disk.open(path)
        try:
            return disk.read_at(fd, 0, bytes_max).decode(errors="replace")
        finally:
            disk.close(fd)
    except OSError:
        return ""
