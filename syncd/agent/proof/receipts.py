"""Receipts as files: where they lie, how one is read, added to, and asked in place of its target."""

import os
from collections.abc import Iterable
from typing import Protocol

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.proof.receipt import (
    BYTES_MAX,
    Attested,
    ReceiptError,
    decode_receipt,
    encode_receipt,
    is_beginning,
    merged,
)
from tidelog.syncd.agent.target.held import RunContents
from tidelog.syncd.agent.task import Run

RECEIPT_NAME = "receipt.json"
"""Beside the projects of a root. Readers, watchers and replicas look for runs in folders only."""
START_BYTES = 64


class Witness(Protocol):
    """Whoever can say what is held of a run: a target itself, or a receipt that it gave."""

    @property
    def name(self) -> str: ...

    async def contents(self, run: Run) -> RunContents | None:
        """Return what is held of a run, None where nothing is."""


class ReceiptWitness:
    """Speaks for the target of a receipt; of a run that several received, for the last of them."""

    def __init__(self, path: str, attested: Iterable[Attested]) -> None:
        self.name = f"the receipt {path}"
        self._last: dict[tuple[str, str], Attested] = {}
        for each in sorted(attested, key=lambda each: each.time):
            self._last[each.project, each.run] = each

    def __repr__(self) -> str:
        return f"<ReceiptWitness {self.name}: {len(self._last)} runs>"

    def word_on(self, run: Run) -> Attested | None:
        """Return what the receipt says of a run."""
        return self._last.get((run.project, run.name))

    async def contents(self, run: Run) -> RunContents | None:
        """Return what its target held of a run when it gave the receipt."""
        attested = self.word_on(run)
        return None if attested is None else attested.held


def read_receipt(path: str, disk: Disk) -> list[Attested]:
    """Return what a receipt says. Raises ReceiptError, OSError."""
    size = disk.stat(path).st_size
    if size > BYTES_MAX:
        raise ReceiptError(f"{path} has {size} bytes; a receipt has at most {BYTES_MAX}")
    return decode_receipt(disk.read(path), name=path)


def open_receipts(path: str, disk: Disk) -> ReceiptWitness:
    """Return the witness for a receipt, or for all receipts beside the runs of a folder."""
    paths = receipts_in(path, disk) if disk.is_directory(path) else [path]
    if not paths:
        raise ReceiptError(f"there is no receipt in {path}: no file there is named like {RECEIPT_NAME}")
    return ReceiptWitness(path, [each for found in paths for each in read_receipt(found, disk)])


def receipts_in(root: str, disk: Disk) -> list[str]:
    """Return the receipts that lie beside the runs of a root."""
    names = [entry.name for entry in disk.list(root) if entry.is_file]
    return [os.path.join(root, name) for name in names if _is_receipt(name)]


def add_to_receipt(path: str, attested: Iterable[Attested], disk: Disk) -> str | None:
    """Let a receipt say more; it is on the disk on return. What it said of other runs and targets stays.

    Returns why what was there before could not be kept, None where it was or nothing was there. Raises
    ReceiptError where what is there was never a receipt.
    """
    refuse_no_receipt(path, disk)
    old: list[Attested] = []
    fault = None
    if disk.is_file(path) and disk.stat(path).st_size:
        try:
            old = read_receipt(path, disk)
        except ReceiptError as error:
            fault = str(error)
    disk.replace(path, encode_receipt(merged(old, attested)))
    return fault


def refuse_no_receipt(path: str, disk: Disk) -> None:
    """Raise ReceiptError where something lies at `path` that was never a receipt, also not a cut one."""
    if disk.is_there(path) and not disk.is_file(path):
        raise ReceiptError(f"{path} is a device, a pipe or a link: name a plain file")
    if disk.is_file(path) and not is_beginning(disk.read_start(path, START_BYTES)):
        raise ReceiptError(f"{path} is no receipt, and stays as it is: name another file")


def _is_receipt(name: str) -> bool:
    return name == RECEIPT_NAME or (name.endswith(f".{RECEIPT_NAME}") and not name.startswith("."))
