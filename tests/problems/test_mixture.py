"""Mixtures of independent coordinates: against their own table, at 50 digits, and at large size."""

import pickle

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import maskguide as mg
from maskguide.problems.mixture import ProductMixture
from tests.problems.test_conditionals import agrees_with_its_table, all_states, tensors_agree


def random_mixture(seed, vocab_size, length, components, classes=2, zeros=0.3):
    """Dirichlet rows with exact zeros, unequal weights (one of them zero), several components a class."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(vocab_size), (components, length)) * (
        rng.random((components, length, vocab_size)) > zeros
    )
    probs[..., 0] += 1e-3
    weights = rng.dirichlet(np.ones(components))
    weights[classes:] *= rng.random(components - classes) > 0.2
    labels = [c % classes for c in range(components)]
    return ProductMixture(
        probs / probs.sum(axis=-1, keepdims=True), weights / weights.sum(), labels, target=classes - 1
    )


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 3), st.integers(2, 5))
def test_agrees_with_its_table_on_every_state(seed, vocab_size, length, components):
    agrees_with_its_table(random_mixture(seed, vocab_size, length, components))


def test_the_table_is_the_sum_of_products():
    problem = random_mixture(1, 3, 2, components=4)
    p, a, table = problem.probs, problem.weights, problem.table()
    for x in np.ndindex(3, 3):
        terms = [a[c] * p[c, 0, x[0]] * p[c, 1, x[1]] for c in range(4)]
        assert table.unconditional_law[x] == pytest.approx(sum(terms), rel=1e-14, abs=1e-300)
        assert table.class_laws[1][x] == pytest.approx((terms[1] + terms[3]) / (a[1] + a[3]), rel=1e-14, abs=1e-300)


def test_three_classes_and_names_reach_the_table():
    problem = ProductMixture(
        [[[1, 0]], [[0, 1]], [[0.5, 0.5]]], [0.2, 0.3, 0.5], [2, 1, 0], "c", class_names="abc", coordinate_names=["x"],
        token_names=["no", "yes"], name="three", source="here",
    )  # fmt: skip
    table = problem.table()
    assert problem.prior.tolist() == [0.5, 0.3, 0.2] and problem.class_weights.tolist() == [
        [0, 0, 1], [0, 1, 0], [1, 0, 0],
    ]  # fmt: skip
    assert table.class_laws.tolist() == [[0.5, 0.5], [0, 1], [1, 0]] and table.target == 2
    assert (table.class_names, table.token_names, table.name) == (("a", "b", "c"), (("no", "yes"),), "three")
    assert repr(problem) == "ProductMixture('three': K=3, N=2, D=1, target='c')"


def test_another_target_leaves_the_laws():
    problem = random_mixture(2, 3, 2, components=4)
    other, states = problem.with_target(0), all_states(problem)
    assert (problem.target, other.target) == (1, 0)
    np.testing.assert_array_equal(problem.log_conditionals(states), other.log_conditionals(states))
    with pytest.raises(mg.InputError, match="target = 2"):
        problem.with_target(2)


def test_tensors_and_pickles():
    problem = random_mixture(5, 3, 3, components=4)
    tensors_agree(problem, all_states(problem))
    tensors_agree(pickle.loads(pickle.dumps(problem)), all_states(problem))


# Large -------------------------------------------------------------------------------------------------


def half_masked(problem, count, seed=0, component=None):
    """States drawn from a component (uniform tokens without one), each coordinate masked with probability one half."""
    rng = np.random.default_rng(seed)
    shape = count, problem.length
    if component is None:
        tokens = rng.integers(0, problem.vocab_size, shape)
    else:
        cumulative = problem.probs[component].cumsum(axis=1)
        tokens = np.minimum((rng.random((*shape, 1)) > cumulative).sum(axis=-1), problem.vocab_size - 1)
    return np.where(rng.random(shape) < 0.5, tokens, problem.vocab_size)


def at_50_digits(problem, state, label, places):
    """log p(v | x) at some (i, v), and log p(x), in 50-digit arithmetic from the float parameters."""
    with mpmath.workdps(50):
        shares = problem.weights if label is None else problem.class_weights[label]
        joint = [mpmath.mpf(a) for a in shares]
        for i in np.flatnonzero(state < problem.vocab_size):
            joint = [j * mpmath.mpf(problem.probs[c, i, state[i]]) for c, j in enumerate(joint)]
        rows = [mpmath.fdot(joint, [mpmath.mpf(p) for p in problem.probs[:, i, v]]) for i, v in places]
        return [float(mpmath.log(r / mpmath.fsum(joint))) for r in rows], float(mpmath.log(mpmath.fsum(joint)))


@pytest.mark.parametrize("component", [None, 0])
def test_a_thousand_coordinates_to_twelve_digits(component):
    problem = ProductMixture.random(1024, 256, components=8, seed=1)
    states = half_masked(problem, 2, component=component)
    for label in (None, 0, 1):
        found, marginal = problem.log_conditionals(states, label), problem.log_marginal(states, label)
        assert np.abs(np.exp(found).sum(axis=-1) - 1).max() < 1e-12
        for state, rows, total in zip(states, found, marginal, strict=True):
            places = [(i, v) for i in np.flatnonzero(state == 256)[:3] for v in (0, 100, 255)]
            expected, log_p = at_50_digits(problem, state, label, places)
            np.testing.assert_allclose([rows[i, v] for i, v in places], expected, rtol=0, atol=1e-13)
            assert total == pytest.approx(log_p, rel=1e-14)


def test_contested_components_at_large_size():
    """Two components that differ in few coordinates: posteriors far from 0 and 1 out of likelihoods e^-3000."""
    rng = np.random.default_rng(0)
    first = rng.dirichlet(np.ones(256), 1024)
    second = first.copy()
    second[:8] = rng.dirichlet(np.ones(256), 8)
    problem = ProductMixture([first, second], [0.25, 0.75], [0, 1])
    (state,) = half_masked(problem, 1, component=0)
    places = [(i, v) for i in np.flatnonzero(state[:8] == 256) for v in range(0, 256, 51)]
    expected, log_p = at_50_digits(problem, state, None, places)
    assert log_p < -2000 and len(places) > 10
    found = problem.log_conditionals(state[None])[0]
    np.testing.assert_allclose([found[i, v] for i, v in places], expected, rtol=0, atol=1e-13)


def test_no_possible_token_becomes_impossible():
    """Token 1 of the last coordinate needs the second component, whose weight is 9^-1023 by then."""
    length = 1024
    first, second = np.tile([0.9, 0.1], (length, 1)), np.tile([0.1, 0.9], (length, 1))
    first[-1], second[-1] = [1, 0], [0.5, 0.5]
    problem = ProductMixture([first, second], [0.5, 0.5], [0, 1])
    state = np.zeros((1, length), dtype=int)
    state[0, -1] = 2
    found = problem.log_conditionals(state)[0, -1]
    assert -np.inf < found[1] < np.log(1e-85) and found[0] == pytest.approx(0, abs=1e-15)
    state[0, -1] = 1
    posterior = problem.log_marginal(state, 0), problem.log_marginal(state, 1)
    assert posterior[0] == -np.inf and posterior[1][0] == pytest.approx(1023 * np.log(0.1) + np.log(0.5), rel=1e-13)


# Errors ------------------------------------------------------------------------------------------------

ROWS, WEIGHTS = [[[0.5, 0.5]], [[0.25, 0.75]]], [0.5, 0.5]


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        (r"probs\[1, 0\] sums to 0.95, off by -0.05", ([[[0.5, 0.5]], [[0.25, 0.7]]], WEIGHTS, [0, 1])),
        (r"probs\[0, 0\] holds NaN", ([[[np.nan, 0.5]], [[0.25, 0.75]]], WEIGHTS, [0, 1])),
        (r"probs\[1, 0\] holds -0.5", ([[[0.5, 0.5]], [[-0.5, 1.5]]], WEIGHTS, [0, 1])),
        ("probs is ", ([[[0.5, 0.5]], [[1.0]]], WEIGHTS, [0, 1])),
        (r"probs of shape \(2, 2\)", ([[0.5, 0.5], [0.5, 0.5]], WEIGHTS, [0, 1])),
        (r"probs of shape \(0,\)", ([], [], [])),
        (r"weights \(1,\), 2 labels", (ROWS, [1.0], [0, 1])),
        ("1 labels", (ROWS, WEIGHTS, [0])),
        ("weights sums to 0.9", (ROWS, [0.5, 0.4], [0, 1])),
        ("weights holds -0.5", (ROWS, [-0.5, 1.5], [0, 1])),
        ("label = -1", (ROWS, WEIGHTS, [0, -1])),
        ("label = 1.0", (ROWS, WEIGHTS, [0, 1.0])),
        ("class 0 has weight zero", (ROWS, WEIGHTS, [1, 2])),
        ("class 1 has weight zero", (ROWS, [1.0, 0.0], [0, 1])),
        ("target = 2", (ROWS, WEIGHTS, [0, 1], 2)),
        ("unknown target class 'x'", (ROWS, WEIGHTS, [0, 1], "x")),
    ],
)
def test_bad_input_is_one_clear_sentence(match, arguments):
    with pytest.raises(mg.InputError, match=match) as caught:
        ProductMixture(*arguments)
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        ("length = 0", {"length": 0}),
        ("vocab_size = 0", {"vocab_size": 0}),
        ("components = 1", {"components": 1}),
        ("concentration = -1", {"concentration": -1}),
        ("concentration = nan", {"concentration": float("nan")}),
        ("seed = -1", {"seed": -1}),
    ],
)
def test_bad_random_problems(match, arguments):
    with pytest.raises(mg.InputError, match=match):
        ProductMixture.random(**{"length": 2, "vocab_size": 2, "components": 2} | arguments)


def test_a_table_that_does_not_fit():
    with pytest.raises(mg.InputError, match=r"\(N\+1\)\^D = 33\^64"):
        ProductMixture.random(64, 32, components=2).table()
