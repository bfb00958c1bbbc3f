import json
import subprocess
import sys
from pathlib import Path

from tidelog.datastore.disk import Disk
from tidelog.sdk.facts.packages import Package, installed_packages, normal, requirements


def install(folder: Path, name: str, version: str, **files: str) -> None:
    place = folder / f"{name}-{version}.dist-info"
    place.mkdir(parents=True)
    headers = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: in the description\n"
    (place / "METADATA").write_text(headers)
    for file, text in files.items():
        (place / f"{file}.json").write_text(text)


def test_what_is_installed_here_is_what_pip_says() -> None:
    """Name and version of each package of this very environment."""
    listed = json.loads(
        subprocess.check_output([sys.executable, "-m", "pip", "list", "--format", "json"], text=True)
    )
    expected = {(normal(package["name"]), package["version"]) for package in listed}
    assert expected == {(normal(p.name), p.version) for p in installed_packages(sys.path, disk=Disk())}


def test_of_two_versions_the_first_on_the_path_counts(tmp_path: Path) -> None:
    """As it does for imports; missing folders, archives and broken packages are passed over."""
    install(tmp_path / "1", "my_pkg", "2.0")
    install(tmp_path / "2", "My.Pkg", "1.0")
    (tmp_path / "2" / "broken-1.dist-info").mkdir()
    (tmp_path / "2" / "old-1-py3.egg-info").mkdir()
    (tmp_path / "2" / "old-1-py3.egg-info" / "PKG-INFO").write_text("Name: old\nVersion: 1\n")
    (tmp_path / "a.zip").write_bytes(b"")
    folders = [str(tmp_path / name) for name in ("gone", "a.zip", "1", "2")]
    found = installed_packages(folders, disk=Disk())
    assert [("my_pkg", "2.0"), ("old", "1")] == [(p.name, p.version) for p in found]


def test_a_package_of_no_index_says_where_it_came_from(tmp_path: Path) -> None:
    """A commit, an archive, a file, a folder of the checkout or elsewhere (PEP 610); no credential."""
    origins = {
        "a": {"url": "https://u:t0ken@h/a", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
        "b": {"url": "https://u:t0ken@h/b.whl?sig=t0ken", "archive_info": {}},
        "c": {"url": "file:///w/c%20c.whl", "archive_info": {}},
        "d": {"url": "file:///code/libs/d", "dir_info": {"editable": True}},
        "e": {"url": "file:///code", "dir_info": {}},
        "f": {"url": "file:///home/f", "dir_info": {"editable": True}},
    }
    packages = [Package(name, "1", origin) for name, origin in origins.items()]
    assert requirements([*packages, Package("g", "2", {})], python="3.12.1", checkout="/code") == (
        "# Python 3.12.1\n"
        "a @ git+https://h/a@abc\n"
        "b @ https://h/b.whl\n"
        "c==1  # was installed from the file /w/c c.whl\n"
        "-e ./libs/d  # d==1\n"
        "./.  # e==1\n"
        "# f==1 was installed from the folder /home/f, which is not part of this run\n"
        "g==2\n"
    )


def test_an_origin_that_is_no_json_is_none(tmp_path: Path) -> None:
    """The package is told all the same."""
    install(tmp_path, "a", "1", direct_url="{")
    install(tmp_path, "b", "1", direct_url="[]")
    assert [Package("a", "1", {}), Package("b", "1", {})] == installed_packages(
        [str(tmp_path)], disk=Disk()
    )
