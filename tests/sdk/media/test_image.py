import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from tidelog.datastore.disk import Disk
from tidelog.sdk.media.image import Image, ImageStore


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path, disk=Disk())


def png(picture: PillowImage.Image, file_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=file_format)
    return buffer.getvalue()


def pixels(tmp_path: Path, store: ImageStore, data: object, **arguments: Any) -> Any:
    media = store.store("k", Image(data, **arguments), step=0)
    with PillowImage.open(tmp_path / media.path) as picture:
        return np.asarray(picture)


GRADIENT = np.arange(30, dtype=np.uint8).reshape(5, 6)


@pytest.mark.parametrize(
    ("expected", "data"),
    [
        (GRADIENT, GRADIENT),
        (GRADIENT, GRADIENT.astype(np.int64)),
        (GRADIENT, GRADIENT.tolist()),
        (GRADIENT, GRADIENT[:, :, None]),
        (GRADIENT, GRADIENT[None]),
        (GRADIENT, GRADIENT.astype(float)),
        (GRADIENT, GRADIENT / 255),
        (np.dstack([GRADIENT] * 3), np.dstack([GRADIENT] * 3)),
        (np.dstack([GRADIENT] * 4), np.dstack([GRADIENT] * 4)),
        (np.dstack([GRADIENT] * 3), np.stack([GRADIENT] * 3)),
        (GRADIENT.T, GRADIENT.T),
        ((GRADIENT > 5) * np.uint8(255), GRADIENT > 5),
        (np.array([[0, 255, 0, 255]], np.uint8), np.array([[np.nan, np.inf, -np.inf, 1e9]])),
        (np.array([[0, 255, 128]], np.uint8), np.array([[-0.5, 1.0, 0.5]], np.float32)),
    ],
)
def test_arrays_become_the_pixels_that_they_mean(
    expected: Any, data: object, tmp_path: Path, store: ImageStore
) -> None:
    """Shapes (H, W), (H, W, 1|3|4), (1|3|4, H, W); uint8, floats 0..1 or 0..255, bools."""
    np.testing.assert_array_equal(expected, pixels(tmp_path, store, data))


def test_files_and_bytes_that_browsers_show_are_kept_as_they_are(
    tmp_path: Path, store: ImageStore
) -> None:
    """A JPEG stays the same bytes; what browsers do not show becomes a PNG."""
    picture = PillowImage.fromarray(GRADIENT)
    (tmp_path / "a.jpg").write_bytes(png(picture, "JPEG"))
    by_path = store.store("k", Image(tmp_path / "a.jpg"), step=3)
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / by_path.path).read_bytes()
    assert by_path.path.endswith(".jpg")
    by_bytes = store.store("k", Image(png(picture, "TIFF")), step=3)
    assert by_bytes.path.endswith(".png")
    assert ("png", 6, 5) == tuple(by_bytes.details[k] for k in ("format", "width", "height"))


def test_a_pillow_image_of_any_mode_is_stored(tmp_path: Path, store: ImageStore) -> None:
    """Modes that PNG lacks are converted."""
    for mode in ("1", "L", "RGB", "RGBA", "CMYK", "F", "YCbCr", "P"):
        media = store.store("k", Image(PillowImage.new(mode, (2, 2))), step=0)
        with PillowImage.open(tmp_path / media.path) as picture:
            assert (2, 2) == picture.size


def test_media_names_path_size_and_digest_of_the_file(tmp_path: Path, store: ImageStore) -> None:
    """The path is made of the key, the step and the digest, safe for every file system."""
    media = store.store("val/samples: ../x", Image(GRADIENT, caption="seven"), step=120)
    data = (tmp_path / media.path).read_bytes()
    assert hashlib.sha256(data).hexdigest() == media.sha256
    assert len(data) == media.size
    assert f"media/images/val_samples_.._x_120_{media.sha256[:8]}.png" == media.path
    assert "seven" == media.details["caption"]
    assert "image" == media.type


def test_the_same_content_is_stored_once(tmp_path: Path, store: ImageStore) -> None:
    """Whatever the key and the step, one content is one file."""
    first = store.store("a", Image(GRADIENT), step=1)
    second = store.store("b", Image(GRADIENT), step=2)
    assert first.path == second.path
    assert 1 == len(list((tmp_path / "media/images").iterdir()))
    assert (2, first.size) == (store.count, store.size_bytes)


@pytest.mark.parametrize(
    ("words", "data"),
    [
        ("shape (3,)", np.zeros(3)),
        ("shape (0, 3)", np.zeros((0, 3))),
        ("shape (2, 2, 7)", np.zeros((2, 2, 7))),
        ("dtype('O')|object", np.array([[object()]])),
        ("no image that Pillow can read", b"not an image"),
        ("is no image; give", 7),
        ("No such file", "/not/there.png"),
        ("over the limit", np.broadcast_to(np.uint8(0), (10_000, 10_000))),
    ],
)
def test_what_is_no_image_is_said_when_it_is_logged(words: str, data: object, store: ImageStore) -> None:
    """Making an Image never raises; storing it does, and names the value."""
    image = Image(data)
    with pytest.raises(ValueError) as caught:
        store.store("k", image, step=0)
    assert any(word in str(caught.value) for word in words.split("|"))


class Tensor:
    """What of a torch tensor matters here: it is on a device, wants a gradient, has channels first."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.dtype = array.dtype
        self.shape = array.shape

    def detach(self) -> "Tensor":
        return self

    def cpu(self) -> "Tensor":
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.array


class Figure:
    """What of a matplotlib figure matters here: it draws itself into a file."""

    def savefig(self, file: Any, *, format: str) -> None:  # noqa: A002 - matplotlib's name
        PillowImage.fromarray(GRADIENT).save(file, format=format)


def test_tensors_and_figures_are_images(tmp_path: Path, store: ImageStore) -> None:
    """Channels first is believed of a tensor even where the last axis could be channels."""
    np.testing.assert_array_equal(GRADIENT, pixels(tmp_path, store, Figure()))
    np.testing.assert_array_equal(GRADIENT, pixels(tmp_path, store, Tensor(GRADIENT[None])))
    narrow = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    np.testing.assert_array_equal(narrow.transpose(1, 2, 0), pixels(tmp_path, store, Tensor(narrow)))
    np.testing.assert_array_equal(narrow, pixels(tmp_path, store, narrow))


def test_an_image_from_a_pipe_or_a_device_is_refused_at_once(tmp_path: Path) -> None:
    """Neither may hold up training."""
    os.mkfifo(tmp_path / "pipe")
    store = ImageStore(tmp_path, disk=Disk())
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(ValueError, match="no regular file"):
            store.store("a", Image(path), step=0)
