"""The state of the code: commit, branch, remote, whether it is pushed, what differs, what is untracked.

Asks `git` with deadlines; to be called beside training, never in its way. Writes nothing into the
checkout, and starts no program that a repository's configuration names, other than filters.
"""

import os
from collections.abc import Mapping
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.sdk.facts.ask import Answer, ask
from tidelog.sdk.facts.git_head import find_checkout, read_head
from tidelog.sdk.facts.git_status import (
    choose_remote,
    parse_names,
    parse_remotes,
    parse_status,
    parse_submodules,
)

DEADLINE_S = 5.0
PATCH_BYTES_MAX = 10 * 1024 * 1024

# A person's configuration must not change what we parse: prefixes, colours, other diff programs.
_PATCH = """
diff HEAD --binary --full-index --no-color --no-ext-diff --no-textconv --no-renames
--ignore-submodules=all --src-prefix=a/ --dst-prefix=b/ --
"""

# git would otherwise refresh its index on the disk, wait for a password, or fetch from a remote.
_QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TRACE": "0",
    "LC_ALL": "C",
}


class Checkout:
    """A folder of code under git. Once git did not answer in time it is not asked again."""

    def __init__(
        self,
        directory: str,
        *,
        environ: Mapping[str, str] = os.environ,
        deadline_s: float = DEADLINE_S,
        disk: Disk | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._disk = disk or Disk()
        self._directory = directory
        self._root = find_checkout(directory, disk=self._disk)
        self._deadline_s = deadline_s
        self._clock = clock
        self._silence = ""  # Why git is asked no more.
        self._environ = {**environ, **_QUIET}

    @property
    def root(self) -> str | None:
        """The top folder of the checkout, None where the directory is in none."""
        return self._root

    def facts(self, *, without: tuple[str, ...] = ()) -> dict[str, Any] | None:
        """Return what git knows, or None outside of a checkout.

        `without` are paths below the checkout that are not told as untracked, such as our own root.
        What git did not tell is left out, and `trouble` says why.
        """
        if self._root is None:
            return None
        status = self._ask("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=no")
        # More changes than we care to read are an answer: what we look for stands at its beginning.
        if status.trouble and (status.is_late or not status.is_cut):
            head = read_head(self._root, disk=self._disk)
            return {**head, "dirty": None, "root": self._root, "trouble": status.trouble}
        facts = {**parse_status(status.text), "root": self._root}
        remotes = self._ask("config", "-z", "--get-regexp", r"^remote\..*\.url$")
        facts["remote"] = choose_remote(parse_remotes(remotes.text), facts.get("upstream"))
        facts["is_pushed"] = self._is_pushed()
        listing = self._ask(
            "ls-files", "--others", "--exclude-standard", "--directory", "--no-empty-directory", "-z"
        )
        facts["untracked"] = parse_names(listing.text, without=without)
        if self._disk.is_file(os.path.join(self._root, ".gitmodules")):
            facts["submodules"] = parse_submodules(self._ask("submodule", "status", "--recursive").text)
        if self._silence:
            facts["trouble"] = self._silence
        return facts

    def patch(self, *, bytes_max: int = PATCH_BYTES_MAX) -> Answer:
        """Return how tracked files differ from the commit, as `git apply` takes it."""
        return self._ask(*_PATCH.split(), bytes_max=bytes_max)

    def tracked(self, directory: str) -> list[str] | None:
        """Return the files below a folder that git does not ignore, relative to it; None without git."""
        listing = self._ask(
            "ls-files", "--cached", "--others", "--exclude-standard", "-z", directory=directory
        )
        if listing.trouble:
            return None
        return [name for name in listing.text.split("\0") if name]

    def _is_pushed(self) -> bool | None:
        """Tell whether a remote has the commit, as far as is known here; None where git cannot say."""
        missing = self._ask("rev-list", "--max-count=1", "HEAD", "--not", "--remotes", "--")
        return None if missing.trouble else not missing.text

    def _ask(
        self, *arguments: str, bytes_max: int | None = None, directory: str | None = None
    ) -> Answer:
        if self._silence:
            return Answer(b"", self._silence, is_cut=True)
        # A daemon that watches the files, or a program of that name, is not ours to start.
        command = ["git", "-c", "core.fsmonitor=false", "-C", directory or self._root or self._directory]
        limits = {} if bytes_max is None else {"bytes_max": bytes_max}
        answer = ask(
            [*command, *arguments],
            environ=self._environ,
            deadline_s=self._deadline_s,
            clock=self._clock,
            **limits,
        )
        if answer.is_late:
            self._silence = answer.trouble
        return answer
