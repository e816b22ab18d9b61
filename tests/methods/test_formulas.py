"""The records of all methods, and the formulas of exact ones put to use in plain numpy."""

import numpy as np
import pytest
from scipy.stats import poisson

import maskguide as mg
from maskguide.methods import METHODS, Step
from maskguide.methods.ancestral import ANCESTRAL
from maskguide.methods.euler import clipped
from maskguide.methods.first_hitting import next_level, position_probability
from maskguide.methods.fixed_count import TIE, tempered
from maskguide.methods.uniformization import jump_probability
from maskguide.samplers.samples import SampleInfo, Samples

from ..conftest import table

SEPARATING = table([[2, 28], [16, 12]], [[22, 0], [4, 2]])


@pytest.mark.parametrize("name", METHODS)
def test_records(name):
    method = METHODS[name]
    assert method.name == name
    assert method.use and method.keeps and method.source
    assert not method.is_exact or method.order is None
    assert method.with_parameters() == method


def test_parameters_are_the_fields_that_a_kind_adds():
    assert METHODS["theta-rk2"].parameters == {"theta": 0.5, "split": "clock"}
    assert METHODS["confidence"].parameters == {"temperature": 1.0, "noise": 0.0, "counts": "schedule"}
    assert METHODS["remdm"].with_parameters(eta=0.5).parameters == {"eta": 0.5, "strategy": "cap"}
    assert METHODS["tau-leaping"].parameters == {}
    assert METHODS["remdm"].parameters["eta"] == 0.1


@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if m.order == 1 and "theta" not in n])
def test_reveal_probabilities_agree_to_first_order(name):
    """Z h + O(h^2), and 0 where no token is possible, also in a step to data."""
    hazards = np.array([1.0, 1.0, 0.0]) if name == "ancestral" else np.array([0.3, 2.0, 0.0])
    reveal = METHODS[name].reveal
    small = reveal(hazards, Step(1.0, 1.0 + 1e-6, 0.0))
    np.testing.assert_allclose(small, 1e-6 * hazards, rtol=3e-6)
    assert reveal(hazards, Step(1.0, np.inf, 0.0))[-1] == 0
    assert ((small >= 0) & (small <= 1)).all()


def test_hazards_that_are_not_one_are_refused_by_value():
    step = Step(0.0, 0.5, 0.0)
    ANCESTRAL.reveal(np.array([1.0 + 1e-12, 0.0]), step)
    with pytest.raises(mg.InputError, match=r"hazard Z_i\(x\) = 1.01"):
        ANCESTRAL.reveal(np.array([1.0, 1.01]), step)


def test_clipped_amount():
    np.testing.assert_allclose(clipped(np.array([1.0, 3.0]), Step(0.0, np.log(2), 0.0)), [0, 0.5], atol=1e-15)


def test_tempered_weights():
    logs = np.log([0.2, 0.5, 0.3])
    np.testing.assert_allclose(tempered(logs, 1.0), [0.2, 0.5, 0.3])
    np.testing.assert_allclose(tempered(logs, 0.5), np.square([0.2, 0.5, 0.3]) / 0.38)
    assert tempered(logs, 0.0).tolist() == [0, 1, 0]
    assert tempered(np.array([0.0, TIE / 2, -1.0]), 0.0).tolist() == [0.5, 0.5, 0]
    assert tempered(np.array([-np.inf, -np.inf]), 0.0).tolist() == [0, 0]
    assert tempered(np.array([-np.inf, -1e4]), 0.3).tolist() == [0, 1]


def test_gumbel_noise_is_sampling_without_replacement():
    """Top-2 of scores + noise * Gumbel against next_position twice; a Hoeffding band at 1e-6."""
    rng, scores, noise, n = np.random.default_rng(7), np.array([0.0, 1.0, 0.4]), 0.8, 200_000
    method = METHODS["confidence"].with_parameters(noise=noise)
    dropped = (scores + noise * rng.gumbel(size=(n, 3))).argmin(axis=1)
    first = method.next_position(scores)
    for out in range(3):
        a, b = (i for i in range(3) if i != out)
        exact = sum(first[i] * method.next_position(scores[[j, out]])[0] for i, j in ((a, b), (b, a)))
        assert abs((dropped == out).mean() - exact) < np.sqrt(np.log(2e6) / (2 * n))


def first_hitting_samples(process, n, seed, position):
    """One trajectory after another in a loop over D reveals, all n at once."""
    rng, size, length = np.random.default_rng(seed), process.vocab_size, process.length
    rates = process.rates()
    tokens, level = np.full((n, length), size), np.ones(n)
    for _ in range(length):
        at = tuple(tokens.T)
        hazards = np.stack([np.broadcast_to(z, process.shape)[at] for z in rates.hazards], axis=-1)
        hazards = hazards * (tokens == size)
        level = next_level(level, hazards, rng.random(n))
        chosen = (rng.random((n, 1)) > np.cumsum(position(hazards), axis=1)).sum(axis=1)
        for i, edge in enumerate(rates.edges):
            rows = np.flatnonzero(chosen == i)
            weights = np.moveaxis(edge, i, -1)[tuple(np.delete(tokens[rows], i, axis=1).T)]
            token = (rng.random((len(rows), 1)) * weights.sum(1, keepdims=True) > np.cumsum(weights, axis=1)).sum(
                axis=1
            )
            tokens[rows, i] = token
    return Samples(tokens.astype(np.int32), SampleInfo(-np.log(level), np.full(n, length), None, None))


def uniform_position(hazards):
    return (hazards > 0) / (hazards > 0).sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("rule", ["product", "normalized"])
@pytest.mark.parametrize("position", [position_probability, uniform_position])
def test_first_hitting(rule, position):
    """Exact with Z_i / R under both rules; a uniform position is right under the normalised rule only."""
    process = mg.GuidedProcess(SEPARATING, mg.Guidance(rule, 3.0))
    samples = first_hitting_samples(process, 40_000, 5, position)
    clocks = np.geomspace(0.01, 10, 30)
    right = rule == "normalized" or position is position_probability
    assert mg.compare(samples, mg.terminal_law(process)).passed == right
    if right:
        assert mg.compare_decay(samples, clocks, mg.tv_decay(process, clocks)).passed


def test_next_level_is_the_published_form_for_unit_hazards():
    hazards = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(next_level(0.8, hazards, 0.3), [0.8 * 0.3 ** (1 / 3), 0.8 * 0.3, 0.0])


def test_uniformization_series_is_the_transient_law(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    exit, clock = process.exit_rates().ravel(), 0.7
    bound = exit.max()
    jumps = process.rate_matrix().toarray() + np.diag(exit)
    jump_law = np.divide(jumps, exit[:, None], out=np.zeros_like(jumps), where=exit[:, None] > 0)
    chance = jump_probability(exit, bound)
    event = chance[:, None] * jump_law + np.diag(1 - chance)
    law, total = np.eye(len(exit))[-1], 0.0
    for n in range(200):
        total = total + poisson.pmf(n, bound * clock) * law
        law = law @ event
    np.testing.assert_allclose(total.reshape(process.shape), mg.transient_law(process, clock).probs, atol=1e-14)
