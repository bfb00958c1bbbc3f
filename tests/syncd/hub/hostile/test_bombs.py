"""What is small on the wire and large once it is believed: refused, in little memory and little time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz.bombs import BOMBS
from hostile.bodies import BATCH, KEYS, MISSING, Bomb, bombs
from hostile.raw_http import RawConnection, request
from hostile.watched_hub import cpu_s, good_client, memory_mib
from syncd_process import HubProcess

from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.protocol import digest_header

GROWTH_MIB_MAX = 300
"""What two threads hold of a body of 32 MiB each: as it grew, whole, and as msgpack's own copy."""
CPU_S_MAX = 10.0
"""Of one bomb, in processor time, of which each takes less than one."""
TARGETS = {
    MISSING: b"/v1/projects/p/runs/r/files:missing",
    BATCH: b"/v1/projects/p/runs/r/files:batch",
    KEYS: b"/v1/keys",
}
READING = ("", "/overview", "/history", "/history?keys=a,b&points=1000", "/media", "/media?key=a")
FEW = 6
"""In `make test` one log of so many is asked for."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubProcess, str, Path]]:
    """A hub process that holds a run for each of the logs that are bombs."""
    data = tmp_path_factory.mktemp("hub")
    for name, make in BOMBS.items():
        folder = data / "bombs" / name
        folder.mkdir(parents=True)
        (folder / "main.0001.tlog").write_bytes(make())
    key = KeyFile(data).create("test", role="admin")
    with HubProcess(data) as process:
        process.drain()
        yield process, key, data


def body_of(key: str, bomb: Bomb) -> bytes:
    headers = {"Content-Digest": digest_header(bomb.body)}
    if bomb.is_compressed:
        headers["Content-Encoding"] = "zstd"
    return request("POST", TARGETS[bomb.call], key=key, body=bomb.body, headers=headers)


def test_a_body_that_is_a_bomb_is_refused(hub: tuple[HubProcess, str, Path]) -> None:
    """With 4xx, in bounded time and memory, while good clients are served; nothing is stored."""
    process, key, data = hub
    before = memory_mib(process.pid)
    with good_client(process.port, key) as client, RawConnection(process.port) as connection:
        for name, bomb in bombs().items():
            spent_s = cpu_s(process.pid)
            answer = connection.exchange(body_of(key, bomb))
            # An object may name a member twice; the last one counts, here an empty list.
            least, most = (200, 200) if name.startswith("JSON: the same") else (400, 499)
            assert least <= answer.status <= most, (name, answer)
            assert cpu_s(process.pid) - spent_s < CPU_S_MAX, name
            assert memory_mib(process.pid) - before < GROWTH_MIB_MAX, name
    assert [] == client.refused
    assert not (data / "p").exists()


@pytest.mark.parametrize("bomb", [*BOMBS][::FEW])
def test_a_log_that_is_a_bomb_is_read_like_any_other(
    hub: tuple[HubProcess, str, Path], bomb: str
) -> None:
    """By every call that reads logs: a run's owner harms nobody by what the run holds."""
    ask(hub, bomb)


@pytest.mark.proof
@pytest.mark.parametrize("bomb", BOMBS)
def test_every_log_that_is_a_bomb_is_read_like_any_other(
    hub: tuple[HubProcess, str, Path], bomb: str
) -> None:
    """The same, with all of them."""
    ask(hub, bomb)


def ask(hub: tuple[HubProcess, str, Path], bomb: str) -> None:
    process, key, _data = hub
    before = memory_mib(process.pid)
    for rest in READING:
        spent_s = cpu_s(process.pid)
        with RawConnection(process.port) as connection:
            target = f"/v1/projects/bombs/runs/{bomb}{rest}".encode()
            answer = connection.exchange(request("GET", target, key=key))
        assert 200 <= answer.status < 500, (rest, answer)
        assert cpu_s(process.pid) - spent_s < CPU_S_MAX, rest
        assert memory_mib(process.pid) - before < GROWTH_MIB_MAX, rest
