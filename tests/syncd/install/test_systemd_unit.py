"""The unit's text: read back as systemd reads it, and judged by systemd itself where it is installed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tidelog.syncd.install.service import Service
from tidelog.syncd.install.systemd_unit import escaped, unit_text

AGENT = Service(
    name="syncd",
    description="tidelog: uploads runs",
    command=("/opt/my venv/bin/python", "-P", "-m", "tidelog.syncd", "start", "--root", "/data/100% $x"),
    writable=("/home/ada/.local/state/tidelog", "/media/my stick"),
    environment=(("HTTPS_PROXY", "http://proxy:3128/%20"),),
)
EXPOSURE_MAX = {"system": 3.0, "user": 6.5}
"""`systemd-analyze security`, from 0 to 10; systemd 252 says 2.3 and 6.1, others may ask more."""


def lines_of(service: Service) -> dict[str, list[str]]:
    """Return the values of every setting of a unit, in their order."""
    values: dict[str, list[str]] = {}
    for line in unit_text(service).splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            values.setdefault(name, []).append(value)
    return values


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("plain", '"plain"'),
        ("two words", '"two words"'),
        ("100%", '"100%%"'),
        ("$HOME", '"$HOME"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("a\nb\t", '"a\\x0ab\\x09"'),
        ("größe", '"größe"'),
        ("\udcff", '"\\xff"'),
    ],
)
def test_a_word_is_escaped_as_systemd_reads_it(text: str, word: str) -> None:
    """Spaces, quotes, specifiers, line ends, bytes that are no UTF-8: one word (systemd.syntax(7))."""
    assert word == escaped(text)


def test_a_dollar_is_doubled_where_variables_are_expanded() -> None:
    """In the arguments of a command, and nowhere else."""
    values = lines_of(AGENT)
    assert values["ExecStart"][0].startswith('"/opt/my venv/bin/python" "-P"')
    assert values["ExecStart"][0].endswith('"--root" "/data/100%% $$x"')
    assert ['"HTTPS_PROXY=http://proxy:3128/%%20"'] == values["Environment"]
    assert ['"/home/ada/.local/state/tidelog" "/media/my stick"'] == values["ReadWritePaths"]


def test_a_service_is_watched_restarted_and_stands_behind_training() -> None:
    """What cannot start is left alone; what fails or hangs is started again."""
    expected = {
        "Type": ["notify"],
        "Restart": ["on-failure"],
        "RestartPreventExitStatus": ["2"],
        "WatchdogSec": ["120"],
        "TimeoutStopSec": ["20"],
        "ExecReload": ["/bin/kill -HUP $MAINPID"],
        "IOSchedulingClass": ["idle"],
        "NoNewPrivileges": ["yes"],
        "ProtectSystem": ["strict"],
        "RuntimeDirectory": ["tidelog"],
        "WantedBy": ["default.target"],
    }
    values = lines_of(AGENT)
    assert expected == {name: values.get(name) for name in expected}


def test_a_users_unit_asks_for_nothing_that_a_user_cannot_give() -> None:
    """Dropping capabilities or making devices would keep it from starting at all."""
    privileged = {
        "CapabilityBoundingSet",
        "PrivateDevices",
        "ProtectKernelModules",
        "User",
        "ProtectClock",
    }
    assert set() == privileged & lines_of(AGENT).keys()
    assert privileged <= lines_of(_of_system(AGENT)).keys()


def test_roots_below_tmp_stay_readable() -> None:
    """They may be handed over at any time: no unit has a /tmp of its own."""
    for service in (AGENT, _of_system(AGENT)):
        assert {"PrivateTmp", "InaccessiblePaths", "TemporaryFileSystem"}.isdisjoint(lines_of(service))
        assert ["read-only"] == lines_of(service)["ProtectHome"]


def test_a_hub_is_not_put_behind_training_and_does_not_reload() -> None:
    """It has a machine, or its part of one."""
    hub = _like(AGENT, name="syncd-hub", is_agent=False)
    assert {"Nice", "IOSchedulingClass", "MemoryHigh", "ExecReload"}.isdisjoint(lines_of(hub))


def test_the_agent_of_root_may_read_what_others_own_and_no_more() -> None:
    """Others need no capability at all."""
    assert [""] == lines_of(_of_system(AGENT))["CapabilityBoundingSet"]
    root = _of_system(AGENT, account="root")
    assert ["CAP_DAC_READ_SEARCH"] == lines_of(root)["CapabilityBoundingSet"]


@pytest.mark.parametrize("kind", ["user", "system"])
def test_systemd_takes_the_unit(kind: str, tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing, and its `security` no more exposure than we have said.

    Without systemd the text alone is looked at: every line is a section, a comment or a setting.
    """
    program = tmp_path / "bin dir" / "python"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    command = (str(program), *AGENT.command[1:])
    service = _like(AGENT if kind == "user" else _of_system(AGENT, account="root"), command=command)
    unit = tmp_path / "syncd.service"
    unit.write_text(unit_text(service))
    for line in unit.read_text().splitlines():
        assert line == "" or line[0] in "[#" or line[: line.index("=")].isalpha(), line
    if shutil.which("systemd-analyze"):
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
        flags = ["--user"] if kind == "user" else []
        verified = subprocess.run(
            ["systemd-analyze", "verify", *flags, "--man=no", unit],
            capture_output=True, text=True, env=environment, check=False,
        )  # fmt: skip
        assert (0, "") == (verified.returncode, verified.stderr)
        judged = subprocess.run(
            ["systemd-analyze", "security", *flags, "--offline=true", unit],
            capture_output=True, text=True, env=environment, check=True,
        )  # fmt: skip
        exposure = float(judged.stdout.rpartition("exposure level for")[2].split(":")[1].split()[0])
        assert EXPOSURE_MAX[kind] >= exposure


def _like(service: Service, **members: object) -> Service:
    from dataclasses import replace

    return replace(service, **members)  # type: ignore[arg-type]  # As the test names them.


def _of_system(service: Service, *, account: str = "ada") -> Service:
    return _like(service, account=account)
