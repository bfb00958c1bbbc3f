"""GET of the runs: filters, orders, pages, and who sees which."""

import pytest
from log_spec import LogSpec
from run_spec import RunSpec
from waiting import until

from tidelog.datastore.records import EXIT


@pytest.fixture
def full_hub(start_hub):
    """A hub with five runs of two projects; the first is the youngest, two have ended."""
    hub = start_hub(refresh_interval_s=0.02)
    for at, (project, run) in enumerate([("b", "1"), ("b", "2"), ("a", "3"), ("a", "4"), ("a", "5")]):
        log = LogSpec().row({"loss": 1.0}, step=0, time=1000.0 - at)
        if at in (1, 3):
            log.record(EXIT, 2000.0, {"code": at - 1, "reason": ""})
        hub.append(0, log.data, name=(project, run, "main.0001.tlog"))
    return hub


def ids(hub, query: str = "", **how) -> list[str]:
    return [run["run"] for run in hub.call("GET", f"/v1/runs{query}", **how).json["runs"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["3", "4", "5", "1", "2"]),
        ("?project=b", ["1", "2"]),
        ("?project=*", ["3", "4", "5", "1", "2"]),
        ("?state=running", ["3", "5", "1"]),
        ("?state=failed&state=finished", ["4", "2"]),
        ("?order=newest", ["1", "2", "3", "4", "5"]),
        ("?order=newest&project=a&state=running", ["3", "5"]),
        ("?project=nothing", []),
    ],
)
def test_a_list_holds_what_was_asked_for_in_its_order(full_hub, query: str, expected: list) -> None:
    """Filters hold together; several states count together."""
    assert expected == ids(full_hub, query)


def test_brackets_in_a_project_are_letters(hub) -> None:
    """As in a grant: a project is found by its own name, and by `*` and `?`."""
    for project in ("net[12]", "net1"):
        hub.append(0, LogSpec().row({"loss": 1.0}, step=0).data, name=(project, "r", "main.0001.tlog"))
    runs = hub.call("GET", "/v1/runs?project=net%5B12%5D").json["runs"]
    assert ["net[12]"] == [run["project"] for run in runs]
    assert 2 == len(ids(hub, "?project=ne?*"))


@pytest.mark.parametrize("order", ["name", "newest"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_hold_each_run_once(full_hub, order: str, limit: int) -> None:
    """`next` leads from one to the next, also with config and summary."""
    for include in ("", "&include=config"):
        found, after = [], ""
        while after is not None:
            page = full_hub.call(
                "GET", f"/v1/runs?order={order}&limit={limit}{include}{after and '&after=' + after}"
            ).json
            found += [run["run"] for run in page["runs"]]
            after = page["next"]
        assert ids(full_hub, f"?order={order}") == found


def test_a_page_ends_where_it_is_large_enough(start_hub) -> None:
    """Config and summary have no limit of their own there; `next` goes on."""
    hub = start_hub(page_bytes_max=10)
    for run in ("1", "2"):
        hub.append(0, LogSpec().row({"loss": 1.0}, step=0).data, name=("p", run, "main.0001.tlog"))
    page = hub.call("GET", "/v1/runs?include=summary").json
    assert (["1"], "/p/1") == ([run["run"] for run in page["runs"]], page["next"])


def test_another_teams_runs_are_nowhere(full_hub) -> None:
    """Neither in a list of any kind, nor by asking for their project, nor in the answer's tag."""
    key = full_hub.server.keys.create("team", role="read", project="b*")
    assert ["1", "2"] == ids(full_hub, key=key)
    assert [] == ids(full_hub, "?project=a", key=key)
    assert [] == ids(full_hub, "?order=newest&after=1000.0/a/0&project=a", key=key)
    etag = full_hub.call("GET", "/v1/runs").headers["ETag"]
    assert 200 == full_hub.call("GET", "/v1/runs", key=key, headers={"If-None-Match": etag}).status


def test_what_is_too_long_for_the_index_is_null_and_named(start_hub) -> None:
    """The logs have it still."""
    hub = start_hub(facts_bytes_max=100)
    hub.append(0, LogSpec().row({f"key{at}": at for at in range(50)}, step=0).data)
    overview = hub.call("GET", "/v1/projects/mnist/runs/r1/overview").json
    assert (None, {}, ["summary"]) == (overview["summary"], overview["config"], overview["left_out"])


def test_files_are_counted(start_hub) -> None:
    """Their number and bytes, those of other ways than the hub's as well."""
    hub = start_hub(refresh_interval_s=0.02, tick_s=0.05, scan_interval_s=0.1, scan_rest=1.0)
    RunSpec(hub.data).media("a.png", size=500).saved("b.bin", size=100)
    until(
        lambda: (
            [(2, 600)]
            == [(r["files"], r["files_bytes"]) for r in hub.call("GET", "/v1/runs").json["runs"]]
        )
    )
