import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from git_checkout import GitCheckout

import __main__
from tidelog.datastore.disk import Disk
from tidelog.sdk import source_code
from tidelog.sdk.notices import Notices
from tidelog.sdk.saving import FileSaver
from tidelog.sdk.source_code import SourceCode

SOURCES = (
    "a.py",
    "pkg/b.py",
    "pkg/c.txt",
    "pkg/deep/d.py",
    "requirements-dev.txt",
    "Dockerfile",
    "run.sh",
)


class Recorded:
    """A folder of code with a run in it, and what of the code the run has."""

    def __init__(self, path: Path) -> None:
        self.path = path
        run = path / "tidelog" / "p" / "r"
        run.mkdir(parents=True)
        (run / "old.py").write_text("")
        for name in SOURCES:
            self.write(name)
        self.files = run / "files"
        self.code = SourceCode(
            str(run),
            root=str(path / "tidelog"),
            files=FileSaver(run, disk=Disk(), notices=Notices()),
            disk=Disk(),
            notices=Notices(),
        )

    def write(self, name: str, text: str = "x") -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def log(self, include: Any = None, exclude: Any = None, name: str | None = None) -> list[str]:
        paths = self.code.log(str(self.path), name, include, exclude)
        self.code.stop()
        found = {str(p.relative_to(self.files.parent)) for p in self.files.rglob("*") if p.is_file()}
        assert set(paths) <= found
        return sorted(path.removeprefix("files/code/") for path in paths)


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path / "code")


def test_python_files_and_what_says_what_they_need_are_saved(recorded: Recorded) -> None:
    """With their folders; never runs, hidden folders, environments, links."""
    for name in (".hidden/x.py", ".x.py", "venv/lib/x.py", "venv/pyvenv.cfg", "node_modules/x.py"):
        recorded.write(name)
    os.symlink("a.py", recorded.path / "link.py")
    expected = ["Dockerfile", "a.py", "pkg/b.py", "pkg/deep/d.py", "requirements-dev.txt"]
    assert expected == recorded.log()


def test_what_git_ignores_is_left_out(recorded: Recorded) -> None:
    """Untracked files that it does not ignore are source, too; an environment is none in any case."""
    checkout = GitCheckout(recorded.path)
    checkout.commit(**{".gitignore": "pkg/deep\nsecret.py\n"})
    for name in ("secret.py", "new.py", "venv/lib/x.py", "venv/pyvenv.cfg", "build/kept.py"):
        recorded.write(name)
    os.remove(recorded.path / "a.py")
    expected = ["Dockerfile", "build/kept.py", "new.py", "pkg/b.py", "requirements-dev.txt"]
    assert expected == recorded.log()


@pytest.mark.parametrize("has_git", [False, True])
def test_runs_of_other_roots_are_no_source(has_git: bool, recorded: Recorded) -> None:
    """Each would else hold copies of all that were before it, and twice as many as the last one."""
    if has_git:
        GitCheckout(recorded.path)
    recorded.write("sweeps/one/p/run/main.0001.tlog")
    recorded.write("sweeps/one/p/run/files/code/a.py")
    recorded.write("sweeps/launch.py")
    assert ["a.py", "pkg/b.py", "pkg/deep/d.py", "sweeps/launch.py"] == recorded.log("*.py")


def test_a_folder_that_is_asked_for_is_source_whatever_it_is(recorded: Recorded) -> None:
    """A run's own folder of code, or an environment: who names it means it."""
    for name in ("main.0001.tlog", "pyvenv.cfg"):
        recorded.write(name)
    assert ["a.py", "pkg/b.py", "pkg/deep/d.py"] == recorded.log("*.py")


def is_text(path: str) -> bool:
    return path.endswith(".txt")


@pytest.mark.parametrize(
    ("expected", "include", "exclude"),
    [
        (["run.sh"], "*.sh", None),
        (["a.py", "run.sh"], ["*.sh", "*.py"], ["pkg/*"]),
        (["pkg/c.txt", "requirements-dev.txt"], is_text, None),
        (["pkg/c.txt"], lambda path, root: os.path.relpath(path, root) == "pkg/c.txt", None),
        (["Dockerfile", "requirements-dev.txt"], None, lambda path: path.endswith(".py")),
        (["pkg/c.txt"], is_text, "requirements*"),
    ],
)
def test_files_are_chosen_by_patterns_or_functions(
    expected: list[str],
    include: str | list[str] | Callable[..., bool] | None,
    exclude: str | list[str] | Callable[..., bool] | None,
    recorded: Recorded,
) -> None:
    """As wandb's functions of one or two arguments, or patterns for the path or its last part."""
    assert expected == recorded.log(include, exclude)


def test_a_name_makes_a_folder(recorded: Recorded) -> None:
    """So that the code of two places can be kept apart; a name that cannot be one is made safe."""
    assert ["model-1/a.py"] == recorded.log("a.py", name="model:1")


def test_limits_are_told_once(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first files are saved, and a file that is too large is passed over."""
    monkeypatch.setattr(source_code, "FILES_MAX", 2)
    monkeypatch.setattr(source_code, "FILE_BYTES_MAX", 10)
    recorded.write("a.py", "x" * 11)
    assert ["pkg/b.py", "pkg/deep/d.py"] == recorded.log("*.py")
    (line,) = capsys.readouterr().err.splitlines()
    assert "a.py has 11 bytes, of at most 10" in line
    assert ["Dockerfile", "pkg/b.py"] == recorded.log(["*.py", "Dockerfile", "*.sh"])


def test_a_choice_that_raises_is_the_callers(recorded: Recorded) -> None:
    """Nothing is saved, and whoever calls learns of it."""
    with pytest.raises(ZeroDivisionError):
        recorded.log(lambda path: 1 / 0)


def test_the_entry_file_is_saved(recorded: Recorded) -> None:
    """Under its own name, also where it is a notebook."""
    recorded.write("a.ipynb", "{}")
    for name in ("pkg/b.py", "a.ipynb"):
        recorded.code.keep_entry(str(recorded.path / name))
    assert "x" == (recorded.files / "code" / "b.py").read_text()
    assert "{}" == (recorded.files / "code" / "a.ipynb").read_text()


def test_the_cells_of_a_notebook_are_saved_where_no_file_is_known(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As IPython holds them; a stand-in for its names, since no kernel runs here."""
    recorded.code.keep_entry(None)
    assert not recorded.files.exists()
    monkeypatch.setattr(__main__, "In", ["", "x = 1", "print(x)"], raising=False)
    monkeypatch.setitem(sys.modules, "IPython", __main__)
    recorded.code.keep_entry("gone.py")
    cells = recorded.files / "code" / "cells.py"
    assert "# %%\nx = 1\n\n# %%\nprint(x)" == cells.read_text()
    monkeypatch.setattr(__main__, "In", ["", "x = 1", "print(x)", "run.finish()"])
    recorded.code.stop()
    assert cells.read_text().endswith("# %%\nrun.finish()"), "what ran since the run began"
