"""A run is rebuilt by the commands that `datastore show --repro` prints, in an empty folder."""

import json
import os
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest
from git_checkout import GitCheckout

TRAIN = """
import os, sys
from tidelog import sdk
from model import score
with sdk.init(project="p", dir=os.environ["ROOT"], settings={"quiet": True}) as run:
    run.log({"score": score(sys.argv[1:])})
    print(score(sys.argv[1:]), os.environ.get("OMP_NUM_THREADS"), os.path.basename(os.getcwd()))
"""
MODEL = """
import hashlib
def score(words):
    data = repr(words).encode() + open("weights.bin", "rb").read()
    return hashlib.sha256(data).hexdigest()
"""
ARGUMENTS = ["--lr=0.1", "it's; a $(test)", "two\nlines"]


@pytest.fixture
def checkout(tmp_path: Path) -> GitCheckout:
    """Give a pushed checkout with a change that was not committed and a file that is not tracked."""
    checkout = GitCheckout(tmp_path / "work" / "my code")
    checkout.write("src/train.py", TRAIN)
    checkout.write("src/model.py", "def score(words):\n    return 'the committed code'\n")
    checkout.write("src/weights.bin", bytes(range(256)))
    checkout.commit(**{".gitignore": "*.pyc\n"})
    checkout.push(tmp_path / "remote.git")
    checkout.write("src/model.py", MODEL)
    checkout.write("src/weights.bin", bytes(reversed(range(256))))
    checkout.write("notes.txt", "not tracked")
    return checkout


@pytest.mark.parametrize("command", [["-O", "-m", "train"], ["{src}/train.py"]])
def test_a_run_with_changes_is_made_again(
    checkout: GitCheckout, tmp_path: Path, command: list[str]
) -> None:
    """From the remote, the diff and the command line, while the checkout is gone: the same output."""
    source = checkout.path / "src"
    command = [part.format(src=source) for part in command]
    environ = {**os.environ, "ROOT": str(tmp_path / "runs"), "OMP_NUM_THREADS": "3"}
    expected = subprocess.check_output(
        [sys.executable, *command, *ARGUMENTS], cwd=source, env=environ, text=True
    )
    (run,) = (tmp_path / "runs" / "p").iterdir()
    shutil.rmtree(checkout.path)
    script = _repro(run)
    assert "# - files that git did not track: notes.txt" in script
    del environ["OMP_NUM_THREADS"]
    empty = tmp_path / "empty"
    empty.mkdir()
    result = subprocess.run(
        ["bash"],
        input=_without_pip(script),
        cwd=empty,
        env=environ,
        text=True,
        capture_output=True,
        check=False,
    )
    assert (0, expected) == (result.returncode, result.stdout), result.stderr
    assert 2 == len(list((tmp_path / "runs" / "p").iterdir()))


def test_the_plan_is_data_for_programs(checkout: GitCheckout, tmp_path: Path) -> None:
    """`--json` gives the commands and what is missing; several runs at once are bad usage."""
    for _ in range(2):
        environ = {**os.environ, "ROOT": str(tmp_path / "runs")}
        subprocess.check_call([sys.executable, "train.py"], cwd=checkout.path / "src", env=environ)
    runs = sorted((tmp_path / "runs" / "p").iterdir())
    document = json.loads(_repro(runs[0], "--json"))
    assert "rebuild" == document["type"]
    assert f"git clone --quiet -- {tmp_path / 'remote.git'} code" in document["commands"]
    assert any("notes.txt" in line for line in document["missing"])
    result = subprocess.run(
        [sys.executable, "-m", "tidelog.datastore", "show", "--repro", *map(str, runs)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (2, "") == (result.returncode, result.stdout)
    assert "--repro takes one run, and these are 2" in result.stderr


def _repro(run: Path, *options: str) -> str:
    command = [sys.executable, "-m", "tidelog.datastore", "show", "--repro", *options, str(run)]
    return subprocess.check_output(command, text=True)


def _without_pip(script: str) -> str:
    """Let the packages of this environment take the place of what pip would fetch."""
    (pip,) = (line for line in script.splitlines() if "-m pip install" in line)
    paths = [path for path in site.getsitepackages() if os.path.isdir(path)]
    add = f"import site; list(map(site.addsitedir, {paths!r}))"
    return script.replace(
        pip, f'echo "{add}" > "$(echo "$top"/venv/lib/python*/site-packages)/here.pth"'
    )
