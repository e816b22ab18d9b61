"""Exchangeable problems: conditionals against exact rationals, closed forms and the full table; bad input."""

from fractions import Fraction
from itertools import product
from math import comb, factorial, log, prod

import numpy as np
import pytest

import maskguide as mg
from maskguide.problems import counts
from maskguide.problems import extended_exponent as extended
from maskguide.problems.exchangeable import ExchangeableProblem


def simplex(vocab_size, length):
    return [c for c in product(range(length + 1), repeat=vocab_size - 1) if sum(c) <= length]


def random_problem(seed, vocab_size=2, length=4, num_classes=2, zeros=0.2):
    """Dirichlet laws on counts with some exact zeros; every law keeps all-zeros sequences possible."""
    rng = np.random.default_rng(seed)
    laws = np.zeros((num_classes, *(length + 1,) * (vocab_size - 1)))
    for c in simplex(vocab_size, length):
        laws[(slice(None), *c)] = rng.exponential(size=num_classes) * (rng.random(num_classes) > zeros)
    laws[(slice(None), *(0,) * (vocab_size - 1))] += 1e-3
    laws /= laws.sum(axis=tuple(range(1, vocab_size)), keepdims=True)
    return ExchangeableProblem(laws, rng.dirichlet(np.full(num_classes, 5)), int(rng.integers(num_classes)))


def marginal(law, revealed, length, vocab_size):
    """Probability of one arrangement of the revealed counts (c_0, ...), in Fractions."""
    masks, total = length - sum(revealed), Fraction(0)
    for rest in product(range(masks + 1), repeat=vocab_size):
        if sum(rest) == masks:
            whole = [a + b for a, b in zip(revealed, rest, strict=True)]
            ways = factorial(masks) // prod(map(factorial, rest))
            arrangements = factorial(length) // prod(map(factorial, whole))
            total += law[tuple(whole[1:])] * ways / arrangements
    return total


@pytest.mark.parametrize("vocab_size, length", [(2, 1), (2, 5), (3, 3), (4, 2)])
def test_conditionals_against_exact_rationals(vocab_size, length):
    problem = random_problem(length, vocab_size, length)
    target = np.vectorize(lambda v: Fraction(float(v)), otypes=[object])(problem.target_law)
    mixture = sum(Fraction(float(a)) * np.vectorize(lambda v: Fraction(float(v)), otypes=[object])(law)
                  for a, law in zip(problem.prior, problem.count_laws, strict=True))  # fmt: skip
    for k, pair in enumerate(problem.conditionals):
        for c in simplex(vocab_size, k):
            full = (k - sum(c), *c)
            for row, law in zip(pair, (target, mixture), strict=True):
                context = marginal(law, full, length, vocab_size)
                for v in range(vocab_size):
                    child = marginal(law, tuple(n + (i == v) for i, n in enumerate(full)), length, vocab_size)
                    expected = float(child / context) if context else 0.0
                    assert row[(*c, v)] == pytest.approx(expected, rel=1e-14, abs=0)


def test_conditionals_beyond_the_simplex_are_zero():
    for k, pair in enumerate(random_problem(0, 3, 4).conditionals):
        beyond = np.indices((k + 1, k + 1)).sum(axis=0) > k
        assert (pair[:, beyond] == 0).all()


def test_a_uniform_number_of_ones_is_polyas_urn_at_a_thousand():
    problem = ExchangeableProblem(np.full((1, 1001), 1 / 1001), [1.0])
    for k, pair in enumerate(problem.conditionals):
        assert np.abs(pair[0, :, 1] / ((np.arange(k + 1) + 1) / (k + 2)) - 1).max() < 1e-12


def test_mixtures_far_below_float64():
    # p(1 | c) = sum_j P(j | c) theta_j with log-odds linear in the counts: probabilities down to 0.01^1000.
    theta, length = np.array([0.01, 0.3]), 1000
    problem = ExchangeableProblem.from_mixture(length, theta, [0.5, 0.5], labels=[0, 1], target=0)
    assert problem.count_laws[0, -1] == 0
    for k in (0, 1, 500, 999):
        ones = np.arange(k + 1)
        odds = np.log(theta[1] / theta[0]) * ones + np.log((1 - theta[1]) / (1 - theta[0])) * (k - ones)
        share = 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
        target, mixture = problem.conditionals[k][..., 1]
        assert np.abs(target / theta[0] - 1).max() < 1e-12
        assert np.abs(mixture / (theta[0] + share * (theta[1] - theta[0])) - 1).max() < 1e-11


def test_from_mixture_against_binomials_and_multinomials():
    problem = ExchangeableProblem.from_mixture(5, [0.2, 0.6, 0.9], [0.25, 0.25, 0.5], labels=[0, 1, 1], target=1)
    binomial = [[comb(5, n) * q**n * (1 - q) ** (5 - n) for n in range(6)] for q in (0.2, 0.6, 0.9)]
    assert problem.prior.tolist() == [0.25, 0.75]
    assert problem.count_laws[0] == pytest.approx(binomial[0], rel=1e-14)
    assert problem.count_laws[1] == pytest.approx(np.array(binomial[1]) / 3 + np.array(binomial[2]) * 2 / 3, rel=1e-14)
    row = [0.2, 0.3, 0.5]
    law = ExchangeableProblem.from_mixture(4, [row], [1.0], labels=[0]).target_law
    assert law[1, 2] == pytest.approx(12 * 0.2 * 0.3 * 0.25, rel=1e-14)
    assert law.sum() == pytest.approx(1, abs=1e-14) and law[3, 2] == 0


@pytest.mark.parametrize("vocab_size, length", [(2, 6), (3, 4)])
def test_table_writes_out_the_arrangements(vocab_size, length):
    problem = random_problem(7, vocab_size, length, num_classes=3)
    table = problem.table()
    assert isinstance(table, mg.TableProblem) and table.target == problem.target
    states = np.indices((vocab_size,) * length)
    recounted = np.zeros_like(problem.count_laws)
    for k in range(3):
        np.add.at(recounted[k], tuple((states == v).sum(axis=0) for v in range(1, vocab_size)), table.class_laws[k])
    assert np.abs(recounted - problem.count_laws).max() < 1e-15
    assert np.array_equal(table.class_laws, table.class_laws.swapaxes(1, 2))


def test_with_target_keeps_digits_below_float64():
    problem = ExchangeableProblem.from_mixture(1000, [0.01, 0.3], [0.5, 0.5], labels=[0, 1], target=0)
    other = problem.with_target(1).with_target("class 0")
    assert all(np.array_equal(a, b) for a, b in zip(problem.conditionals, other.conditionals, strict=True))
    assert "D=1000" in repr(problem)


def test_scaled_numbers():
    tiny = extended.powers(np.array([0.1]), 1000).at((0, 1000))
    assert tiny.log() == pytest.approx(-1000 * np.log(10), rel=1e-15) and tiny.floats() == 0
    assert extended.ratio(tiny, extended.product(tiny, extended.extended(8.0))) == 0.125
    assert extended.total([tiny, tiny, extended.extended(0.0)]).log() == pytest.approx(
        tiny.log() + np.log(2), rel=1e-15
    )
    assert counts.multinomials(2, 1000).log()[500] == pytest.approx(log(comb(1000, 500)), rel=1e-15)
    assert np.isneginf(extended.extended(0.0).log())


BAD = [
    ([0.5, 0.5], [1.0], 0, "has shape"),
    ([[1.0]], [1.0], 0, "has shape"),
    ([[[0.5, 0.5]]], [1.0], 0, "has shape"),
    ([[0.5, 0.5], [1.0]], [0.5, 0.5], 0, "rows of equal length"),
    ([[0.5, 0.5]], [0.5, 0.5], 0, "one entry a class"),
    ([[1.5, -0.5]], [1.0], 0, "holds -0.5"),
    ([[np.nan, 1.0]], [1.0], 0, "NaN"),
    ([[0.5, 0.6]], [1.0], 0, "sums to 1.1"),
    ([[[0.5, 0.0], [0.0, 0.5]]], [1.0], 0, "exceed D = 1"),
    ([[0.5, 0.5]], [1.0], 1, "0 <= target < K"),
    ([[0.5, 0.5]], [1.0], "dog", "unknown target class"),
    ([[0.5, 0.5], [0.5, 0.5]], [1.0, 0.0], 1, "positive prior"),
]


@pytest.mark.parametrize("laws, prior, target, message", BAD, ids=[b[3] + str(i) for i, b in enumerate(BAD)])
def test_bad_input(laws, prior, target, message):
    with pytest.raises(mg.InputError, match=message) as error:
        ExchangeableProblem(laws, prior, target)
    assert len(str(error.value).splitlines()) <= 3


@pytest.mark.parametrize(
    "length, probs, weights, labels, message",
    [
        (0, [0.5], [1.0], [0], "length"),
        (5, [1.5], [1.0], [0], "probs"),
        (5, [0.5, 0.5], [1.0], [0, 0], "C labels"),
        (5, [0.5], [1.0], [-1], "label"),
        (5, [0.5, 0.5], [0.5, 0.5], [0, 2], "class 1 has weight zero"),
        (10**7, [0.5], [1.0], [0], "bytes"),
    ],
)
def test_bad_mixtures(length, probs, weights, labels, message):
    with pytest.raises(mg.InputError, match=message):
        ExchangeableProblem.from_mixture(length, probs, weights, labels)


def test_conditionals_below_float64_are_refused_and_not_rounded_to_zero():
    problem = ExchangeableProblem.from_mixture(2, [1e-200, 0.5], [0.5, 0.5], labels=[0, 1])
    assert problem.conditionals[0][0, 0, 1] == 1e-200
    laws = [[1.0, 0.0, 1e-310], [0.5, 0.0, 0.5]]
    with pytest.raises(mg.InputError, match="positive and below"):
        ExchangeableProblem(laws, [0.5, 0.5]).conditionals  # noqa: B018
