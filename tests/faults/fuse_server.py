"""A file system that a process serves, as root, until killed: `fuse_server.py MOUNT_POINT FOLDER TYPE`.

What is done below the mount point is done in the folder. Stopped with SIGSTOP it is a server that does
not answer: every call on its files hangs, as on NFS or Lustre, until SIGCONT. The messages are those of
the kernel's `include/uapi/linux/fuse.h`, version 7.31; the kernel is told to cache nothing.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable

MESSAGE_BYTES = 1024 * 1024 + 4096
IN_HEADER, OUT_HEADER = struct.Struct("<IIQQIIII"), struct.Struct("<IiQ")
ATTRIBUTES = struct.Struct("<6Q10I")
ENTRY = struct.Struct("<4Q2I")
NOT_ANSWERED = (2, 36, 42)  # FORGET, INTERRUPT, BATCH_FORGET
ROOT_ID = 1
RENAME_IN_BYTES, CREATE_IN_BYTES, WRITE_IN_BYTES = 16, 16, 40


class FuseServer:
    """Answers the kernel's messages, one at a time."""

    def __init__(self, folder: str) -> None:
        self._paths: dict[int, str] = {ROOT_ID: folder}
        self._ids: dict[str, int] = {folder: ROOT_ID}
        self._calls: dict[int, Callable[[int, bytes], bytes]] = {
            1: self._look_up,
            3: lambda node, _: self._attributes_out(node),
            4: self._set_attributes,
            5: lambda node, _: os.fsencode(os.readlink(self._paths[node])),
            6: self._symlink,
            9: self._make_directory,
            10: self._remove,
            12: lambda node, body: self._rename(node, body, 8),
            14: self._open,
            15: self._read,
            16: self._write,
            18: self._release,
            20: self._sync,
            25: lambda *_: b"",  # FLUSH
            26: lambda *_: struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 12, 10, 1 << 20, 1, 256, 0, 0),
            27: lambda *_: struct.pack("<QII", 0, 0, 0),  # OPENDIR
            28: self._read_directory,
            29: lambda *_: b"",  # RELEASEDIR
            30: lambda *_: b"",  # FSYNCDIR
            35: self._create,
            45: lambda node, body: self._rename(node, body, RENAME_IN_BYTES),
        }

    def serve(self, device: int) -> None:
        """Answer until the file system is unmounted."""
        while True:
            try:
                message = os.read(device, MESSAGE_BYTES)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                continue
            _, opcode, unique, node, *_ = IN_HEADER.unpack_from(message)
            if opcode in NOT_ANSWERED:
                continue
            code, answer = 0, b""
            try:
                answer = self._calls[opcode](node, message[IN_HEADER.size :])
            except KeyError:
                code = errno.ENOSYS
            except OSError as error:
                code = error.errno or errno.EIO
            os.write(device, OUT_HEADER.pack(OUT_HEADER.size + len(answer), -code, unique) + answer)

    # -- names -----------------------------------------------------------------------------------

    def _path(self, node: int, name: bytes) -> str:
        return os.path.join(self._paths[node], os.fsdecode(name.rstrip(b"\0")))

    def _entry(self, path: str) -> bytes:
        os.lstat(path)
        node = self._ids.setdefault(path, len(self._paths) + 1)
        self._paths[node] = path
        return ENTRY.pack(node, 0, 0, 0, 0, 0) + self._attributes(node)

    def _look_up(self, node: int, body: bytes) -> bytes:
        return self._entry(self._path(node, body))

    def _make_directory(self, node: int, body: bytes) -> bytes:
        path = self._path(node, body[8:])
        os.mkdir(path)
        return self._entry(path)

    def _symlink(self, node: int, body: bytes) -> bytes:
        name, target, _ = body.split(b"\0")
        path = self._path(node, name)
        os.symlink(target, path)
        return self._entry(path)

    def _remove(self, node: int, body: bytes) -> bytes:
        path = self._path(node, body)
        os.unlink(path)
        self._ids.pop(path, None)
        return b""

    def _rename(self, node: int, body: bytes, header_bytes: int) -> bytes:
        (new_node,) = struct.unpack_from("<Q", body)
        old, new, _ = body[header_bytes:].split(b"\0")
        source, target = self._path(node, old), self._path(new_node, new)
        os.rename(source, target)
        moved = self._ids.pop(source, None)
        if moved is not None:
            self._paths[moved] = target
            self._ids[target] = moved
        return b""

    def _read_directory(self, node: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        answer = b""
        for index, name in enumerate(sorted(os.listdir(self._paths[node]))[offset:], offset + 1):
            encoded = os.fsencode(name)
            entry = struct.pack("<QQII", index, index, len(encoded), 0) + encoded
            entry += bytes(-len(entry) % 8)
            if len(answer) + len(entry) > size:
                break
            answer += entry
        return answer

    # -- files -----------------------------------------------------------------------------------

    def _attributes(self, node: int) -> bytes:
        found = os.lstat(self._paths[node])
        times = [divmod(ns, 10**9) for ns in (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)]
        numbers = (node, found.st_size, found.st_blocks, *(seconds for seconds, _ in times))
        owner = (found.st_mode, found.st_nlink, found.st_uid, found.st_gid)
        return ATTRIBUTES.pack(*numbers, *(ns for _, ns in times), *owner, 0, 4096, 0)

    def _attributes_out(self, node: int) -> bytes:
        return struct.pack("<QII", 0, 0, 0) + self._attributes(node)

    def _set_attributes(self, node: int, body: bytes) -> bytes:
        return self._attributes_out(node)

    def _open(self, node: int, body: bytes) -> bytes:
        (flags,) = struct.unpack_from("<I", body)
        return self._opened(os.open(self._paths[node], flags & ~os.O_APPEND))

    def _create(self, node: int, body: bytes) -> bytes:
        flags, mode = struct.unpack_from("<II", body)
        path = self._path(node, body[CREATE_IN_BYTES:])
        fd = os.open(path, (flags | os.O_CREAT) & ~os.O_APPEND, mode)
        return self._entry(path) + self._opened(fd)

    def _opened(self, fd: int) -> bytes:
        return struct.pack("<QII", fd, 1, 0)  # FOPEN_DIRECT_IO

    def _read(self, _node: int, body: bytes) -> bytes:
        fd, offset, size = struct.unpack_from("<QQI", body)
        return os.pread(fd, size, offset)

    def _write(self, _node: int, body: bytes) -> bytes:
        fd, offset, size = struct.unpack_from("<QQI", body)
        return struct.pack("<II", os.pwrite(fd, body[WRITE_IN_BYTES : WRITE_IN_BYTES + size], offset), 0)

    def _sync(self, _node: int, body: bytes) -> bytes:
        os.fdatasync(struct.unpack_from("<Q", body)[0])
        return b""

    def _release(self, _node: int, body: bytes) -> bytes:
        os.close(struct.unpack_from("<Q", body)[0])
        return b""


def main() -> None:
    """Mount, say so on stdout, and serve."""
    mount_point, folder, kind = sys.argv[1:]
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tidelog-test", mount_point.encode(), kind.encode(), 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mount", mount_point)
    print("mounted", flush=True)
    FuseServer(folder).serve(device)


if __name__ == "__main__":
    main()
