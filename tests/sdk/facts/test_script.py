import os
import subprocess
from pathlib import Path

import pytest

from tidelog.sdk.facts.script import git_facts, hide_secrets, package_version, strip_credentials


@pytest.mark.parametrize(
    ("expected", "remote"),
    [
        ("https://host/a/b.git", "https://user:t0ken@host/a/b.git"),
        ("https://host/a", "https://t0ken@host/a?private_token=t0ken#t0ken"),
        ("ssh://host:22/a", "ssh://git@host:22/a"),
        ("git@host:a/b.git", "git@host:a/b.git"),
        ("host:a/b.git", "t0ken@host:a/b.git"),
        ("/srv/git/a@b:c.git", "/srv/git/a@b:c.git"),
    ],
)
def test_no_credential_of_a_remote_is_recorded(expected: str, remote: str) -> None:
    """User, password, token and query are taken out of a URL."""
    assert expected == strip_credentials(remote)


def test_values_of_secret_options_are_hidden() -> None:
    """The command line is recorded without them."""
    line = ["t.py", "--lr=1", "--api-key", "s3", "--token=s3", "--password", "--lr", "7", "monkey"]
    assert [
        "t.py", "--lr=1", "--api-key", "***", "--token=***", "--password", "--lr", "7", "monkey"
    ] == hide_secrets(line)  # fmt: skip


def test_git_facts_are_commit_branch_remote_and_dirty(tmp_path: Path) -> None:
    """Untracked files, such as runs, do not make a checkout dirty."""

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        environ = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.check_output(command, cwd=tmp_path, env=environ, text=True)

    git("init", "-q", "-b", "trunk")
    (tmp_path / "train.py").write_text("1")
    git("add", "train.py")
    git("commit", "-q", "-m", "one")
    git("remote", "add", "origin", "https://u:t0ken@host/a.git")
    (tmp_path / "untracked").write_text("1")
    expected = {
        "commit": git("rev-parse", "HEAD").strip(),
        "branch": "trunk",
        "dirty": False,
        "remote": "https://host/a.git",
    }
    assert expected == git_facts(str(tmp_path))
    (tmp_path / "train.py").write_text("2")
    assert {**expected, "dirty": True} == git_facts(str(tmp_path))


def test_outside_of_a_checkout_there_are_no_git_facts(tmp_path: Path) -> None:
    """No git, no checkout: None, and nothing is raised."""
    assert git_facts(str(tmp_path)) is None
    assert git_facts(str(tmp_path / "not there")) is None


def test_the_version_of_the_package_is_known() -> None:
    """It is recorded with the run."""
    assert package_version() is not None
