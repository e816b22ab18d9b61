"""Rates of single states from computed conditionals, against the rates of the whole lattice."""

import dataclasses
import itertools

import numpy as np
import pytest

import maskguide as mg
from maskguide.guidance.rules import RULES

CASES = [("product", {}), ("normalized", {}), ("predictor", {"temperature": 0.5}), ("rectified", {"gamma0": -0.3}),
         ("contrastive", {"negative": 1}), ("spherical", {}), ("tilted", {})]  # fmt: skip


@pytest.mark.parametrize("rule, settings", CASES, ids=[name for name, _ in CASES])
@pytest.mark.parametrize("weight", [-1.0, -0.5, 0.0, 2.0])
@pytest.mark.parametrize("tensors", [False, True])
def test_rates_of_states_are_those_of_the_lattice(fading, line, rule, settings, weight, tensors):
    for problem in (fading, line):
        try:
            process = mg.GuidedProcess(problem, mg.Guidance(rule, weight, **settings))
            rates = process.rates(weight)
        except mg.InputError:  # a negative class that misses target states
            assert rule == "contrastive"
            continue
        states = np.array(list(itertools.product(range(problem.vocab_size + 1), repeat=problem.length)))
        given = states
        if tensors:
            torch = pytest.importorskip("torch")
            given = torch.from_numpy(states)
            if rule == "tilted":
                continue
        found = np.exp(np.asarray(process.log_rates(given, weight)))
        assert not np.isnan(found).any()
        for x, row in zip(states, found, strict=True):
            for i in range(problem.length):
                expected = np.zeros(problem.vocab_size)
                if x[i] == problem.vocab_size:
                    index = tuple(slice(None) if j == i else v for j, v in enumerate(x))
                    expected = rates.edges[i][index]
                np.testing.assert_allclose(row[i], expected, rtol=1e-12, atol=1e-300)


def test_a_rule_that_looks_ahead_needs_a_table():
    problem = mg.ProductMixture.random(3, 2, components=3, seed=0)
    with pytest.raises(mg.InputError, match="'tilted' away from a table"):
        mg.GuidedProcess(problem, mg.Guidance("tilted", 1.0))


@pytest.mark.parametrize("rule", [name for name, rule in RULES.items() if not rule.looks_ahead])
@pytest.mark.parametrize("weight", [-1.0, -0.4, 0.0, 1.0, 6.5])
def test_a_rule_is_one_formula(rule, weight):
    """In logarithms on numpy and on torch, and in probabilities: the same rates."""
    torch = pytest.importorskip("torch")
    target, reference = np.random.default_rng(3).dirichlet(np.ones(4), (2, 50))
    target[:20, 1] = 0.0
    target /= target.sum(axis=-1, keepdims=True)
    chosen = RULES[rule]
    logs = [np.log(np.where(p > 0, p, 1.0)) + np.where(p > 0, 0.0, -np.inf) for p in (target, reference)]
    expected = chosen.rates(target, reference, weight)
    with np.errstate(divide="ignore"):
        found = chosen.log_rates(*logs, weight)
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-12, atol=1e-15)
    tensors = chosen.log_rates(*map(torch.from_numpy, logs), weight)
    np.testing.assert_allclose(tensors.exp().numpy(), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("rule", [name for name, rule in RULES.items() if not rule.looks_ahead])
@pytest.mark.parametrize("weight", [-0.6, 0.3, 2.0])
def test_derivative_in_the_weight(rule, weight):
    """Closed, or by automatic differentiation, against a central difference of the formula itself."""
    pytest.importorskip("torch")
    logs = np.log(np.random.default_rng(5).dirichlet(np.full(4, 4.0), (2, 30)))
    chosen, h = RULES[rule], 1e-5
    above, below = chosen.log_rates(*logs, weight + h), chosen.log_rates(*logs, weight - h)
    there = below > -np.inf  # a token that the spherical rule has left behind has rate 0, and slope 0
    slope = (above[there] - below[there]) / (2 * h)
    found = chosen.d_log_rates(*logs, weight)
    np.testing.assert_allclose(found[there], slope, rtol=1e-7, atol=1e-7)
    assert (found[~there] == 0).all() and there.mean() > 0.5


@pytest.mark.parametrize("rule", [name for name, rule in RULES.items() if not rule.looks_ahead])
def test_derivative_at_the_unconditional_end(rule):
    """At w = -1, where formulas may return the reference itself: against a forward difference, and where both agree."""
    pytest.importorskip("torch")
    logs = np.log(np.random.default_rng(5).dirichlet(np.full(4, 4.0), (2, 30)))
    logs[0, :5] = logs[1, :5]
    chosen, h = RULES[rule], 1e-6
    slope = (chosen.log_rates(*logs, -1 + h) - chosen.log_rates(*logs, -1.0)) / h
    np.testing.assert_allclose(chosen.d_log_rates(*logs, -1.0), slope, rtol=1e-4, atol=1e-4)


def test_closed_derivatives_are_those_of_torch():
    pytest.importorskip("torch")
    logs = np.log(np.random.default_rng(6).dirichlet(np.full(4, 4.0), (2, 30)))
    for name in ("product", "normalized", "predictor", "rectified"):
        by_torch = dataclasses.replace(RULES[name], powers=None)
        np.testing.assert_allclose(RULES[name].d_log_rates(*logs, 1.7), by_torch.d_log_rates(*logs, 1.7), rtol=1e-12)


@pytest.mark.parametrize("rule", ["product", "normalized"])
def test_what_the_reference_cannot_have_is_never_drawn(rule):
    """A contrasted class may rule out a token that the target has: its rate is zero, not infinite."""
    target, reference = np.log([0.25, 0.75]), np.array([-np.inf, 0.0])
    for weight in (1.0, 0.0, -1.0):
        rates = RULES[rule].log_rates(target, reference, weight)
        assert rates[0] == -np.inf
        np.testing.assert_allclose(rates[1], 0.0 if RULES[rule].normalises else (1 + weight) * target[1], atol=1e-15)


def test_a_formula_cannot_make_the_impossible_possible():
    """Rates are 0 where the target or the reference is, whatever a formula says; at w = -1 the reference decides."""
    target, reference = np.log([0.5, 0.5, 1e-300]), np.log([1e-300, 0.5, 0.5])
    target[2] = reference[0] = -np.inf
    for rule in (mg.Rule("flat", lambda a, b, w: 0.0 * a.clip(-1, 1)), mg.Rule("first", lambda a, b, w: b)):
        assert (rule.log_rates(target, reference, 1.0) > -np.inf).tolist() == [False, True, False]
        assert (rule.log_rates(target, reference, -1.0) > -np.inf).tolist() == [False, True, True]
