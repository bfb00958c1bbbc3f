"""A disk of small files that are given as text, such as those of /proc and /sys of another machine."""

from tidelog.datastore.disk import Disk, StrPath


class TextDisk(Disk):
    """Only `read` and `is_there` know the text; a file that is not given is not there."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def read(self, path: StrPath) -> bytes:
        if str(path) not in self.files:
            raise FileNotFoundError(2, "not there", str(path))
        return self.files[str(path)].encode()

    def is_there(self, path: StrPath) -> bool:
        return str(path) in self.files


CGROUP_V2_MOUNT = "35 24 0:30 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


def with_cgroups(memberships: str, mounts: str, **files: str) -> TextDisk:
    """Return a machine of which process 7, and the one that asks, are members of cgroups."""
    told = {"/proc/7/cgroup": memberships, "/proc/self/cgroup": memberships}
    return TextDisk({**told, "/proc/self/mountinfo": mounts, **files})
