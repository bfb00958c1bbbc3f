"""How addresses, header values and bodies are written, by literal bytes both ways."""

import contextlib
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.syncd.bodies import (
    AskedRun,
    FileEntry,
    SmallFile,
    TooLargeError,
    compress,
    decode_asked_runs,
    decode_batch,
    decode_missing,
    decompress,
    encode_asked_runs,
    encode_batch,
    encode_missing,
)
from tidelog.syncd.errors import PROBLEMS, ProblemError, ProtocolError
from tidelog.syncd.protocol import (
    CONTENT_DIGEST,
    Range,
    batch_path,
    decode_boolean,
    decode_damage,
    decode_digest,
    decode_integer,
    decode_log_id,
    decode_segment,
    decode_sha256,
    digest_header,
    encode_boolean,
    encode_damage,
    encode_segment,
    file_path,
    held_path,
    log_path,
    missing_path,
    run_path,
)

EMPTY_DIGEST = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
EMPTY_SHA256 = hashlib.sha256(b"").digest()
SHA = "ab" * 32


def test_names_become_one_encoded_segment_each() -> None:
    """Spaces, brackets, percent signs and any script stay inside their segment."""
    assert "/v1/projects/mnist/runs/r1" == run_path("mnist", "r1")
    assert "/v1/projects/a%20%5B1%5D/runs/%25%23%2F" == run_path("a [1]", "%#/")
    assert "/v1/projects/p/runs/r/logs/main.0001.tlog" == log_path("p", "r", "main.0001.tlog")
    assert "/v1/projects/p/runs/r/files:missing" == missing_path("p", "r")
    assert "/v1/projects/p/runs/r/files:batch" == batch_path("p", "r")
    path = file_path("p", "r", "media/ü 1.png", sha256=SHA)
    assert f"/v1/projects/p/runs/r/files/media/%C3%BC%201.png?sha256={SHA}" == path


@given(st.text())
def test_a_segment_gives_its_name_back(name: str) -> None:
    """Whatever the name; what UTF-8 cannot say is refused when it is encoded."""
    try:
        segment = encode_segment(name)
    except UnicodeEncodeError:
        return
    assert "/" not in segment
    assert name == decode_segment(segment)


@pytest.mark.parametrize("segment", ["%ff", "%C3", "%ED%A0%80"])
def test_a_segment_that_is_not_utf_8_is_refused(segment: str) -> None:
    """Two spellings of one name would be two doors to one place."""
    with pytest.raises(ProtocolError, match="which is not UTF-8"):
        decode_segment(segment)


def test_a_digest_is_written_as_rfc_9530_writes_it() -> None:
    """Base64 between colons, under the name of the algorithm."""
    assert EMPTY_DIGEST == digest_header(b"")
    assert EMPTY_SHA256 == decode_digest(CONTENT_DIGEST, EMPTY_DIGEST)
    assert EMPTY_SHA256 == decode_digest(CONTENT_DIGEST, f"sha-512=:AAAA:, {EMPTY_DIGEST}")


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "sha-256",
        "sha-256=47DEQpj8HBSa",
        "sha-256=::",
        "sha-256=:AAAA:",
        "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU:",
        "sha-512=:AAAA:",
        "SHA-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
    ],
)
def test_a_digest_of_any_other_form_is_refused(value: str | None) -> None:
    """The message names the header."""
    with pytest.raises(ProtocolError, match="Content-Digest"):
        decode_digest(CONTENT_DIGEST, value)


def test_numbers_are_decimal_digits_alone() -> None:
    """What Python's int() takes beyond them is refused."""
    assert 0 == decode_integer("Upload-Offset", "0")
    assert 999_999_999_999_999 == decode_integer("Upload-Offset", "9" * 15)
    for value in (None, "", "-1", "+1", "1_000", " 1", "1.0", "0x1", "٣", "9" * 16, "1\n"):
        with pytest.raises(ProtocolError, match="Upload-Offset"):
            decode_integer("Upload-Offset", value)


def test_truth_values_are_structured_fields() -> None:
    """?1 and ?0, and nothing else."""
    assert ("?1", "?0") == (encode_boolean(value=True), encode_boolean(value=False))
    assert decode_boolean("Upload-Complete", "?1")
    assert not decode_boolean("Upload-Complete", "?0")
    for value in (None, "", "1", "true", "?2"):
        with pytest.raises(ProtocolError, match="Upload-Complete"):
            decode_boolean("Upload-Complete", value)


def test_ids_and_digests_are_lower_case_hexadecimal() -> None:
    """One spelling each."""
    assert bytes(range(16)) == decode_log_id("000102030405060708090a0b0c0d0e0f")
    for value in (None, "", "00" * 15, "00" * 17, "0A" * 16, "zz" * 16):
        with pytest.raises(ProtocolError, match="Tidelog-Log-Id"):
            decode_log_id(value)
    assert SHA == decode_sha256("sha256", SHA)
    for other in (None, 5, "", "AB" * 32, "ab" * 31, f"{SHA}\n"):
        with pytest.raises(ProtocolError, match="sha256"):
            decode_sha256("sha256", other)


def test_damage_is_written_as_offset_plus_length() -> None:
    """A range without bytes is a gap in the numbers."""
    assert "4096+512, 9000+0" == encode_damage([(4096, 512), (9000, 0)])
    assert (Range(4096, 512), Range(9000, 0)) == decode_damage("4096+512, 9000+0", ranges_max=2)
    assert () == decode_damage(None, ranges_max=2) == decode_damage("", ranges_max=2)
    for value in ("4096", "4096-512", "a+b", "1+2,", "-1+2", "1+2;3+4"):
        with pytest.raises(ProtocolError, match="Tidelog-Damage"):
            decode_damage(value, ranges_max=2)
    with pytest.raises(ProtocolError, match="more than 2 ranges"):
        decode_damage("1+1,2+1,3+1", ranges_max=2)


def test_a_list_of_files_travels_as_json() -> None:
    """Path, size and digest of each."""
    files = [FileEntry("media/ü.png", 5, SHA)]
    body = f'{{"files":[{{"path":"media/ü.png","size":5,"sha256":"{SHA}"}}]}}'.encode()
    assert body == encode_missing(files)
    assert files == decode_missing(body, files_max=1)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"files": {}},
        {"files": [1]},
        {"files": [{"size": 1, "sha256": SHA}]},
        {"files": [{"path": 1, "size": 1, "sha256": SHA}]},
        {"files": [{"path": "a", "size": -1, "sha256": SHA}]},
        {"files": [{"path": "a", "size": True, "sha256": SHA}]},
        {"files": [{"path": "a", "size": 1.5, "sha256": SHA}]},
        {"files": [{"path": "a", "size": 1, "sha256": "x"}]},
    ],
)
def test_a_list_of_files_of_any_other_shape_is_refused(document: object) -> None:
    """Types are checked, not believed."""
    with pytest.raises(ProtocolError):
        decode_missing(json.dumps(document).encode(), files_max=10)


def test_runs_that_are_asked_about_travel_as_json() -> None:
    """Each with the bytes of its logs that were acknowledged."""
    runs = [AskedRun("r 1", {"main.0001.tlog": 500})]
    body = b'{"runs":[{"run":"r 1","logs":{"main.0001.tlog":500}}]}'
    assert body == encode_asked_runs(runs)
    limits = {"bytes_max": len(body), "runs_max": 1, "logs_max": 1}
    assert runs == decode_asked_runs(body, **limits)
    for limit in limits:
        with pytest.raises(TooLargeError):
            decode_asked_runs(body, **{**limits, limit: 0})
    assert "/v1/projects/p%20q/runs:held" == held_path("p q")


def test_json_that_is_none_is_refused() -> None:
    """Also where it is only cut off, or no UTF-8."""
    for body in (b"", b"{", b"\xff", b'{"files":[', b'{"x":' + b"[" * 100_000):
        with pytest.raises(ProtocolError, match="not JSON"):
            decode_missing(body, files_max=1)


def test_a_batch_is_msgpack_arrays_back_to_back() -> None:
    """Path, digest and bytes of each file."""
    files = [SmallFile("media/a", SHA, b"\x00\x01"), SmallFile("files/b", SHA, b"")]
    sha = b"\xd9\x40" + SHA.encode()
    body = b"\x93\xa7media/a" + sha + b"\xc4\x02\x00\x01" + b"\x93\xa7files/b" + sha + b"\xc4\x00"
    assert body == encode_batch(files)
    assert files == decode_batch(body, files_max=2)
    assert [] == decode_batch(b"", files_max=2)
    with pytest.raises(TooLargeError, match="more than 1 files"):
        decode_batch(body, files_max=1)
    for cut in range(1, len(body)):
        if cut != 79:
            with pytest.raises(ProtocolError):
                decode_batch(body[:cut], files_max=2)


@pytest.mark.parametrize(
    "body",
    [
        b"\x01",
        b"\x92\xa1a\xa1b",
        b"\x93\xa1a\xa1b\xc4\x01",
        b"\x93\x01\xd9\x40" + SHA.encode() + b"\xc4\x00",
        b"\x93\xa1a\xd9\x40" + SHA.encode() + b"\xa1x",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x91" * 5000,
        b"\xc1",
    ],
)
def test_a_batch_of_any_other_shape_is_refused(body: bytes) -> None:
    """Lengths that it does not have take no memory."""
    with pytest.raises(ProtocolError):
        decode_batch(body, files_max=10)


@given(st.binary(max_size=2000))
def test_no_bytes_make_a_batch_fail_otherwise(body: bytes) -> None:
    """Files or a ProtocolError, nothing else."""
    with contextlib.suppress(ProtocolError):
        decode_batch(body, files_max=10)


def test_zstd_is_bounded_by_what_may_come_out() -> None:
    """A bomb takes no more memory than an honest body."""
    data = b"tide" * 1000
    assert data == decompress(compress(data), bytes_max=4000, window_log_max=23)
    with pytest.raises(TooLargeError, match="more than 3999 bytes"):
        decompress(compress(data), bytes_max=3999, window_log_max=23)
    with pytest.raises(TooLargeError):
        decompress(compress(bytes(50_000_000)), bytes_max=1000, window_log_max=23)


def test_zstd_is_bounded_by_its_window() -> None:
    """A frame that asks for a window of 16 MiB is refused, however small it is."""
    frame = bytes.fromhex("28b52ffd 00 70 010000".replace(" ", ""))
    assert b"" == decompress(frame, bytes_max=10, window_log_max=24)
    with pytest.raises(ProtocolError, match="zstd"):
        decompress(frame, bytes_max=10, window_log_max=23)


def test_a_body_is_exactly_one_zstd_frame() -> None:
    """Cut, doubled or no zstd at all: refused."""
    frame = compress(b"tide" * 100)
    for body in (b"", b"tide", frame[:-1], frame + b"x", frame + frame):
        with pytest.raises(ProtocolError):
            decompress(body, bytes_max=1000, window_log_max=23)


def test_a_problem_survives_the_wire() -> None:
    """The agent rebuilds what the hub raised."""
    sent = ProblemError(PROBLEMS["offset-mismatch"], "held up to 5", members={"upload_offset": 5})
    assert {
        "type": "tag:tidelog,2026:offset-mismatch",
        "title": "The request starts at the wrong offset",
        "status": 409,
        "detail": "held up to 5",
        "upload_offset": 5,
    } == sent.document()
    came = ProblemError.from_document(409, sent.document())
    assert (sent.problem, sent.detail, sent.members) == (came.problem, came.detail, came.members)


@pytest.mark.parametrize("document", [None, [], "oops", {}, {"type": 5}, {"type": "about:blank"}])
def test_any_answer_is_some_problem(document: object) -> None:
    """A proxy's 502 without our words is retried, its 403 is not."""
    assert ProblemError.from_document(502, document).problem.is_retried
    assert not ProblemError.from_document(403, document).problem.is_retried


def test_what_is_retried_is_what_may_pass() -> None:
    """Network, time, load and what was garbled on its way or by a crash; everything else is parked."""
    retried = {slug for slug, problem in PROBLEMS.items() if problem.is_retried}
    assert {
        "digest-mismatch",
        "file-mismatch",
        "body-timeout",
        "too-many-requests",
        "internal",
        "unavailable",
        "disk-full",
        "quota-exceeded",
    } == retried
