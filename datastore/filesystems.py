"""Which kind of file system a path lies on: memory maps and change events need a local one."""

import os

from tidelog.datastore.disk import Disk

MOUNTS = "/proc/self/mountinfo"

_NETWORK = frozenset(
    (
        *("9p", "afs", "beegfs", "beegfs_nodev", "ceph", "cifs", "gfs2", "glusterfs", "gpfs"),
        *("lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2"),
        *("smb3", "smbfs", "vboxsf", "wekafs"),
    )
)
_LOCAL_FUSE = frozenset(["fuseblk", "fuse.fuse-overlayfs", "fuse.mergerfs", "fuse.portal"])


def filesystem_of(path: str, disk: Disk) -> str:
    """Return the type of the file system under a path, "" where the system does not tell."""
    try:
        mounts = disk.read(MOUNTS).decode(errors="surrogateescape")
    except OSError:
        return ""
    return type_in(mounts, os.path.realpath(path))


def is_network(kind: str) -> bool:
    """Tell whether a file system of this type is shared with other machines, or may be."""
    return kind in _NETWORK or (kind.startswith("fuse") and kind not in _LOCAL_FUSE)


def type_in(mounts: str, path: str) -> str:
    """Return the type of the last, deepest mount above `path` in the text of mountinfo (proc(5))."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split()
        if "-" not in fields[6:] or len(fields) < 10:
            continue
        mount = _unescape(fields[4])
        is_above = path == mount or path.startswith(mount.rstrip("/") + "/")
        if is_above and len(mount) >= best:
            best, kind = len(mount), fields[fields.index("-", 6) + 1]
    return kind


def _unescape(field: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, char)
    return field
