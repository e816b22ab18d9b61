"""Conditionals of partially masked states: tables against their definition, tensors against arrays, the arithmetic."""

import doctest
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import maskguide as mg
from maskguide.problems import conditionals
from maskguide.problems.chain import MarkovProblem
from maskguide.problems.mixture import ProductMixture
from tests.conftest import random_problem

LABELS = (None, 0, 1)


def all_states(problem):
    """Every partially masked state, ((N+1)^D, D)."""
    return np.indices((problem.vocab_size + 1,) * problem.length).reshape(problem.length, -1).T


def summed(law, state):
    """p(revealed tokens) from a law (N,)*D: masked coordinates summed out one by one."""
    mask = law.shape[0]
    return law[tuple(slice(None) if v == mask else v for v in state)].sum()


def by_definition(law, state):
    """p(x_i = v | revealed tokens) as quotients of sums, (D, N)."""
    mask, here = law.shape[0], summed(law, state)
    rows = np.zeros((law.ndim, mask))
    for i in range(law.ndim):
        for v in range(mask):
            child = (*state[:i], v, *state[i + 1 :])
            if state[i] != mask:
                rows[i, v] = v == state[i]
            elif here > 0:
                rows[i, v] = summed(law, child) / here
    return rows


def law_of(problem, label):
    return problem.unconditional_law if label is None else problem.class_laws[label]


def assert_same_laws(found, expected, tolerance=1e-12):
    """Equal supports, and equal logarithms where they are finite."""
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    assert not np.isnan(found).any() and not (found == np.inf).any()
    possible = np.isfinite(expected)
    np.testing.assert_allclose(found[possible], expected[possible], rtol=tolerance, atol=tolerance)


def agrees_with_its_table(problem, tolerance=1e-12):
    """On every partially masked state, for every class and the unconditional law."""
    table, states = problem.table(), all_states(problem)
    np.testing.assert_allclose(table.prior, problem.prior, rtol=1e-15)
    for label in (None, *range(problem.num_classes)):
        assert_same_laws(problem.log_conditionals(states, label), table.log_conditionals(states, label), tolerance)
        assert_same_laws(problem.log_marginal(states, label), table.log_marginal(states, label), tolerance)


def tensors_agree(problem, states, tolerance=1e-13):
    """torch gives the numbers of numpy, as float64 tensors."""
    torch = pytest.importorskip("torch")
    for label in LABELS:
        for name in ("log_conditionals", "log_marginal"):
            compute = getattr(problem, name)
            found = compute(torch.tensor(states, dtype=torch.int32), label)
            assert isinstance(found, torch.Tensor) and found.dtype == torch.float64
            assert_same_laws(found.numpy(), compute(states, label), tolerance)


# Tables ------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 3))
def test_tables_follow_the_definition_on_every_state(seed, vocab_size, length):
    problem = random_problem(seed, vocab_size, length)
    states = all_states(problem)
    for label in LABELS:
        law = law_of(problem, label)
        expected = np.array([by_definition(law, tuple(state)) for state in states])
        assert_same_laws(problem.log_conditionals(states, label), conditionals.log(expected))
        marginal = np.array([summed(law, tuple(state)) for state in states])
        assert_same_laws(problem.log_marginal(states, label), conditionals.log(marginal))


def test_exact_problems_are_rounded_once(fading):
    found = np.exp(fading.log_conditionals(np.array([[3, 3], [0, 3]]), 0))
    np.testing.assert_allclose(found[0], [np.array([3, 10, 10]) / 23, np.array([17, 3, 3]) / 23], rtol=1e-15)
    np.testing.assert_allclose(found[1], [[1, 0, 0], [1 / 3] * 3], rtol=1e-15)


def test_tables_take_tensors():
    problem = random_problem(3, vocab_size=3, length=3)
    tensors_agree(problem, all_states(problem))


def test_class_posteriors_are_those_of_the_table(fading):
    states = all_states(fading)
    log_posterior = np.log(fading.prior[0]) + fading.log_marginal(states, 0) - fading.log_marginal(states)
    expected = fading.prior[0] * fading.target_table.ravel() / fading.unconditional_table.ravel()
    np.testing.assert_allclose(np.exp(log_posterior), expected, rtol=1e-14)


# What all share ----------------------------------------------------------------------------------------

MIXTURE = ProductMixture.random(3, 4, components=3)
CHAIN = MarkovProblem([[0.5, 0.5]] * 2, [np.eye(2)] * 2, [0.5, 0.5], length=3)


@pytest.mark.parametrize("problem", [random_problem(0, length=3), MIXTURE, CHAIN], ids=repr)
def test_every_problem_is_an_exact_denoiser(problem):
    assert isinstance(problem, conditionals.Denoiser) and isinstance(problem, conditionals.ExactDenoiser)
    assert problem.log_conditionals(np.zeros((0, 3), dtype=int)).shape == (0, 3, problem.vocab_size)
    masked = np.full((1, 3), problem.vocab_size, dtype=np.uint8)
    np.testing.assert_allclose([problem.log_marginal(masked, k) for k in LABELS], 0, atol=1e-15)


@pytest.mark.parametrize("problem", [random_problem(0, length=3), MIXTURE, CHAIN], ids=repr)
@pytest.mark.parametrize(
    ("match", "tokens", "label"),
    [
        (r"tokens have shape \(3,\)", [0, 0, 0], None),
        (r"tokens have shape \(1, 2\)", [[0, 0]], None),
        ("tokens have dtype float64", [[0.0, 0.0, 0.0]], None),
        ("tokens run from -1 to 0", [[-1, 0, 0]], None),
        ("tokens run from 0 to 9", [[0, 0, 9]], None),
        ("label = 2", [[0, 0, 0]], 2),
        ("label = 'class 0'", [[0, 0, 0]], "class 0"),
    ],
)
def test_bad_tokens_and_labels(problem, match, tokens, label):
    for compute in (problem.log_conditionals, problem.log_marginal):
        with pytest.raises(mg.InputError, match=match) as caught:
            compute(np.array(tokens), label)
        assert len(str(caught.value).splitlines()) == 3


def test_conditionals_that_do_not_fit(monkeypatch):
    monkeypatch.setattr(conditionals, "CHECKED_BYTES", 1000)
    monkeypatch.setattr(mg._checks, "LEAST_MEMORY", 0)
    monkeypatch.setattr(mg._checks, "available_memory", lambda: 3 * 8 * 3 * 4 * 20 - 1)
    tokens = np.zeros((20, 3), dtype=int)
    with pytest.raises(mg.InputError, match="conditionals of 20 states needs 5,760 bytes"):
        MIXTURE.log_conditionals(tokens)
    assert MIXTURE.log_conditionals(tokens[:19]).shape == (19, 3, 4)


def test_posterior_keeps_what_is_possible_and_nothing_else():
    log_joint = np.array([[0.0, -2000.0, -np.inf], [-np.inf] * 3, [-5000.0, -5000.0, -np.inf]])
    found = conditionals.posterior(log_joint)
    assert (found > 0).tolist() == [[True, True, False], [False] * 3, [True, True, False]]
    assert found[0, 1] == conditionals.LEAST_WEIGHT and found[0, 0] == 1
    np.testing.assert_allclose(found[2, :2], 0.5, rtol=1e-15)
    np.testing.assert_allclose(conditionals.log_sum(log_joint), [0, -np.inf, -5000 + np.log(2)], rtol=1e-15)


@pytest.mark.parametrize("problem", [random_problem(0, length=3), MIXTURE, CHAIN], ids=repr)
def test_tensors_never_wait_for_the_host(problem):
    """On the meta device tensors have no values: whatever asked for one would fail."""
    torch = pytest.importorskip("torch")
    states = torch.zeros((5, 3), dtype=torch.int64, device="meta")
    for label in LABELS:
        assert problem.log_conditionals(states, label).shape == (5, 3, problem.vocab_size)
        assert problem.log_marginal(states, label).shape == (5,)


@pytest.mark.parametrize("name", mg.zoo.large_names())
def test_large_problems_of_the_zoo(name):
    problem = mg.zoo.get(name)
    assert (problem.name, problem.length, problem.vocab_size, problem.num_classes) == (name, 64, 32, 2)
    assert problem.source in mg.zoo.describe(name) and "Parameters: length = 64" in mg.zoo.describe(name)
    assert name not in mg.zoo.names()
    rng = np.random.default_rng(0)
    states = np.where(rng.random((20, 64)) < 0.5, rng.integers(0, 32, (20, 64)), 32)
    joint = [np.log(problem.prior[k]) + problem.log_marginal(states, k) for k in range(2)]
    np.testing.assert_allclose(np.logaddexp(*joint), problem.log_marginal(states), rtol=1e-13)
    agrees_with_its_table(mg.zoo.get(name, length=3, vocab_size=4))


def test_the_waves_share_a_mode_and_the_walks_mirror_each_other():
    waves, walks = mg.zoo.get("mixture-64d"), mg.zoo.get("chain-64d")
    np.testing.assert_array_equal(waves.probs[2], waves.probs[3])
    assert (waves.probs[4, 16].argmax(), waves.probs[5, 16].argmax()) == (0, 8)  # 4 and 5 turns, a quarter on
    np.testing.assert_allclose(walks.transition[0], walks.transition[1].swapaxes(-1, -2), rtol=1e-14)
    assert walks.transition[0, 0, 31].argmax() == 0  # the ring closes
    with pytest.raises(mg.InputError, match="vocab_size = 0"):
        mg.zoo.get("chain-64d", vocab_size=0)


def test_the_document_runs():
    text = Path(__file__).parents[2] / "docs" / "large-problems.md"
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, attempted = doctest.testfile(str(text), module_relative=False, optionflags=flags)
    assert failed == 0 and attempted > 8


def test_numpy_states_load_no_torch():
    code = (
        "import sys, numpy as np; from maskguide.problems.mixture import ProductMixture;"
        "ProductMixture.random(3, 4, 2).log_conditionals(np.zeros((1, 3), int)); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
