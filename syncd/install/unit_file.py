"""The file of a unit: written and removed only where it is ours, whole or not at all."""

from pathlib import Path

from tidelog.datastore.disk import Disk
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.install.service import MARK

MODE = 0o644


def is_ours(path: Path, disk: Disk) -> bool:
    """Tell whether a unit of ours lies there. Raises CannotStartError where somebody else's does."""
    if not disk.is_there(path):
        return False
    if not disk.is_file(path) or MARK.encode() not in disk.read(path):
        raise CannotStartError(
            f"{path} was not written by `syncd install` and is left as it is: move it away, then run "
            "the command again"
        )
    return True


def write_unit(path: Path, unit: bytes, disk: Disk) -> None:
    """Write a unit, over an older one of ours. Raises CannotStartError where that cannot be."""
    is_ours(path, disk)
    try:
        disk.make_directory(path.parent)
        disk.replace(path, unit, mode=MODE)
    except OSError as error:
        raise CannotStartError(
            f"{path} cannot be written: {error.strerror}; a service of the system needs sudo, "
            "--print shows the unit"
        ) from error
