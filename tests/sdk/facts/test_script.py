"""What was run, as scripts themselves tell it; and launchers by the command lines that they leave."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tidelog.datastore.disk import Disk
from tidelog.sdk.facts.script import launcher_command, parse_launcher

TELL = (
    "import json; from tidelog.sdk.facts.script import script_facts; print(json.dumps(script_facts()))"
)


def told(folder: Path, *arguments: str) -> dict[str, Any]:
    environ = {k: v for k, v in os.environ.items() if k != "JPY_SESSION_NAME"}
    out = subprocess.check_output([sys.executable, *arguments], cwd=folder, env=environ, text=True)
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "pkg").mkdir()
    for name in ("pkg/__init__.py", "pkg/train.py", "pkg/__main__.py", "train.py"):
        (tmp_path / name).write_text("" if name.endswith("__init__.py") else TELL)
    return tmp_path


def test_a_script_is_told_with_its_command_line(code: Path) -> None:
    """The interpreter's own options included, secrets not."""
    facts = told(code, "-O", "train.py", "--lr", "1", "--token", "x")
    assert [sys.executable, "-O", "train.py", "--lr", "1", "--token", "***"] == facts["command"]
    assert ["train.py", "--lr", "1", "--token", "***"] == facts["argv"]
    assert (str(code / "train.py"), str(code)) == (os.path.join(code, facts["program"]), facts["cwd"])
    assert "module" not in facts
    assert (sys.version.split()[0], sys.executable) == (facts["python"], facts["executable"])


@pytest.mark.parametrize(
    ("module", "file"),
    [("pkg.train", "pkg/train.py"), ("pkg", "pkg/__main__.py"), ("train", "train.py")],
)
def test_a_module_is_told_by_its_name(code: Path, module: str, file: str) -> None:
    """And its file, which sys.argv alone would name."""
    facts = told(code, "-m", module, "a")
    assert [sys.executable, "-m", module, "a"] == facts["command"]
    assert (module, str(code / file)) == (facts["module"], facts["program"])


def test_code_on_the_command_line_is_the_command(code: Path) -> None:
    """It has no file."""
    facts = told(code, "-c", TELL)
    assert [sys.executable, "-c", TELL] == facts["command"]
    assert {"program", "module"}.isdisjoint(facts)


def test_a_process_whose_working_directory_is_gone_has_none(tmp_path: Path) -> None:
    """The rest is told."""
    gone = tmp_path / "gone"
    gone.mkdir()
    facts = told(tmp_path, "-c", f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r}); {TELL}")
    assert "cwd" not in facts
    assert "command" in facts


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        (["/v/python", "/v/torchrun", "-n2", "t.py"], "/v/python\0/v/torchrun\0-n2\0t.py\0"),
        (["python", "-m", "torch.distributed.run", "t.py"], "python\0-m\0torch.distributed.run\0t.py\0"),
        (["mpirun", "-n", "2", "python", "t.py", "--token", "***"],
         "mpirun\0-n\0002\0python\0t.py\0--token\0x"),
        (["accelerate", "launch", "t.py"], "accelerate\0launch\0t.py\0"),
        (None, "bash\0-c\0python t.py\0"),
        (None, "-bash\0"),
        (None, ""),
    ],
)  # fmt: skip
def test_launchers_are_known_by_name(expected: list[str] | None, line: str) -> None:
    """Whether they are programs or modules; a shell is none."""
    assert expected == parse_launcher(line)


def test_the_parent_is_asked_whether_it_is_a_launcher(tmp_path: Path) -> None:
    """A script that is called torchrun and starts a worker, as torchrun does; a shell is none."""
    (tmp_path / "worker.py").write_text(
        "import json; from tidelog.datastore.disk import Disk\n"
        "from tidelog.sdk.facts.script import launcher_command\n"
        "print(json.dumps(launcher_command(disk=Disk())))\n"
    )
    (tmp_path / "torchrun").write_text(
        "import subprocess, sys\nsubprocess.run([sys.executable, *sys.argv[2:]], check=True)\n"
    )
    command = [sys.executable, "torchrun", "--nproc-per-node=1", "worker.py"]
    out = subprocess.check_output(command, cwd=tmp_path, text=True)
    assert command == json.loads(out)
    assert launcher_command(disk=Disk(), system_root=str(tmp_path)) is None
