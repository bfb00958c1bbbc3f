"""Checks an ID token (OpenID Connect Core, 3.1.3.7): signature, issuer, audience, time, nonce. No I/O.

Only signatures by public keys count: never `none`, and never the client secret, which is no key of the
provider's.
"""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tidelog.syncd.hub.signin.flow import refused

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
TOKEN_CHARS_MAX: Final = 32 * 1024
KEYS_MAX: Final = 100
SUBJECT_CHARS_MAX: Final = 255
"""As the standard has it (OpenID Connect Core, 2)."""
TIME_MAX: Final = 1e15


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say; `skew_s` is how far the clocks may differ."""

    issuer: str
    client_id: str
    nonce: str
    now: float
    skew_s: float


def key_id_of(token: str) -> str | None:
    """Return the id of the key that a token says to be signed with; nothing of it is believed yet."""
    try:
        head = token.split(".", 1)[0]
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        key_id = header.get("kid")
    except (ValueError, AttributeError, RecursionError) as error:
        raise refused("the provider's token cannot be read") from error
    return key_id if isinstance(key_id, str) else None


def checked_claims(token: str, keys: Mapping[str, Any], expected: Expected) -> dict[str, Any]:
    """Return the claims of a token that holds. Raises ProblemError where anything does not."""
    claims = _signed_claims(token, keys)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != expected.issuer:
        raise refused(f"the token is of {str(claims.get('iss'))[:100]!r}, not of {expected.issuer}")
    if expected.client_id not in audiences:
        raise refused("the token is for another client")
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != expected.client_id:
        raise refused("the token was given to another client")
    _check_times(claims, expected)
    nonce = claims.get("nonce")
    is_text = isinstance(nonce, str) and nonce.isascii()
    if not is_text or not hmac.compare_digest(str(nonce), expected.nonce):
        raise refused("the token is not the answer to this sign-in")
    _check_subject(claims.get("sub"))
    return claims


def _check_subject(subject: object) -> None:
    """Refuse what cannot be kept as the name of a person: it goes into the file of accounts."""
    if not isinstance(subject, str) or not subject or not subject.isprintable():
        raise refused("the token does not say whose it is")
    if len(subject) > SUBJECT_CHARS_MAX:
        raise refused(f"the token's sub has {len(subject)} characters; the limit is {SUBJECT_CHARS_MAX}")


def _signed_claims(token: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    if len(token) > TOKEN_CHARS_MAX:
        raise refused(
            f"the provider's token has {len(token)} characters; the limit is {TOKEN_CHARS_MAX}"
        )
    key_id = key_id_of(token)
    for entry in keys_with(keys, key_id):
        try:
            key_set = KeySet.import_key_set({"keys": [entry]})
            return dict(jwt.decode(token, key_set.keys[0], algorithms=list(ALGORITHMS)).claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    raise refused("the token is not signed by a key of the provider")


def keys_with(keys: Mapping[str, Any], key_id: str | None) -> list[dict[str, Any]]:
    """Return the public keys that may have signed: of this id, without one all."""
    listed = keys.get("keys")
    found = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
    return [
        key
        for key in found[:KEYS_MAX]
        if key.get("kty") != "oct"
        and key.get("use", "sig") == "sig"
        and (key_id is None or key.get("kid") == key_id)
    ]


def _check_times(claims: Mapping[str, Any], expected: Expected) -> None:
    issued = _time(claims, "iat")
    if expected.now >= _time(claims, "exp") + expected.skew_s:
        raise refused("the token has expired; compare the clocks of this hub and of the provider")
    if max(_time(claims, "nbf", issued), issued) > expected.now + expected.skew_s:
        raise refused("the token is not good yet; compare the clocks of this hub and of the provider")


def _time(claims: Mapping[str, Any], name: str, missing: float | None = None) -> float:
    value = claims.get(name, missing)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > TIME_MAX:
        raise refused(f"the token's {name} is no time")
    return float(value)
