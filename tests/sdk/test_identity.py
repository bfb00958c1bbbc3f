from pathlib import Path
from typing import Any

import pytest

from tidelog.datastore import Reader
from tidelog.sdk.current import Current


def test_names_for_people_may_be_changed_while_the_run_goes_on(begin: Any) -> None:
    """Name, notes and tags are recorded at once, and in run.json at the end."""
    run = begin(name="first", tags=["a"])
    run.name, run.notes = "second", "it works"
    run.tags += ("best",)
    with Reader(run.dir) as reader:
        told = reader.metadata
        assert ("second", "it works", ["a", "best"]) == (reader.name, told["notes"], told["tags"])
    run.finish()
    assert ("second", "it works", ("a", "best")) == (run.name, run.notes, run.tags)
    assert '"name": "second"' in (run.dir / "run.json").read_text()


def test_a_run_says_what_it_is(begin: Any, tmp_path: Path) -> None:
    """What a script asks of it."""
    run = begin(id="a b", entity="team", group="g", job_type="eval")
    assert ("p/a b", "team", "g", "eval", 0) == (
        run.path, run.entity, run.group, run.job_type, run.rank
    )  # fmt: skip
    assert (True, False, False, None) == (run.offline, run.disabled, run.resumed, run.url)
    with Reader(run.dir) as reader:
        assert run.start_time == reader.metadata["start_time"]


@pytest.mark.parametrize("variable", ["TIDELOG_USERNAME", "WANDB_USERNAME"])
def test_a_run_says_whose_it_is(tmp_path: Path, variable: str) -> None:
    """Where a service's key uploads it, a person is credited; it goes wherever the run goes."""
    environ = {"HOME": str(tmp_path), "TIDELOG_MONITOR": "off", variable: "ada"}
    run = Current(environ=environ).init({"project": "p", "mode": "offline", "dir": tmp_path})
    run.finish()
    with Reader(run.dir) as reader:
        assert "ada" == reader.metadata["username"]


def test_the_directory_is_a_path_and_adds_like_text(begin: Any, tmp_path: Path) -> None:
    """wandb's is text: scripts add to it."""
    run = begin(id="a")
    assert tmp_path / "root/p/a" == run.dir
    assert f"{tmp_path}/root/p/a/model.pt" == run.dir + "/model.pt"
    assert "see " + str(run.dir) == "see " + run.dir


@pytest.mark.parametrize(
    ("expected", "hub"),
    [("http://h:1/v1/projects/p%20q/runs/a", "http://h:1/"), (None, "file:///mnt/stick")],
)
def test_the_address_at_the_hub_is_known_before_anything_is_uploaded(
    expected: str | None, hub: str, tmp_path: Path
) -> None:
    """Nothing is asked for it; a folder has none."""
    process = Current(environ={"TIDELOG_HUB": hub}, syncd=lambda root: ["true"])
    run = process.init({"project": "p q", "id": "a", "dir": tmp_path})
    run.finish()
    assert expected == run.url
