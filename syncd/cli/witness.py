"""Whom a command asks what is held: a target, or the receipt that one gave."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.proof.receipts import ReceiptWitness, open_receipts
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.connect import open_target
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.target.credentials import find_address
from tidelog.syncd.errors import CannotStartError

READING_TIMEOUT_S = 3600.0
"""A hub reads a whole run before it answers."""


@asynccontextmanager
async def open_witness(
    to: str | None, receipt: str | None, disk: Disk
) -> AsyncIterator[Target | ReceiptWitness]:
    """Open a receipt where one is named, else the target. Raises CannotStartError, ReceiptError."""
    if receipt is not None and to is not None:
        raise CannotStartError("--to asks a target and --receipt asks none: say one of the two")
    if receipt is not None:
        yield open_receipts(receipt, disk)
        return
    async with open_reading_target(to, disk) as target:
        yield target


@asynccontextmanager
async def open_reading_target(to: str | None, disk: Disk) -> AsyncIterator[Target]:
    """Open the target with patience for answers that need a whole run to be read."""
    address = find_address(to, os.environ, disk)
    settings = replace(AgentSettings(), answer_timeout_s=READING_TIMEOUT_S)
    target = open_target(address, environ=os.environ, disk=disk, clock=Clock(), settings=settings)
    try:
        yield target
    finally:
        await target.close()
