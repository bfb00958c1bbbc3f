"""What the paths of a command line mean, told to the person where some of it cannot be meant."""

from collections.abc import Iterable

from tidelog.datastore.disk import Disk
from tidelog.datastore.text import on_one_line
from tidelog.syncd.agent.watch.selection import SelectedLog, select_logs
from tidelog.syncd.cli.console import say


class Selected:
    """The logs below some paths, each once, and why runs of them are left out."""

    def __init__(self, paths: Iterable[str], disk: Disk) -> None:
        """Raises what `select_logs` raises: of a path alone, one that is no run is an error."""
        left_out: list[str] = []
        logs = [log for path in paths for log in select_logs(path, disk, left_out)]
        self.logs: list[SelectedLog] = list(dict.fromkeys(logs))
        self.left_out = [on_one_line(reason) for reason in dict.fromkeys(left_out)]

    def tell(self) -> None:
        """Name what is left out. Said last, so that it is seen."""
        for reason in self.left_out:
            say(f"left out: {reason}")
