"""Containers by the files that their engines leave, made in a folder: no test runs in all of them."""

from pathlib import Path

import pytest

from tidelog.datastore.disk import Disk
from tidelog.sdk.facts.container import container_facts

ID = "0123456789abcdef" * 4
CONTAINERENV = f'engine="podman-4.3.1"\nname="train"\nid="{ID}"\nimage="reg/pytorch:2"\nrootless=1\n'
MOUNT = f"1 2 / /etc/hosts /var/lib/docker/containers/{ID}/hosts"


def system(root: Path, **files: str) -> str:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return str(root)


@pytest.mark.parametrize(
    ("expected", "files", "environ"),
    [
        (None, {"proc/self/cgroup": "0::/user.slice"}, {}),
        (None, {}, {}),
        ({"engine": "docker"}, {".dockerenv": ""}, {}),
        ({"engine": "docker", "id": ID}, {"proc/self/cgroup": f"1:cpu:/docker/{ID}\n"}, {}),
        (
            {"engine": "docker", "id": ID, "image": "pytorch:2"},
            {".dockerenv": "", "proc/self/mountinfo": MOUNT},
            {"DOCKER_IMAGE": "pytorch:2"},
        ),
        (
            {"engine": "podman", "name": "train", "id": ID, "image": "reg/pytorch:2"},
            {"run/.containerenv": CONTAINERENV},
            {"IMAGE_NAME": "other"},
        ),
        (
            {"engine": "apptainer", "image": "/s/x.sif"},
            {},
            {"APPTAINER_CONTAINER": "/s/x.sif", "SINGULARITY_CONTAINER": "/s/x.sif"},
        ),
        ({"engine": "singularity", "image": "/s/y.sif"}, {}, {"SINGULARITY_CONTAINER": "/s/y.sif"}),
        (
            {"engine": "kubernetes", "id": ID, "pod": "train-0"},
            {".dockerenv": "", "proc/self/cgroup": f"0::/kubepods/besteffort/pod1/{ID}"},
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "train-0"},
        ),
    ],
)  # fmt: skip
def test_each_engine_is_known(
    expected: dict[str, str] | None, files: dict[str, str], environ: dict[str, str], tmp_path: Path
) -> None:
    """By its marks; the image where a variable or Podman's file names it."""
    assert expected == container_facts(environ, disk=Disk(), system_root=system(tmp_path, **files))
