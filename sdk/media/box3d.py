"""Boxes of a scene in three dimensions. Pure."""

from collections.abc import Sequence
from itertools import product
from typing import Any

Vector = tuple[float, float, float]


def box3d(
    *,
    center: Sequence[float],
    size: Sequence[float],
    orientation: Sequence[float],
    color: Sequence[float],
    label: str | None = None,
    score: float | None = None,
) -> dict[str, Any]:
    """Return a box: the corners of a cuboid of `size`, turned by the quaternion `[r, x, y, z]`.

    `color` is red, green and blue. Raises ValueError for a quaternion of zeros, which turns nothing.
    """
    rows = _rotation(*map(float, orientation))
    corners = []
    for signs in product((-0.5, 0.5), repeat=3):
        corner = [sign * float(side) for sign, side in zip(signs, size, strict=True)]
        corners.append([float(c) + _dot(row, corner) for c, row in zip(center, rows, strict=True)])
    return {"corners": corners, "color": [float(c) for c in color], "label": label, "score": score}


def _rotation(r: float, x: float, y: float, z: float) -> tuple[Vector, Vector, Vector]:
    """Return the rows of the rotation by a quaternion of any length but 0.

    Source: https://en.wikipedia.org/wiki/Quaternions_and_spatial_rotation
    """
    length = r * r + x * x + y * y + z * z
    if not length:
        raise ValueError("orientation is (0, 0, 0, 0), which is no quaternion that turns anything")
    s = 2 / length
    return (
        (1 - s * (y * y + z * z), s * (x * y - z * r), s * (x * z + y * r)),
        (s * (x * y + z * r), 1 - s * (x * x + z * z), s * (y * z - x * r)),
        (s * (x * z - y * r), s * (y * z + x * r), 1 - s * (x * x + y * y)),
    )


def _dot(row: Vector, corner: Sequence[float]) -> float:
    return sum(turned * side for turned, side in zip(row, corner, strict=True))
