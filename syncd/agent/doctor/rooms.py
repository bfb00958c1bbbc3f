"""Is there room on a disk: for the agent's state, for roots, and for targets that are folders."""

from collections.abc import Iterator

from tidelog.datastore.disk import Disk, Room
from tidelog.datastore.text import counted, size_text
from tidelog.syncd.agent.doctor.finding import Finding, ok, problem, warning

NAME = "room"
FREE_BYTES_MIN = 100_000_000
FREE_RATIO_LOW = 0.05
FREE_FILES_MIN = 1_000


def judge_room(path: str, room: Room) -> Finding:
    """Say whether there is enough room under a path."""
    free = f"{size_text(room.free_bytes)} of {size_text(room.size_bytes)} free"
    if room.free_bytes < FREE_BYTES_MIN:
        return problem(NAME, f"{path}: {free}", "make room there, before writing fails")
    if room.files and room.free_files < FREE_FILES_MIN:
        left = f"{counted(room.free_files, 'more file')} of {room.files:,} can be made"
        return problem(NAME, f"{path}: {left}, though {free}", "remove small files there")
    if room.free_bytes < room.size_bytes * FREE_RATIO_LOW:
        return warning(NAME, f"{path}: {free}", "make room there soon")
    return ok(NAME, f"{path}: {free}")


def look_at_folder(path: str, disk: Disk) -> Iterator[Finding]:
    """Look at a target that is a folder: the one above it must be there, as it may be a disk's."""
    above = path.rpartition("/")[0] or "/"
    if not disk.is_directory(above):
        yield problem("target", f"{above} is not there", "mount the disk that it is on, or make it")
    elif disk.is_there(path) and not disk.is_directory(path):
        yield problem("target", f"{path} is no folder", "move it away, or name another target")
    else:
        yield from look_at_room(path, disk)


def look_at_room(path: str, disk: Disk) -> Iterator[Finding]:
    """Look at the file system under a path, or under the nearest folder above that is there."""
    while not disk.is_there(path) and path != "/":
        path = path.rpartition("/")[0] or "/"
    yield judge_room(path, disk.room(path))
