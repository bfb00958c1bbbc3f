"""`syncd on`: let the runs of a folder be uploaded while they are recorded."""

import click

from tidelog.syncd.cli.folder_mode import EPILOG, directory_argument, set_folder_mode


@click.command("on", epilog=EPILOG)
@directory_argument
def command(directory: str) -> None:
    """Upload the runs that are begun in a folder while they are recorded, as `mode="online"` does."""
    set_folder_mode(directory, "online", "start a daemon that uploads them")
