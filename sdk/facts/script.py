"""Where a run came from: command line, Python, git. Never the environment, never a credential."""

import os
import sys
from collections.abc import Sequence
from typing import Any

GIT_DEADLINE_S = 5.0
ARGUMENTS_MAX = 1000
ARGUMENT_CHARACTERS_MAX = 4000
SECRET_WORDS = ("key", "token", "secret", "password", "passwd", "credential", "auth")
HIDDEN = "***"


def script_facts() -> dict[str, Any]:
    """Return what can be told at once and for free."""
    main = sys.modules.get("__main__")
    return {
        "argv": hide_secrets(sys.argv),
        "program": getattr(main, "__file__", None),
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "platform": sys.platform,
        "cpu_count": os.cpu_count(),
        "cwd": _working_directory(),
    }


def package_version() -> str | None:
    """Return the version of tidelog that is installed."""
    from importlib import metadata  # Takes longer than the rest of init.

    try:
        return metadata.version("tidelog")
    except metadata.PackageNotFoundError:
        return None


def git_facts(directory: str) -> dict[str, Any] | None:
    """Return commit, branch, remote and whether tracked files differ, or None outside of a checkout.

    Asks `git` with a deadline; to be called beside training, not in its way.
    """
    status = _git(directory, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if status is None:
        return None
    remote = _git(directory, "config", "--get", "remote.origin.url")
    facts = parse_git_status(status)
    if remote and remote.strip():
        facts["remote"] = strip_credentials(remote.strip())
    return facts


def parse_git_status(status: str) -> dict[str, Any]:
    """Return commit, branch and dirty from `git status --porcelain=v2 --branch`."""
    facts: dict[str, Any] = {"commit": None, "branch": None, "dirty": False}
    for line in status.splitlines():
        if line.startswith("# branch.oid ") and not line.endswith("(initial)"):
            facts["commit"] = line.removeprefix("# branch.oid ")
        elif line.startswith("# branch.head ") and not line.endswith("(detached)"):
            facts["branch"] = line.removeprefix("# branch.head ")
        elif not line.startswith("#"):
            facts["dirty"] = True
    return facts


def strip_credentials(remote: str) -> str:
    """Return a remote without user, password, token or query: `https://u:t@host/x` loses `u:t@`."""
    if "://" in remote:
        from urllib.parse import urlsplit, urlunsplit

        parts = urlsplit(remote)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    user, at, rest = remote.partition("@")
    is_scp_like = bool(at) and ":" in rest and "/" not in user
    return rest if is_scp_like and user != "git" else remote


def hide_secrets(arguments: Sequence[object]) -> list[str]:
    """Return a command line in which the values of options that name a secret are hidden."""
    shown: list[str] = []
    is_next_hidden = False
    for argument in arguments[:ARGUMENTS_MAX]:
        text = str(argument).encode("utf-8", "backslashreplace").decode()[:ARGUMENT_CHARACTERS_MAX]
        name, equals, _value = text.partition("=")
        is_secret = any(word in name.lower() for word in SECRET_WORDS)
        if is_next_hidden and not text.startswith("-"):
            text = HIDDEN
        elif is_secret and equals:
            text = f"{name}={HIDDEN}"
        is_next_hidden = is_secret and not equals and text.startswith("-")
        shown.append(text)
    return shown


def _git(directory: str, *arguments: str) -> str | None:
    import subprocess

    # git would otherwise refresh its index on the disk, and may wait for a password at a prompt.
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        result = subprocess.run(
            ["git", "-C", directory, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=GIT_DEADLINE_S,
            check=False,
            env=environ,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.decode(errors="replace") if result.returncode == 0 else None


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None
