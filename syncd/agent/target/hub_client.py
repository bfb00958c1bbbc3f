"""Requests to a hub, one at a time: the key, the deadline, the checksums, and what an answer means.

Only what the protocol calls a success is one. Redirects are not followed: a portal's page must not
pass for a hub, and a key must not travel to where nobody sent it.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tidelog.datastore.clock import Clock
from tidelog.datastore.settings import SettingsError
from tidelog.syncd.agent.plan.retry import (
    NOT_A_HUB_REMEDY,
    Course,
    Setback,
    SetbackError,
    judge_problem,
    not_a_hub,
    outage,
    refused,
)
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.connections import Answer, Connections, HttpConnections
from tidelog.syncd.agent.target.plain_words import why_unreachable
from tidelog.syncd.checksum import answer_checksum, request_checksum
from tidelog.syncd.errors import (
    GONE,
    PROBLEM_CONTENT_TYPE,
    PROBLEM_TYPE_PREFIX,
    PROBLEMS,
    CannotStartError,
    ProblemError,
    ProtocolError,
)
from tidelog.syncd.listen import LOOPBACK
from tidelog.syncd.protocol import (
    AUTHORIZATION,
    BEARER,
    CHECKSUM,
    CONTENT_DIGEST,
    JSON,
    OWN_KEY_PATH,
    PROBLEM,
    RETRY_AFTER,
    RUNS_PATH,
    decode_integer,
    decode_problem,
    digest_header,
)


class NotHeldError(SetbackError):
    """The hub does not hold what was asked for."""


class DeletedError(SetbackError):
    """The hub held the run, and somebody deleted it there."""


class HubClient:
    """Speaks to one hub as one key. Open and close it inside one event loop."""

    def __init__(
        self,
        url: str,
        *,
        read_key: Callable[[], str],
        settings: AgentSettings,
        clock: Clock,
        connections: Connections | None = None,
    ) -> None:
        """`read_key` is asked again after a 401: the person may have logged in anew."""
        self.url = url
        self._read_key = read_key
        self._key = ""
        self._settings = settings
        self._clock = clock
        self._host = urlsplit(url).hostname or url
        self.is_far = self._host not in LOOPBACK
        self._connections: Connections = connections or HttpConnections(
            is_proxied=self.is_far, settings=settings
        )

    def __repr__(self) -> str:
        return f"<HubClient {self.url}>"

    async def check(self) -> None:
        """Return where the hub answers and takes the key; else raise SetbackError."""
        document_of(await self.call("GET", RUNS_PATH))

    async def own_key(self) -> dict[str, Any] | None:
        """Return what the hub says of our key, None where it is too old to tell."""
        answer = await self.ask("GET", OWN_KEY_PATH)
        return None if answer is None else document_of(answer)

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()

    async def ask(
        self,
        method: str,
        address: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """Call an address, with None for what is not held there."""
        try:
            return await self._request(method, address, body=body, headers=headers)
        except NotHeldError:
            return None

    async def call(
        self,
        method: str,
        address: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call an address that every hub has."""
        try:
            return await self._request(method, address, body=body, headers=headers)
        except NotHeldError as error:
            raise outage(f"{self.url} is not the address of a hub: {error}") from error

    async def _request(
        self,
        method: str,
        address: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return its answer; everything else becomes a SetbackError."""
        sent = await self._headers(method, address, body, headers or {})
        answer = await self._exchange(method, address, body, sent)
        said = answer.headers.get(CHECKSUM)
        # A proxy's page has none.
        if said is not None and said != answer_checksum(*answer):
            reason = f"an answer of {self.url} was garbled on the way; `https://` would tell by whom"
            raise SetbackError(Setback(Course.AGAIN, reason))
        if answer.status // 100 == 2:
            return answer
        raise self._refusal(method, answer)

    async def _headers(
        self, method: str, address: str, body: bytes | None, headers: Mapping[str, str]
    ) -> dict[str, str]:
        if not self._key:
            try:
                # A keyring may ask its owner to unlock it.
                self._key = await asyncio.to_thread(self._read_key)
            except (CannotStartError, SettingsError) as error:
                raise refused(str(error)) from error
        # A proxy on the way must not squeeze the answer: nothing here would unpack it.
        sent = {**headers, AUTHORIZATION: BEARER + self._key, "Accept-Encoding": "identity"}
        if body is not None and CONTENT_DIGEST not in sent:
            # Of an empty body too: a large file may lack nothing but its last word.
            sent[CONTENT_DIGEST] = await asyncio.to_thread(digest_header, body)
        sent[CHECKSUM] = request_checksum(method, address, sent)
        return sent

    async def _exchange(
        self, method: str, address: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        settings = self._settings
        deadline_s = settings.answer_timeout_s + len(body or b"") / settings.rate_bytes_min
        try:
            async with asyncio.timeout(deadline_s):
                return await self._connections.exchange(method, self.url + address, body, headers)
        except TimeoutError as error:
            raise outage(
                f"{self.url} did not answer within {deadline_s:g} s; look whether it or the network is "
                "overloaded"
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise outage(
                f"{self.url} cannot be reached: {why_unreachable(error, self._host)}"
            ) from error

    def _refusal(self, method: str, answer: Answer) -> SetbackError:
        problem = _problem(method, answer)
        if answer.status == 404 and (problem.problem.slug == "not-found" or method == "HEAD"):
            return NotHeldError(judge_problem(problem))
        if answer.status == 401:
            self._key = ""
        kind = DeletedError if problem.problem == GONE else SetbackError
        return kind(
            judge_problem(
                problem,
                retry_after=answer.headers.get(RETRY_AFTER),
                location=answer.headers.get("Location"),
                now=self._clock.now(),
            )
        )


def document_of(answer: Answer) -> dict[str, Any]:
    """Return the JSON object that an answer holds. Raises SetbackError where it is no hub's."""
    kind = answer.headers.get("Content-Type", "")
    try:
        document = json.loads(answer.body) if kind.startswith(JSON) else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise no_hub(answer.status, f"its answer is {kind or 'nothing'} instead of {JSON}")
    return document


def integer_in(answer: Answer, name: str) -> int:
    """Return a header that is a number. Raises SetbackError where it is no hub's."""
    try:
        return decode_integer(name, answer.headers.get(name))
    except ProtocolError as error:
        raise no_hub(answer.status, str(error)) from error


def no_hub(status: int, reason: str) -> SetbackError:
    """Return the error for an answer that no hub gives."""
    return outage(f"{not_a_hub(status)}: {reason}; {NOT_A_HUB_REMEDY}")


def _problem(method: str, answer: Answer) -> ProblemError:
    """Rebuild the hub's problem; an answer to HEAD has no body, there a header or the status must do."""
    is_problem = answer.headers.get("Content-Type", "").startswith(PROBLEM_CONTENT_TYPE)
    if not is_problem:
        return ProblemError.from_document(answer.status, None)
    if method == "HEAD":
        slug, detail = decode_problem(answer.headers.get(PROBLEM))
        known = {problem.status: slug for slug, problem in reversed(PROBLEMS.items())}
        kind = PROBLEM_TYPE_PREFIX + (slug or known.get(answer.status, ""))
        return ProblemError.from_document(answer.status, {"type": kind, "detail": detail})
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    return ProblemError.from_document(answer.status, document)
