"""One sign-in by OIDC, from the hub to the provider and back: authorization code with PKCE. No I/O.

What must be remembered meanwhile goes into a signed cookie of that browser, so that nobody can fill the
hub's memory with sign-ins that never end, and an answer counts only in the browser that asked.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec
from itsdangerous import BadData, URLSafeSerializer

from tidelog.syncd.errors import UNAUTHORIZED, ProblemError

SCOPE: Final = "openid email profile"
RANDOM_BYTES: Final = 32
ANSWER_CHARS_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Flow:
    """What the hub asked: `state` names the answer, `nonce` the token, `verifier` proves who asked."""

    state: str
    nonce: str
    verifier: str
    way_back: str
    expires: float

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier (RFC 7636, S256)."""
        return _text(hashlib.sha256(self.verifier.encode("ascii")).digest())


class Flows:
    """Seals flows into cookies, and opens them again within the life of one hub process."""

    def __init__(self, secret: bytes, *, life_s: float, entropy: Callable[[int], bytes]) -> None:
        self._serializer = URLSafeSerializer(secret, salt="tidelog sso")
        self._life_s = life_s
        self._entropy = entropy

    def begin(self, way_back: str, now: float) -> Flow:
        """Return a new flow."""
        state, nonce, verifier = (_text(self._entropy(RANDOM_BYTES)) for _ in range(3))
        return Flow(state, nonce, verifier, way_back, now + self._life_s)

    def seal(self, flow: Flow) -> str:
        """Return the flow as a cookie holds it."""
        sealed = self._serializer.dumps(asdict(flow))
        return sealed if isinstance(sealed, str) else sealed.decode("ascii")

    def open(self, sealed: str | None, now: float) -> Flow:
        """Return the flow of a cookie. Raises ProblemError where it is none of ours, or too old."""
        try:
            flow = msgspec.convert(self._serializer.loads(sealed or ""), Flow)
        except (BadData, msgspec.ValidationError) as error:
            raise refused("this browser did not begin this sign-in; begin it again") from error
        if now >= flow.expires:
            raise refused("this sign-in took too long; begin it again")
        return flow


def authorization_address(endpoint: str, flow: Flow, *, client_id: str, redirect_uri: str) -> str:
    """Return where the browser is sent to."""
    query = urlencode(
        {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPE,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
    )
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{query}"


def code_of(answer: Mapping[str, str], flow: Flow, *, issuer: str, names_itself: bool) -> str:
    """Return the code that came back. Raises ProblemError where the answer is not the one to this flow.

    `names_itself` is whether the provider says that its answers name the issuer (RFC 9207): an answer of
    another one, to which a browser was led meanwhile, is then told apart.
    """
    if not hmac.compare_digest(answer.get("state", "").encode(), flow.state.encode()):
        raise refused("the answer is not to the sign-in that this browser began; begin it again")
    said = answer.get("iss")
    if (said is None and names_itself) or said not in (None, issuer):
        raise refused(f"the answer came from {str(said)[:100]!r}, not from {issuer}")
    if "error" in answer:
        raise refused(f"the provider refused: {answer['error'][:100]!r}")
    code = answer.get("code", "")
    if not code or len(code) > ANSWER_CHARS_MAX:
        raise refused("the provider's answer holds no code")
    return code


def refused(detail: str, **more: Any) -> ProblemError:
    """Return the problem of a sign-in that does not count."""
    return ProblemError(UNAUTHORIZED, detail, **more)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
