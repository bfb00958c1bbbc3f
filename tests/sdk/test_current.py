import argparse
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tidelog.datastore import Reader
from tidelog.datastore.disk import Disk, Entry, StrPath
from tidelog.sdk.current import Current

Lines = pytest.CaptureFixture[str]


def warnings(capsys: Lines) -> list[str]:
    text = capsys.readouterr().err
    return [
        line
        for line in text.splitlines()
        if line.startswith("tidelog: ")
        and not re.match(r"tidelog: (recording|resuming) |.* after \d", line)
    ]


def test_init_records_what_the_run_is(begin: Any, tmp_path: Path) -> None:
    """Facts are in the log at once; git, run.json and `latest` follow beside training."""
    run = begin(
        name="n", id="my id [1]", group="g", job_type="j", tags=["a"], notes="x", entity="e",
        config=argparse.Namespace(lr=1),
    )  # fmt: skip
    assert tmp_path / "root/p/my id [1]" == run.dir
    with Reader(run.dir) as reader:
        facts = reader.metadata
        assert ("my id [1]", "p", "n", "running") == (
            reader.id, reader.project, reader.name, reader.state
        )  # fmt: skip
        assert {"group": "g", "job_type": "j", "tags": ["a"], "notes": "x", "entity": "e"} == {
            key: facts[key] for key in ("group", "job_type", "tags", "notes", "entity")
        }
        assert {"argv", "python", "cwd", "pid", "host", "start_time"} <= set(facts)
        assert {"lr": 1} == reader.config
    run.finish()
    with Reader(run.dir) as reader:
        assert {"commit", "branch", "dirty"} <= set(reader.metadata["git"])
    assert os.readlink(tmp_path / "root/latest") == "p/my id [1]"
    assert '"lr": 1' in (run.dir / "run.json").read_text()
    assert (run.dir / "summary.json").exists()


def test_environment_variables_are_not_recorded(begin: Any, monkeypatch: Any) -> None:
    """A secret in the environment is in no byte of the run."""
    monkeypatch.setenv("AWS_SECRET", "hunter2hunter2")
    run = begin()
    run.finish()
    for path in run.dir.rglob("*"):
        assert path.is_dir() or b"hunter2" not in path.read_bytes()


def test_an_id_that_is_there_is_resumed(begin: Any, tmp_path: Path) -> None:
    """A new log file; name, config, summary and step go on from where they were."""
    first = begin(id="a", config={"lr": 1})
    for step in range(3):
        first.log({"loss": step})
    first.finish()
    second = begin(id="a", config={"epochs": 2})
    assert (True, 3, first.name) == (second.resumed, second.step, second.name)
    assert {"lr": 1, "epochs": 2} == second.config.as_dict()
    assert {"loss": 2} == second.summary.as_dict()
    second.log({"loss": 9})
    second.finish()
    with Reader(second.dir) as reader:
        assert [0, 1, 2, 3] == list(reader.history()["_step"])
        assert ["main.0001.tlog", "main.0002.tlog"] == reader.logs
        assert ({"lr": 1, "epochs": 2}, first.name) == (reader.config, reader.name)


def test_never_and_must_resume_are_obeyed_or_told(begin: Any, capsys: Lines) -> None:
    """`never` takes an id beside; `must` without a run begins one, and says so."""
    begin(id="a").finish()
    never = begin(id="a", resume="never")
    assert "a-2" == never.id
    never.finish()
    must = begin(id="new", resume="must")
    assert not must.resumed
    assert ["a-2" in w or "no run" in w for w in warnings(capsys)] == [True, True]


def test_a_run_that_cannot_be_read_back_is_resumed_all_the_same(begin: Any, capsys: Lines) -> None:
    """A log that is no log does not stop training."""
    run = begin(id="a")
    run.finish()
    (run.dir / "main.0001.tlog").write_bytes(b"x" * 500)
    again = begin(id="a")
    again.log({"a": 1})
    assert again.step == 1
    assert again.dir == run.dir


BAD_NAMES = ["a/b", "..", "nul\0nul", "n" * 300, "", 7, "-x", "trailing."]


@pytest.mark.parametrize(
    ("what", "name"),
    # An empty id is none: the run gets one of its own.
    [(w, n) for w in ("project", "name", "id") for n in BAD_NAMES if (w, n) != ("id", "")],
)
def test_a_bad_name_is_told_and_a_safe_one_is_used(
    begin: Any, capsys: Lines, tmp_path: Path, what: str, name: Any
) -> None:
    """One sentence names the value; the run is recorded below the root and nowhere else."""
    run = begin(**{what: name})
    run.log({"a": 1})
    (line,) = warnings(capsys)
    assert f"run {what}" in line or what in line
    assert "the run is recorded under" in line
    root = tmp_path / "root"
    assert root == run.dir.parent.parent
    assert run.dir.resolve().is_relative_to(root)
    with Reader(run.dir) as reader:
        assert 1 == reader.rows


def test_a_directory_that_cannot_be_written_disables_the_run(
    begin: Any, capsys: Lines, tmp_path: Path
) -> None:
    """One sentence with the remedy; everything is accepted from then on."""
    (tmp_path / "file").write_text("")
    run = begin(dir=tmp_path / "file")
    run.log({"a": 1})
    run.summary["x"] = 1
    run.config["y"] = 2
    run.save(__file__)
    run.finish()
    (line,) = warnings(capsys)
    assert "TIDELOG_DIR=" in line
    assert ("disabled", True, {"x": 1}, {"y": 2}) == (run.mode, run.disabled, run.summary, run.config)


def test_a_disabled_run_accepts_everything_and_writes_nothing(
    begin: Any, tmp_path: Path, capsys: Lines
) -> None:
    """Not even bad values are told."""
    run = begin(mode="disabled")
    run.log({"a": object(), 3: 4})
    run.log({"a": 1})
    run.log(None)
    run.define_metric("x", summary="min")
    run.alert("x")
    assert 1 == run.step
    run.finish()
    assert [] == list(tmp_path.iterdir())
    assert "" == capsys.readouterr().err


def test_a_second_init_returns_the_open_run_unless_told_otherwise(
    begin: Any, current: Current, capsys: Lines
) -> None:
    """As wandb does; `reinit=True` finishes it first, "create_new" keeps both."""
    first = begin()
    assert first is begin(config={"lr": 1})
    assert {"lr": 1} == first.config.as_dict()
    second = begin(reinit=True)
    third = begin(reinit="create_new")
    assert len({first, second, third}) == 3
    assert second is current.run
    assert ["pass reinit=True" in w for w in warnings(capsys)] == [True]
    first.log({"a": 1})
    second.log({"a": 1})
    third.log({"a": 1})
    third.finish()
    assert second is current.run
    second.finish()
    assert current.run is None


def test_unknown_arguments_are_told_with_what_to_do_instead(begin: Any, capsys: Lines) -> None:
    """One sentence each."""
    begin(unknown={"sync_tensorboard": True, "strange": 1, "monitor_gym": False})
    told = warnings(capsys)
    assert 2 == len(told)
    assert "run.log(...) too" in told[0]
    assert "strange" in told[1]


class Hostile:
    """Raises whatever it is asked for."""

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __fspath__ = __str__


@pytest.mark.parametrize("argument", ["id", "project", "dir", "tags", "config", "mode", "settings"])
def test_an_argument_that_raises_ends_no_training(argument: str, current: Current) -> None:
    """There is a run to log to in any case."""
    run = current.init({"mode": "disabled", argument: Hostile()})
    run.log({"loss": 1})
    run.finish()
    assert run.is_finished


def test_before_init_nothing_raises(current: Current, capsys: Lines) -> None:
    """What is set without a run is told once and kept nowhere."""
    current.config()["lr"] = 1
    current.summary().update({"x": 1})
    assert current.find("log()") is None
    assert 1 == len(warnings(capsys))


def test_a_broken_settings_file_is_told_and_passed_over(
    current: Current, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Lines
) -> None:
    """The sentence names the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".tidelog.toml").write_text("not toml")
    run = current.init({"project": "p"})
    assert tmp_path / "tidelog/p" == run.dir.parent
    assert ".tidelog.toml" in warnings(capsys)[0]


def test_quiet_hides_the_blocks_and_keeps_the_warnings(tmp_path: Path, capsys: Lines) -> None:
    """Data that is left out is never left out silently."""
    quiet = Current(environ={"TIDELOG_QUIET": "1"})
    run = quiet.init({"project": "p", "mode": "offline", "dir": tmp_path})
    run.log({"a": b"1"})
    run.finish()
    (line,) = capsys.readouterr().err.splitlines()
    assert "'a'" in line


def test_wandbs_variables_are_a_fallback(tmp_path: Path) -> None:
    """A user who comes from there changes one import."""
    environ = {
        "WANDB_PROJECT": "wp", "WANDB_DIR": str(tmp_path), "WANDB_NAME": "wn",
        "WANDB_MODE": "offline", "WANDB_TAGS": "a,b", "TIDELOG_NAME": "tn",
    }  # fmt: skip
    moved = Current(environ=environ)
    run = moved.init({})
    assert ("wp", "tn", ("a", "b")) == (run.project, run.name, run.tags)
    assert tmp_path / "wp" == run.dir.parent
    run.finish()


def test_ranks_that_share_an_id_share_the_directory(tmp_path: Path) -> None:
    """Rank 0 writes main; the others streams of their own, none of them resumed."""
    environ = {"TIDELOG_RUN_ID": "job", "TIDELOG_DIR": str(tmp_path), "WORLD_SIZE": "3"}
    ranks = [Current(environ={**environ, "RANK": str(rank)}) for rank in range(3)]
    runs = [rank.init({"project": "p", "mode": "offline"}) for rank in ranks]
    for number, run in enumerate(runs):
        run.log({f"x{number}": number})
        assert not run.resumed
    for run in runs:
        run.finish()
    logs = {path.name for path in (tmp_path / "p/job").glob("*.tlog")}
    assert {"main.0001.tlog", "rank1.0001.tlog", "rank2.0001.tlog"} == logs
    with Reader(tmp_path / "p/job") as reader:
        assert {"x0": 0, "x1": 1, "x2": 2} == reader.summary


class StaleDisk(Disk):
    """A disk whose listings are from before the logs came, as another process's or NFS's are."""

    def list(self, path: StrPath) -> list[Entry]:
        return [entry for entry in super().list(path) if not entry.is_file]


def test_processes_that_begin_one_run_at_one_moment_take_different_files(
    tmp_path: Path, capsys: Lines
) -> None:
    """Whoever loses the race for a name takes the next one, at once and without a word."""
    racers = [Current(disk=StaleDisk(), environ={"TIDELOG_MONITOR": "off"}) for _ in range(3)]
    runs = [
        racer.init({"id": "a", "project": "p", "mode": "offline", "dir": tmp_path}) for racer in racers
    ]
    for number, run in enumerate(runs):
        run.log({f"x{number}": number})
        assert "offline" == run.mode
    assert [] == warnings(capsys)
    with Reader(runs[0].dir) as reader:
        assert ["main.0001.tlog", "main.0002.tlog", "main.0003.tlog"] == reader.logs
        assert {"x0": 0, "x1": 1, "x2": 2} == reader.summary
    for run in runs:
        run.finish()


def test_a_run_that_fails_to_begin_leaves_no_open_log(begin: Any, tmp_path: Path, capsys: Lines) -> None:
    """Its log says that it failed; no thread and no descriptor is kept."""
    run = begin(id="a", tags=["x" * 10_000] * 2000)
    assert run.disabled
    (line,) = warnings(capsys)
    assert "init() failed" in line
    with Reader(tmp_path / "root/p/a") as reader:
        assert ("failed", 1) == (reader.state, reader.exit_code)


def test_a_config_that_cannot_be_read_leaves_the_run_as_it_is(begin: Any, capsys: Lines) -> None:
    """Only the config is missing, which is told."""

    class Broken:
        def as_dict(self) -> dict[str, Any]:
            raise ValueError("Missing mandatory value: lr")

    run = begin(config=Broken())
    run.config.update(Broken())
    run.log({"a": 1})
    assert not run.disabled
    (line,) = warnings(capsys)
    assert "Missing mandatory value: lr" in line


class BrokenDisk(Disk):
    """A disk with a bug of ours in it."""

    def make_directory(self, path: StrPath, *, mode: int = 0o777) -> None:
        raise RuntimeError("a bug")


def test_a_bug_of_ours_at_init_does_not_end_training(tmp_path: Path, capsys: Lines) -> None:
    """One sentence, and a run that accepts everything."""
    broken = Current(disk=BrokenDisk(), environ={"TIDELOG_MONITOR": "off"})
    run = broken.init({"project": "p", "mode": "offline", "dir": tmp_path / "root"})
    run.log({"a": 1})
    run.finish()
    assert run.disabled
    (line,) = warnings(capsys)
    assert "init() failed (RuntimeError: a bug)" in line


def test_a_file_of_defaults_is_read(
    begin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Lines
) -> None:
    """wandb's config-defaults.yaml in the working directory; what the script says goes before it."""
    monkeypatch.chdir(tmp_path)
    Path("config-defaults.yaml").write_text("lr: {desc: rate, value: 0.1}\nepochs: {value: 5}\n")
    run = begin(config={"lr": 0.5})
    assert {"lr": 0.5, "epochs": 5} == run.config.as_dict()
    assert [] == warnings(capsys)


def test_a_config_that_differs_from_that_of_the_earlier_life_is_told(begin: Any, capsys: Lines) -> None:
    """It is recorded; `allow_val_change` says that it is meant."""
    begin(id="a", config={"lr": 1}).finish()
    begin(id="a", config={"lr": 2}).finish()
    (line,) = warnings(capsys)
    assert "config 'lr' was 1 and is now 2" in line
    third = begin(id="a", config={"lr": 3}, allow_val_change=True)
    assert (3, []) == (third.config.lr, warnings(capsys))


def test_keys_of_a_config_may_be_chosen(begin: Any) -> None:
    """As wandb does it: no key means all. One name may stand alone; a text is no list of letters."""
    config = {"a": 1, "b": 2, "lr": 3}
    for expected, include, exclude in [
        ({"a": 1}, ["a", "b"], ["b"]),
        ({"lr": 3}, "lr", None),
        ({"a": 1, "b": 2}, [], "lr"),
        (config, [], None),
        ({}, 5, None),
    ]:
        chosen = begin(
            config=config, config_include_keys=include, config_exclude_keys=exclude, reinit=True
        )
        assert expected == chosen.config.as_dict()


def test_a_summary_value_that_is_deleted_is_none(begin: Any) -> None:
    """What was recorded stays, and is overruled."""
    run = begin()
    run.log({"loss": 1, "acc": 2})
    del run.summary["loss"]
    assert {"loss": None, "acc": 2} == run.summary
    with Reader(run.dir) as reader:
        assert {"loss": None, "acc": 2} == reader.summary


def test_save_without_a_path_is_told(begin: Any, capsys: Lines) -> None:
    """wandb raises there."""
    assert [] == begin().save()
    (line,) = warnings(capsys)
    assert "give a file or pattern" in line
