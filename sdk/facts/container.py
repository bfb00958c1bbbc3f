"""The container that a script runs in: Docker, Podman, Apptainer, Kubernetes. Reads small files."""

import os
import re
from collections.abc import Mapping

from tidelog.datastore.disk import Disk
from tidelog.sdk.facts.small_file import read_small_file

DOCKER_MARK = ".dockerenv"
PODMAN_MARK = "run/.containerenv"
CGROUP = "proc/self/cgroup"
MOUNTS = "proc/self/mountinfo"
VALUE_CHARACTERS_MAX = 500

_ID = re.compile(r"[0-9a-f]{64}")
_ENGINES = {
    "docker": "docker",
    "libpod": "podman",
    "kubepods": "kubernetes",
    "lxc": "lxc",
    "crio": "crio",
}
_IMAGE_VARIABLES = (
    "APPTAINER_CONTAINER",
    "SINGULARITY_CONTAINER",
    "SLURM_CONTAINER_IMAGE",
    "ENROOT_ROOTFS",
    "CONTAINER_IMAGE",
    "DOCKER_IMAGE",
    "IMAGE_NAME",
    "NVIDIA_BUILD_REF",
)


def container_facts(
    environ: Mapping[str, str], *, disk: Disk, system_root: str = "/"
) -> dict[str, str] | None:
    """Return engine, id and image as far as they are known, or None outside of a container."""
    cgroup = read_small_file(os.path.join(system_root, CGROUP), disk=disk)
    mounts = read_small_file(os.path.join(system_root, MOUNTS), disk=disk)
    podman = read_small_file(os.path.join(system_root, PODMAN_MARK), disk=disk)
    engine = find_engine(
        environ,
        cgroup=cgroup,
        has_docker_mark=disk.is_there(os.path.join(system_root, DOCKER_MARK)),
        has_podman_mark=disk.is_there(os.path.join(system_root, PODMAN_MARK)),
    )
    if engine is None:
        return None
    facts = {"engine": engine, **parse_containerenv(podman)}
    container_id = _ID.search(cgroup) or re.search(r"(?<=/containers/)[0-9a-f]{64}", mounts)
    if container_id is not None:
        facts.setdefault("id", container_id[0])
    image = next((environ[name] for name in _IMAGE_VARIABLES if environ.get(name)), None)
    if image is not None:
        facts.setdefault("image", _text(image))
    if environ.get("KUBERNETES_SERVICE_HOST") and environ.get("HOSTNAME"):
        facts["pod"] = _text(environ["HOSTNAME"])
    return facts


def find_engine(
    environ: Mapping[str, str], *, cgroup: str, has_docker_mark: bool, has_podman_mark: bool
) -> str | None:
    """Return which engine runs the container; the orchestrator before the engine below it."""
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return "kubernetes"
    if environ.get("APPTAINER_CONTAINER"):
        return "apptainer"
    if environ.get("SINGULARITY_CONTAINER"):
        return "singularity"
    if has_podman_mark:
        return "podman"
    if has_docker_mark:
        return "docker"
    return next((engine for word, engine in _ENGINES.items() if word in cgroup), None)


def parse_containerenv(text: str) -> dict[str, str]:
    """Return name, id and image from Podman's `/run/.containerenv`."""
    named = dict(re.findall(r'^(name|id|image)="([^"\n]*)"$', text, re.MULTILINE))
    return {name: _text(value) for name, value in named.items() if value}


def _text(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode()[:VALUE_CHARACTERS_MAX]
