"""Rates of single states from computed conditionals, against the rates of the whole lattice."""

import itertools

import numpy as np
import pytest

import maskguide as mg
from maskguide.guidance.formulas import log_powers

RULES = [("product", {}), ("normalized", {}), ("predictor", {"temperature": 0.5}), ("rectified", {"gamma0": -0.3}),
         ("contrastive", {"negative": 1}), ("spherical", {}), ("tilted", {})]  # fmt: skip


@pytest.mark.parametrize("rule, settings", RULES, ids=[name for name, _ in RULES])
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
            if rule in ("spherical", "tilted"):
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


def test_rules_of_another_form_need_a_table():
    problem = mg.ProductMixture.random(3, 2, components=3, seed=0)
    with pytest.raises(mg.InputError, match="spherical"):
        mg.GuidedProcess(problem, mg.Guidance("spherical", 1.0))


@pytest.mark.parametrize("normalise", [False, True])
def test_what_the_reference_cannot_have_is_never_drawn(normalise):
    """A contrasted class may rule out a token that the target has: its rate is zero, not infinite."""
    target, reference = np.log([0.25, 0.75]), np.array([-np.inf, 0.0])
    for a, b in ((2.0, -1.0), (1.0, 0.0), (0.0, 1.0)):
        rates = log_powers(target, reference, a, b, normalise=normalise)
        assert rates[0] == -np.inf
        np.testing.assert_allclose(rates[1], 0.0 if normalise else a * target[1], atol=1e-15)
