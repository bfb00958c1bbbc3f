import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from git_checkout import GitCheckout

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.sdk.facts import origin
from tidelog.sdk.facts.origin import Origin
from tidelog.sdk.notices import Notices

ENVIRON = {"SLURM_JOB_ID": "7", "OMP_NUM_THREADS": "2", "WANDB_API_KEY": "s3cret"}

Find = Callable[..., Origin]


@pytest.fixture
def checkout(tmp_path: Path) -> GitCheckout:
    checkout = GitCheckout(tmp_path / "code")
    checkout.commit(**{"src/train.py": "1\n", "a.py": "1\n"})
    return checkout


@pytest.fixture
def facts() -> dict[str, Any]:
    return {}


@pytest.fixture
def written() -> dict[str, bytes]:
    return {}


@pytest.fixture
def find(facts: dict[str, Any], written: dict[str, bytes], tmp_path: Path) -> Find:
    def write(name: str, data: bytes) -> dict[str, Any]:
        written[name] = data
        return {"path": f"files/{name}"}

    def find(**known: object) -> Origin:
        return Origin(
            known,
            root=str(tmp_path / "code" / "tidelog"),
            record=facts.update,
            write=write,
            environ=ENVIRON,
            disk=Disk(),
            clock=Clock(),
            notices=Notices(),
        )

    return find


def test_a_run_in_a_checkout_tells_where_it_came_from(
    find: Find, facts: dict[str, Any], written: dict[str, bytes], checkout: GitCheckout
) -> None:
    """Machine, job, variables, code, changes, packages; no run is untracked, no key is anywhere."""
    checkout.write("a.py", "2\n")
    checkout.write("notes.txt", "x")
    checkout.write("tidelog/p/r/main.0001.tlog", "x")
    for chore in find(
        program=str(checkout.path / "src/train.py"), cwd=str(checkout.path / "src")
    ).chores:
        chore()
    assert ({"scheduler": "slurm", "job_id": "7"}, {"OMP_NUM_THREADS": "2"}) == (
        facts["job"],
        facts["environ"],
    )
    git = facts["git"]
    assert ("src", "src/train.py", True, ["notes.txt"]) == (
        git["prefix"], git["entry"], git["dirty"], git["untracked"]
    )  # fmt: skip
    assert {"path": "files/code/diff.patch", "is_cut": False, "left_out": [], "hidden": []} == facts[
        "patch"
    ]
    assert b"-1\n+2\n" in written["code/diff.patch"]
    assert b"\nmsgpack==" in written["requirements.txt"]
    assert "files/requirements.txt" == facts["requirements"]
    assert facts["tidelog"]
    assert "s3cret" not in str(facts) + str(written)


def test_a_clean_checkout_has_no_patch(
    find: Find, facts: dict[str, Any], written: dict[str, bytes], checkout: GitCheckout
) -> None:
    """Nor has a script that lies in none."""
    for folder in (checkout.path, checkout.path.parent):
        for chore in find(cwd=str(folder)).chores:
            chore()
    assert "patch" not in facts
    assert {"requirements.txt"} == set(written)


def test_the_code_is_where_the_script_is(
    find: Find, facts: dict[str, Any], checkout: GitCheckout, tmp_path: Path
) -> None:
    """Started from elsewhere, it is still its checkout; the folder it runs in is not part of it."""
    find(program=str(checkout.path / "src/train.py"), cwd=str(tmp_path)).ask_git()
    assert ("src/train.py", None) == (facts["git"]["entry"], facts["git"]["prefix"])


def test_the_checkout_of_the_interpreter_is_not_the_code(
    find: Find, facts: dict[str, Any], checkout: GitCheckout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that pip installed lies in an environment, which may lie in anybody's checkout."""
    other = GitCheckout(checkout.path.parent / "pyenv")
    other.commit(x="1")
    monkeypatch.setattr(origin.sys, "prefix", str(other.path))
    find(program=str(other.path / "bin" / "train"), cwd=str(checkout.path)).ask_git()
    assert str(checkout.path) == facts["git"]["root"]


def test_changes_that_are_not_saved_are_told_once(
    find: Find,
    facts: dict[str, Any],
    checkout: GitCheckout,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Too many, or a secret among them; and the run knows."""
    checkout.write("a.py", "key = 'ghp_" + "a1" * 20 + "'\n")
    first = find(cwd=str(checkout.path))
    first.ask_git()
    first.keep_patch()
    assert ["a.py"] == facts["patch"]["hidden"]
    assert "what looks like a secret, in a.py" in capsys.readouterr().err
    checkout.write("a.py", "2\n")
    checkout.write("src/train.py", "a line of text\n" * 800_000)
    second = find(cwd=str(checkout.path))
    second.ask_git()
    second.keep_patch()
    assert (True, ["src/train.py"]) == (facts["patch"]["is_cut"], facts["patch"]["left_out"])
    assert "1 file or more are not saved" in capsys.readouterr().err


def test_a_disk_that_takes_no_file_is_the_chores_trouble(checkout: GitCheckout) -> None:
    """It is raised to the thread of chores, which tells it and goes on with the next."""

    def write(name: str, data: bytes) -> dict[str, Any]:
        raise OSError(errno.ENOSPC, "No space left on device")

    found: dict[str, Any] = {}
    here = Origin(
        {"cwd": str(checkout.path)}, root="/x", record=found.update, write=write, environ={},
        disk=Disk(), clock=Clock(), notices=Notices(),
    )  # fmt: skip
    with pytest.raises(OSError, match="No space left"):
        here.list_packages()
    here.look_around()
    assert "machine" in found
