"""Spans and amounts, as people write them."""

import pytest

from tidelog.syncd.quantities import parse_amount, parse_span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("12h", 43_200), ("30d", 2_592_000), (" 8w ", 4_838_400)],
)
def test_a_span_has_one_unit(text: str, seconds: float) -> None:
    assert seconds == parse_span(text)


@pytest.mark.parametrize("text", ["", "12", "0d", "-1d", "1.5h", "1h30m", "d", "1y", "٣d"])
def test_what_is_no_span_is_named(text: str) -> None:
    """The message has the value and how to write it."""
    with pytest.raises(ValueError, match="is no span of time; write it like") as error:
        parse_span(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("text", ["36601d", "999999w"])
def test_a_span_that_no_clock_shows_the_end_of_is_named(text: str) -> None:
    """No person means it, and the year would have five digits."""
    assert 36_600 * 86_400 == parse_span("36600d")
    with pytest.raises(ValueError, match=f"'{text}' is longer than 100 years"):
        parse_span(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("500k", 500_000),
        ("10M", 10_000_000),
        ("10MB", 10_000_000),
        ("10MiB", 10_485_760),
        ("1.5Gi", 1_610_612_736),
        ("2TB", 2_000_000_000_000),
    ],
)
def test_an_amount_is_decimal_unless_it_says_i(text: str, size: int) -> None:
    assert size == parse_amount(text)


@pytest.mark.parametrize("text", ["", "M", "-1M", "1e3", "10 M", "10MM", "10i", "1.5555M", "ten"])
def test_what_is_no_amount_is_named(text: str) -> None:
    """The message has the value and how to write it."""
    with pytest.raises(ValueError, match="is no amount of bytes; write it like") as error:
        parse_amount(text)
    assert repr(text) in str(error.value)
