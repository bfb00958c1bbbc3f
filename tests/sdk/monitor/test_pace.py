"""How often is sampled: as the setting says, and never for more than half a percent of a core."""

import pytest

from tidelog.sdk.monitor.pace import CPU_SHARE_MAX, INTERVAL_DEFAULT_S, parse_interval, pause_s


@pytest.mark.parametrize(
    ("expected", "setting"),
    [
        (None, "off"),
        (None, "OFF"),
        (None, "false"),
        (None, "0"),
        (INTERVAL_DEFAULT_S, None),
        (INTERVAL_DEFAULT_S, ""),
        (INTERVAL_DEFAULT_S, "on"),
        (2.5, " 2.5 "),
        (0.1, "0.1"),
        (3600.0, "3600"),
    ],
)
def test_a_setting_is_off_or_seconds(expected: float | None, setting: str | None) -> None:
    """Without a word it is the default."""
    assert (expected, None) == parse_interval(setting)


@pytest.mark.parametrize("setting", ["often", "-1", "0.01", "nan", "inf", "1e999"])
def test_a_setting_that_is_neither_is_said_and_replaced(setting: str) -> None:
    """The sentence names what was given."""
    interval = parse_interval(setting)
    assert INTERVAL_DEFAULT_S == interval.seconds
    assert setting in (interval.fault or "")


@pytest.mark.parametrize(
    ("expected", "cost_s"), [(10.0, 0.0), (10.0, 0.05), (12.0, 12 * CPU_SHARE_MAX), (200.0, 1.0)]
)
def test_a_sample_that_costs_much_makes_the_next_one_wait(expected: float, cost_s: float) -> None:
    """A machine of ten thousand processes is sampled as often as half a percent of a core allows."""
    assert expected == pytest.approx(pause_s(10.0, cost_s=cost_s))
