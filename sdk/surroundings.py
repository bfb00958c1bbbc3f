"""What the SDK reaches the outside by: disk, clock, randomness, environment, and how syncd is called.

Real by default; tests hand in others.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import Setting, read_settings
from tidelog.sdk.naming import Entropy
from tidelog.sdk.notices import Notices
from tidelog.sdk.spawn import syncd_command


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The seams of one process's runs."""

    disk: Disk = field(default_factory=Disk)
    clock: Clock = field(default_factory=Clock)
    entropy: Entropy = os.urandom
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    syncd: Callable[[str], list[str]] = syncd_command
    """Returns the command that makes sure that a syncd watches a root."""

    def settings(self, notices: Notices) -> dict[str, Setting]:
        """Return what environment and settings files say; what is wrong in them is told."""
        return read_settings(
            self.environ,
            disk=self.disk,
            on_fault=lambda error: notices.tell("settings", f"{error}; it is passed over"),
        )
