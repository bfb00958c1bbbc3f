"""Where events may be trusted: on a device they must have been seen to come. No I/O, no clock.

A file of our own would prove little and litter the folders of others: the kernel tells of what is done
on this machine even where it tells of nothing that others do. So the proof is what happens anyway: a
look finds a folder changed, and the event for it has come, or it has not. A device is looked at twice a
second until there is proof, and for ever once a change came without an event.
"""

from collections.abc import Iterable
from enum import Enum

Device = int


class Proof(Enum):
    """Whether events were seen to come; lost is for ever."""

    NONE = "none"
    GIVEN = "given"
    LOST = "lost"


class Trust:
    """Which devices are trusted. Times are monotonic seconds."""

    def __init__(self, *, patience_s: float) -> None:
        self._patience_s = patience_s
        self._proven: set[Device] = set()
        self._lost: set[Device] = set()
        self._heard: set[str] = set()
        self._awaited: dict[str, tuple[Device, float]] = {}

    def __repr__(self) -> str:
        return f"<Trust in {len(self._proven)} devices, {len(self._awaited)} events awaited>"

    def proof(self, device: Device) -> Proof:
        """Tell what is known of a device."""
        if device in self._lost:
            return Proof.LOST
        return Proof.GIVEN if device in self._proven else Proof.NONE

    def is_proven(self, device: Device) -> bool:
        """Tell whether what happens on a device is told by events."""
        return self.proof(device) is Proof.GIVEN

    def heard(self, paths: Iterable[str]) -> None:
        """Note that events came for some folders."""
        self._heard.update(paths)

    def judge(self, changed: Iterable[tuple[str, Device]], now: float) -> list[Device]:
        """Compare what changed with what was heard; return the devices that are trusted no more."""
        for path, device in changed:
            self._awaited.setdefault(path, (device, now + self._patience_s))
        lost = []
        for path, (device, until) in list(self._awaited.items()):
            if path in self._heard:
                self._proven.add(device)
            elif now <= until:
                continue
            elif self.is_proven(device):
                self._lost.add(device)
                lost.append(device)
            del self._awaited[path]
            self._heard.discard(path)
        return lost

    def forget(self, paths: Iterable[str]) -> None:
        """Await nothing of folders that are not watched any more."""
        for path in paths:
            self._heard.discard(path)
            self._awaited.pop(path, None)

    def keep(self, devices: set[Device]) -> None:
        """Forget what is known of all other devices."""
        self._proven &= devices
        self._lost &= devices

    def excuse(self) -> None:
        """Await nothing: events were lost, and who told of that can be trusted."""
        self._awaited.clear()
