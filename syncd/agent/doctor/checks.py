"""The table of all that the doctor looks at, in the order in which a person reads it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError
from tidelog.syncd.agent.daemon.lock import Holder
from tidelog.syncd.agent.doctor.daemon import look_at_daemon, look_at_linger, look_at_proxies
from tidelog.syncd.agent.doctor.examination import Check
from tidelog.syncd.agent.doctor.finding import Finding, problem
from tidelog.syncd.agent.doctor.hub import look_at_hub
from tidelog.syncd.agent.doctor.inotify import look_at_inotify
from tidelog.syncd.agent.doctor.rooms import look_at_folder, look_at_room
from tidelog.syncd.agent.doctor.roots import look_at_root
from tidelog.syncd.agent.doctor.settings import look_at_settings
from tidelog.syncd.agent.doctor.state_folder import look_at_state
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.credentials import FILE, Address, find_addresses
from tidelog.syncd.agent.watch.roots import start_of
from tidelog.syncd.errors import SyncdError


@dataclass(frozen=True, slots=True)
class Patient:
    """The installation that is looked at: its folders, and what its daemon answered, if one did."""

    environ: Mapping[str, str]
    directory: Path
    roots: Sequence[str]
    targets: Sequence[str]
    unit: Path
    version: str
    answer: Mapping[str, Any] | None
    holder: Holder | None
    disk: Disk
    clock: Clock


def checks_for(patient: Patient) -> list[Check]:
    """Return every check; a thing that may hang has one of its own."""
    disk, environ = patient.disk, patient.environ
    needed_watches = 0 if patient.answer else len(patient.roots)
    state_bytes_max = AgentSettings().state_bytes_max
    return [
        Check("settings", partial(look_at_settings, environ, disk)),
        Check("proxies", partial(look_at_proxies, environ)),
        *_target_checks(patient),
        Check(
            "daemon",
            partial(look_at_daemon, patient.answer, patient.holder, version=patient.version),
        ),
        Check("service", partial(look_at_linger, patient.unit, disk)),
        Check("state", partial(look_at_state, patient.directory, bytes_max=state_bytes_max, disk=disk)),
        Check("room", partial(look_at_room, str(patient.directory), disk)),
        *(Check("root", partial(look_at_root, root, disk)) for root in patient.roots),
        *(Check("room", partial(look_at_room, start_of(root), disk)) for root in patient.roots),
        Check("inotify", partial(look_at_inotify, needed_watches, disk)),
    ]


def _target_checks(patient: Patient) -> Iterator[Check]:
    try:
        addresses = find_addresses(patient.targets, patient.environ, patient.disk)
    except (SyncdError, DatastoreError) as error:
        finding = problem("target", str(error), "")
        yield Check("target", lambda: [finding])
        return
    for address in addresses:
        yield Check("target", partial(_look_at_target, address, patient))


def _look_at_target(address: Address, patient: Patient) -> Iterator[Finding]:
    if address.scheme == FILE:
        return look_at_folder(address.path, patient.disk)
    return look_at_hub(address, patient.environ, disk=patient.disk, clock=patient.clock)
