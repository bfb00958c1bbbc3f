import math

import pytest

from tidelog.datastore.text import ASCII_BARS, sparkline
from tidelog.sdk.curves import METRICS_MAX, POINTS_MAX, Curves


@pytest.mark.parametrize(
    ("expected", "points"),
    [
        ("", []),
        ("▁▂▃▄▅▆▇█", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("█▁", [1e308, -1e308]),
        ("▄▄", [5, 5]),
        ("▁ █", [1, math.nan, 2]),
        ("", [math.inf, math.nan]),
    ],
)
def test_a_curve_runs_from_its_lowest_to_its_highest(expected: str, points: list[float]) -> None:
    """NaN and infinities are gaps."""
    assert expected == sparkline(points)


def test_a_curve_fits_its_width_and_ends_at_the_last_point() -> None:
    """Long curves are thinned out."""
    text = sparkline([0.0] * 999 + [1.0], width=20)
    assert (20, "█") == (len(text), text[-1])


def test_a_terminal_without_unicode_gets_ascii() -> None:
    """There are as many steps."""
    assert "_#" == sparkline([0, 1], bars=ASCII_BARS)


def test_the_points_of_a_run_of_any_length_are_few() -> None:
    """The distance between samples doubles; a metric that is logged seldom is seen as well."""
    curves = Curves()
    samples = 0
    for step in range(100_000):
        if step >= curves.due_step:
            samples += 1
            curves.sample(step, {"loss": -float(step), "late": 1} if step > 5000 else {"loss": 0.5})
    points = dict(curves.items())
    assert ["loss", "late"] == list(points)
    assert all(len(values) < POINTS_MAX for values in points.values())
    assert samples < 600
    assert points["loss"] == sorted(points["loss"], reverse=True)


def test_only_numbers_of_the_first_metrics_are_sampled() -> None:
    """Text, bools and names that start with an underscore draw no curve."""
    curves = Curves()
    values = {"text": "a", "flag": True, "_x": 1, **{f"m{i}": i for i in range(50)}}
    curves.sample(0, values)
    assert [f"m{i}" for i in range(METRICS_MAX)] == [key for key, _ in curves.items()]


def test_a_step_that_is_sampled_again_is_one_point() -> None:
    """As the last step is at the end of a run, when more of it may have come."""
    curves = Curves()
    curves.sample(0, {"loss": 2})
    curves.sample(1, {"loss": 1})
    curves.sample(1, {"loss": 0, "best": 3})
    assert [("loss", [2, 0]), ("best", [3])] == curves.items()
