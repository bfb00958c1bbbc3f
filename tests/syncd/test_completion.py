"""`completion`: what it prints lets a real bash complete our words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tidelog.syncd.cli import group

# What bash does when the Tab key is pressed behind these words.
PRESS_TAB = """
eval "$({program} completion bash)"
COMP_WORDS=({words}) COMP_CWORD={position} COMP_TYPE=9
COMPREPLY=()
_{program}_completion {program}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def complete(program: str, *words: str) -> set[str]:
    """Return what bash offers for the last of these words."""
    script = PRESS_TAB.format(program=program, words=" ".join(words), position=len(words) - 1)
    bin_folder = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"},
    )
    assert "" == done.stderr
    return set(done.stdout.split())


def test_bash_completes_commands_and_options() -> None:
    """Of both commands."""
    assert {"status", "start"} == complete("syncd", "syncd", "sta")
    assert "--root" in complete("syncd", "syncd", "start", "--ro")
    assert {"show"} == complete("datastore", "datastore", "sho")


@pytest.mark.parametrize(
    "words",
    [
        ("syncd", "sync"),
        ("syncd", "watch"),
        ("syncd", "clean", "x", "--receipt"),
        ("syncd", "login", "--key-file"),
        ("datastore", "show"),
        ("datastore", "export", "x", "-o"),
    ],
    ids=" ".join,
)
def test_bash_is_told_to_complete_a_path(words: tuple[str, ...]) -> None:
    """By the names on the disk, which the shell knows best."""
    program, *before = words
    asked = {"COMP_WORDS": " ".join([*words, "ru"]), "COMP_CWORD": str(len(before) + 1)}
    done = subprocess.run(
        [Path(sys.executable).parent / program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **asked, f"_{program.upper()}_COMPLETE": "bash_complete"},
    )
    assert "file,ru\n" == done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_own(shell: str) -> None:
    """On stdout, for eval or a file."""
    done = CliRunner().invoke(group, ["completion", shell])
    assert (0, "", True) == (done.exit_code, done.stderr, "_SYNCD_COMPLETE" in done.stdout)


def test_an_unknown_shell_is_bad_usage() -> None:
    """The ones that are known are named."""
    done = CliRunner().invoke(group, ["completion", "tcsh"])
    assert (2, True) == (done.exit_code, "bash" in done.stderr)
