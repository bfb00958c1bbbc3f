"""Signing in by key and out again: cookies, forms, what ends a session, where it leads."""

import socket
from typing import Any
from urllib.parse import urlencode

import pytest
from browser import Browser, following
from looking import MovedClock
from run_spec import RunSpec

from tidelog.syncd.hub.signin.way_back import safe_way_back

SESSION = "tidelog-session"


def signed_in(hub, key: str = "") -> Browser:
    browser = Browser(hub.server.url)
    assert 303 == browser.sign_in(key or hub.key).status
    assert is_in(browser)
    return browser


def is_in(browser: Browser) -> bool:
    reply = browser.get("/")
    assert reply.status in (200, 303)
    return reply.status == 200


def test_cookie(hub) -> None:
    """The session's cookie is for no script, no other site's requests, and dies with the browser."""
    browser = Browser(hub.server.url)
    cookie = browser.sign_in(hub.key).cookie(SESSION)
    assert ("Lax", True, "/", "", "") == (
        cookie["samesite"],
        cookie["httponly"],
        cookie["path"],
        cookie["domain"],
        cookie["max-age"],
    )
    assert 43 <= len(cookie.value)


@pytest.mark.parametrize(
    "settings",
    [{"is_behind_proxy": True}, {"environ": {"TIDELOG_PUBLIC_URL": "https://hub.example.org"}}],
)
def test_secure_cookies(start_hub, settings: dict[str, Any]) -> None:
    """Behind TLS, here or at a proxy, cookies are Secure and have names that no other host can set."""
    hub = start_hub(settings=settings)
    browser = Browser(hub.server.url)
    cookie = browser.sign_in(hub.key).cookie(f"__Host-{SESSION}")
    assert (True, "/", "") == (cookie["secure"], cookie["path"], cookie["domain"])
    assert is_in(browser)
    browser.cookies = {SESSION: cookie.value}
    assert not is_in(browser)


def test_secrets_are_not_kept(hub) -> None:
    """The hub's files hold only digests of what a browser has, and are for the hub's user alone."""
    browser = signed_in(hub)
    file = hub.data / ".hub" / "sessions.json"
    assert 0o600 == file.stat().st_mode & 0o777
    secret = browser.cookies[SESSION]
    for path in (hub.data / ".hub").iterdir():
        if path.is_file():
            assert secret.encode() not in path.read_bytes()
            assert hub.key.encode() not in path.read_bytes()


@pytest.mark.parametrize("wrong", ["", "tdl_none", "é\udc80", 200 * "x"])
def test_unknown_key(hub, wrong: str) -> None:
    """A key that is none signs nobody in, and the form says so."""
    browser = Browser(hub.server.url)
    form = browser.get("/signin").page.form("/signin")
    fields = urlencode({**form.fields, "key": wrong}, errors="surrogateescape").encode()
    reply = browser.send(
        "POST", "/signin", fields, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert 401 == reply.status
    assert "is none of this hub's" in reply.page.text
    assert SESSION not in browser.cookies


def test_sign_ins_are_bounded(start_hub) -> None:
    """After too many unknown keys from one address the form says to wait; a good key is let in still."""
    hub = start_hub(refusals_burst=3, refusals_per_s=0.001)
    browser = Browser(hub.server.url)
    statuses = [browser.sign_in("none").status for _ in range(5)]
    assert [401, 401, 401, 429, 429] == statuses
    assert 303 == browser.sign_in(hub.key).status
    whats = [entry["what"] for entry in hub.server.keys.audit.entries()]
    assert [1, 1] == [whats.count(what) for what in ("key.refused", "signin")]


def test_forms_need_their_token(hub) -> None:
    """A form without the token that the hub gave to this very browser does nothing."""
    RunSpec(hub.data).rows(1)
    victim, attacker = signed_in(hub), signed_in(hub)
    token = attacker.get("/").page.form("/signout").fields["token"]
    for fields in ({}, {"token": ""}, {"token": token}, {"token": "é"}):
        for address in ("/signout", "/runs/mnist/r1/shares"):
            assert 403 == victim.post(address, {**fields, "days": "7"}).status
    good = victim.get("/").page.form("/signout")
    assert 403 == victim.post("/signout", good.fields, Sec_Fetch_Site="cross-site").status
    assert is_in(victim)
    assert [] == hub.call("GET", "/v1/projects/mnist/runs/r1/shares").json["shares"]


def test_nobody_is_signed_in_by_others(hub) -> None:
    """The form of the sign-in is bound to the browser that asked for it, against signing in a victim."""
    form = Browser(hub.server.url).get("/signin").page.form("/signin")
    victim = Browser(hub.server.url)
    assert 403 == victim.submit(form, key=hub.key).status
    victim.get("/signin")
    assert 403 == victim.submit(form, key=hub.key).status
    assert SESSION not in victim.cookies


def test_new_session_at_each_sign_in(hub) -> None:
    """Signing in gives a fresh session and ends the one that the browser had: none can be planted."""
    browser = signed_in(hub)
    old = dict(browser.cookies)
    page = Browser(hub.server.url).get("/signin").page
    assert "/signin" in [form.action for form in page.forms]
    other = Browser(hub.server.url)
    other.cookies = dict(old)
    # Who is in already is led on; the cookie of a form that was open before still works.
    assert 303 == other.get("/signin").status
    again = Browser(hub.server.url)
    form = again.get("/signin").page.form("/signin")
    again.cookies[SESSION] = old[SESSION]
    assert 303 == again.submit(form, key=hub.key).status
    assert old[SESSION] != again.cookies[SESSION]
    assert not is_in(other)


def test_sign_out(hub) -> None:
    """Signing out ends this browser's session at the hub, too; everywhere ends all of the account."""
    first, second, third = (signed_in(hub) for _ in range(3))
    kept = dict(first.cookies)
    reply = first.submit(first.get("/").page.form("/signout"), where="here")
    assert "/signin" == reply.location
    assert SESSION not in first.cookies
    first.cookies = kept
    assert not is_in(first)
    second.submit(second.get("/").page.form("/signout"), where="everywhere")
    assert not is_in(third)
    whats = [entry["what"] for entry in hub.server.keys.audit.entries()]
    assert 2 == whats.count("signout")


def test_revoked_key_ends_its_sessions(hub) -> None:
    """A key that is revoked, an account that is disabled: their sessions open nothing from then on."""
    keys = hub.server.keys
    browser = signed_in(hub, keys.create("laptop"))
    keys.revoke("laptop")
    assert not is_in(browser)
    assert 401 == browser.get("/v1/runs").status
    browser = signed_in(hub, keys.create("other"))
    keys.disable("other")
    assert not is_in(browser)
    keys.disable("other", is_disabled=False)
    assert is_in(browser)


def test_a_form_that_arrives_after_its_key_was_revoked_does_nothing(hub) -> None:
    """A form may take seconds; who sends it is asked for again at its end."""
    RunSpec(hub.data).rows(1)
    hub.index()
    browser = signed_in(hub, hub.server.keys.create("laptop"))
    token = browser.get("/").page.form("/signout").fields["token"]
    body = urlencode({"token": token, "days": "7"}).encode()
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    with socket.create_connection(("127.0.0.1", hub.port), timeout=20) as connection:
        connection.sendall(
            b"POST /runs/mnist/r1/shares HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n"
            + f"Cookie: {cookie}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        assert b" 100 " in connection.recv(1000)
        # Once it has answered somebody else the hub waits for the form, and has let the browser in.
        assert 200 == hub.call("GET", "/healthz").status
        hub.server.keys.revoke("laptop")
        connection.sendall(body)
        assert b" 401 " in connection.recv(1000)
    assert [] == hub.call("GET", "/v1/projects/mnist/runs/r1/shares").json["shares"]


def test_session_has_the_grants_of_its_key(hub) -> None:
    """A session may what its key may, and follows its account's grants."""
    RunSpec(hub.data, "mnist").rows(1)
    RunSpec(hub.data, "other").rows(1)
    hub.index()
    browser = signed_in(hub, hub.server.keys.create("b", role="read", project="mnist"))
    assert 200 == browser.get("/runs/mnist/r1").status
    assert 404 == browser.get("/runs/other/r1").status
    hub.server.keys.set_grants("b", lambda grants: [])
    assert 404 == browser.get("/runs/mnist/r1").status


def test_session_expires(start_hub) -> None:
    """A session ends by the hub's clock, whatever the browser keeps."""
    clock = MovedClock()
    hub = start_hub(clock=clock, key_session_s=3600)
    browser = signed_in(hub)
    clock.passed_s = 3590
    assert is_in(browser)
    clock.passed_s = 3610
    assert not is_in(browser)


def test_sessions_are_bounded(start_hub) -> None:
    """Of one account the newest sessions stay; no other account's go for them."""
    hub = start_hub(sessions_per_account_max=2)
    other = signed_in(hub, hub.server.keys.create("other"))
    browsers = [signed_in(hub) for _ in range(3)]
    assert [False, True, True] == [is_in(browser) for browser in browsers]
    assert is_in(other)


def test_an_account_signs_in_so_often_and_no_more(start_hub) -> None:
    """Each is a line of the audit log: one key does not fill the disk with them. Others sign in."""
    clock = MovedClock()
    hub = start_hub(clock=clock, signins_burst=2, signins_per_s=0.1)
    first = signed_in(hub)
    signed_in(hub)
    late = Browser(hub.server.url)
    reply = late.sign_in(hub.key)
    assert (429, "10") == (reply.status, reply.headers["Retry-After"])
    assert "signed in too often: wait 10 s" in reply.page.text
    assert is_in(first)
    signed_in(hub, hub.server.keys.create("other"))
    assert 3 == [entry["what"] for entry in hub.server.keys.audit.entries()].count("signin")
    clock.passed_s = 20
    assert 303 == late.sign_in(hub.key).status


def test_sessions_outlive_the_hub(start_hub) -> None:
    """Who is signed in stays so when the hub is started again."""
    first = start_hub()
    browser = signed_in(first, first.server.keys.create("own"))
    first.server.keys.revoke("test")
    first.stop_now()
    second = start_hub()
    again = Browser(second.server.url)
    again.cookies = browser.cookies
    assert is_in(again)


HOSTILE = [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "/runs/..\\..\\evil",
    "javascript:alert(1)",
    "/signout",
    "/runs/\r\nSet-Cookie: a=b",
    "\t//evil.example",
    "/%09/evil.example",
    "",
]


@pytest.mark.parametrize("wanted", HOSTILE)
def test_no_open_redirect(hub, wanted: str) -> None:
    """After the sign-in a browser goes to a page of this hub, whatever the request asked for."""
    browser = Browser(hub.server.url)
    assert "/" == browser.sign_in(hub.key, way_back=wanted or "").location
    assert "/" == browser.get(f"/signin?{urlencode({'next': wanted})}").location
    assert "/" == safe_way_back(wanted)


@pytest.mark.parametrize("wanted", ["/", "/?project=a", "/runs/mnist/r1?after=3", "/runs/a%2Fb/c"])
def test_way_back(hub, wanted: str) -> None:
    """The page's own addresses are gone back to as they are."""
    assert wanted == Browser(hub.server.url).sign_in(hub.key, way_back=wanted).location


def test_forms_are_bounded(start_hub) -> None:
    """A form of another type, too long or with too many fields is refused before it is kept."""
    hub = start_hub(form_bytes_max=2000)
    browser = Browser(hub.server.url)
    browser.get("/signin")
    many = "&".join(f"f{number}=1" for number in range(100))
    for kind, body, status in (
        ("application/json", "{}", 400),
        ("multipart/form-data; boundary=x", "--x--", 400),
        ("application/x-www-form-urlencoded", 2001 * "a", 413),
        ("application/x-www-form-urlencoded", many, 400),
        ("application/x-www-form-urlencoded", "é", 400),
    ):
        reply = browser.send("POST", "/signin", body.encode(), headers={"Content-Type": kind})
        assert status == reply.status
        assert reply.page.text


def test_page_without_cookie_is_the_sign_in(hub) -> None:
    """Without a session the first page leads to the sign-in, which shows the one form for a key."""
    browser = Browser(hub.server.url)
    page = following(browser, browser.get("/")).page
    assert ["/signin"] == [form.action for form in page.forms]
    assert "single sign-on" not in page.text
