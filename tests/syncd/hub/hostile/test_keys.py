"""Keys that are none, by the hundred thousand, and keys of one team on the names of another."""

import hashlib
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hostile.fields import ADDRESSES, UPLOAD
from hostile.raw_http import RawAnswer, RawConnection, request
from hostile.watched_hub import good_client, memory_mib
from log_spec import LogSpec
from syncd_process import HubProcess

from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.protocol import digest_header

SEED = 20261126
FORGED, FORGED_MANY = 2_000, 100_000
GROWTH_MIB_MAX = 30
ROUNDS, ROUNDS_MANY = 150, 3_000
APART_MAX = 0.25
"""The medians of two kinds of forged keys may differ by this part: generous, the machine has noise."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
BODY = LogSpec().row({"a": 1}, step=0).data


class Teams(NamedTuple):
    """A hub with a run of team B, and a key of each team."""

    hub: HubProcess
    data: Path
    ours: str
    theirs: str


@pytest.fixture(scope="module")
def teams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Teams]:
    data = tmp_path_factory.mktemp("hub")
    for run in ("r", "x"):
        folder = data / "theirs" / run
        (folder / "media").mkdir(parents=True)
        (folder / "main.0001.tlog").write_bytes(BODY)
        (folder / "media" / "x").write_bytes(b"theirs")
    keys = KeyFile(data)
    ours = keys.create("a", role="admin", project="ours")
    theirs = keys.create("b", role="admin", project="theirs")
    with HubProcess(data) as hub:
        hub.drain()
        yield Teams(hub, data, ours, theirs)


def forged(dice: random.Random, key: str) -> str:
    """Return a key that shares a prefix of any length with a good one, or another mistake."""
    same = dice.randrange(len(key))
    fresh = "".join(dice.choices(LETTERS, k=len(key) - same))
    return key[:same] + fresh if key[:same] + fresh != key else key[:-1]


def without_dates(answer: RawAnswer) -> bytes:
    """Return an answer but for the time and what its own length and checksum say of that."""
    lines = answer.head.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith(b"Date:")) + answer.body


def flood(teams: Teams, count: int) -> None:
    """Show forged keys, many over one connection, and look at what they cost."""
    dice = random.Random(SEED)
    seen: dict[int, set[bytes]] = {}
    before = memory_mib(teams.hub.pid)
    with good_client(teams.hub.port, teams.ours) as client, RawConnection(teams.hub.port) as connection:
        for _ in range(count):
            answer = connection.exchange(
                request("GET", b"/v1/projects/theirs/runs/r", key=forged(dice, teams.theirs))
            )
            seen.setdefault(answer.status, set()).add(without_dates(answer))
    assert {401, 429} == set(seen)
    assert 1 == len(seen[429])
    # Not shaped like a key, and none of this hub's: the words depend on what was shown alone.
    assert len(seen[401]) <= 2
    assert [] == client.refused
    assert memory_mib(teams.hub.pid) - before < GROWTH_MIB_MAX


def test_forged_keys_all_hear_the_same_and_cost_nothing(teams: Teams) -> None:
    """However close they come; a good key from the same address is let in meanwhile."""
    flood(teams, FORGED)


@pytest.mark.proof
@pytest.mark.timeout(1200)
def test_a_hundred_thousand_forged_keys(teams: Teams) -> None:
    """The same."""
    flood(teams, FORGED_MANY)


def time_of(teams: Teams, connection: RawConnection, key: str) -> float:
    whole = request("GET", b"/v1/keys/self", key=key)
    began = time.perf_counter()
    assert connection.exchange(whole).status in (401, 429)
    return time.perf_counter() - began


def medians(teams: Teams, rounds: int) -> tuple[float, float]:
    """Return the median times of a key that is wrong at its end, and of one that is wrong at once."""
    close = teams.theirs[:-1] + ("A" if teams.theirs[-1] != "A" else "B")
    far = "tide_" + "".join(random.Random(SEED).choices(LETTERS, k=len(close) - 5))
    times: dict[str, list[float]] = {close: [], far: []}
    with RawConnection(teams.hub.port) as connection:
        for number in range(2 * rounds):
            key = (close, far)[(number + number // 2) % 2]  # In turns, and not always the same first.
            times[key].append(time_of(teams, connection, key))
    return statistics.median(times[close]), statistics.median(times[far])


def test_a_key_that_is_nearly_right_takes_no_other_time(teams: Teams) -> None:
    """What is looked up is its SHA-256, which a nearly right key shares nothing of."""
    for _ in range(5):
        close, far = medians(teams, ROUNDS)
        if abs(close - far) < APART_MAX * min(close, far):
            return
    raise AssertionError((close, far))


@pytest.mark.proof
def test_the_times_of_forged_keys_are_told(teams: Teams, capsys: pytest.CaptureFixture[str]) -> None:
    """With many more of them."""
    close, far = medians(teams, ROUNDS_MANY)
    with capsys.disabled():
        print(f"\nnearly right {close * 1e6:.1f} us, all wrong {far * 1e6:.1f} us")
    assert abs(close - far) < APART_MAX * min(close, far)


def test_no_key_that_was_shown_is_written_down(tmp_path: Path) -> None:
    """Neither in what the hub says nor in any file of its own: a log is read by many."""
    data = tmp_path / "hub"
    good = KeyFile(data).create("test", role="admin")
    bad = [good[:-1] + "!", "tide_" + "x" * 43, "tide_" + "y" * 500, "hunter2-of-another-service"]
    with HubProcess(data) as hub:
        hub.drain()
        with RawConnection(hub.port) as connection:
            for key in [*bad * 10, good]:
                for target in (b"/v1/runs", b"/v1/keys/self", b"/nothing"):
                    answer = connection.exchange(request("GET", target, key=key))
                    assert key.encode() not in answer.whole
        assert 0 == hub.terminate()
    kept = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    kept += "".join(hub.said).encode()
    for key in [*bad, good]:
        assert key.encode() not in kept
        assert key[5:25].encode() not in kept


def test_what_another_team_has_answers_like_what_is_not_there(teams: Teams) -> None:
    """Every call, byte for byte, but for the name that was asked for."""
    checked = 0
    with RawConnection(teams.hub.port) as connection:
        for method, address in ADDRESSES:
            if "/projects/" not in address:
                continue
            answers = {}
            for project in ("theirs", "nobody"):  # Of one length, so that Content-Length tells nothing.
                answers[project] = ask(connection, teams.ours, method, filled(address, project))
            there, nowhere = answers["theirs"], answers["nobody"]
            assert there == nowhere, (method, address)
            assert not there.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))
            checked += 1
    assert checked > 20
    assert sorted(path.name for path in (teams.data / "theirs").iterdir()) == ["r", "x"]


def test_keys_and_lists_tell_nothing_of_another_team(teams: Teams) -> None:
    """Neither the runs nor the keys nor their names."""
    others_id = hashlib.sha256(teams.theirs.encode()).hexdigest()[:12]
    with RawConnection(teams.hub.port) as connection:
        for target in (b"/v1/runs", b"/v1/runs?project=theirs", b"/v1/keys", b"/v1/keys/self"):
            answer = connection.exchange(request("GET", target, key=teams.ours))
            assert 200 == answer.status
            assert b'"b"' not in answer.body
            assert b"theirs" not in answer.body.replace(b"?project=theirs", b"")
        for method, rest in (("POST", "/rotate"), ("DELETE", "")):
            answers = [
                ask(connection, teams.ours, method, f"/v1/keys/{name}{rest}".encode()).replace(
                    name.encode(), b""
                )
                for name in (others_id, "0" * 12)
            ]
            assert answers[0] == answers[1]
            assert answers[0].startswith(b"HTTP/1.1 404")


def filled(address: str, project: str) -> bytes:
    """Return an address about what is there in one project, and nowhere in the other."""
    for name in ("p", "q", "{}"):
        address = address.replace(f"/projects/{name}/", f"/projects/{project}/", 1)
    for before, name in (
        ("logs/", "main.0001.tlog"),
        ("runs/", "r"),
        ("media/", "x"),
        ("files/", "media/x"),
    ):
        address = address.replace(before + "{}", before + name)
    return address.replace("sha256={}", "sha256=" + "0" * 64).encode()


def ask(connection: RawConnection, key: str, method: str, target: bytes) -> bytes:
    """Return an answer without its date, its checksum and the project's name."""
    body = b"" if method in ("GET", "HEAD") else BODY
    headers = UPLOAD | {"Content-Digest": digest_header(body)}
    answer = connection.exchange(
        request(method, target, key=key, body=body, headers=headers), has_body=method != "HEAD"
    )
    lines = [
        line
        for line in answer.head.split(b"\r\n")
        if not line.startswith((b"Date:", b"Tidelog-Checksum:"))
    ]
    return (b"\r\n".join(lines) + answer.body).replace(b"theirs", b"").replace(b"nobody", b"")
