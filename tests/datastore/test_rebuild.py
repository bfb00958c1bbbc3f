"""The plan by which a run is rebuilt, from facts that may be anything."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.datastore.rebuild import PATCH, REQUIREMENTS, Rebuild, rebuild

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FACTS: dict[str, Any] = {
    "python": "3.12.1",
    "executable": "/old/venv/bin/python",
    "command": ["/old/venv/bin/python", "-u", "train.py", "--lr", "1"],
    "cwd": "/old/code",
    "git": {
        "commit": COMMIT,
        "remote": "https://host/a.git",
        "root": "/old/code",
        "is_pushed": True,
        "dirty": False,
        "prefix": ".",
        "untracked": [],
    },
}
ALWAYS = "data that the script reads"


def made(
    changes: Mapping[str, Any], files: tuple[str, ...] = (REQUIREMENTS,), **options: Any
) -> Rebuild:
    facts = {**FACTS, **changes, "git": {**FACTS["git"], **changes.get("git", {})}}
    return rebuild(facts, files, **{"directory": "/runs/r 1", **options})


def missing(plan: Rebuild) -> list[str]:
    return [line for line in plan.missing if not line.startswith(ALWAYS)]


def test_a_pushed_and_clean_run_is_rebuilt_whole() -> None:
    """Clone, checkout, environment, command; the data alone is not part of it."""
    assert Rebuild(
        [
            "run='/runs/r 1'",
            "top=$PWD",
            "git clone --quiet -- https://host/a.git code",
            "cd code",
            f"git checkout --quiet --detach {COMMIT}",
            'python3.12 -m venv "$top/venv"',
            '"$top/venv/bin/python" -m pip install --quiet -r "$run"/files/requirements.txt',
            '"$top/venv/bin/python" -u train.py --lr 1',
        ],
        ["data that the script reads: compare sdk.fingerprint(path) with what the run's config says"],
    ) == made({})


def test_what_was_not_committed_is_applied() -> None:
    """From the run's own copy of it."""
    commands = made({"git": {"dirty": True}}, (PATCH, REQUIREMENTS)).commands
    assert 'git apply --whitespace=nowarn -- "$run"/files/code/diff.patch' == commands[5]


@pytest.mark.parametrize(
    ("expected", "changes", "options"),
    [
        ("not pushed to https://host/a.git, and is cloned from /old/code on gpu1",
            {"host": "gpu1", "git": {"is_pushed": False}}, {}),
        ("not pushed to any remote", {"git": {"remote": None, "is_pushed": False}}, {}),
        ("files that git did not track: a, b", {"git": {"untracked": ["a", "b"]}}, {}),
        ("and 480 more", {"git": {"untracked": ["a"] * 500}}, {}),
        ("the changes that were not committed", {"git": {"dirty": True}}, {}),
        ("beyond the limit of the diff", {"patch": {"is_cut": True}}, {}),
        ("changes to .env: left out", {"patch": {"left_out": [".env"]}, "git": {"dirty": True}}, {}),
        ("secrets in changed lines, which the diff has as ***: a", {"patch": {"hidden": ["a"]}}, {}),
        ("git did not answer", {"git": {"trouble": "git did not answer within 5 s"}}, {}),
        ("the run does not name them", {}, {"files": ()}),
        ("CUDA builds of PyTorch: torch==2.9+cu130", {}, {"requirements": "# 3\ntorch==2.9+cu130\n"}),
        ("no index has: f==1 was installed from the folder /f", {},
            {"requirements": "# 3\n# f==1 was installed from the folder /f"}),
        ("the value of NCCL_X", {"environ": {"NCCL_X": "***"}}, {}),
        ("on PYTHONPATH: /a", {"environ": {"PYTHONPATH": "/a"}}, {}),
        ("the working directory, which was /job", {"cwd": "/job", "git": {"prefix": None}}, {}),
        ("secrets on the command line", {"command": ["python", "--key", "***"]}, {}),
        ("it was a notebook", {"command": ["python", "-m", "ipykernel_launcher"]}, {}),
        ("the run knows no commit", {"git": {"commit": None}}, {}),
        ("code that log_code() did not copy", {"git": {"commit": None}}, {"files": ("files/code/a",)}),
    ],
)  # fmt: skip
def test_what_no_command_brings_back_is_said(
    expected: str, changes: dict[str, Any], options: dict[str, Any]
) -> None:
    """A person knows before they begin."""
    assert any(expected in line for line in made(changes, **options).missing)


def test_an_unpushed_commit_comes_from_the_checkout_itself() -> None:
    """While that is there: the remote does not have it."""
    assert "git clone --quiet -- /old/code code" in made({"git": {"is_pushed": False}}).commands
    assert "git clone --quiet -- https://host/a.git code" in made({"git": {"is_pushed": None}}).commands


def test_submodules_get_the_commits_that_they_had() -> None:
    """Not those that the commit names."""
    plan = made({"git": {"submodules": {"lib a": COMMIT, "../x": COMMIT, "-x": COMMIT, "y": "main"}}})
    assert [
        "git submodule --quiet update --init --recursive",
        f"git -C ./'lib a' checkout --quiet --detach {COMMIT}",
        f"git -C ./-x checkout --quiet --detach {COMMIT}",
    ] == plan.commands[5:8]


def test_code_without_git_comes_from_what_log_code_copied() -> None:
    """It lies in the run."""
    plan = made({"git": {"commit": None}}, ("files/code/train.py",))
    assert ['cp -R -- "$run"/files/code code', "cd code"] == plan.commands[2:4]


def test_a_run_on_another_machine_is_asked_for() -> None:
    """The script takes its directory as its first argument."""
    assert "${1:?" in made({}, directory=None).commands[0]


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        ('"$top/venv/bin/python" -m pkg.train', {"command": ["/usr/bin/python3.12", "-m", "pkg.train"]}),
        ('"$top/venv/bin/python" -c \'print(1)\'', {"command": ["python", "-c", "print(1)"]}),
        (
            '"$top/venv/bin/python" "$top/code"/a/train.py --data /data/x',
            {"command": ["python", "/old/code/a/train.py", "--data", "/data/x"]},
        ),
        (
            '"$top/venv/bin/python" "$top/venv/bin"/torchrun -n=2 train.py',
            {"launcher": ["/old/venv/bin/python", "/old/venv/bin/torchrun", "-n=2", "train.py"]},
        ),
        (
            'mpirun -n 2 "$top/venv/bin/python" train.py',
            {"launcher": ["mpirun", "-n", "2", "/old/venv/bin/python", "train.py"]},
        ),
    ],
)  # fmt: skip
def test_the_command_runs_in_the_new_places(expected: str, changes: dict[str, Any]) -> None:
    """Interpreter, scripts beside it and files of the checkout are those of the rebuilt run."""
    assert expected == made(changes).commands[-1]


def test_variables_are_set_again_by_the_list_alone() -> None:
    """Neither what a process of a job was told, nor what could make another program run."""
    environ = {
        "OMP_NUM_THREADS": "4", "NCCL_X": "a b", "RANK": "3", "MASTER_ADDR": "x", "LD_PRELOAD": "/x",
        "PATH": "/x",
        "BASH_ENV": "x", "NCCL_X;id": "x", "NCCL_\nid": "x", "OMP_Y": 3,
    }  # fmt: skip
    exports = [c for c in made({"environ": environ}).commands if c.startswith("export")]
    assert ["export NCCL_X='a b'", "export OMP_NUM_THREADS=4"] == exports


@pytest.mark.parametrize(
    "remote",
    ["ext::sh -c id", "--upload-pack=id", "fd::17", "-x@h:a", "h:-x", "a b", "::x",
     "ssh://-oProxyCommand=id/a", "foo::https://h"],
)  # fmt: skip
def test_an_address_for_which_git_runs_a_program_is_not_cloned(remote: str) -> None:
    """It is said instead."""
    plan = made({"git": {"remote": remote}})
    assert not any("git clone" in command for command in plan.commands)
    assert any("git may run a program for it" in line for line in plan.missing)


PRINTABLE = "x'; echo 1 >$MARK; `echo 1 >$MARK` $(echo 1 >$MARK) \\'\" & echo 1 >$MARK #"
HOSTILE = (PRINTABLE, f"{PRINTABLE}\necho 1 >$MARK\n\x1b[31m'")


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", ["python", "command", "cwd", "executable", "launcher", "host"])
@pytest.mark.parametrize("inner", ["commit", "remote", "root", "prefix", "untracked", "submodules"])
def test_no_fact_can_inject_a_command(name: str, inner: str, hostile: str, tmp_path: Path) -> None:
    """The script is run, with git and Python that do nothing: what stands in a value is never run."""
    value: Any = [hostile, hostile] if name in ("command", "launcher") else hostile
    within: Any = {"untracked": [hostile], "submodules": {hostile: COMMIT}}.get(inner, hostile)
    environ = {"NCCL_X": hostile, hostile: hostile}
    plan = made({name: value, "environ": environ, "git": {inner: within}}, (PATCH, REQUIREMENTS))
    assert all(command.isprintable() for command in plan.commands)
    nothing = (
        "git() { :; }; python3() { :; }; python3.12() { :; }; cd() { :; }; mkdir() { :; }; cp() { :; }\n"
    )
    subprocess.run(
        ["/bin/bash"],
        input=nothing + "\n".join(plan.commands),
        text=True,
        cwd=tmp_path,
        env={"MARK": str(tmp_path / "mark"), "PATH": "/nowhere"},
        capture_output=True,
        check=False,
    )
    assert not (tmp_path / "mark").exists()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from([*FACTS, "patch", "environ", "launcher", "program", "host"]), ANYTHING
    ),
    st.dictionaries(st.sampled_from([*FACTS["git"], "submodules", "trouble", "entry"]), ANYTHING),
)
def test_facts_of_any_shape_make_a_plan(facts: dict[str, Any], git: dict[str, Any]) -> None:
    """A log may hold anything under these names."""
    plan = rebuild({**facts, "git": git}, [PATCH, REQUIREMENTS], directory="/r", requirements="\n")
    assert all(command.isprintable() for command in plan.commands)
    assert rebuild(facts, [], directory=None).commands


def test_nothing_is_missing_of_a_whole_run() -> None:
    """But for the data, which a run never holds."""
    assert [] == missing(made({}))
