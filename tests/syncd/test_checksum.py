"""The checksum of requests and answers: every part of it counts, and its form is a promise."""

from dataclasses import dataclass, replace

import pytest

from tidelog.syncd.checksum import OF_ANSWER, OF_REQUEST, answer_checksum, request_checksum
from tidelog.syncd.protocol import decode_problem, encode_problem

ADDRESS = "/v1/projects/mnist/runs/r%201/logs/main.0001.tlog?sha256=00"
HEADERS = {"Upload-Offset": "4096", "Tidelog-Log-Id": "00ff", "Content-Type": "application/octet-stream"}


@dataclass(frozen=True)
class Sent:
    method: str = "PATCH"
    address: str = ADDRESS
    offset: str = "4096"

    def checksum(self) -> str:
        return request_checksum(self.method, self.address, {**HEADERS, "Upload-Offset": self.offset})


def test_the_form_of_a_request_is_a_promise() -> None:
    """An agent of today and a hub of tomorrow count the same bytes."""
    assert "sha-256=:4TDRWKDmV56gUGn31UvQVfQmoDC/N3b9FyMCxB7Rej0=:" == Sent().checksum()


def test_the_form_of_an_answer_is_a_promise() -> None:
    """Likewise."""
    said = answer_checksum(200, {"Upload-Offset": "5000"}, b'{"upload_offset": 5000}')
    assert "sha-256=:/k8/wyh3G4GqyaSlqmoeQUX+RX8P+2FZSQuDQ0qYMKk=:" == said


@pytest.mark.parametrize(
    "other",
    [
        Sent(method="PUT"),
        Sent(address=ADDRESS.replace("r%201", "r%202")),
        Sent(address=ADDRESS.replace("=00", "=01")),
        Sent(address=ADDRESS.replace("/v1/", "/v2/")),
        Sent(offset="4097"),
        Sent(offset=""),
    ],
)
def test_whatever_is_altered_gives_another_checksum(other: Sent) -> None:
    """A method, a name, a version of a file, an offset."""
    assert Sent().checksum() != other.checksum()


def test_a_proxy_may_encode_the_address_in_its_own_way_and_below_another_path() -> None:
    """What is meant stays the same."""
    for address in ("/base" + ADDRESS, ADDRESS.replace("mnist", "%6dnist")):
        assert Sent().checksum() == replace(Sent(), address=address).checksum()


@pytest.mark.parametrize("name", OF_REQUEST)
def test_every_header_of_a_request_counts(name: str) -> None:
    """Each header that the hub acts on."""
    bare = request_checksum("PATCH", ADDRESS, {})
    assert bare != request_checksum("PATCH", ADDRESS, {name: "1"})


@pytest.mark.parametrize("name", OF_ANSWER)
def test_every_header_of_an_answer_counts(name: str) -> None:
    """Each header that the agent acts on, the status, the body."""
    bare = answer_checksum(200, {}, b"")
    others = [(200, {name: "1"}, b""), (201, {}, b""), (200, {}, b"x")]
    assert bare not in [answer_checksum(*other) for other in others]


@pytest.mark.parametrize("detail", ["the key 'ä' is for 100 %", "a\r\nb", "", "x" * 50])
def test_a_sentence_travels_in_a_header(detail: str) -> None:
    """Printable ASCII on the way, the same text at the end."""
    value = encode_problem("forbidden", detail)
    assert value.isascii()
    assert value.isprintable()
    assert ("forbidden", detail) == decode_problem(value)


def test_an_answer_without_the_header_has_no_sentence() -> None:
    """An older hub's."""
    assert ("", "") == decode_problem(None)
