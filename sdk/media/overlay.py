"""What is laid over an image: masks and boxes, in the shapes that wandb takes, and names of classes."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.sdk.config_values import clean_map
from tidelog.sdk.media.pixels import SUFFIXES, encode_picture
from tidelog.sdk.media.source import as_array, read_path
from tidelog.sdk.media.value import Encoded

MASK_VALUE_MAX = 2**16 - 1
BOXES_MAX = 2000


class Mask(NamedTuple):
    """A class for each pixel: an array (H, W) of ints, or the path of an image of it."""

    pixels: Any
    details: dict[str, Any]

    def encode(self, disk: Disk) -> Encoded:
        """Return it as a PNG whose grey values are the classes; 16 bits deep where they must be."""
        if isinstance(self.pixels, (str, os.PathLike)):
            return _mask_file(read_path(self.pixels, disk, kind="mask"), self.details)
        from PIL import Image

        depth = "uint8" if self.pixels.max() < 256 else "uint16"
        data = encode_picture(Image.fromarray(self.pixels.astype(depth)))
        return Encoded("mask", "masks", "png", data, self.details)


class ImageMask(NamedTuple):
    """wandb's wrapper around a mask: `ImageMask({"mask_data": ...}, "predictions")`."""

    val: Mapping[str, Any]
    key: str = ""


class BoundingBoxes2D(NamedTuple):
    """wandb's wrapper around boxes: `BoundingBoxes2D({"box_data": ...}, "predictions")`."""

    val: Mapping[str, Any]
    key: str = ""


class Classes:
    """Names of classes: `[{"id": 0, "name": "cat"}, ...]`."""

    def __init__(self, class_set: Sequence[Mapping[str, Any]]) -> None:
        self.class_set = class_set


def take_mask(mask: Any) -> Mask:
    """Return a mask that nobody else changes. Raises ValueError, which says what is wrong with it."""
    fields = mask.val if isinstance(mask, ImageMask) else mask
    if not isinstance(fields, Mapping) or not ("mask_data" in fields or "path" in fields):
        raise ValueError('a mask is {"mask_data": array (H, W) of ints, "class_labels": {0: "cat"}}')
    details = {"class_labels": class_names(fields["class_labels"])} if "class_labels" in fields else {}
    if "mask_data" not in fields:
        return Mask(os.fspath(fields["path"]), details)
    pixels = as_array(fields["mask_data"], kind="mask")
    if pixels.ndim == 3 and 1 in pixels.shape:
        pixels = pixels.squeeze(pixels.shape.index(1))
    if pixels.ndim != 2 or pixels.size == 0 or pixels.dtype.kind not in "iub":
        raise ValueError(f"mask_data of shape {pixels.shape} and {pixels.dtype}: give (H, W) of ints")
    if pixels.min() < 0 or pixels.max() > MASK_VALUE_MAX:
        raise ValueError(
            f"mask_data has classes from {pixels.min()} to {pixels.max()}; they may be 0 to "
            f"{MASK_VALUE_MAX}"
        )
    return Mask(pixels.copy(), details)


def take_boxes(boxes: Any) -> dict[str, Any]:
    """Return boxes as a record holds them. Raises ValueError, which says what is wrong with them."""
    fields = boxes.val if isinstance(boxes, BoundingBoxes2D) else boxes
    data = fields.get("box_data") if isinstance(fields, Mapping) else None
    if not isinstance(data, (list, tuple)) or not all(isinstance(box, Mapping) for box in data):
        raise ValueError('boxes are {"box_data": [{"position": {...}, "class_id": 0}, ...]}')
    if len(data) > BOXES_MAX:
        raise ValueError(f"{len(data)} boxes; the limit is {BOXES_MAX}: log the best of them")
    for box in data:
        _check_position(box.get("position"))
    taken: dict[str, Any] = {"box_data": [_plain_box(box) for box in data]}
    if "class_labels" in fields:
        taken["class_labels"] = class_names(fields["class_labels"])
    return taken


def class_names(classes: Any) -> dict[Any, str]:
    """Return id -> name of a map, of `Classes`, or of a list of `{"id": 0, "name": "cat"}`."""
    if isinstance(classes, Classes):
        classes = classes.class_set
    pairs = classes.items() if isinstance(classes, Mapping) else ((c["id"], c["name"]) for c in classes)
    return {_id(key): str(name) for key, name in pairs}


def _id(key: Any) -> Any:
    return key if isinstance(key, str) else int(key)


def _plain_box(box: Mapping[str, Any]) -> dict[str, Any]:
    plain, faults = clean_map(box)
    if faults:
        raise ValueError(faults[0].text)
    return plain


def _check_position(position: Any) -> None:
    corners, centre = ("minX", "maxX", "minY", "maxY"), ("middle", "width", "height")
    if isinstance(position, Mapping) and any(
        all(name in position for name in names) for names in (corners, centre)
    ):
        return
    raise ValueError(f"a box's position needs {', '.join(corners)}, or {', '.join(centre)}")


def _mask_file(data: bytes, details: dict[str, Any]) -> Encoded:
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(data)) as picture:
        suffix = SUFFIXES.get(picture.format or "")
        if suffix is not None:
            return Encoded("mask", "masks", suffix, data, details)
        return Encoded("mask", "masks", "png", encode_picture(picture), details)
