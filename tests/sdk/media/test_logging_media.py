"""Media through a whole run: logged, read back, killed, carried away."""

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from matplotlib import pyplot as plt

from tidelog.datastore import Histogram, Media, Reader
from tidelog.datastore.check import check_run
from tidelog.sdk import media
from tidelog.sdk.recording import Run

matplotlib.use("agg")

PIXELS = np.arange(12, dtype=np.uint8).reshape(3, 4)
NOISE = np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)


@pytest.fixture
def run(begin: Callable[..., Run]) -> Run:
    return begin()


def log_every_kind(run: Run, step: int = 0) -> None:
    """Log one value of each kind, cheap and dear ones, with parts and in lists."""
    masks = {"m": {"mask_data": PIXELS, "class_labels": {0: "cat"}}}
    run.log(
        {
            "loss": 0.5,
            "image": media.Image(PIXELS, masks=masks, caption="seven"),
            "images": [media.Image(PIXELS + n) for n in range(3)],
            "large": media.Image(NOISE),
            "histogram": media.Histogram([1, 2, 3], num_bins=3),
            "table": media.Table(columns=["c"], data=[[media.Image(PIXELS.T, masks=masks)]]),
            "audio": media.Audio(np.zeros(8), sample_rate=8),
            "video": media.Video(np.zeros((2, 1, 4, 4), np.uint8)),
            "html": media.Html("<p>"),
            "text": media.Text("words"),
            "points": media.Object3D(np.zeros((2, 3))),
            "chart": media.Plotly(go.Figure()),
            "nested": {"deep": [{"image": media.Image(PIXELS * 2)}]},
        },
        step=step,
    )


FOLDERS = {"images": 7, "masks": 2, "tables": 1, "audio": 1, "videos": 1, "html": 1, "texts": 1,
           "object3D": 1, "plotly": 1}  # fmt: skip

FILES = 14  # One image and one mask are there twice.


def assert_whole(directory: Path) -> None:
    """Every file of every kind is there, and is what the log says by its SHA-256."""
    assert [] == check_run(directory).file_faults
    with Reader(directory) as reader:
        assert FILES == len({each.path for each in reader.media()})


def test_every_kind_is_read_back_from_its_run(run: Run) -> None:
    """By kind, by key, with its details; the ledger is complete and right."""
    log_every_kind(run)
    run.finish()
    with Reader(run.dir) as reader:
        assert FOLDERS == {kind: len(reader.media(kind)) for kind in FOLDERS}
        history = reader.history()
        assert 1 == len(history)
        assert (0.5, Histogram) == (history["loss"][0], type(history["histogram"][0]))
        assert [Media] * 3 == [type(each) for each in history["images"][0]]
        (of_mask, _) = reader.media("masks")
        assert {"class_labels": {0: "cat"}} == of_mask.details
        assert ["image", "seven"] == [reader.media()[0].key, reader.media()[0].caption]
    assert_whole(run.dir)


def test_no_file_is_there_that_no_row_names(run: Run) -> None:
    """And none is left half written."""
    log_every_kind(run)
    run.finish()
    with Reader(run.dir) as reader:
        named = {each.path for each in reader.media()}
    files = {str(path.relative_to(run.dir)) for path in run.dir.rglob("media/**/*") if path.is_file()}
    assert files == named


def test_a_data_frame_is_a_table_as_it_is(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """As wandb takes it: in a row, in a list; what it holds is what it held then."""
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    run.log({"frame": frame, "loss": 0.5, "frames": [frame, frame.T]})
    frame.loc[0, "a"] = 9
    run.finish()
    assert "left out" not in capsys.readouterr().err
    with Reader(run.dir) as reader:
        assert [[1, "x"], [2, None]] == reader.table("frame").rows
        assert ["frame", "frames", "frames"] == [each.key for each in reader.media("tables")]


def test_figures_are_media_as_they_are(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Of matplotlib (`plt` itself included) an image, of plotly a chart; PIL images want a wrapper."""
    figure, axes = plt.subplots()
    run.log({"a": figure, "b": axes, "c": plt, "d": go.Figure(), "e": [figure, axes]})
    plt.close(figure)
    picture = media.Image(PIXELS).image
    run.log({"f": picture, "g": NOISE, "h": media.Image(PIXELS)})
    run.finish()
    with Reader(run.dir) as reader:
        assert ["a", "b", "c", "e", "e", "h"] == [each.key for each in reader.media("images")]
        assert ["d"] == [each.key for each in reader.media("plotly")]
    told = capsys.readouterr().err
    assert "wrap it: sdk.Image(...)" in told
    assert "sdk.Histogram(...) or sdk.Image(...) of it" in told


def test_media_is_no_part_of_a_config(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """It is kept as text there, which is told."""
    run.config.update({"image": media.Image(PIXELS), "figure": go.Figure()})
    assert "media can be logged, but not be part of config or summary" in capsys.readouterr().err
    assert isinstance(run.config["image"], str)


def test_the_row_does_not_wait_for_what_is_dear(run: Run) -> None:
    """Its other values are written when `log()` returns, whatever the encoder is at."""
    run.log({"loss": 0.25, "video": media.Video(np.zeros((50, 3, 64, 64), np.uint8))}, step=7)
    with Reader(run.dir) as reader:
        (first, *_) = [record for record in reader.records() if record.kind == "row"]
    assert (7, {"loss": 0.25}) == (first.step, first.data)
    run.log({"loss": 0.5})
    run.finish()
    with Reader(run.dir) as reader:
        history = reader.history()
        assert [7, 8] == list(history["_step"])
        assert ["media/videos/video_7_", None] == [each and each.path[:21] for each in history["video"]]


SIGKILLED = """
import numpy as np
from tidelog.sdk import media
run = sdk.init(project="p", mode="offline", dir=ROOT)
noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
for step in range(10_000):
    small, large = media.Image(noise[:8, :8] + step % 200), media.Image(noise + step)
    run.log({"i": step, "small": small, "large": large})
    print(step, flush=True)
"""


def test_a_sigkill_loses_no_value_of_a_row_and_names_no_file_that_is_not_there(
    start_script: Any, only_run: Callable[[], Path]
) -> None:
    """What waits to be encoded is lost; what a row names is in place, by its SHA-256."""
    process = start_script(SIGKILLED)
    last = 0
    while last < 60:
        last = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    lines = process.communicate()[0].split()
    last = int(lines[-1]) if lines else last
    directory = only_run()
    checked = check_run(directory)
    assert [] == checked.file_faults
    with Reader(directory) as reader:
        assert "crashed" == reader.state
        steps = reader.metric("i").step.tolist()
        assert list(range(last + 1)) == steps[: last + 1]
        assert last + 1 <= len({each.step for each in reader.media("images") if each.key == "small"})


def test_a_run_of_every_kind_arrives_whole(run: Run, tmp_path: Path) -> None:
    """By `syncd sync` to a folder: each file, by its SHA-256, of every media folder."""
    log_every_kind(run)
    run.finish()
    there = tmp_path / "usb"
    command = [sys.executable, "-P", "-m", "tidelog.syncd", "sync", str(run.dir), "--to", there.as_uri()]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert 0 == done.returncode, done.stderr
    copy = there / run.project / run.id
    with Reader(copy) as reader:
        assert FOLDERS == {kind: len(reader.media(kind)) for kind in FOLDERS}
        assert PIXELS.T.shape == (4, 3) == _size(reader.table("table").rows[0][0])
    assert_whole(copy)


def _size(image: Media) -> tuple[int, int]:
    return image.details["height"], image.details["width"]


def test_a_run_that_is_forked_takes_its_media_along(begin: Callable[..., Run]) -> None:
    """Masks and the images of tables too."""
    parent = begin()
    log_every_kind(parent)
    parent.finish()
    with warnings.catch_warnings():
        child = begin(fork_from=f"{parent.id}?_step=5")
    child.finish()
    assert_whole(child.dir)


def test_a_signal_handler_may_log_media_while_media_is_logged(start_script: Any, only_run: Any) -> None:
    """Thousands of times: no deadlock, and every row is there."""
    process = start_script(
        """
        import signal
        import numpy as np
        from tidelog.sdk import media
        run = sdk.init(project="p", mode="offline", dir=ROOT)
        pixels = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
        beats = 0
        def beat(*_):
            global beats
            beats += 1
            run.log({"beat": beats, "image": media.Image(pixels)})
            signal.setitimer(signal.ITIMER_REAL, 0.001)
        signal.signal(signal.SIGALRM, beat)
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        for step in range(300):
            run.log({"step": step, "image": media.Image(pixels + step % 250)})
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        print(beats)
        """
    )
    out, err = process.communicate(timeout=120)
    assert 0 == process.returncode, err
    with Reader(only_run()) as reader:
        assert 300 == len(reader.metric("step").value)
        assert list(range(1, int(out) + 1)) == sorted(reader.metric("beat").value.tolist())
        assert 300 + int(out) == len([each for each in reader.media() if each.key == "image"])
