"""The queries and headers of the calls, as the OpenAPI document describes them. No I/O."""

from typing import Any, NamedTuple

from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.read.run_state import STATES
from tidelog.syncd.protocol import (
    CONTENT_DIGEST,
    CONTENT_ENCODING,
    DAMAGE,
    LOG_ID,
    UPLOAD_COMPLETE,
    UPLOAD_LENGTH,
    UPLOAD_OFFSET,
    ZSTD,
)

_LIMITS = HubLimits()
_OFFSET = {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}


class Parameter(NamedTuple):
    """A value of the query, or a header: its name, what it says, its schema."""

    place: str
    name: str
    description: str
    schema: dict[str, Any]
    is_required: bool = False

    def document(self) -> dict[str, Any]:
        """Return it as OpenAPI has it."""
        return {
            "name": self.name,
            "in": self.place,
            "description": self.description,
            "required": self.is_required,
            "schema": self.schema,
        }


def _query(name: str, description: str, **schema: Any) -> Parameter:
    return Parameter("query", name, description, schema)


def _texts(name: str, description: str, **items: Any) -> Parameter:
    several = {"type": "array", "items": {"type": "string", "maxLength": 512, **items}, "maxItems": 50}
    return Parameter("query", name, description, several)


def _number(name: str, description: str, default: int, least: int, most: int) -> Parameter:
    return _query(name, description, type="integer", minimum=least, maximum=most, default=default)


# fmt: off
PROJECT = _query("project", "A pattern of projects, with * and ?.", type="string", maxLength=512)
STATE = _texts("state", "States; several count together.", enum=list(STATES))
ORDER = _query("order", "By project and run, or the run that was started last first.",
               type="string", enum=["name", "newest"], default="name")
RUN_LIMIT = _number("limit", f"Runs in one answer; with `include` at most {_LIMITS.page_runs_max}.",
                    _LIMITS.runs_listed_max, 1, _LIMITS.runs_listed_max)
AFTER = _query("after", "The `next` of the answer before.", type="string", maxLength=512)
INCLUDE = _texts("include", "Whether config and summary come along.", enum=["config", "summary"])
KEYS = _texts("keys", "Names of series, with * and ?; all of them without.")
STREAM = _texts("stream", "Streams, with * and ?: main, rank3, monitor; all but monitor without.")
POINTS = _number("points", "Points of each series at most.",
                 _LIMITS.points_default, 4, _LIMITS.points_max)
AXIS = _query("x", "In which order points come.", type="string", enum=["step", "time"], default="step")
KEY = _query("key", "A pattern of keys, with * and ?.", type="string", maxLength=512)
MEDIA_LIMIT = _number("limit", "Media in one answer.", 500, 1, _LIMITS.media_page_max)
SHA256 = Parameter("query", "sha256", "The version of the file that is meant.",
                   {"type": "string", "pattern": "^[0-9a-f]{64}$"}, is_required=True)
# fmt: on

IF_NONE_MATCH = Parameter(
    "header", "If-None-Match", "The ETag of an answer that is known: 304 where it is the same still.",
    {"type": "string"},
)  # fmt: skip
LAST_EVENT = Parameter(
    "header", "Last-Event-ID", "The last event that was heard: what came since is sent first.",
    {"type": "string"},
)  # fmt: skip
DIGEST = Parameter(
    "header", CONTENT_DIGEST, "The SHA-256 of the body as it is sent (RFC 9530).",
    {"type": "string", "pattern": "sha-256=:[A-Za-z0-9+/]{43}=:"}, is_required=True,
)  # fmt: skip
ENCODING = Parameter(
    "header", CONTENT_ENCODING, "How the body is compressed.",
    {"type": "string", "enum": [ZSTD, "identity"]},
)  # fmt: skip
LOG_OFFSET = Parameter(
    "header", UPLOAD_OFFSET, "Where in the log the body starts.", _OFFSET, is_required=True
)
FILE_OFFSET = Parameter(
    "header", UPLOAD_OFFSET, "Where in the file the body starts.", _OFFSET, is_required=True
)
LOG_ID_HEADER = Parameter(
    "header", LOG_ID, "Which log it is.",
    {"type": "string", "pattern": "^[0-9a-f]{32}$"}, is_required=True,
)  # fmt: skip
DAMAGE_HEADER = Parameter(
    "header", DAMAGE, "Stretches that are damaged at the source.",
    {"type": "string", "pattern": r"^[0-9]{1,15}\+[0-9]{1,15}(, [0-9]{1,15}\+[0-9]{1,15})*$"},
)  # fmt: skip
FILE_LENGTH = Parameter("header", UPLOAD_LENGTH, "The length of the file.", _OFFSET, is_required=True)
IS_LAST = Parameter(
    "header", UPLOAD_COMPLETE, "?1 with the part that ends the file.",
    {"type": "string", "enum": ["?0", "?1"]}, is_required=True,
)  # fmt: skip
