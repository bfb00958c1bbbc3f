"""The value that stands for a run, by key: computed from rows, overruled by hand."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelog.datastore import Reader, Writer
from tidelog.datastore.summary import Summary

NAN = float("nan")


@pytest.mark.parametrize(
    ("definition", "values", "expected"),
    [
        ({}, [3, 1, 2], 2),
        ({"summary": "last"}, [3, 1, 2], 2),
        ({"summary": "min"}, [3, 1, 2], 1),
        ({"summary": "max"}, [1, 3, 2], 3),
        ({"summary": "mean"}, [1, 2, 6], 3.0),
        ({"summary": "first"}, [3, 1, 2], 3),
        ({"summary": "best", "goal": "minimize"}, [3, 1, 2], 1),
        ({"summary": "best"}, [1, 3, 2], 3),
        ({"summary": "min"}, [NAN, 2, NAN, 1], 1),
        ({"summary": "max"}, [2, NAN], 2),
        ({"summary": "mean"}, [1, NAN, 3], 2.0),
        ({"summary": "median"}, [3, 1], 1),
        ({"summary": ["min"]}, [3, 1, 2], 2),
        ({"summary": "max"}, ["text", 2, None], 2),
    ],
)
def test_a_metric_is_summed_up_as_it_was_defined(
    definition: dict[str, Any], values: list[Any], expected: object
) -> None:
    """By default the last value; NaN and what is no number never win over a number."""
    summary = Summary()
    summary.define("a*", definition)
    for value in values:
        summary.observe({"acc": value, "b": value})
    assert expected == summary.values()["acc"]
    assert values[-1] == summary.values()["b"] or values[-1] != values[-1]


def test_none_leaves_a_metric_out_and_a_later_definition_wins() -> None:
    """An exact name wins over a pattern; a value set by hand wins over all."""
    summary = Summary()
    summary.define("*", {"summary": "none"})
    summary.define("loss", {"summary": "min"})
    for value in (2, 1, 3):
        summary.observe({"loss": value, "other": value})
    assert {"loss": 1} == summary.values()
    summary.define("*", {"summary": "last"})
    summary.observe({"loss": 0, "other": 9})
    assert {"loss": 0, "other": 9} == summary.values()
    summary.set_by_hand({"loss": "mine"})
    summary.observe({"loss": -1})
    assert "mine" == summary.values()["loss"]


@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "mean/c", "min/d"]), st.integers(-99, 99)),
        max_size=20,
    ),
    cuts=st.lists(st.integers(0, 20), max_size=3),
)
@settings(max_examples=150)
def test_a_summary_of_parts_is_the_summary_of_the_whole(
    rows: list[dict[str, int]], cuts: list[int]
) -> None:
    """A checkpoint's state is enough to go on from; several logs add up to one run."""

    def begun() -> Summary:
        summary = Summary()
        summary.define("mean/*", {"summary": "mean"})
        summary.define("min/*", {"summary": "min"})
        return summary

    whole, restored, parts = begun(), begun(), [begun()]
    for at, row in enumerate(rows):
        if at in cuts:
            state, restored = restored.state(), begun()
            restored.restore(state)
            parts.append(begun())
        for summary in (whole, restored, parts[-1]):
            summary.observe(row)
    assert whole.values() == restored.values()
    combined = Summary().combined(parts).values()
    assert whole.values().keys() == combined.keys()
    assert whole.values() == pytest.approx(combined)


@pytest.mark.parametrize(
    ("pattern", "key", "is_met"),
    [
        ("val*/*/loss", "val/a/b/loss", True),
        ("val*/*/loss", "val/loss", False),
        ("*/x/*", "a/x/b", True),
        ("*/x/*", "a/y/b", False),
        ("a*a", "a", False),
        ("*", "", True),
        ("val[a]*", "val[a]/loss", True),
        ("val[a]*", "vala/loss", False),
    ],
)
def test_a_pattern_has_parts_in_their_order(pattern: str, key: str, is_met: bool) -> None:
    """Anything may stand for each `*`; no other character is special."""
    summary = Summary()
    summary.define(pattern, {"summary": "max"})
    for value in (2, 1):
        summary.observe({key: value})
    assert {key: 2 if is_met else 1} == summary.values()


def test_a_mean_goes_on_from_a_checkpoint() -> None:
    """So its state is what a checkpoint holds: how many values there were, and their sum."""
    before, after = Summary(), Summary()
    for summary in (before, after):
        summary.define("a", {"summary": "mean"})
    before.observe({"a": 1})
    before.observe({"a": 4})
    assert {"summary": {"a": 2.5}, "means": {"a": [2, 5.0]}} == before.state()
    after.restore(before.state())
    after.observe({"a": 7})
    assert {"a": 4.0} == after.values()


def test_a_pattern_that_comes_late_counts_from_then_on() -> None:
    """Also for keys that were there before it and had none; for no other key."""
    summary = Summary()
    summary.define("loss", {"summary": "min"})
    for value in (2, 3, 1):
        summary.observe({"loss": value, "val/loss": value, "other": value})
        if value == 3:
            summary.define("val/*", {"summary": "max"})
    assert {"loss": 1, "val/loss": 3, "other": 1} == summary.values()


def test_a_writer_goes_on_with_the_summary_of_the_logs_before_it(tmp_path: Path) -> None:
    """The least, the mean and what was set by hand are those that a reader of all logs finds."""
    rules = {"low": "min", "mean": "mean", "last": "last"}
    earlier = Summary()
    for values in ([4, 2], [9, 3]):
        writer = Writer(tmp_path)
        for name, rule in rules.items():
            writer.define_metric(name, {"summary": rule})
        for step, value in enumerate(values):
            writer.log_row(dict.fromkeys(rules, value), step=step)
        if earlier.values() == {}:
            writer.log_summary({"best": 1})
        found = writer.summary_after(earlier)
        writer.close()
        with Reader(tmp_path) as reader:
            assert reader.summary == found
            earlier = reader.running_summary()
    assert {"low": 2, "mean": 4.5, "last": 3, "best": 1} == found == earlier.values()


def test_the_latest_value_is_known_whatever_the_summary_is() -> None:
    """A curve of a metric whose summary is its maximum goes down again; by hand is no course."""
    summary = Summary()
    summary.observe({"lr": 1, "acc": 5})
    summary.define("acc", {"summary": "max"})
    for acc in (9, 3):
        summary.observe({"acc": acc})
    summary.set_by_hand({"acc": 7, "best": 8})
    assert {"lr": 1, "acc": 3, "best": 8} == summary.latest()
