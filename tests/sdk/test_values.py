import decimal
import enum
import fractions

import numpy as np
import pytest

from tidelog.datastore.disk import Disk
from tidelog.sdk.config_values import clean_map
from tidelog.sdk.media.image import Image
from tidelog.sdk.row_values import clean_row
from tidelog.sdk.values import LIST_BYTES_MAX


class Number(enum.IntEnum):
    SEVEN = 7


class Word(enum.StrEnum):
    SEVEN = "seven"


class Angry:
    def __index__(self) -> int:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (1.5, 1.5),
        (None, None),
        (True, True),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        ("text", "text"),
        (0.5, np.float32(0.5)),
        (0.1, np.float64(0.1)),
        (7, np.int64(7)),
        (7, np.uint8(7)),
        (True, np.bool_(True)),
        ("text", np.str_("text")),
        (0.25, np.float16(0.25)),
        (3.0, np.array(3.0)),
        (3, np.array([[3]])),
        ([1, 2], np.array([1, 2])),
        ([[1.0, 0.0], [0.0, 1.0]], np.eye(2)),
        ([1, "a", None], (1, "a", None)),
        ([1.0, {"a": [2]}], [np.float32(1), {"a": (2,)}]),
        ([0, 1, 2], range(3)),
        ([4], {4}),
        ([], []),
        (7, Number.SEVEN),
        ("seven", Word.SEVEN),
        (0.5, decimal.Decimal("0.5")),
        (0.25, fractions.Fraction(1, 4)),
        ("a\\ud800", "a\ud800"),
    ],
)
def test_a_value_is_recorded_as_the_plain_one_that_it_stands_for(
    expected: object, value: object
) -> None:
    """Numbers, text and small lists of any library become plain ones of the same type."""
    row, faults = clean_row({"key": value})
    assert (expected, []) == (row["key"], faults)
    assert type(expected) is type(row["key"])


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        ("bytes", ("bytes", "64", "run.save"), b"x" * 64),
        ("bytes", ("bytearray",), bytearray(3)),
        ("int", ("64 bits", "1180591620717411303424"), 2**70),
        pytest.param("int", ("64 bits", "<int>"), 1 << 20000, id="huge"),
        ("size", ("(70000,)", "65.5 kB", "statistic"), np.zeros(70000)),
        ("size", ("(300, 300)", "65.5 kB"), np.zeros((300, 300))),
        ("size", ("9000", "65.5 kB"), [0.5] * 9000),
        ("object", ("object", "sdk.Image"), object()),
        ("object", ("function",), len),
        ("object", ("complex",), 1 + 2j),
        ("object", ("generator",), (x for x in "ab")),
        ("object", ("Angry",), Angry()),
        ("object", ("object",), np.array([object(), object()])),
        ("image", ("array of shape (3,)",), [Image(np.zeros(3))]),
    ],
)
def test_a_value_that_no_record_can_hold_is_left_out_with_one_sentence(
    kind: str, words: tuple[str, ...], value: object
) -> None:
    """The sentence names key, value, limit and remedy, and the rest of the row stays."""

    def store(_key: str, media: list[Image], *, at_once: bool = False) -> object:
        return [each.snapshot(Disk()) for each in media]

    row, faults = clean_row({"a": 1, "the key": value, "b": 2}, store)
    assert {"a": 1, "b": 2} == row
    (fault,) = faults
    assert kind == fault.kind
    for word in ("'the key'", *words):
        assert word in fault.text
    assert len(fault.text) < 400


def test_a_list_up_to_the_limit_is_kept_whole() -> None:
    """The limit is on the packed size: small ints take a byte each."""
    row, faults = clean_row({"a": [1] * (LIST_BYTES_MAX - 3)})
    assert [] == faults
    assert LIST_BYTES_MAX - 3 == len(row["a"])


def test_config_keeps_maps_and_turns_the_rest_into_text() -> None:
    """Nothing of a config is dropped; each text is told."""
    values, faults = clean_map({"model": {"layers": [1, 2], "act": len, 3: 4}, "opt": object})
    assert {"model": {"layers": [1, 2], "act": "len", "3": 4}, "opt": "object"} == values
    assert ["object"] * 2 == [fault.kind for fault in faults]
    assert "'model.act' is kept as text, 'len'" in faults[0].text
