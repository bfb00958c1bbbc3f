"""Which runs a path on the command line means."""

from pathlib import Path

import pytest
from run_spec import RunSpec

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import InvalidNameError, NotARunError
from tidelog.syncd.agent.watch.selection import (
    LOOKED_INTO_MAX,
    look_for_no_root,
    select_logs,
)


def shown(path: Path) -> list[str]:
    return [f"{log.run}/{log.name}" for log in select_logs(str(path), Disk())]


def test_a_log_a_run_a_project_and_a_root_are_told_apart(tmp_path: Path) -> None:
    """The folder above a run is its project, however one came to it."""
    RunSpec(tmp_path, "mnist", "r1").new_log("main.0002.tlog")
    RunSpec(tmp_path, "mnist", "r2")
    RunSpec(tmp_path, "cifar", "r3")
    (tmp_path / "latest").symlink_to("mnist/r2")
    assert ["mnist/r1/main.0002.tlog"] == shown(tmp_path / "mnist/r1/main.0002.tlog")
    run = ["mnist/r1/main.0001.tlog", "mnist/r1/main.0002.tlog"]
    assert run == shown(tmp_path / "mnist/r1")
    assert [*run, "mnist/r2/main.0001.tlog"] == shown(tmp_path / "mnist")
    assert ["cifar/r3/main.0001.tlog", *run, "mnist/r2/main.0001.tlog"] == shown(tmp_path)
    assert ["mnist/r2/main.0001.tlog"] == shown(tmp_path / "latest")


def test_a_stray_log_hides_no_run(tmp_path: Path) -> None:
    """A log in a root or a project is one more run, and what a run saved is none."""
    run = RunSpec(tmp_path, "mnist", "r1")
    expected = [f"mnist/r1/{run.name}"]
    (run.path / "files").mkdir()
    for path in (tmp_path, tmp_path / "mnist", run.path / "files"):
        (path / "main.0007.tlog").write_bytes(run.log.data)
    name = f"{tmp_path.parent.name}/{tmp_path.name}"
    stray = f"{tmp_path.name}/mnist/main.0007.tlog"
    assert [f"{name}/main.0007.tlog", stray, *expected] == shown(tmp_path)
    assert [stray, *expected] == shown(tmp_path / "mnist")
    assert expected == shown(tmp_path / "mnist/r1")


def test_what_holds_no_log_is_said_to_hold_none(tmp_path: Path) -> None:
    """A typo is no empty success."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.txt").write_text("x")
    for name in ("empty", "x.txt", "nowhere"):
        with pytest.raises(NotARunError, match=name):
            select_logs(str(tmp_path / name), Disk())


def test_a_run_in_a_folder_that_can_be_no_project_is_refused(tmp_path: Path) -> None:
    """The folders give the names, and the hub's grammar holds for them."""
    run = RunSpec(tmp_path, "a:b")
    with pytest.raises(InvalidNameError, match="a:b"):
        select_logs(str(run.path), Disk())


def test_what_is_no_root_is_known_by_the_depth_of_the_nearest_run(tmp_path: Path) -> None:
    """What a run saved lies deeper and says nothing; nor do hidden folders and those that are empty."""
    root = tmp_path / "root"
    (root / "empty/r0").mkdir(parents=True)
    assert look_for_no_root(str(root), Disk()) is None
    run = RunSpec(root)
    (run.path / "files").mkdir()
    (run.path / "files/main.0001.tlog").write_bytes(run.log.data)
    assert look_for_no_root(str(root), Disk()) is None
    for path, what in ((run.path, "a run"), (root / "mnist", "a project"), (tmp_path, "the folder")):
        found = look_for_no_root(str(path), Disk())
        assert found is not None
        assert (True, str(root)) == (found.what.startswith(what), found.root)
    (tmp_path / "root").rename(tmp_path / ".root")
    assert look_for_no_root(str(tmp_path), Disk()) is None


def test_a_folder_too_wide_to_be_looked_into_is_taken_for_a_root(tmp_path: Path) -> None:
    """One that is refused in error could not be watched at all."""
    for number in range(LOOKED_INTO_MAX + 1):
        (tmp_path / "root" / f"{number}" / "r1").mkdir(parents=True)
    RunSpec(tmp_path / "root", "0", "r1/x").rows(1)
    assert look_for_no_root(str(tmp_path / "root"), Disk()) is None
