"""A run, its config and its summary in the hands of `copy`, `pickle` and their like."""

import copy
import multiprocessing
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tidelog.datastore import Reader
from tidelog.sdk.forward import Forward
from tidelog.sdk.recording import Run

Begin = Callable[..., Run]
Copy = Callable[[Any], Any]

COPIES = [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]


@pytest.mark.parametrize("make_copy", COPIES)
def test_a_copy_of_a_config_is_nobodys(begin: Begin, make_copy: Copy) -> None:
    """It holds and answers the same, in nested maps too; what is set in it is recorded nowhere."""
    run = begin(config={"lr": 1, "model": {"width": 8}})
    for config in (make_copy(run.config), make_copy(Forward(lambda: run.config))):
        assert (1, 8) == (config.lr, config.model.width)
        config.lr = 2
        config.model.width = 9
        assert {"lr": 2, "model": {"width": 9}} == config.as_dict()
    run.finish()
    with Reader(run.dir) as reader:
        assert {"lr": 1, "model": {"width": 8}} == reader.config


@pytest.mark.parametrize("make_copy", COPIES)
def test_a_copy_of_a_summary_is_what_it_was_then(begin: Begin, make_copy: Copy) -> None:
    """What is computed from rows is in it as well, and changes no more."""
    run = begin()
    run.log({"loss": 3})
    run.summary["best"] = 1
    summary = make_copy(run.summary)
    run.log({"loss": 2})
    summary["best"] = 0
    assert ({"loss": 3, "best": 0}, {"loss": 2, "best": 1}) == (summary.as_dict(), run.summary.as_dict())


@pytest.mark.parametrize("make_copy", COPIES)
def test_a_copy_of_a_run_is_the_run_itself_where_it_is_open(begin: Begin, make_copy: Copy) -> None:
    """Models and trainers that hold one are copied: there are not two writers of one run for that."""
    run = begin()
    assert run is make_copy({"run": run})["run"]


def _log_in(run: Run) -> None:
    run.log({"a": 1})
    assert run.disabled


def test_a_run_that_was_sent_to_another_process_records_nothing_there(
    begin: Begin, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is told what to do instead, and accepts everything."""
    run = begin()
    process = multiprocessing.get_context("spawn").Process(target=_log_in, args=(run,))
    process.start()
    process.join(60)
    assert 0 == process.exitcode
    assert f'sdk.attach("{run.id}", dir=' in capfd.readouterr().err
    run.finish()
    with Reader(run.dir) as reader:
        assert 0 == reader.rows


def test_what_stands_for_the_current_config_is_a_mapping(begin: Begin) -> None:
    """Libraries ask for that, and take values out as of any other."""
    run = begin(config={"a": 1})
    forward = Forward(lambda: run.config)
    assert isinstance(forward, Mapping)
    assert ({"a": 1}, 1, None, True) == (
        dict(forward),
        forward.get("a"),
        forward.get("b"),
        "a" in forward,
    )


def test_a_value_of_the_summary_can_be_taken_out_by_what_stands_for_it(begin: Begin) -> None:
    """`del sdk.summary["a"]` is that of the run."""
    run = begin()
    run.summary["a"] = 1
    summary = Forward(lambda: run.summary)
    del summary["a"]
    assert run.summary["a"] is None
