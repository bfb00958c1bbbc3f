"""`--only` and `--no-media`: what is held back is said, and travels when nobody holds it back."""

import json
from pathlib import Path

from run_spec import RunSpec, tree
from syncd_process import run_syncd


def test_what_is_held_back_travels_later(tmp_path: Path) -> None:
    """Records always travel; a later sync without the filter sends the rest."""
    root, stick = tmp_path / "root", tmp_path / "stick"
    RunSpec(root).rows(3).media("a.png").saved("model.bin", 100).rows(2).finish()
    command = ("sync", str(root), "--to", f"file://{stick}")

    answer = json.loads(run_syncd(*command, "--no-media", "--json").stdout)
    assert ("whole", 1, 1, 1) == tuple(
        answer[name] for name in ("state", "files", "files_done", "files_held_back")
    )
    lacking = {path for path in tree(root) if path not in tree(stick)}
    assert {"mnist/r1/media/images/a.png"} == lacking

    again = run_syncd(*command, "--only", "*.npz")
    assert "2 files (" in again.stderr
    assert "were held back as you asked" in again.stderr

    assert 0 == run_syncd(*command).returncode
    assert tree(root) == tree(stick)
