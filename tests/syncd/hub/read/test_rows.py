"""GET of a run's history and media: sampled, within bounds, and free where nothing is new."""

import fnmatch
import hashlib
import math

import pytest
from log_spec import LOG_ID, LogSpec, log_of_every_kind
from run_spec import RunSpec
from waiting import until

from tidelog.datastore.records import Media
from tidelog.syncd.hub.read import history
from tidelog.syncd.protocol import log_path

HISTORY = "/v1/projects/mnist/runs/r1/history"
MEDIA = "/v1/projects/mnist/runs/r1/media"


@pytest.fixture(params=["with NumPy", "without"])
def numpy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub needs no NumPy, and says the same without."""
    monkeypatch.setattr(history, "HAS_NUMPY", request.param == "with NumPy")


def series(hub, query: str = "") -> dict[str, dict]:
    document = hub.call("GET", HISTORY + query).json
    return {f"{each['stream']}:{each['key']}": each for each in document["series"]}


def test_every_point_is_there_where_they_are_few(hub, numpy) -> None:
    """With its step and time; NaN and the infinities are words; what is no number is no point."""
    hub.append(0, log_of_every_kind().data)
    found = series(hub)
    assert {"main:loss", "main:n", "main:val/acc"} == set(found)
    loss = found["main:loss"]
    assert [0, 1, 2, 4] == loss["step"]
    assert [0.5, "NaN", "Infinity", -0.0] == loss["value"]
    assert 4 == loss["count"] == len(loss["time"])
    assert [1, 2**63, -(2**40), 0] == found["main:n"]["value"]


def test_many_points_are_sampled_and_keep_their_extremes(hub, numpy) -> None:
    """First, last, lowest and highest are there, each a point that was logged."""
    log = LogSpec()
    values = [math.sin(at / 50) + (7.0 if at == 1234 else 0.0) for at in range(5000)]
    for step, value in enumerate(values):
        log.row({"loss": value, "other": 1}, step=step, time=float(step))
    hub.append(0, log.data)
    (loss,) = series(hub, "?keys=los*&points=100").values()
    assert 5000 == loss["count"]
    assert 40 <= len(loss["step"]) <= 100
    assert (0, 4999) == (loss["step"][0], loss["step"][-1])
    assert {1234} <= set(loss["step"])
    assert all(values[step] == value for step, value in zip(loss["step"], loss["value"], strict=True))
    assert min(values) == min(loss["value"])


def test_ranks_are_series_of_their_own(hub) -> None:
    """A stream each; the monitor's samples come to those who name it."""
    data = LogSpec().row({"loss": 1.0}, step=3, time=5.0).row({"loss": 2.0}, step=1, time=6.0).data
    for name in ("main", "rank3", "monitor"):
        hub.append(0, data, name=("mnist", "r1", f"{name}.0001.tlog"))
    assert {"main:loss", "rank3:loss"} == set(series(hub))
    assert {"rank3:loss"} == set(series(hub, "?stream=rank*"))
    assert {"monitor:loss"} == set(series(hub, "?stream=monitor"))
    assert [2.0, 1.0] == series(hub)["main:loss"]["value"]
    assert [1.0, 2.0] == series(hub, "?x=time")["main:loss"]["value"]


def test_an_answer_has_a_limit_of_series_and_names_the_others(start_hub) -> None:
    """Also where a log makes up ever new names."""
    hub, log = start_hub(series_max=3), LogSpec()
    for at in range(50):
        log.row({f"key{at}": 1.0}, step=at)
    hub.append(0, log.data)
    document = hub.call("GET", HISTORY).json
    assert ["key0", "key1", "key2"] == [each["key"] for each in document["series"]]
    assert ["key3", "key4", "key5"] == document["left_out"]


def test_what_has_no_time_is_not_complete_and_has_no_etag(start_hub, numpy) -> None:
    """The next question may get more."""
    hub, log = start_hub(answer_s=-1.0), LogSpec()
    for at in range(2000):
        log.row({"loss": 1.0}, step=at)
    hub.append(0, log.data)
    answer = hub.call("GET", HISTORY)
    assert (200, False, None) == (answer.status, answer.json["complete"], answer.headers["ETag"])


@pytest.mark.parametrize("path", [HISTORY, MEDIA, "/v1/projects/mnist/runs/r1/overview", "/v1/runs"])
def test_who_has_the_answer_already_gets_304_until_something_arrives(start_hub, path: str) -> None:
    """A page that polls costs nothing."""
    hub, log = start_hub(refresh_interval_s=0.02), LogSpec().row({"loss": 1.0}, step=0)
    hub.append(0, log.data)
    # Until the index has looked at everything, an answer may still become another one.
    upkeep = hub.server._reading.upkeep
    until(lambda: upkeep.is_complete and not upkeep.waiting)
    etag = hub.call("GET", path).headers["ETag"]
    again = hub.call("GET", path, headers={"If-None-Match": f'W/{etag}, "x"'})
    assert (304, b"") == (again.status, again.body)
    before = len(log.data)
    hub.append(before, log.row({"loss": 2.0}, step=1).data[before:])
    while hub.call("GET", path, headers={"If-None-Match": etag}).status == 304:
        pass


def test_media_are_listed_with_where_they_are(hub) -> None:
    """Key, step, path, size, digest and caption, in the order of logging, by pages."""
    log = LogSpec()
    sha = hashlib.sha256(b"x").hexdigest()
    for at in range(5):
        image = Media("image", f"media/a_{at}.png", sha, 1, {"caption": f"no. {at}", "width": 8})
        log.row({"train/a" if at % 2 else "val/b": image}, step=at)
    hub.append(0, log.data)
    document = hub.call("GET", MEDIA).json
    assert [0, 1, 2, 3, 4] == [each["step"] for each in document["media"]]
    first = {"key": "val/b", "step": 0, "stream": "main", "type": "image", "path": "media/a_0.png"}
    first |= {"sha256": sha, "size": 1, "caption": "no. 0", "details": {"width": 8}}
    assert first == document["media"][0]
    assert (None, True) == (document["next"], document["complete"])
    pages, after = [], ""
    while after is not None:
        page = hub.call("GET", f"{MEDIA}?key=val/*&limit=2{after and '&after=' + after}").json
        pages.append([each["step"] for each in page["media"]])
        after = page["next"]
    assert [[0, 2], [4]] == pages


def test_media_are_read_on_and_not_anew(start_hub) -> None:
    """A log grows, another takes its name, a limit ends it: each time the list is right."""
    hub = start_hub(media_of_run_max=20)
    spec = RunSpec(hub.data).media("a.png").media("b.png")
    assert 2 == len(hub.call("GET", MEDIA).json["media"])
    spec.rows(3).media("c.png")
    assert 3 == len(hub.call("GET", MEDIA).json["media"])
    (spec.path / "main.0001.tlog").unlink()
    spec.new_log("main.0001.tlog").media("d.png")
    assert ["media/images/d.png"] == [each["path"] for each in hub.call("GET", MEDIA).json["media"]]
    for at in range(30):
        spec.media(f"e{at}.png")
    document = hub.call("GET", MEDIA).json
    assert (False, 20) == (document["complete"], len(document["media"]))
    assert 20 == len(hub.call("GET", MEDIA).json["media"])


def test_brackets_in_a_name_are_letters_where_it_is_meant(hub) -> None:
    """What is called `images[0]` is found by its name, beside what the pattern finds."""
    log, sha = LogSpec(), hashlib.sha256(b"x").hexdigest()
    for key in ("images[0]", "images0", "images1"):
        log.row({key: Media("image", f"media/{key}.png", sha, 1, {}), f"loss/{key}": 1.0}, step=0)
    hub.append(0, log.data)
    media = hub.call("GET", f"{MEDIA}?key=images%5B0%5D").json["media"]
    assert ["images[0]", "images0"] == [each["key"] for each in media]
    assert {"main:loss/images[0]", "main:loss/images0"} == set(series(hub, "?keys=loss/images%5B0%5D"))


def test_patterns_are_forgotten_with_the_question(hub) -> None:
    """`fnmatch` keeps tens of thousands of them for good: some hundred megabytes for one reader."""
    log, sha = LogSpec(), hashlib.sha256(b"x").hexdigest()
    log.row({"image": Media("image", "media/a.png", sha, 1, {}), "loss": 1.0}, step=0)
    hub.append(0, log.data)
    kept = fnmatch._compile_pattern.cache_info().currsize  # type: ignore[attr-defined]  # what grew is nowhere else to be seen
    for number in range(5):
        for path in (f"{HISTORY}?keys=a{number}*&stream=b{number}*", f"{MEDIA}?key=c{number}*"):
            assert 200 == hub.call("GET", path).status
        assert 200 == hub.call("GET", f"/v1/runs?project=d{number}*").status
    assert kept == fnmatch._compile_pattern.cache_info().currsize  # type: ignore[attr-defined]  # as above


@pytest.mark.parametrize("path", [HISTORY, MEDIA, "/v1/projects/mnist/runs/r1/overview"])
def test_of_a_run_that_is_not_there_nothing_is_told(hub, path: str) -> None:
    """404, and asking makes nothing."""
    answer = hub.call("GET", path)
    assert (404, "not-found") == (answer.status, answer.slug)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (HISTORY, "points=3"),
        (HISTORY, "points=1e3"),
        (HISTORY, "points=5&points=6"),
        (HISTORY, "x=epoch"),
        (HISTORY, "key=loss"),
        (MEDIA, "after=main.0001.tlog/x"),
        (MEDIA, "limit=0"),
        ("/v1/runs", "state=dead"),
        ("/v1/runs", "after=nothing"),
        ("/v1/runs", "after=nan/a/b"),
        ("/v1/runs", "limit=0"),
        ("/v1/runs", "include=rows"),
        ("/v1/runs", f"project={'x' * 600}"),
    ],
)
def test_a_query_that_is_not_understood_says_what_would_be(hub, path: str, query: str) -> None:
    """400 with the name of the value; nothing is passed over."""
    hub.append(0, LogSpec().row({"loss": 1.0}, step=0).data)
    answer = hub.call("GET", f"{path}?{query}")
    assert (400, "bad-request") == (answer.status, answer.slug)
    assert query.split("=")[0] in answer.json["detail"]


def test_a_line_of_questions_has_an_end(start_hub) -> None:
    """429 with Retry-After: an account's questions never wait in number."""
    hub = start_hub(questions_per_account_max=0)
    hub.append(0, LogSpec(LOG_ID).row({"loss": 1.0}, step=0).data)
    answer = hub.call("GET", HISTORY)
    assert (429, "too-many-requests", "2") == (answer.status, answer.slug, answer.headers["Retry-After"])
    assert 200 == hub.call("GET", log_path("mnist", "r1", "main.0001.tlog")).status
