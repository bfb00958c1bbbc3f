"""The table of contents of a pack: it says what is in it, and is believed in nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.syncd.agent.pack.contents import (
    Contents,
    PackedLog,
    PackedRun,
    PackError,
    decode_contents,
    encode_contents,
)
from tidelog.syncd.bodies import FileEntry

SHA = "cd" * 32
LOG = PackedLog("main.0001.tlog", "ab" * 16, 0, (1000, 2500), SHA, ((400, 12), (1000, 0)))
LATER = PackedLog("main.0002.tlog", "ba" * 16, 4096, (5000,), SHA)
FILE = FileEntry("media/a.png", 7, SHA)
CONTENTS = Contents(0.0, (PackedRun("mnist", "r1", (LOG, LATER), (FILE,)),))


def test_what_was_written_is_read() -> None:
    """Every range, cut and digest."""
    assert CONTENTS == decode_contents(encode_contents(CONTENTS))


def test_members_are_named_as_they_lie_in_a_root() -> None:
    """A later range has a name that all readers of a run leave alone."""
    names = [(name, size) for name, _, _, size in CONTENTS.members()]
    expected = [
        ("mnist/r1/main.0001.tlog", 2500),
        ("mnist/r1/main.0002.tlog.from-4096.tmp", 904),
        ("mnist/r1/media/a.png", 7),
    ]
    assert (expected, 3411) == (names, CONTENTS.size)


def test_a_piece_declares_the_damage_that_starts_in_it() -> None:
    """A gap at a cut belongs to the piece behind it."""
    assert [(0, 1000), (1000, 2500)] == list(LOG.pieces())
    assert [(400, 12)] == LOG.damage_in(0, 1000)
    assert [(1000, 0)] == LOG.damage_in(1000, 2500)


@pytest.mark.parametrize(
    "change",
    [
        {"project": "../x"},
        {"project": ""},
        {"run": "/etc"},
        {"logs": [{**LOG._asdict(), "name": "../main.0001.tlog"}]},
        {"logs": [{**LOG._asdict(), "name": "passwd"}]},
        {"logs": [{**LOG._asdict(), "log_id": "x"}]},
        {"logs": [{**LOG._asdict(), "start": 7}]},
        {"logs": [{**LOG._asdict(), "start": -1}]},
        {"logs": [{**LOG._asdict(), "cuts": []}]},
        {"logs": [{**LOG._asdict(), "cuts": [2000, 1000]}]},
        {"logs": [{**LOG._asdict(), "cuts": [1 << 40]}]},
        {"logs": [{**LOG._asdict(), "cuts": [True]}]},
        {"logs": [{**LOG._asdict(), "damage": [[1, 2, 3]]}]},
        {"logs": [LOG._asdict(), LOG._asdict()]},
        {"files": [{**FILE._asdict(), "path": "../../x"}]},
        {"files": [{**FILE._asdict(), "path": "/etc/passwd"}]},
        {"files": [{**FILE._asdict(), "path": "main.0001.tlog"}]},
        {"files": [{**FILE._asdict(), "path": "media/a\x1b[2J"}]},
        {"files": [{**FILE._asdict(), "path": "media/a.tmp"}]},
        {"files": [{**FILE._asdict(), "size": -1}]},
        {"files": [{**FILE._asdict(), "sha256": "no"}]},
        {"files": [FILE._asdict(), FILE._asdict()]},
        {"files": 7},
    ],
    ids=repr,
)
def test_names_sizes_and_digests_are_checked(change: dict[str, Any]) -> None:
    """Absolute paths, `..`, names of no log, doubles, ranges that run backwards."""
    document = json.loads(encode_contents(CONTENTS))
    document["runs"] = [{**document["runs"][0], **change}]
    with pytest.raises(PackError, match="not what `syncd pack` writes"):
        decode_contents(json.dumps(document).encode())


def test_another_version_says_what_to_do() -> None:
    """A newer tidelog wrote it."""
    document = {**json.loads(encode_contents(CONTENTS)), "version": 2}
    with pytest.raises(PackError, match="pip install -U tidelog"):
        decode_contents(json.dumps(document).encode())


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_document_ends_in_a_sentence(value: Any) -> None:
    """As the whole, and as its runs."""
    for document in (value, {"type": "pack", "version": 1, "runs": value}):
        try:
            decode_contents(json.dumps(document).encode())
        except PackError:
            continue
        assert value in ([], {}, "")
