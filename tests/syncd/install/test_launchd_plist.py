"""launchd's property list: read back as launchd reads it."""

import plistlib

from tidelog.syncd.install.launchd_plist import plist_bytes
from tidelog.syncd.install.service import MARK, Service

COMMAND = (
    "/opt/my venv/bin/python",
    "-P",
    "-m",
    "tidelog.syncd",
    "start",
    "--root",
    "/data/<100%> & $x",
)
AGENT = Service("syncd", "tidelog", COMMAND, ("/Users/ada/.local/state/tidelog",), (("A", "b"),))


def test_the_property_list_is_one() -> None:
    """Arguments are taken as they are; it is started at login, and again when it fails."""
    data = plist_bytes(AGENT)
    document = plistlib.loads(data)
    assert list(COMMAND) == document["ProgramArguments"]
    assert ("tidelog.syncd", {"A": "b"}) == (document["Label"], document["EnvironmentVariables"])
    assert (True, {"SuccessfulExit": False}) == (document["RunAtLoad"], document["KeepAlive"])
    assert 10 < document["ExitTimeOut"]
    assert (True, "Background") == (document["LowPriorityIO"], document["ProcessType"])
    assert "UserName" not in document
    assert MARK.encode() in data


def test_a_daemon_of_the_system_has_an_account() -> None:
    """And a hub is not put behind training."""
    hub = Service("syncd-hub", "tidelog", COMMAND, ("/data",), account="ada", is_agent=False)
    document = plistlib.loads(plist_bytes(hub))
    assert "ada" == document["UserName"]
    assert "LowPriorityIO" not in document
