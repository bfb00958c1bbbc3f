"""Pages, texts, charts and things in three dimensions: what was given is in the file."""

import io
import json
import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from matplotlib import pyplot as plt

from tidelog.sdk.media import Html, Object3D, Plotly, Text, box3d
from tidelog.sdk.media.store import MediaStore
from tidelog.sdk.media.value import MediaValue

matplotlib.use("agg")


def content(tmp_path: Path, store: MediaStore, value: MediaValue) -> bytes:
    return (tmp_path / store.store("k", value, step=0).path).read_bytes()


# -- Html ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "page"),
    [
        ('<base target="_blank"><p>ü</p>', "<p>ü</p>"),
        ('<html><head><base target="_blank"></head><p></html>', "<html><p></html>"),
        ('<html><head><base target="_blank"><title>', "<html><head><title>"),
    ],
)
def test_links_of_a_page_open_beside_it(
    expected: str, page: str, tmp_path: Path, store: MediaStore
) -> None:
    """The head is added where one belongs; no style sheet is fetched from anywhere."""
    assert expected == content(tmp_path, store, Html(page)).decode()


def test_a_page_may_be_a_path_text_or_an_open_file(tmp_path: Path, store: MediaStore) -> None:
    """Text that ends like a path is a path only where the file is there."""
    (tmp_path / "a.html").write_text("<p>file</p>")
    path = str(tmp_path / "a.html")
    for page in (path, tmp_path / "a.html", io.StringIO("<p>file</p>"), io.BytesIO(b"<p>file</p>")):
        assert b"<p>file</p>" == content(tmp_path, store, Html(page, inject=False))
    as_text = content(tmp_path, store, Html(path, inject=False, data_is_not_path=True))
    assert path.encode() == as_text
    assert b"gone.html" == content(tmp_path, store, Html("gone.html", inject=False))
    assert "<p>file</p>" == Html(path, inject=False).html


# -- Text ----------------------------------------------------------------------------------------


def test_a_text_of_any_length_is_a_file(tmp_path: Path, store: MediaStore) -> None:
    """UTF-8; a string is never taken for a path, a `Path` is one."""
    long = "wörter ≈ " * 100_000
    assert long == content(tmp_path, store, Text(long)).decode()
    (tmp_path / "a.txt").write_text("from a file")
    assert b"from a file" == content(tmp_path, store, Text(tmp_path / "a.txt"))
    assert b"open" == content(tmp_path, store, Text(io.StringIO("open")))
    assert b"odd\\ud800" == content(tmp_path, store, Text("odd\ud800"))


# -- Plotly --------------------------------------------------------------------------------------


def test_a_chart_is_the_json_that_plotly_reads(tmp_path: Path, store: MediaStore) -> None:
    """As the figure was when the chart was made; one of matplotlib is turned into one."""
    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 5]))
    expected, chart = figure.to_dict(), Plotly(figure)
    figure.data[0].y = [0, 0]
    assert go.Figure(expected) == go.Figure(json.loads(content(tmp_path, store, chart)))


def test_a_figure_of_matplotlib_may_become_a_chart(tmp_path: Path, store: MediaStore) -> None:
    """Where plotly is there to turn it into one; it warns of what matplotlib has deprecated."""
    figure, axes = plt.subplots()
    axes.plot([1, 2], [3, 5])
    with warnings.catch_warnings(action="ignore"):
        chart = Plotly(figure)
    plt.close(figure)
    (line,) = json.loads(content(tmp_path, store, chart))["data"]
    assert ([1, 2], [3, 5]) == tuple(list(go.Scatter(line)[axis]) for axis in "xy")


def test_what_is_no_chart_is_said_when_it_is_logged(store: MediaStore) -> None:
    """Making one never raises."""
    with pytest.raises(ValueError, match="no figure of plotly or matplotlib"):
        store.store("k", Plotly(7), step=0)


# -- Object3D ------------------------------------------------------------------------------------

POINTS = np.random.default_rng(0).normal(size=(2500, 3))


@pytest.mark.parametrize("columns", [3, 4, 6])
def test_points_are_read_back_equal(columns: int, tmp_path: Path, store: MediaStore) -> None:
    """(n, 3), (n, 4) with a category, (n, 6) with a colour; arrays, tensors and lists."""
    points = np.random.default_rng(0).normal(size=(2500, columns))
    for given in (points, torch.from_numpy(points), points.tolist()):
        media = store.store("k", Object3D(given, caption="cloud"), step=0)
        assert points.tolist() == json.loads((tmp_path / media.path).read_bytes())
        assert media.path.endswith(".pts.json")
        assert {"format": "pts.json", "points": 2500, "caption": "cloud"} == media.details


def test_points_that_are_not_finite_are_left_out_and_counted(tmp_path: Path, store: MediaStore) -> None:
    """JSON has no NaN: a lidar gives it where nothing came back."""
    points = POINTS.copy()
    points[3, 1], points[7, 0] = np.nan, np.inf
    media = store.store("k", Object3D(points), step=0)
    assert 2498 == len(json.loads((tmp_path / media.path).read_bytes()))
    assert (2498, 2) == (media.details["points"], media.details["not_finite"])


def test_a_scene_has_points_boxes_and_arrows(tmp_path: Path, store: MediaStore) -> None:
    """Given whole, or by `from_point_cloud`; arrays of dicts as wandb's examples have them."""
    box = box3d(
        center=(0, 0, 0), size=(2, 4, 6), orientation=(1, 0, 0, 0), color=(255, 0, 0), label="car"
    )
    assert {(x, y, z) for x in (-1, 1) for y in (-2, 2) for z in (-3, 3)} == {
        tuple(c) for c in box["corners"]
    }
    arrow = {"start": [0, 0, 0], "end": np.array([1, 2, 3])}
    scene = {
        "type": "lidar/beta",
        "points": POINTS,
        "boxes": np.array([box]),
        "vectors": np.array([arrow]),
    }
    for value in (Object3D(scene), Object3D.from_point_cloud(POINTS, boxes=[box], vectors=[arrow])):
        found = json.loads(content(tmp_path, store, value))
        assert POINTS.tolist() == found["points"]
        assert ("lidar/beta", [box]) == (found["type"], found["boxes"])
        assert [{"start": [0, 0, 0], "end": [1, 2, 3]}] == found["vectors"]


def test_a_box_is_turned_by_its_quaternion() -> None:
    """A quarter turn around z; the quaternion may have any length."""
    box = box3d(center=(1, 0, 0), size=(2, 4, 6), orientation=(2, 0, 0, 2), color=(0, 0, 0))
    assert {(-1, -1), (-1, 1), (3, -1), (3, 1)} == {(round(c[0]), round(c[1])) for c in box["corners"]}
    with pytest.raises(ValueError, match="no quaternion"):
        box3d(center=(0, 0, 0), size=(1, 1, 1), orientation=(0, 0, 0, 0), color=(0, 0, 0))


def test_models_are_kept_as_they_are(tmp_path: Path, store: MediaStore) -> None:
    """By path, or as an open file with its type."""
    (tmp_path / "cube.obj").write_text("v 0 0 0")
    assert b"v 0 0 0" == content(tmp_path, store, Object3D(str(tmp_path / "cube.obj")))
    with (tmp_path / "cube.obj").open() as reading:
        assert b"v 0 0 0" == content(tmp_path, store, Object3D(reading))
    media = store.store("k", Object3D.from_file(io.BytesIO(b"glTF"), "glb"), step=0)
    assert (".glb", b"glTF") == (media.path[-4:], (tmp_path / media.path).read_bytes())


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("points of shape (5, 2)", Object3D(np.zeros((5, 2)))),
        ("points of shape (5,)", Object3D(np.zeros(5))),
        ("a scene has the type 'lidar/beta'", Object3D({"type": "x"})),
        ("is no 3D object of the types pts.json, obj", Object3D("notes.txt")),
        ("is no 3D object of the types", Object3D(io.BytesIO(b"?"))),
        ("is no 3D object; give points", Object3D(7)),
        ("the model cannot be read", Object3D("/not/there.obj")),
        ("is no page", Html(7)),
        ("is no .html file that is there", Html(Path("/not/there.html"))),
        ("the text cannot be read", Text(Path("/not/there.txt"))),
    ],
)
def test_what_is_nothing_such_is_said_when_it_is_logged(
    words: str, value: Any, store: MediaStore
) -> None:
    """Making one never raises; the sentence names the value and the remedy."""
    with pytest.raises(ValueError) as caught:
        store.store("k", value, step=0)
    assert words in str(caught.value)
