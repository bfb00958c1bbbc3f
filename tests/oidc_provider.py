"""An OpenID provider for tests that does as it is told, also what none should.

For what a provider does right there is a real one, `oidc-provider-mock`; this one signs whatever a test
wants signed, with the key that it wants.
"""

import base64
import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jws
from joserfc.jwk import RSAKey

CLIENT = "tidelog"
Claims = dict[str, Any]


class HostileProvider:
    """A provider on loopback.

    `twist` changes the claims, `sign` makes the token of them, `alter` changes any answer.
    """

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k1"}, auto_kid=False)
        self.published = [self.key]
        self.twist: Callable[[Claims], Claims] = lambda claims: claims
        self.sign: Callable[[Claims], str] = self.signed
        self.description: Claims = {}
        self.userinfo: Claims | None = None
        self.alter: Callable[[str, Any], Any] = lambda _path, document: document
        self.asked: list[str] = []
        self._codes: dict[str, Claims] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                path = urlsplit(self.path).path
                answers = {
                    "/.well-known/openid-configuration": provider.described,
                    "/jwks": lambda: {
                        "keys": [key.as_dict(private=False) for key in provider.published]
                    },
                    "/userinfo": lambda: provider.userinfo,
                }
                self._answer(path, answers[path]())

            def do_POST(self) -> None:
                provider.asked.append(self.path)
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                fields = {name: values[0] for name, values in form.items()}
                self._answer(self.path, provider.exchange(fields))

            def _answer(self, path: str, document: Any) -> None:
                document = provider.alter(path, document)
                body = json.dumps(document or {"error": "invalid_grant"}).encode()
                self.send_response(200 if document else 400)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_request(self, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def described(self) -> Claims:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
            **self.description,
        }

    def authorize(self, address: str, **answer: str) -> str:
        """Do what a person's consent does: return the query with which the browser comes back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        query = {"code": code, "state": asked["state"], **answer}
        return "&".join(f"{name}={value}" for name, value in query.items() if value)

    def exchange(self, form: Claims) -> Claims | None:
        """Take a code once, from whoever has the verifier."""
        asked = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or challenge != asked["code_challenge"]
            or "S256" != asked["code_challenge_method"]
        ):
            return None
        if form["redirect_uri"] != asked["redirect_uri"]:
            return None
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "ada-1",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "email": "ada@example.org",
            "email_verified": True,
        }
        return {"id_token": self.sign(self.twist(claims)), "access_token": "at", "token_type": "Bearer"}

    def signed(self, claims: Claims, **header: str) -> str:
        head = {"alg": "RS256", "kid": "k1", **header}
        return jws.serialize_compact(head, json.dumps(claims).encode(), self.key)

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def hostile_provider() -> Iterator[HostileProvider]:
    provider = HostileProvider()
    try:
        yield provider
    finally:
        provider.stop()
