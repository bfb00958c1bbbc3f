"""Bytes that are no HTTP, or that can be read in two ways: refused, and nothing else happens."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hostile.malformed import malformed
from hostile.raw_http import RawConnection, request, statuses, talk
from hostile.watched_hub import GoodClient, descriptors, good_client, memory_mib
from log_spec import LOG_ID, LogSpec
from syncd_process import HubProcess
from waiting import until

from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.protocol import digest_header

LOG = LogSpec().row({"loss": 1.0}, step=0).data
GROWTH_MIB_MAX = 40
P99_S_MAX = 2.0
"""A good client is served that late at worst; alone it is a millisecond."""
ATTEMPTS = 5
"""What is late each time is the hub's doing, and not that of whatever else the machine does."""


class Target(NamedTuple):
    """A hub process that holds one run, and an admin's key of it."""

    hub: HubProcess
    key: str

    def run(self) -> int:
        """Return the status of asking for the run."""
        with RawConnection(self.hub.port) as connection:
            return connection.exchange(request("GET", b"/v1/projects/p/runs/r", key=self.key)).status


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    data = tmp_path_factory.mktemp("hub")
    (data / "p" / "r").mkdir(parents=True)
    (data / "p" / "r" / "main.0001.tlog").write_bytes(LOG)
    key = KeyFile(data).create("test", role="admin")
    with HubProcess(data) as hub:
        hub.drain()
        yield Target(hub, key)


def append_request(key: str) -> bytes:
    """Return a whole, good append."""
    headers = {
        "Upload-Offset": "0",
        "Tidelog-Log-Id": LOG_ID.hex(),
        "Content-Digest": digest_header(LOG),
    }
    path = b"/v1/projects/p/runs/cut/logs/main.0001.tlog"
    return request("PATCH", path, key=key, body=LOG, headers=headers)


def test_what_is_no_http_is_refused_and_harms_nobody(target: Target) -> None:
    """No 5xx, no hang, no hidden request carried out, memory and descriptors as before."""
    assert 200 == target.run()
    held, before = descriptors(target.hub.pid), memory_mib(target.hub.pid)
    assert any(attack(target).p99_s < P99_S_MAX for _ in range(ATTEMPTS))
    assert memory_mib(target.hub.pid) - before < GROWTH_MIB_MAX
    until(lambda: descriptors(target.hub.pid) <= held)


def attack(target: Target) -> GoodClient:
    """Send all that is malformed, and return what a good client saw meanwhile."""
    attacks, answered = malformed(target.key), 0
    with good_client(target.hub.port, target.key) as client:
        for name, data in attacks.items():
            answers = statuses(talk(target.hub.port, data))
            answered += bool(answers)
            assert all(status < 500 for status in answers), (name, answers)
            assert 200 == target.run(), name
    assert answered > len(attacks) / 2
    assert [] == client.refused
    return client


def test_two_lengths_or_two_framings_are_never_taken_for_one(target: Target) -> None:
    """A proxy in front might read the other: the connection ends with one refusal."""
    for name, data in malformed(target.key).items():
        if name.startswith("framing: ") and any(word in name for word in ("TE", "two CL", "list")):
            answers = statuses(talk(target.hub.port, data))
            assert [] == [status for status in answers if status < 400], name
            assert len(answers) <= 1 or 400 == answers[-1], (name, answers)


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_request_that_ends_anywhere_is_none(target: Target, *, is_reset: bool) -> None:
    """After each of its bytes: nothing of it is carried out, and no descriptor stays open."""
    whole = append_request(target.key)
    held = descriptors(target.hub.pid)
    for cut in range(int(is_reset), len(whole), 5):
        if is_reset:
            with RawConnection(target.hub.port) as connection:
                connection.send_and_reset(whole[:cut])
            continue
        answers = statuses(talk(target.hub.port, whole[:cut], patience_s=0.0))
        assert all(400 <= status < 500 for status in answers), (cut, answers)
    with RawConnection(target.hub.port) as connection:
        gone = connection.exchange(request("GET", b"/v1/projects/p/runs/cut", key=target.key))
        assert 404 == gone.status
    until(lambda: descriptors(target.hub.pid) <= held)


def test_headers_have_a_number_and_a_length(target: Target) -> None:
    """What a stranger can have a hub hold before anybody looks at a key is bounded."""
    first = b"GET /healthz HTTP/1.1\r\nHost: hub\r\n"
    lines = b"".join(b"X-%d: a\r\n" % at for at in range(47))
    longest = b"X: " + b"a" * 8190
    for head, status in (
        (lines, 200),
        (lines + b"Y: a\r\n", 400),
        (longest + b"\r\n", 200),
        (longest + b"aaa\r\n", 400),
    ):
        assert [status] == statuses(talk(target.hub.port, first + head + b"\r\n")), head[-20:]


def test_an_answer_holds_nothing_of_what_other_requests_brought(target: Target) -> None:
    """Not even where many refused ones share the connection with a good one."""
    marker = b"a-marker-of-another-request"
    with RawConnection(target.hub.port) as connection:
        for _ in range(20):
            connection.exchange(request("GET", b"/v1/" + marker, key="tide_" + "A" * 43))
            answer = connection.exchange(request("GET", b"/v1/runs", key=target.key))
            assert 200 == answer.status
            assert marker not in answer.whole
