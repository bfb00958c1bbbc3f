"""What travels between real processes, and what does not: counted by a relay in between."""

import os
import signal
import threading
from pathlib import Path

import pytest
from counting_relay import CountingRelay, Passed
from own_port import own_port
from run_spec import RunSpec, stored, tree
from syncd_process import HubProcess, SyncdProcess, make_key, run_syncd
from waiting import PATIENCE_S, until

from tidelog.syncd.agent.settings import AgentSettings

MIB = 1024 * 1024
PIECE_BYTES = AgentSettings().piece_bytes
LARGE_BYTES = 66 * MIB
STRIKE_AT = 30 * MIB


def sync(root: Path, relay: CountingRelay, key: str) -> None:
    done = run_syncd("sync", root, "--to", relay.url, TIDELOG_API_KEY=key)
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("victim", ["agent", "hub"])
def test_a_large_file_goes_on_where_it_was_after_a_kill(tmp_path: Path, victim: str) -> None:
    """Whichever end dies in the middle of a body: at most one piece is sent again."""
    root, data = tmp_path / "root", tmp_path / "data"
    RunSpec(root).saved("model.bin", LARGE_BYTES).finish()
    key, struck = make_key(data), threading.Event()
    with own_port() as port, CountingRelay(port) as relay:
        hub = HubProcess(data, port=port)

        def start_agent() -> SyncdProcess:
            agent = SyncdProcess(
                *("start", "--root", root, "--to", relay.url, "--retry-max", "0.05"), TIDELOG_API_KEY=key
            )
            agent.line_with("uploads to")
            return agent

        def strike(_request: Passed) -> None:
            if sum(request.taken for request in relay.of_files) > STRIKE_AT:
                relay.strike = None
                os.kill({"agent": agent, "hub": hub}[victim].pid, signal.SIGKILL)
                struck.set()

        agent = start_agent()
        relay.strike = strike
        try:
            assert struck.wait(PATIENCE_S)
            before = len(relay.of_files)
            if victim == "agent":
                agent.kill()
                agent = start_agent()
            else:
                hub.kill()
                hub = HubProcess(data, port=port)
            until(lambda: stored(data) == tree(root))
            assert 0 == agent.terminate()
        finally:
            with agent, hub:
                pass
    sent = [request.taken for request in relay.of_files]
    assert LARGE_BYTES <= sum(sent) <= LARGE_BYTES + PIECE_BYTES
    offsets = [int(request.headers["upload-offset"]) for request in relay.of_files]
    assert STRIKE_AT - PIECE_BYTES <= min(offsets[before:])


def test_content_that_the_project_has_is_not_sent_again(tmp_path: Path) -> None:
    """Another run with the same checkpoint, another name, small files likewise: no byte of them."""
    root, data = tmp_path / "root", tmp_path / "data"
    key = make_key(data)
    RunSpec(root, run="r1").saved("model.bin", 3 * MIB).media("a.png").finish()
    with HubProcess(data) as hub, CountingRelay(hub.port) as relay:
        sync(root, relay, key)
        assert 3 * MIB == sum(request.taken for request in relay.of_files)
        relay.requests.clear()
        RunSpec(root, run="r2").saved("again.bin", 3 * MIB).media("b.png").finish()
        sync(root, relay, key)
        assert [] == relay.of_files
        assert [] == [request for request in relay.requests if "files:batch" in request.path]
        RunSpec(root, "other", "r1").saved("model.bin", 3 * MIB).finish()
        sync(root, relay, key)
        assert 3 * MIB == sum(request.taken for request in relay.of_files)
        assert tree(root) == stored(data)
        hub.terminate()


def test_logs_travel_in_ranges_and_small_images_in_one_request(tmp_path: Path) -> None:
    """A range has up to 8 MiB and the chunk that ends it; two hundred images are one body."""
    root, data = tmp_path / "root", tmp_path / "data"
    key, run = make_key(data), RunSpec(root)
    for index in range(200):
        run.media(f"{index}.png", 2000)
    for _ in range(20):
        run.chunk_of(MIB)
    run.finish()
    with HubProcess(data) as hub, CountingRelay(hub.port) as relay:
        sync(root, relay, key)
        assert tree(root) == stored(data)
        hub.terminate()
    assert 3 == len(relay.of_logs)
    assert all(request.taken <= AgentSettings().append_bytes + MIB + 100 for request in relay.of_logs)
    assert 1 == sum("files:batch" in request.path for request in relay.requests)
    assert 1 == sum("files:missing" in request.path for request in relay.requests)


@pytest.mark.parametrize(("host", "is_squeezed"), [("127.0.0.1", False), ("127.0.0.2", True)])
def test_logs_are_squeezed_for_hubs_that_are_elsewhere(
    tmp_path: Path, host: str, is_squeezed: bool
) -> None:
    """On the machine itself a byte costs less than to make it smaller."""
    root, data = tmp_path / "root", tmp_path / "data"
    key = make_key(data)
    RunSpec(root).rows(2000).finish()
    with HubProcess(data) as hub, CountingRelay(hub.port, host=host) as relay:
        sync(root, relay, key)
        assert tree(root) == stored(data)
        hub.terminate()
    [append] = relay.of_logs
    assert ("zstd" if is_squeezed else None) == append.headers.get("content-encoding")
    whole = len(tree(root)["mnist/r1/main.0001.tlog"])
    assert is_squeezed == (append.taken < 0.9 * whole)


def test_all_requests_share_one_pool_of_connections(tmp_path: Path) -> None:
    """Many runs, logs and files: as many connections as uploads may run at a time, and one to spare."""
    root, data = tmp_path / "root", tmp_path / "data"
    key = make_key(data)
    for number in range(20):
        RunSpec(root, run=f"r{number}", seed=number).rows(20).media("a.png").finish()
    with HubProcess(data) as hub, CountingRelay(hub.port) as relay:
        sync(root, relay, key)
        assert tree(root) == stored(data)
        hub.terminate()
    assert len(relay.requests) >= 80
    assert relay.connections <= AgentSettings().tasks_max + 1
