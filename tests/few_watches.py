"""What `Hints` tells where watches are few: for a process whose limits are its own."""

from collections.abc import Sequence
from pathlib import Path

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.watch.hints import Hints, open_inotify
from tidelog.syncd.agent.watch.tree import Place


def told_of(folders: Sequence[str]) -> list[str]:
    """Watch the folders twice; return what was told, and which of them are watched."""
    told: list[str] = []
    inotify = open_inotify(told.append)
    hints = Hints(
        lambda: None,
        inotify=inotify,
        disk=Disk(),
        clock=Clock(),
        settings=AgentSettings(),
        tell=told.append,
    )
    places = [Place(folder) for folder in folders]
    for place in places:
        status = Path(place.path).stat()
        place.identity = (status.st_dev, status.st_ino)
    for _ in range(2):
        hints.watch(places)
    watched = [place.path for place in places if hints.way_to(place).startswith("inotify")]
    if inotify is not None:
        inotify.close()
    return [*told, " ".join(["watched", *watched])]
