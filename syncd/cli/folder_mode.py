"""What `syncd on` and `syncd off` share: the mode that a folder's own settings file gives its runs."""

from pathlib import Path

import click

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import PROJECT_FILE, read_settings, with_values
from tidelog.syncd.cli.console import say

EPILOG = """\b
Examples:
  syncd off                     the runs that are begun in this folder
  syncd off ~/experiments
  TIDELOG_MODE=online python train.py     wins over it, as mode="online" in init() does
\b
Exit code: 0 done, 2 the folder's settings file cannot be read or written.
"""

directory_argument = click.argument(
    "directory", default=".", type=click.Path(exists=True, file_okay=False), metavar="[DIR]"
)


def set_folder_mode(directory: str, mode: str, consequence: str) -> None:
    """Set `mode` in the folder's settings file; what else it says stays.

    Raises SettingsError where it is no settings file, OSError where it cannot be written.
    """
    disk = Disk()
    path = Path(directory, PROJECT_FILE)
    read_settings({}, directory=directory, disk=disk)
    text, access = "", 0o644
    if disk.is_file(path):
        # It may hold a key that nobody else shall read.
        text, access = disk.read(path).decode(), disk.stat(path).st_mode & 0o777
    disk.replace(path, with_values(text, {"mode": mode}).encode(), mode=access)
    say(f"runs that are begun in {Path(directory).absolute()} {consequence}")
