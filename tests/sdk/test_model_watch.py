"""A PyTorch model that is watched: what is recorded, and that training does not notice."""

import copy
import gc
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tidelog.datastore import Histogram, Reader
from tidelog.sdk.model_watch import ModelWatch, watch
from tidelog.sdk.notices import Notices
from tidelog.sdk.recording import Run

Begin = Callable[..., Run]


class Net(nn.Module):
    """Layers of several kinds, with dropout: its results hang on the random numbers that it draws."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 36, 3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.conv(images)))


NAMES = ["conv.weight", "conv.bias", "head.2.weight", "head.2.bias"]


def train(passes: int, each: Callable[[Net, int], None] = lambda model, step: None,
          before: Callable[[Net], None] = lambda model: None) -> list[bytes]:  # fmt: skip
    """Train a net; return its parameters after each pass, bit by bit."""
    torch.manual_seed(0)
    model = Net()
    before(model)
    optimiser = torch.optim.Adam(model.parameters())
    parameters = []
    for step in range(passes):
        loss = nn.functional.cross_entropy(model(torch.randn(8, 1, 8, 8)), torch.arange(8) % 3)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        each(model, step)
        parameters.append(b"".join(p.detach().numpy().tobytes() for p in model.parameters()))
    return parameters


class Logged:
    def __init__(self) -> None:
        self.notices = Notices()
        self.rows: list[dict[str, Any]] = []
        self.watch = ModelWatch(self.rows.append, notices=self.notices)


@pytest.fixture
def logged() -> Logged:
    return Logged()


def test_training_is_bit_identical_with_and_without(logged: Logged) -> None:
    """Parameters after each pass, dropout and all, while everything is sampled in every pass."""
    expected = train(6)
    assert expected == train(6, before=lambda model: logged.watch.watch(model, log="all", log_freq=1))
    assert 12 == len(logged.rows)


def test_names_and_counts_are_those_of_the_model(logged: Logged) -> None:
    """wandb's names; each histogram is of the very gradient, NaN and all."""
    gradients: list[dict[str, Any]] = []

    def keep(model: Net, _step: int) -> None:
        gradients.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})

    train(4, keep, before=lambda model: logged.watch.watch(model, log_freq=2))
    assert [{f"gradients/{name}" for name in NAMES}] * 2 == [set(row) for row in logged.rows]
    for row, found in zip(logged.rows, gradients[1::2], strict=True):
        for name, gradient in found.items():
            counts, edges = np.histogram(gradient.numpy().astype(np.float64), 64)
            recorded = row[f"gradients/{name}"].in_row().fields
            assert gradient.numel() == sum(recorded["counts"])
            np.testing.assert_allclose(edges, recorded["edges"], rtol=1e-5, atol=1e-12)
            assert np.abs(np.cumsum(counts - recorded["counts"])).max() <= 1


def test_parameters_are_those_of_the_forward_pass(logged: Logged) -> None:
    """Every one, also those that want no gradient."""

    def freeze(model: Net) -> None:
        model.conv.requires_grad_(requires_grad=False)
        logged.watch.watch(model, log="all", log_freq=3)

    train(3, before=freeze)
    parameters, gradients = logged.rows
    assert [f"parameters/{name}" for name in NAMES] == list(parameters)
    assert {"gradients/head.2.weight", "gradients/head.2.bias"} == set(gradients)


def test_between_samples_there_is_one_hook_and_afterwards_none(logged: Logged) -> None:
    """Passes without gradients, such as those of an evaluation, are not counted."""
    hooks: list[int] = []

    def look(model: Net, _step: int) -> None:
        with torch.no_grad():
            model(torch.zeros(1, 1, 8, 8))
        hooks.append(sum(len(p._backward_hooks or ()) for p in model.parameters()))

    models: list[Net] = []

    def begin(model: Net) -> None:
        models.append(model)
        logged.watch.watch(model, log_freq=2)

    train(4, look, before=begin)
    assert [0] * 4 == hooks
    assert 2 == len(logged.rows)
    (model,) = models
    assert 1 == len(model._forward_hooks)
    logged.watch.unwatch(model)
    assert 0 == len(model._forward_hooks)


def test_unwatch_without_models_is_of_all_of_them(logged: Logged) -> None:
    """In the middle of a sample too."""
    models = [Net(), Net()]
    logged.watch.watch(models, log_freq=1)
    output = models[0](torch.zeros(1, 1, 8, 8))
    logged.watch.unwatch()
    output.sum().backward()
    assert [] == logged.rows
    assert [0, 0] == [len(model._forward_hooks) for model in models]


def test_a_second_model_has_a_prefix(logged: Logged) -> None:
    """As wandb's, so that names differ."""
    models = nn.Linear(1, 1), nn.Linear(1, 1)
    logged.watch.watch(models, log="parameters", log_freq=1)
    for model in models:
        model(torch.zeros(1, 1))
    assert ["parameters/weight", "parameters/graph_1weight"] == [next(iter(row)) for row in logged.rows]


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("watch(7) is no model of PyTorch", {"models": 7}),
        ("watch(log='weights') is none of", {"models": nn.Linear(1, 1), "log": "weights"}),
    ],
)
def test_what_cannot_be_watched_is_told(
    words: str, arguments: dict[str, Any], logged: Logged, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing raises."""
    logged.watch.watch(**arguments)
    assert words in capsys.readouterr().err


def test_trouble_in_a_sample_never_reaches_training(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is told once, and the result is the same."""

    def fail(_row: dict[str, Any]) -> None:
        raise RuntimeError("out of ink")

    watch = ModelWatch(fail, notices=Notices())
    assert train(3) == train(3, before=lambda model: watch.watch(model, log="all", log_freq=1))
    assert 1 == capsys.readouterr().err.count("out of ink")


def test_a_sample_belongs_to_the_row_that_is_committed_next(begin: Callable[..., Run]) -> None:
    """And is read back as histograms beside it; the end of the run takes all hooks off."""
    run = begin()
    models: list[Net] = []

    def watch(model: Net) -> None:
        models.append(model)
        assert [] == run.watch(model, nn.functional.cross_entropy, log="all", log_freq=2)

    train(4, lambda _model, step: run.log({"loss": step}), before=watch)
    run.finish()
    with Reader(run.dir) as reader:
        history = reader.history()
    assert [0, 1, 2, 3] == list(history["_step"])
    for name in ("gradients/conv.bias", "parameters/head.2.weight"):
        kinds = [isinstance(each, Histogram) for each in history[name]]
        assert [False, True, False, True] == kinds
    assert [0] == [len(model._forward_hooks) for model in models]
    run.unwatch(models[0])


def test_the_module_watches_for_the_current_run(run_script: Any, only_run: Any) -> None:
    """As wandb.watch() does, whatever came first; without a run it is told and has no effect."""
    done = run_script(
        """
        import torch
        model = torch.nn.Linear(2, 1)
        sdk.watch(model)
        sdk.init(project="p", mode="offline", dir=ROOT)
        sdk.watch(model, log="all", log_freq=1, log_graph=True)
        model(torch.ones(1, 2)).sum().backward()
        sdk.log({"loss": 1})
        sdk.unwatch(model)
        model(torch.ones(1, 2)).sum().backward()
        sdk.finish()
        sdk.watch(model)
        """
    )
    assert 0 == done.returncode, done.stderr
    assert "sdk.watch() without a run has no effect" in done.stderr
    assert "draws no graph of the model" in done.stderr
    with Reader(only_run()) as reader:
        for kind in ("gradients", "parameters"):
            assert 1 == len(reader.metric(f"{kind}/weight").value)


def test_the_sdk_loads_no_torch() -> None:
    """Only who trains with it pays for it."""
    program = "import sys, tidelog.sdk, tidelog.sdk.model_watch; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "False" == done.stdout.strip()


COPIES = [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]


@pytest.mark.parametrize("make_copy", COPIES)
def test_a_copy_of_a_watched_model_is_not_watched(begin: Begin, make_copy: Callable[[Any], Any]) -> None:
    """Averages of a model, and files of whole ones: each was an error, or a second model in the run."""
    run = begin()
    model = nn.Linear(3, 2)
    watch(run, model, log="all", log_freq=1)
    make_copy(model)(torch.ones(1, 3)).sum().backward()
    run.finish()
    with Reader(run.dir) as reader:
        assert 0 == reader.rows


def test_a_file_of_a_watched_model_needs_nothing_of_ours(begin: Begin) -> None:
    """Who is given it has PyTorch and the model's own class."""
    model = nn.Linear(3, 2)
    watch(begin(), model, log="all", log_freq=1)
    assert b"tidelog" not in pickle.dumps(model)


def test_a_run_that_watched_a_model_is_forgotten_after_its_end(begin: Begin) -> None:
    """A sweep in one process would else hold all of its runs, each with what it logged."""
    run = begin()
    watch(run, nn.Linear(3, 2))
    run.finish()
    gone = weakref.ref(run)
    del run
    gc.collect()
    assert gone() is None
