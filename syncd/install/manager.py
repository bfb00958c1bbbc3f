"""The service managers that we know: where their units lie, and which commands they take. No I/O."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tidelog.syncd.install.launchd_plist import label_of, plist_bytes
from tidelog.syncd.install.service import Service
from tidelog.syncd.install.systemd_unit import unit_text

Command = Sequence[str]


class Manager(Protocol):
    """A manager of services, of one user or of the system."""

    def path(self, name: str) -> Path:
        """Return where the unit of a service lies."""

    def unit(self, service: Service) -> bytes:
        """Return what is to lie there."""

    def starting(self, name: str) -> list[Command]:
        """Return the commands that let a service run, now and after every boot."""

    def stopping(self, name: str) -> list[Command]:
        """Return the commands that end it for good, while its unit still lies there."""

    def forgetting(self) -> list[Command]:
        """Return the commands that let the manager see that a unit is gone."""


class Systemd:
    """systemd, of one user or of the system."""

    def __init__(self, directory: Path, *, is_user: bool) -> None:
        self._directory = directory
        self._systemctl = ["systemctl", *(["--user"] if is_user else [])]

    def path(self, name: str) -> Path:
        """Return where the unit of a service lies."""
        return self._directory / f"{name}.service"

    def unit(self, service: Service) -> bytes:
        """Return what is to lie there."""
        return unit_text(service).encode()

    def starting(self, name: str) -> list[Command]:
        """Return the commands that let a service run, now and after every boot."""
        return [[*self._systemctl, "daemon-reload"], [*self._systemctl, "enable", "--now", name]]

    def stopping(self, name: str) -> list[Command]:
        """Return the commands that end it for good, while its unit still lies there."""
        return [[*self._systemctl, "disable", "--now", name]]

    def forgetting(self) -> list[Command]:
        """Return the commands that let the manager see that a unit is gone."""
        return [[*self._systemctl, "daemon-reload"]]


class Launchd:
    """launchd, of one user or of the system."""

    def __init__(self, directory: Path, *, domain: str) -> None:
        """`domain` is launchctl's word: `gui/501`, or `system`."""
        self._directory = directory
        self._domain = domain

    def path(self, name: str) -> Path:
        """Return where the property list of a service lies."""
        return self._directory / f"{label_of(name)}.plist"

    def unit(self, service: Service) -> bytes:
        """Return what is to lie there."""
        return plist_bytes(service)

    def starting(self, name: str) -> list[Command]:
        """Return the commands that let a service run, now and after every boot."""
        return [["launchctl", "bootstrap", self._domain, str(self.path(name))]]

    def stopping(self, name: str) -> list[Command]:
        """Return the commands that end it for good."""
        return [["launchctl", "bootout", f"{self._domain}/{label_of(name)}"]]

    def forgetting(self) -> list[Command]:
        """Nothing: launchd forgets a service that is booted out."""
        return []


def choose_manager(
    platform: str, environ: Mapping[str, str], *, home: Path, user_id: int, is_system: bool
) -> Manager:
    """Return the manager of this kind of system (`sys.platform`)."""
    if platform == "darwin":
        if is_system:
            return Launchd(Path("/Library/LaunchDaemons"), domain="system")
        return Launchd(home / "Library" / "LaunchAgents", domain=f"gui/{user_id}")
    if is_system:
        return Systemd(Path("/etc/systemd/system"), is_user=False)
    config = environ.get("XDG_CONFIG_HOME") or home / ".config"
    return Systemd(Path(config, "systemd", "user"), is_user=True)
