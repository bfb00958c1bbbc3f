"""Copies the files of a run that are what its ledger says, and names the others."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import InvalidNameError
from tidelog.datastore.file_check import FileFault, file_fault
from tidelog.datastore.layout import (
    FILES_DIRECTORY,
    MEDIA_DIRECTORY,
    RUN_JSON,
    SALVAGE_JSON,
    SUMMARY_JSON,
    TEMPORARY_SUFFIX,
    LogName,
)
from tidelog.datastore.names import check_file_path

DERIVED = (RUN_JSON, SUMMARY_JSON)

Ledger = Mapping[str, tuple[int, str]]
"""Path below the run directory -> size in bytes and SHA-256."""


def copy_files(directory: Path, target: Path, ledger: Ledger, *, disk: Disk) -> list[FileFault]:
    """Copy the files of a ledger; return those that are not what it says, which are left out.

    Raises OSError where the copy cannot be written.
    """
    faults = []
    for name, (size, sha256) in ledger.items():
        fault = _fault_of_name(directory, name, disk)
        if fault is None:
            fault = _copy_proven(directory, target, name, size, sha256, disk)
        if fault is not None:
            faults.append(FileFault(name, fault))
    return faults


def copy_derived(directory: Path, target: Path, *, disk: Disk) -> list[FileFault]:
    """Copy what was made from the records for human eyes, as it is; return what cannot be read."""
    faults = []
    for name in DERIVED:
        if disk.is_file(directory / name):
            try:
                data = disk.read(directory / name)
            except OSError as error:
                faults.append(FileFault(name, f"cannot be read: {error.strerror}"))
            else:
                disk.replace(target / name, data)
    return faults


def unnamed_files(directory: Path, ledger: Ledger, *, disk: Disk) -> list[str]:
    """Return the media and saved files that the ledger does not name: their rows may be lost."""
    return [
        name
        for folder in (MEDIA_DIRECTORY, FILES_DIRECTORY)
        if disk.is_directory(directory / folder) and not disk.is_link(directory / folder)
        for path, entry in disk.walk(directory / folder)
        if entry.is_file and not entry.name.endswith(TEMPORARY_SUFFIX)
        if (name := Path(path).relative_to(directory).as_posix()) not in ledger
    ]


def _fault_of_name(directory: Path, name: str, disk: Disk) -> str | None:
    """Tell why a file is not even looked at: a ledger may name anything."""
    try:
        path = PurePosixPath(check_file_path(name))
    except InvalidNameError:
        return "is no path below a run directory"
    top = path.parts[0]
    if LogName.parse(top) is not None or top in (*DERIVED, SALVAGE_JSON):
        return "is a name that the run directory itself needs"
    if any(disk.is_link(directory / above) for above in (path, *path.parents)):
        return "lies behind a symbolic link, which is not followed"
    return None


def _copy_proven(
    directory: Path, target: Path, name: str, size: int, sha256: str, disk: Disk
) -> str | None:
    """Copy a file and prove the copy; what is not as the ledger says is removed again."""
    source, copy = directory / name, target / name
    if not disk.is_file(source) or disk.stat(source).st_size != size:
        return file_fault(directory, name, size, sha256, disk) or "is no regular file"
    disk.make_directory(copy.parent)
    try:
        disk.copy(source, copy)
    except OSError:
        fault = file_fault(directory, name, size, sha256, disk)
        if fault is None:
            raise  # The file is sound: it is the new place that takes no more.
        return fault
    fault = file_fault(target, name, size, sha256, disk)
    if fault is not None:
        disk.remove(copy)
    return fault
