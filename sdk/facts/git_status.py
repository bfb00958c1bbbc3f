"""What git prints, read: `git status --porcelain=v2 -z`, remotes, submodules. No I/O."""

from collections.abc import Iterable
from typing import Any

from tidelog.sdk.facts.secrets import strip_credentials

UNTRACKED_MAX = 500
SUBMODULES_MAX = 100
NAME_CHARACTERS_MAX = 1000


def parse_status(status: str) -> dict[str, Any]:
    """Return commit, branch, upstream and whether tracked files differ.

    `status` is what `git status --porcelain=v2 --branch -z --untracked-files=no` prints.
    """
    facts: dict[str, Any] = {"commit": None, "branch": None, "dirty": False}
    for entry in status.split("\0"):
        if entry.startswith("# branch.oid ") and not entry.endswith("(initial)"):
            facts["commit"] = entry.removeprefix("# branch.oid ")
        elif entry.startswith("# branch.head ") and not entry.endswith("(detached)"):
            facts["branch"] = entry.removeprefix("# branch.head ")
        elif entry.startswith("# branch.upstream "):
            facts["upstream"] = entry.removeprefix("# branch.upstream ")
        elif entry[:2] in ("1 ", "2 ", "u "):
            facts["dirty"] = True
    return facts


def parse_remotes(config: str) -> dict[str, str]:
    """Return name -> URL, without credentials, from `git config -z --get-regexp` of such keys."""
    remotes: dict[str, str] = {}
    for entry in config.split("\0"):
        key, newline, url = entry.partition("\n")
        if newline and url:
            name = key.removeprefix("remote.").removesuffix(".url")
            remotes.setdefault(name, strip_credentials(url.strip()))
    return remotes


def choose_remote(remotes: dict[str, str], upstream: str | None) -> str | None:
    """Return the URL of the remote that the branch follows, else origin's, else any."""
    for name, url in remotes.items():
        if upstream is not None and upstream.startswith(f"{name}/"):
            return url
    return remotes.get("origin") or next(iter(remotes.values()), None)


def parse_names(listing: str, *, without: Iterable[str] = ()) -> list[str]:
    """Return the names that git printed with `-z`, other than some; bounded.

    Of a name that is more than one of these folders only the folder is told, as `git ls-files
    --directory` does it.
    """
    left_out = {name.rstrip("/") for name in without}
    names = (name for name in listing.split("\0") if name and name.rstrip("/") not in left_out)
    return [name[:NAME_CHARACTERS_MAX] for name, _ in zip(names, range(UNTRACKED_MAX), strict=False)]


def parse_submodules(status: str) -> dict[str, str]:
    """Return path -> commit of what is checked out, from `git submodule status --recursive`."""
    submodules = {}
    for line in status.splitlines()[:SUBMODULES_MAX]:
        commit, _, rest = line[1:].partition(" ")
        if line[:1] in " +U" and commit:
            submodules[rest.rpartition(" (")[0] or rest] = commit
    return submodules
