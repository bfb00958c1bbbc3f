"""What a hub says of our key: may it write, which projects is it for, until when. No I/O."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tidelog.syncd.agent.doctor.finding import Finding, ok, problem, warning

NAME = "key"
READ_ONLY = "read"
EVERY_PROJECT = "*"
DAY_S = 86_400
DAYS_LEFT_LOW = 7
REMEDY = "on the hub's machine `syncd key create NAME --data DIR`, here `syncd login`"


def judge_key(url: str, key: Mapping[str, Any] | None, *, now: float) -> Finding:
    """Say what the key is good for; `key` is None where the hub is too old to tell."""
    if key is None:
        return ok(NAME, f"{url} takes it")
    text = f"{url} takes {key['name']!r}: it may {key['role']}"
    if key["project"] != EVERY_PROJECT:
        text += f", in projects {key['project']!r} alone"
    if key["role"] == READ_ONLY:
        return problem(NAME, f"{text}, and uploads would be refused", f"{REMEDY}, with the role write")
    if key["expires"] is None:
        return ok(NAME, text)
    text += f", until {datetime.fromtimestamp(key['expires'], UTC):%Y-%m-%d %H:%M} UTC"
    if key["expires"] - now < DAYS_LEFT_LOW * DAY_S:
        return warning(NAME, text, f"{REMEDY}, before that")
    return ok(NAME, text)
