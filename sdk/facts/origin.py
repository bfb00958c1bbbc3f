"""Where a run came from, found out beside training and recorded: machine, code, packages.

Each finding is recorded as soon as it is there, the quickest first: a script that ends at once, or a
git that hangs, costs only what comes after.
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted
from tidelog.sdk.facts.container import container_facts
from tidelog.sdk.facts.environ import environ_facts
from tidelog.sdk.facts.git import PATCH_BYTES_MAX, Checkout
from tidelog.sdk.facts.gpus import gpu_facts
from tidelog.sdk.facts.machine import machine_facts
from tidelog.sdk.facts.packages import installed_packages, requirements
from tidelog.sdk.facts.patch import Patch, clean_patch
from tidelog.sdk.facts.scheduler import scheduler_facts
from tidelog.sdk.facts.script import launcher_command
from tidelog.sdk.notices import Notices

PATCH = "code/diff.patch"
REQUIREMENTS = "requirements.txt"
NAMES_MAX = 100

Record = Callable[[dict[str, Any]], None]
Write = Callable[[str, bytes], Mapping[str, Any]]


class Origin:
    """Finds out where a run came from. `chores` are to be called in their order, in one thread.

    `facts` is what is known already, of which `cwd` and `program` are read; `root` is where runs are.
    `record` takes facts; `write` lets a file appear below `files/`, and names it in the ledger.
    """

    def __init__(
        self,
        facts: Mapping[str, Any],
        *,
        root: str,
        record: Record,
        write: Write,
        environ: Mapping[str, str],
        disk: Disk,
        clock: Clock,
        notices: Notices,
    ) -> None:
        self._facts = facts
        self._runs = root
        self._record = record
        self._write = write
        self._environ = environ
        self._disk = disk
        self._clock = clock
        self._notices = notices
        self._checkout: Checkout | None = None
        self._is_dirty = False

    @property
    def chores(self) -> list[Callable[[], None]]:
        """What is to be done beside training."""
        return [self.look_around, self.ask_git, self.keep_patch, self.list_packages, self.find_gpus]

    def look_around(self) -> None:
        """Record machine, container, scheduler, launcher, environment: some small files are read."""
        self._record_known(
            machine=machine_facts(disk=self._disk),
            container=container_facts(self._environ, disk=self._disk),
            job=scheduler_facts(self._environ),
            launcher=launcher_command(disk=self._disk),
            environ=environ_facts(self._environ) or None,
        )

    def ask_git(self) -> None:
        """Record the state of the checkout that the script, or else the working directory, lies in."""
        for folder in self._code_folders():
            checkout = Checkout(folder, environ=self._environ, disk=self._disk, clock=self._clock)
            if checkout.root is not None:
                self._checkout = checkout
                break
        else:
            return
        facts = checkout.facts(without=(_below(checkout.root, self._runs) or "",)) or {}
        self._is_dirty = facts.get("dirty") is not False
        prefix = _below(checkout.root, self._facts.get("cwd"))
        entry = _below(checkout.root, self._facts.get("program"))
        self._record_known(git={**facts, "prefix": prefix, "entry": entry})

    def keep_patch(self) -> None:
        """Save how tracked files differ from the commit, so that a clone can be made equal to them."""
        if self._checkout is None or not self._is_dirty:
            return
        answer = self._checkout.patch()
        if answer.trouble and not answer.is_cut:
            self._record_known(patch={"trouble": answer.trouble})
            return
        patch = clean_patch(answer.output, is_cut=answer.is_cut)
        path = self._write(PATCH, patch.data)["path"] if patch.data else None
        self._record_known(
            patch={
                "path": path,
                "is_cut": answer.is_cut,
                "left_out": patch.left_out[:NAMES_MAX],
                "hidden": patch.hidden[:NAMES_MAX],
            }
        )
        self._tell_gaps(patch, is_cut=answer.is_cut)

    def list_packages(self) -> None:
        """Save what is installed as `files/requirements.txt`."""
        # Scripts lie in folders of anything; packages are installed into others.
        scripts = {os.path.dirname(self._facts.get("program") or ""), self._facts.get("cwd"), ""}
        packages = installed_packages([f for f in sys.path if f not in scripts], disk=self._disk)
        root = None if self._checkout is None else self._checkout.root
        text = requirements(packages, python=sys.version.split()[0], checkout=root)
        path = self._write(REQUIREMENTS, text.encode("utf-8", "backslashreplace"))["path"]
        version = next((package.version for package in packages if package.name == "tidelog"), None)
        self._record_known(requirements=path, tidelog=version)

    def find_gpus(self) -> None:
        """Record the GPUs; last, because a driver that wakes up takes seconds to answer."""
        self._record_known(**(gpu_facts(disk=self._disk, clock=self._clock) or {}))

    def _code_folders(self) -> list[str]:
        """Return where the code may be: beside the script, unless it is installed; where it runs."""
        program, cwd = self._facts.get("program"), self._facts.get("cwd")
        folders = [] if program is None else [os.path.dirname(os.path.abspath(program))]
        installed = (sys.prefix + os.sep, sys.base_prefix + os.sep)
        folders = [folder for folder in folders if not (folder + os.sep).startswith(installed)]
        return folders + ([] if cwd is None else [cwd])

    def _record_known(self, **facts: Any) -> None:
        known = {name: value for name, value in facts.items() if value is not None}
        if known:
            self._record(known)

    def _tell_gaps(self, patch: Patch, *, is_cut: bool) -> None:
        if is_cut:
            self._notices.tell(
                "patch cut",
                f"the uncommitted changes are more than {PATCH_BYTES_MAX} bytes, or git was too slow: "
                f"{counted(len(patch.left_out), 'file')} or more are not saved; commit them, or let "
                "git ignore what is no code",
            )
        elif patch.left_out or patch.hidden:
            names = ", ".join([*patch.left_out, *patch.hidden][:3])
            self._notices.tell(
                "patch secrets",
                f"the uncommitted changes hold what looks like a secret, in {names}: it is not saved; "
                "let git ignore such files",
            )


def _below(root: str | None, path: str | None) -> str | None:
    """Return a path relative to the top of the checkout, None where it is not in it."""
    if root is None or path is None:
        return None
    relative = os.path.relpath(os.path.realpath(path), os.path.realpath(root))
    return None if relative.split(os.sep)[0] == os.pardir else relative
