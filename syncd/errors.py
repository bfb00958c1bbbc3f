"""The errors of syncd, one tree, and the one table of problems that a hub answers with.

    SyncdError
    ├── ProtocolError        what came does not fit the protocol (also a ValueError)
    ├── ProblemError         a problem of the table below: raised in the hub, rebuilt by the agent
    ├── KeyNameError         a key's name is taken, or no key has it
    └── CannotStartError     a service cannot start; its text is one sentence for a person

None of them is logged here, only raised.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

PROBLEM_CONTENT_TYPE = "application/problem+json"
PROBLEM_TYPE_PREFIX = "tag:tidelog,2026:"
RETRY_AFTER_S = 2
STRANGER = "unknown"
"""The code of a problem that no hub has told: a proxy, a portal or another program answered."""


class Problem(NamedTuple):
    """One kind of refusal: its code on the wire, its HTTP status, its title for people."""

    slug: str
    status: int
    title: str

    @property
    def is_retried(self) -> bool:
        """Tell what an agent does: try again later, or park the item."""
        passing = self.status in (408, 429) or self.status >= 500
        # What is not what its digest says was garbled on its way, or by a crash of the hub's disk.
        return passing or self.slug in ("digest-mismatch", "file-mismatch")


# fmt: off
BAD_REQUEST          = Problem("bad-request", 400, "The request does not fit the protocol")
INVALID_NAME         = Problem("invalid-name", 400, "A name is outside the grammar")
DIGEST_MISMATCH      = Problem("digest-mismatch", 400, "The body is not what its digest says")
UNAUTHORIZED         = Problem("unauthorized", 401, "No valid key came with the request")
FORBIDDEN            = Problem("forbidden", 403, "The key does not allow this")
NOT_FOUND            = Problem("not-found", 404, "The hub does not hold this")
METHOD_NOT_ALLOWED   = Problem("method-not-allowed", 405, "This address does not know this method")
BODY_TIMEOUT         = Problem("body-timeout", 408, "The body took too long")
OFFSET_MISMATCH      = Problem("offset-mismatch", 409, "The request starts at the wrong offset")
DIFFERENT_LOG        = Problem("different-log", 409, "Another log is held under this name")
DIFFERENT_BYTES      = Problem("different-bytes", 409, "The hub holds other bytes at this place")
PATH_CONFLICT        = Problem("path-conflict", 409, "Something else is in the place of this path")
GONE                 = Problem("gone", 410, "The run was deleted at the hub")
TOO_LARGE            = Problem("too-large", 413, "The request is over a limit")
UNSUPPORTED_ENCODING = Problem("unsupported-encoding", 415, "The body has an unknown encoding")
INVALID_CHUNKS       = Problem("invalid-chunks", 422, "These are not whole chunks of the log")
FILE_MISMATCH        = Problem("file-mismatch", 422, "The file is not what its digest says")
TOO_MANY_REQUESTS    = Problem("too-many-requests", 429, "Too many requests at once")
INTERNAL             = Problem("internal", 500, "The hub failed")
UNAVAILABLE          = Problem("unavailable", 503, "The hub cannot take this now")
DISK_FULL            = Problem("disk-full", 507, "The hub's disk is full")
QUOTA_EXCEEDED       = Problem("quota-exceeded", 507, "The account's quota at the hub is used up")
# fmt: on

PROBLEMS = {value.slug: value for value in tuple(globals().values()) if isinstance(value, Problem)}


class SyncdError(Exception):
    """Base of every error that syncd raises on purpose."""


class ProtocolError(SyncdError, ValueError):
    """Bytes from the other end do not fit the protocol."""


class KeyNameError(SyncdError):
    """A key of this name exists already, or none does."""


class CannotStartError(SyncdError):
    """A service or a command cannot start; the text says why and what to do."""


class ProblemError(SyncdError):
    """A refusal of the hub: one problem of the table, with a sentence and what a program needs.

    `members` are the problem's own (`upload_offset`, `log_id`, ...); `headers` go with the answer.
    """

    def __init__(
        self,
        problem: Problem,
        detail: str,
        *,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.members = dict(members or {})
        self.headers = dict(headers or {})

    def __repr__(self) -> str:
        return f"ProblemError({self.problem.slug}, {self.detail!r})"

    def document(self) -> dict[str, Any]:
        """Return the members of the problem document (RFC 9457)."""
        return {
            "type": PROBLEM_TYPE_PREFIX + self.problem.slug,
            "title": self.problem.title,
            "status": self.problem.status,
            "detail": self.detail,
            **self.members,
        }

    @classmethod
    def from_document(cls, status: int, document: object) -> "ProblemError":
        """Rebuild the problem of an answer; any status and document give one, also a proxy's."""
        fields = dict(document) if isinstance(document, Mapping) else {}
        kind = str(fields.pop("type", ""))
        slug = kind.removeprefix(PROBLEM_TYPE_PREFIX) if kind.startswith(PROBLEM_TYPE_PREFIX) else ""
        title, detail = fields.pop("title", None), fields.pop("detail", None)
        fields.pop("status", None)
        problem = PROBLEMS.get(slug)
        if problem is None or problem.status != status:
            # A code that only a newer hub knows counts by its status; all else is no hub's word.
            code = slug if slug and problem is None else STRANGER
            problem = Problem(code, status, str(title or f"HTTP {status}"))
        return cls(problem, str(detail or problem.title), members=fields)
