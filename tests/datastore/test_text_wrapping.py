"""Text in lines of a terminal: by cells, not by characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.datastore.text import shortened, width_of, wrapped


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("one two", 7, ["one two"]),
        ("", 7, [""]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("a bcdefghij", 4, ["a", "bcde", "fghi", "j"]),
        ("验证 验证", 4, ["验证", "验证"]),
        ("验证验证", 3, ["验", "证", "验", "证"]),
    ],
)
def test_lines_break_between_words_else_within(text: str, width: int, expected: list[str]) -> None:
    """A wide character takes two cells."""
    assert expected == wrapped(text, width)


@given(st.text(alphabet="ab 验é\u0301-", max_size=60), st.integers(2, 20))
def test_no_line_is_too_wide_and_nothing_is_lost(text: str, width: int) -> None:
    """But blanks where a line ends."""
    lines = wrapped(text, width)
    assert max(map(width_of, lines)) <= width
    assert text.replace(" ", "") == "".join(lines).replace(" ", "")


@given(st.text(alphabet="ab 验é\u0301-", max_size=60), st.integers(1, 20))
def test_a_shortened_text_fits_and_says_that_it_was(text: str, width: int) -> None:
    """Text that fits is as it was."""
    short = shortened(text, width)
    assert width_of(short) <= width
    assert short == text if width_of(text) <= width else short.endswith("…")
