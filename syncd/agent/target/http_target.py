"""The target `http(s)://`: a hub, spoken to as `docs/protocol.md` says.

Only what the protocol calls a success is one. Redirects are not followed: a portal's page must not
pass for a hub, and a key must not travel to where nobody sent it.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
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
from tidelog.syncd.agent.target.contract import FileContents, HeldLog, LogContents, Piece, RunContents
from tidelog.syncd.agent.target.plain_words import why_unreachable
from tidelog.syncd.agent.target.sealed import Sealed, seal
from tidelog.syncd.agent.task import Run
from tidelog.syncd.bodies import (
    AskedRun,
    FileEntry,
    HeldRun,
    SmallFile,
    encode_asked_runs,
    encode_batch,
    encode_missing,
)
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
    DAMAGE,
    JSON,
    LOG_ID,
    MSGPACK,
    OCTETS,
    OWN_KEY_PATH,
    PROBLEM,
    REPR_DIGEST,
    RETRY_AFTER,
    RUNS_PATH,
    UPLOAD_COMPLETE,
    UPLOAD_LENGTH,
    UPLOAD_OFFSET,
    batch_path,
    decode_digest,
    decode_integer,
    decode_log_id,
    decode_problem,
    digest_header,
    encode_boolean,
    encode_damage,
    file_path,
    held_path,
    log_path,
    missing_path,
    restore_path,
    run_path,
    shares_path,
)


class HttpTarget:
    """A hub as a target. Open and close it inside one event loop."""

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
        self.name = url
        self._read_key = read_key
        self._key = ""
        self._settings = settings
        self._clock = clock
        self._host = urlsplit(url).hostname or url
        # On the machine itself bytes are cheaper than the time it takes to squeeze them.
        self._is_far = self._host not in LOOPBACK
        self._connections: Connections = connections or HttpConnections(
            is_proxied=self._is_far, settings=settings
        )

    def __repr__(self) -> str:
        return f"<HttpTarget {self.name}>"

    # -- logs ------------------------------------------------------------------------------------

    async def held_log(self, run: Run, log: str) -> HeldLog | None:
        """Return how far a log is held under this name."""
        answer = await self._ask("HEAD", log_path(run.project, run.name, log))
        if answer is None:
            return None
        headers = answer.headers
        try:
            return HeldLog(
                decode_integer(UPLOAD_OFFSET, headers.get(UPLOAD_OFFSET)),
                decode_log_id(headers.get(LOG_ID)),
                decode_digest(REPR_DIGEST, headers.get(REPR_DIGEST)),
            )
        except ProtocolError as error:
            raise _not_a_hub(answer.status, str(error)) from error

    async def prepare(self, piece: Piece) -> Piece:
        """Squeeze the bytes for a hub that is far, and compute their digest."""
        return piece._replace(sealed=await self._seal(piece.data))

    async def append(self, run: Run, log: str, piece: Piece) -> int:
        """Append to a log; return how far it is held then."""
        sealed = piece.sealed or await self._seal(piece.data)
        headers = {
            **sealed.headers,
            UPLOAD_OFFSET: str(piece.offset),
            LOG_ID: piece.log_id.hex(),
            "Content-Type": OCTETS,
        }
        if piece.damage:
            headers[DAMAGE] = encode_damage(piece.damage)
        address = log_path(run.project, run.name, log)
        answer = await self._call("PATCH", address, body=sealed.body, headers=headers)
        return _integer(answer.headers, UPLOAD_OFFSET)

    # -- files -----------------------------------------------------------------------------------

    async def missing(self, run: Run, entries: Sequence[FileEntry]) -> set[str]:
        """Return the paths of the files that the hub lacks in this version."""
        return await self._post_files(
            missing_path(run.project, run.name), encode_missing(entries), JSON, "missing"
        )

    async def put_batch(self, run: Run, files: Sequence[SmallFile]) -> set[str]:
        """Store small files."""
        body = await asyncio.to_thread(encode_batch, files)
        return await self._post_files(batch_path(run.project, run.name), body, MSGPACK, "stored")

    async def held_file(self, run: Run, entry: FileEntry) -> int:
        """Return how many bytes of this version of a file are held."""
        address = file_path(run.project, run.name, entry.path, sha256=entry.sha256)
        answer = await self._ask("HEAD", address)
        return 0 if answer is None else _integer(answer.headers, UPLOAD_OFFSET)

    async def put_piece(self, run: Run, entry: FileEntry, offset: int, data: bytes) -> int:
        """Store a piece of a file; the last one makes it visible."""
        is_last = offset + len(data) >= entry.size
        headers = {
            UPLOAD_OFFSET: str(offset),
            UPLOAD_LENGTH: str(entry.size),
            UPLOAD_COMPLETE: encode_boolean(value=is_last),
            "Content-Type": OCTETS,
        }
        address = file_path(run.project, run.name, entry.path, sha256=entry.sha256)
        answer = await self._call("PATCH", address, body=data, headers=headers)
        return _integer(answer.headers, UPLOAD_OFFSET)

    async def held_runs(self, project: str, asked: Sequence[AskedRun]) -> list[HeldRun] | None:
        """Return what is still held of runs; None where the hub is of a version that does not tell."""
        body = encode_asked_runs(asked)
        answer = await self._ask("POST", held_path(project), body=body, headers={"Content-Type": JSON})
        if answer is None:
            return None
        try:
            return [
                HeldRun(str(run["run"]), list(run["missing"]), str(run["files"]), run["deleted"] is True)
                for run in _document(answer)["runs"]
            ]
        except (KeyError, TypeError) as error:
            raise _not_a_hub(
                answer.status, f"the answer about runs of {project} lacks {error}"
            ) from error

    # -- the whole -------------------------------------------------------------------------------

    async def contents(self, run: Run) -> RunContents | None:
        """Return what is held of a run."""
        answer = await self._ask("GET", run_path(run.project, run.name))
        if answer is None:
            await self._refuse_deleted(run)
            return None
        document = _document(answer)
        try:
            return RunContents(
                [
                    LogContents(
                        str(log["name"]),
                        str(log["log_id"]),
                        int(log["size"]),
                        int(log["chunks"]),
                        int(log["rows"]),
                        str(log["sha256"]),
                    )
                    for log in document["logs"]
                ],
                [
                    FileContents(str(file["path"]), int(file["size"]), str(file["sha256"]))
                    for file in document["files"]
                ],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _not_a_hub(answer.status, f"the listing of {run} lacks {error}") from error

    async def _refuse_deleted(self, run: Run) -> None:
        """Raise SetbackError where the hub deleted a run: who reads it hears no more than that it lacks.

        Below a wrong address nothing is held either, so this asks what every hub answers.
        """
        try:
            await self.missing(run, [])
        except _DeletedError:
            raise
        except SetbackError as error:
            # A key that may read alone is not told what became of the run.
            if error.setback.course is not Course.PARK:
                raise

    async def delete_run(self, project: str, run: str) -> bool:
        """Delete a run there; tell whether there was one."""
        return await self._ask("DELETE", run_path(project, run)) is not None

    async def restore_run(self, project: str, run: str) -> bool | None:
        """Take a deletion back; tell whether the run is there again, None where none was deleted."""
        answer = await self._ask("POST", restore_path(project, run))
        return None if answer is None else _document(answer).get("restored") is True

    async def share_run(self, project: str, run: str, life_s: float | None) -> dict[str, Any] | None:
        """Make a share link there and return what the hub says of it, None where there is no run."""
        wanted = {} if life_s is None else {"expires_in_s": life_s}
        body = json.dumps(wanted).encode()
        answer = await self._ask("POST", shares_path(project, run), body=body)
        return None if answer is None else _document(answer)

    async def shares(self, project: str, run: str) -> list[dict[str, Any]] | None:
        """Return the share links of a run there, None where there is nothing to see."""
        answer = await self._ask("GET", shares_path(project, run))
        return None if answer is None else list(_document(answer).get("shares", []))

    async def end_share(self, project: str, run: str, share: str) -> bool:
        """Revoke a share link there; tell whether there was one."""
        return await self._ask("POST", shares_path(project, run, share)) is not None

    async def check(self) -> None:
        """Return where the hub answers and takes the key; else raise SetbackError."""
        _document(await self._call("GET", RUNS_PATH))

    async def own_key(self) -> dict[str, Any] | None:
        """Return what the hub says of our key, None where it is too old to tell."""
        answer = await self._ask("GET", OWN_KEY_PATH)
        return None if answer is None else _document(answer)

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()

    # -- requests --------------------------------------------------------------------------------

    async def _post_files(self, address: str, body: bytes, kind: str, member: str) -> set[str]:
        answer = await self._call("POST", address, body=body, headers={"Content-Type": kind})
        paths = _document(answer).get(member)
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise _not_a_hub(answer.status, f"{address} answered without {member!r}")
        return set(paths)

    async def _seal(self, data: bytes) -> Sealed:
        return await asyncio.to_thread(seal, data, is_squeezed=self._is_far)

    async def _ask(
        self,
        method: str,
        address: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """Call, with None for what is not held."""
        try:
            return await self._request(method, address, body=body, headers=headers)
        except _NotHeldError:
            return None

    async def _call(
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
        except _NotHeldError as error:
            raise outage(f"{self.name} is not the address of a hub: {error}") from error

    async def _request(
        self,
        method: str,
        address: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return its answer; everything else becomes a SetbackError."""
        settings = self._settings
        if not self._key:
            try:
                # A keyring may ask its owner to unlock it.
                self._key = await asyncio.to_thread(self._read_key)
            except (CannotStartError, SettingsError) as error:
                raise refused(str(error)) from error
        # A proxy on the way must not squeeze the answer: nothing here would unpack it.
        sent = {**(headers or {}), AUTHORIZATION: BEARER + self._key, "Accept-Encoding": "identity"}
        if body is not None and CONTENT_DIGEST not in sent:
            # Of an empty body too: a large file may lack nothing but its last word.
            sent[CONTENT_DIGEST] = await asyncio.to_thread(digest_header, body)
        sent[CHECKSUM] = request_checksum(method, address, sent)
        deadline_s = settings.answer_timeout_s + len(body or b"") / settings.rate_bytes_min
        try:
            async with asyncio.timeout(deadline_s):
                answer = await self._connections.exchange(method, self.name + address, body, sent)
        except TimeoutError as error:
            raise outage(
                f"{self.name} did not answer within {deadline_s:g} s; look whether it or the network is "
                "overloaded"
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise outage(
                f"{self.name} cannot be reached: {why_unreachable(error, self._host)}"
            ) from error
        self._check(answer)
        if answer.status // 100 == 2:
            return answer
        raise self._refusal(method, answer)

    def _check(self, answer: Answer) -> None:
        """Refuse an answer whose checksum does not hold; a proxy's page has none."""
        said = answer.headers.get(CHECKSUM)
        if said is not None and said != answer_checksum(*answer):
            reason = f"an answer of {self.name} was garbled on the way; `https://` would tell by whom"
            raise SetbackError(Setback(Course.AGAIN, reason))

    def _refusal(self, method: str, answer: Answer) -> Exception:
        problem = _problem(method, answer)
        if answer.status == 404 and (problem.problem.slug == "not-found" or method == "HEAD"):
            return _NotHeldError(judge_problem(problem))
        if answer.status == 401:
            self._key = ""
        kind = _DeletedError if problem.problem == GONE else SetbackError
        return kind(
            judge_problem(
                problem,
                retry_after=answer.headers.get(RETRY_AFTER),
                location=answer.headers.get("Location"),
                now=self._clock.now(),
            )
        )


class _NotHeldError(SetbackError):
    """The hub does not hold what was asked for."""


class _DeletedError(SetbackError):
    """The hub held the run, and somebody deleted it there."""


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


def _document(answer: Answer) -> dict[str, Any]:
    kind = answer.headers.get("Content-Type", "")
    try:
        document = json.loads(answer.body) if kind.startswith(JSON) else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _not_a_hub(answer.status, f"its answer is {kind or 'nothing'} instead of {JSON}")
    return document


def _integer(headers: Mapping[str, str], name: str) -> int:
    try:
        return decode_integer(name, headers.get(name))
    except ProtocolError as error:
        raise _not_a_hub(200, str(error)) from error


def _not_a_hub(status: int, reason: str) -> SetbackError:
    return outage(f"{not_a_hub(status)}: {reason}; {NOT_A_HUB_REMEDY}")
