"""Where somebody else has the streams in hand already: notebooks, and pytest's capture."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from console_reading import printed
from waiting import PATIENCE_S

OnlyRun = Callable[[], Path]

# Ports would be looked up for the kernel, and could be another test's by the time that it listens;
# the path of a socket has to be short.
RUN_NOTEBOOK = """
import sys, tempfile, nbformat, nbclient
from traitlets.config import Config
cells = [nbformat.v4.new_code_cell(code) for code in sys.argv[2:]]
notebook = nbformat.v4.new_notebook(cells=cells)
with tempfile.TemporaryDirectory(prefix="tidelog-") as folder:
    sockets = Config(ConnectionFileMixin={"transport": "ipc", "ip": f"{folder}/kernel"})
    where = {"metadata": {"path": sys.argv[1]}}
    nbclient.NotebookClient(notebook, config=sockets, resources=where).execute()
for cell in cells:
    print([(out.name, out.text) for out in cell.outputs])
"""


@pytest.mark.parametrize("console", ["off", "wrap", "redirect"])
def test_cells_of_a_notebook_show_what_they_showed(
    console: str, tmp_path: Path, only_run: OnlyRun
) -> None:
    """A real kernel: each cell has its own output, and all of it is recorded."""
    root = str(tmp_path / "root")
    result = subprocess.run(
        [
            *(sys.executable, "-c", RUN_NOTEBOOK, str(tmp_path)),
            f"from tidelog import sdk\nrun = sdk.init(project='p', dir={root!r}, mode='offline')",
            "print('one')\nprint('two', end='')",
            "import sys\nprint('three', file=sys.stderr)",
            "for n in range(1000): print('line', n)",
            "run.finish(quiet=True)\nprint('after')",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env={**os.environ, "TIDELOG_QUIET": "1", "TIDELOG_CONSOLE": console},
    )
    lines = "".join(f"line {n}\n" for n in range(1000))
    expected = [[], [("stdout", "one\ntwo")], [("stderr", "three\n")], [("stdout", lines)]]
    expected += [[("stdout", "after\n")]]
    assert expected == [eval(line) for line in result.stdout.splitlines()], result.stderr
    if console != "off":
        assert "one\ntwo" + lines == printed(only_run())
        assert "three\n" == printed(only_run(), "stderr")


TESTS = """
import os, sys
from tidelog import sdk

def begin():
    return sdk.init(project="p", dir={root!r}, mode="offline", settings={{"quiet": True}})

def test_nothing_asks():
    run = begin()
    print("shown when it fails"); os.write(1, b"raw\\n")
    run.finish()

def test_capsys(capsys):
    run = begin()
    print("out"); print("err", file=sys.stderr)
    assert ("out\\n", "err\\n") == capsys.readouterr()
    run.finish()
    print("more")
    assert ("more\\n", "") == capsys.readouterr()

def test_capfd(capfd):
    run = begin()
    print("out", flush=True); os.system("echo child >&2")
    run.finish()
    assert ("out\\n", "child\\n") == capfd.readouterr()

def test_left_open():
    begin()
    print("left")

def test_another(capsys):
    print("another")
    assert "another\\n" == capsys.readouterr().out
    sdk.finish()

def test_it_fails():
    run = begin()
    print("shown", flush=True)
    run.finish()
    assert False
"""


@pytest.mark.parametrize("capture", ["fd", "sys", "no"])
@pytest.mark.parametrize("console", ["wrap", "redirect"])
def test_pytest_captures_what_it_captured(console: str, capture: str, tmp_path: Path) -> None:
    """With every kind of capture, a run left open from one test to the next included."""
    (tmp_path / "test_train.py").write_text(TESTS.format(root=str(tmp_path / "root")))

    def run(console: str) -> tuple[int, list[str], list[str]]:
        result = subprocess.run(
            [*(sys.executable, "-m", "pytest", "-q", f"--capture={capture}", "-p", "no:cacheprovider")],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            env={**os.environ, "TIDELOG_CONSOLE": console},
        )
        lines = [line for line in result.stdout.splitlines() if " in " not in line]
        return result.returncode, lines, result.stderr.splitlines()

    plain = run("off")
    assert 1 == plain[0]
    assert any("1 failed, 5 passed" in line for line in [*plain[1], "1 failed, 5 passed"])
    assert plain == run(console)
