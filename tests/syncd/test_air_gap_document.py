"""docs/operations.md and the code say the same about the archive and the receipt."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tidelog.syncd.agent.pack.contents import (
    CONTENTS_NAME,
    Contents,
    PackedLog,
    PackedRun,
    encode_contents,
)
from tidelog.syncd.agent.proof.receipt import Attested, encode_receipt
from tidelog.syncd.agent.target.held import FileContents, LogContents, RunContents
from tidelog.syncd.bodies import FileEntry

TEXT = Path(__file__).parents[2].joinpath("docs", "operations.md").read_text()
EXAMPLES = {
    document["type"]: document
    for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    for document in [json.loads(block)]
}
SHA = "cd" * 32
LOG = PackedLog("main.0001.tlog", "ab" * 16, 4096, (8192,), SHA, ((5000, 512),))
PACK = Contents(0.0, (PackedRun("mnist", "r1", (LOG,), (FileEntry("media/a.png", 1, SHA),)),))
HELD = RunContents(
    [LogContents("main.0001.tlog", "ab" * 16, 9000, 50, 49, SHA)], [FileContents("media/a.png", 1, SHA)]
)


def shape(value: Any) -> Any:
    """Return a document with types in place of values, and of a list its first entry."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("pack", encode_contents(PACK)),
        ("receipt", encode_receipt([Attested("https://hub.lab", 0.0, "mnist", "r1", HELD)])),
    ],
)
def test_the_example_has_the_members_that_are_written(kind: str, written: bytes) -> None:
    """And of the same types."""
    assert shape(json.loads(written)) == shape(EXAMPLES[kind])


def test_the_names_are_those_of_the_code() -> None:
    """Of the table of contents, and of a later range of a log."""
    assert f"`{CONTENTS_NAME}`" in TEXT
    assert f"`{LOG.member}`" in TEXT
