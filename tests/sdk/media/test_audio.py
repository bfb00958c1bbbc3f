"""Sounds: what is written is read back sample by sample, by the standard library."""

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tidelog.datastore.records import Media
from tidelog.sdk.media.audio import Audio
from tidelog.sdk.media.store import MediaStore

TONE = (np.sin(np.arange(400) / 10) * 20_000).astype(np.int16)


def samples(path: Path) -> tuple[int, int, Any]:
    with wave.open(str(path)) as reading:
        width = reading.getsampwidth()
        data = np.frombuffer(
            reading.readframes(reading.getnframes()), {1: "u1", 2: "<i2", 4: "<i4"}[width]
        )
        return reading.getframerate(), reading.getnchannels(), data.reshape(-1, reading.getnchannels())


STEREO = np.stack([TONE, -TONE], axis=1)


@pytest.mark.parametrize(
    ("expected", "data"),
    [
        (TONE[:, None], TONE),
        (TONE[:, None], TONE.tolist()),
        (TONE[:, None], TONE.astype(np.int64)),
        (STEREO, STEREO),
        (STEREO, STEREO.T),
        (STEREO, torch.from_numpy(STEREO.T.copy())),
        ((TONE[:, None] * np.int32(70_000)), (TONE * np.int32(70_000))),
        ((TONE // 256 + 128).astype(np.uint8)[:, None], (TONE // 256 + 128).astype(np.uint8)),
        (np.array([[32767], [-32767], [0], [32767]]), np.array([1.0, -1.0, 0.0, 7.0])),
        (np.array([[32767], [-32767], [0]]), np.array([np.inf, -np.inf, np.nan], np.float32)),
    ],
)
def test_samples_are_read_back_equal(
    expected: Any, data: Any, tmp_path: Path, store: MediaStore
) -> None:
    """Integers of 8, 16 and 32 bits as they are, floats -1..1 as 16 bits; channels last or first."""
    media = store.store("a", Audio(data, sample_rate=8000, caption="tone"), step=0)
    rate, channels, found = samples(tmp_path / media.path)
    assert (8000, expected.shape[1]) == (rate, channels)
    np.testing.assert_array_equal(expected, found)
    assert {
        "format": "wav",
        "sample_rate": 8000,
        "channels": expected.shape[1],
        "duration_s": len(expected) / 8000,
        "caption": "tone",
    } == media.details


def test_files_bytes_and_open_files_are_kept_as_they_are(tmp_path: Path, store: MediaStore) -> None:
    """Their type is found from the name, or from how they begin."""
    (tmp_path / "a.MP3").write_bytes(b"ID3 and so on")
    found: list[Media] = [
        store.store("a", Audio(source), step=0)
        for source in (tmp_path / "a.MP3", b"ID3 and so on", io.BytesIO(b"ID3 and so on"))
    ]
    assert ["media/audio/a_0_"] * 3 == [media.path[:16] for media in found]
    assert {".mp3"} == {media.path[-4:] for media in found}
    assert b"ID3 and so on" == (tmp_path / found[0].path).read_bytes()


@pytest.mark.parametrize(
    ("words", "audio"),
    [
        ("samples need their rate in Hz", Audio(TONE)),
        ("samples need their rate in Hz", Audio(TONE, sample_rate=0)),
        ("samples of shape (0, 1)|samples of shape (0,)", Audio([], sample_rate=1)),
        ("samples of shape (2, 2, 2)", Audio(np.zeros((2, 2, 2)), sample_rate=1)),
        ("samples of complex128", Audio(np.zeros(3, complex), sample_rate=1)),
        ("WAV holds integers of up to 32 bits", Audio(np.array([2**40]), sample_rate=1)),
        ("is none of the sounds wav, mp3", Audio("notes.txt")),
        ("is none of the sounds wav, flac", Audio(b"what is this")),
        ("the sound cannot be read", Audio("/not/there.wav")),
        ("is no sound; give samples", Audio(7, sample_rate=1)),
    ],
)
def test_what_is_no_sound_is_said_when_it_is_logged(words: str, audio: Audio, store: MediaStore) -> None:
    """Making one never raises; the sentence names the value and the remedy."""
    with pytest.raises(ValueError) as caught:
        store.store("a", audio, step=0)
    assert any(word in str(caught.value) for word in words.split("|"))
