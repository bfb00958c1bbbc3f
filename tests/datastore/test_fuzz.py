"""Bytes that nobody wrote: DatastoreError or an answer, 64 MiB and 50 ms at most; see `make fuzz`."""

from pathlib import Path

import pytest
from fuzz.bombs import BOMBS, BYTES_MAX
from fuzz.cost import MEMORY_BYTES_MAX, SECONDS_MAX, bytes_of, seconds_of
from fuzz.log_mutator import LogMutator
from fuzz.questions import QUESTIONS, ask_everything
from hypothesis import given, settings
from hypothesis import strategies as st
from log_spec import log_of_every_kind

TESTS = Path(__file__).parents[1]
CORPUS = sorted((TESTS / "fuzz" / "corpus").iterdir())
SEEDS = [log_of_every_kind().data, *(path.read_bytes() for path in (TESTS / "golden").rglob("*.tlog"))]

mutated = st.builds(
    lambda data, seed, rounds: _mutated(data, seed, rounds),
    st.sampled_from(SEEDS),
    st.integers(0, 2**32),
    st.integers(1, 4),
)


def _mutated(data: bytes, seed: int, rounds: int) -> bytes:
    mutator = LogMutator(seed)
    for _ in range(rounds):
        data = mutator.mutate(data, BYTES_MAX)
    return data


@settings(max_examples=300)
@given(mutated)
def test_no_log_with_right_crcs_breaks_a_reader(data: bytes) -> None:
    """Whatever its chunks hold; and all ways to learn the same agree."""
    ask_everything(data)


@settings(max_examples=200)
@given(st.binary(max_size=2000), st.booleans())
def test_no_bytes_break_a_reader(data: bytes, has_header: bool) -> None:
    """With the header of a log before them, or without."""
    ask_everything(SEEDS[0][:40] + data if has_header else data)


@settings(max_examples=60)
@given(mutated, st.sampled_from(sorted(QUESTIONS)))
def test_an_answer_costs_little(data: bytes, question: str) -> None:
    """Of any log of 32 KiB."""
    assert seconds_of(QUESTIONS[question], data) <= SECONDS_MAX
    assert bytes_of(QUESTIONS[question], data) <= MEMORY_BYTES_MAX


@pytest.mark.parametrize("name", BOMBS)
def test_a_log_that_is_made_to_cost_costs_little(name: str) -> None:
    """Whatever is asked of it."""
    data = BOMBS[name]()
    assert BYTES_MAX >= len(data)
    for question, ask in QUESTIONS.items():
        assert seconds_of(ask, data) <= SECONDS_MAX, question
        assert bytes_of(ask, data) <= MEMORY_BYTES_MAX, question


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_what_was_found_once_stays_mended(path: Path) -> None:
    """The kept corpus of the fuzzer."""
    ask_everything(path.read_bytes())
