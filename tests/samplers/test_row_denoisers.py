"""Probabilities row by row: the numbers that the logarithms of all rows give, for mixtures and chains."""

import numpy as np
import pytest

import maskguide as mg
from maskguide.problems.conditionals import RowDenoiser

MIXTURE = mg.ProductMixture.random(6, 4, components=5, seed=2, concentration=0.5)
ONE_WAY = mg.ProductMixture([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.25, 0.75]]], [0.5, 0.5], [0, 1])
CHAIN = mg.MarkovProblem(
    [[0.5, 0.5], [0.9, 0.1]], [[[0.7, 0.3], [0.2, 0.8]], [[0.5, 0.5], [0.4, 0.6]]], [0.4, 0.6], length=6
)


def states(problem, count=20):
    rng = np.random.default_rng(3)
    shape = count, problem.length
    return np.where(rng.random(shape) < 0.4, rng.integers(problem.vocab_size, size=shape), problem.vocab_size)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("problem", [MIXTURE, CHAIN], ids=["mixture", "chain"])
def test_rows_are_those_of_the_logarithms(problem, kind):
    assert isinstance(problem, RowDenoiser)
    tokens, labels = states(problem), (0, None, 1)
    exact = np.exp([problem.log_conditionals(tokens, label) for label in labels])
    given = pytest.importorskip("torch").from_numpy(tokens) if kind == "torch" else tokens
    state, coordinate = (tokens == problem.vocab_size).nonzero()
    context = problem.context(given, labels)
    every = np.asarray(problem.rows(context))
    np.testing.assert_allclose(every[:, state, coordinate], exact[:, state, coordinate], rtol=1e-13)
    for some in (slice(None), slice(0, 40, 11)):  # many rows and few are found in different ways
        wanted = state[some], coordinate[some]
        at = tuple(map(pytest.importorskip("torch").from_numpy, wanted)) if kind == "torch" else wanted
        np.testing.assert_allclose(np.asarray(problem.rows(context, at)), exact[:, *wanted], rtol=1e-13)


def test_impossible_states_have_contexts_of_zeros():
    context = ONE_WAY.context(np.array([[1, 2], [0, 2]]), (0, None))
    assert (context[0, 0] == 0).all() and (ONE_WAY.rows(context)[0, 0] == 0).all()
    np.testing.assert_allclose(ONE_WAY.rows(context)[1, :, 1], [[0.25, 0.75], [0.5, 0.5]])


def test_rows_may_be_written_to():
    for problem in (MIXTURE, CHAIN):
        context = problem.context(states(problem), (0, None))
        before = context.copy()
        problem.rows(context)[:] = 7.0
        problem.rows(context, (np.arange(3), np.arange(3)))[:] = 7.0
        assert (context == before).all()
