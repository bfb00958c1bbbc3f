"""Slow headers, slow bodies, slow readers, and who says nothing: closed, and nobody else is harmed."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from browser import Browser
from hostile.raw_http import request
from hostile.slow_clients import Steps, connect, dribble, is_open, rest_of, silent, sip
from hostile.watched_hub import descriptors, good_client, memory_mib
from log_spec import LOG_ID, LogSpec
from syncd_process import HubProcess
from waiting import until

from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.protocol import digest_header

PATH = "/v1/projects/mnist/runs/r1/logs/main.0001.tlog"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n"
TINY = {"headers_s": 1.0, "stall_s": 1.0, "connections_look_s": 0.02, "linger_s": 0.1}
SOON_BYTES, PAUSE_S = 60, 0.05
"""Far more than fit into the tiny limits at this pace, far fewer than there are."""


def upload(hub, size: int) -> bytes:
    """Return the head of an append whose body is to have `size` bytes."""
    headers = {
        "Content-Length": str(size),
        "Upload-Offset": "0",
        "Tidelog-Log-Id": LOG_ID.hex(),
        "Content-Digest": digest_header(b""),
    }
    return request("PATCH", PATH.encode(), key=hub.key, headers=headers)


def test_headers_that_dribble_have_one_deadline(start_hub) -> None:
    """Each further byte buys no further time."""
    hub = start_hub(**TINY)
    with connect(hub.port) as connection:
        answer, sent = dribble(connection, HEALTH[:-1] + b"x" * 1000, pause_s=PAUSE_S)
    assert b"" == answer
    assert sent < SOON_BYTES


def test_the_second_request_of_a_connection_has_the_same_deadline(start_hub) -> None:
    """It starts with its first byte: to be idle before is no fault."""
    hub = start_hub(**TINY, idle_s=60)
    with connect(hub.port) as connection:
        for _ in range(2):
            connection.sendall(HEALTH)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(2 * TINY["headers_s"])  # Idle for longer than headers may take.
        answer, sent = dribble(connection, HEALTH[:-1] + b"x" * 1000, pause_s=PAUSE_S)
    assert b"" == answer
    assert sent < SOON_BYTES


def test_an_idle_connection_is_closed_in_the_end(start_hub) -> None:
    """After its own, longer time."""
    hub = start_hub(**TINY, idle_s=0.5)
    with connect(hub.port) as connection:
        connection.sendall(HEALTH)
        answer = rest_of(connection)
    assert answer.startswith(b"HTTP/1.1 200")


def test_a_body_of_a_byte_now_and_then_is_408(start_hub) -> None:
    """Though it never stands still for long, and its connection is closed after that."""
    hub = start_hub(**TINY, rate_bytes_min=10_000)
    with connect(hub.port) as connection:
        connection.sendall(upload(hub, 1000))
        answer, sent = dribble(connection, b"x" * 999, pause_s=PAUSE_S)
        assert b"body-timeout" in answer + rest_of(connection)
    assert sent < SOON_BYTES


def test_a_body_of_control_has_the_same_pace(start_hub) -> None:
    """The other way to read a body."""
    hub = start_hub(**TINY, rate_bytes_min=10_000)
    with connect(hub.port) as connection:
        headers = {"Content-Length": "1000"}
        connection.sendall(request("POST", b"/v1/keys", key=hub.key, headers=headers))
        answer, sent = dribble(connection, b" " * 999, pause_s=PAUSE_S)
        assert b"body-timeout" in answer + rest_of(connection)
    assert sent < SOON_BYTES


def until_it_kept_the_pace(attempt: Callable[[Steps], bytes], *, rest_s: float, stall_s: float) -> bytes:
    """Return the answer to a client that was slow but steady; who was held up himself tries again."""
    while True:
        steps = Steps(rest_s)
        answer = attempt(steps)
        if steps.longest_s < stall_s / 2:
            return answer


def test_an_honest_slow_agent_gets_its_body_through(start_hub) -> None:
    """It takes many times as long as a pause may, at the least rate that is asked for."""
    spec = LogSpec()
    for step in range(300):
        spec.row({"loss": 1.0}, step=step)
    hub = start_hub(stall_s=0.5, rate_bytes_min=2_000)
    headers = {"Upload-Offset": "0", "Tidelog-Log-Id": LOG_ID.hex()}
    headers |= {"Content-Digest": digest_header(spec.data), "Connection": "close"}
    whole = request("PATCH", PATH.encode(), key=hub.key, body=spec.data, headers=headers)

    def upload_slowly(steps: Steps) -> bytes:
        with connect(hub.port) as connection, contextlib.suppress(ConnectionError):
            for at in range(0, len(whole), 400):
                connection.sendall(whole[at : at + 400])
                steps.rest()  # At most 10,000 bytes a second.
            return rest_of(connection)
        return b""

    began = time.monotonic()
    answer = until_it_kept_the_pace(upload_slowly, rest_s=0.05, stall_s=0.5)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert time.monotonic() - began > 2 * 0.5


@pytest.fixture
def stored(start_hub):
    """A hub that holds a large file, and what to ask to get it."""

    def start(**limits):
        hub = start_hub(**limits)
        folder = hub.data / "mnist" / "r1" / "media"
        folder.mkdir(parents=True)
        (folder / "large.bin").write_bytes(bytes(24 * 1024 * 1024))
        get = request("GET", b"/v1/projects/mnist/runs/r1/files/media/large.bin", key=hub.key)
        return hub, get

    return start


def test_who_does_not_read_an_answer_is_sent_away(stored) -> None:
    """The connection is closed in the middle, and nothing of it stays behind."""
    hub, get = stored(**TINY)
    with connect(hub.port) as connection:
        connection.sendall(get)
        assert connection.recv(1)  # The answer has begun.
        until(lambda: hub.connections() == 0)
        assert len(rest_of(connection)) < 24 * 1024 * 1024


def test_a_slow_reader_who_keeps_the_pace_gets_all_of_it(stored) -> None:
    """Though it takes longer than he may stand still."""
    hub, get = stored(stall_s=0.5, rate_bytes_min=1_000_000, connections_look_s=0.02)

    def read_slowly(steps: Steps) -> bytes:
        with connect(hub.port) as connection:
            connection.sendall(get.replace(b"Host: hub", b"Host: hub\r\nConnection: close"))
            return sip(connection, steps, block_bytes=256 * 1024)

    began = time.monotonic()
    received = until_it_kept_the_pace(read_slowly, rest_s=0.01, stall_s=0.5)
    assert len(received) > 24 * 1024 * 1024
    assert time.monotonic() - began > 0.5


def test_a_thousand_who_say_nothing_leave_room_for_a_client(start_hub) -> None:
    """Strangers close each other; a client that showed a good key keeps its connection."""
    hub = start_hub(strangers_max=30, strangers_per_address_max=20, connections_max=40)
    get = request("GET", b"/v1/keys/self", key=hub.key)
    with connect(hub.port) as before:
        before.sendall(get)
        assert before.recv(65536).startswith(b"HTTP/1.1 200")
        with silent(hub.port, 1000):
            assert 200 == hub.call("GET", "/v1/keys/self").status
            until(lambda: hub.connections() <= 21)
            before.sendall(get)
            assert before.recv(65536).startswith(b"HTTP/1.1 200")


def test_uploads_that_take_long_take_no_strangers_place(start_hub) -> None:
    """A key counts as soon as it is known, not when its request is answered."""
    hub = start_hub(strangers_per_address_max=3)
    with silent(hub.port, 3) as slow:
        for connection in slow:
            connection.sendall(upload(hub, 1000))
        until(lambda: "3 with a key" in repr(hub.server.connections))
        assert 200 == hub.call("GET", "/v1/keys/self").status
        assert all(map(is_open, slow))


def test_a_browser_that_signed_in_is_no_stranger(start_hub) -> None:
    """Its connection keeps its place, as one over which a key came."""
    hub = start_hub(strangers_per_address_max=3)
    browser = Browser(hub.server.url)
    browser.sign_in(hub.key)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    with connect(hub.port) as inside:
        inside.sendall(request("GET", b"/", headers={"Cookie": cookie}))
        assert inside.recv(65536).startswith(b"HTTP/1.1 200")
        with silent(hub.port, 20):
            until(lambda: hub.connections() == 4)
            assert is_open(inside)


def test_strangers_of_one_address_close_their_own_connections_alone(start_hub) -> None:
    """Who comes from elsewhere and has not shown a key yet stays."""
    hub = start_hub(strangers_max=100, strangers_per_address_max=20)
    with connect(hub.port, address="127.0.0.2") as other, silent(hub.port, 200):
        until(lambda: hub.connections() == 21)
        assert is_open(other)


def test_strangers_of_many_addresses_have_a_bound_together(start_hub) -> None:
    """And the first of all goes first."""
    hub = start_hub(strangers_max=30, strangers_per_address_max=20)
    with silent(hub.port, 15) as first, silent(hub.port, 15, address="127.0.0.2") as second:
        until(lambda: hub.connections() == 30)
        with silent(hub.port, 15, address="127.0.0.3") as third:
            until(lambda: not any(map(is_open, first)))
            assert all(map(is_open, second + third))


def test_who_comes_to_a_full_house_of_keys_is_sent_away(start_hub) -> None:
    """Connections that showed a good key are never closed for another."""
    hub = start_hub(connections_max=3)
    get = request("GET", b"/v1/keys/self", key=hub.key)
    with silent(hub.port, 3) as inside:
        for connection in inside:
            connection.sendall(get)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        with connect(hub.port) as late:
            assert b"" == rest_of(late)
        assert all(map(is_open, inside))


@pytest.mark.proof
def test_a_thousand_silent_connections_are_closed_within_ten_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a hub process as it is installed; a good client is served meanwhile, memory stays as it was."""
    data = tmp_path / "hub"
    key = KeyFile(data).create("test", role="admin")
    with HubProcess(data) as hub:
        hub.drain()
        with good_client(hub.port, key):
            pass
        held, before = descriptors(hub.pid), memory_mib(hub.pid)
        with good_client(hub.port, key) as client, silent(hub.port, 1000) as connections:
            began = time.monotonic()
            until(lambda: not any(map(is_open, connections)))
            took_s = time.monotonic() - began
            growth_mib = memory_mib(hub.pid) - before
        until(lambda: descriptors(hub.pid) <= held)
    with capsys.disabled():
        print(
            f"\n1,000 silent connections closed after {took_s:.1f} s; {len(client.took_s)} requests of "
            f"a good client, p99 {client.p99_s * 1000:.0f} ms; memory grew by {growth_mib:.1f} MiB"
        )
    assert [] == client.refused
    assert took_s < 10
    assert growth_mib < 20
