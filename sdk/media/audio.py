"""Sounds: samples as a WAV file, by the standard library, or files as they are."""

import os
from functools import partial
from typing import Any, ClassVar

from tidelog.datastore.disk import Disk
from tidelog.sdk.media.source import as_array, bytes_of, is_array, is_path, read_path, require_size
from tidelog.sdk.media.value import Encoded, Keep, MediaValue, Snapshot
from tidelog.sdk.notices import shown

CHANNELS_MAX = 32
SUFFIXES = ("wav", "mp3", "flac", "ogg", "oga", "opus", "m4a", "aac", "webm")
S_PER_BYTE = 4e-9

_BEGINNINGS = {b"RIFF": "wav", b"fLaC": "flac", b"OggS": "ogg", b"ID3": "mp3", b"\xff\xfb": "mp3"}


class Audio(MediaValue):
    """A sound to log: samples with their `sample_rate` in Hz, a path, encoded bytes, or an open file.

    Samples are (frames,), (frames, channels) or (channels, frames); floats are -1..1 and become 16-bit
    integers, integers of 8, 16 and 32 bits stay as they are.
    """

    type: ClassVar[str] = "audio"
    folder: ClassVar[str] = "audio"

    def __init__(
        self,
        data_or_path: Any,
        sample_rate: float | None = None,
        caption: object = None,
        **unknown: object,
    ) -> None:
        super().__init__(caption, unknown=unknown)
        self.sample_rate = sample_rate
        self._hold(lambda: _take(data_or_path, sample_rate))

    def snapshot(self, disk: Disk) -> Snapshot:
        """Return the samples, or the bytes of the file."""
        held = self._require_held()
        if is_path(held):
            suffix = os.path.splitext(os.fspath(held))[1].lstrip(".").lower()
            if suffix not in SUFFIXES:
                raise ValueError(f"{os.fspath(held)} is none of the sounds {', '.join(SUFFIXES)}")
            held = read_path(held, disk, kind="sound")
        elif isinstance(held, bytes):
            suffix = _suffix_of(held)
        else:
            return Snapshot(held.nbytes, held.nbytes * S_PER_BYTE, partial(self._encode_samples, held))
        return Snapshot(len(held), len(held) * S_PER_BYTE, partial(self._encode_file, held, suffix))

    def _encode_file(self, data: bytes, suffix: str, _keep: Keep) -> Encoded:
        return Encoded(self.type, self.folder, suffix, data, self._captioned({"format": suffix}))

    def _encode_samples(self, samples: Any, _keep: Keep) -> Encoded:
        rate = round(float(self.sample_rate or 0))
        details = {
            "format": "wav",
            "sample_rate": rate,
            "channels": samples.shape[1],
            "duration_s": samples.shape[0] / rate,
        }
        return Encoded(self.type, self.folder, "wav", _wav(samples, rate), self._captioned(details))


def _take(data: Any, sample_rate: Any) -> Any:
    if is_path(data):
        return data
    encoded = bytes_of(data)
    if encoded is not None:
        require_size(len(encoded), "it has", kind="sound")
        return encoded
    if not (is_array(data) or isinstance(data, (list, tuple))):
        raise ValueError(
            f"{shown(data)} is no sound; give samples, a path, encoded bytes or an open file"
        )
    if sample_rate is None or not float(sample_rate) >= 1:
        raise ValueError(
            f"samples need their rate in Hz, such as sample_rate=44100; it is {shown(sample_rate)}"
        )
    samples = _frames_first(as_array(data, kind="sound"))
    require_size(samples.nbytes, "its samples have", kind="sound")
    return samples.copy()


def _frames_first(samples: Any) -> Any:
    """Return (frames, channels); channels first is believed where there are few of them."""
    shape = samples.shape
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.ndim == 2 and samples.shape[1] > CHANNELS_MAX >= samples.shape[0]:
        samples = samples.T
    if samples.ndim != 2 or samples.size == 0 or samples.shape[1] > CHANNELS_MAX:
        raise ValueError(
            f"samples of shape {shape}: give (frames,), (frames, channels) or (channels, frames)"
        )
    if samples.dtype.kind not in "iuf":
        raise ValueError(
            f"samples of {samples.dtype}: give floats -1..1, or integers of 8, 16 or 32 bits"
        )
    return samples


def _wav(samples: Any, rate: int) -> bytes:
    import wave
    from io import BytesIO

    samples = _as_pcm(samples)
    buffer = BytesIO()
    with wave.open(buffer, "wb") as writing:
        writing.setnchannels(samples.shape[1])
        writing.setsampwidth(samples.dtype.itemsize)
        writing.setframerate(rate)
        writing.writeframes(samples.tobytes())
    return buffer.getvalue()


def _as_pcm(samples: Any) -> Any:
    """Return samples as WAV has them: uint8, or little-endian integers of 16 or 32 bits."""
    import numpy

    if samples.dtype.kind == "f":
        scaled = numpy.nan_to_num(samples.astype(numpy.float64), posinf=1.0, neginf=-1.0) * 32767
        return numpy.clip(numpy.rint(scaled), -32768, 32767).astype("<i2")
    if samples.dtype == numpy.uint8:
        return samples
    limit = max(abs(int(samples.min())), abs(int(samples.max()) + 1))
    if samples.dtype.itemsize <= 2 or (samples.dtype.itemsize == 8 and limit <= 2**15):
        return samples.astype("<i2" if limit <= 2**15 else "<i4")
    if limit > 2**31:
        raise ValueError(f"samples up to {limit}: WAV holds integers of up to 32 bits")
    return samples.astype("<i4")


def _suffix_of(data: bytes) -> str:
    for beginning, suffix in _BEGINNINGS.items():
        if data.startswith(beginning):
            return suffix
    raise ValueError(
        f"{shown(data)} is none of the sounds {', '.join(dict.fromkeys(_BEGINNINGS.values()))}"
    )
