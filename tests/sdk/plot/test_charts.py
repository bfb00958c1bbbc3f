"""Charts as they are logged: a table, and in its details what is to be drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from tidelog.datastore import Reader
from tidelog.sdk import harmless, plot
from tidelog.sdk.media.table import Table
from tidelog.sdk.notices import Notices
from tidelog.sdk.recording import Run

Begin = Callable[..., Run]

Y_TRUE = [0, 1, 2, 2, 1, 0, 2, 1]
Y_PROBAS = np.array(
    [
        [0.8, 0.1, 0.1],
        [0.2, 0.5, 0.3],
        [0.1, 0.3, 0.6],
        [0.3, 0.4, 0.3],
        [0.1, 0.7, 0.2],
        [0.4, 0.5, 0.1],
        [0.2, 0.2, 0.6],
        [0.3, 0.3, 0.4],
    ]
)
NAMES = ["cat", "dog", "owl"]


def logged(begin: Begin, chart: object) -> tuple[Any, dict[str, Any]]:
    """Return the table that a chart became in a run, and the chart in its details."""
    run = begin()
    run.log({"chart": chart})
    run.finish()
    with Reader(run.dir) as reader:
        (media,) = reader.media("tables")
        return reader.table("chart"), media.details["chart"]


def test_a_confusion_matrix_has_a_row_per_pair_of_classes(begin: Begin) -> None:
    """Counted as scikit-learn counts; probabilities are predictions of the likeliest class."""
    predicted = Y_PROBAS.argmax(axis=1)
    counts = metrics.confusion_matrix(Y_TRUE, predicted)
    expected = [[a, b, int(counts[i, j])] for i, a in enumerate(NAMES) for j, b in enumerate(NAMES)]
    for source in ({"probs": Y_PROBAS}, {"preds": predicted}, {"preds": [NAMES[i] for i in predicted]}):
        y_true = [NAMES[i] for i in Y_TRUE] if isinstance(source.get("preds"), list) else Y_TRUE
        table, chart = logged(
            begin, plot.confusion_matrix(y_true=y_true, class_names=NAMES, title="Pets", **source)
        )
        assert expected == table.rows
        fields = {name: name for name in ("Actual", "Predicted", "nPredictions")}
        assert {"kind": "confusion_matrix", "title": "Pets", "fields": fields} == chart


def test_a_roc_curve_has_each_class_against_the_rest(begin: Begin) -> None:
    """Points of scikit-learn, unrounded, under the class's label; only the classes asked for."""
    table, chart = logged(begin, plot.roc_curve(Y_TRUE, Y_PROBAS, labels=NAMES, classes_to_plot=[0, 2]))
    expected = []
    for number in (0, 2):
        false, true, _ = metrics.roc_curve(
            np.array(Y_TRUE) == number, Y_PROBAS[:, number], drop_intermediate=False
        )
        expected += [
            [NAMES[number], *point] for point in zip(false.tolist(), true.tolist(), strict=True)
        ]
    assert expected == table.rows
    assert ("roc_curve", ["class", "fpr", "tpr"]) == (chart["kind"], table.columns)


def test_a_precision_recall_curve_has_even_recalls(begin: Begin) -> None:
    """Of each class as many points as `interp_size` says, the last at recall 1."""
    table, _ = logged(begin, plot.pr_curve(Y_TRUE, Y_PROBAS, labels=NAMES, interp_size=5))
    assert ["class", "precision", "recall"] == table.columns
    assert [name for name in NAMES for _ in range(5)] == table.column("class")
    assert [0.0, 0.25, 0.5, 0.75, 1.0] * 3 == table.column("recall")


@pytest.mark.parametrize(
    ("y_true", "labels", "expected"),
    [
        ([0, 2, 2], None, {"0", "2"}),  # Class 1 has no sample: column 2 is still class 2.
        (["dog", "cat", "owl"], NAMES, {"cat", "dog", "owl"}),
        (["dog", "cat", "owl"], None, {"cat", "dog", "owl"}),
        ([True, False, True], None, {"False", "True"}),
    ],
)
def test_a_column_of_probabilities_belongs_to_its_class(
    y_true: list[Any], labels: list[str] | None, expected: set[str], begin: Begin
) -> None:
    """Ints are columns, names are found among the labels, anything else is sorted."""
    scores = Y_PROBAS[:3, : 2 if len(expected) == 2 and True in y_true else 3]
    table, _ = logged(begin, plot.roc_curve(y_true, scores, labels=labels))
    assert expected == set(table.column("class"))


def test_probabilities_of_one_column_are_the_second_classs(begin: Begin) -> None:
    """What `predict_proba(X)[:, 1]` gives."""
    one, _ = logged(begin, plot.roc_curve([0, 1, 1], [0.2, 0.7, 0.4], classes_to_plot=[1]))
    both = np.array([[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    two, _ = logged(begin, plot.roc_curve([0, 1, 1], both, classes_to_plot=[1]))
    assert two.rows == one.rows


@pytest.mark.parametrize(
    ("draw", "fields", "expected"),
    [
        ("line", ["a", "b"], {"x": "a", "y": "b"}),
        ("scatter", ["a", "b"], {"x": "a", "y": "b"}),
        ("bar", ["a", "b"], {"label": "a", "value": "b"}),
        ("histogram", ["b"], {"value": "b"}),
    ],
)
def test_a_chart_of_a_table_is_the_table(
    draw: str, fields: list[str], expected: dict[str, str], begin: Begin
) -> None:
    """All its rows and columns, whether drawn or not."""
    rows = [[1, 2.0, "x"], [2, 3.0, "y"]]
    chart = getattr(plot, draw)(Table(columns=["a", "b", "c"], data=rows), *fields, title="T")
    table, details = logged(begin, chart)
    assert rows == table.rows
    assert {"kind": draw, "title": "T", "fields": expected} == details


def test_a_line_series_has_a_row_per_point(begin: Begin) -> None:
    """One axis for all lines, or one for each."""
    shared, _ = logged(begin, plot.line_series([0, 1], [[5, 6], [7, 8]], keys=["a", "b"], xname="t"))
    assert [[0, "a", 5], [1, "a", 6], [0, "b", 7], [1, "b", 8]] == shared.rows
    own, _ = logged(begin, plot.line_series([[0], [1, 2]], [[5], [7, 8]]))
    assert [[0, "line_0", 5], [1, "line_1", 7], [2, "line_1", 8]] == own.rows


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot.confusion_matrix(probs=[[1, 0]], preds=[0], y_true=[0]),
        lambda: plot.confusion_matrix(preds=[0, 1], y_true=[0]),
        lambda: plot.confusion_matrix(preds=[0, 7], y_true=[0, 1], class_names=NAMES),
        lambda: plot.roc_curve([], []),
        lambda: plot.roc_curve([0, 1], [[1, 0]]),
        lambda: plot.pr_curve(["a", "b", "c"], [[0.1, 0.9]] * 3),
        lambda: plot.line(Table(columns=["a"], data=[[1]]), "a", "missing"),
        lambda: plot.line_series([1, 2], [[1], [2, 3]]),
        lambda: plot.roc_curve(None, object()),
    ],
)
def test_what_cannot_be_drawn_stops_nobody(
    draw: Callable[[], object], begin: Begin, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """It is None, which can be logged, and one sentence says what is wrong."""
    monkeypatch.setattr(harmless, "_notices", Notices())
    assert draw() is None
    assert 1 == capsys.readouterr().err.count("() failed (")
