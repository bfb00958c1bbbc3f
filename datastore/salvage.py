"""Salvages runs: a clean copy of all that can be read, and a report of what cannot. Never in place."""

import os
from collections.abc import Callable
from pathlib import Path

from tidelog.datastore.as_json import encoded
from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import NotARunError, TargetTakenError, UnsupportedUrlError
from tidelog.datastore.find import find_runs
from tidelog.datastore.layout import SALVAGE_JSON, TEMPORARY_SUFFIX
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.location import is_url
from tidelog.datastore.salvage_report import SalvagedRun, SalvageReport, Unreadable
from tidelog.datastore.salvage_run import RunSalvage


def salvage(
    source: StrPath,
    target: StrPath,
    *,
    disk: Disk | None = None,
    clock: Clock | None = None,
    entropy: Callable[[int], bytes] = os.urandom,
    limits: WriterLimits | None = None,
) -> SalvageReport:
    """Copy all that can be read of a log, a run, a project or a root.

    The copy appears whole or not at all. What is below `source` lies in the same place below `target`;
    of a lone log `target` becomes the run directory. The report is in `salvage.json` there, too. Raises
    TargetTakenError where `target` is not free, NotARunError or NotALogError where nothing can be read,
    UnsupportedUrlError for a URL, OSError where the copy cannot be written.
    """
    if is_url(os.fspath(source)):
        raise UnsupportedUrlError(f"{source} is not of this machine: copy it here and salvage the copy")
    disk, source = disk or Disk(), Path(source)
    run_salvage = RunSalvage(
        disk=disk, clock=clock or Clock(), entropy=entropy, limits=limits or WriterLimits()
    )
    runs = find_runs(source, disk=disk)
    place = _free_place(source, Path(target), disk)
    # Hidden, so that nobody takes it for runs, however this process ends.
    staging = place.parent / f".{place.name}.{entropy(4).hex()}{TEMPORARY_SUFFIX}"
    disk.make_directory(staging)
    try:
        if disk.is_file(source):
            lone = run_salvage.copy_lone_log(source, staging)
            report = SalvageReport(str(source), str(target), [lone])
        else:
            copied = _copy_runs(run_salvage, source, runs, staging)
            report = SalvageReport(str(source), str(target), *copied)
        disk.replace(staging / SALVAGE_JSON, encoded(report.document(), indent=2) + b"\n")
        disk.rename(staging, place)
    except BaseException:
        disk.remove_tree(staging)
        raise
    return report


def _copy_runs(
    run_salvage: RunSalvage, source: Path, runs: list[Path], staging: Path
) -> tuple[list[SalvagedRun], list[Unreadable]]:
    salvaged: list[SalvagedRun] = []
    unreadable: list[Unreadable] = []
    for run in runs:
        below = str(run.relative_to(source))
        try:
            salvaged.append(
                run_salvage.copy_run(run, staging / below, path=below, is_alone=run == source)
            )
        except NotARunError as error:
            unreadable.append(Unreadable(below, str(error)))
    if not salvaged:
        raise NotARunError(f"nothing of {source} can be read: {unreadable[0].fault}")
    return salvaged, unreadable


def _free_place(source: Path, target: Path, disk: Disk) -> Path:
    """Return the real path of a place that is free for a copy of `source`, or raise TargetTakenError."""
    old, new = Path(disk.real_path(source)), Path(disk.real_path(target))
    if new == old or new.is_relative_to(old) or old.is_relative_to(new):
        raise TargetTakenError(
            f"{target} and {source} lie in each other: a copy never touches what it is made from, "
            "name a place beside it"
        )
    if not disk.is_there(new):
        return new
    if not disk.is_directory(new):
        raise TargetTakenError(f"{target} is a file: name a directory that is not there yet")
    held = disk.list(new)
    if held:
        raise TargetTakenError(
            f"{target} is not empty, it holds {held[0].name}: name a directory that is not there yet"
        )
    if disk.stat(new).st_dev != disk.stat(new.parent).st_dev:
        raise TargetTakenError(f"{target} is the top of a file system: name a directory below it")
    return new
