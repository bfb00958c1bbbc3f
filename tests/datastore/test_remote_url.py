"""URLs as text: what is one, what lies below it, and what of it may be shown."""

import pytest

from tidelog.datastore.location import is_url
from tidelog.datastore.remote_url import RemoteUrl

ARCHIVE = "zip://runs/r1::https://host/a.zip"


@pytest.mark.parametrize(
    "text",
    ["s3://bucket/runs", "https://host", "HTTP://host", ARCHIVE, "zip::https://h/a.zip", "memory://"],
)
def test_a_scheme_makes_a_url(text: str) -> None:
    """Chained ones, and those in capitals, included."""
    assert is_url(text)


@pytest.mark.parametrize("text", ["tidelog/latest", "/runs", "a::b", "c:/runs", "./x://y", "s3:/bucket"])
def test_any_other_text_is_a_path_of_this_machine(text: str) -> None:
    """Also where it holds colons."""
    assert not is_url(text)


@pytest.mark.parametrize(
    ("root", "text"),
    [
        ("//bucket/tidelog/r1", "s3://bucket/tidelog/r1/"),
        ("//host:80/runs/my run", "http://host:80/runs/my%20run?sig=x"),
        ("//host", "https://me:secret@host/"),
        ("//runs/r1", ARCHIVE),
        ("//a", "zip::https://host/a.zip?sig=x"),
        ("//a.b", "zip://::/tmp/a.b.zip"),
        ("//bucket/r1", "simplecache::s3://bucket/r1"),
        ("//r1", "filecache://::zip://r1::s3://bucket/a.zip"),
        ("//r1", "memory:///r1"),
        ("//bucket/r1", "s3://bucket/r1/main.0001.tlog"),
    ],
)
def test_a_path_is_the_url_less_its_scheme(root: str, text: str) -> None:
    """Unquoted, and without what is secret; a log is named from its directory."""
    assert root == RemoteUrl.parse(text).root


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("s3://bucket/r1/media/a b.png", "s3://bucket/r1"),
        ("zip://runs/r1/media/a b.png::https://host/a.zip", f"{ARCHIVE}?sig=secret"),
        ("zip://media/a b.png::sftp://host/a.zip", "zip::sftp://me:secret@host/a.zip"),
        ("https://host/r1/media/a%20b.png", "https://me:secret@host/r1?sig=secret"),
        ("simplecache::s3://bucket/media/a b.png", "simplecache::s3://bucket"),
        ("https://host/r1/media/a%20b.png", "https://host/r1/main.0001.tlog?sig=secret"),
    ],
)
def test_what_lies_below_is_shown_as_its_own_url(shown: str, text: str) -> None:
    """The link that holds the files grows, no other; passwords and signatures are left out."""
    assert shown == RemoteUrl.parse(text).shown("media/a b.png")


def test_a_web_server_is_asked_with_quoted_names_and_the_query() -> None:
    """A name of a file may hold what means something in a URL."""
    url = RemoteUrl.parse("https://me:pw@host/my%20runs/100%25?sig=a%2Bb")
    assert "https://me:pw@host/my%20runs/100%25?sig=a%2Bb" == url.address()
    assert "https://me:pw@host/my%20runs/100%25/a%23%25%20(1)?sig=a%2Bb" == url.address("a#% (1)")
    assert "https://me:pw@host/my%20runs/100%25/b/?sig=a%2Bb" == url.page("b")


def test_the_schemes_of_a_url_are_those_of_all_its_links() -> None:
    """In order, so that each can be looked up."""
    assert ["simplecache", "zip", "s3"] == RemoteUrl.parse("simplecache::zip://r::s3://b/a.zip").schemes
    assert ["zip", "file"] == RemoteUrl.parse("zip::/tmp/a.zip").schemes


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("r1", "http://host/runs/r1/"),
        ("a b", "https://host/runs/a%20b"),
        ("r1", "http://host/runs/./r1"),
        (None, "http://host/runs/../etc/"),
        (None, "http://host/runs/%2e%2e/"),
        (None, "http://host/runs/%2Fetc"),
        (None, "http://host/runs/.."),
        (None, "http://host/runs/a/b"),
        (None, "http://other/runs/r1"),
        (None, "http://host/runs/?C=N;O=D"),
        (None, "http://host/runs/r1#top"),
        (None, "http://host/runs/a%00"),
        (None, "http://host/runs/"),
        (None, "http://host/"),
    ],
)
def test_a_listing_yields_no_name_that_leads_out_of_its_directory(name: str | None, listed: str) -> None:
    """Whoever writes the page may write anything."""
    assert name == RemoteUrl.parse("http://host/runs").name_in("http://host/runs", listed)
