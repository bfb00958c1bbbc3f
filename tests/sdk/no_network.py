"""Lets the kernel kill this process, and each that it starts, the moment it asks for a network.

A seccomp filter sees what C code and children do as well, which no hook of Python's does. Of
`socket(2)` all families but AF_UNIX are deadly, and every `connect(2)`.
"""

import ctypes
import platform
import struct

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
KILL, ALLOW = 0x80000000, 0x7FFF0000
LOAD, EQUALS, RETURN = 0x20, 0x15, 0x06  # BPF: ld [k]; jeq k, true, false; ret k
NUMBER_AT, FIRST_ARGUMENT_AT = 0, 16  # In struct seccomp_data.
SOCKET_AND_CONNECT = {"x86_64": (41, 42), "aarch64": (198, 203)}
AF_UNIX = 1


def forbid() -> None:
    """Take effect for this thread and all that it starts from now on."""
    socket, connect = SOCKET_AND_CONNECT[platform.machine()]
    program = [
        (LOAD, 0, 0, NUMBER_AT),
        (EQUALS, 4, 0, connect),
        (EQUALS, 0, 2, socket),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (EQUALS, 0, 1, AF_UNIX),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, KILL),
    ]
    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0),
    ):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")
