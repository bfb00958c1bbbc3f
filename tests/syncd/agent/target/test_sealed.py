"""Bodies ready to travel: squeezed where it is worth it, and the digest is of what travels."""

import random

import pytest

from tidelog.syncd.agent.target.sealed import COMPRESSED_BYTES_MIN, Sealed, seal
from tidelog.syncd.bodies import decompress
from tidelog.syncd.protocol import CONTENT_DIGEST, CONTENT_ENCODING, digest_header

TEXT = b"loss 0.5 " * 1000
NOISE = random.Random(1).randbytes(10_000)


def test_a_body_for_a_far_hub_is_squeezed() -> None:
    """Its digest is that of the bytes that are sent."""
    body, headers = seal(TEXT, is_squeezed=True)
    assert len(body) < len(TEXT) / 10
    assert TEXT == decompress(body, bytes_max=len(TEXT), window_log_max=23)
    assert {CONTENT_DIGEST: digest_header(body), CONTENT_ENCODING: "zstd"} == headers


@pytest.mark.parametrize(
    ("data", "is_squeezed"),
    [(TEXT, False), (NOISE, True), (TEXT[: COMPRESSED_BYTES_MIN - 1], True), (b"", True)],
    ids=["near", "noise", "short", "empty"],
)
def test_what_gains_nothing_travels_as_it_is(data: bytes, is_squeezed: bool) -> None:
    """On the machine itself, where a tenth is not saved, and where there is next to nothing."""
    assert Sealed(data, {CONTENT_DIGEST: digest_header(data)}) == seal(data, is_squeezed=is_squeezed)
