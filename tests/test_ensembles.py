"""Common random numbers: couplings, TV differences and antithetic pairs, against exact values."""

import numpy as np
import pytest
from scipy.stats import binom

import maskguide as mg

N = 20_000


@pytest.fixture(scope="module")
def problem():
    return mg.ProductMixture.random(3, 3, components=5, seed=2, concentration=0.5).table()


def ensemble(problem, weight, method="gillespie", seed=4, n=N, **options):
    return mg.sample(mg.GuidedProcess(problem, mg.Guidance("product", weight)), n, method, seed=seed, **options)


def exact(problem, weight):
    return mg.terminal_law(mg.GuidedProcess(problem, mg.Guidance("product", weight)))


def test_the_tv_limit_holds_and_coupling_beats_independence(problem):
    first, second = ensemble(problem, 1.0), ensemble(problem, 1.2)
    found = mg.couple(first, second, lambda tokens: tokens[:, 0] == 0)
    tv = float(exact(problem, 1.0).tv(exact(problem, 1.2)))
    assert tv <= found.tv_limit < 0.2
    assert found.standard_error < found.independent_standard_error / 2
    truth = exact(problem, 1.0).marginal(0)[0] - exact(problem, 1.2).marginal(0)[0]
    assert abs(found.difference - truth) < 5.5 * found.standard_error


def test_the_tv_limit_is_the_clopper_pearson_one(problem):
    first = ensemble(problem, 1.0, n=400)
    tokens = first.tokens.copy()
    tokens[:30, 0] = (tokens[:30, 0] + 1) % 3
    found = mg.couple(first, mg.Samples(tokens, first.info), lambda t: t[:, 0] * t[:, 1])
    assert found.disagreement == 30 / 400
    np.testing.assert_allclose(binom.cdf(30, 400, found.tv_limit), 1e-6, rtol=1e-6)
    a, b = (t[:, 0] * t[:, 1] for t in (first.tokens, tokens))
    apart = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 400)
    np.testing.assert_allclose(found.independent_standard_error, apart, rtol=1e-12)
    np.testing.assert_allclose(found.standard_error, (a - b).std(ddof=1) / 20, rtol=1e-12)


def test_signs_from_equal_halves_give_the_tv_of_the_shares(problem):
    """Where both halves hold the same tokens, nothing is estimated: the difference is that of two plain sums."""
    law, draws = mg.class_law(problem), ensemble(problem, 1.0, n=400)
    halves = [np.tile(ensemble(problem, w, n=200).tokens, (2, 1)) for w in (0.0, 4.0)]
    found = mg.tv_difference(*(mg.Samples(tokens, draws.info) for tokens in halves), law)
    shares = [np.bincount(np.ravel_multi_index(tuple(t.T), (3, 3, 3)), minlength=27) / 400 for t in halves]
    tvs = [0.5 * np.abs(share - law.probs[:3, :3, :3].ravel()).sum() for share in shares]
    np.testing.assert_allclose(found.difference, tvs[0] - tvs[1], atol=1e-12)


def test_steps_and_the_chain_are_coupled(problem):
    chain = ensemble(problem, 2.0)
    shares = [mg.couple(chain, ensemble(problem, 2.0, "tau-leaping", grid=k)).disagreement for k in (4, 32, 256)]
    errors = mg.tv_error(mg.GuidedProcess(problem, mg.Guidance("product", 2.0)), "tau-leaping", [4, 32, 256])
    assert shares[0] > shares[1] > shares[2]
    assert all(share > error - 0.01 for share, error in zip(shares, errors, strict=True))  # TV <= P(X != Y)


@pytest.mark.parametrize("weights", [(0.0, 4.0), (4.0, 0.0), (2.0, 2.2)])
def test_differences_of_tv(problem, weights):
    law = mg.class_law(problem)
    first, second = (ensemble(problem, w) for w in weights)
    found = mg.tv_difference(first, second, law)
    truth = float(exact(problem, weights[0]).tv(law)) - float(exact(problem, weights[1]).tv(law))
    slack = 0.02  # signs estimated on half the samples miss states whose difference is below the noise
    assert abs(found.difference - truth) < 5.5 * found.standard_error + slack
    if abs(weights[0] - weights[1]) < 1:  # far apart, the two signs need not move together
        assert found.standard_error < found.independent_standard_error / 2


def test_antithetic_pairs_follow_the_law_and_cancel(problem):
    process = mg.GuidedProcess(problem, mg.Guidance("product", 2.0))
    pairs = mg.sample(process, N, seed=1, antithetic=True)
    law = exact(problem, 2.0)
    for half in (slice(0, None, 2), slice(1, None, 2)):  # each half is a sample of independent draws
        assert mg.compare(mg.Samples(pairs.tokens[half], pairs.info), law).passed
    values = (pairs.tokens[:, 0] == 0).astype(float)
    assert np.corrcoef(values[::2], values[1::2])[0, 1] < 0
    clocks = pairs.info.completion_clock
    assert np.corrcoef(clocks[::2], clocks[1::2])[0, 1] < -0.1


def test_bad_ensembles(problem):
    one = ensemble(problem, 1.0, n=100)
    with pytest.raises(mg.InputError, match="same shape, seed"):
        mg.couple(one, ensemble(problem, 1.0, seed=5, n=100))
    with pytest.raises(mg.InputError, match="same shape"):
        mg.couple(one, ensemble(problem, 1.0, n=50))
    with pytest.raises(mg.InputError, match="alpha"):
        mg.couple(one, one, alpha=2.0)
    with pytest.raises(mg.InputError, match="one finite number a trajectory"):
        mg.couple(one, one, lambda tokens: tokens)
    process = mg.GuidedProcess(problem, mg.Guidance("normalized", 1.0))
    weighted = mg.sample(process, 100, "smc", seed=4)
    with pytest.raises(mg.InputError, match="weighted"):
        mg.couple(weighted, weighted)
    with pytest.raises(mg.InputError, match="equal weight"):
        mg.compare(weighted, exact(problem, 1.0))
