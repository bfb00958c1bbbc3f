"""Single sign-on: against a real provider, and against one that lies."""

import base64
import hmac
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from itertools import product
from typing import Any
from urllib.parse import parse_qs, urlsplit

import oidc_provider_mock
import pytest
from browser import Browser, Reply
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from looking import MovedClock
from oidc_provider import CLIENT, HostileProvider, hostile_provider
from run_spec import RunSpec
from syncd_process import run_syncd
from waiting import until

from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.hub.guard.grants import Grant

PUBLIC = "http://localhost:7070"
SESSION = "tidelog-session"
ANSWER = "/signin/sso/answer"
SET = 'public_url = "https://hub"\n[oidc]\nissuer = "https://sso"\nclient_id = "a"\n'
Claims = dict[str, Any]


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    with hostile_provider() as provider:
        yield provider


@pytest.fixture
def start_with(start_hub, tmp_path) -> Callable[..., Any]:
    """Start a hub that trusts a provider; `ada@example.org` has an account there."""

    def start(issuer: str, *, toml: str = "", **more: Any) -> Any:
        directory = tmp_path / "hub" / ".hub"
        directory.mkdir(parents=True)
        (directory / "hub.toml").write_text(
            f'public_url = "{PUBLIC}"\n[oidc]\nissuer = "{issuer}"\nclient_id = "{CLIENT}"\n{toml}'
        )
        hub = start_hub(**more)
        hub.server.keys.create_account(
            "ada", "person", [Grant("read", "mnist")], email="Ada@example.org"
        )
        RunSpec(hub.data, "mnist").rows(1)
        RunSpec(hub.data, "other").rows(1)
        hub.index()
        return hub

    return start


def begun(hub) -> tuple[Browser, str]:
    """A browser on its way, and where it was sent."""
    browser = Browser(hub.server.url)
    link = browser.get("/signin?next=/runs/mnist/r1").page.links["Sign in with single sign-on"]
    return browser, browser.get(link).location


def through(hub, provider: HostileProvider, **answer: str) -> tuple[Browser, Reply]:
    browser, address = begun(hub)
    return browser, browser.get(f"{ANSWER}?{provider.authorize(address, **answer)}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # The provider's own, not ours.
def test_with_a_real_provider(start_with, tmp_path) -> None:
    """Somebody with an account signs in at a real provider, and sees what the account may see."""
    with oidc_provider_mock.run_server_in_thread() as server:
        (tmp_path / "secret").write_text("s3cret: %\n")
        secret = f'client_secret_file = "{tmp_path}/secret"'
        hub = start_with(f"http://localhost:{server.server_port}", toml=secret)
        browser, address = begun(hub)
        asked = parse_qs(urlsplit(address).query)
        assert ["code", "S256"] == [
            asked[name][0] for name in ("response_type", "code_challenge_method")
        ]
        assert [PUBLIC + ANSWER] == asked["redirect_uri"]
        at_provider = Browser(f"http://localhost:{server.server_port}")
        claims = json.dumps({"email": "ada@example.org", "email_verified": True}).encode()
        put = at_provider.send("PUT", "/users/ada", claims, headers={"Content-Type": "application/json"})
        assert 204 == put.status
        parts = urlsplit(address)
        consent = at_provider.post(f"{parts.path}?{parts.query}", {"sub": "ada"})
        back = urlsplit(consent.location)
        reply = browser.get(f"{back.path}?{back.query}")
        assert "/runs/mnist/r1" == reply.location
        assert 200 == browser.get("/runs/mnist/r1").status
        assert 404 == browser.get("/runs/other/r1").status
        assert "Signed in as ada" in browser.get("/").page.text
        # The code is good once, and the flow is over.
        assert 401 == browser.get(f"{back.path}?{back.query}").status


def test_known_by_subject(start_with, provider: HostileProvider) -> None:
    """After the first time a person is known by the provider's name for him, not by an address."""
    hub = start_with(provider.url)
    assert 303 == through(hub, provider)[1].status
    provider.twist = lambda claims: {**claims, "email": "other@example.org"}
    assert 303 == through(hub, provider)[1].status
    # Whoever is given the address later is somebody else.
    provider.twist = lambda claims: {**claims, "sub": "eve-2"}
    assert 403 == through(hub, provider)[1].status
    whats = [entry["what"] for entry in hub.server.keys.audit.entries()]
    assert [1, 2] == [whats.count(what) for what in ("account.linked", "signin")]


def test_an_account_that_is_there_gets_its_address(start_with, provider: HostileProvider) -> None:
    """And loses it; the provider's id for the person is learnt anew each time that it is given."""
    hub = start_with(provider.url)
    data = ("--data", hub.data)
    assert 0 == run_syncd("account", "email", "ada", "none", *data).returncode
    assert 403 == through(hub, provider)[1].status
    hub.server.keys.create_account("eve", "person", [])
    hub.server.keys.create("robot")
    for name, email, words in (
        ("eve", "ada", "is no mail address"),
        ("nobody", "a@b.c", "no account 'nobody'"),
        ("robot", "a@b.c", "only people sign in"),
    ):
        refused = run_syncd("account", "email", name, email, *data)
        assert (2, True) == (refused.returncode, words in refused.stderr)
    assert 0 == run_syncd("account", "email", "ada", "Ada@example.org", *data).returncode
    taken = run_syncd("account", "email", "eve", "ada@example.org", *data)
    assert (2, True) == (taken.returncode, "'ada' has the address" in taken.stderr)
    assert 303 == through(hub, provider)[1].status
    provider.twist = lambda claims: {**claims, "sub": "ada-2"}
    assert 403 == through(hub, provider)[1].status
    assert 0 == run_syncd("account", "email", "ada", "ada@example.org", *data).returncode
    assert 303 == through(hub, provider)[1].status
    assert "account.email" in [entry["what"] for entry in hub.server.keys.audit.entries()]


def wrong_key(provider: HostileProvider) -> Callable[[Claims], str]:
    other = RSAKey.generate_key(2048)
    return lambda claims: jwt.encode({"alg": "RS256", "kid": "k1"}, claims, other)


def encoded(part: Claims) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")


def unsigned(provider: HostileProvider) -> Callable[[Claims], str]:
    def sign(claims: Claims) -> str:
        return b".".join([encoded({"alg": "none", "kid": "k1"}), encoded(claims), b""]).decode()

    return sign


def by_public_key(provider: HostileProvider) -> Callable[[Claims], str]:
    """The public key taken for a shared secret: the confusion of algorithms."""
    secret = provider.key.as_pem(private=False)

    def sign(claims: Claims) -> str:
        signed = b".".join(encoded(part) for part in ({"alg": "HS256", "kid": "k1"}, claims))
        seal = base64.urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")
        return b".".join([signed, seal]).decode()

    return sign


def by_client_secret(provider: HostileProvider) -> Callable[[Claims], str]:
    return lambda claims: jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(32 * "s"))


def garbled(provider: HostileProvider) -> Callable[[Claims], str]:
    return lambda claims: "e30.e30.AAAA"


@pytest.mark.parametrize("sign", [wrong_key, unsigned, by_public_key, by_client_secret, garbled])
def test_signatures_that_do_not_count(start_with, provider: HostileProvider, sign) -> None:
    """Only a token that a published key of the provider signed is believed."""
    hub = start_with(provider.url)
    provider.sign = sign(provider)
    browser, reply = through(hub, provider)
    assert 401 == reply.status
    assert SESSION not in browser.cookies


HOUR = 3600
LIES: dict[str, Callable[[Claims], Claims]] = {
    "another nonce": lambda claims: {**claims, "nonce": "other"},
    "no nonce": lambda claims: {k: v for k, v in claims.items() if k != "nonce"},
    "another audience": lambda claims: {**claims, "aud": "other"},
    "a list without us": lambda claims: {**claims, "aud": ["other"]},
    "several, given to another": lambda claims: {**claims, "aud": [CLIENT, "other"], "azp": "other"},
    "several, given to nobody": lambda claims: {**claims, "aud": [CLIENT, "other"]},
    "another issuer": lambda claims: {**claims, "iss": "https://evil.example"},
    "issuer with a slash": lambda claims: {**claims, "iss": claims["iss"] + "/"},
    "expired": lambda claims: {**claims, "iat": claims["iat"] - HOUR, "exp": claims["iat"] - 120},
    "no expiry": lambda claims: {k: v for k, v in claims.items() if k != "exp"},
    "expiry that is no time": lambda claims: {**claims, "exp": "tomorrow"},
    "expiry that is true": lambda claims: {**claims, "exp": True},
    "from the future": lambda claims: {**claims, "iat": claims["iat"] + HOUR},
    "not yet": lambda claims: {**claims, "nbf": claims["iat"] + HOUR},
    "nobody": lambda claims: {**claims, "sub": ""},
    "a name without end": lambda claims: {**claims, "sub": 256 * "a"},
}


@pytest.mark.parametrize("lie", LIES)
def test_claims_that_do_not_hold(start_with, provider: HostileProvider, lie: str) -> None:
    """A token for another client, flow, time or issuer signs nobody in, however well it is signed."""
    hub = start_with(provider.url)
    provider.twist = LIES[lie]
    browser, reply = through(hub, provider)
    assert 401 == reply.status
    assert SESSION not in browser.cookies
    assert "" == hub.server.keys.book().account("ada").subject


@pytest.mark.parametrize(
    "twist",
    [
        lambda claims: {**claims, "email_verified": False},
        lambda claims: {k: v for k, v in claims.items() if k != "email_verified"},
        lambda claims: {**claims, "email": "eve@example.org"},
        lambda claims: {**claims, "email": "eve@evil.example"},
        lambda claims: {**claims, "email": ["ada@example.org"]},
        lambda claims: {**claims, "email": "eve@evil.example\n@lab.org"},
        lambda claims: {**claims, "email": "\N{KELVIN SIGN}im@example.org"},
        lambda claims: {**claims, "email": "\N{FULLWIDTH LATIN SMALL LETTER K}im@example.org"},
    ],
)
def test_people_without_an_account(start_with, provider: HostileProvider, twist) -> None:
    """Without a verified address that has an account, or a domain with a rule, nobody is let in."""
    hub = start_with(provider.url, toml='[oidc.domains]\n"lab.org" = ["read:*"]')
    hub.server.keys.create_account("kim", "person", [Grant("read", "*")], email="kim@example.org")
    provider.twist = twist
    browser, reply = through(hub, provider)
    assert 403 == reply.status
    assert SESSION not in browser.cookies


DEEP: Any = reduce(lambda inner, _: [inner], range(500), [])
NONSENSE: list[Any] = [None, True, 5, 1e300, "", "\udc80", "a\nb", [], [[]], {}, {"a": 1}, DEEP]
CLAIMS = ("iss", "aud", "azp", "sub", "exp", "iat", "nbf", "nonce", "email", "email_verified")


def test_claims_that_are_nonsense(start_with, provider: HostileProvider) -> None:
    """However well they are signed: nobody is let in as somebody else, and nothing is a 500."""
    hub = start_with(provider.url, refusals_burst=1000, signins_burst=1000)
    for claim, value in product(CLAIMS, NONSENSE):
        provider.twist = lambda claims, claim=claim, value=value: {**claims, claim: value}
        browser, reply = through(hub, provider)
        assert reply.status in (303, 401, 403), (claim, value)
        assert (SESSION in browser.cookies) == (reply.status == 303)
    assert {"", "ada-1"} == {account.subject for account in hub.server.keys.book().accounts}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(("/token", name) for name in ("", "id_token", "access_token")),
        *(("/userinfo", name) for name in ("", "sub", "email", "email_verified")),
        *(("/jwks", name) for name in ("", "keys")),
    ],
)
def test_answers_that_are_nonsense(start_with, provider: HostileProvider, path: str, name: str) -> None:
    """The token, the keys and what is said of a person may be of any type."""
    hub = start_with(provider.url, refusals_burst=1000, sso_known_s=0.0)
    provider.twist = lambda claims: {k: v for k, v in claims.items() if not k.startswith("email")}
    provider.userinfo = {"sub": "ada-1", "email": "ada@example.org", "email_verified": True}
    for value in NONSENSE:

        def alter(asked: str, document: Any, value: Any = value) -> Any:
            if asked != path:
                return document
            return {**document, name: value} if name else value

        provider.alter = alter
        browser, reply = through(hub, provider)
        assert reply.status in (303, 401, 403, 503), value
        assert (SESSION in browser.cookies) == (reply.status == 303)
        # What the provider does not look at may be anything.
        assert reply.status != 303 or name in ("access_token", "email_verified")


def test_domain_rule(start_with, provider: HostileProvider) -> None:
    """Whoever has a verified address of a domain with a rule gets an account with the rule's grants."""
    hub = start_with(provider.url, toml='[oidc.domains]\n"lab.org" = ["read:oth*"]')
    provider.twist = lambda claims: {**claims, "sub": "bob-1", "email": "Bob@Lab.org"}
    browser, reply = through(hub, provider)
    assert 303 == reply.status
    account = hub.server.keys.book().account("bob@lab.org")
    assert (provider.url, "bob-1", (Grant("read", "oth*"),)) == (
        account.issuer,
        account.subject,
        account.grants,
    )
    assert 200 == browser.get("/runs/other/r1").status
    assert 404 == browser.get("/runs/mnist/r1").status
    hub.server.keys.disable("bob@lab.org")
    assert 303 == browser.get("/").status
    assert 401 == through(hub, provider)[1].status


def test_answers_to_another_flow(start_with, provider: HostileProvider) -> None:
    """An answer counts in the browser that asked alone, once, to its own question."""
    hub = start_with(provider.url)
    victim, address = begun(hub)
    _, other = begun(hub)
    assert 401 == victim.get(f"{ANSWER}?{provider.authorize(other)}").status
    assert 401 == Browser(hub.server.url).get(f"{ANSWER}?{provider.authorize(address)}").status
    assert 401 == victim.get(f"{ANSWER}?{provider.authorize(address, state='')}").status
    assert 401 == victim.get(f"{ANSWER}?{provider.authorize(address, code='')}").status
    assert 401 == victim.get(f"{ANSWER}?{provider.authorize(address, error='access_denied')}").status
    tampered = Browser(hub.server.url)
    tampered.cookies = {name: value[:-2] + "AA" for name, value in victim.cookies.items()}
    assert 401 == tampered.get(f"{ANSWER}?{provider.authorize(address)}").status
    assert 303 == victim.get(f"{ANSWER}?{provider.authorize(address)}").status


def test_code_of_another_flow(start_with, provider: HostileProvider) -> None:
    """A code that was stolen from another flow is of no use: the verifier and the nonce are not its."""
    hub = start_with(provider.url)
    _, stolen = begun(hub)
    code = parse_qs(provider.authorize(stolen))["code"][0]
    attacker, own = begun(hub)
    assert 401 == attacker.get(f"{ANSWER}?{provider.authorize(own, code=code)}").status


def test_mix_up(start_with, provider: HostileProvider) -> None:
    """An answer that names another issuer, or none though the provider always does, is refused."""
    hub = start_with(provider.url)
    assert 401 == through(hub, provider, iss="https://evil.example")[1].status
    assert 303 == through(hub, provider, iss=provider.url)[1].status


def test_mix_up_without_a_name(start_with, provider: HostileProvider) -> None:
    """Where the provider says that it names itself in answers, one without a name is not from it."""
    provider.description = {"authorization_response_iss_parameter_supported": True}
    hub = start_with(provider.url)
    assert 401 == through(hub, provider)[1].status
    assert 303 == through(hub, provider, iss=provider.url)[1].status


def test_flows_expire(start_with, provider: HostileProvider) -> None:
    """Who is away too long begins again."""
    clock = MovedClock()
    hub = start_with(provider.url, clock=clock, sso_flow_s=60, sso_skew_s=600)
    browser, address = begun(hub)
    clock.passed_s = 61
    assert 401 == browser.get(f"{ANSWER}?{provider.authorize(address)}").status


def test_new_key_of_the_provider(start_with, provider: HostileProvider) -> None:
    """A key that was not there before is fetched; unknown ones do not let it be asked for ever."""
    clock = MovedClock()
    hub = start_with(provider.url, clock=clock, sso_refresh_s=60, sso_skew_s=600)
    assert 303 == through(hub, provider)[1].status
    provider.key = RSAKey.generate_key(2048, {"kid": "k2"}, auto_kid=False)
    provider.published = [provider.key]
    provider.sign = lambda claims: provider.signed(claims, kid="k2")
    assert 401 == through(hub, provider)[1].status
    clock.passed_s = 61
    assert 303 == through(hub, provider)[1].status
    provider.sign = lambda claims: provider.signed(claims, kid="k3")
    for _ in range(3):
        assert 401 == through(hub, provider)[1].status
    assert 2 == provider.asked.count("/jwks")


def test_address_from_userinfo(start_with, provider: HostileProvider) -> None:
    """Where the token names no address, the provider is asked; about the same person alone."""
    hub = start_with(provider.url)
    address = {"email": "ada@example.org", "email_verified": True}
    provider.twist = lambda claims: {k: v for k, v in claims.items() if not k.startswith("email")}
    provider.userinfo = {"sub": "eve-2", **address}
    assert 401 == through(hub, provider)[1].status
    provider.userinfo = {"sub": "ada-1", **address}
    assert 303 == through(hub, provider)[1].status


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://sso.example/\r\nSet-Cookie: a=b"},
        {"authorization_endpoint": "https://sso.example/\udc80"},
        {"authorization_endpoint": "https://"},
        {"authorization_endpoint": "https://[::1"},
        {"jwks_uri": None},
        {"padding": 400_000 * "x"},
    ],
)
def test_descriptions_that_do_not_hold(
    start_with, provider: HostileProvider, description: Claims
) -> None:
    """A provider that describes itself as another, without TLS, or without end, is not used."""
    provider.description = description
    hub = start_with(provider.url)
    browser = Browser(hub.server.url)
    assert 503 == browser.get("/signin/sso").status
    # Keys are let in all the same.
    assert 303 == browser.sign_in(hub.key).status


def test_ways_to_show_the_secret_that_are_none(start_with, provider: HostileProvider, tmp_path) -> None:
    """What is no list of ways counts as not said: the secret goes as the standard has it."""
    (tmp_path / "secret").write_text("s3cret")
    provider.description = {"token_endpoint_auth_methods_supported": 5}
    hub = start_with(provider.url, toml=f'client_secret_file = "{tmp_path}/secret"')
    assert 303 == through(hub, provider)[1].status


def test_a_provider_that_hangs_is_asked_once_for_all_who_wait(start_with) -> None:
    """One after the other they would wait for minutes, and hold the line for everybody."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1]
        hub = start_with(f"http://127.0.0.1:{port}", sso_timeout_s=60.0, sso_asking_max=1)

        def status(_: int) -> int:
            return Browser(hub.server.url).get("/signin/sso").status

        with ThreadPoolExecutor(8) as threads:
            asked = threads.map(status, range(8))
            first, _address = hanging.accept()
            with first:
                until(lambda: 8 == sum(each.is_busy for each in hub.server.connections.all()))
                first.sendall(b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n")
            assert 8 * [503] == list(asked)
        hanging.settimeout(0)
        with pytest.raises(BlockingIOError):
            hanging.accept()


def test_provider_is_away(start_with) -> None:
    """While the provider cannot be reached its sign-in says so, and the page goes on."""
    hub = start_with("http://127.0.0.1:1")
    reply = Browser(hub.server.url).get("/signin/sso")
    assert 503 == reply.status
    assert "cannot be asked now" in reply.page.text


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('public_url = "https://hub"\n[oidc]\nissuer = "https://sso"', "client_id"),
        ('[oidc]\nissuer = "https://sso"\nclient_id = "a"', "public_url"),
        ('public_url = "http://hub"', "https://host"),
        ('public_url = "https://hub"\n[oidc]\nissuer = "http://sso"\nclient_id = "a"', "issuer"),
        (
            f'{SET}client_secret_file = "/nowhere"',
            "/nowhere",
        ),
        (
            f'{SET}[oidc.domains]\n"a.b" = ["everything"]',
            "everything",
        ),
        ("colour = 1", "colour"),
        ("[oidc", "hub.toml"),
    ],
)
def test_settings_are_checked_at_the_start(start_hub, tmp_path, toml: str, words: str) -> None:
    """Settings that cannot hold are told at the start, in words."""
    directory = tmp_path / "hub" / ".hub"
    directory.mkdir(parents=True)
    (directory / "hub.toml").write_text(toml)
    with pytest.raises(CannotStartError, match=words):
        start_hub()
