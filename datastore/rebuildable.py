"""An LMDB environment of what can be read again elsewhere: where it is broken, it is made anew."""

import contextlib
import os

import lmdb

from tidelog.datastore.disk import Disk, StrPath

DATA = "data.mdb"
LOCK = "lock.mdb"

BROKEN = (lmdb.InvalidError, lmdb.CorruptedError, lmdb.VersionMismatchError, lmdb.PanicError)


def open_table(path: StrPath, *, map_bytes: int, disk: Disk, tables_max: int = 0) -> "lmdb.Environment":
    """Open or make the environment in a folder that is there; one that is broken is made anew.

    A process may have it open once. Raises lmdb.Error and OSError where neither can be.
    """
    with contextlib.suppress(*BROKEN):
        environment = _environment(path, map_bytes, tables_max)
        if _is_whole(environment, path, disk):
            return environment
        environment.close()
    remove_table(path, disk=disk)
    return _environment(path, map_bytes, tables_max)


def remove_table(path: StrPath, *, disk: Disk) -> None:
    """Remove the files of an environment that nobody has open."""
    for name in (DATA, LOCK):
        disk.remove(os.path.join(path, name))


def _is_whole(environment: "lmdb.Environment", path: StrPath, disk: Disk) -> bool:
    """Tell whether the file has all its pages: to read one that it lacks ends a process by SIGBUS."""
    pages = environment.info()["last_pgno"] + 1
    size: int = disk.stat(os.path.join(path, DATA)).st_size
    return pages * environment.stat()["psize"] <= size


def _environment(path: StrPath, map_bytes: int, tables_max: int) -> "lmdb.Environment":
    return lmdb.open(
        os.fspath(path),
        map_size=map_bytes,
        mode=0o600,
        metasync=False,
        max_dbs=tables_max,
        lib_version=0,
    )
