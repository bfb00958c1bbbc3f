"""The OpenAPI 3.1 document of a hub, made from the table of calls. No I/O."""

import re
from collections import defaultdict
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec
from msgspec import Struct

from tidelog.syncd.errors import (
    BAD_REQUEST,
    FORBIDDEN,
    INTERNAL,
    INVALID_NAME,
    PROBLEM_CONTENT_TYPE,
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    UNAVAILABLE,
    Problem,
)
from tidelog.syncd.hub.openapi import bodies
from tidelog.syncd.hub.openapi.calls import CALLS, NONE, Call
from tidelog.syncd.hub.openapi.parameters import DIGEST, ENCODING
from tidelog.syncd.protocol import CHECKSUM, JSON, LOG_ID, PROBLEM, UPLOAD_COMPLETE, UPLOAD_OFFSET

OPENAPI = "3.1.0"
PLAIN = "text/plain"
ANY = (BAD_REQUEST, INVALID_NAME, INTERNAL, UNAVAILABLE)
WITH_KEY = (UNAUTHORIZED, FORBIDDEN, TOO_MANY_REQUESTS)

_PLACEHOLDER = re.compile(r"\{([a-z]+)(?::[^{}]*(?:\{[^{}]*\}[^{}]*)*)?\}")
_NAMES = {
    "project": "The project, percent-encoded.",
    "run": "The run's id, percent-encoded.",
    "log": "The log's name, such as main.0001.tlog.",
    "id": "The key's id, 12 hexadecimal digits.",
    "share": "The share link's id, 12 hexadecimal digits.",
    "path": "The file's path below the run, each part percent-encoded and a slash between them.",
}
_HEADERS = {
    UPLOAD_OFFSET: "How much is held.",
    UPLOAD_COMPLETE: "?1 where all of it is.",
    LOG_ID: "Which log it is.",
    PROBLEM: "Code and sentence of a refusal.",
    CHECKSUM: "Covers status, headers and body.",
}


@cache
def openapi_document() -> bytes:
    """Return the document as JSON."""
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    _, components = msgspec.json.schema_components(
        _structs(), ref_template="#/components/schemas/{name}"
    )
    for call in CALLS:
        path = path_of(call.route)
        paths[path].setdefault("parameters", _names_in(path))
        paths[path][call.method.lower()] = _operation(call)
    document = {
        "openapi": OPENAPI,
        "info": {
            "title": "tidelog hub",
            "version": version("tidelog"),
            "description": "Receives runs and tells what it holds; docs/protocol.md has the promises.",
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }
    return msgspec.json.encode(document)


def path_of(route: str) -> str:
    """Return a route as OpenAPI writes it: `{project:[^/]+}` is `{project}`."""
    return _PLACEHOLDER.sub(r"{\1}", route)


def _structs() -> list[type[Struct]]:
    used = {struct: None for call in CALLS for struct in (call.sends, call.answers)}
    return [each for each in (*used, bodies.Problem) if isinstance(each, type)]


def _names_in(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": match[1],
            "in": "path",
            "required": True,
            "description": _NAMES[match[1]],
            "schema": {"type": "string", "minLength": 1, "maxLength": 1024},
        }
        for match in _PLACEHOLDER.finditer(path)
    ]


def _operation(call: Call) -> dict[str, Any]:
    has_digest = call.sends is not None and call.has_digest
    sent = (DIGEST, ENCODING) if has_digest else ()
    operation: dict[str, Any] = {
        "summary": call.summary,
        "description": f"Needs the role {call.role}." if call.role != NONE else "Needs no key.",
        "parameters": [each.document() for each in (*call.parameters, *sent)],
        "responses": _answers(call),
    }
    if call.role == NONE:
        operation["security"] = []
    if call.sends is not None:
        operation["requestBody"] = {"required": True, "content": _content(call.sends)}
    return operation


def _answers(call: Call) -> dict[str, Any]:
    done: dict[str, Any] = {"description": "Done.", "headers": _headers(UPLOAD_OFFSET, LOG_ID, CHECKSUM)}
    if call.answers is not None:
        done["content"] = _content(call.answers)
    answers = {str(call.status): done}
    if call.has_etag:
        done["headers"]["ETag"] = {"schema": {"type": "string"}, "description": "Names this answer."}
        answers["304"] = {"description": "The answer that is known already."}
    by_status: dict[int, list[Problem]] = defaultdict(list)
    with_key = () if call.role == NONE else WITH_KEY
    for problem in (*ANY, *with_key, *call.problems):
        by_status[problem.status].append(problem)
    for status, problems in sorted(by_status.items()):
        answers[str(status)] = _refusal(call, problems)
    return answers


def _refusal(call: Call, problems: list[Problem]) -> dict[str, Any]:
    refusal: dict[str, Any] = {
        "description": "; ".join(f"{each.title} ({each.slug})" for each in problems),
        "headers": _headers(PROBLEM, CHECKSUM),
    }
    if call.method != "HEAD":
        schema = {"$ref": "#/components/schemas/Problem"}
        refusal["content"] = {PROBLEM_CONTENT_TYPE: {"schema": schema}}
        if BAD_REQUEST in problems:
            refusal["content"][PLAIN] = {}  # For bytes that are no HTTP.
    return refusal


def _content(what: type[Struct] | str) -> dict[str, Any]:
    if isinstance(what, str):
        is_json = what == JSON
        return {what: {"schema": {"type": "object"}} if is_json else {}}
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{what.__name__}"}}}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"schema": {"type": "string"}, "description": _HEADERS[name]} for name in names}
