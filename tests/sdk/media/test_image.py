import hashlib
import io
import os
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from PIL import Image as PillowImage

from tidelog.datastore.disk import Disk
from tidelog.datastore.records import Media
from tidelog.sdk.media.image import Image
from tidelog.sdk.media.overlay import BoundingBoxes2D, Classes, ImageMask
from tidelog.sdk.media.store import MediaStore

matplotlib.use("agg")


def png(picture: PillowImage.Image, file_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=file_format)
    return buffer.getvalue()


def pixels(tmp_path: Path, store: MediaStore, data: object, **arguments: Any) -> Any:
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
    expected: Any, data: object, tmp_path: Path, store: MediaStore
) -> None:
    """Shapes (H, W), (H, W, 1|3|4), (1|3|4, H, W); uint8, floats 0..1 or 0..255, bools."""
    np.testing.assert_array_equal(expected, pixels(tmp_path, store, data))


def test_files_and_bytes_that_browsers_show_are_kept_as_they_are(
    tmp_path: Path, store: MediaStore
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


def test_a_pillow_image_of_any_mode_is_stored(tmp_path: Path, store: MediaStore) -> None:
    """Modes that PNG lacks are converted."""
    for mode in ("1", "L", "RGB", "RGBA", "CMYK", "F", "YCbCr", "P"):
        media = store.store("k", Image(PillowImage.new(mode, (2, 2))), step=0)
        with PillowImage.open(tmp_path / media.path) as picture:
            assert (2, 2) == picture.size


def test_media_names_path_size_and_digest_of_the_file(tmp_path: Path, store: MediaStore) -> None:
    """The path is made of the key, the step and the digest, safe for every file system."""
    media = store.store("val/samples: ../x", Image(GRADIENT, caption="seven"), step=120)
    data = (tmp_path / media.path).read_bytes()
    assert hashlib.sha256(data).hexdigest() == media.sha256
    assert len(data) == media.size
    assert f"media/images/val_samples_.._x_120_{media.sha256[:12]}.png" == media.path
    assert "seven" == media.details["caption"]
    assert "image" == media.type


def test_the_same_content_is_stored_once(tmp_path: Path, store: MediaStore) -> None:
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
        ("[sdk.Image(each) for each in batch]", np.zeros((4, 3, 8, 8))),
        ("dtype('O')|object", np.array([[object()]])),
        ("no image that Pillow can read", b"not an image"),
        ("is no image; give", 7),
        ("No such file", "/not/there.png"),
        ("over the limit", np.broadcast_to(np.uint8(0), (10_000, 10_000))),
    ],
)
def test_what_is_no_image_is_said_when_it_is_logged(words: str, data: object, store: MediaStore) -> None:
    """Making an Image never raises; storing it does, and names the value."""
    image = Image(data)
    with pytest.raises(ValueError) as caught:
        store.store("k", image, step=0)
    assert any(word in str(caught.value) for word in words.split("|"))


def test_tensors_are_images(tmp_path: Path, store: MediaStore) -> None:
    """Channels first is believed of a tensor even where the last axis could be channels."""
    plane = torch.from_numpy(GRADIENT)
    np.testing.assert_array_equal(GRADIENT, pixels(tmp_path, store, plane[None]))
    narrow = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    np.testing.assert_array_equal(
        narrow.transpose(1, 2, 0), pixels(tmp_path, store, torch.from_numpy(narrow))
    )
    np.testing.assert_array_equal(narrow, pixels(tmp_path, store, narrow))
    weights = torch.nn.Parameter(plane.float()[None] / 256)
    assert (5, 6) == pixels(tmp_path, store, weights.bfloat16()).shape


def test_figures_are_images_as_they_were_when_the_image_was_made(
    tmp_path: Path, store: MediaStore
) -> None:
    """Of matplotlib a figure, axes or `plt` itself; a script clears its figure right after."""
    figure, axes = plt.subplots(figsize=(2, 1), dpi=50)
    axes.plot([1, 3, 2])
    of_each = [Image(figure), Image(axes), Image(plt)]
    axes.clear()
    plt.close(figure)
    first, *others = [store.store("k", image, step=0) for image in of_each]
    assert [first.path] * 2 == [media.path for media in others]
    with PillowImage.open(tmp_path / first.path) as picture:
        assert (100, 50) == picture.size
        assert np.unique(np.asarray(picture.convert("L"))).size > 2, "nothing is drawn in it"


def test_an_image_is_what_it_was_made_of_when_it_was_made(tmp_path: Path, store: MediaStore) -> None:
    """A script may use its buffer again: arrays, tensors and pictures alike."""
    array, tensor = GRADIENT.copy(), torch.from_numpy(GRADIENT.copy())
    picture = PillowImage.fromarray(GRADIENT)
    images = [Image(array), Image(tensor), Image(picture)]
    array[:] = tensor[:] = 0
    picture.putpixel((5, 4), 0)
    for image in images:
        media = store.store("k", image, step=0)
        with PillowImage.open(tmp_path / media.path) as stored:
            np.testing.assert_array_equal(GRADIENT, np.asarray(stored))


def test_a_mask_is_a_file_of_its_own(tmp_path: Path, store: MediaStore) -> None:
    """Its grey values are the classes, up to 16 bits; the image names it with its labels."""
    classes = np.array([[0, 1], [2, 3]])
    masks = {
        "predictions": {"mask_data": classes, "class_labels": {0: "cat", np.int64(1): "dog"}},
        "truth": ImageMask({"mask_data": torch.from_numpy(classes)}, "truth"),
        "instances": {"mask_data": classes * 20_000},
    }
    media = store.store("val", Image(GRADIENT, masks=masks), step=3)
    found: dict[str, Media] = media.details["masks"]
    assert {"class_labels": {0: "cat", 1: "dog"}} == found["predictions"].details
    assert found["predictions"].path == found["truth"].path
    for name, factor in (("predictions", 1), ("truth", 1), ("instances", 20_000)):
        with PillowImage.open(tmp_path / found[name].path) as picture:
            np.testing.assert_array_equal(classes * factor, np.asarray(picture))
    assert found["truth"].path.startswith("media/masks/val_3_")


def test_boxes_and_classes_are_in_the_details(store: MediaStore) -> None:
    """In wandb's shapes, with plain numbers whatever they were."""
    corners = {"minX": np.float32(0.5), "maxX": 1.0, "minY": torch.tensor(0.25), "maxY": 1}
    centre = {"middle": [np.int64(3), 4], "width": 2, "height": 1}
    boxes = {
        "predictions": {
            "box_data": [{"position": corners, "class_id": np.int64(1), "scores": {"acc": 0.5}}],
            "class_labels": {1: "dog"},
        },
        "truth": BoundingBoxes2D({"box_data": [{"position": centre, "domain": "pixel"}]}, "truth"),
    }
    image = Image(GRADIENT, boxes=boxes, classes=Classes([{"id": 1, "name": "dog"}]), grouping=2)
    details = store.store("k", image, step=0).details
    plain = {"minX": 0.5, "maxX": 1.0, "minY": 0.25, "maxY": 1}
    assert {
        "predictions": {
            "box_data": [{"position": plain, "class_id": 1, "scores": {"acc": 0.5}}],
            "class_labels": {1: "dog"},
        },
        "truth": {"box_data": [{"position": {**centre, "middle": [3, 4]}, "domain": "pixel"}]},
    } == details["boxes"]
    assert ({1: "dog"}, 2) == (details["classes"], details["grouping"])


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("mask 'm' was left out: mask_data of shape (3,)", {"masks": {"m": {"mask_data": np.zeros(3)}}}),
        ("classes from -1 to 2", {"masks": {"m": {"mask_data": np.array([[-1, 2]])}}}),
        ('a mask is {"mask_data"', {"masks": {"m": 7}}),
        ("Image(masks=7) was left out", {"masks": 7}),
        ("a box's position needs minX", {"boxes": {"b": {"box_data": [{"position": {"minX": 1}}]}}}),
        ('boxes are {"box_data"', {"boxes": {"b": {}}}),
        ("2001 boxes; the limit is 2000", {"boxes": {"b": {"box_data": [{}] * 2001}}}),
        ("Image's classes was left out", {"classes": 7}),
        ("file_type='tiff') is none of png, jpg", {"file_type": "tiff"}),
        ("Image(colour=...) is not known", {"colour": "red"}),
    ],
)
def test_what_is_wrong_beside_an_image_leaves_the_image(
    words: str, arguments: dict[str, Any], store: MediaStore
) -> None:
    """One sentence says what was left out."""
    image = Image(GRADIENT, **arguments)
    (fault,) = image.faults
    assert words in fault.text
    assert "png" == store.store("k", image, step=0).details["format"]


def test_the_type_of_the_file_may_be_chosen(tmp_path: Path, store: MediaStore) -> None:
    """For pixels; a file that browsers show stays as it is."""
    for file_type, file_format in (("jpg", "JPEG"), ("bmp", "BMP"), ("webp", "WEBP"), ("png", "PNG")):
        media = store.store("k", Image(np.dstack([GRADIENT] * 4), file_type=file_type), step=0)
        with PillowImage.open(tmp_path / media.path) as picture:
            assert file_format == picture.format
    kept = store.store("k", Image(png(PillowImage.fromarray(GRADIENT)), file_type="jpg"), step=0)
    assert kept.path.endswith(".png")


def test_an_image_tells_what_it_is(tmp_path: Path) -> None:
    """As wandb's does: `image`, `width`, `height`, `format`, `caption`; an Image of an Image is one."""
    image = Image(Image(GRADIENT, caption="seven"))
    np.testing.assert_array_equal(GRADIENT, np.asarray(image.image))
    assert (6, 5, "seven") == (image.width, image.height, image.caption)


def test_an_image_from_a_pipe_or_a_device_is_refused_at_once(tmp_path: Path) -> None:
    """Neither may hold up training."""
    os.mkfifo(tmp_path / "pipe")
    store = MediaStore(tmp_path, disk=Disk())
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(ValueError, match="no regular file"):
            store.store("a", Image(path), step=0)
