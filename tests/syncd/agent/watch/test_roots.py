"""Which folders a root means, and what it takes to find them."""

import os
from pathlib import Path

import pytest

from tidelog.datastore.disk import Disk, Entry, StrPath
from tidelog.syncd.agent.watch import roots
from tidelog.syncd.agent.watch.roots import absolute_root, expand, start_of


def folders(root: Path | str, start: Path) -> list[str]:
    found = expand(str(root), Disk())
    assert found.problem is None
    return sorted(os.path.relpath(path, start) for path in found.folders)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    for path in ("ann/tidelog", "bob/tidelog", "bob/deep/er/tidelog", "carl", ".dan/tidelog"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "eve").mkdir()
    (tmp_path / "eve" / "tidelog").write_text("no folder")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*/tidelog", ["ann/tidelog", "bob/tidelog"]),
        ("[ab]*/tidelog", ["ann/tidelog", "bob/tidelog"]),
        ("b?b/tidelog", ["bob/tidelog"]),
        (".*/tidelog", [".dan/tidelog"]),
        ("**/tidelog", ["ann/tidelog", "bob/deep/er/tidelog", "bob/tidelog"]),
        ("bob/**/tidelog", ["bob/deep/er/tidelog", "bob/tidelog"]),
        ("nobody/*", []),
        ("**", ["."]),
    ],
)
def test_a_pattern_means_the_folders_that_match(
    scratch: Path, pattern: str, expected: list[str]
) -> None:
    """Hidden ones only where it says so; inside a match nothing more is searched."""
    (scratch / "ann" / "tidelog" / "mnist" / "tidelog").mkdir(parents=True)
    assert expected == folders(scratch / pattern, scratch)


def test_a_folder_of_that_very_name_is_no_pattern(tmp_path: Path) -> None:
    """Names may hold brackets; while nothing of the name is there, it is a pattern."""
    (tmp_path / "run1").mkdir()
    assert ["run1"] == folders(tmp_path / "run[1]", tmp_path)
    (tmp_path / "run[1]").mkdir()
    assert ["run[1]"] == folders(tmp_path / "run[1]", tmp_path)


def test_a_plain_path_means_itself_whether_it_is_there_or_not(tmp_path: Path) -> None:
    """`syncd watch` may come before the first run."""
    assert ["soon"] == folders(tmp_path / "soon", tmp_path)


def test_links_lead_to_one_folder_once(scratch: Path) -> None:
    """A link beside its folder, or a loop, uploads nothing twice and ends."""
    (scratch / "anna").symlink_to("ann")
    (scratch / "bob" / "loop").symlink_to("..")
    assert ["ann/tidelog", "bob/tidelog"] == folders(scratch / "*" / "tidelog", scratch)
    expected = ["ann/tidelog", "bob/deep/er/tidelog", "bob/tidelog"]
    assert expected == folders(scratch / "**" / "tidelog", scratch)


def test_a_search_is_bounded_in_depth_listings_and_matches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left out is told, with the limit."""
    deep = tmp_path.joinpath(*"abcd", "tidelog")
    deep.mkdir(parents=True)
    tmp_path.joinpath(*"vwxyz", "tidelog").mkdir(parents=True)
    assert [str(deep.relative_to(tmp_path))] == folders(tmp_path / "**" / "tidelog", tmp_path)
    monkeypatch.setattr(roots, "LISTED_MAX", 3)
    found = expand(str(tmp_path / "**" / "tidelog"), Disk())
    assert "more than 3 folders to find" in str(found.problem)
    for number in range(3):
        (tmp_path / f"r{number}").mkdir()
    monkeypatch.setattr(roots, "FOLDERS_MAX", 2)
    found = expand(str(tmp_path / "r*"), Disk())
    assert (2, True) == (len(found.folders), "more than 2 folders match" in str(found.problem))


def test_a_folder_that_is_shut_matches_nothing(scratch: Path) -> None:
    """And keeps nobody else's folders from being found."""

    class ShutDisk(Disk):
        def list(self, path: StrPath) -> list[Entry]:
            if os.fspath(path).endswith("/bob"):
                raise PermissionError(13, "Permission denied")
            return super().list(path)

    found = expand(str(scratch / "*" / "*"), ShutDisk())
    assert ["ann/tidelog"] == [os.path.relpath(path, scratch) for path in found.folders]


def test_a_root_is_kept_absolute_and_without_links(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In front of a pattern, too: the daemon has another working directory."""
    monkeypatch.chdir(scratch)
    monkeypatch.setenv("HOME", str(scratch))
    (scratch / "link").symlink_to("ann")
    assert str(scratch / "ann" / "tidelog") == absolute_root("link/tidelog", Disk())
    assert str(scratch / "ann" / "*") == absolute_root("~/link/*", Disk())
    assert str(scratch / "*" / "link") == absolute_root("*/link", Disk())
    assert str(scratch) == start_of(absolute_root("*/link", Disk()))
    assert "/" == start_of("/*/tidelog")
