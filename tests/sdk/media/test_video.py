"""Videos: frames come back frame by frame, by Pillow and by ffmpeg."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from PIL import ImageSequence

from tidelog.sdk.media.store import MediaStore
from tidelog.sdk.media.video import Video

LEVELS = np.array([0, 50, 100, 200], np.uint8)
FRAMES = np.broadcast_to(LEVELS[:, None, None, None], (4, 1, 12, 18)).copy()
FRAMES[:, :, :6] = 255


def gif_frames(path: Path) -> Any:
    with PillowImage.open(path) as picture:
        return np.stack([np.asarray(f.convert("L")) for f in ImageSequence.Iterator(picture)])


def film_frames(path: Path) -> Any:
    """Read a film of 18 x 12 pixels by ffmpeg itself."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
    done = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    )
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, 12, 18, 3)


@pytest.mark.parametrize(
    "frames",
    [
        FRAMES,
        FRAMES.repeat(3, axis=1),
        FRAMES.repeat(4, axis=1),
        FRAMES[None],
        FRAMES / 255,
        torch.from_numpy(FRAMES),
    ],
)
def test_frames_become_a_gif_that_holds_them(frames: Any, tmp_path: Path, store: MediaStore) -> None:
    """(time, channels, height, width), or a batch of one; uint8 or floats 0..1."""
    media = store.store("v", Video(frames, fps=5, caption="x"), step=0)
    np.testing.assert_array_equal(FRAMES[:, 0], gif_frames(tmp_path / media.path))
    with PillowImage.open(tmp_path / media.path) as picture:
        assert 200 == picture.info["duration"]
    expected = {"format": "gif", "width": 18, "height": 12, "frames": 4, "fps": 5, "caption": "x"}
    assert expected == media.details


def test_a_batch_is_shown_as_tiles(tmp_path: Path, store: MediaStore) -> None:
    """About as wide as high; what is left over is black."""
    batch = np.stack([FRAMES, FRAMES // 2, FRAMES])
    media = store.store("v", Video(batch), step=0)
    found = gif_frames(tmp_path / media.path)
    assert (4, 24, 36) == found.shape
    np.testing.assert_array_equal(FRAMES[:, 0], found[:, 12:, :18])
    assert 0 == found[:, 12:, 18:].max()


@pytest.mark.parametrize("file_format", ["mp4", "webm"])
def test_frames_become_a_film_where_ffmpeg_is(
    file_format: str, tmp_path: Path, store: MediaStore
) -> None:
    """Lossy: the levels are about what they were, and odd sides are padded."""
    odd = FRAMES.repeat(3, axis=1)[:, :, :11, :17]
    media = store.store("v", Video(odd, fps=10, format=file_format), step=0)
    found = film_frames(tmp_path / media.path)
    assert (4, 12, 18, 3) == found.shape
    for level, frame in zip(LEVELS, found, strict=True):
        assert abs(int(level) - int(frame[9, 8, 0])) < 16


def test_without_ffmpeg_the_sentence_says_what_to_install() -> None:
    """Or to log a GIF, which needs nothing more."""
    program = (
        "import sys; sys.modules['imageio_ffmpeg'] = None\n"
        "import numpy as np\n"
        "from tidelog.datastore.disk import Disk\n"
        "from tidelog.sdk.media.video import Video\n"
        "snapshot = Video(np.zeros((1, 1, 2, 2), np.uint8), format='mp4').snapshot(Disk())\n"
        "try: snapshot.encode(None)\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install imageio-ffmpeg" in done.stdout
    assert "format='gif' needs nothing more" in done.stdout


def test_files_bytes_and_open_files_are_kept_as_they_are(tmp_path: Path, store: MediaStore) -> None:
    """Bytes say their format; the frames per second are the file's own."""
    (tmp_path / "a.mp4").write_bytes(b"film")
    videos = [
        Video(tmp_path / "a.mp4", fps=3),
        Video(b"film", format="mp4"),
        Video(io.BytesIO(b"film"), format="mp4"),
    ]
    found = [store.store("v", video, step=0) for video in videos]
    assert [".mp4"] * 3 == [media.path[-4:] for media in found]
    assert 1 == len({media.path for media in found})
    assert "Video(fps=3) has no effect" in videos[0].faults[0].text


@pytest.mark.parametrize(
    ("words", "video"),
    [
        ("an array of shape (4, 12, 18) is no video", Video(FRAMES[:, 0])),
        ("an array of shape (4, 2, 12, 18) is no video", Video(FRAMES.repeat(2, axis=1))),
        ("a video of object", Video(np.full((1, 1, 2, 2), None))),
        ("over the limit", Video(np.broadcast_to(np.uint8(0), (1000, 1, 1000, 1000)))),
        ("a video's format is one of gif, mp4, webm, ogg; it is None", Video(b"film")),
        ("a video's format is one of gif, mp4, webm, ogg; it is 'avi'", Video(FRAMES, format="avi")),
        ("a video's format is one of gif, mp4, webm, ogg; it is 'txt'", Video("notes.txt")),
        ("the video cannot be read", Video("/not/there.mp4")),
        ("is no video; give frames", Video(7)),
    ],
)
def test_what_is_no_video_is_said_when_it_is_logged(words: str, video: Video, store: MediaStore) -> None:
    """Making one never raises; the sentence names the value and the remedy."""
    with pytest.raises(ValueError) as caught:
        store.store("v", video, step=0)
    assert words in str(caught.value)
