"""Laws on counts against the full lattice, exact rationals, brute force, closed forms and dense exponentials."""

import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

import maskguide as mg
from benchmarks import lumped as benchmark
from maskguide.guidance.rules import RULES as ALL_RULES
from maskguide.laws.counts import chain as count_chain
from maskguide.laws.counts import lumped
from maskguide.laws.counts import tails as count_tails
from maskguide.laws.counts.count_law import CountLaw
from maskguide.problems.exchangeable import ExchangeableProblem
from tests.oracles import enumerate as oracle

from ..problems.test_exchangeable import random_problem

RULES = {name: rule for name, rule in ALL_RULES.items() if rule.in_closed_form}
SCHEDULES = [mg.WeightSchedule([0.7, 0.2], [0.0, 3.0, 1.0]), mg.WeightSchedule([0.5], [2.0, -1.0])]
WEIGHTS = [-1, -0.5, 0, 1, 3.7, 20, *SCHEDULES]
ANY_GUIDANCE = st.builds(mg.Guidance, st.sampled_from(sorted(RULES)), st.sampled_from(WEIGHTS))
ANY_PROBLEM = st.builds(
    lambda seed, size, k: random_problem(seed, *size, num_classes=k),
    st.integers(0, 10**6),
    st.sampled_from([(2, 1), (2, 2), (2, 5), (3, 2), (3, 3), (4, 2)]),
    st.integers(1, 3),
)


def thousand(target=1):
    return ExchangeableProblem.from_mixture(1000, [0.4, 0.6], [0.5, 0.5], labels=[0, 1], target=target)


def lump(law, problem):
    """Sum the law of a table over arrangements: the completed counts, or k and the counts with masks."""
    states = np.indices(law.shape).reshape(problem.length, -1)
    tokens = [(states == v).sum(axis=0) for v in range(problem.vocab_size)]
    masked = law.shape[0] == problem.vocab_size + 1
    axes = (sum(tokens), *tokens[1:]) if masked else tuple(tokens[1:])
    counts = np.zeros((problem.length + 1,) * len(axes), dtype=law.dtype)
    np.add.at(counts, axes, law.ravel())
    return counts


@given(ANY_PROBLEM, ANY_GUIDANCE)
def test_terminal_and_transient_laws_against_the_full_lattice(problem, guidance):
    full = mg.GuidedProcess(problem.table(), guidance)
    ours = lumped.terminal_counts(problem, guidance).probs
    assert np.abs(ours - lump(mg.terminal_law(full).probs, problem)).sum() < 1e-12
    for u in (0.0, 0.05, 0.5, 2.0, 9.0, np.inf):
        law = lumped.transient_counts(problem, guidance, u)
        assert (law.probs >= 0).all() and law.error < 1e-12
        assert np.abs(law.probs - lump(mg.transient_law(full, u).probs, problem)).sum() < 1e-12


@given(ANY_PROBLEM, ANY_GUIDANCE)
def test_decay_against_the_full_lattice(problem, guidance):
    full = mg.GuidedProcess(problem.table(), guidance)
    clocks = np.array([0.0, 0.1, 1.0, 10.0, 100.0, 1e4, np.inf])
    assert lumped.late_rate_counts(problem, guidance)[0] == pytest.approx(mg.late_rate(full)[0], rel=1e-12)
    theirs = mg.tv_decay(full, clocks, log=True)
    ours = lumped.tv_decay_counts(problem, guidance, clocks, log=True)
    assert ours[0] == 0 and ours[-1] == -np.inf
    assert ours[1:-1] == pytest.approx(theirs[1:-1], rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("weight", [0, 1, 4])
@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("size", [(2, 4), (3, 3)])
def test_terminal_law_against_exact_rationals(size, rule, weight):
    for seed in range(3):
        problem = random_problem(seed, *size)
        exact = lump(oracle.terminal_law(problem.table(), rule, weight, binary=True), problem)
        ours = lumped.terminal_counts(problem, mg.Guidance(rule, weight)).probs
        assert np.abs(ours - exact.astype(float)).max() < 1e-15


CLIPPED = {
    name: mg.Rule(name, lambda a, b, w: a + w * (a - b).clip(-0.5, 0.5), normalises=divided)
    for name, divided in (("own", False), ("own, normalised", True))
}
OTHERS = {
    "predictor": mg.Guidance("predictor", 1.5, temperature=0.7),
    "rectified": mg.Guidance("rectified", 1.5, gamma0=-1.0),
    "spherical": mg.Guidance("spherical", 1.5, cap=1.0),
    **{name: mg.Guidance(rule, 1.5) for name, rule in CLIPPED.items()},
}


@pytest.mark.parametrize("guidance", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("size", [(2, 4), (3, 3)])
def test_every_rule_of_two_conditionals(size, guidance):
    """Against the same chain on the lattice."""
    problem = random_problem(7, *size)
    table = mg.GuidedProcess(problem.table(), guidance)
    ours, theirs = lumped.terminal_counts(problem, guidance).probs, lump(mg.terminal_law(table).probs, problem)
    np.testing.assert_allclose(ours, theirs, atol=1e-14)
    clocks = [0.3, 2.0, 9.0]
    np.testing.assert_allclose(
        lumped.tv_decay_counts(problem, guidance, clocks), mg.tv_decay(table, clocks), rtol=1e-11
    )


def test_rules_of_other_laws_are_refused():
    problem = random_problem(7, 2, 4)
    for guidance in (mg.Guidance("tilted", 1.0), mg.Guidance("contrastive", 1.0, negative=1)):
        with pytest.raises(mg.InputError, match="laws on counts under the rule"):
            lumped.terminal_counts(problem, guidance)


@pytest.mark.parametrize("size", [(2, 3), (3, 2)])
def test_every_digit_against_brute_force(size):
    problem, guidance = random_problem(5, *size), mg.Guidance("product", 2.5)
    exact = lump(oracle.transient_law(problem.table(), "product", 2.5, 0.8, digits=40, binary=True), problem)
    law = lumped.transient_counts(problem, guidance, 0.8)
    assert np.abs(law.probs - exact.astype(float)).sum() < 1e-14
    rate = lumped.late_rate_counts(problem, guidance)[0]
    for depth in (0.3, 1e-6, 1e-60, 1e-250):
        u = -math.log(depth) / rate
        exact = oracle.masked_probability(problem.table(), "product", 2.5, u, binary=True)
        log = float(lumped.tv_decay_counts(problem, guidance, u, log=True))
        assert abs(log - float(mpmath.log(exact))) < 1e-10


# Large D ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [10, 100, 1000])
def test_weight_zero_returns_the_class_law(length):
    problem = ExchangeableProblem.from_mixture(length, [0.1, 0.5, 0.8], [0.3, 0.2, 0.5], labels=[0, 1, 1], target=1)
    law = lumped.terminal_counts(problem, mg.Guidance("product", 0.0))
    assert np.abs(law.probs - problem.target_law).sum() < 5e-16 * length
    kept = problem.target_law > 1e-290
    assert np.abs(law.probs[kept] / problem.target_law[kept] - 1).max() < 2e-15 * length
    law = lumped.terminal_counts(problem, mg.Guidance("product", -1.0))
    assert np.abs(law.probs - problem.unconditional_law).sum() < 5e-16 * length


@pytest.mark.parametrize("clocks", [[0.01], [0.1, 0.15], [1.0], [7.0], [30.0]])
def test_quadrature_at_a_thousand_against_binomial_times_jump_chain(clocks):
    # Rates of the rule "normalized": reveal times are i.i.d. Exp(1) and independent of what is revealed.
    problem, clocks = thousand(), np.array(clocks)
    rates = count_chain.count_rates(problem, RULES["normalized"], 2.0)
    quadrature = count_chain.Quadrature(rates, None, clocks)
    assert quadrature.error.max() < 5e-12
    levels = quadrature.laws()
    seen = count_chain.visits(problem, RULES["normalized"], 2.0)
    for t, u in enumerate(clocks):
        m = mpmath.exp(-mpmath.mpf(float(u)))
        revealed = [float(mpmath.binomial(1000, k) * (1 - m) ** k * m ** (1000 - k)) for k in range(1001)]
        gap = sum(np.abs(levels[k][t] - revealed[k] * seen[k]).sum() for k in range(1001))
        assert gap < quadrature.error[t]


@pytest.mark.parametrize("length", [1, 7, 300])
def test_shifted_quadrature_against_the_closed_form(length):
    problem = ExchangeableProblem.from_mixture(length, [0.4, 0.7], [0.5, 0.5], labels=[0, 1])
    rates = count_chain.count_rates(problem, RULES["normalized"], 3.0)
    for u in (0.2, 2.0, 40.0, 2000.0):
        mass = count_chain.Quadrature(rates, None, np.array([u]), rates.late_rate).masses()[0]
        with mpmath.workdps(1000):
            exact = mpmath.log(1 - (1 - mpmath.exp(-mpmath.mpf(u))) ** length)
        assert math.log(mass) - rates.late_rate * u == pytest.approx(float(exact), rel=1e-13, abs=1e-11)
        ours = lumped.tv_decay_counts(problem, mg.Guidance("normalized", 3.0), u, log=True)
        assert float(ours) == pytest.approx(float(exact), rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("weight", [-0.5, 2.0, 9.0])
@pytest.mark.parametrize("size", [(2, 30), (3, 8)])
def test_dense_exponential_of_the_lumped_generator(size, weight):
    problem, guidance = random_problem(3, *size), mg.Guidance("product", weight)
    states = [c for c in np.ndindex((size[1] + 1,) * size[0]) if sum(c[1:]) <= c[0]]
    where = {c: i for i, c in enumerate(states)}
    matrix = np.zeros((len(states),) * 2)
    for k, *c in states[: where[(size[1], *(0,) * (size[0] - 1))]]:
        pair = problem.conditionals[k][(slice(None), *c)]
        rates = (size[1] - k) * RULES["product"].rates(pair[0], pair[1], weight)
        for v, rate in enumerate(rates):
            if rate > 0:
                child = (k + 1, *(n + (i == v) for i, n in enumerate(c, start=1)))
                matrix[where[(k, *c)], where[child]] += rate
                matrix[where[(k, *c)], where[(k, *c)]] -= rate
    for u in (0.1, 1.5):
        law = lumped.transient_counts(problem, guidance, u).probs
        exact = expm(u * matrix)[0]
        assert np.abs([law[c] - p for c, p in zip(states, exact, strict=True)]).sum() < 1e-11
        assert law.sum() == pytest.approx(1, abs=1e-12)


def test_a_thousand_under_the_rate_product():
    problem, guidance = thousand(), mg.Guidance("product", 2.0)
    law = lumped.transient_counts(problem, guidance, [5.0, 60.0])
    assert law.error < 5e-12 and law.method == "contour"
    tv = lumped.tv_decay_counts(problem, guidance, [5.0, 60.0])
    assert law.masked_probability[0] == pytest.approx(tv[0], abs=1e-11)
    late = lumped.terminal_counts(problem, guidance)
    assert np.abs(law.probs[1, -1] - late.probs).sum() < 1e-11
    assert tv[1] == pytest.approx(1000 * math.exp(-60), rel=0.02)


def test_three_tokens_sixty_coordinates():
    probs = [[0.2, 0.3, 0.5], [0.5, 0.3, 0.2]]
    problem = ExchangeableProblem.from_mixture(60, probs, [0.5, 0.5], labels=[0, 1], target=0)
    guidance = mg.Guidance("product", 3.0)
    final, late = lumped.terminal_counts(problem, guidance), lumped.transient_counts(problem, guidance, 50.0)
    assert final.probs.sum() == pytest.approx(1, abs=1e-13)
    assert np.abs(late.probs[-1] - final.probs).sum() < 1e-11
    swapped = ExchangeableProblem.from_mixture(60, np.array(probs)[:, [1, 2, 0]], [0.5, 0.5], labels=[0, 1], target=0)
    mean = lumped.terminal_counts(swapped, guidance).fraction_mean()
    assert mean == pytest.approx(final.fraction_mean()[[1, 2, 0]], abs=1e-13)


# Structure --------------------------------------------------------------------------------------------


def test_both_rules_share_the_terminal_law_and_another_weight_does_not():
    problem = random_problem(1, 2, 8, zeros=0.0)
    rates = count_chain.count_rates(problem, RULES["product"], 2.0)
    flow = np.ones(1)
    for edge, exit in zip(rates.edges, rates.exit[:-1], strict=True):
        flow = count_chain.inflow(flow, edge / exit[:, None])
    normalized = lumped.terminal_counts(problem, mg.Guidance("normalized", 2.0))
    assert np.abs(flow - normalized.probs).sum() < 1e-14
    assert normalized.tv(lumped.terminal_counts(problem, mg.Guidance("product", 2.5))) > 1e-3


def test_relabelled_tokens_give_relabelled_laws():
    problem, guidance = random_problem(4, 3, 4), mg.Guidance("product", 2.0)
    swapped = ExchangeableProblem(problem.count_laws.swapaxes(1, 2), problem.prior, problem.target)
    ours, theirs = (lumped.transient_counts(p, guidance, 0.7).probs for p in (problem, swapped))
    assert np.abs(ours - theirs.swapaxes(1, 2)).max() < 1e-14
    rate, counts = lumped.late_rate_counts(problem, guidance)
    other, others = lumped.late_rate_counts(swapped, guidance)
    assert rate == pytest.approx(other, rel=1e-14) and counts == (others[0], others[2], others[1])


def test_flipped_ones_give_flipped_laws():
    problem, guidance = random_problem(4, 2, 9), mg.Guidance("product", 2.0)
    flipped = ExchangeableProblem(problem.count_laws[:, ::-1], problem.prior, problem.target)
    ours, theirs = (lumped.terminal_counts(p, guidance).probs for p in (problem, flipped))
    assert np.abs(ours - theirs[::-1]).max() < 1e-15


def test_a_schedule_with_one_weight_changes_nothing():
    problem = random_problem(2, 2, 6)
    plain, cut = (mg.Guidance("product", w) for w in (2.0, mg.WeightSchedule([0.6, 0.1], [2.0, 2.0, 2.0])))
    for u in (0.3, 1.0, 4.0):
        ours, theirs = (lumped.transient_counts(problem, g, u) for g in (plain, cut))
        assert ours.tv(theirs) < 1e-13
    logs = [lumped.tv_decay_counts(problem, g, [1.0, 30.0, 400.0], log=True) for g in (plain, cut)]
    assert np.abs(logs[0] - logs[1]).max() < 1e-9
    assert lumped.terminal_counts(problem, plain).tv(lumped.terminal_counts(problem, cut)) < 1e-13


def test_hazards_beyond_the_cap_change_no_law():
    # After k ones the unconditional law all but excludes the target, and a zero, private to it, comes at 10^(20 k).
    problem = ExchangeableProblem.from_mixture(8, [0.1, 1.0], [0.5, 0.5], labels=[0, 1], target=0)
    guidance = mg.Guidance("product", 20.0)
    rates = count_chain.count_rates(problem, guidance.rule, 20.0)
    assert max(level.max() for level in rates.exit) >= count_chain.INSTANT
    full = mg.GuidedProcess(problem.table(), guidance)
    assert full.exit_rates().max() > 100 * count_chain.INSTANT
    final = lump(mg.terminal_law(full).probs, problem)
    assert np.abs(lumped.terminal_counts(problem, guidance).probs - final).sum() < 1e-13
    law = lumped.transient_counts(problem, guidance, 2.0)
    assert law.error < 1e-12 and 0.01 < law.masked_probability < 0.99
    assert np.abs(law.probs - lump(mg.transient_law(full, 2.0).probs, problem)).sum() < 1e-12


@pytest.mark.parametrize("length, nodes", [(30, 40), (100, 79), (300, 157)])
def test_the_number_of_nodes_does_not_depend_on_stiffness(length, nodes):
    problem = random_problem(1, 2, length)
    for weight in (2.0, 20.0):
        rates = count_chain.count_rates(problem, RULES["product"], weight)
        quadrature = count_chain.Quadrature(rates, None, np.array([1.0]))
        assert quadrature.contour.points.size == nodes and quadrature.error < 1e-12
        assert max(level.max() for level in rates.exit) > (50 if weight == 2 else 1e19)


HIDDEN = [((2, 2), 1, 1.0), ((2, 2), 4, 10.0), ((3, 2), 31, 1.0), ((2, 3), 7, 10.0)]


@pytest.mark.parametrize("size, seed, clock", HIDDEN)
def test_slow_contexts_of_tiny_probability(size, seed, clock, monkeypatch):
    problem, guidance = random_problem(seed, *size), mg.Guidance("product", 20.0)
    exact = oracle.masked_probability(problem.table(), "product", 20.0, clock, binary=True)
    ours = lumped.tv_decay_counts(problem, guidance, clock, log=True)
    assert float(ours) == pytest.approx(float(mpmath.log(exact)), abs=1e-10)
    monkeypatch.setattr(count_tails, "MOST_STATES", 0)
    with pytest.warns(mg.AccuracyWarning, match="slow context"):
        spoiled = lumped.tv_decay_counts(problem, guidance, clock, log=True)
    assert float(ours) != pytest.approx(float(spoiled), abs=1e-10)


def test_the_positive_method_agrees_with_the_contour_under_a_schedule(monkeypatch):
    problem = random_problem(6, 3, 5)
    guidance, clocks = mg.Guidance("product", SCHEDULES[0]), [0.2, 1.0, 5.0, 60.0]
    by_contour = lumped.tv_decay_counts(problem, guidance, clocks, log=True)
    monkeypatch.setattr(count_tails, "WARNED_ERROR", 0.0)
    by_positive_terms = lumped.tv_decay_counts(problem, guidance, clocks, log=True)
    assert by_positive_terms == pytest.approx(by_contour, rel=1e-12, abs=1e-11)
    assert not np.array_equal(by_positive_terms, by_contour)


# CountLaw ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(2, 5), (3, 3)])
def test_figures_of_count_laws_are_those_of_the_sequences(size):
    problem, guidance = random_problem(8, *size), mg.Guidance("product", 1.5)
    full = mg.GuidedProcess(problem.table(), guidance)
    ours, theirs = lumped.terminal_counts(problem, guidance), mg.terminal_law(full)
    assert ours.sequence_entropy() == pytest.approx(theirs.entropy(), rel=1e-13)
    marginals = np.mean([theirs.marginal(i) for i in range(problem.length)], axis=0)
    assert ours.fraction_mean() == pytest.approx(marginals, rel=1e-13)
    if size[0] == 2:
        spread = theirs.covariance().sum() / problem.length**2
        assert ours.fraction_covariance()[1, 1] == pytest.approx(spread, rel=1e-12)
    clocks = np.array([0.4, 1.3])
    ours, theirs = lumped.transient_counts(problem, guidance, clocks), mg.transient_law(full, clocks)
    assert ours.sequence_entropy() == pytest.approx(theirs.entropy(), rel=1e-11)
    assert ours.masked_probability == pytest.approx(theirs.masked_probability, rel=1e-11)
    assert ours.fraction_mean().shape == (2, size[0]) and ours.fraction_covariance().shape == (2, size[0], size[0])
    other = lumped.transient_counts(problem, mg.Guidance("product", 0.0), clocks)
    assert ours.tv(other) == pytest.approx(
        theirs.tv(mg.transient_law(mg.GuidedProcess(problem.table(), mg.Guidance("product", 0.0)), clocks)), abs=1e-12
    )


def test_entropy_of_counts_and_of_sequences():
    fair = ExchangeableProblem.from_mixture(50, [0.5], [1.0], labels=[0])
    law = lumped.terminal_counts(fair, mg.Guidance("product", 0.0))
    assert law.sequence_entropy() == pytest.approx(50 * math.log(2), rel=1e-13)
    assert law.entropy() == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 12.5), abs=1e-3)
    assert law.fraction_covariance()[1, 1] == pytest.approx(0.25 / 50, rel=1e-12)
    assert law.masked_probability == 0 and not law.has_mask


def test_laws_of_different_shapes_are_not_compared():
    a, b = (CountLaw(np.ones(n + 1) / (n + 1), random_problem(0, 2, n), np.array(np.inf), "") for n in (2, 3))
    with pytest.raises(mg.InputError, match="equal shapes"):
        a.tv(b)


# Bad input --------------------------------------------------------------------------------------------


def test_bad_input():
    problem, guidance = random_problem(0), mg.Guidance("product", 1.0)
    with pytest.raises(mg.InputError, match="an ExchangeableProblem and a Guidance"):
        lumped.terminal_counts(problem.table(), guidance)
    with pytest.raises(mg.InputError, match="0 <= u <= inf"):
        lumped.transient_counts(problem, guidance, -1.0)
    with pytest.raises(mg.InputError, match="0 <= u <= inf"):
        lumped.tv_decay_counts(problem, guidance, [1.0, np.nan])
    with pytest.raises(mg.InputError, match="bytes"):
        lumped.transient_counts(thousand(), guidance, np.linspace(1, 2, 10**6))


def test_schedules_into_dead_ends():
    guidance = mg.Guidance("product", mg.WeightSchedule([0.5], [-1.0, 2.0]))
    disjoint = ExchangeableProblem([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [0.5, 0.5])
    for function in (lumped.terminal_counts, lumped.late_rate_counts):
        with pytest.raises(mg.InputError, match="returns from w = -1"):
            function(disjoint, guidance)
    overlapping = random_problem(0, 2, 3, zeros=0.0)
    assert lumped.terminal_counts(overlapping, guidance).probs.sum() == pytest.approx(1, abs=1e-13)


def test_a_start_faster_than_any_clock_is_refused():
    problem = ExchangeableProblem.from_mixture(1, [1.0, 0.0], [1e-9, 1 - 1e-9], labels=[0, 1], target=0)
    with pytest.raises(mg.InputError, match="rates overflow"):
        lumped.late_rate_counts(problem, mg.Guidance("product", 30.0))
    assert lumped.terminal_counts(problem, mg.Guidance("product", 30.0)).probs.tolist() == [0.0, 1.0]


# The page and the benchmark ---------------------------------------------------------------------------


def test_the_study_of_the_page_is_recomputed():
    page = (Path(__file__).parents[2] / "docs" / "large-dimension.md").read_text()
    printed = [[c.strip() for c in line.strip("| \n").split("|")] for line in page.splitlines() if line[:1] == "|"]
    for rows in benchmark.study((10, 30, 100, 300)):
        for row in rows:
            assert list(row.values()) in printed


def test_the_benchmark_checks_itself(monkeypatch):
    (row,), _, rounds = benchmark.run(((2, 3),), rounds=1)
    assert row["states on counts"] == 10 and rounds == 1 and row["error bound"] < 1e-12
    wrong = lumped.terminal_counts(benchmark.problem(2, 3), mg.Guidance("product", 0.0))
    monkeypatch.setattr(benchmark, "terminal_counts", lambda problem, guidance: wrong)
    with pytest.raises(AssertionError, match="differ by"):
        benchmark.check(benchmark.problem(2, 3))
