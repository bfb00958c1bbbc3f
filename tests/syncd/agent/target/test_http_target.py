"""What the HTTP target says of addresses where no hub answers; the contract is in test_targets.py."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from agent_targets import SETTINGS

from tidelog.datastore.clock import Clock
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError
from tidelog.syncd.agent.target.contract import Piece
from tidelog.syncd.agent.target.http_target import HttpTarget
from tidelog.syncd.agent.task import Run
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.hub.server import HubServer, Listen

RUN = Run("/x", "mnist", "r1")
Work = Callable[[HttpTarget], Awaitable[Any]]


async def setback_of(url: str, key: str, work: Work) -> Setback:
    target = HttpTarget(url, read_key=lambda: key, settings=SETTINGS, clock=Clock())
    try:
        with pytest.raises(SetbackError) as caught:
            await work(target)
    finally:
        await target.close()
    return caught.value.setback


def at_hub(data: Path, work: Work, *, suffix: str = "", scheme: str = "http", key: str = "") -> Setback:
    async def run() -> Setback:
        async with HubServer(data, listen=Listen("127.0.0.1", 0)) as hub:
            own = hub.keys.create("test")
            url = hub.url.replace("http", scheme) + suffix
            return await setback_of(url, key or own, work)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "work",
    [
        lambda target: target.append(RUN, "main.0001.tlog", Piece(b"x" * 16, 0, b"x" * 100)),
        lambda target: target.missing(RUN, []),
        lambda target: target.contents(RUN),
        lambda target: target.client.check(),
    ],
    ids=["append", "missing", "contents", "check"],
)
def test_an_address_below_the_hub_is_an_outage(tmp_path: Path, work: Work) -> None:
    """A wrong address parks nothing, and no run is said to be lacking there."""
    setback = at_hub(tmp_path, work, suffix="/wrong")
    assert Course.OUTAGE is setback.course
    assert "/wrong" in setback.reason
    assert "address" in setback.reason


def test_a_refused_connection_is_said_in_plain_words(tmp_path: Path) -> None:
    """No library's jargon between the address and the reason; what to do comes last."""
    setback = asyncio.run(setback_of("http://127.0.0.1:9", "k", lambda target: target.client.check()))
    text = "http://127.0.0.1:9 cannot be reached: Connection refused; start the hub there, or correct"
    assert Setback(Course.OUTAGE, f"{text} the address") == setback


def test_a_hub_without_tls_is_told_from_one_that_is_away(tmp_path: Path) -> None:
    """https:// where http:// is meant is the commonest slip."""
    setback = at_hub(tmp_path, lambda target: target.client.check(), scheme="https")
    assert Course.OUTAGE is setback.course
    assert "TLS" in setback.reason
    assert "http://" in setback.reason
    assert ssl.SSLError.__name__ not in setback.reason


def test_a_key_that_went_away_is_a_refused_one(tmp_path: Path) -> None:
    """It is the target's trouble, told once, and not each item's."""

    def read_key() -> str:
        raise CannotStartError("no API key for http://hub")

    async def work() -> Setback:
        target = HttpTarget("http://127.0.0.1:9", read_key=read_key, settings=SETTINGS, clock=Clock())
        with pytest.raises(SetbackError) as caught:
            await target.client.check()
        return caught.value.setback

    assert Setback(Course.REFUSED, "no API key for http://hub") == asyncio.run(work())


@pytest.mark.parametrize(
    "work",
    [lambda target: target.held_log(RUN, "main.0001.tlog"), lambda target: target.client.check()],
    ids=["HEAD", "GET"],
)
def test_a_refused_key_is_said_once_with_the_remedy(tmp_path: Path, work: Work) -> None:
    """In the hub's own sentence, also in answer to HEAD."""
    setback = at_hub(tmp_path, work, key="tide_wrong")
    assert Course.REFUSED is setback.course
    assert 1 == setback.reason.count("No valid key came with the request")
    assert 1 == setback.reason.count("syncd login")
    assert "the key is none of this hub's" in setback.reason
