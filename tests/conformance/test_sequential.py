"""Anytime-valid tests: e-values exact by enumeration, calibrated under optional stopping, able to see, able to fail."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

import maskguide as mg
from benchmarks import conformance_power
from maskguide.conformance import evidence
from maskguide.conformance.evidence import (
    bernoulli_interval,
    dirichlet_log_e,
    law_log_e,
    log_rising,
    ratio_log_e,
    sets_log_e,
    tv_width,
)
from maskguide.conformance.sequential import BernoulliTest, IndependenceTest, LawTest, UniformTest, shares

LAWS = [np.array([0.5, 0.5]), np.array([0.9, 0.1 - 1e-9, 1e-9]), np.array([0.4, 0.3, 0.2, 0.1])]
OTHERS = np.array([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0.0, 0.0]])
LOOKS = np.unique(np.geomspace(2, 3000, 16).astype(int))


def all_counts(n, size):
    return np.array([c for c in product(range(n + 1), repeat=size) if sum(c) == n])


def mean_e(log_e, n, p):
    """E[e-value] after n draws of p: the sum over every count vector."""
    counts = all_counts(n, p.size)
    return float(stats.multinomial.pmf(counts, n, p) @ np.exp(log_e(counts, p)))


def worst_step(log_e, n, p):
    """max over counts of n draws of |E[E_(n+1) | counts] / E_n - 1|: zero for a martingale."""
    counts = all_counts(n, p.size)
    after = np.stack([log_e(counts + step, p) for step in np.eye(p.size, dtype=int)], axis=-1)
    return float(np.abs(np.exp(special.logsumexp(after, b=p, axis=-1) - log_e(counts, p)) - 1).max())


def largest_log_e(log_e, p, runs, seed=0):
    """(runs,) largest log e-value over LOOKS, draws of p."""
    rng, counts, largest = np.random.default_rng(seed), np.zeros((runs, p.size), dtype=int), np.full(runs, -np.inf)
    for before, now in pairwise([0, *LOOKS]):
        counts += rng.multinomial(now - before, p, size=runs)
        largest = np.maximum(largest, log_e(counts, p))
    return largest


def unnormalised(counts, p):
    """Mutant: the best likelihood instead of a mean one."""
    n = counts.sum(axis=-1, keepdims=True)
    return (special.xlogy(counts, counts / n) - special.xlogy(counts, p)).sum(axis=-1)


def peeked(counts, p):
    """Mutant: one over the p-value of a chi-square test made for a fixed n."""
    expected = counts.sum(axis=-1, keepdims=True) * p
    return -stats.chi2.logsf(((counts - expected) ** 2 / expected).sum(axis=-1), p.size - 1)


def off_by_one(counts, p):
    """Mutant: a Dirichlet-multinomial whose total lags one draw behind."""
    n = counts.sum(axis=-1)
    return log_rising(4 * p, counts).sum(axis=-1) - log_rising(4.0, np.maximum(n - 1, 0))


def others(counts, p):
    return ratio_log_e(counts, p, OTHERS)


# exact


@pytest.mark.parametrize("p", LAWS, ids=len)
@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_mean_of_the_e_value_is_one(p, n):
    assert abs(mean_e(dirichlet_log_e, n, p) - 1) < 1e-12
    assert mean_e(sets_log_e, n, p) <= 1
    assert mean_e(law_log_e, n, p) <= 1
    assert worst_step(dirichlet_log_e, n, p) < 1e-12


@pytest.mark.parametrize("n", [1, 2, 6])
def test_mean_of_likelihood_ratios_is_one(n):
    assert abs(mean_e(others, n, LAWS[2]) - 1) < 1e-12
    assert worst_step(lambda c, p: ratio_log_e(c, p, OTHERS[:1]), n, LAWS[2]) < 1e-12


@pytest.mark.parametrize("mutant", [unnormalised, off_by_one, peeked])
def test_mutants_fail_the_exact_assert(mutant):
    assert not all(abs(mean_e(mutant, n, LAWS[2]) - 1) < 1e-12 for n in (2, 3, 6))


@settings(max_examples=60, deadline=None)
@given(st.floats(-25, 17), st.integers(0, 300))
def test_rising_factorial_is_a_sum_of_logs(exponent, n):
    a = math.exp(exponent)
    exact = math.fsum(math.log1p(j / a) for j in range(n))
    assert abs(float(log_rising(a, n)) - exact) <= 1e-15 * (n + 1) * (30 + abs(exponent))


def test_rising_factorial_is_accurate_for_many_draws():
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        for a, n in [(1e7, 10**6), (33.0, 10**7), (31.0, 10**7), (1e-9, 10**5)]:
            exact = mpmath.loggamma(mpmath.mpf(a) + n) - mpmath.loggamma(a) - n * mpmath.log(a)
            assert abs(float(log_rising(a, n) - exact)) < 1e-15 * n * math.log(n)


def test_product_over_states_is_the_sum_over_sets():
    p, counts = LAWS[2], np.array([7, 1, 0, 4])
    members = np.array(list(product([0, 1], repeat=4)))
    gap = members @ (counts - 12 * p)
    bets = [np.exp(tilt * gap - 12 * tilt**2 / 8).mean() for tilt in evidence.TILTS]
    assert float(sets_log_e(counts, p)) == pytest.approx(math.log(np.mean(bets)), abs=1e-12)


def test_marginal_likelihood_is_that_of_the_prior():
    """Dirichlet(c p) by sequential prediction: each draw has probability (n_i + c p_i) / (n + c)."""
    p, draws = LAWS[2], [0, 2, 2, 3, 0, 1]
    logs = []
    for prior in [*(c * p for c in evidence.CONCENTRATIONS), np.full(4, 0.5)]:
        seen, total = prior.copy(), 0.0
        for state in draws:
            total += math.log(seen[state] / seen.sum() / p[state])
            seen[state] += 1
        logs.append(total)
    counts = np.bincount(draws, minlength=4)
    assert float(dirichlet_log_e(counts, p)) == pytest.approx(special.logsumexp(logs) - math.log(len(logs)), abs=1e-12)


def test_width_solves_the_mixture():
    """At w_n the one-sided normal mixture is at least 1/alpha, within the bound Phi(x) >= 1 - exp(-x^2/2)/2 of it."""
    for n, alpha in [(100, 1e-6), (50_000, 1e-7), (1000, 0.05)]:
        gap, budget = n * tv_width(n, alpha), 2 * math.log(1 / alpha)
        rho = evidence.PLANNED / 4 / (budget + math.log(1 + budget))
        tilts = np.linspace(0, 12 * (1 / math.sqrt(rho)), 400_001)
        prior = 2 * stats.norm.pdf(tilts, scale=1 / math.sqrt(rho))
        mixture = np.trapezoid(prior * np.exp(tilts * gap - n * tilts**2 / 8), tilts)
        assert 1 <= alpha * mixture < 1.2


# calibrated


@pytest.mark.parametrize("p", LAWS[1:], ids=len)
def test_false_alarms_with_optional_stopping(p):
    runs = 10_000
    largest = largest_log_e(law_log_e, p, runs)
    assert (largest < math.log(1e6)).all()
    assert (largest >= math.log(20)).sum() <= stats.binom.isf(1e-6, runs, 0.05)


@pytest.mark.parametrize("mutant", [unnormalised, peeked])
def test_mutants_alarm_too_often(mutant):
    assert (largest_log_e(mutant, LAWS[2], 1000) >= math.log(20)).sum() > stats.binom.isf(1e-6, 1000, 0.05)


def misses(width, runs=4000, alpha=0.05):
    """Runs in which TV(empirical, p) + width(n) is ever below the true TV: two states, the hardest case."""
    rng, p, q = np.random.default_rng(1), 0.3, 0.5
    ones, missed = np.zeros(runs), np.zeros(runs, dtype=bool)
    for before, now in pairwise([0, *np.unique(np.geomspace(10, 10**6, 120).astype(int))]):
        ones += rng.binomial(now - before, q, size=runs)
        missed |= np.abs(ones / now - p) + width(now, alpha) < abs(q - p)
    return int(missed.sum())


def test_tv_bound_holds_at_all_times():
    def fixed(n, alpha):
        return stats.norm.isf(alpha) * 0.5 / math.sqrt(n)

    limit = stats.binom.isf(1e-6, 4000, 0.05)
    assert misses(tv_width) <= limit
    assert misses(fixed) > limit


def test_bernoulli_interval_holds_at_all_times():
    rng, missed, runs = np.random.default_rng(2), 0, 200
    for _ in range(runs):
        totals = np.cumsum(rng.binomial(40, 0.1, size=10))
        limits = [bernoulli_interval(int(k), 40 * (i + 1), 0.05) for i, k in enumerate(totals)]
        missed += not all(low <= 0.1 <= high for low, high in limits)
    assert missed <= stats.binom.isf(1e-6, runs, 0.05)


@pytest.mark.parametrize("k, n", [(0, 5), (3, 400), (200, 400), (1, 10**6)])
def test_bernoulli_limits_are_where_the_mixture_reaches_one_over_alpha(k, n):
    low, high = bernoulli_interval(k, n, 1e-9)
    mixture = special.betaln(k + 0.5, n - k + 0.5) - math.log(math.pi)
    for limit in ([low] if k else []) + [high]:
        likelihood = special.xlogy(k, limit) + special.xlog1py(n - k, -limit)
        assert mixture - likelihood == pytest.approx(math.log(1e9), rel=1e-6)
    assert low <= k / n <= high and (low > 0) == (k > 0)
    assert bernoulli_interval(n - k, n, 1e-9) == pytest.approx((1 - high, 1 - low), abs=1e-14)


# able to see


def biased(p, tv):
    """p with tv moved from the second half of the states to the first."""
    half = p.size // 2
    q = p.copy()
    q[:half] += tv * p[:half] / p[:half].sum()
    q[half:] -= tv * p[half:] / p[half:].sum()
    return q


@pytest.mark.parametrize("size", [2, 9, 64])
def test_smallest_visible_bias_is_visible(size):
    """Rejected at n whatever the shape: spread over all states, or one state swapped for another."""
    p, rng = np.full(size, 1 / size), np.random.default_rng(3)
    start = LawTest(p, alpha=1e-6)
    start.update(counts=rng.multinomial(20_000, p))
    bias = start.smallest_visible_bias
    assert not start.rejected and 0.02 < bias < 0.1
    for q in (biased(p, bias), biased(p[::-1], bias)[::-1]):
        assert 0.5 * np.abs(q - p).sum() == pytest.approx(bias)
        for _ in range(20):
            test = LawTest(p, alpha=1e-6)
            test.update(counts=rng.multinomial(20_000, q))
            assert test.rejected


@pytest.mark.parametrize("tv, draws", [(0.02, 70_000), (0.05, 10_000), (0.1, 3000)])
def test_planted_bias_is_found_and_sooner_when_suspected(tv, draws):
    p, needed = np.full(27, 1 / 27), []
    q = biased(p, tv)
    for seed in range(6):
        rng, tests = np.random.default_rng(seed), [LawTest(p, {"bias": q, "other": biased(p, -tv)}), LawTest(p)]
        while not all(test.rejected for test in tests):
            batch = rng.multinomial(draws // 50, q)
            for test in tests:
                if not test.rejected:
                    test.update(counts=batch)
        needed.append([test.n for test in tests])
    suspected, plain = np.mean(needed, axis=0)
    assert suspected < 0.8 * plain and plain < draws


def test_right_law_is_certified_and_stays_so():
    p, rng = np.full(9, 1 / 9), np.random.default_rng(5)
    test = LawTest(p)
    assert (test.tv, test.tv_upper, test.smallest_visible_bias) == (0.0, 1.0, 1.0)
    while not test.certified(0.03):
        test.update(counts=rng.multinomial(1000, p))
    assert test.n < 30_000 and test.tv < test.tv_upper <= 0.03
    test.update(counts=np.array([500, *[0] * 8]))
    assert test.certified(0.03) or test.rejected


def test_an_impossible_draw_rejects_at_once():
    test = LawTest([0.5, 0.5, 0.0])
    test.update([0, 1, 1])
    assert not test.rejected
    test.update([2])
    assert test.rejected and test.log_e == math.inf and not test.certified(1.0)


def test_rejection_is_for_good():
    test = LawTest([0.5, 0.5])
    test.update(counts=[60, 0])
    assert test.rejected
    test.update(counts=[0, 60])
    assert test.rejected and test.log_e < 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=80), st.integers(1, 79))
def test_batches_do_not_matter(states, cut):
    law = np.array([[0.3, 0.1], [0.2, 0.2], [0.15, 0.05]])
    whole, parts, tokens = (LawTest(law, {"flat": np.full((3, 2), 1 / 6)}) for _ in range(3))
    whole.update(np.array(states, dtype=int))
    parts.update(np.array(states[:cut], dtype=int))
    parts.update(np.array(states[cut:], dtype=int))
    tokens.update(np.stack(np.unravel_index(np.array(states, dtype=int), (3, 2)), axis=1))
    assert whole.log_e == parts.log_e == tokens.log_e
    assert whole.n == len(states) and whole.smallest_visible_bias == parts.smallest_visible_bias


def test_takes_a_law(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    law = mg.terminal_law(process)
    test = LawTest(law, {"conditional": mg.terminal_law(mg.GuidedProcess(fading, mg.Guidance()))})
    test.update(mg.sample(process, 20_000).tokens)
    assert not test.rejected and test.tv_upper < 0.1


def test_power_table_runs():
    rows, notes, runs = conformance_power.run(states=(2,), null_runs=50, runs=3, longest=5000)
    assert rows[0]["alarms 1e-6"] == 0 and rows[0]["certify 0.02"] == math.inf
    assert rows[-1]["bias TV"] == 0.1 and rows[-1]["reject"][2] < 5000
    assert runs == 3 and len(notes) == 4


# pairs, trials, uniform values


def test_independent_batches_pass_and_copies_do_not():
    p, rng = np.array([0.4, 0.3, 0.2, 0.1]), np.random.default_rng(6)
    for _ in range(20):
        test = IndependenceTest(p, alpha=1e-6)
        for size in (1, 7, 500, 2000):
            test.update(rng.choice(4, size=size, p=p))
        assert not test.rejected
    draws = rng.choice(4, size=500, p=p)
    for batch in (np.repeat(draws, 2), np.tile(draws, 2), (draws[:, None] + [0, 1]).ravel() % 4):
        test = IndependenceTest(p, alpha=1e-6)
        test.update(batch)
        assert test.rejected


class OverlappingPairs(IndependenceTest):
    """Mutant: every neighbour of every draw, pairs that share a draw."""

    def update(self, states):
        super().update(np.stack([states[:-1], states[1:]], axis=1).ravel())


@pytest.mark.parametrize("kind, valid", [(IndependenceTest, True), (OverlappingPairs, False)])
def test_mean_over_every_pair_of_batches(kind, valid):
    """Batches of 4 and 2 draws: the sum over all 2^6 outcomes of probability times e-value."""
    p, mean = np.array([0.8, 0.2]), 0.0
    for draws in product(range(2), repeat=6):
        test = kind(p)
        test.update(np.array(draws[:4]))
        test.update(np.array(draws[4:]))
        mean += p[list(draws)].prod() * math.exp(test.log_e)
    assert (mean <= 1 + 1e-12) == valid


def test_copies_are_seen_with_many_states():
    rng = np.random.default_rng(7)
    draws = rng.integers(1000, size=2000)
    independent, copied = IndependenceTest(np.full((10, 100), 1e-3)), IndependenceTest(np.full((10, 100), 1e-3))
    independent.update(draws)
    copied.update(np.where(rng.random(2000) < 0.05, np.roll(draws, 1), draws))
    assert not independent.pairs and not independent.rejected and copied.rejected


def test_bernoulli_is_two_sided_and_knows_certainty():
    for successes in (150, 350):
        test = BernoulliTest(0.5)
        test.update(successes, 500)
        assert test.rejected and not test.interval[0] <= 0.5 <= test.interval[1]
    certain = BernoulliTest(1.0)
    certain.update(1000, 1000)
    assert not certain.rejected and certain.interval[1] == 1.0
    certain.update(0, 1)
    assert certain.rejected and certain.interval[1] < 1.0
    assert BernoulliTest(0.2).interval == (0.0, 1.0)


def test_uniform_values():
    rng = np.random.default_rng(8)
    right, wrong, outside = UniformTest(), UniformTest(), UniformTest()
    right.update(rng.random((1000, 3)))
    right.update([0.0, 1.0])
    wrong.update(rng.random(3000) ** 1.3)
    outside.update([0.5, np.nan])
    assert not right.rejected and right.n == 3002
    assert wrong.rejected and outside.rejected


def test_shares_sum_to_alpha():
    assert shares(1e-6, ["a", "b"]) == {"a": 5e-7, "b": 5e-7}
    assert shares(1e-6, {"a": 3, "b": 1}) == pytest.approx({"a": 7.5e-7, "b": 2.5e-7})


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: LawTest([0.5, 0.4]), "sums to 0.9"),
        (lambda: LawTest([0.5, 0.5], alpha=1.0), "alpha"),
        (lambda: LawTest([0.5, 0.5], {"x": [1.0]}), "alternatives of"),
        (lambda: LawTest([0.5, 0.5]).update(), "neither"),
        (lambda: LawTest([0.5, 0.5]).update([2]), "below 2"),
        (lambda: LawTest([0.5, 0.5]).update([0.5]), "whole numbers"),
        (lambda: LawTest([[0.5, 0.5]]).update([[0, 2]]), "tokens"),
        (lambda: LawTest([0.5, 0.5]).update(counts=[1, -1]), "whole numbers"),
        (lambda: LawTest([0.5, 0.5]).update(counts=[1]), "shape"),
        (lambda: BernoulliTest(1.1), "0 <= p <= 1"),
        (lambda: BernoulliTest(0.5).update(3, 2), "at most 2"),
        (lambda: UniformTest(bins=1), "bins"),
        (lambda: shares(1e-6, []), "no tests"),
    ],
)
def test_errors(call, match):
    with pytest.raises(mg.InputError, match=match):
        call()
