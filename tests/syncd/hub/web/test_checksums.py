"""What a hub does about a request that was garbled on its way, and how it signs its answers."""

import pytest
from log_spec import LOG_ID, LogSpec

from tidelog.syncd.checksum import answer_checksum, request_checksum
from tidelog.syncd.protocol import digest_header, log_path

PATH = log_path("mnist", "r1", "main.0001.tlog")
OTHER = log_path("mnist", "r2", "main.0001.tlog")


def signed(hub, path: str, body: bytes) -> dict[str, str]:
    headers = {
        "Authorization": f"Bearer {hub.key}",
        "Content-Digest": digest_header(body),
        "Upload-Offset": "0",
        "Tidelog-Log-Id": LOG_ID.hex(),
    }
    return {**headers, "Tidelog-Checksum": request_checksum("PATCH", path, headers)}


def test_a_request_whose_checksum_holds_is_taken(hub) -> None:
    """The agent's own."""
    data = LogSpec().row({"x": 1}, step=0).data
    assert 200 == hub.call("PATCH", PATH, data, signed(hub, PATH, data)).status


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (OTHER, {}),
        (PATH, {"Upload-Offset": "1"}),
        (PATH, {"Tidelog-Log-Id": "f" * 32}),
        (PATH, {"Authorization": "Bearer tide_x"}),
        (PATH, {"Content-Encoding": "ystd"}),
    ],
    ids=["address", "offset", "log id", "key", "encoding"],
)
def test_a_garbled_request_changes_nothing_and_is_sent_again(
    hub, path: str, change: dict[str, str]
) -> None:
    """No log of another run, no parked log, no refused key."""
    data = LogSpec().row({"x": 1}, step=0).data
    answer = hub.call("PATCH", path, data, signed(hub, PATH, data) | change)
    assert (400, "digest-mismatch") == (answer.status, answer.slug)
    assert not (hub.data / "mnist").exists()


@pytest.mark.parametrize("key", ["", "tide_wrong"], ids=["success", "refusal"])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_answers_are_signed(hub, method: str, key: str) -> None:
    """Successes and refusals, with and without a body."""
    hub.append(0, LogSpec().row({"x": 1}, step=0).data)
    path = PATH if method == "HEAD" else "/v1/runs"
    answer = hub.call(method, path, key=key)
    said = answer.headers["Tidelog-Checksum"]
    assert answer_checksum(answer.status, answer.headers, answer.body) == said


def test_a_refused_head_has_its_sentence_in_a_header(hub) -> None:
    """An answer to HEAD has no body."""
    problem = hub.call("HEAD", PATH, key="tide_wrong").headers["Tidelog-Problem"]
    assert problem.startswith("unauthorized the key is none of this hub's")
