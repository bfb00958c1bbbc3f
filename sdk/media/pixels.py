"""Pixels: arrays of any shape and type that people mean as images, and their PNG."""

from typing import Any

PNG_COMPRESS_LEVEL = 1  # Level 6 takes a third longer and saves a tenth.
PIXELS_MAX = 64 * 1024 * 1024
ENCODE_S_PER_VALUE = 35e-9
"""PNG of noise, the dearest there is; smooth pictures take a sixth."""

FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP", "gif": "GIF", "bmp": "BMP"}
SUFFIXES = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}
"""Formats that browsers show."""

_PNG_MODES = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")


def encode_picture(picture: Any, file_format: str = "PNG") -> bytes:
    """Return the file of a PIL picture; modes that the format lacks are converted."""
    from io import BytesIO

    if file_format != "PNG" and picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    elif picture.mode not in _PNG_MODES:
        picture = picture.convert("RGBA" if "A" in picture.mode else "RGB")
    buffer = BytesIO()
    picture.save(
        buffer,
        format=file_format,
        **({"compress_level": PNG_COMPRESS_LEVEL} if file_format == "PNG" else {}),
    )
    return buffer.getvalue()


def picture_of(pixels: Any, mode: str | None = None) -> Any:
    """Return the PIL picture of an array (H, W) or (H, W, 3|4)."""
    import numpy
    from PIL import Image

    picture = Image.fromarray(numpy.ascontiguousarray(to_bytes(pixels)))
    return picture.convert(mode) if mode else picture


def channels_last(array: Any, *, is_tensor: bool) -> Any:
    """Return (H, W) or (H, W, 3|4); channels first is believed where nothing else fits.

    Raises ValueError for other shapes, and for more than `PIXELS_MAX` values.
    """
    shape = array.shape
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3:
        first, last = array.shape[0], array.shape[-1]
        if first in (1, 3, 4) and (last not in (1, 3, 4) or (is_tensor and last != 4)):
            array = array.transpose(1, 2, 0)
        if array.shape[-1] == 1:
            array = array[:, :, 0]
    if 0 in array.shape or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        batch = "; of a batch [sdk.Image(each) for each in batch]" if array.ndim == 4 else ""
        raise ValueError(
            f"an array of shape {shape} is no image: give (H, W), (H, W, 1|3|4) or (1|3|4, H, W){batch}"
        )
    if array.size > PIXELS_MAX:
        raise ValueError(
            f"an image of shape {shape} is over the limit of {PIXELS_MAX} values: scale it down"
        )
    return array


def to_bytes(array: Any) -> Any:
    """Return pixels as uint8: bools are black and white, floats up to 1 are scaled by 255.

    Raises ValueError for what is no number.
    """
    import numpy

    if array.dtype == numpy.uint8:
        return array
    if array.dtype == numpy.bool_:
        return array.astype(numpy.uint8) * 255
    if array.dtype.kind not in "iuf":
        raise ValueError(f"an array of {array.dtype} is no image: give uint8, floats 0..1, or bools")
    pixels = numpy.nan_to_num(array.astype(numpy.float64), nan=0.0, posinf=255.0, neginf=0.0)
    if array.dtype.kind == "f" and pixels.max() <= 1.0:
        pixels = pixels * 255.0
    return numpy.clip(numpy.rint(pixels), 0, 255).astype(numpy.uint8)
