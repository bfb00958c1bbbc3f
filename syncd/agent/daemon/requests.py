"""What is asked of a daemon over its socket, and the answers. Acts by the daemon's own methods alone."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.quantities import SPAN_S_MAX

if TYPE_CHECKING:
    from tidelog.syncd.agent.daemon.service import Service

Request = Mapping[str, Any]


async def answer(daemon: "Service", request: Request) -> Mapping[str, Any]:
    """Do what a request asks for and return the answer; nonsense is answered with an error."""
    command = request.get("command")
    if command == "status":
        return await daemon.status()
    if command == "retry":
        tasks = daemon.retry(parked=bool(request.get("parked", True)))
        return {"type": "retry", "tasks": tasks, **daemon.held()}
    if command in ("watch", "unwatch") and isinstance(request.get("root"), str):
        return await _change_root(daemon, command, request["root"])
    if command == "pause" and (for_s := _span_of(request)) is not None:
        daemon.pause(for_s)
        return {"type": "pause", **daemon.held()}
    if command == "resume":
        was_paused = daemon.resume()
        return {"type": "resume", "was_paused": was_paused, **daemon.held()}
    if command == "pending" and isinstance(request.get("run"), str):
        return {"type": "pending", "items": daemon.pending(request["run"])}
    return {"type": "error", "detail": f"the daemon does not know the request {command!r}"}


async def _change_root(daemon: "Service", command: str, text: str) -> dict[str, Any]:
    """Answer with the roots that are watched afterwards, for those who asked for an unknown one."""
    try:
        root = text if text in daemon.roots else await daemon.root_of(text)
    except CannotStartError as error:
        return {"type": "error", "detail": str(error)}
    changed = daemon.add_root(root) if command == "watch" else daemon.remove_root(root)
    return {
        "type": command,
        "root": root,
        "is_new" if command == "watch" else "was_watched": changed,
        "is_configured": root in daemon.configured_roots,
        "roots": daemon.roots,
    }


def _span_of(request: Request) -> float | None:
    """Return for how many seconds a pause is asked, without end unless it is said; None for nonsense."""
    for_s = request.get("for_s", math.inf)
    if not isinstance(for_s, (int, float)) or not for_s > 0:
        return None
    return float(for_s) if for_s <= SPAN_S_MAX or for_s == math.inf else None
