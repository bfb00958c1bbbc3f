"""The plain page: what it shows to whom, and that nothing of a run does anything in a browser."""

import io
import re
from pathlib import Path

import pytest
from browser import Browser, following, policy
from PIL import Image
from run_spec import RunSpec

from tidelog.datastore.records import Histogram

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def png() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (4, 3), "teal").save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def browser(hub) -> Browser:
    """A browser whose owner signed in with a key for everything."""
    browser = Browser(hub.server.url)
    assert 303 == browser.sign_in(hub.key).status
    return browser


def test_list_of_runs(hub, browser: Browser) -> None:
    """The first page lists the runs with state, last step and summary, in a table with a caption."""
    RunSpec(hub.data, "mnist", "r1").rows(3).finish()
    RunSpec(hub.data, "mnist", "r2").rows(2)
    hub.index()
    page = browser.get("/").page
    assert "/runs/mnist/r1" == page.links["r1"]
    assert re.search(r"r1\nmnist\nfinished\n2\nloss\n0\.\d+\nn\n2\n", page.text)
    assert re.search(r"r2\nmnist\n(running|unknown)\n1\n", page.text)
    assert "Runs, the newest first" in page.text
    scopes = [attributes["scope"] for tag, attributes in page.tags if tag == "th"]
    assert 7 * ["col"] + 2 * ["row"] == scopes


def test_a_list_shows_a_few_values_of_each_run(start_hub) -> None:
    """Those that were logged first, and how many there are besides: the run's own page has them all."""
    hub = start_hub(shown_summary_max=3)
    run = RunSpec(hub.data)
    run.log.row({f"value {at}": at for at in range(5)}, step=0)
    run.flush()
    hub.index()
    browser = Browser(hub.server.url)
    browser.sign_in(hub.key)
    listed, own = (browser.get(address).page.text for address in ("/", "/runs/mnist/r1"))
    assert "value 2\n2\nand 2 more\n" in listed
    assert "value 3" not in listed
    assert "value 4\n4\n" in own


def test_pages_of_runs(start_hub) -> None:
    """More runs than one page shows are reached by a link, the newest first, none twice."""
    hub = start_hub(shown_runs_max=2)
    for number in range(5):
        RunSpec(hub.data, "mnist", f"r{number}").rows(1)
    RunSpec(hub.data, "other", "r9").rows(1)
    hub.index()
    browser = Browser(hub.server.url)
    browser.sign_in(hub.key)
    seen, address = [], "/?project=mn*"
    while address:
        page = browser.get(address).page
        seen += [text for text in page.links if text.startswith("r")]
        address = page.links.get("Older runs", "")
    assert ["r0", "r1", "r2", "r3", "r4"] == seen


def test_one_run(hub, browser: Browser) -> None:
    """A run's page tells its facts, its metrics and its media, pictures with a text for them."""
    RunSpec(hub.data).rows(3).media("a b_1.png", data=png()).media("model.bin").finish()
    hub.index()
    page = browser.get("/runs/mnist/r1").page
    assert "State\nfinished\n" in page.text
    assert "n\n2\n" in page.text
    image = page.images[0]
    assert ("/runs/mnist/r1/files/media/images/a%20b_1.png", "sample at step 3") == (
        image["src"],
        image["alt"],
    )
    assert "/runs/mnist/r1/files/media/images/model.bin" == page.links["media/images/model.bin"]
    picture = browser.get(str(image["src"]))
    assert (200, "image/png", png()) == (picture.status, picture.headers["Content-Type"], picture.body)


def test_what_runs_say_is_text(hub, browser: Browser) -> None:
    """Names, values and captions of a run are shown as text, whatever they hold."""
    run = RunSpec(hub.data, "mnist", "r1")
    run.log.row({'<script>alert("1")</script>': "\"><img src=x onerror='alert(1)'>"}, step=0)
    run.flush()
    hub.index()
    for address in ("/", "/runs/mnist/r1"):
        page = browser.get(address).page
        assert not [tag for tag, _ in page.tags if tag in ("script", "img")]
        assert '<script>alert("1")</script>' in page.text


def test_values_are_read_by_people(hub, browser: Browser) -> None:
    """Media is named by its path, nested values are JSON, and no digit before the point is lost."""
    run = RunSpec(hub.data).media("a.png", data=png())
    run.log.row(
        {
            "nested": {"on": True, "names": ["a"]},
            "samples": 1234567890.5,
            "loss": 0.123456789,
            "grads": Histogram({"counts": [1, 2], "edges": [0.0, 0.5, 1.0]}),
        },
        step=4,
    )
    run.flush()
    hub.index()
    for address in ("/", "/runs/mnist/r1"):
        text = browser.get(address).page.text
        assert "_type" not in text
        assert "counts" not in text
        # Pictures are on the run's own page.
        assert ("media/images/a.png" in text) == ("sample\nmedia" in text) == (address != "/")
        assert '{"on": true, "names": ["a"]}' in text
        assert "1234567890.5" in text
        assert "0.123457" in text


@pytest.mark.parametrize(
    "address", ["/", "/signin", "/runs/mnist/r1", "/runs/mnist/none", "/share/" + 43 * "a"]
)
def test_headers_of_pages(hub, browser: Browser, address: str) -> None:
    """No page, refusals included, may run a script, be framed, or tell others where one came from."""
    RunSpec(hub.data).rows(1)
    hub.index()
    reply = browser.get(address)
    directives = policy(reply.headers)
    assert "'none'" == directives["default-src"]
    assert "'none'" == directives["frame-ancestors"]
    assert "'none'" == directives["base-uri"]
    assert "'self'" == directives["form-action"]
    assert {"style-src", "img-src"} == {name for name in directives if name.endswith("-src")} - {
        "default-src"
    }
    assert "nosniff" == reply.headers["X-Content-Type-Options"]
    assert "no-referrer" == reply.headers["Referrer-Policy"]
    assert "no-store" == reply.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("name", "data", "content_type", "disposition"),
    [
        ("a.png", None, "image/png", "inline"),
        ("really.svg", None, "image/png", "inline"),
        ("a.svg", SVG, "image/svg+xml", "inline"),
        ("a.HTML", HTML, "text/html; charset=utf-8", "inline"),
        ("a.png", HTML, "application/octet-stream", "attachment"),
        ("a.js", b"alert(1)", "application/octet-stream", "attachment"),
        ("a.xml", SVG, "application/octet-stream", "attachment"),
        ("a.gif", b"GIF89a/*\xff", "image/gif", "inline"),
    ],
)
def test_media_can_do_nothing(
    hub, browser: Browser, name: str, data: bytes | None, content_type: str, disposition: str
) -> None:
    """Media is a picture by its bytes, a document in a sandbox without scripts, or a download."""
    RunSpec(hub.data).media(name, data=data or png())
    reply = browser.get(f"/runs/mnist/r1/files/media/images/{name}")
    assert (200, content_type) == (reply.status, reply.headers["Content-Type"])
    assert disposition == reply.headers["Content-Disposition"]
    assert "nosniff" == reply.headers["X-Content-Type-Options"]
    directives = policy(reply.headers)
    assert "" == directives["sandbox"]
    assert "'none'" == directives["default-src"]
    assert "script-src" not in directives


def test_other_teams(hub) -> None:
    """What is another team's is not on the page, and reads as what is not there."""
    RunSpec(hub.data, "team-a", "r1").rows(1).media("a.png", data=png())
    RunSpec(hub.data, "team-b", "r2").rows(1)
    hub.index()
    browser = Browser(hub.server.url)
    browser.sign_in(hub.server.keys.create("b", role="read", project="team-b"))
    assert "team-a" not in browser.get("/").body.decode()
    assert "team-a" not in browser.get("/?project=team-a").page.text.replace("project team-a", "")
    for address in ("/runs/team-a/{}", "/runs/team-a/{}/files/media/images/a.png"):
        there, missing = browser.get(address.format("r1")), browser.get(address.format("r0"))
        assert 404 == there.status == missing.status
        assert there.page.text.replace("r1", "r0") == missing.page.text


def test_reading_needs_a_sign_in(hub) -> None:
    """Who did not sign in is sent to the sign-in and, from there, to where he wanted to go."""
    RunSpec(hub.data, "mnist", "r [1]").rows(1)
    hub.index()
    browser = Browser(hub.server.url)
    reply = browser.get("/runs/mnist/r%20%5B1%5D")
    assert (303, b"") == (reply.status, reply.body)
    form = following(browser, reply).page.form("/signin")
    reply = browser.submit(form, key=hub.key)
    assert "/runs/mnist/r%20%5B1%5D" == reply.location
    assert "r [1]" in following(browser, reply).page.text


LOOKING = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_refusals_are_pages_for_who_looks_with_a_browser(hub, browser: Browser) -> None:
    """Whatever the address; a program that asks for it gets the document."""
    for address, status in (
        ("/nowhere", 404),
        ("/v1/projects/mnist/runs/r9", 404),
        ("/v1/keys?a=b", 200),
    ):
        assert status == browser.get(address, **LOOKING).status
    page = browser.get("/nowhere", **LOOKING).page
    assert "There is nothing at /nowhere." in page.text
    assert "/" == page.links["All runs"]
    stranger = Browser(hub.server.url)
    assert (303, "/signin") == ((reply := stranger.get("/nowhere", **LOOKING)).status, reply.location)
    assert 401 == stranger.get("/nowhere").status
    assert "unauthorized" == hub.call("GET", "/nowhere", headers=LOOKING, key="tdl_none").slug


def test_names_outside_the_grammar(hub, browser: Browser, tmp_path: Path) -> None:
    """No spelling of a path leaves the run's directory."""
    RunSpec(hub.data).rows(1)
    (tmp_path / "hub" / "secret").write_text("s3cret")
    for path in ("..%2fsecret", "../secret", "%2e%2e/secret", "..%5csecret", ".hub/keys.json", "%00"):
        for prefix in ("/runs/mnist/r1/files/", "/runs/mnist/"):
            reply = browser.get(prefix + path)
            assert reply.status in (400, 401, 404)
            assert b"s3cret" not in reply.body
    assert 400 == browser.get("/%72uns/mnist/r1").status


def test_cookie_reads_the_api(hub, browser: Browser) -> None:
    """Who signed in may read the API with the cookie; writing with it is refused as without a key."""
    RunSpec(hub.data).rows(1)
    assert 200 == browser.get("/v1/runs").status
    assert 200 == browser.get("/v1/projects/mnist/runs/r1").status
    assert 401 == browser.send("DELETE", "/v1/projects/mnist/runs/r1").status
    assert 401 == browser.send("POST", "/v1/keys", b"{}").status
    assert 401 == browser.get("/v1/runs", Authorization="Bearer none").status
