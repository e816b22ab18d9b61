"""The comparison's own statistics: calibrated under the null, equal to Clopper-Pearson, able to fail."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import maskguide as mg
from maskguide.comparison.comparison import _binomial_tails

from .conftest import random_problem


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.floats(0, 1), st.data())
def test_tails_are_clopper_pearson(n, p, data):
    k = data.draw(st.integers(0, n))
    alpha = 1e-3
    low = stats.beta.ppf(alpha / 2, k, n - k + 1) if k else 0.0
    high = stats.beta.ppf(1 - alpha / 2, k + 1, n - k) if k < n else 1.0
    tail = float(_binomial_tails(np.array(k), n, np.array(p)))
    if abs(tail - alpha) > 1e-9:
        assert (tail >= alpha) == (low <= p <= high)


def test_false_alarms_stay_below_alpha():
    """At alpha = 0.05 each of the checks alarms on at most 5 % of correct runs (binomial limit at 1e-6)."""
    process = mg.GuidedProcess(random_problem(3), mg.Guidance("product", 1.0))
    law, runs = mg.terminal_law(process), 400
    clocks = np.geomspace(0.01, 10, 30)
    curve = mg.tv_decay(process, clocks)
    alarms = dict.fromkeys(("TV", "states", "covariance", "regions", "decay"), 0)
    for seed in range(runs):
        samples = mg.sample(process, 500, seed=seed)
        verdict = mg.compare(samples, law, alpha=0.05)
        for name, passed in verdict.checks.items():
            alarms[name] += not passed
        alarms["decay"] += not mg.compare_decay(samples, clocks, curve, alpha=0.05).passed
    limit = stats.binom.isf(1e-6, runs, 0.05)
    assert all(count <= limit for count in alarms.values()), alarms


def test_visible_bias_is_visible():
    """A law further away than smallest_visible_bias fails, for every seed tried."""
    problem = random_problem(1, zeros=0.0)
    truth = mg.GuidedProcess(problem, mg.Guidance("product", 0.0))
    other = mg.GuidedProcess(problem.with_target(1 - problem.target), mg.Guidance("product", 0.0))
    law = mg.terminal_law(truth)
    bias = float(law.tv(mg.terminal_law(other).probs))
    found = [mg.compare(mg.sample(other, 4000, seed=s), law) for s in range(20)]
    assert found[0].smallest_visible_bias < bias
    assert not any(f.passed for f in found)


def test_covariance_and_regions_match_the_law(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    law = mg.terminal_law(process)
    found = mg.compare(mg.sample(process, 200_000), law)
    tokens = mg.sample(process, 200_000).tokens
    assert np.allclose(found.covariance, np.cov(tokens.T, bias=True), atol=1e-3)
    assert np.allclose(found.exact_covariance, law.covariance())
    for share, exact in found.regions.values():
        assert abs(share - exact) < 0.01
    assert sum(exact for _, exact in found.regions.values()) == pytest.approx(1)


def test_a_bias_packed_into_one_state_is_seen(fading):
    from dataclasses import replace

    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    law = mg.terminal_law(process)
    samples = mg.sample(process, 100_000)
    rare = np.unravel_index(int(law.probs.argmin()), law.probs.shape)
    tokens = samples.tokens.copy()
    tokens[:600] = rare
    found = mg.compare(replace(samples, tokens=tokens), law)
    assert not found.checks["states"]
    assert found.worst_state == tuple(int(i) for i in rare)
    assert "fails" in found.sentence


def test_errors(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    samples = mg.sample(process, 10)
    with pytest.raises(mg.InputError, match="alpha"):
        mg.compare(samples, mg.terminal_law(process), alpha=0)
    with pytest.raises(mg.InputError, match="one law"):
        mg.compare(samples, mg.transient_law(process, [1.0, 2.0]))
    with pytest.raises(mg.InputError, match="shape"):
        mg.compare_decay(samples, [1.0, 2.0], [0.5])


def test_bounds_are_the_stated_formulas():
    """Worked by hand for p = (1/4, 3/4) at n = 400 and alpha = 1e-6: a looser bound would pass every other test."""
    process = mg.GuidedProcess(mg.TableProblem([[0.25, 0.75]], [1.0]), mg.Guidance())
    samples = mg.sample(process, 400)
    found = mg.compare(samples, mg.terminal_law(process))
    assert found.tv_bound == pytest.approx(0.153064, abs=1e-6)  # sqrt(3/16/400) + sqrt(log(1e6)/800)
    assert found.smallest_visible_bias == pytest.approx(0.319832, abs=1e-6)  # + sqrt(2/400)/2 + sqrt(log(1e6)/800)
    assert found.covariance_bound[0, 0] == pytest.approx(0.067381, abs=1e-6)  # Bernstein: variance 3/64, range 3/8
    decay = mg.compare_decay(samples, [1.0], mg.tv_decay(process, [1.0]))
    assert decay.band == pytest.approx(0.134669, abs=1e-6)  # sqrt(log(2e6)/800)
