"""What is installed beside the script, as a `requirements.txt` that pip takes.

The folders of `sys.path` are read as pip leaves them. `importlib.metadata` would find the same, but
takes a tenth of a second to load, and would parse each package's description.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.sdk.facts.secrets import strip_credentials
from tidelog.sdk.facts.small_file import read_small_file

PACKAGES_MAX = 5000
HEADER_BYTES_MAX = 8192

_METADATA = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}


class Package(NamedTuple):
    """An installed distribution; `origin` is what its `direct_url.json` says, for one of no index."""

    name: str
    version: str
    origin: Mapping[str, Any]


def installed_packages(folders: Iterable[str], *, disk: Disk) -> list[Package]:
    """Return what can be imported from some folders, by name; of two of one name the first."""
    found: dict[str, Package] = {}
    for place, _ in zip(_places(folders, disk), range(PACKAGES_MAX), strict=False):
        metadata = os.path.join(place, _METADATA[os.path.splitext(place)[1]])
        package = read_package(
            read_small_file(metadata, disk=disk, bytes_max=HEADER_BYTES_MAX),
            read_small_file(os.path.join(place, "direct_url.json"), disk=disk),
        )
        if package.name:
            found.setdefault(normal(package.name), package)
    return [found[name] for name in sorted(found)]


def _places(folders: Iterable[str], disk: Disk) -> Iterator[str]:
    for folder in folders:
        try:
            names = [entry.name for entry in disk.list(folder) if entry.is_directory]
        except OSError:
            continue  # A zip file, or a folder that is not there: both are usual.
        yield from (os.path.join(folder, n) for n in names if os.path.splitext(n)[1] in _METADATA)


def package_version() -> str | None:
    """Return the version of tidelog that is installed."""
    from importlib import metadata  # Slow to load, and few ask.

    try:
        return metadata.version("tidelog")
    except metadata.PackageNotFoundError:
        return None


def read_package(headers: str, direct_url: str) -> Package:
    """Return a package from its metadata (RFC 822 headers) and its `direct_url.json` (PEP 610)."""
    import json

    fields: dict[str, str] = {}
    for line in headers.splitlines():
        if not line:
            break
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.lower(), value.strip())
    try:
        origin = json.loads(direct_url or "{}")
    except ValueError:  # Half-written; what it was installed from is then unknown.
        origin = {}
    is_map = isinstance(origin, dict)
    return Package(fields.get("name", ""), fields.get("version", ""), origin if is_map else {})


def requirements(packages: Iterable[Package], *, python: str, checkout: str | None) -> str:
    """Return `requirements.txt`: what an index has as `name==version`, the rest as it was installed.

    A folder of the run's own checkout becomes `-e ./folder`, to be installed from the checkout's top.
    """
    lines = [f"# Python {python}"]
    lines += [_requirement(package, checkout) for package in packages]
    return "\n".join(lines) + "\n"


def _requirement(package: Package, checkout: str | None) -> str:
    pinned = f"{package.name}=={package.version}"
    url = package.origin.get("url")
    if not isinstance(url, str):
        return pinned
    url = strip_credentials(url)
    revision = package.origin.get("vcs_info")
    if isinstance(revision, dict):
        return f"{package.name} @ {revision.get('vcs', 'git')}+{url}@{revision.get('commit_id', '')}"
    if not url.startswith("file://"):
        return f"{package.name} @ {url}"
    folder = _folder_of(url)
    if "dir_info" not in package.origin:
        return f"{pinned}  # was installed from the file {folder}"
    if checkout is not None and (folder + os.sep).startswith(checkout + os.sep):
        is_editable = (package.origin["dir_info"] or {}).get("editable")
        return f"{'-e ' if is_editable else ''}./{os.path.relpath(folder, checkout)}  # {pinned}"
    return f"# {pinned} was installed from the folder {folder}, which is not part of this run"


def _folder_of(url: str) -> str:
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(url).path)


def normal(name: str) -> str:
    """Return a name as indexes compare it (PEP 503)."""
    return name.lower().replace("_", "-").replace(".", "-")
