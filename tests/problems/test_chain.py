"""Markov and hidden-Markov chains: against enumeration of hidden paths, their own table, and at large size."""

import itertools
import pickle

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import maskguide as mg
from maskguide.problems.chain import MarkovProblem
from maskguide.problems.mixture import ProductMixture
from tests.problems.test_conditionals import agrees_with_its_table, all_states, assert_same_laws, tensors_agree


def rows(rng, *shape, zeros=0.3):
    """Dirichlet rows with exact zeros."""
    found = rng.dirichlet(np.ones(shape[-1]), shape[:-1]) * (rng.random(shape) > zeros)
    found[..., 0] += 1e-3
    return found / found.sum(axis=-1, keepdims=True)


def random_chain(seed, length, states, vocab_size=None, each=False, zeros=0.3):
    """Two classes, unequal priors; hidden when a vocabulary is given; `each` step its own matrix."""
    rng = np.random.default_rng(seed)
    steps = (2, length - 1) if each else (2,)
    return MarkovProblem(
        rows(rng, 2, states, zeros=zeros), rows(rng, *steps, states, states, zeros=zeros), [0.3, 0.7], 1,
        length=length, emission=None if vocab_size is None else rows(rng, 2, states, vocab_size, zeros=zeros),
    )  # fmt: skip


def path_probability(problem, k, path):
    """p(hidden path | class k)."""
    found = problem.initial[k, path[0]]
    for i, (a, b) in enumerate(itertools.pairwise(path)):
        found *= problem.transition[k, i if problem.transition.shape[1] > 1 else 0, a, b]
    return found


def enumerated_law(problem, k):
    """p(x | k) by a sum over all hidden paths, (N,)*D."""
    law = np.zeros((problem.vocab_size,) * problem.length)
    for path in itertools.product(range(problem.initial.shape[1]), repeat=problem.length):
        for x in np.ndindex(law.shape):
            if problem.emission is None:
                chance = float(x == path)
            else:
                chance = np.prod([problem.emission[k, h, v] for h, v in zip(path, x, strict=True)])
            law[x] += path_probability(problem, k, path) * chance
    return law


KINDS = [(None, False), (None, True), (3, False), (2, True)]


@pytest.mark.parametrize(("vocab_size", "each"), KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_the_table_sums_over_hidden_paths(seed, vocab_size, each):
    problem = random_chain(seed, 3, 3, vocab_size, each)
    expected = np.array([enumerated_law(problem, k) for k in range(2)])
    np.testing.assert_allclose(problem.table().class_laws, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize(("vocab_size", "each"), KINDS)
@given(seed=st.integers(0, 2**32), length=st.integers(1, 4), states=st.integers(1, 3))
def test_agrees_with_its_table_on_every_state(seed, length, states, vocab_size, each):
    agrees_with_its_table(random_chain(seed, length, states, vocab_size, each))


def test_a_class_of_prior_zero_counts_for_nothing():
    problem = MarkovProblem([[1, 0], [0, 1]], [np.eye(2)] * 2, [1.0, 0.0], length=2)
    agrees_with_its_table(problem)
    assert problem.log_marginal(np.array([[1, 2]])) == -np.inf
    assert problem.log_marginal(np.array([[1, 2]]), 1) == 0


def test_a_chain_without_memory_is_a_product():
    rng = np.random.default_rng(0)
    emission = rows(rng, 2, 1, 3)
    chain = MarkovProblem([[1.0]] * 2, [[[1.0]]] * 2, [0.4, 0.6], length=3, emission=emission)
    product = ProductMixture(np.repeat(emission, 3, axis=1), [0.4, 0.6], [0, 1])
    states = all_states(chain)
    for label in (None, 0, 1):
        assert_same_laws(chain.log_conditionals(states, label), product.log_conditionals(states, label))


def test_tensors_pickles_and_other_targets():
    for vocab_size, each in KINDS:
        problem = random_chain(7, 3, 3, vocab_size, each)
        tensors_agree(problem, all_states(problem))
        tensors_agree(pickle.loads(pickle.dumps(problem)).with_target(0), all_states(problem))
    assert (problem.target, problem.with_target(0).target) == (1, 0)
    assert repr(problem) == "MarkovProblem('chain': K=2, N=2, D=3, target='class 1')"


# Large -------------------------------------------------------------------------------------------------


def half_masked(problem, count, seed=0):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, problem.vocab_size, (count, problem.length))
    return np.where(rng.random(tokens.shape) < 0.5, tokens, problem.vocab_size)


@pytest.mark.parametrize(("length", "states", "vocab_size"), [(64, 32, None), (1024, 256, None), (1024, 8, 256)])
def test_large_problems_are_finite_and_normalised(length, states, vocab_size):
    problem = random_chain(0, length, states, vocab_size, zeros=0)
    for label in (None, 0, 1):
        found = problem.log_conditionals(half_masked(problem, 2), label)
        assert found.shape == (2, length, vocab_size or states)
        assert np.abs(np.exp(found).sum(axis=-1) - 1).max() < 1e-12


def at_50_digits(problem, state, place):
    """log p(x_i = . | revealed) for each class and for the mixture, and log p(revealed | class), at 50 digits."""
    with mpmath.workdps(50):
        joint = [scores(problem, k, state, place) for k in range(2)]
        laws = [*joint, [mpmath.mpf(a) * x + mpmath.mpf(b) * y
                         for (a, b) in [problem.prior] for x, y in zip(*joint, strict=True)]]  # fmt: skip
        rows_ = [[float(mpmath.log(p / mpmath.fsum(law))) for p in law] for law in laws]
        return rows_, [float(mpmath.log(mpmath.fsum(law))) for law in laws]


def scores(problem, k, state, place):
    """p(x_place = v, revealed | k) for every v: the chain is run once for each v."""
    mpf, emission = mpmath.mpf, problem.emission[k]
    found = []
    for v in range(problem.vocab_size):
        message = [mpf(p) for p in problem.initial[k]]
        for i, token in enumerate(state):
            shown = v if i == place else token
            if shown < problem.vocab_size:
                message = [m * mpf(e) for m, e in zip(message, emission[:, shown], strict=True)]
            if i + 1 < len(state):
                move = problem.transition[k, 0]
                message = [mpmath.fdot(message, [mpf(p) for p in move[:, h]]) for h in range(len(message))]
        found.append(mpmath.fsum(message))
    return found


@pytest.mark.parametrize("alike", [False, True])
def test_a_thousand_coordinates_to_twelve_digits(alike):
    """Also where the classes are nearly alike, so that posteriors out of likelihoods e^-400 stay contested."""
    rng = np.random.default_rng(5)
    emission = rng.dirichlet(np.ones(3), (2, 2))
    if alike:
        emission[1] = emission[0] + 1e-3 * np.array([1, -1, 0])
    moves = [[[0.99, 0.01], [0.02, 0.98]]] * 2
    problem = MarkovProblem([[0.5, 0.5]] * 2, moves, [0.3, 0.7], length=1024, emission=emission)
    (state,) = half_masked(problem, 1)
    place = int(np.flatnonzero(state == 3)[200])
    expected, log_p = at_50_digits(problem, state, place)
    for row, total, label in zip(expected, log_p, (0, 1, None), strict=True):
        found = problem.log_conditionals(state[None], label)[0, place]
        np.testing.assert_allclose(found, row, rtol=0, atol=1e-12)
        assert problem.log_marginal(state[None], label)[0] == pytest.approx(total, rel=1e-13)
    odds = problem.log_marginal(state[None], 0) - problem.log_marginal(state[None], 1)
    assert (abs(odds[0]) < 2) == alike and log_p[0] < -400


def test_no_possible_token_becomes_impossible():
    """Two states that never mix: after 1023 tokens the second weighs 9^-1023, and alone it can show token 2."""
    emission = [[[0.9, 0.1, 0], [0.09, 0.81, 0.1]]]
    problem = MarkovProblem([[0.5, 0.5]], [np.eye(2)], [1.0], length=1024, emission=emission)
    state = np.zeros((1, 1024), dtype=int)
    for place in (0, 500, 1023):
        hidden = state.copy()
        hidden[0, place] = 3
        found = problem.log_conditionals(hidden)[0, place]
        assert -np.inf < found[2] < np.log(1e-85) and found[0] == pytest.approx(np.log(0.9), abs=1e-12)
        hidden[0, place] = 2
        assert np.isfinite(problem.log_marginal(hidden)[0])


# Errors ------------------------------------------------------------------------------------------------

FIRST, MOVES, PRIOR = [[0.5, 0.5]], [[[0.5, 0.5], [0.5, 0.5]]], [1.0]


@pytest.mark.parametrize(
    ("match", "arguments", "more"),
    [
        ("length is missing", (FIRST, MOVES, PRIOR), {"length": None}),
        ("length = 0", (FIRST, MOVES, PRIOR), {"length": 0}),
        ("length = 5, and transition has 2 matrices", (FIRST, [MOVES * 2], PRIOR), {"length": 5}),
        (r"initial of shape \(2,\)", ([0.5, 0.5], MOVES, PRIOR), {}),
        (r"transition \(1, 1, 2\)", (FIRST, [[[0.5, 0.5]]], PRIOR), {}),
        (r"transition \(2, 2\)", (FIRST, MOVES[0], PRIOR), {}),
        (r"prior \(2,\)", (FIRST, MOVES, [0.5, 0.5]), {}),
        (r"emission \(1, 3, 2\)", (FIRST, MOVES, PRIOR), {"emission": [[[0.5, 0.5]] * 3]}),
        (r"emission \(2, 2\)", (FIRST, MOVES, PRIOR), {"emission": np.eye(2)}),
        (r"initial\[0\] sums to 0.9", ([[0.5, 0.4]], MOVES, PRIOR), {}),
        (r"transition\[0, 1\] holds -0.5", (FIRST, [[[0.5, 0.5], [-0.5, 1.5]]], PRIOR), {}),
        (r"transition\[0, 1, 0\] holds NaN", (FIRST, [[MOVES[0], [[np.nan, 1], [0, 1]]]], PRIOR), {"length": None}),
        (r"emission\[0, 1\] sums to 2", (FIRST, MOVES, PRIOR), {"emission": [[[0.5, 0.5], [1, 1]]]}),
        ("prior sums to 0.5", (FIRST, MOVES, [0.5]), {}),
        ("initial is ", ([[0.5, 0.5], [1]], MOVES, PRIOR), {}),
        ("target = 1", (FIRST, MOVES, PRIOR, 1), {}),
        (r"prior\[0\] = 0 is the target's", (FIRST * 2, MOVES * 2, [0.0, 1.0]), {}),
        ("3 coordinate names given", (FIRST, MOVES, PRIOR), {"coordinate_names": "abc"}),
    ],
)
def test_bad_input_is_one_clear_sentence(match, arguments, more):
    with pytest.raises(mg.InputError, match=match) as caught:
        MarkovProblem(*arguments, **{"length": 4, **more})
    assert len(str(caught.value).splitlines()) == 3


def test_a_table_that_does_not_fit():
    with pytest.raises(mg.InputError, match=r"\(N\+1\)\^D = 3\^64"):
        MarkovProblem(FIRST, MOVES, PRIOR, length=64).table()
