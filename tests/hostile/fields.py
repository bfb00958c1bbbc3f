"""Every field of a request that becomes a path or a name: from a spelling to the request."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
from hostile.path_spellings import value_of
from hostile.raw_http import request
from log_spec import LOG_ID, LogSpec

from tidelog.syncd.protocol import digest_header

BODY = LogSpec().row({"a": 1}, step=0).data
SHA256 = hashlib.sha256(BODY).hexdigest()
UPLOAD = {
    "Upload-Offset": "0",
    "Upload-Length": str(len(BODY)),
    "Upload-Complete": "?1",
    "Tidelog-Log-Id": LOG_ID.hex(),
}
Field = Callable[[bytes], bytes]

# Method and address; {} is where the spelling goes. What is uploaded is a log, whole, as log or as file.
ADDRESSES = (
    ("PATCH", "/v1/projects/{}/runs/r/logs/main.0001.tlog"),
    ("PATCH", "/v1/projects/p/runs/{}/logs/main.0001.tlog"),
    ("PATCH", "/v1/projects/p/runs/r/logs/{}"),
    ("HEAD", "/v1/projects/p/runs/r/logs/{}"),
    ("GET", "/v1/projects/{}/runs/r/logs/main.0001.tlog"),
    ("GET", "/v1/projects/p/runs/{}/logs/main.0001.tlog"),
    ("GET", "/v1/projects/p/runs/r/logs/{}"),
    ("PUT", "/v1/projects/{}/runs/r/files/media/x?sha256=" + SHA256),
    ("PUT", "/v1/projects/p/runs/{}/files/media/x?sha256=" + SHA256),
    ("PUT", "/v1/projects/p/runs/r/files/{}?sha256=" + SHA256),
    ("PUT", "/v1/projects/p/runs/r/files/media/{}/x?sha256=" + SHA256),
    ("PATCH", "/v1/projects/p/runs/r/files/files/{}?sha256=" + SHA256),
    ("PUT", "/v1/projects/p/runs/r/files/media/y?sha256={}"),
    ("HEAD", "/v1/projects/p/runs/r/files/{}?sha256=" + SHA256),
    ("GET", "/v1/projects/p/runs/r/files/{}"),
    ("GET", "/v1/projects/p/runs/r/files/media/{}"),
    ("GET", "/v1/projects/p/runs/r/files/media/link/{}"),
    ("POST", "/v1/projects/{}/runs/r/files:batch"),
    ("POST", "/v1/projects/p/runs/{}/files:missing"),
    ("GET", "/v1/projects/{}/runs/r"),
    ("GET", "/v1/projects/{}/runs/r/overview"),
    ("GET", "/v1/projects/{}/runs/r/history"),
    ("GET", "/v1/projects/{}/runs/r/media"),
    ("GET", "/v1/projects/p/runs/{}"),
    ("DELETE", "/v1/projects/{}/runs/x"),
    ("DELETE", "/v1/projects/q/runs/{}"),
    ("POST", "/v1/projects/q/runs/{}/restore"),
    ("POST", "/v1/keys/{}/rotate"),
    ("DELETE", "/v1/keys/{}"),
    ("GET", "/{}"),
    ("GET", "/v1/{}"),
    ("GET", "/healthz/{}"),
)


def fields(key: str, document: dict[str, Any] | None = None) -> dict[str, Field]:
    """Return all fields by name; `document` is the hub's OpenAPI, whose further calls count too."""
    found = {f"{method} {address}": _address(key, method, address) for method, address in ADDRESSES}
    for method, address in _calls_of(document or {}):
        found.setdefault(f"{method} {address}", _address(key, method, address))
    return found | {
        "target": lambda spelling: request("GET", spelling, key=key),
        "absolute target": lambda spelling: request("GET", b"http://hub/" + spelling, key=key),
        "authority": lambda spelling: request("CONNECT", spelling, key=key),
        "files:missing": lambda spelling: _missing(key, value_of(spelling)),
        "runs:held": lambda spelling: _held(key, value_of(spelling)),
        "files:batch": lambda spelling: _batch(key, value_of(spelling)),
        "files:batch below media": lambda spelling: _batch(key, "media/" + value_of(spelling)),
        "key's name": lambda spelling: _new_key(key, {"name": value_of(spelling)}),
        "key's account": lambda s: _new_key(key, {"name": "n", "account": value_of(s)}),
        "key's project": lambda spelling: _new_key(
            key, {"name": "n", "grants": [{"role": "read", "project": value_of(spelling)}]}
        ),
    }


def _address(key: str, method: str, address: str) -> Field:
    before, _, after = address.partition("{}")
    return lambda spelling: _upload(
        key,
        method,
        before.encode() + spelling + after.encode(),
        b"" if method in ("GET", "HEAD") else BODY,
    )


def _upload(key: str, method: str, target: bytes, body: bytes, kind: str = "") -> bytes:
    headers = UPLOAD | {"Content-Digest": digest_header(body)}
    if kind:
        headers["Content-Type"] = kind
    return request(method, target, key=key, body=body, headers=headers)


def _missing(key: str, path: str) -> bytes:
    entry = {"path": path, "size": len(BODY), "sha256": SHA256}
    body = json.dumps({"files": [entry]}).encode()
    return _upload(key, "POST", b"/v1/projects/p/runs/r/files:missing", body)


def _held(key: str, run: str) -> bytes:
    body = json.dumps({"runs": [{"run": run, "logs": {"main.0001.tlog": 1}}]}).encode()
    return _upload(key, "POST", b"/v1/projects/p/runs:held", body)


def _batch(key: str, path: str) -> bytes:
    body = msgpack.packb([path, SHA256, BODY], unicode_errors="surrogateescape")
    return _upload(key, "POST", b"/v1/projects/p/runs/r/files:batch", body)


def _new_key(key: str, document: dict[str, Any]) -> bytes:
    body = json.dumps(document).encode()
    return _upload(key, "POST", b"/v1/keys", body, "application/json")


def _calls_of(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each call with one of its parameters left open; streams, which do not end, are left out."""
    known = {"project": "p", "run": "r", "log": "main.0001.tlog", "path": "media/x"}
    for path, calls in document.get("paths", {}).items():
        names = re.findall(r"{([^}]+)}", path)
        for method, call in calls.items():
            if method not in ("get", "head", "put", "post", "patch", "delete") or "events" in path:
                continue
            for name in names:
                filled = path
                for other in names:
                    value = "{}" if other == name else known.get(other, "x")
                    filled = filled.replace("{" + other + "}", value)
                yield method.upper(), filled
            asked = [one["name"] for one in call.get("parameters", []) if one.get("in") == "query"]
            for name in asked:
                filled = re.sub(r"{([^}]+)}", lambda match: known.get(match[1], "x"), path)
                yield method.upper(), f"{filled}?{name}={{}}"
