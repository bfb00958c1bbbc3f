"""Receipts: what is written is read, and nothing else is."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.proof.receipt import (
    Attested,
    ReceiptError,
    decode_receipt,
    encode_receipt,
    merged,
)
from tidelog.syncd.agent.proof.receipts import add_to_receipt, open_receipts, read_receipt
from tidelog.syncd.agent.target.held import FileContents, LogContents, RunContents
from tidelog.syncd.agent.task import Run

LOG = LogContents("main.0001.tlog", "ab" * 16, 4096, 50, 49, "cd" * 32)
FILE = FileContents("media/images/ä b.png", 512, "ef" * 32)
WORD = Attested("https://hub.lab", 1_795_000_000.0, "mnist", "r1", RunContents([LOG], [FILE]))

names = st.sampled_from(["mnist", "r 1 [x]", "prüf lauf"])
counts = st.integers(0, 2**60)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
logs = st.builds(LogContents, st.just(LOG.name), st.just("ab" * 16), counts, counts, counts, digests)
files = st.builds(FileContents, st.just(FILE.path), counts, digests)
words = st.builds(
    Attested,
    st.text(max_size=20),
    st.integers(0, 2**32).map(float),
    names,
    names,
    st.builds(RunContents, st.lists(logs, max_size=2), st.lists(files, max_size=2)),
    st.sampled_from(["", "12" * 16]),
)


@given(st.lists(words, max_size=4))
def test_what_was_written_is_read(attested: list[Attested]) -> None:
    """Every field, to the second."""
    assert attested == decode_receipt(encode_receipt(attested), name="x")


def test_a_receipt_that_was_cut_or_altered_is_refused() -> None:
    """At every byte: its digest over itself does not hold, or it is no document."""
    data = encode_receipt([WORD])
    for at in range(len(data.rstrip())):
        with pytest.raises(ReceiptError, match=r"^x "):
            decode_receipt(data[:at], name="x")
    for at, byte in enumerate(data):
        altered = data[:at] + bytes([byte ^ 1]) + data[at + 1 :]
        if altered.split() != data.split():
            with pytest.raises(ReceiptError):
                decode_receipt(altered, name="x")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("type", "pack", "no receipt"),
        ("version", 2, "version 2; this tidelog reads version 1"),
        ("runs", None, "altered"),
    ],
)
def test_another_document_is_no_receipt(field: str, value: object, words: str) -> None:
    """And the sentence says what is wrong."""
    document = json.loads(encode_receipt([WORD]))
    with pytest.raises(ReceiptError, match=words):
        decode_receipt(json.dumps({**document, field: value}).encode(), name="x")


@pytest.mark.parametrize(
    "run",
    [
        {"project": ".."},
        {"files": [{"path": "../x", "size": 1, "sha256": "ef" * 32}]},
        {"logs": [{**LOG._asdict(), "size": -1}]},
        {"time": "yesterday"},
        {"target": 7},
    ],
    ids=repr,
)
def test_a_receipt_is_believed_in_nothing(run: dict[str, object]) -> None:
    """Also with a digest that holds: names, sizes and times are checked."""
    import hashlib

    document = json.loads(encode_receipt([WORD]))
    document.pop("sha256")
    document["runs"] = [{**document["runs"][0], **run}]
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    document["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    with pytest.raises(ReceiptError, match="no receipt that tidelog wrote"):
        decode_receipt(json.dumps(document).encode(), name="x")


def test_of_a_run_at_a_target_the_last_word_counts() -> None:
    """What was said of other runs, and by other targets, stays."""
    later = WORD._replace(time=WORD.time + 5, held=RunContents([], []))
    other = WORD._replace(target="file:///media/usb")
    assert [other, later] == merged([WORD, other], [later])


def test_a_receipt_grows_on_the_disk(tmp_path: Path) -> None:
    """A new run is added; where the old receipt cannot be read, that is told and it begins anew."""
    path, other = str(tmp_path / "receipt.json"), WORD._replace(run="r2")
    assert add_to_receipt(path, [WORD], Disk()) is None
    assert add_to_receipt(path, [other], Disk()) is None
    assert [WORD, other] == read_receipt(path, Disk())
    (tmp_path / "receipt.json").write_bytes(encode_receipt([WORD])[:-9])
    assert "no receipt" in str(add_to_receipt(path, [other], Disk()))
    assert [other] == read_receipt(path, Disk())


def test_what_never_was_a_receipt_is_not_written_over(tmp_path: Path) -> None:
    """It was named by mistake, and may be the only copy of something. An empty file holds nothing."""
    path = tmp_path / "runs.tar.zst"
    for data in (b"\x28\xb5\x2f\xfd", b"{}", b'{"type": "pack", "or": {"type": "receipt"}}'):
        path.write_bytes(data)
        with pytest.raises(ReceiptError, match=r"runs.tar.zst is no receipt, and stays as it is"):
            add_to_receipt(str(path), [WORD], Disk())
        assert data == path.read_bytes()
    for data in (b"", json.dumps(json.loads(encode_receipt([WORD]))).encode()):
        path.write_bytes(data)
        assert add_to_receipt(str(path), [WORD], Disk()) is None
        assert [WORD] == read_receipt(str(path), Disk())


def test_all_receipts_beside_the_runs_speak_and_the_last_word_counts(tmp_path: Path) -> None:
    """A folder without any is an error that says so; other files are not looked at."""
    (tmp_path / "notes.json").write_text("{}")
    with pytest.raises(ReceiptError, match="there is no receipt in"):
        open_receipts(str(tmp_path), Disk())
    later = WORD._replace(target="file:///media/usb", time=WORD.time + 5)
    (tmp_path / "receipt.json").write_bytes(encode_receipt([later]))
    (tmp_path / "runs.receipt.json").write_bytes(encode_receipt([WORD]))
    witness = open_receipts(str(tmp_path), Disk())
    assert later == witness.word_on(Run("/x", "mnist", "r1"))
    assert witness.word_on(Run("/x", "mnist", "r2")) is None
