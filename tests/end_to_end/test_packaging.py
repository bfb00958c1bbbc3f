"""What `pip install tidelog` puts where."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel, built from a copy of what git tracks, with the setuptools that is here."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "copy"
    subprocess.run(["git", "clone", "-q", ROOT, copy], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", folder, copy], check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_only_tidelog_lands_in_site_packages(wheel: zipfile.ZipFile) -> None:
    """Nothing named sdk or datastore at the top, no tests, and no tidelog/__init__.py."""
    names = wheel.namelist()
    assert {"tidelog", "tidelog-0.1.0.dist-info"} == {name.split("/")[0] for name in names}
    assert "tidelog/__init__.py" not in names
    for package in ("datastore", "sdk", "syncd"):
        assert f"tidelog/{package}/py.typed" in names


def test_every_module_of_the_checkout_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    """A folder that setup.cfg forgets would be missed by nobody who works in the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "datastore", "sdk", "syncd"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert {f"tidelog/{name}" for name in listed} <= set(wheel.namelist())


def test_the_commands_are_there(wheel: zipfile.ZipFile) -> None:
    """`datastore` and `syncd`."""
    points = wheel.read("tidelog-0.1.0.dist-info/entry_points.txt").decode()
    assert "datastore = tidelog.datastore.cli:main" in points
    assert "syncd = tidelog.syncd.cli:main" in points
