"""`syncd profiles`: the logins that are stored on this machine."""

import os

import click

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import PROFILE_VARIABLE
from tidelog.syncd.agent.target.profiles import Profile, all_profiles
from tidelog.syncd.cli.console import print_json, say
from tidelog.syncd.cli.hub_folder import print_table
from tidelog.syncd.cli.options import json_option

EPILOG = """\b
Examples:
  syncd login --hub https://hub.lab --profile ci
  TIDELOG_PROFILE=ci syncd status
  syncd profiles
\b
Exit code: 0 shown.
"""


@click.command("profiles", epilog=EPILOG)
@json_option
def command(*, is_json: bool) -> None:
    """List the logins that are stored here: hub, place of the key, and which is in use; never a key.

    TIDELOG_PROFILE says which is used; without it the one that has no name.
    """
    chosen = os.environ.get(PROFILE_VARIABLE, "")
    profiles = list(all_profiles(os.environ, Disk()))
    if is_json:
        entries = [_document(profile, is_used=profile.name == chosen) for profile in profiles]
        print_json({"type": "profiles", "profiles": entries})
        return
    if not profiles:
        say("no login is stored: syncd login --hub URL")
        return
    rows = [
        (
            profile.name or "-",
            profile.hub,
            profile.place if profile.has_key else "no key",
            "yes" if profile.name == chosen else "",
        )
        for profile in profiles
    ]
    print_table([("PROFILE", "HUB", "KEY", "IN USE"), *rows])


def _document(profile: Profile, *, is_used: bool) -> dict[str, object]:
    return {
        "profile": profile.name or None,
        "hub": profile.hub,
        "key": profile.place if profile.has_key else None,
        "is_used": is_used,
    }
