"""What a hub's certificate says: whose it is, until when, and why it is not trusted. No I/O."""

import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from tidelog.syncd.agent.doctor.finding import Finding, ok, problem, warning
from tidelog.syncd.agent.target.distrust import EXPIRED, NOT_YET_VALID, OTHER_NAME, UNTRUSTED

NAME = "tls"
DAY_S = 86_400
DAYS_LEFT_LOW = 14
NAMES_SHOWN_MAX = 3


def judge_certificate(certificate: Mapping[str, Any], *, now: float, version: str) -> Finding:
    """Say how long a trusted certificate still holds (`ssl.SSLSocket.getpeercert`)."""
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - now) // DAY_S)
    names = ", ".join(list(_names(certificate))[:NAMES_SHOWN_MAX])
    text = f"{version}, certificate for {names}, valid for {days} more days"
    if days < DAYS_LEFT_LOW:
        return warning(NAME, text, "renew it on the hub's machine")
    return ok(NAME, text)


def judge_distrust(code: int, message: str, *, now: float) -> Finding:
    """Say why a certificate is not trusted, and who can mend that."""
    if code in (NOT_YET_VALID, EXPIRED):
        clock = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC"
        remedy = f"renew it on the hub's machine, unless the clock here ({clock}) is wrong"
    elif code in OTHER_NAME:
        remedy = "use the name that the certificate is for, or get one for this name"
    elif code in UNTRUSTED:
        remedy = "set SSL_CERT_FILE to the certificate of the authority that signed it"
    else:
        remedy = "get a certificate that this machine trusts"
    return problem(NAME, f"the certificate is not trusted: {message}", remedy)


def _names(certificate: Mapping[str, Any]) -> Iterator[str]:
    for _, name in certificate.get("subjectAltName", ()):
        yield str(name)
