import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog.datastore import Reader
from tidelog.sdk.notices import Notices
from tidelog.sdk.syncing import sync_path

RunScript = Callable[..., subprocess.CompletedProcess[str]]


def test_wait_and_sync_upload_a_run_while_it_goes_on(run_script: RunScript, tmp_path: Path) -> None:
    """True means that the target has acknowledged all that was logged until then."""
    (tmp_path / "stick").mkdir()
    result = run_script(
        """
        to = f"file://{os.getcwd()}/stick"
        run = sdk.init(project="p", id="a", dir=ROOT, mode="offline")
        run.log({"a": 1})
        print(sdk.sync(to=to))
        from tidelog.datastore import Reader
        with Reader("stick/p/a") as reader:
            print(reader.rows, reader.state)
        run.log({"a": 2})
        run.finish()
        print(sdk.sync(ROOT, to=to))
        """
    )
    assert ["True", "1 running", "True"] == result.stdout.splitlines()
    with Reader(tmp_path / "stick/p/a") as reader:
        assert (2, "finished") == (reader.rows, reader.state)


def test_a_hub_that_is_away_is_told_and_false(run_script: RunScript) -> None:
    """Training goes on; the sentence says what to do later."""
    result = run_script(
        """
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        run.log({"a": 1})
        print(sdk.wait(timeout=0.2))
        """,
        TIDELOG_HUB="http://127.0.0.1:9",
        TIDELOG_API_KEY="tide_x",
    )
    assert ("False\n", 0) == (result.stdout, result.returncode)
    assert "is not uploaded whole: the target could not be reached" in result.stderr


def test_what_is_no_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """syncd says more on the same stderr."""
    to = f"file://{tmp_path}/stick"
    assert not sync_path(str(tmp_path / "none"), to=to, timeout_s=1.0, notices=Notices())
    assert "there is no target, no key, or no run at this path" in capsys.readouterr().err


def test_without_a_run_there_is_nothing_to_wait_for(run_script: RunScript) -> None:
    """Told once each."""
    result = run_script("print(sdk.wait(), sdk.sync())")
    assert ("False False\n", 0) == (result.stdout, result.returncode)
    assert "call sdk.init() first" in result.stderr


@pytest.mark.parametrize(("path", "timeout_s"), [("a", None), ("a", "soon"), ("a\0b", 1.0), (5, 1.0)])
def test_what_cannot_be_asked_of_syncd_is_told(
    path: Any, timeout_s: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake in an upload ends no training."""
    assert not sync_path(path, to=None, timeout_s=timeout_s, notices=Notices())
    assert "syncd could not be started" in capsys.readouterr().err
