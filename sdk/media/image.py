"""Images: from what people have in hand to a picture that a browser shows."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from tidelog.datastore.disk import Disk
from tidelog.sdk.media import overlay, pixels
from tidelog.sdk.media.figure import draw, draw_plotly, drawn_figure, is_drawn_by, is_plotly
from tidelog.sdk.media.source import as_array, bytes_of, is_array, is_path, read_path, require_size
from tidelog.sdk.media.value import Encoded, Keep, MediaValue, Snapshot
from tidelog.sdk.notices import Fault, shown

ENCODED_S_PER_BYTE = 2e-9
"""Bytes that are a picture already are looked at, hashed and written."""


class Image(MediaValue):
    """An image to log: an array, a tensor, a PIL image, a figure, a path, encoded bytes, an open file.

    Arrays are (H, W), (H, W, 1|3|4) or (1|3|4, H, W); floats are 0..1 or 0..255, bools black and
    white. `masks` are `{"predictions": {"mask_data": (H, W) of ints, "class_labels": {0: "cat"}}}`,
    `boxes` `{"predictions": {"box_data": [{"position": {...}, "class_id": 0}], ...}}`, `classes` name
    the classes of all of them. `file_type` is png, jpg, webp, gif or bmp; a file stays as it is.
    """

    type: ClassVar[str] = "image"
    folder: ClassVar[str] = "images"

    def __init__(
        self,
        data_or_path: Any,
        mode: str | None = None,
        caption: object = None,
        grouping: int | None = None,
        classes: Any = None,
        boxes: Mapping[str, Any] | None = None,
        masks: Mapping[str, Any] | None = None,
        file_type: str | None = None,
        **unknown: object,
    ) -> None:
        other = data_or_path if isinstance(data_or_path, Image) else None
        super().__init__(other.caption if other and caption is None else caption, unknown=unknown)
        self.mode = mode
        self.format = _format(file_type, self.faults)
        self._details: dict[str, Any] = {} if grouping is None else {"grouping": grouping}
        self._masks: dict[str, overlay.Mask] = {}
        if other is not None:
            self._held, self._error = other._held, other._error
        else:
            self._hold(lambda: _take(data_or_path))
        if classes is not None:
            self._lay_over(
                "classes", "", lambda: self._details.update(classes=overlay.class_names(classes))
            )
        for name, mask in _items("masks", masks, self.faults):
            self._lay_over("mask", name, partial(self._add_mask, name, mask))
        for name, each in _items("boxes", boxes, self.faults):
            self._lay_over("boxes", name, partial(self._add_boxes, name, each))

    @property
    def image(self) -> Any:
        """The PIL image. Raises ValueError where there is none."""
        return _picture(self._require_read(Disk()), self.mode)

    @property
    def width(self) -> int:
        """The width in pixels."""
        return int(self.image.size[0])

    @property
    def height(self) -> int:
        """The height in pixels."""
        return int(self.image.size[1])

    def snapshot(self, disk: Disk) -> Snapshot:
        """Return the picture and what is laid over it."""
        held = self._require_read(disk)
        masks = {name: partial(mask.encode, disk) for name, mask in self._masks.items()}
        size, seconds = _cost(held)
        for mask in self._masks.values():
            more = _cost(mask.pixels)
            size, seconds = size + more[0], seconds + more[1]
        return Snapshot(size, seconds, partial(self._encode, held, masks, dict(self._details)))

    def _encode(self, held: Any, masks: dict[str, Any], details: dict[str, Any], keep: Keep) -> Encoded:
        data, suffix, width, height = _file_of(held, self.mode, self.format)
        details |= {"format": suffix, "width": width, "height": height}
        if masks:
            details["masks"] = {name: keep(encode()) for name, encode in masks.items()}
        return Encoded(self.type, self.folder, suffix, data, self._captioned(details))

    def _require_read(self, disk: Disk) -> Any:
        held = self._require_held()
        return read_path(held, disk, kind="image") if is_path(held) else held

    def _lay_over(self, what: str, name: str, add: Any) -> None:
        """Add to the image; where that fails the image stays."""
        try:
            add()
        except Exception as error:  # noqa: BLE001 - as in `_hold`.
            label = f"{what} {shown(name)}" if name else what
            self.faults.append(Fault(f"image {what}", f"an Image's {label} was left out: {error}"))

    def _add_mask(self, name: str, mask: Any) -> None:
        self._masks[name] = overlay.take_mask(mask)

    def _add_boxes(self, name: str, boxes: Any) -> None:
        self._details.setdefault("boxes", {})[name] = overlay.take_boxes(boxes)


def _format(file_type: str | None, faults: list[Fault]) -> str:
    known = pixels.FORMATS.get(str(file_type or "png").lower().lstrip("."))
    if known is None:
        kinds = ", ".join(pixels.FORMATS)
        faults.append(
            Fault(
                "image file_type", f"Image(file_type={shown(file_type)}) is none of {kinds}: PNG is used"
            )
        )
    return known or "PNG"


def _items(what: str, given: Any, faults: list[Fault]) -> list[tuple[str, Any]]:
    if given is None:
        return []
    if not isinstance(given, Mapping):
        text = (
            f'Image({what}={shown(given)}) was left out: it takes a dict, such as {{"predictions": ...}}'
        )
        faults.append(Fault(f"image {what}", text))
        return []
    return [(str(name), value) for name, value in given.items()]


def _take(data: Any) -> Any:
    """Return a path, the bytes of a file, a PIL image or an array that nobody else changes."""
    if is_path(data):
        return data
    if is_plotly(data):
        return draw_plotly(data)
    figure = drawn_figure(data)
    if figure is not None:
        return draw(figure)
    if is_drawn_by(data, "PIL") and hasattr(data, "save"):
        return data.copy()
    encoded = bytes_of(data)
    if encoded is not None:
        require_size(len(encoded), "it has", kind="image")
        return encoded
    if is_array(data) or isinstance(data, (list, tuple)):
        is_tensor = hasattr(data, "detach")
        return pixels.channels_last(as_array(data, kind="image"), is_tensor=is_tensor).copy()
    raise ValueError(
        f"{shown(data)} is no image; give an array, a tensor, a PIL image, a path or encoded bytes"
    )


def _cost(held: Any) -> tuple[int, float]:
    """Return the bytes that are held, and about how long it takes to encode them, in seconds."""
    if isinstance(held, bytes):
        return len(held), len(held) * ENCODED_S_PER_BYTE
    if isinstance(held, (str, os.PathLike)):
        return 0, 0.0
    if hasattr(held, "getbands"):
        values = held.size[0] * held.size[1] * len(held.getbands())
        return values, values * pixels.ENCODE_S_PER_VALUE
    return held.nbytes, held.size * pixels.ENCODE_S_PER_VALUE


def _picture(held: Any, mode: str | None) -> Any:
    """Return the PIL image of bytes, of an array, or the one that it is."""
    if isinstance(held, bytes):
        return _opened(held)
    return held if hasattr(held, "getbands") else pixels.picture_of(held, mode)


def _file_of(held: Any, mode: str | None, file_format: str) -> tuple[bytes, str, int, int]:
    """Return bytes, suffix, width and height; what browsers show is kept as it is."""
    picture = _picture(held, mode)
    if isinstance(held, bytes) and picture.format in pixels.SUFFIXES:
        return held, pixels.SUFFIXES[picture.format], *picture.size
    kind = "PNG" if isinstance(held, bytes) else file_format
    return pixels.encode_picture(picture, kind), pixels.SUFFIXES[kind], *picture.size


def _opened(data: bytes) -> Any:
    from io import BytesIO

    from PIL import Image as PillowImage
    from PIL import UnidentifiedImageError

    try:
        return PillowImage.open(BytesIO(data))
    except UnidentifiedImageError as error:
        raise ValueError(f"{shown(data)} is no image that Pillow can read") from error
