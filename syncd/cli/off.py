"""`syncd off`: let the runs of a folder be recorded offline, whatever hub is configured."""

import click

from tidelog.syncd.cli.folder_mode import EPILOG, directory_argument, set_folder_mode


@click.command("off", epilog=EPILOG)
@directory_argument
def command(directory: str) -> None:
    """Record the runs that are begun in a folder offline: no daemon is started for them.

    They are uploaded when somebody says so: `syncd sync`, or a daemon that watches their root anyway.
    """
    set_folder_mode(directory, "offline", "are recorded offline; upload them with `syncd sync`")
