"""Names of wandb's that few scripts use: what answers for them, and what a person is told."""

import copy
import errno
import inspect
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog.datastore import Reader
from tidelog.datastore.disk import Disk, StrPath
from tidelog.sdk.current import Current
from tidelog.sdk.errors import AbsentError, Error, UsageError
from tidelog.sdk.from_wandb import names
from tidelog.sdk.from_wandb.absent import PASSED, SILENT, STOPPED
from tidelog.sdk.from_wandb.artifact import Artifact
from tidelog.sdk.from_wandb.courtesies import generate_id
from tidelog.sdk.from_wandb.restoring import restore
from tidelog.sdk.recording import Run

RunScript = Callable[..., subprocess.CompletedProcess[str]]


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("tidelog: ")]


@pytest.fixture
def run(current: Current, tmp_path: Path) -> Run:
    arguments = {
        "project": "p",
        "mode": "offline",
        "dir": tmp_path / "root",
        "settings": {"quiet": True},
    }
    return current.init(arguments)


@pytest.mark.parametrize("name", sorted(STOPPED))
def test_what_would_train_nothing_stops_the_script_with_a_sentence(name: str, current: Current) -> None:
    """A sweep that is passed over would end as if all were well: it raises wandb's UsageError."""
    function = names.find_name(name, current)
    with pytest.raises(AbsentError, match=rf"^sdk\.{name}\(\) is not there; .*") as caught:
        function({"method": "grid"}, count=3)
    assert isinstance(caught.value, UsageError)
    assert isinstance(caught.value, Error)


@pytest.mark.parametrize("name", sorted(PASSED))
def test_what_can_be_passed_over_is_told_once_and_when_it_is_called(
    name: str, current: Current, capsys: pytest.CaptureFixture[str]
) -> None:
    """To look at the name says nothing; two calls say one sentence, which ends in the remedy."""
    function = names.find_name(name, current)
    assert [] == told(capsys)
    assert (None, None) == (function(1, a=2), names.find_name(name, current)())
    expected = f"tidelog: sdk.{name}() has no effect, training goes on; {PASSED[name]}"
    assert [expected] == told(capsys)


def test_functions_of_a_module_that_is_absent_are_told_by_their_full_name(
    current: Current, capsys: pytest.CaptureFixture[str]
) -> None:
    """`wandb.tensorboard.patch(root_logdir=...)` names itself."""
    names.find_name("tensorboard", current).patch(root_logdir="logs")
    (sentence,) = told(capsys)
    assert sentence.startswith("tidelog: sdk.tensorboard.patch() has no effect")


@pytest.mark.parametrize("name", sorted(SILENT))
def test_what_costs_nothing_to_leave_out_is_silent(
    name: str, current: Current, capsys: pytest.CaptureFixture[str]
) -> None:
    """`wandb.require("core")` and such change nothing that is recorded."""
    assert names.find_name(name, current)("core") is None
    assert [] == told(capsys)


@pytest.mark.parametrize("name", ["loog", "__wrapped__", "__path__x", "_private"])
def test_a_name_that_wandb_never_had_is_an_attribute_error(
    name: str, current: Current, run: Run
) -> None:
    """`hasattr`, `copy`, `inspect` and pytest rely on it."""
    with pytest.raises(AttributeError, match=name):
        names.find_name(name, current)
    with pytest.raises(AttributeError, match=name):
        getattr(run, name)


def test_looking_at_everything_tells_nobody_anything(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Debuggers and notebooks look at every name of an object."""
    from tidelog import sdk

    inspect.getmembers(sdk)
    inspect.getmembers(run)
    for name in (*STOPPED, *PASSED, *names.METHODS):
        assert hasattr(sdk, name)
    copy.copy(sdk.__getattr__("beta"))
    assert [] == told(capsys)


def test_callbacks_load_their_library_when_they_are_used(run_script: RunScript) -> None:
    """`hasattr(wandb, "keras")` needs no Keras; only a name of the module does."""
    result = run_script(
        """
        print([hasattr(sdk, name) for name in ("keras", "lightgbm", "sklearn", "xgboost")])
        print(sdk.lightgbm, hasattr(sdk.lightgbm, "__wrapped__"), "lightgbm" in sys.modules)
        from tidelog.sdk.integration.lightgbm import log_summary
        assert log_summary is sdk.lightgbm.log_summary is sdk.integration.lightgbm.log_summary
        """
    )
    expected = [
        "[True, True, True, True]",
        "<tidelog.sdk.integration.lightgbm, loaded when it is used> False False",
    ]
    assert (0, expected) == (result.returncode, result.stdout.splitlines()), result.stderr


def test_login_needs_and_keeps_no_key(
    current: Current, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """True at once; a key that is given is told once and written nowhere."""
    login = names.find_name("login", current)
    assert (True, []) == (login(), told(capsys))
    assert login(key="secret-key-0123456789") is True
    (sentence,) = told(capsys)
    assert "secret" not in sentence
    assert [] == [
        path for path in own_home.rglob("*") if path.is_file() and b"secret" in path.read_bytes()
    ]


def test_lines_for_the_terminal_are_printed(
    current: Current, capsys: pytest.CaptureFixture[str]
) -> None:
    """`termwarn(..., repeat=False)` prints the same line once."""
    for _ in range(2):
        names.find_name("termlog", current)("hello")
        names.find_name("termwarn", current)("beware", repeat=False)
    assert ["tidelog: hello", "tidelog: beware", "tidelog: hello"] == told(capsys)


def test_generated_ids_differ_and_fit_a_run() -> None:
    """Eight letters and digits, as wandb makes them."""
    ids = {generate_id() for _ in range(1000)}
    assert 1000 == len(ids)
    assert {8} == {len(each) for each in ids}
    assert all(each.isalnum() and each.isascii() for each in ids)


def test_a_run_answers_what_wandbs_runs_are_asked(run: Run) -> None:
    """Its path, whether it is offline, its settings; a sweep it has none."""
    assert f"p/{run.id}" == run.path
    assert (True, None, None) == (run.offline, run.sweep_id, run.get_project_url())
    assert (0, None) == (run.starting_step, run.url)
    assert ("offline", run.id) == (run.settings.mode, run.settings.run_id)
    assert "p" == run.project_name()
    assert run.id in run.to_html()


def test_teardown_and_join_end_the_run(current: Current, run: Run) -> None:
    """They are `finish` by older names."""
    names.find_name("join", current)()
    assert run.is_finished
    names.find_name("teardown", current)()


def test_an_artifacts_files_are_kept_in_the_run_every_version_of_them(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is in the ledger with its SHA-256, beside what else was said of the artifact."""
    (tmp_path / "model.bin").write_bytes(b"one")
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "a.txt").write_text("a")
    for content in (b"one", b"two"):
        (tmp_path / "model.bin").write_bytes(content)
        artifact = Artifact("my model", type="model", metadata={"epochs": 3})
        artifact.add_file(tmp_path / "model.bin", name="weights/best.bin")
        artifact.add_dir(tmp_path / "data")
        with artifact.new_file("notes.txt") as file:
            file.write("é")
        artifact.add_reference("s3://bucket/x")
        assert artifact is run.log_artifact(artifact, aliases=["best"]).wait()
    assert "v1" == artifact.version
    assert 1 == len(told(capsys))
    run.finish()
    expected = {
        f"files/artifacts/my model/{version}/{name}": content
        for version, first in (("v0", b"one"), ("v1", b"two"))
        for name, content in [
            ("weights/best.bin", first),
            ("deep/a.txt", b"a"),
            ("notes.txt", "é".encode()),
        ]
    }
    with Reader(run.dir) as reader:
        ledger = {entry.path for entry in reader.files()}
    for path, content in expected.items():
        assert content == (run.dir / path).read_bytes()
        assert path in ledger
    said = json.loads((run.dir / "files/artifacts/my model/v1/artifact.json").read_text())
    assert ("model", {"epochs": 3}, ["best"]) == (said["type"], said["metadata"], said["aliases"])
    assert ["s3://bucket/x"] == said["references"]


def test_a_path_is_an_artifact_and_a_missing_one_stops_nobody(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`log_artifact("model.bin", type="model")` and `log_model`; a copy that fails is told."""
    (tmp_path / "model.bin").write_bytes(b"m")
    run.log_artifact(str(tmp_path / "model.bin"), type="model")
    run.log_model(tmp_path / "model.bin", name="best")
    assert b"m" == (run.dir / "files/artifacts/model.bin/v0/model.bin").read_bytes()
    assert b"m" == (run.dir / "files/artifacts/best/v0/model.bin").read_bytes()
    told(capsys)
    run.log_artifact("missing.bin")
    (sentence,) = told(capsys)
    assert "missing.bin" in sentence


def test_an_artifact_writes_nowhere_but_in_its_own_folder(run: Run, tmp_path: Path) -> None:
    """Whatever its files are to be called; and a folder above the run leaves the run out."""
    (tmp_path / "a.txt").write_text("a")
    artifact = Artifact("../../up")
    artifact.add_file(tmp_path / "a.txt", name="../../../../outside.txt")
    artifact.add_dir(tmp_path, name="all")
    run.log_artifact(artifact)
    (folder,) = (run.dir / "files/artifacts").glob("*/v0")
    found = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert ["all/a.txt", "artifact.json", "outside.txt"] == found


def test_use_artifact_says_where_the_files_are_expected(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is fetched; the sentence names the folder and `fingerprint`."""
    assert "./artifacts/mnist:v3" == run.use_artifact("mnist:v3").download()
    assert "data" == run.use_artifact("mnist:v3").download(root="data")
    assert "./artifacts/net:latest" == run.use_model("net:latest")
    (sentence,) = told(capsys)
    assert "./artifacts/mnist:v3" in sentence
    assert "sdk.fingerprint(path)" in sentence


def test_restore_opens_what_a_run_saved(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From this run or, by its path, from another of the same root; None, told, where there is none."""
    (tmp_path / "c.json").write_text("{}")
    run.save(str(tmp_path / "c.json"), base_path=str(tmp_path))
    with restore(run, "c.json") as file:  # type: ignore[union-attr] # A file is there.
        assert ("{}", str(run.dir / "files" / "c.json")) == (file.read(), file.name)
    with restore(run, "c.json", f"me/p/{run.id}", root=tmp_path / "there") as file:  # type: ignore[union-attr]
        assert ("{}", str(tmp_path / "there" / "c.json")) == (file.read(), file.name)
    assert restore(run, "none.json", disk=Disk()) is None
    (sentence,) = told(capsys)
    assert "none.json" in sentence


class FullDisk(Disk):
    """A disk that takes no copy any more."""

    def copy(self, source: StrPath, path: StrPath, **_more: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))


def test_restore_on_a_full_disk_is_none_and_told(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What could not be copied ends no training."""
    (tmp_path / "c.json").write_text("{}")
    run.save(str(tmp_path / "c.json"), base_path=str(tmp_path))
    assert restore(run, "c.json", root=tmp_path / "there", disk=FullDisk()) is None
    (sentence,) = told(capsys)
    assert "No space left on device" in sentence


def test_an_artifact_that_cannot_be_kept_is_told(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is wrong with what it was given."""
    artifact = Artifact("a")
    artifact.add_file("nul\0byte")
    assert artifact is run.log_artifact(artifact)
    assert "could not copy everything" in told(capsys)[-1]


def test_without_a_run_the_script_goes_on(current: Current, capsys: pytest.CaptureFixture[str]) -> None:
    """Module functions for the current run tell that there is none, and return what can be used."""
    artifact = names.find_name("log_artifact", current)("x.bin")
    assert "x.bin" == artifact.wait().name
    assert names.find_name("restore", current)("x.bin") is None
    assert 1 == len(told(capsys))
