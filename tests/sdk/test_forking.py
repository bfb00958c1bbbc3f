from typing import Any

import numpy as np
import pytest

from tidelog.datastore import Reader
from tidelog.sdk import Image


@pytest.fixture
def parent(begin: Any) -> Any:
    run = begin(id="parent", config={"lr": 1, "model": {"n": 2}}, reinit="create_new")
    run.define_metric("loss", summary="min")
    for step in range(10):
        run.log({"loss": 10 - step, "acc": 1.5 * step})
    run.log({"seen": Image(np.zeros((4, 4), "uint8"))}, step=3)
    run.log({"seen": Image(np.ones((4, 4), "uint8"))}, step=8)
    run.finish()
    return run


def test_a_fork_begins_with_the_rows_of_its_parent_up_to_a_step(begin: Any, parent: Any) -> None:
    """Values, times, media and config are there; steps go on behind; the parent is as it was."""
    logs = {path: path.read_bytes() for path in parent.dir.rglob("*") if path.is_file()}
    fork = begin(id="fork", fork_from="parent?_step=4", config={"lr": 3}, allow_val_change=True)
    assert (5, {"lr": 3, "model": {"n": 2}}) == (fork.step, fork.config.as_dict())
    fork.log({"loss": 99})
    fork.finish()
    with Reader(fork.dir) as reader, Reader(parent.dir) as before:
        history, old = reader.history(), before.history()
        assert [0, 1, 2, 3, 4, 5] == list(history["_step"])
        assert [10, 9, 8, 7, 6, 99] == list(history["loss"])
        assert list(old["_time"][:5]) == list(history["_time"][:5])
        assert 6 == reader.summary["loss"]
        assert {"id": "parent", "step": 4} == reader.metadata["fork_of"]
        (image,) = reader.media("images")
        assert (3, True) == (image.step, (fork.dir / image.path).exists())
        assert {"lr": 3, "model": {"n": 2}} == reader.config
    assert logs == {path: path.read_bytes() for path in parent.dir.rglob("*") if path.is_file()}


def test_a_fork_that_is_resumed_is_not_forked_again(begin: Any, parent: Any) -> None:
    """The same command after a crash goes on where the fork was."""
    begin(id="fork", fork_from="parent?_step=4").log({"loss": 99})
    begin(id="fork", fork_from="parent?_step=4", reinit=True).finish()
    with Reader(parent.dir.parent / "fork") as reader:
        assert [10, 9, 8, 7, 6, 99] == list(reader.history()["loss"])


@pytest.mark.parametrize(
    ("words", "fork_from"),
    [
        ("cannot be forked", "missing?_step=4"),
        ("write '<run id>?_step=<n>'", "parent"),
        ("write '<run id>?_step=<n>'", "parent?_step=x"),
        ("write '<run id>?_step=<n>'", "../x?_step=1"),
    ],
)
def test_a_fork_of_nothing_is_told_and_begins_all_the_same(
    begin: Any, parent: Any, words: str, fork_from: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training goes on with a run of its own."""
    fork = begin(fork_from=fork_from)
    fork.log({"a": 1})
    fork.finish()
    assert words in capsys.readouterr().err
    with Reader(fork.dir) as reader:
        assert ([1], "finished") == (list(reader.history()["a"]), reader.state)
