"""The files of media: their names, and that one content is one file."""

import hashlib
import shutil
from pathlib import Path

import pytest

from tidelog.datastore.names import check_file_path
from tidelog.sdk.media.html import Html
from tidelog.sdk.media.image import Image
from tidelog.sdk.media.store import MediaStore
from tidelog.sdk.media.text import Text

KEYS = [
    "plain",
    "val/sample image",
    "a[0]/b",
    "../../etc/passwd",
    "größe/übung ≈ 图像 😀",
    "x" * 300,
    "ü" * 300,
    "a/" * 150,
    "",
    ".",
    "-rf",
    'con:*?"<>|\\',
    "tab\tnew\nline\x00",
    "ends.tmp",
    "\ud800",
]


@pytest.mark.parametrize("key", KEYS, ids=ascii)
def test_a_file_name_is_safe_whatever_the_key(key: str, tmp_path: Path, store: MediaStore) -> None:
    """It fits the grammar of names, lies where it should, and is what the row says of it."""
    media = store.store(key, Text("content"), step=7)
    assert media.path == check_file_path(media.path)
    assert [tmp_path / media.path] == list(tmp_path.rglob("*.txt"))
    assert tmp_path / "media/texts" == (tmp_path / media.path).parent
    data = (tmp_path / media.path).read_bytes()
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (media.sha256, media.size)
    assert media.path.endswith(f"_7_{media.sha256[:12]}.txt")


def test_keys_that_look_alike_as_file_names_never_share_a_file(store: MediaStore) -> None:
    """The digest of the content is in the name."""
    first = store.store("a b", Text("one"), step=0)
    second = store.store("a/b", Text("two"), step=0)
    assert first.path != second.path


def test_one_content_is_one_file_in_each_folder(tmp_path: Path, store: MediaStore) -> None:
    """Whatever the key and the step; a page is no text, though the bytes are the same."""
    texts = [store.store(key, Text("<p>"), step=step) for key in "ab" for step in (1, 2)]
    page = store.store("a", Html("<p>", inject=False), step=1)
    assert 1 == len({media.path for media in texts})
    assert {texts[0].path, page.path} == {
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("media/*/*")
    }
    assert (5, 6) == (store.count, store.size_bytes)


def test_a_folder_that_was_deleted_is_made_again(tmp_path: Path, store: MediaStore) -> None:
    """A run goes on whatever somebody does to its folder."""
    store.store("a", Text("one"), step=0)
    shutil.rmtree(tmp_path / "media")
    media = store.store("a", Text("two"), step=1)
    assert b"two" == (tmp_path / media.path).read_bytes()


def test_a_part_that_is_wrong_is_an_error_of_the_whole(store: MediaStore) -> None:
    """A path that leads nowhere is told when the image is stored, and nothing is written."""
    with pytest.raises(ValueError, match="mask cannot be read"):
        store.store("a", Image([[0, 1]], masks={"m": {"path": "/not/there.png"}}), step=0)
    assert 0 == store.count
