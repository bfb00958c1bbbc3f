"""The page of one's own keys: who makes some there, who does not, and what becomes of them."""

import pytest
from browser import Browser
from oidc_provider import CLIENT, hostile_provider

from tidelog.syncd.hub.guard.grants import Grant

DAY_S = 86400


@pytest.fixture
def ada(start_hub, tmp_path):
    """A hub, and the browser of a person who signed in by single sign-on."""
    with hostile_provider() as provider:
        directory = tmp_path / "hub/.hub"
        directory.mkdir(parents=True)
        (directory / "hub.toml").write_text(
            f'public_url = "http://localhost:7070"\n[oidc]\nissuer = "{provider.url}"\n'
            f'client_id = "{CLIENT}"\n'
        )
        hub = start_hub()
        grants = [Grant("write", "mnist*")]
        hub.server.keys.create_account("ada", "person", grants, email="ada@example.org")
        browser = Browser(hub.server.url)
        address = browser.get("/signin/sso?next=/keys").location
        back = browser.get(f"/signin/sso/answer?{provider.authorize(address)}")
        assert "/keys" == back.location
        yield hub, browser


def test_a_person_makes_and_revokes_keys(ada) -> None:
    """Shown once, as narrow as the account, for the days that were asked for; in the audit log."""
    hub, browser = ada
    page = browser.get("/keys").page
    assert "You have no keys yet." in page.text
    made = browser.submit(page.form("/keys"), name="laptop", days="30").page
    secret = next(word for word in made.text.split() if word.startswith("tide_"))
    own = hub.call("GET", "/v1/keys/self", key=secret).json
    assert ("laptop", "ada", [{"role": "write", "project": "mnist*"}]) == (
        own["name"],
        own["account"],
        own["grants"],
    )
    key = hub.server.keys.book().keys[-1]
    assert (30 * DAY_S, None) == (round(key.expires - key.created), key.grants)
    page = browser.get("/keys").page
    assert secret not in page.text
    assert "laptop\n" in page.text
    assert 303 == browser.submit(page.form(f"/keys/{key.id}/revoke")).status
    assert 401 == hub.call("GET", "/v1/keys/self", key=secret).status
    found = [(e["what"], e["account"]) for e in hub.server.keys.audit.entries()]
    assert [("key.created", "ada"), ("key.revoked", "ada")] == found[-2:]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "", "days": "30"}, "name"),
        ({"name": "a\nb", "days": "30"}, "name"),
        ({"name": "laptop", "days": "0"}, "1 to 366 days"),
        ({"name": "laptop", "days": "367"}, "1 to 366 days"),
        ({"name": "laptop", "days": "x"}, "1 to 366 days"),
    ],
)
def test_wishes_that_cannot_be(ada, fields: dict[str, str], words: str) -> None:
    """A page says what is wrong, and no key is made."""
    hub, browser = ada
    reply = browser.submit(browser.get("/keys").page.form("/keys"), **fields)
    assert 400 == reply.status
    assert words in reply.page.text
    assert ["test"] == [key.name for key in hub.server.keys.book().keys]


def test_a_name_is_taken_among_ones_own_keys(ada) -> None:
    """Those of others tell nothing: their names may be had once more."""
    _hub, browser = ada
    form = browser.get("/keys").page.form("/keys")
    assert 200 == browser.submit(form, name="test", days="1").status
    again = browser.submit(form, name="test", days="1")
    assert (400, True) == (again.status, "already" in again.page.text)


def test_a_stolen_key_makes_no_successor(hub) -> None:
    """Who signed in by a key that is no admin neither sees, makes nor revokes any."""
    key = hub.server.keys.create("laptop")
    browser = Browser(hub.server.url)
    browser.sign_in(key)
    page = browser.get("/keys").page
    assert ["/signout"] == [form.action for form in page.forms]
    assert "ask an admin" in page.text
    token = page.form("/signout").fields["token"]
    fields = {"token": token, "name": "more", "days": "1"}
    assert 403 == browser.post("/keys", fields).status
    own = hub.server.keys.book().keys[-1].id
    assert 404 == browser.post(f"/keys/{own}/revoke", {"token": token}).status
    assert 200 == hub.call("GET", "/v1/keys/self", key=key).status


def test_nobody_revokes_keys_of_others(ada) -> None:
    """They answer as keys that are not there; nothing is done without a form of the page."""
    hub, browser = ada
    other = hub.server.keys.book().keys[0].id
    token = browser.get("/keys").page.form("/signout").fields["token"]
    theirs, none = (browser.post(f"/keys/{key}/revoke", {"token": token}) for key in (other, "0" * 12))
    assert 404 == theirs.status == none.status
    assert theirs.body.replace(other.encode(), b"0" * 12) == none.body
    assert 403 == browser.post("/keys", {"name": "more", "days": "1"}).status
    assert 200 == hub.call("GET", "/v1/keys/self").status
