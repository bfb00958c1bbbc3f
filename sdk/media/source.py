"""What people have in hand, read once: paths, bytes, open files, arrays and tensors of any library."""

import os
import stat
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.datastore.text import size_text

FILE_BYTES_MAX = 256 * 1024 * 1024


def is_path(data: object) -> bool:
    """Tell whether this is a path that a script may mean; text may be one."""
    return isinstance(data, (str, os.PathLike))


def read_path(path: str | os.PathLike[str], disk: Disk, *, kind: str) -> bytes:
    """Return all bytes of a regular file. Raises ValueError, which says what is wrong with it."""
    shown = os.fspath(path)
    try:
        status = disk.stat(path)
        if not stat.S_ISREG(status.st_mode):
            # A pipe would wait for its writer, and a device may never end.
            raise ValueError(f"{shown} is no regular file; give the path of the {kind}")
        require_size(status.st_size, f"{shown} has", kind=kind)
        return disk.read(path)
    except OSError as error:
        raise ValueError(f"the {kind} cannot be read: {error}") from error


def require_size(size: int, what: str, *, kind: str) -> None:
    """Raise ValueError for more bytes than a media file may have; `what` begins the sentence."""
    if size > FILE_BYTES_MAX:
        raise ValueError(
            f"{what} {size_text(size)}; the limit for one {kind} is {size_text(FILE_BYTES_MAX)}: make "
            "it smaller, or use run.save(path)"
        )


def bytes_of(data: Any) -> bytes | None:
    """Return the bytes of a bytes-like object, or of an open file from its start; None for others."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if not callable(getattr(data, "read", None)):
        return None
    if callable(getattr(data, "seek", None)):
        data.seek(0)
    content = data.read()
    return content.encode() if isinstance(content, str) else bytes(content)


def is_array(data: object) -> bool:
    """Tell whether this is an array or a tensor of some library."""
    return any(hasattr(data, name) for name in ("__array_interface__", "__array__", "numpy"))


def as_array(data: Any, *, kind: str) -> Any:
    """Return a NumPy array, maybe of the same memory. Raises ValueError where NumPy is missing."""
    numpy = load("numpy", f"a {kind} from an array")
    if hasattr(data, "detach"):
        data = data.detach().cpu()
        if str(data.dtype) == "torch.bfloat16":  # NumPy has no such type.
            data = data.float()
    return numpy.asarray(data)


def load(module: str, purpose: str, *, package: str = "") -> Any:
    """Return a module. Raises ValueError, which says what to install, where it is not there."""
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        name = package or module.partition(".")[0]
        raise ValueError(
            f"{purpose} needs {name}, which cannot be imported ({error}): pip install {name}"
        ) from error
