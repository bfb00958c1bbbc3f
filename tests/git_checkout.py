"""A real git checkout for tests, whoever runs them and however their git is configured."""

import os
import subprocess
from pathlib import Path

NOBODYS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b",
}


class GitCheckout:
    """A folder under git."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "trunk")

    def git(self, *arguments: str) -> str:
        """Run git here and return what it prints."""
        command = ["git", "-c", "protocol.file.allow=always", *arguments]
        environ = {**os.environ, **NOBODYS}
        return subprocess.check_output(command, cwd=self.path, env=environ, text=True).strip()

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file below the folder."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def commit(self, **files: str | bytes) -> str:
        """Write files (`train_py` is `train.py`), commit all that is there, return the commit."""
        for name, content in files.items():
            self.write(name.replace("_", "."), content)
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", "one")
        return self.git("rev-parse", "HEAD")

    def push(self, remote: Path) -> None:
        """Push the branch to a new bare repository as origin."""
        subprocess.check_call(["git", "init", "-q", "--bare", "-b", "trunk", str(remote)])
        self.git("remote", "add", "origin", str(remote))
        self.git("push", "-q", "--set-upstream", "origin", "HEAD")
