"""Whose service it is: the account, its home and the part of its environment that a service can have."""

import os
import pwd
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tidelog.datastore.disk import Disk
from tidelog.syncd.errors import CannotStartError

LINGER = Path("/var/lib/systemd/linger")
ROOT_ID = 0
FOLDER_MODE = 0o700


@dataclass(frozen=True, slots=True)
class Account:
    """An account; `environ` is what its own shell would say, as far as that is known here."""

    name: str
    user_id: int
    group_id: int
    home: Path
    environ: Mapping[str, str]

    def make_folder(self, path: str, disk: Disk) -> None:
        """Make a folder that the service writes to, as its own: a unit names only what is there."""
        if disk.is_directory(path):
            return
        if os.geteuid() == self.user_id:
            disk.make_directory(path, mode=FOLDER_MODE)
            return
        command = ["mkdir", "-p", "-m", f"{FOLDER_MODE:o}", "--", path]
        try:
            subprocess.run(command, user=self.user_id, group=self.group_id, extra_groups=[], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise CannotStartError(f"{path} cannot be made as {self.name}: {error}") from error

    def is_sent_home(self, disk: Disk) -> bool:
        """Tell whether systemd ends this account's services when it logs out."""
        return disk.is_there(LINGER.parent) and not disk.is_there(LINGER / self.name)


def find_account(name: str | None, environ: Mapping[str, str], *, is_user: bool) -> Account:
    """Return whose a service is: `name`, else who called sudo, else who runs this."""
    wanted = None if is_user else name or environ.get("SUDO_USER")
    try:
        entry = pwd.getpwnam(wanted) if wanted else pwd.getpwuid(os.geteuid())
    except KeyError as error:
        who = repr(wanted) if wanted else f"of number {os.geteuid()}"
        raise CannotStartError(f"there is no account {who} on this machine") from error
    is_own = entry.pw_uid == os.geteuid()
    home = Path(environ["HOME"] if is_own and environ.get("HOME") else entry.pw_dir)
    known = environ if is_own else {"HOME": entry.pw_dir}
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, home, known)
