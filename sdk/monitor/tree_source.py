"""The trainers and all processes below them, as one."""

from tidelog.sdk.monitor.moment import Moment, Row
from tidelog.sdk.monitor.process_tree import Table, cpu_used_s


class TreeSource:
    """Samples what the trainers' processes use together."""

    def __init__(self) -> None:
        self._last: Moment | None = None

    def sample(self, moment: Moment) -> Row:
        """Return CPU since the last sample (100 is one core), resident memory, processes and threads.

        Memory that processes share counts for each of them. Once all have ended nothing is told: that
        they hold 0 bytes would be a measurement of nobody, and spoil the mean of a short run.
        """
        tree = moment.tree
        if not tree:
            return {}
        row: Row = {
            "system/process/memory_bytes": sum(use.rss_bytes for use in tree.values()),
            "system/process/count": len(tree),
            "system/process/threads": sum(use.threads for use in tree.values()),
        }
        last, self._last = self._last, moment
        if last is not None and moment.now > last.now:
            row["system/process/cpu_percent"] = _percent(last.tree, tree, moment.now - last.now)
        return row


def _percent(before: Table, now: Table, elapsed_s: float) -> float:
    return 100 * cpu_used_s(before, now) / elapsed_s
