"""The control socket: who may speak, and what happens to nonsense."""

import asyncio
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.daemon.control import ControlServer, ask_daemon, socket_path
from tidelog.syncd.agent.daemon.lock import Holder, acquire
from tidelog.syncd.errors import CannotStartError, SyncdError


async def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "echo", "request": dict(request)}


async def exchange(path: Path, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(line)
    await writer.drain()
    got = await reader.read()
    writer.close()
    await writer.wait_closed()
    return got


def test_a_request_is_answered_to_the_same_account_alone(tmp_path: Path) -> None:
    """0600 in a folder of 0700; the lock file says where."""
    path = tmp_path / "run" / "agent.sock"
    lock = acquire(tmp_path / "state", Disk())
    assert lock is not None
    lock.announce(Holder(1, str(path)))

    async def work() -> None:
        server = ControlServer(path, answer, disk=Disk(), line_bytes_max=1000)
        await server.start()
        assert (0o600, 0o700) == (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)
        got = await asyncio.to_thread(ask_daemon, tmp_path / "state", {"command": "x"}, disk=Disk())
        assert {"type": "echo", "request": {"command": "x"}} == got
        for nonsense in (b"\n", b"[1]\n", b"\xff\n", b"{\n"):
            assert b'"error"' in await exchange(path, nonsense)
        assert b"" == await exchange(path, b"x" * 5000)
        await server.close()

    asyncio.run(work())
    assert not path.exists()
    assert ask_daemon(tmp_path / "state", {"command": "x"}, disk=Disk()) is None
    lock.release()


def test_what_cannot_be_done_is_answered(tmp_path: Path) -> None:
    """Who hears nothing believes that the daemon hangs, and is told to kill it."""

    async def fail(request: Mapping[str, Any]) -> Mapping[str, Any]:
        raise SyncdError(f"no room for {request['root']}")

    async def work() -> None:
        server = ControlServer(tmp_path / "s", fail, disk=Disk(), line_bytes_max=1000)
        await server.start()
        got = json.loads(await exchange(tmp_path / "s", b'{"command": "watch", "root": "/x"}\n'))
        assert {"type": "error", "detail": "no room for /x", "is_failure": True} == got
        await server.close()

    asyncio.run(work())


def test_the_socket_of_a_daemon_that_died_is_replaced(tmp_path: Path) -> None:
    """SIGKILL leaves it behind."""
    path = tmp_path / "agent.sock"

    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))

    async def work() -> None:
        server = ControlServer(path, answer, disk=Disk(), line_bytes_max=1000)
        await server.start()
        assert b"{" == (await exchange(path, b'{"command": "x"}\n'))[:1]
        await server.close()

    assert path.exists()
    asyncio.run(work())


def test_each_state_has_a_socket_of_its_own_on_a_short_path(tmp_path: Path) -> None:
    """A socket's path may have about a hundred bytes."""
    environ = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    one, two = socket_path(Path("/a"), environ), socket_path(Path("/b"), environ)
    assert one != two
    assert Path("/run/user/1000/tidelog") == one.parent
    assert Path("/a/agent.sock") == socket_path(Path("/a"), {})
    with pytest.raises(CannotStartError, match="XDG_RUNTIME_DIR"):
        socket_path(Path("/" + "x" * 120), {})
