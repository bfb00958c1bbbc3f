import os
from pathlib import Path

import pytest

from tidelog.datastore.settings import Setting
from tidelog.sdk.ranks import ALONE, Rank
from tidelog.sdk.run_plan import Plan, make_plan


def plan(arguments: dict[str, object] | None = None, rank: Rank = ALONE, **settings: str) -> Plan:
    stated = {name: Setting(value, "test") for name, value in settings.items()}
    return make_plan(arguments or {}, stated, rank=rank, now=0.0, entropy=lambda n: bytes(range(n)))


def test_without_arguments_a_run_is_recorded_offline_below_the_working_directory() -> None:
    """Project, id and name are made up."""
    made = plan()
    assert ("offline", "uncategorized", "19700101-000000-abcdef", "amber-atoll-2") == (
        made.mode, made.project, made.run_id, made.name
    )  # fmt: skip
    assert os.path.abspath("tidelog/uncategorized/19700101-000000-abcdef") == made.directory
    assert [] == made.notices


@pytest.mark.parametrize(
    ("expected", "arguments", "settings"),
    [
        ("offline", {}, {}),
        ("online", {}, {"hub": "http://127.0.0.1:1"}),
        ("offline", {}, {"hub": "http://127.0.0.1:1", "mode": "offline"}),
        ("disabled", {"mode": "disabled"}, {"mode": "online"}),
        ("offline", {"mode": "dryrun"}, {}),
        ("online", {"mode": "ONLINE"}, {}),
        ("offline", {"mode": ""}, {}),
    ],
)
def test_the_mode_is_the_argument_the_setting_or_online_where_there_is_a_hub(
    expected: str, arguments: dict[str, object], settings: dict[str, str]
) -> None:
    """Arguments win over settings."""
    assert expected == plan(arguments, **settings).mode


def test_a_working_directory_that_was_deleted_does_not_stop_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is recorded below the home directory, which is told; an absolute `dir` is as ever."""
    monkeypatch.setenv("HOME", "/home/someone")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    made = plan()
    assert "/home/someone/tidelog" == made.root
    ((_, text),) = made.notices
    assert "working directory" in text
    assert "/home/someone/tidelog" in text
    assert "/home/someone/out" == plan({"dir": "out"}).root
    assert ("/r", []) == (plan({"dir": "/r"}).root, plan({"dir": "/r"}).notices)
    assert ("disabled", []) == (plan({"mode": "disabled"}).mode, plan({"mode": "disabled"}).notices)


def test_arguments_win_over_settings() -> None:
    """What is not given is taken from the settings."""
    made = plan(
        {"project": "a", "tags": ["x", 1], "group": None, "dir": "/r"},
        project="b", run_id="id", name="n", group="g", tags="p, q,", quiet="true",
    )  # fmt: skip
    assert ("a", "id", "n", "/r/a/id") == (made.project, made.run_id, made.name, made.directory)
    assert (["x", "1"], "g") == (made.facts["tags"], made.facts["group"])
    assert made.is_quiet
    assert ["p", "q"] == plan(tags="p, q,").facts["tags"]
    assert ["\\ud800"] == plan(tags="\ud800").facts["tags"], "text that no record could hold"


@pytest.mark.parametrize(
    ("expected", "words", "arguments"),
    [
        ({"project": "a-b"}, "project 'a/b' holds '/'", {"project": "a/b"}),
        ({"project": "unnamed"}, "project '..' means a directory", {"project": ".."}),
        ({"run_id": "a-b-59b271ae"}, "run id 'a\\x00b' holds '\\x00'", {"id": "a\0b"}),
        ({"name": "n" * 128}, "has 300 bytes", {"name": "n" * 300}),
        ({"project": "7"}, "is of type int", {"project": 7}),
        ({"mode": "offline"}, "mode 'onlin' is none of", {"mode": "onlin"}),
        ({"mode": "offline"}, "mode 7 is none of", {"mode": 7}),
        ({"durability": "process"}, "is none of", {"settings": {"durability": "x"}}),
        ({}, "does not know frobnicate", {"settings": {"frobnicate": "fork"}}),
        ({}, "log the values with run.log", {"unknown": {"sync_tensorboard": True}}),
        ({}, "init(wat=...) is not supported", {"unknown": {"wat": 1}}),
    ],
)
def test_what_does_not_fit_is_replaced_by_something_that_works(
    expected: dict[str, str], words: str, arguments: dict[str, object]
) -> None:
    """One sentence names the value; the run begins all the same."""
    made = plan(arguments)
    assert expected == {name: getattr(made, name) for name in expected}
    ((_, text),) = made.notices
    assert words in text


def test_ranks_that_share_a_run_id_share_the_directory() -> None:
    """They write streams of their own, without blocks on stderr; without an id a rank is told."""
    third = plan({"id": "job"}, Rank(3, 8))
    assert (plan({"id": "job"}, Rank(0, 8)).directory, "rank3") == (
        third.directory, third.rank.stream
    )  # fmt: skip
    assert third.is_quiet
    assert [] == third.notices
    assert (3, 8) == (third.facts["rank"], third.facts["world_size"])
    ((_, text),) = plan({}, Rank(3, 8)).notices
    assert "TIDELOG_RUN_ID" in text


def test_two_ids_that_do_not_fit_never_become_one_run() -> None:
    """What is made from an id carries digits of the whole of it; an empty id is none."""
    ids = ["x" * 200 + "seed1", "x" * 200 + "seed2", ".x", "-x", "x.", "x", "a/b", "a:b", ".", ".."]
    made = [plan(id=run_id).run_id for run_id in ids]
    assert len(ids) == len(set(made))
    assert "x" == made[ids.index("x")]
    assert plan().run_id == plan(id="").run_id


@pytest.mark.parametrize(
    ("expected", "settings"),
    [
        (10.0, {}),
        (None, {"monitor": "off"}),
        (None, {"monitor": False}),
        (2.5, {"monitor": "2.5"}),
        (None, {"x_disable_stats": True}),
        (None, {"_disable_stats": True}),
        (30.0, {"x_stats_sampling_interval": 30}),
        (10.0, {"start_method": "thread", "init_timeout": 60, "show_emoji": False, "x_label": "a"}),
    ],
)
def test_the_monitors_interval_is_a_setting(expected: float | None, settings: dict[str, object]) -> None:
    """wandb's settings mean the same; those of its process and page are passed over in silence."""
    made = plan({"settings": settings})
    assert (expected, []) == (made.monitor_interval_s, made.notices)


@pytest.mark.parametrize(
    ("expected", "resume"),
    [("auto", True), ("auto", "auto"), ("allow", "allow"), ("must", "MUST"), (None, False), (None, "")],
)
def test_resume_takes_wandbs_words(expected: str | None, resume: object) -> None:
    """True is "auto", as with wandb."""
    made = plan({"resume": resume})
    assert (expected, []) == (made.resume, made.notices)


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("resume 'sometimes' is none of allow, must, never, auto", {"resume": "sometimes"}),
        ("console 'tape' is none of wrap, redirect, off", {"settings": {"console": "tape"}}),
        ("monitor 'x' is neither off nor", {"settings": {"monitor": "x"}}),
        ("ranks 'one' is none of all, zero", {"settings": {"ranks": "one"}}),
    ],
)
def test_a_choice_that_is_none_is_told(words: str, arguments: dict[str, object]) -> None:
    """The sentence names what it may be."""
    ((_, text),) = plan(arguments).notices
    assert words in text
