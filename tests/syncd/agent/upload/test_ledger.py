"""The ledger: which files the records of a log name."""

import pytest
from log_spec import TIME, LogSpec, log_of_every_kind

from tidelog.datastore.format import RECORDS, Chunk
from tidelog.datastore.records import FILE, Media
from tidelog.datastore.scan import Scanner, identify
from tidelog.syncd.agent.upload.ledger import entries_of, fault_of
from tidelog.syncd.bodies import FileEntry

DIGEST = "ab" * 32


def entries(log: LogSpec) -> list[FileEntry]:
    def read_at(offset: int, size: int) -> bytes:
        return log.data[offset : offset + size]

    scanner = Scanner(read_at, identify(read_at, log="x").tag, log="x")
    return [entry for chunk in scanner for entry in entries_of(chunk)]


def test_media_in_rows_and_file_records_are_found() -> None:
    """A log of every kind of record names its image three times and its file once."""
    image = FileEntry("media/images/a_0.png", 68, "9f" * 32)
    assert [image, image, image, FileEntry("files/m.npz", 3, DIGEST)] == entries(log_of_every_kind())


def test_media_is_found_however_deep_it_lies() -> None:
    """In lists and maps too."""
    media = Media("image", "media/x.png", DIGEST, 5, {})
    log = LogSpec().row({"table": {"cells": [[1, media]]}}, step=0)
    assert [FileEntry("media/x.png", 5, DIGEST)] == entries(log)


def test_media_that_belongs_to_media_is_found() -> None:
    """A table's images, an image's masks."""
    mask = Media("mask", "media/masks/m.png", DIGEST, 1, {})
    image = Media("image", "media/images/i.png", DIGEST, 2, {"masks": {"m": mask}})
    table = Media("table", "media/tables/t.json", DIGEST, 3, {"cells": [image]})
    log = LogSpec().row({"t": table}, step=0)
    assert [
        FileEntry("media/tables/t.json", 3, DIGEST),
        FileEntry("media/images/i.png", 2, DIGEST),
        FileEntry("media/masks/m.png", 1, DIGEST),
    ] == entries(log)


def test_a_row_that_only_talks_of_sha256_names_no_file() -> None:
    """The word alone is a reason to look, no more."""
    assert [] == entries(LogSpec().row({"text": "sha256"}, step=0))


def test_a_payload_that_is_no_record_names_none() -> None:
    """What cannot be decoded travels as it is."""
    assert [] == entries_of(Chunk(RECORDS, 0, 40, b"\xc1 sha256"))


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        (FileEntry("../../etc/passwd", 1, DIGEST), "part"),
        (FileEntry("/etc/passwd", 1, DIGEST), "part"),
        (FileEntry("run.json", 1, DIGEST), "media/"),
        (FileEntry("main.0001.tlog", 1, DIGEST), "media/"),
        (FileEntry("", 1, DIGEST), "empty"),
        (FileEntry("media/x.png", 1, "zz"), "SHA-256"),
        (FileEntry("media/x.png", -1, DIGEST), "size"),
    ],
)
def test_an_entry_that_cannot_be_uploaded_says_why(entry: FileEntry, word: str) -> None:
    """A ledger is believed in nothing that could leave the run directory."""
    fault = fault_of(entry)
    assert fault is not None
    assert word in fault


def test_an_odd_file_record_gives_an_entry_with_a_fault() -> None:
    """Nothing that the ledger names disappears without a word."""
    log = LogSpec().record(FILE, TIME, {"path": 7, "size": "x", "sha256": None})
    [entry] = entries(log)
    assert fault_of(entry) is not None
