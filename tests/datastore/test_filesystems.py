"""Which file system a path lies on."""

import pytest

from tidelog.datastore.filesystems import is_network, type_in

MOUNTS = """\
22 28 0:21 / /proc rw,nosuid - proc proc rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 28 0:40 / /home rw - nfs4 server:/home rw,vers=4.2
41 40 0:41 / /home/me/usb\\040stick rw - vfat /dev/sdb1 rw
42 28 0:42 / /scratch rw shared:2 master:1 - lustre mds@tcp:/scratch rw
43 28 0:43 / /mnt/sshfs rw - fuse.sshfs host:/ rw
44 28 0:44 / /home2 rw - xfs /dev/vdb rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/var/x", "ext4"),
        ("/home", "nfs4"),
        ("/home/me/runs", "nfs4"),
        ("/home/me/usb stick/runs", "vfat"),
        ("/home2/x", "xfs"),
        ("/scratch/a/b", "lustre"),
        ("/mnt/sshfs", "fuse.sshfs"),
    ],
)
def test_the_deepest_mount_above_a_path_counts(path: str, kind: str) -> None:
    """proc(5), mountinfo: optional fields, escaped spaces, names that only begin alike."""
    assert kind == type_in(MOUNTS, path)


def test_shared_file_systems_are_known() -> None:
    """State and events need a local one."""
    assert ["nfs4", "lustre", "fuse.sshfs"] == [
        kind for kind in ("ext4", "nfs4", "xfs", "lustre", "tmpfs", "fuse.sshfs", "") if is_network(kind)
    ]
