"""Philox 4x32-10: known-answer vectors, and the same words in Python, numpy, numba and torch."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maskguide._random import LOW_32, TWO_TO_MINUS_53, bits_53, philox, split_seed, two_draws

# counter, key, output; Random123 1.x, file kat_vectors, lines "philox4x32 10"
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((LOW_32,) * 4, (LOW_32,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
known = pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
words = st.integers(0, LOW_32)
trajectories = st.integers(0, 2**62)


@known
def test_known_answers_in_python(counter, key, answer):
    assert philox(*counter, *key) == answer


@known
def test_known_answers_in_numpy(counter, key, answer):
    lanes = [np.full(3, c, dtype=np.int64) for c in counter]
    output = philox(*lanes, *key)
    assert all(word.dtype == np.int64 for word in output)
    assert [word.tolist() for word in output] == [[a] * 3 for a in answer]


@known
def test_known_answers_in_numba(counter, key, answer):
    from maskguide._compiled.philox import philox as compiled

    assert tuple(map(int, compiled(*map(np.uint64, counter), *map(np.uint64, key)))) == answer


@known
def test_known_answers_in_torch(counter, key, answer):
    torch = pytest.importorskip("torch")
    lanes = [torch.full((3,), c, dtype=torch.int64) for c in counter]
    output = philox(*lanes, *key)
    assert all(word.dtype == torch.int64 for word in output)
    assert [word.tolist() for word in output] == [[a] * 3 for a in answer]


@settings(deadline=None)
@given(st.tuples(words, words, words, words), st.tuples(words, words))
def test_ten_rounds_on_unbounded_integers(counter, key):
    # written a second time, with // and %, which cannot wrap
    c, k = list(counter), list(key)
    for _ in range(10):
        high = [0xD2511F53 * c[0] // 2**32, 0xCD9E8D57 * c[2] // 2**32]
        low = [0xD2511F53 * c[0] % 2**32, 0xCD9E8D57 * c[2] % 2**32]
        c = [high[1] ^ c[1] ^ k[0], low[1], high[0] ^ c[3] ^ k[1], low[0]]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    assert list(philox(*counter, *key)) == c


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1), trajectories, st.integers(0, LOW_32))
@example(2**64 - 1, 2**32, LOW_32)
@example(0, 2**32 - 1, 0)
@example(2**63, 2**40 + 17, 5)
def test_four_languages_draw_the_same_bits(seed, trajectory, draw):
    import torch

    from maskguide.samplers.compiled.draws import Key
    from maskguide.samplers.compiled.draws import uniforms as compiled
    from maskguide.samplers.torch.draws import Draws

    key = split_seed(seed)
    expected = two_draws(*key, trajectory, draw)
    uniforms = tuple(bits * TWO_TO_MINUS_53 for bits in expected)
    lanes, draws = np.array([trajectory, 0], dtype=np.int64), np.full(2, draw, dtype=np.int64)
    assert all(0 <= bits < 2**53 for bits in expected)
    assert tuple(int(bits[0]) for bits in two_draws(*key, lanes, draws)) == expected
    tensors = torch.from_numpy(lanes), torch.from_numpy(draws)
    assert tuple(int(bits[0]) for bits in two_draws(*key, *tensors)) == expected
    # what the engines multiply out of these bits
    assert compiled(Key(*key, 0), trajectory, draw, 0) == uniforms
    engine = Draws(SimpleNamespace(key=key, antithetic=False, device="cpu"), trajectory, 1)
    assert tuple(float(u[0, 0]) for u in engine.pair(tensors[1][:1], 0)) == uniforms


def test_trajectories_above_two_to_the_32_have_their_own_draws():
    draws = [two_draws(1, 0, t, 0) for t in (0, 1, 2**32, 2**32 + 1, 2**33)]
    assert len(set(draws)) == 5


def test_every_part_of_the_address_matters():
    base = two_draws(*split_seed(7), 3, 4)
    others = [
        two_draws(*split_seed(8), 3, 4),
        two_draws(*split_seed(7 + 2**32), 3, 4),
        two_draws(*split_seed(7), 4, 4),
        two_draws(*split_seed(7), 3, 5),
        two_draws(*split_seed(7), 4, 3),
    ]
    assert len({base, *others}) == 6


@settings(deadline=None)
@given(words, words)
@example(LOW_32, LOW_32)
@example(0, 0)
def test_uniforms_lie_in_the_half_open_unit_interval(high, low):
    bits = bits_53(high, low)
    assert 0 <= bits < 2**53
    assert 0.0 <= bits * TWO_TO_MINUS_53 < 1.0
    assert int(bits * TWO_TO_MINUS_53 * 2**53) == bits  # exact in float64: no rounding up to one
    assert bits == (high >> 5) * 2**26 + (low >> 6)


def test_uniforms_are_uniform_and_the_two_of_a_draw_independent():
    n, false_alarm = 200_000, 1e-6
    first, second = (b * TWO_TO_MINUS_53 for b in two_draws(*split_seed(12345), np.arange(n), np.zeros(n, np.int64)))
    bound = np.sqrt(np.log(2 / false_alarm) / (2 * n))  # Dvoretzky-Kiefer-Wolfowitz
    for sample in (first, second, (first + second) % 1):
        steps = np.arange(1, n + 1) / n
        assert np.abs(np.sort(sample) - steps).max() < bound + 1 / n


@pytest.mark.parametrize(
    ("seed", "key"),
    [(0, (0, 0)), (2**32, (0, 1)), (2**64 - 1, (LOW_32, LOW_32)), (0x0123456789ABCDEF, (0x89ABCDEF, 0x01234567))],
)
def test_seed_words(seed, key):
    assert split_seed(seed) == key
