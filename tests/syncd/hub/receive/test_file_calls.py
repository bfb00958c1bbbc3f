"""POST of lists and batches, HEAD, PUT, PATCH and GET of one file, against a real hub."""

import hashlib
from pathlib import Path

import pytest

from tidelog.syncd.bodies import FileEntry, SmallFile, compress, encode_batch, encode_missing
from tidelog.syncd.protocol import batch_path, digest_header, file_path, missing_path

RUN = ("mnist", "r1")
PATH = "media/images/ü 1.png"
DATA = b"not really a picture"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def address(path: str = PATH, data: bytes = DATA) -> str:
    return file_path(*RUN, path, sha256=sha(data))


def put(hub, body: bytes, *, length: int, complete: bool, data: bytes = DATA, **more: str):
    headers = {"Upload-Length": str(length), "Upload-Complete": "?1" if complete else "?0"}
    return hub.call("PUT", address(data=data), body, headers | more)


def patch(hub, body: bytes, *, offset: int, length: int, complete: bool):
    headers = {
        "Upload-Offset": str(offset),
        "Upload-Length": str(length),
        "Upload-Complete": "?1" if complete else "?0",
    }
    return hub.call("PATCH", address(), body, headers)


def files_of(hub) -> dict[str, bytes]:
    root = hub.data / "mnist/r1"
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


# -- files:missing, files:batch ------------------------------------------------------------------


def test_missing_lists_what_is_not_held(hub) -> None:
    """By path, size and digest."""
    hub.call("POST", batch_path(*RUN), encode_batch([SmallFile(PATH, sha(DATA), DATA)]))
    entries = [
        FileEntry(PATH, len(DATA), sha(DATA)),
        FileEntry("files/a", 1, sha(b"a")),
        FileEntry(PATH, len(DATA), sha(b"other")),
    ]
    answer = hub.call("POST", missing_path(*RUN), encode_missing(entries))
    assert (200, {"missing": ["files/a", PATH]}) == (answer.status, answer.json)


def test_a_batch_puts_each_file_in_its_place(hub) -> None:
    """Many small files, one request; zstd or not."""
    files = [SmallFile(f"media/{i}", sha(b"%d" % i), b"%d" % i) for i in range(20)]
    answer = hub.call("POST", batch_path(*RUN), encode_batch(files[:10]))
    assert {"stored": [f"media/{i}" for i in range(10)]} == answer.json
    body = compress(encode_batch(files[10:]))
    assert 200 == hub.call("POST", batch_path(*RUN), body, {"Content-Encoding": "zstd"}).status
    assert {f"media/{i}": b"%d" % i for i in range(20)} == files_of(hub)


def test_a_batch_twice_has_one_effect(hub) -> None:
    """As after an answer that was lost."""
    body = encode_batch([SmallFile(PATH, sha(DATA), DATA)])
    assert [200, 200] == [hub.call("POST", batch_path(*RUN), body).status for _ in range(2)]
    assert {PATH: DATA} == files_of(hub)


def test_a_batch_with_a_bad_name_changes_nothing(hub) -> None:
    """All names are checked before a byte is written."""
    good = SmallFile(PATH, sha(DATA), DATA)
    for path in ("../../x", "/etc/x", "main.0001.tlog", "media/.x", "media/x.tmp", "media/a\0"):
        body = encode_batch([good, SmallFile(path, sha(DATA), DATA)])
        answer = hub.call("POST", batch_path(*RUN), body)
        assert (400, "invalid-name") == (answer.status, answer.slug)
    assert not (hub.data / "mnist").exists()


def test_a_batch_with_a_wrong_digest_tells_the_file(hub) -> None:
    """422 file-mismatch."""
    body = encode_batch([SmallFile(PATH, sha(b"other"), DATA)])
    answer = hub.call("POST", batch_path(*RUN), body)
    assert (422, "file-mismatch") == (answer.status, answer.slug)
    assert PATH in answer.json["detail"]
    assert {} == files_of(hub)


def test_lists_and_batches_have_limits(start_hub) -> None:
    """In number; 413 tells the limit."""
    hub = start_hub(wire={"missing_files_max": 1, "batch_files_max": 1})
    entries = [FileEntry(f"media/{i}", 1, sha(b"a")) for i in range(2)]
    answer = hub.call("POST", missing_path(*RUN), encode_missing(entries))
    assert (413, "too-large") == (answer.status, answer.slug)
    files = [SmallFile(f"media/{i}", sha(b"a"), b"a") for i in range(2)]
    answer = hub.call("POST", batch_path(*RUN), encode_batch(files))
    assert (413, "too-large") == (answer.status, answer.slug)
    assert not (hub.data / "mnist").exists()


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff" * 100, b"[" * 100_000])
def test_a_body_of_another_shape_is_400(hub, body: bytes) -> None:
    """For the list, and for the batch except that an empty one is none."""
    assert "bad-request" == hub.call("POST", missing_path(*RUN), body).slug
    if body:
        assert "bad-request" == hub.call("POST", batch_path(*RUN), body).slug


# -- one large file ------------------------------------------------------------------------------


def test_head_of_a_file_that_is_not_held_is_404(hub) -> None:
    """And makes nothing."""
    assert 404 == hub.call("HEAD", address()).status
    assert not (hub.data / "mnist").exists()


def test_a_file_in_one_put(hub) -> None:
    """Whole at once."""
    answer = put(hub, DATA, length=len(DATA), complete=True)
    assert {"upload_offset": len(DATA), "upload_complete": True} == answer.json
    assert {PATH: DATA} == files_of(hub)
    head = hub.call("HEAD", address())
    assert (200, str(len(DATA)), "?1") == (
        head.status,
        head.headers["Upload-Offset"],
        head.headers["Upload-Complete"],
    )


def test_a_file_in_parts_goes_on_where_it_was(hub) -> None:
    """HEAD tells where; nobody sees it before it is whole."""
    assert {"upload_offset": 5, "upload_complete": False} == put(
        hub, DATA[:5], length=len(DATA), complete=False
    ).json
    assert 404 == hub.call("GET", address()).status
    head = hub.call("HEAD", address())
    assert ("5", "?0") == (head.headers["Upload-Offset"], head.headers["Upload-Complete"])
    wrong = patch(hub, DATA[7:], offset=7, length=len(DATA), complete=True)
    assert (409, "offset-mismatch", "5") == (
        wrong.status,
        wrong.slug,
        wrong.headers["Upload-Offset"],
    )
    assert 200 == patch(hub, DATA[5:9], offset=5, length=len(DATA), complete=False).status
    assert 200 == patch(hub, DATA[9:], offset=9, length=len(DATA), complete=True).status
    assert {PATH: DATA} == files_of(hub)


def test_the_last_part_twice_has_one_effect(hub) -> None:
    """The file is there already: 200."""
    put(hub, DATA[:5], length=len(DATA), complete=False)
    for _ in range(2):
        answer = patch(hub, DATA[5:], offset=5, length=len(DATA), complete=True)
        assert {"upload_offset": len(DATA), "upload_complete": True} == answer.json
    assert {PATH: DATA} == files_of(hub)


def test_a_file_of_another_digest_never_appears(hub) -> None:
    """422 file-mismatch, and the next try starts at 0."""
    answer = put(hub, DATA.upper(), length=len(DATA), complete=True)
    assert (422, "file-mismatch") == (answer.status, answer.slug)
    assert {} == files_of(hub)
    assert 404 == hub.call("HEAD", address()).status


def test_a_newer_version_replaces_the_older(hub) -> None:
    """Under the same path, atomically."""
    put(hub, DATA, length=len(DATA), complete=True)
    put(hub, b"newer", data=b"newer", length=5, complete=True)
    assert {PATH: b"newer"} == files_of(hub)


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload-Length": "-"},
        {"Upload-Length": "x"},
        {"Upload-Length": "19"},
        {"Upload-Length": "21"},
        {"Upload-Complete": "-"},
        {"Upload-Complete": "1"},
        {"Upload-Complete": "?0"},
        {"Content-Digest": "-"},
    ],
)
def test_a_part_that_cannot_be_is_400(hub, headers: dict[str, str]) -> None:
    """What it says of itself must fit."""
    answer = put(hub, DATA, length=len(DATA), complete=True, **headers)
    assert (400, "bad-request") == (answer.status, answer.slug)
    assert not (hub.data / "mnist").exists()


def test_a_file_without_its_digest_in_the_query_is_400(hub) -> None:
    """Which version is meant must be said."""
    for query in ("", "?sha256=x", f"?sha256={'AB' * 32}"):
        answer = hub.call(
            "PUT",
            file_path(*RUN, PATH) + query,
            DATA,
            {"Upload-Length": str(len(DATA)), "Upload-Complete": "?1"},
        )
        assert (400, "bad-request") == (answer.status, answer.slug)


def test_a_file_over_the_limit_is_413(start_hub) -> None:
    """Before a byte of it is read."""
    hub = start_hub(wire={"file_bytes_max": 10})
    answer = put(hub, DATA[:5], length=11, complete=False)
    assert (413, "too-large") == (answer.status, answer.slug)
    assert not (hub.data / "mnist").exists()


def test_get_sends_a_file_inert(hub) -> None:
    """A page that somebody logged does not run in the hub's name."""
    page = b"<script>alert(1)</script>"
    path = "media/page.html"
    body = encode_batch([SmallFile(path, sha(page), page)])
    hub.call("POST", batch_path(*RUN), body)
    answer = hub.call("GET", file_path(*RUN, path))
    assert (200, page) == (answer.status, answer.body)
    assert "application/octet-stream" == answer.headers["Content-Type"]
    assert "nosniff" == answer.headers["X-Content-Type-Options"]
    assert "attachment" == answer.headers["Content-Disposition"]
    assert 404 == hub.call("GET", file_path(*RUN, "media/other.html")).status


def test_a_file_beside_a_link_stays_beneath_the_root(hub, tmp_path: Path) -> None:
    """409 path-conflict where a directory on the way is a link."""
    (tmp_path / "outside").mkdir()
    (hub.data / "mnist/r1").mkdir(parents=True)
    (hub.data / "mnist/r1/media").symlink_to(tmp_path / "outside")
    answer = put(hub, DATA, length=len(DATA), complete=True)
    assert (409, "path-conflict") == (answer.status, answer.slug)
    assert [] == list((tmp_path / "outside").iterdir())


def test_a_part_that_was_cut_on_the_way_is_asked_for_again(hub) -> None:
    """Its digest is looked at before its length: else a bad proxy would get it parked for good."""
    answer = put(
        hub, DATA[:-1], length=len(DATA), complete=True, **{"Content-Digest": digest_header(DATA)}
    )
    assert (400, "tag:tidelog,2026:digest-mismatch") == (answer.status, answer.json["type"])
