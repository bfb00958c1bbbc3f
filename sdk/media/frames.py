"""Frames of a video, and their encoders: Pillow for GIF, ffmpeg for MP4, WebM and Ogg."""

from typing import Any

from tidelog.sdk.media.pixels import to_bytes
from tidelog.sdk.media.source import load

VALUES_MAX = 512 * 1024 * 1024
ENCODE_TIMEOUT_S = 600.0

_CODECS = {
    "mp4": ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "frag_keyframe+empty_moov"],
    "webm": ["-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p"],
    "ogg": ["-c:v", "libtheora", "-pix_fmt", "yuv420p"],
}


def take_frames(video: Any) -> Any:
    """Return frames (time, height, width, 1|3|4) that nobody else changes; a batch becomes tiles.

    Raises ValueError for other shapes, and for more than `VALUES_MAX` values.
    """
    if video.ndim not in (4, 5) or 0 in video.shape or video.shape[-3] not in (1, 3, 4):
        raise ValueError(
            f"an array of shape {video.shape} is no video: give (time, channels, height, width) or "
            "(batch, time, channels, height, width), of 1, 3 or 4 channels"
        )
    if video.size > VALUES_MAX:
        raise ValueError(
            f"a video of shape {video.shape} is over the limit of {VALUES_MAX} values: scale it down"
        )
    if video.dtype.kind not in "biuf":
        raise ValueError(f"a video of {video.dtype}: give uint8, or floats 0..1")
    return (_tiled(video) if video.ndim == 5 else video.transpose(0, 2, 3, 1)).copy()


def encode_gif(frames: Any, *, fps: float) -> bytes:
    """Return a GIF, which has 256 colours a frame and a time of at least 10 ms for each."""
    from io import BytesIO

    from PIL import Image

    first, *others = (Image.fromarray(frame) for frame in _colours(frames))
    buffer = BytesIO()
    first.save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=others,
        duration=max(10, round(1000 / fps)),
        loop=0,
    )
    return buffer.getvalue()


def encode_film(frames: Any, *, fps: float, file_format: str) -> bytes:
    """Return MP4, WebM or Ogg. Raises ValueError where there is no ffmpeg, or where it fails."""
    import subprocess

    purpose = f"a video from frames as {file_format} (format='gif' needs nothing more)"
    ffmpeg = load("imageio_ffmpeg", purpose, package="imageio-ffmpeg")
    colours = _colours(frames)
    height, width = colours.shape[1:3]
    command = [ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", str(fps), "-i", "-", "-an"]
    # Both sides of a frame are even in these formats.
    command += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", *_CODECS[file_format], "-f", file_format, "-"]
    done: subprocess.CompletedProcess[bytes] = subprocess.run(
        command, input=colours.tobytes(), capture_output=True, timeout=ENCODE_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise ValueError(
            f"ffmpeg could not encode {file_format}: {done.stderr.decode(errors='replace')[-300:]}"
        )
    return done.stdout


def _colours(frames: Any) -> Any:
    """Return (time, height, width, 3) of uint8."""
    import numpy

    frames = to_bytes(frames)
    frames = frames[..., :3] if frames.shape[-1] == 4 else frames
    return numpy.ascontiguousarray(frames.repeat(3, axis=-1) if frames.shape[-1] == 1 else frames)


def _tiled(batch: Any) -> Any:
    """Return (time, rows x height, columns x width, channels) of a batch, about as wide as high."""
    import numpy

    count, time, channels, height, width = batch.shape
    columns = int(numpy.ceil(numpy.sqrt(count)))
    rows = -(-count // columns)
    black = numpy.zeros((rows * columns - count, *batch.shape[1:]), dtype=batch.dtype)
    tiles = numpy.concatenate([batch, black]).reshape(rows, columns, time, channels, height, width)
    return tiles.transpose(2, 0, 4, 1, 5, 3).reshape(time, rows * height, columns * width, channels)
