"""Reading the fields of a form: bounded in memory and in time."""

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from tidelog.syncd.errors import BAD_REQUEST, BODY_TIMEOUT, TOO_LARGE, ProblemError
from tidelog.syncd.hub.limits import HubLimits

FORM: web.RequestKey[Mapping[str, str]] = web.RequestKey("form")
FORM_TYPE = "application/x-www-form-urlencoded"
FIELDS_MAX = 20


def days_in(form: Mapping[str, str], days_max: int, *, of: str) -> int:
    """Return for how many days somebody wants something; `of` says in a refusal what."""
    days = form.get("days", "")
    if not (days.isascii() and days.isdigit() and len(days) < 10 and 1 <= int(days) <= days_max):
        raise ProblemError(BAD_REQUEST, f"{of} is good for 1 to {days_max} days, not {days[:20]!r}")
    return int(days)


async def read_form(request: web.Request, limits: HubLimits) -> dict[str, str]:
    """Return the fields of a form, of one that came twice the first."""
    if request.content_type != FORM_TYPE:
        raise ProblemError(BAD_REQUEST, f"a form comes as {FORM_TYPE}, this is {request.content_type}")
    sent = b""
    try:
        async with asyncio.timeout(limits.stall_s):
            async for block in request.content.iter_any():
                sent += block
                if len(sent) > limits.form_bytes_max:
                    raise ProblemError(
                        TOO_LARGE, f"a form has at most {limits.form_bytes_max} bytes; this has more"
                    )
    except TimeoutError as error:
        raise ProblemError(BODY_TIMEOUT, f"it took more than {limits.stall_s:g} s") from error
    try:
        fields = parse_qsl(sent.decode("ascii"), max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise ProblemError(BAD_REQUEST, "the fields of the form cannot be read") from error
    return dict(reversed(fields))
