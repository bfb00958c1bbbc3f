"""The target `http(s)://`: a hub, spoken to as `docs/protocol.md` says."""

import asyncio
from collections.abc import Callable, Sequence

from tidelog.datastore.clock import Clock
from tidelog.syncd.agent.plan.retry import Course, SetbackError
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.connections import Answer, Connections
from tidelog.syncd.agent.target.contract import FileContents, HeldLog, LogContents, Piece, RunContents
from tidelog.syncd.agent.target.hub_client import (
    DeletedError,
    HubClient,
    document_of,
    integer_in,
    no_hub,
)
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
from tidelog.syncd.errors import ProtocolError
from tidelog.syncd.protocol import (
    DAMAGE,
    JSON,
    LOG_ID,
    MSGPACK,
    OCTETS,
    REPR_DIGEST,
    UPLOAD_COMPLETE,
    UPLOAD_LENGTH,
    UPLOAD_OFFSET,
    batch_path,
    decode_digest,
    decode_integer,
    decode_log_id,
    encode_boolean,
    encode_damage,
    file_path,
    held_path,
    log_path,
    missing_path,
    run_path,
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
        self.client = HubClient(
            url, read_key=read_key, settings=settings, clock=clock, connections=connections
        )

    def __repr__(self) -> str:
        return f"<HttpTarget {self.name}>"

    async def close(self) -> None:
        """Close all connections."""
        await self.client.close()

    # -- logs ------------------------------------------------------------------------------------

    async def held_log(self, run: Run, log: str) -> HeldLog | None:
        """Return how far a log is held under this name."""
        answer = await self.client.ask("HEAD", log_path(run.project, run.name, log))
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
            raise no_hub(answer.status, str(error)) from error

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
        answer = await self.client.call("PATCH", address, body=sealed.body, headers=headers)
        return integer_in(answer, UPLOAD_OFFSET)

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
        answer = await self.client.ask("HEAD", address)
        return 0 if answer is None else integer_in(answer, UPLOAD_OFFSET)

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
        answer = await self.client.call("PATCH", address, body=data, headers=headers)
        return integer_in(answer, UPLOAD_OFFSET)

    async def held_runs(self, project: str, asked: Sequence[AskedRun]) -> list[HeldRun] | None:
        """Return what is still held of runs; None where the hub is of a version that does not tell."""
        body = encode_asked_runs(asked)
        kind = {"Content-Type": JSON}
        answer = await self.client.ask("POST", held_path(project), body=body, headers=kind)
        if answer is None:
            return None
        try:
            return [
                HeldRun(str(run["run"]), list(run["missing"]), str(run["files"]), run["deleted"] is True)
                for run in document_of(answer)["runs"]
            ]
        except (KeyError, TypeError) as error:
            raise no_hub(answer.status, f"the answer about runs of {project} lacks {error}") from error

    # -- the whole -------------------------------------------------------------------------------

    async def contents(self, run: Run) -> RunContents | None:
        """Return what is held of a run."""
        answer = await self.client.ask("GET", run_path(run.project, run.name))
        if answer is None:
            await self._refuse_deleted(run)
            return None
        return _contents(run, answer)

    async def _refuse_deleted(self, run: Run) -> None:
        """Raise SetbackError where the hub deleted a run: who reads it hears no more than that it lacks.

        Below a wrong address nothing is held either, so this asks what every hub answers.
        """
        try:
            await self.missing(run, [])
        except DeletedError:
            raise
        except SetbackError as error:
            # A key that may read alone is not told what became of the run.
            if error.setback.course is not Course.PARK:
                raise

    async def _post_files(self, address: str, body: bytes, kind: str, member: str) -> set[str]:
        answer = await self.client.call("POST", address, body=body, headers={"Content-Type": kind})
        paths = document_of(answer).get(member)
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise no_hub(answer.status, f"{address} answered without {member!r}")
        return set(paths)

    async def _seal(self, data: bytes) -> Sealed:
        # On the machine itself bytes are cheaper than the time it takes to squeeze them.
        return await asyncio.to_thread(seal, data, is_squeezed=self.client.is_far)


def _contents(run: Run, answer: Answer) -> RunContents:
    document = document_of(answer)
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
        raise no_hub(answer.status, f"the listing of {run} lacks {error}") from error
