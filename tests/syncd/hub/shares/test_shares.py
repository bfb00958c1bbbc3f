"""Share links: what they open, what they do not, and all that ends them."""

import io
import json
from pathlib import Path

import pytest
from browser import Browser, policy
from looking import MovedClock
from PIL import Image
from run_spec import RunSpec
from syncd_process import run_syncd

SHARES = "/v1/projects/mnist/runs/r1/shares"
DAY_S = 86400


@pytest.fixture
def run(hub) -> RunSpec:
    picture = io.BytesIO()
    Image.new("RGB", (4, 3), "teal").save(picture, "PNG")
    RunSpec(hub.data, "mnist", "r2").rows(1)
    run = RunSpec(hub.data).rows(3).media("a.png", data=picture.getvalue()).finish()
    hub.index()
    return run


def made(hub, *, key: str = "", **wanted: float) -> str:
    """Make a link by the API; return its path."""
    answer = hub.call("POST", SHARES, json.dumps(wanted).encode(), key=key)
    assert 201 == answer.status, answer.body
    assert answer.json["url"].startswith(hub.server.url)
    return str(answer.json["url"]).removeprefix(hub.server.url)


def status(hub, path: str) -> int:
    return Browser(hub.server.url).get(path).status


def test_link_opens_one_run(hub, run: RunSpec) -> None:
    """Whoever has the link sees the run's page and media, without a sign-in, a form or another run."""
    path, browser = made(hub), Browser(hub.server.url)
    page = browser.get(path).page
    assert "State\nfinished\n" in page.text
    assert [] == page.forms
    assert "r2" not in page.text
    picture = browser.get(str(page.images[0]["src"]))
    assert (200, "image/png") == (picture.status, picture.headers["Content-Type"])
    assert "" == policy(picture.headers)["sandbox"]
    assert {} == browser.cookies
    history = browser.get(page.links["Points as JSON"])
    assert ["loss", "n"] == [series["key"] for series in json.loads(history.body)["series"]]
    assert "nosniff" == history.headers["X-Content-Type-Options"]
    for other in ("/", "/runs/mnist/r1", "/runs/mnist/r2"):
        assert 303 == browser.get(other).status
    for other in ("/files/..%2f..%2fr2%2fmain.0001.tlog", "/files/%2e%2e/r2/main.0001.tlog"):
        assert browser.get(path + other).status in (400, 404)
    for method in ("POST", "PUT", "DELETE"):
        assert 401 == browser.send(method, path, b"").status


def test_a_guest_does_not_see_the_machine(hub, run: RunSpec) -> None:
    """Host, paths and command line are facts for colleagues."""
    guest = Browser(hub.server.url).get(made(hub)).page.text
    assert "About the run" not in guest
    colleague = Browser(hub.server.url)
    colleague.sign_in(hub.key)
    assert "About the run" in colleague.get("/runs/mnist/r1").page.text


def test_only_digests_are_kept(hub, run: RunSpec) -> None:
    """The hub's files hold no link, and are for the hub's user alone; the token has 256 bits."""
    secret = made(hub).removeprefix("/share/")
    assert 43 == len(secret)
    file = hub.data / ".hub/shares.json"
    assert 0o600 == file.stat().st_mode & 0o777
    for path in (hub.data / ".hub").iterdir():
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_link_expires(start_hub) -> None:
    """A link ends by itself at its time."""
    clock = MovedClock()
    hub = start_hub(clock=clock)
    RunSpec(hub.data).rows(1)
    hub.index()
    path = made(hub, expires_in_s=3600)
    clock.passed_s = 3590
    assert 200 == status(hub, path)
    clock.passed_s = 3610
    assert 404 == status(hub, path)
    assert [] == hub.call("GET", SHARES).json["shares"]


def test_revoked(hub, run: RunSpec) -> None:
    """A link is listed by its id and revoked by it, alone; the audit log tells of both."""
    first, second = made(hub), made(hub)
    listed = hub.call("GET", SHARES).json["shares"]
    assert 2 == len(listed)
    assert not {"sha256", "url"} & set(listed[0])
    assert 200 == hub.call("POST", f"{SHARES}/{listed[0]['id']}/revoke").status
    assert [404, 200] == [status(hub, path) for path in (first, second)]
    assert 404 == hub.call("POST", f"{SHARES}/{listed[0]['id']}/revoke").status
    whats = [entry["what"] for entry in hub.server.keys.audit.entries()]
    assert [2, 1] == [whats.count(what) for what in ("share.created", "share.revoked")]


def test_ends_with_the_run(hub, run: RunSpec) -> None:
    """When the run is deleted its links end for good, also where it is restored."""
    path = made(hub)
    assert 200 == hub.call("DELETE", "/v1/projects/mnist/runs/r1").status
    assert 404 == status(hub, path)
    assert 200 == hub.call("POST", "/v1/projects/mnist/runs/r1/restore").status
    assert 404 == status(hub, path)


def test_ends_with_whoever_made_it(hub, run: RunSpec) -> None:
    """A link opens nothing once its maker's key is revoked, or the account may no longer write there."""
    keys = hub.server.keys
    by_a, by_b, by_c = (made(hub, key=keys.create(name)) for name in "abc")
    assert [200, 200, 200] == [status(hub, path) for path in (by_a, by_b, by_c)]
    keys.revoke("a")
    keys.set_grants("b", lambda grants: [])
    keys.disable("c")
    assert [404, 404, 404] == [status(hub, path) for path in (by_a, by_b, by_c)]


def test_who_may_share(hub, run: RunSpec) -> None:
    """Only who may write to a project makes, sees or revokes links there; others learn nothing."""
    made(hub)
    share = hub.call("GET", SHARES).json["shares"][0]["id"]
    reader = hub.server.keys.create("reader", role="read")
    other = hub.server.keys.create("other", project="other")
    for key, refusals in ((reader, {403}), (other, {403, 404})):
        assert hub.call("GET", SHARES, key=key).status in refusals
        assert hub.call("POST", SHARES, b"{}", key=key).status in refusals
        assert hub.call("POST", f"{SHARES}/{share}/revoke", key=key).status in refusals
    browser = Browser(hub.server.url)
    browser.sign_in(reader)
    assert ["/signout"] == [form.action for form in browser.get("/runs/mnist/r1").page.forms]
    token = browser.get("/").page.form("/signout").fields["token"]
    for address in ("/runs/mnist/r1/shares", f"/runs/mnist/r1/shares/{share}/revoke"):
        assert 403 == browser.post(address, {"token": token, "days": "7"}).status


@pytest.mark.parametrize(
    "body", ["[]", "{", '{"expires_in_s": 0}', '{"expires_in_s": 1e12}', '{"a": 1}']
)
def test_bad_wishes(hub, run: RunSpec, body: str) -> None:
    """What is no wish for a link, or for one without end, is a 400."""
    assert "bad-request" == hub.call("POST", SHARES, body.encode()).slug


def test_too_long_a_life(hub, run: RunSpec) -> None:
    """Who asks for too long a life of a link reads the limit in days, as he wrote it."""
    known = {"TIDELOG_HUB": hub.server.url, "TIDELOG_API_KEY": hub.key}
    result = run_syncd("share", "mnist/r1", "--expires", "1000d", **known)
    assert 1 == result.returncode
    assert "1000 days was asked for; the limit is 366" in result.stderr


def test_links_are_bounded(start_hub) -> None:
    """A run has so many links and no more; those that ended make room."""
    hub = start_hub(shares_per_run_max=2)
    RunSpec(hub.data).rows(1)
    hub.index()
    assert 404 == hub.call("POST", SHARES.replace("r1", "r9"), b"{}").status
    first, _ = made(hub), made(hub)
    assert "forbidden" == hub.call("POST", SHARES, b"{}").slug
    share = hub.call("GET", SHARES).json["shares"][0]["id"]
    hub.call("POST", f"{SHARES}/{share}/revoke")
    made(hub)
    assert 404 == status(hub, first)


def test_an_account_has_so_many_links(start_hub) -> None:
    """However many runs it has: the links of a hub are there for the others, too."""
    hub = start_hub(shares_per_account_max=2)
    RunSpec(hub.data).rows(1)
    hub.index()
    greedy, other = hub.server.keys.create("greedy"), hub.server.keys.create("other")
    made(hub, key=greedy), made(hub, key=greedy)
    refused = hub.call("POST", SHARES, b"{}", key=greedy)
    assert "the account 'greedy' has 2 share links, and the limit is 2" in refused.json["detail"]
    assert 200 == status(hub, made(hub, key=other))


def test_by_the_page(hub, run: RunSpec) -> None:
    """Who may write makes a link on the run's page, sees it this one time, and revokes it there."""
    browser = Browser(hub.server.url)
    browser.sign_in(hub.key)
    form = browser.get("/runs/mnist/r1").page.form("/runs/mnist/r1/shares")
    for days in ("0", "-1", "1e3", "99999", ""):
        assert 400 == browser.submit(form, days=days).status
    page = browser.submit(form, days="2").page
    link = next(address for text, address in page.links.items() if "/share/" in text)
    path = link.removeprefix(hub.server.url)
    assert 200 == status(hub, path)
    page = browser.get("/runs/mnist/r1").page
    assert "/share/" not in page.text
    revoke = next(form for form in page.forms if form.action.endswith("/revoke"))
    assert 303 == browser.submit(revoke).status
    assert 404 == status(hub, path)


def test_a_link_has_the_address_by_which_the_hub_was_reached(hub, run: RunSpec) -> None:
    """A hub that listens on every address, such as 0.0.0.0, knows no other that somebody could open."""
    answer = hub.call("POST", SHARES, b"{}", {"Host": "hub.lab:7070"})
    assert answer.json["url"].startswith("http://hub.lab:7070/share/")


def test_a_link_has_the_public_address_where_one_is_set(start_hub) -> None:
    """Whatever the request says."""
    hub = start_hub(settings={"environ": {"TIDELOG_PUBLIC_URL": "https://hub.example.org/"}})
    RunSpec(hub.data).rows(1)
    answer = hub.call("POST", SHARES, b"{}", {"Host": "evil.example"})
    assert answer.json["url"].startswith("https://hub.example.org/share/")


def test_by_the_command(hub, run: RunSpec) -> None:
    """`syncd share` prints the link alone, lists links without it, and revokes one."""
    known = {"TIDELOG_HUB": hub.server.url, "TIDELOG_API_KEY": hub.key}
    result = run_syncd("share", "mnist/r1", "--expires", "1d", **known)
    assert 0 == result.returncode, result.stderr
    path = result.stdout.strip().removeprefix(hub.server.url)
    assert 200 == status(hub, path)
    listed = run_syncd("share", "mnist/r1", "--list", "--json", **known)
    share = json.loads(listed.stdout)["shares"][0]
    assert DAY_S == round(share["expires"] - share["created"])
    assert share["id"] in run_syncd("share", "mnist/r1", "--list", **known).stdout
    assert 0 == run_syncd("share", "mnist/r1", "--revoke", share["id"], **known).returncode
    assert 404 == status(hub, path)
    assert 1 == run_syncd("share", "mnist/r1", "--revoke", share["id"], **known).returncode
    assert 1 == run_syncd("share", "mnist/none", **known).returncode
    assert 2 == run_syncd("share", "mnist/r1", "--list", "--expires", "1d", **known).returncode
    nobody = {**known, "TIDELOG_HUB": "http://127.0.0.1:1"}
    assert 3 == run_syncd("share", "mnist/r1", **nobody).returncode


def test_broken_file_is_told_at_the_start(start_hub, tmp_path: Path) -> None:
    """A file of links that cannot be read is told at the start, with what to do."""
    directory = tmp_path / "hub/.hub"
    directory.mkdir(parents=True)
    (directory / "shares.json").write_text('{"version": 1, "entries": [{}]}')
    with pytest.raises(Exception, match="restore it, or remove it"):
        start_hub()
