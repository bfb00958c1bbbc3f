"""Videos: frames as a GIF, or as MP4 or WebM where ffmpeg is there, or files as they are."""

import os
from functools import partial
from typing import Any, ClassVar

from tidelog.datastore.disk import Disk
from tidelog.sdk.media.frames import encode_film, encode_gif, take_frames
from tidelog.sdk.media.source import as_array, bytes_of, is_array, is_path, read_path, require_size
from tidelog.sdk.media.value import Encoded, Keep, MediaValue, Snapshot
from tidelog.sdk.notices import Fault, shown

FPS = 4
FORMATS = ("gif", "mp4", "webm", "ogg")
FILE_S_PER_BYTE = 2e-9
FRAMES_S_PER_BYTE = 60e-9


class Video(MediaValue):
    """A video to log: frames, a path, encoded bytes or an open file (these two with their `format`).

    Frames are (time, channels, height, width) or (batch, time, channels, height, width), a batch is
    shown as tiles; uint8, or floats 0..1. `fps` is for frames alone, `format` theirs: "gif" unless
    told otherwise.
    """

    type: ClassVar[str] = "video"
    folder: ClassVar[str] = "videos"

    def __init__(
        self,
        data_or_path: Any,
        caption: object = None,
        fps: float | None = None,
        format: str | None = None,  # noqa: A002 - wandb's name for it
        **unknown: object,
    ) -> None:
        super().__init__(caption, unknown=unknown)
        self.fps = fps or FPS
        self.format = format
        self._hold(lambda: _take(data_or_path, format))
        if fps is not None and isinstance(self._held, (str, os.PathLike, bytes)):
            text = f"Video(fps={shown(fps)}) has no effect: the file says itself how fast it is"
            self.faults.append(Fault("video fps", text))

    def snapshot(self, disk: Disk) -> Snapshot:
        """Return the frames, or the bytes of the file."""
        held = self._require_held()
        if is_path(held):
            suffix = _known_format(os.path.splitext(os.fspath(held))[1].lstrip("."))
            held = read_path(held, disk, kind="video")
        elif isinstance(held, bytes):
            suffix = _known_format(self.format)
        else:
            seconds = held.nbytes * FRAMES_S_PER_BYTE
            return Snapshot(held.nbytes, seconds, partial(self._encode_frames, held))
        return Snapshot(len(held), len(held) * FILE_S_PER_BYTE, partial(self._encode_file, held, suffix))

    def _encode_file(self, data: bytes, suffix: str, _keep: Keep) -> Encoded:
        return Encoded(self.type, self.folder, suffix, data, self._captioned({"format": suffix}))

    def _encode_frames(self, frames: Any, _keep: Keep) -> Encoded:
        suffix = self.format or "gif"
        encode = encode_gif if suffix == "gif" else partial(encode_film, file_format=suffix)
        count, height, width = frames.shape[:3]
        details = {"format": suffix, "width": width, "height": height, "frames": count, "fps": self.fps}
        data = encode(frames, fps=float(self.fps))
        return Encoded(self.type, self.folder, suffix, data, self._captioned(details))


def _take(data: Any, file_format: str | None) -> Any:
    if is_path(data):
        return data
    encoded = bytes_of(data)
    if encoded is not None:
        _known_format(file_format)
        require_size(len(encoded), "it has", kind="video")
        return encoded
    if not (is_array(data) or isinstance(data, (list, tuple))):
        raise ValueError(
            f"{shown(data)} is no video; give frames, a path, encoded bytes or an open file"
        )
    if file_format is not None:
        _known_format(file_format)
    return take_frames(as_array(data, kind="video"))


def _known_format(file_format: str | None) -> str:
    known = str(file_format or "").lower()
    if known not in FORMATS:
        raise ValueError(f"a video's format is one of {', '.join(FORMATS)}; it is {shown(file_format)}")
    return known
