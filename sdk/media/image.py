"""Images: from what people have in hand to a file below the run directory, stored once per content."""

import os
import stat
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import MEDIA_DIRECTORY
from tidelog.datastore.names import safe_stem
from tidelog.datastore.records import Media
from tidelog.datastore.text import size_text
from tidelog.sdk.notices import shown
from tidelog.sdk.values import MediaType

IMAGES = "images"
PNG_COMPRESS_LEVEL = 1  # Training waits for it; level 6 takes a third longer and saves a tenth.
PIXELS_MAX = 64 * 1024 * 1024
FILE_BYTES_MAX = 256 * 1024 * 1024
CONTENTS_REMEMBERED_MAX = 100_000
DIGEST_LETTERS = 8

SUFFIXES = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}
"""Formats that are kept as they are; every other one is turned into PNG."""


class Image(MediaType):
    """An image to log: an array, a tensor, a PIL image, a matplotlib figure, a path or encoded bytes.

    Arrays are (H, W), (H, W, 1|3|4) or (1|3|4, H, W); floats are 0..1 or 0..255, bools black and
    white. It is encoded when it is logged, and what is wrong with it is told then, without raising.
    """

    def __init__(
        self,
        data_or_path: object,
        caption: str | None = None,
        mode: str | None = None,
        **unknown: object,
    ) -> None:
        self.data = data_or_path
        self.caption = caption
        self.mode = mode
        self.unknown = tuple(unknown)
        self._encoded: Encoded | None = None

    def __repr__(self) -> str:
        return f"Image(<{type(self.data).__name__}>, caption={self.caption!r})"

    def encode(self, disk: Disk) -> "Encoded":
        """Return the bytes of the image's file. Raises ValueError or OSError where there is none."""
        if self._encoded is None:
            self._encoded = _encode(self.data, self.mode, disk)
        return self._encoded


class Encoded:
    """The bytes of an image's file, and what a page needs to know before it loads them."""

    __slots__ = ("data", "format", "height", "sha256", "width")

    def __init__(self, data: bytes, file_format: str, width: int, height: int) -> None:
        import hashlib  # Loads OpenSSL, which a script that logs numbers need not pay for.

        self.data = data
        self.format = SUFFIXES[file_format]
        self.width = width
        self.height = height
        self.sha256 = hashlib.sha256(data).hexdigest()


class ImageStore:
    """Writes images below one run directory; the same content becomes one file."""

    def __init__(self, directory: str | os.PathLike[str], *, disk: Disk) -> None:
        self.count = 0
        self.size_bytes = 0
        self._directory = os.fspath(directory)
        self._disk = disk
        self._paths: dict[str, str] = {}
        self._is_ready = False

    def store(self, key: str, image: Image, *, step: int) -> Media:
        """Return the Media of an image whose file is in place.

        Raises ValueError for what is no image, OSError where the file cannot be written.
        """
        try:
            encoded = image.encode(self._disk)
        except OSError as error:
            raise ValueError(f"the image cannot be read: {error}") from error
        path = self._paths.get(encoded.sha256)
        if path is None:
            name = f"{safe_stem(key)}_{step}_{encoded.sha256[:DIGEST_LETTERS]}.{encoded.format}"
            path = f"{MEDIA_DIRECTORY}/{IMAGES}/{name}"
            self._write(path, encoded.data)
            if len(self._paths) >= CONTENTS_REMEMBERED_MAX:
                del self._paths[next(iter(self._paths))]
            self._paths[encoded.sha256] = path
            self.size_bytes += len(encoded.data)
        self.count += 1
        details: dict[str, Any] = {
            "format": encoded.format,
            "width": encoded.width,
            "height": encoded.height,
        }
        if image.caption is not None:
            details["caption"] = str(image.caption)
        return Media("image", path, encoded.sha256, len(encoded.data), details)

    def _write(self, path: str, data: bytes) -> None:
        if not self._is_ready:
            self._disk.make_directory(os.path.join(self._directory, MEDIA_DIRECTORY, IMAGES))
            self._is_ready = True
        self._disk.replace(os.path.join(self._directory, path), data)


def _encode(data: Any, mode: str | None, disk: Disk) -> Encoded:
    if isinstance(data, (str, os.PathLike)):
        status = disk.stat(data)
        size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            # A pipe would wait for its writer, and a device may never end.
            raise ValueError(f"{os.fspath(data)} is no regular file; give the path of an image")
        if size > FILE_BYTES_MAX:
            raise ValueError(
                f"{os.fspath(data)} has {size_text(size)}; the limit for an image is "
                f"{size_text(FILE_BYTES_MAX)}: scale it down, or use run.save(path)"
            )
        return _encode_file(disk.read(data), os.fspath(data))
    if isinstance(data, (bytes, bytearray, memoryview)):
        return _encode_file(bytes(data), f"{len(data)} bytes")
    if hasattr(data, "savefig"):
        return _encode_figure(data)
    if type(data).__module__.partition(".")[0] == "PIL" and hasattr(data, "save"):
        return _encode_png(data)
    if hasattr(data, "__array_interface__") or hasattr(data, "__array__") or hasattr(data, "numpy"):
        return _encode_array(data, mode)
    if isinstance(data, (list, tuple)):
        import numpy

        return _encode_array(numpy.asarray(data), mode)
    raise ValueError(
        f"{shown(data)} is no image; give an array, a tensor, a PIL image, a path or encoded bytes"
    )


def _encode_file(data: bytes, origin: str) -> Encoded:
    """Keep an encoded image as it is where browsers can show it, else turn it into PNG."""
    from io import BytesIO

    from PIL import Image as PillowImage
    from PIL import UnidentifiedImageError

    try:
        with PillowImage.open(BytesIO(data)) as picture:
            if picture.format in SUFFIXES:
                return Encoded(data, picture.format, *picture.size)
            return _encode_png(picture)
    except UnidentifiedImageError as error:
        raise ValueError(f"{origin} is no image that Pillow can read") from error


def _encode_figure(figure: Any) -> Encoded:
    from io import BytesIO

    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return _encode_file(buffer.getvalue(), "the figure")


def _encode_png(picture: Any) -> Encoded:
    from io import BytesIO

    if picture.mode not in ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"):
        picture = picture.convert("RGBA" if "A" in picture.mode else "RGB")
    buffer = BytesIO()
    picture.save(buffer, format="PNG", compress_level=PNG_COMPRESS_LEVEL)
    return Encoded(buffer.getvalue(), "PNG", *picture.size)


def _encode_array(data: Any, mode: str | None) -> Encoded:
    import numpy
    from PIL import Image as PillowImage

    is_tensor = hasattr(data, "detach")
    if is_tensor:
        data = data.detach().cpu()
        if str(data.dtype) == "torch.bfloat16":
            data = data.float()
    pixels = _channels_last(numpy.asarray(data), is_tensor=is_tensor)
    if pixels.size > PIXELS_MAX:
        raise ValueError(
            f"an image of shape {pixels.shape} is over the limit of {PIXELS_MAX} values: scale it down"
        )
    pixels = numpy.ascontiguousarray(_to_bytes(pixels))
    picture = PillowImage.fromarray(pixels)
    return _encode_png(picture.convert(mode) if mode else picture)


def _channels_last(array: Any, *, is_tensor: bool) -> Any:
    """Return (H, W) or (H, W, 3|4); channels first is believed where nothing else fits."""
    if array.ndim == 3:
        first, last = array.shape[0], array.shape[-1]
        if first in (1, 3, 4) and (last not in (1, 3, 4) or (is_tensor and last != 4)):
            array = array.transpose(1, 2, 0)
        if array.shape[-1] == 1:
            array = array[:, :, 0]
    if 0 in array.shape or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ValueError(
            f"an array of shape {array.shape} is no image: give (H, W), (H, W, 1|3|4) or (1|3|4, H, W)"
        )
    return array


def _to_bytes(array: Any) -> Any:
    """Return pixels as uint8: bools are black and white, floats up to 1 are scaled by 255."""
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
