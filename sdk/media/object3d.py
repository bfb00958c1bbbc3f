"""Things in three dimensions: point clouds as JSON, models as the files that they are."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from tidelog.datastore.disk import Disk
from tidelog.sdk.media.source import as_array, bytes_of, is_array, is_path, read_path, require_size
from tidelog.sdk.media.value import Encoded, Keep, MediaValue, Snapshot
from tidelog.sdk.notices import shown

SUFFIXES = ("pts.json", "obj", "gltf", "glb", "babylon", "stl")
POINTS = "pts.json"
SCENE = "lidar/beta"
FILE_S_PER_BYTE = 2e-9
NUMBER_S = 400e-9
"""A number becomes text."""


class Object3D(MediaValue):
    """A point cloud or a model to log.

    Points are an array (n, 3) of x, y, z; (n, 4) with a category from 1 to 14; (n, 6) with red, green
    and blue. A scene is `{"type": "lidar/beta", "points": ..., "boxes": [...], "vectors": [...]}`;
    models are paths, or open files with their `file_type`: obj, gltf, glb, babylon, stl, pts.json.
    """

    type: ClassVar[str] = "object3D"
    folder: ClassVar[str] = "object3D"

    def __init__(
        self, data_or_path: Any, caption: object = None, file_type: str | None = None, **unknown: object
    ) -> None:
        super().__init__(caption, unknown=unknown)
        self._hold(lambda: _take(data_or_path, file_type))

    @classmethod
    def from_file(cls, data_or_path: Any, file_type: str | None = None) -> "Object3D":
        """Return a model from a path, or from an open file with its type."""
        return cls(data_or_path, file_type=file_type)

    @classmethod
    def from_numpy(cls, data: Any) -> "Object3D":
        """Return a point cloud."""
        return cls(data)

    @classmethod
    def from_point_cloud(
        cls,
        points: Any,
        boxes: Sequence[Any] = (),
        vectors: Sequence[Any] | None = None,
        point_cloud_type: str = SCENE,
    ) -> "Object3D":
        """Return a scene of points, boxes and arrows."""
        return cls(
            {"type": point_cloud_type, "points": points, "boxes": boxes, "vectors": vectors or []}
        )

    def snapshot(self, disk: Disk) -> Snapshot:
        """Return the points, or the bytes of the file."""
        held = self._require_held()
        if isinstance(held, dict):
            numbers = held["points"].size
            return Snapshot(numbers * 8, numbers * NUMBER_S, partial(self._encode_points, held))
        if is_path(held):
            suffix = _suffix_of(os.fspath(held))
            held = read_path(held, disk, kind="model"), suffix
        data, suffix = held
        return Snapshot(len(data), len(data) * FILE_S_PER_BYTE, partial(self._encode_file, data, suffix))

    def _encode_file(self, data: bytes, suffix: str, _keep: Keep) -> Encoded:
        return Encoded(self.type, self.folder, suffix, data, self._captioned({"format": suffix}))

    def _encode_points(self, scene: dict[str, Any], _keep: Keep) -> Encoded:
        points, left_out = _finite(scene["points"])
        data = _points_json(points)
        if "type" in scene:
            rest = {name: value for name, value in scene.items() if name != "points"}
            data = b'{"points": ' + data + b", " + json.dumps(rest).encode()[1:]
        details = {"format": POINTS, "points": len(points)}
        if left_out:
            details["not_finite"] = left_out
        return Encoded(self.type, self.folder, POINTS, data, self._captioned(details))


def _take(data: Any, file_type: str | None) -> Any:
    """Return a path, the bytes of a model with their suffix, or a scene that nobody else changes."""
    if is_path(data):
        return data
    if isinstance(data, Mapping):
        return _scene(data)
    encoded = bytes_of(data)
    if encoded is not None:
        require_size(len(encoded), "it has", kind="model")
        return encoded, _suffix_of(f".{file_type}" if file_type else _name_of(data))
    if is_array(data) or isinstance(data, (list, tuple)):
        return {"points": _points(data)}
    raise ValueError(f"{shown(data)} is no 3D object; give points, a scene, a path, or an open file")


def _scene(data: Mapping[str, Any]) -> dict[str, Any]:
    if data.get("type") != SCENE:
        raise ValueError(f"a scene has the type {SCENE!r}; this one has {shown(data.get('type'))}")
    points = data.get("points")
    boxes, vectors = (_plain(data.get(name)) for name in ("boxes", "vectors"))
    if points is None or len(points) == 0:
        points = as_array([[]], kind="point cloud").reshape(0, 3)
        return {"type": SCENE, "points": points, "boxes": boxes, "vectors": vectors}
    return {"type": SCENE, "points": _points(points), "boxes": boxes, "vectors": vectors}


def _points(data: Any) -> Any:
    points = as_array(data, kind="point cloud")
    if points.ndim != 2 or points.shape[1] not in (3, 4, 6) or points.dtype.kind not in "iuf":
        raise ValueError(
            f"points of shape {points.shape} and {points.dtype}: give (n, 3), (n, 4) with a category, "
            "or (n, 6) with a colour"
        )
    require_size(points.size * 8, "its points have", kind="point cloud")
    return points.copy()


def _plain(values: Any) -> list[Any]:
    """Return boxes or arrows as JSON takes them: arrays in them as lists."""
    text = json.dumps(list(values) if values is not None else [], default=lambda value: value.tolist())
    plain: list[Any] = json.loads(text)
    return plain


def _finite(points: Any) -> tuple[Any, int]:
    """Return the points that JSON can name, and how many it cannot."""
    import numpy

    is_finite = numpy.isfinite(points).all(axis=1)
    return points[is_finite], int(len(points) - is_finite.sum())


POINTS_AT_ONCE = 1000
"""Training goes on between two pieces: while a piece is made into text, Python does nothing else."""


def _points_json(points: Any) -> bytes:
    pieces = [
        json.dumps(points[start : start + POINTS_AT_ONCE].tolist())[1:-1]
        for start in range(0, len(points), POINTS_AT_ONCE)
    ]
    return f"[{', '.join(pieces)}]".encode()


def _name_of(data: Any) -> str:
    return os.fspath(data.name) if isinstance(getattr(data, "name", None), (str, os.PathLike)) else ""


def _suffix_of(path: str) -> str:
    for suffix in SUFFIXES:
        if path.lower().endswith(f".{suffix}"):
            return suffix
    raise ValueError(
        f"{shown(path)} is no 3D object of the types {', '.join(SUFFIXES)}; give one, or file_type="
    )
