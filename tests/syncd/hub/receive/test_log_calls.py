"""HEAD, PATCH and GET of a log, against a real hub."""

import errno
import hashlib
from pathlib import Path

import pytest
from log_spec import LOG_ID, LogSpec

from tidelog.datastore.disk import Disk
from tidelog.syncd.bodies import compress
from tidelog.syncd.protocol import digest_header, log_path

LOG = ("mnist", "r1", "main.0001.tlog")
PATH = log_path(*LOG)


def rows(count: int) -> LogSpec:
    log = LogSpec()
    for step in range(count):
        log.row({"loss": 0.5}, step=step)
    return log


def file_of(hub) -> Path:
    return hub.data.joinpath(*LOG)


# -- HEAD ----------------------------------------------------------------------------------------


def test_head_of_a_log_that_is_not_held_is_404(hub) -> None:
    """And makes nothing."""
    assert 404 == hub.call("HEAD", PATH).status
    assert not (hub.data / "mnist").exists()


def test_head_tells_offset_id_and_digest_of_what_is_held(hub) -> None:
    """The hub's offset is the truth."""
    log = rows(3)
    hub.append(0, log.data)
    answer = hub.call("HEAD", PATH)
    assert 200 == answer.status
    assert str(len(log.data)) == answer.headers["Upload-Offset"]
    assert LOG_ID.hex() == answer.headers["Tidelog-Log-Id"]
    assert digest_header(log.data) == answer.headers["Repr-Digest"]


# -- PATCH ---------------------------------------------------------------------------------------


def test_patch_appends_and_tells_the_new_offset(hub) -> None:
    """Byte for byte, range after range."""
    log = rows(3)
    first = hub.append(0, log.data[: log.ends[0]])
    assert (200, {"upload_offset": log.ends[0]}) == (first.status, first.json)
    second = hub.append(log.ends[0], log.data[log.ends[0] :])
    assert str(len(log.data)) == second.headers["Upload-Offset"]
    assert log.data == file_of(hub).read_bytes()


def test_patch_of_the_same_bytes_twice_is_200_without_effect(hub) -> None:
    """As after an answer that was lost."""
    log = rows(3)
    for _ in range(2):
        assert {"upload_offset": len(log.data)} == hub.append(0, log.data).json
    assert log.data == file_of(hub).read_bytes()


def test_patch_takes_a_zstd_body(hub) -> None:
    """Its digest is of the body as sent."""
    log = rows(300)
    answer = hub.append(0, compress(log.data), headers={"Content-Encoding": "zstd"})
    assert {"upload_offset": len(log.data)} == answer.json
    assert log.data == file_of(hub).read_bytes()


def test_patch_at_the_wrong_offset_tells_the_right_one(hub) -> None:
    """409 offset-mismatch, with what is held in header and document."""
    log = rows(3)
    none_yet = hub.append(log.ends[0], log.data[log.ends[0] :])
    assert ("offset-mismatch", "0") == (none_yet.slug, none_yet.headers["Upload-Offset"])
    hub.append(0, log.data[: log.ends[0]])
    gap = hub.append(log.ends[1], log.data[log.ends[1] :])
    assert (409, "offset-mismatch") == (gap.status, gap.slug)
    assert str(log.ends[0]) == gap.headers["Upload-Offset"]
    assert log.ends[0] == gap.json["upload_offset"]


def test_patch_of_another_log_is_kept_apart(hub) -> None:
    """409 different-log tells which is held; under its twin's name it is taken."""
    other_id = bytes(range(16, 32))
    mine, other = rows(2), LogSpec(other_id).row({"a": 1}, step=0)
    hub.append(0, mine.data)
    answer = hub.append(0, other.data, log_id=other_id)
    assert (409, "different-log") == (answer.status, answer.slug)
    assert LOG_ID.hex() == answer.json["log_id"] == answer.headers["Tidelog-Log-Id"]
    twin = ("mnist", "r1", f"main.0001.{other_id.hex()[:8]}.tlog")
    assert 200 == hub.append(0, other.data, log_id=other_id, name=twin).status
    assert mine.data == file_of(hub).read_bytes()


def test_patch_of_other_bytes_is_refused(hub) -> None:
    """409 different-bytes; what is held stays."""
    log, other = rows(2), LogSpec().row({"loss": 9.0}, step=0)
    hub.append(0, log.data)
    answer = hub.append(0, other.data)
    assert (409, "different-bytes") == (answer.status, answer.slug)
    assert log.data == file_of(hub).read_bytes()


def test_patch_with_the_wrong_digest_changes_nothing(hub) -> None:
    """400 digest-mismatch, which an agent tries again."""
    log = rows(1)
    answer = hub.append(0, log.data, headers={"Content-Digest": digest_header(b"other")})
    assert (400, "digest-mismatch") == (answer.status, answer.slug)
    assert not file_of(hub).exists()


def test_patch_of_chunks_that_are_not_whole_is_refused(hub) -> None:
    """422 invalid-chunks: torn, damaged without a word, out of order."""
    log = rows(3)
    torn = log.data[:-1]
    flipped = bytearray(log.data)
    flipped[log.ends[0] + 30] ^= 1
    gap = log.data[: log.ends[0]] + log.data[log.ends[1] :]
    for data in (torn, bytes(flipped), gap, b"", b"no log at all" * 10):
        answer = hub.append(0, data)
        assert (422, "invalid-chunks") == (answer.status, answer.slug)
    assert not file_of(hub).exists()


def test_patch_takes_damage_that_is_declared(hub) -> None:
    """It travels as it is."""
    log = rows(3)
    data = bytearray(log.data)
    data[log.ends[0] + 30] ^= 1
    answer = hub.append(0, bytes(data), (log.ends[0], log.ends[1] - log.ends[0]))
    assert {"upload_offset": len(data)} == answer.json
    assert data == file_of(hub).read_bytes()


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload-Offset": "-"},
        {"Upload-Offset": "-1"},
        {"Upload-Offset": "1e3"},
        {"Tidelog-Log-Id": "-"},
        {"Tidelog-Log-Id": "xyz"},
        {"Content-Digest": "-"},
        {"Content-Digest": "sha-256=:AAAA:"},
        {"Tidelog-Damage": "all of it"},
        {"Tidelog-Damage": ",".join(["1+1"] * 1000)},
    ],
)
def test_patch_with_a_bad_header_is_400(hub, headers: dict[str, str]) -> None:
    """The header is named, and nothing is made."""
    answer = hub.append(0, rows(1).data, headers=headers)
    assert (400, "bad-request") == (answer.status, answer.slug)
    assert next(iter(headers)) in answer.json["detail"]
    assert not (hub.data / "mnist").exists()


def test_patch_of_an_unknown_encoding_is_415(hub) -> None:
    """It says which are known."""
    answer = hub.append(0, rows(1).data, headers={"Content-Encoding": "gzip"})
    assert (415, "unsupported-encoding") == (answer.status, answer.slug)
    assert "zstd" == answer.headers["Accept-Encoding"]


def test_patch_of_a_body_that_is_no_zstd_is_400(hub) -> None:
    """It is not tried as it is."""
    answer = hub.append(0, rows(1).data, headers={"Content-Encoding": "zstd"})
    assert (400, "bad-request") == (answer.status, answer.slug)


def test_patch_over_the_limit_is_413_before_it_is_read(start_hub) -> None:
    """By its announced length, by what comes without one, and by what comes out of a bomb."""
    hub = start_hub(wire={"body_bytes_max": 1000})
    announced = hub.append(0, bytes(1001))
    assert (413, "too-large", 1000) == (
        announced.status,
        announced.slug,
        announced.json["body_bytes_max"],
    )
    bomb = hub.append(0, compress(bytes(10_000_000)), headers={"Content-Encoding": "zstd"})
    assert (413, "too-large") == (bomb.status, bomb.slug)
    endless = hub.raw(
        f"PATCH {PATH} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {hub.key}\r\n"
        f"Upload-Offset: 0\r\nTidelog-Log-Id: {LOG_ID.hex()}\r\nConnection: close\r\n"
        f"Content-Digest: {digest_header(b'')}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        + b"400\r\n"
        + bytes(1024)
        + b"\r\n0\r\n\r\n"
    )
    assert endless.startswith(b"HTTP/1.1 413 ")
    assert not (hub.data / "mnist").exists()


def test_patch_in_chunked_encoding_is_taken(hub) -> None:
    """A length need not be known beforehand."""
    log = rows(2)
    answer = hub.raw(
        f"PATCH {PATH} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {hub.key}\r\n"
        f"Upload-Offset: 0\r\nTidelog-Log-Id: {LOG_ID.hex()}\r\nConnection: close\r\n"
        f"Content-Digest: {digest_header(log.data)}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
        + f"{len(log.data):x}\r\n".encode()
        + log.data
        + b"\r\n0\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert log.data == file_of(hub).read_bytes()


def test_a_body_that_does_not_come_is_408(start_hub) -> None:
    """Nobody holds memory for ever."""
    hub = start_hub(stall_s=0.05, linger_s=0.05)
    answer = hub.raw(
        f"PATCH {PATH} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {hub.key}\r\n"
        f"Upload-Offset: 0\r\nTidelog-Log-Id: {LOG_ID.hex()}\r\nConnection: close\r\n"
        f"Content-Digest: {digest_header(b'')}\r\nContent-Length: 100\r\n\r\nabc".encode()
    )
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"body-timeout" in answer


class FullDisk(Disk):
    """A disk without space as long as `is_full` is set."""

    is_full = False

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().pwrite(fd, data, offset)


def test_a_full_disk_is_507_and_loses_nothing(start_hub) -> None:
    """What was held stays held; when there is space again the same append succeeds."""
    disk = FullDisk()
    hub, log = start_hub(disk=disk), rows(2)
    hub.append(0, log.data[: log.ends[0]])
    disk.is_full = True
    answer = hub.append(log.ends[0], log.data[log.ends[0] :])
    assert (507, "disk-full") == (answer.status, answer.slug)
    assert int(answer.headers["Retry-After"]) > 0
    assert str(log.ends[0]) == hub.call("HEAD", PATH).headers["Upload-Offset"]
    disk.is_full = False
    assert 200 == hub.append(log.ends[0], log.data[log.ends[0] :]).status
    assert log.data == file_of(hub).read_bytes()


def test_an_error_inside_is_told_without_its_secrets(start_hub, caplog) -> None:
    """500 with a problem document; what went wrong is in the hub's log alone."""

    class BrokenDisk(Disk):
        def open(self, path: object) -> int:
            raise RuntimeError("the secret plan")

    answer = start_hub(disk=BrokenDisk()).append(0, rows(1).data)
    assert (500, "internal") == (answer.status, answer.slug)
    assert b"secret plan" not in answer.body
    assert "the secret plan" in caplog.text


def test_something_in_the_way_is_409(hub) -> None:
    """A symbolic link is not followed."""
    (hub.data / "mnist").symlink_to(hub.data / ".hub")
    answer = hub.append(0, rows(1).data)
    assert (409, "path-conflict") == (answer.status, answer.slug)


def test_a_new_process_goes_on_where_the_old_one_was(start_hub, tmp_path: Path) -> None:
    """Nothing that counts is in memory alone."""
    log = rows(3)
    first = start_hub()
    first.append(0, log.data[: log.ends[0]])
    with file_of(first).open("ab") as file:
        file.write(log.data[log.ends[0] : -3])  # What a SIGKILL in the middle of an append leaves.
    first.server.keys.revoke("test")
    first._do(first.server.stop())
    second = start_hub()
    assert str(log.ends[1]) == second.call("HEAD", PATH).headers["Upload-Offset"]
    assert {"upload_offset": len(log.data)} == second.append(log.ends[1], log.data[log.ends[1] :]).json
    assert log.data == file_of(second).read_bytes()


# -- GET -----------------------------------------------------------------------------------------


def test_get_sends_what_is_held_and_inert(hub) -> None:
    """An attachment of octets, with its digest."""
    log = rows(3)
    hub.append(0, log.data)
    answer = hub.call("GET", PATH)
    assert (200, log.data) == (answer.status, answer.body)
    assert "application/octet-stream" == answer.headers["Content-Type"]
    assert "attachment" == answer.headers["Content-Disposition"]
    assert "nosniff" == answer.headers["X-Content-Type-Options"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert digest_header(log.data) == answer.headers["Repr-Digest"]
    assert hashlib.sha256(log.data).digest() == hashlib.sha256(answer.body).digest()


def test_get_of_a_log_that_is_not_held_is_404(hub) -> None:
    """It names the address, as for whatever else is not there."""
    answer = hub.call("GET", PATH)
    assert (404, "not-found") == (answer.status, answer.slug)
    assert f"there is nothing at {PATH}" == answer.json["detail"]
