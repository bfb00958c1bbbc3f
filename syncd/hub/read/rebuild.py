"""Makes an index anew while no hub runs: what `syncd reindex` calls."""

import os
from collections.abc import Callable
from itertools import islice

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.own_folder import HUB_DIRECTORY
from tidelog.syncd.hub.read.appraisal import SCANNED, Appraisal
from tidelog.syncd.hub.read.entry import Entry, Known
from tidelog.syncd.hub.read.index import Index
from tidelog.syncd.hub.read.look import Look

OnProgress = Callable[[int], None]


def rebuild_index(
    data: StrPath, *, disk: Disk, clock: Clock, limits: HubLimits, on_progress: OnProgress
) -> int:
    """Make the index of a data folder anew, whose lock the caller holds; return how many runs it has.

    `on_progress` is told how many it has so far. Raises OSError and lmdb.Error where the disk fails.
    """
    look = Look(data, disk=disk, facts_bytes_max=limits.facts_bytes_max)
    appraisal = Appraisal(look, clock=clock, silence_s=limits.silence_s)
    index = Index(os.path.join(os.path.abspath(data), HUB_DIRECTORY), disk=disk)
    try:
        index.start_over()
        runs = look.runs()
        count = 0
        while batch := list(islice(runs, limits.refresh_batch_max)):
            appraised: list[Known | Entry] = []
            for run in batch:
                known = appraisal.known(run, None, SCANNED)
                appraised += [known] if known is not None else []
            index.store(appraised)
            count += len(appraised)
            on_progress(count)
        return count
    finally:
        index.close()
