"""GuidedProcess: rates, exit rates and the rate matrix against a slow double loop over states."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import maskguide as mg

from .problems.test_table import counts, from_counts

weights = st.one_of(st.just(-1.0), st.just(0.0), st.floats(-0.99, 12))
rules = st.sampled_from(["product", "normalized"])


def slow_rates(problem, rule, weight):
    """{(x, y): rate} from sums over all completions, in plain Python floats."""
    n = problem.vocab_size
    target, unconditional = problem.target_law, np.tensordot(problem.prior, problem.class_laws, 1)

    def marginal(law, x):
        completions = itertools.product(*(range(n) if v == n else [v] for v in x))
        return math.fsum(law[y] for y in completions)

    rates = {}
    for x in itertools.product(range(n + 1), repeat=problem.length):
        for i in (i for i, v in enumerate(x) if v == n):
            children = [(*x[:i], v, *x[i + 1 :]) for v in range(n)]
            row = [slow_rate(marginal, target, unconditional, x, y, weight) for y in children]
            total = math.fsum(row) if rule == "normalized" and any(row) else 1.0
            rates |= {(x, y): r / total for y, r in zip(children, row, strict=True)}
    return rates


def slow_rate(marginal, target, unconditional, x, y, weight):
    if weight == -1:
        return marginal(unconditional, y) / marginal(unconditional, x) if marginal(unconditional, x) else 0.0
    if marginal(target, y) == 0:
        return 0.0
    conditional = marginal(target, y) / marginal(target, x)
    return conditional ** (1 + weight) * (marginal(unconditional, y) / marginal(unconditional, x)) ** -weight


@settings(deadline=None)
@given(counts(), rules, weights)
@example(np.array([[[2, 1], [0, 0]], [[0, 1], [3, 0]]]), "product", -1.0)
def test_edges_hazards_and_exit_rates_follow_the_definition(laws, rule, weight):
    problem = from_counts(laws)
    process = mg.GuidedProcess(problem, mg.Guidance(rule, weight))
    rates, expected = process.rates(), slow_rates(problem, rule, weight)
    assert sum(edge.size for edge in rates.edges) >= len(expected)
    exit_rates = np.zeros(process.shape)
    for (x, y), rate in expected.items():
        i = next(i for i in range(len(x)) if x[i] != y[i])
        assert rates.edges[i][y] == pytest.approx(rate, rel=1e-11, abs=0)
        exit_rates[x] += rate
    np.testing.assert_allclose(process.exit_rates(), exit_rates, rtol=1e-11)
    for i, hazard in enumerate(rates.hazards):
        np.testing.assert_allclose(hazard, rates.edges[i].sum(axis=i, keepdims=True), rtol=1e-14)


@settings(deadline=None)
@given(counts(), rules, weights)
def test_rate_matrix_is_a_generator_with_these_rates(laws, rule, weight):
    problem = from_counts(laws)
    process = mg.GuidedProcess(problem, mg.Guidance(rule, weight))
    matrix = process.rate_matrix().toarray()
    size = (problem.vocab_size + 1) ** problem.length
    expected = np.zeros((size, size))
    index = np.arange(size).reshape(process.shape)
    for (x, y), rate in slow_rates(problem, rule, weight).items():
        expected[index[x], index[y]] += rate
        expected[index[x], index[x]] -= rate
    np.testing.assert_allclose(matrix, expected, rtol=1e-11, atol=1e-300)
    assert np.abs(matrix.sum(axis=1)).max() <= 1e-13 * np.abs(matrix).max()
    assert (matrix - np.diag(np.diag(matrix)) >= 0).all()


@settings(deadline=None)
@given(counts(), st.floats(-0.99, 1e3))
def test_normalized_exit_rate_is_the_number_of_masks_where_the_target_goes(laws, weight):
    problem = from_counts(laws)
    exit_rates = mg.GuidedProcess(problem, mg.Guidance("normalized", weight)).exit_rates()
    masks = (np.indices(exit_rates.shape) == problem.vocab_size).sum(axis=0)
    reached = problem.target_table > 0
    np.testing.assert_allclose(exit_rates[reached], masks[reached], rtol=1e-12)
    assert (exit_rates[~reached] == 0).all()


@settings(deadline=None)
@given(counts(), st.floats(0, 12))
def test_product_hazard_lies_between_one_and_the_inverse_posterior(laws, weight):
    # 1 <= Z_i(x) <= p(z|x)^-w for w >= 0, docs/theory.md §2
    problem = from_counts(laws)
    rates = mg.GuidedProcess(problem, mg.Guidance("product", weight)).rates()
    for i, hazard in enumerate(rates.hazards):
        parent = tuple(slice(-1, None) if j == i else slice(None) for j in range(problem.length))
        target, unconditional = problem.target_table[parent], problem.unconditional_table[parent]
        inside = target > 0
        posterior = problem.prior[problem.target] * target[inside] / unconditional[inside]
        assert (hazard[inside] >= 1 - 1e-12).all()
        assert (hazard[inside] <= posterior**-weight * (1 + 1e-9)).all()


@settings(deadline=None)
@given(counts(), st.floats(-0.99, 6))
def test_product_rates_are_ratios_of_the_potential(laws, weight):
    # r(x -> y) = G(y)/G(x), G = p_z (p(z|x)/p(z))^w
    problem = from_counts(laws)
    reached = problem.target_table > 0
    ratio = np.divide(
        problem.target_table, problem.unconditional_table, out=np.ones_like(problem.target_table), where=reached
    )
    potential = np.where(reached, problem.target_table * ratio**weight, 0)
    assert potential[(-1,) * problem.length] == pytest.approx(1, rel=1e-12)
    for i, edge in enumerate(mg.GuidedProcess(problem, mg.Guidance("product", weight)).rates().edges):
        child = tuple(slice(0, -1) if j == i else slice(None) for j in range(problem.length))
        parent = tuple(slice(-1, None) if j == i else slice(None) for j in range(problem.length))
        np.testing.assert_allclose(edge * potential[parent], potential[child], rtol=1e-11)


# The process as an object ------------------------------------------------------------------------------


def test_shape_start_and_sizes(fading):
    process = mg.GuidedProcess(fading, mg.Guidance())
    assert (process.vocab_size, process.length, process.shape, process.start) == (3, 2, (4, 4), (3, 3))
    rates = process.rates()
    assert (rates.length, rates.vocab_size) == (2, 3)
    assert [e.shape for e in rates.edges] == [(3, 4), (4, 3)]
    assert process.rate_matrix().shape == (16, 16)


def test_completed_states_do_not_move(fading):
    exit_rates = mg.GuidedProcess(fading, mg.Guidance("product", 3.0)).exit_rates()
    assert (exit_rates[:3, :3] == 0).all() and (exit_rates[3] > 0).all() and (exit_rates[:, 3] > 0).all()


def test_a_blind_context_is_never_guided(fading):
    for weight in (0.0, 2.0, 10.0):
        assert mg.GuidedProcess(fading, mg.Guidance("product", weight)).exit_rates()[0, 3] == pytest.approx(
            1, rel=1e-12
        )


def test_rates_of_a_schedule_are_those_near_the_data_unless_asked(line):
    process = mg.GuidedProcess(line, mg.Guidance("product", mg.WeightSchedule([0.5], [1.0, 3.0])))
    for weight, given_weight in ((3.0, None), (1.0, 1.0), (0.5, 0.5)):
        constant = mg.GuidedProcess(line, mg.Guidance("product", weight))
        np.testing.assert_array_equal(process.exit_rates(given_weight), constant.exit_rates())
    assert [s.weight for s in process.segments] == [1.0, 3.0]
    with pytest.raises(mg.InputError, match="w >= -1"):
        process.rates(-2.0)


def test_returning_from_the_unconditional_weight_has_dead_ends(line):
    schedule = mg.WeightSchedule([0.5], [-1.0, 0.0])
    with pytest.raises(mg.InputError, match="returns from w = -1"):
        mg.GuidedProcess(line, mg.Guidance("product", schedule))
    mg.GuidedProcess(line, mg.Guidance("product", mg.WeightSchedule([0.5], [0.0, -1.0])))
    full = mg.TableProblem([[0.5, 0.5], [0.25, 0.75]], [0.5, 0.5])  # the target goes everywhere
    mg.GuidedProcess(full, mg.Guidance("product", schedule))


def test_a_process_needs_a_problem_and_a_guidance(line):
    for arguments in ((line, "product"), (mg.Guidance(), line), (None, mg.Guidance())):
        with pytest.raises(mg.InputError, match=r"GuidedProcess\(problem, guidance\)"):
            mg.GuidedProcess(*arguments)


@settings(deadline=None)
@given(counts(), rules, st.floats(-0.99, 12))
def test_relabelling_tokens_relabels_rates(laws, rule, weight):
    assume(laws.shape[1] > 1)
    flipped = laws[(slice(None), *(slice(None, None, -1),) * (laws.ndim - 1))]
    one, other = (mg.GuidedProcess(from_counts(v), mg.Guidance(rule, weight)).exit_rates() for v in (laws, flipped))
    order = [*reversed(range(laws.shape[1])), laws.shape[1]]
    np.testing.assert_allclose(other, one[np.ix_(*(order,) * one.ndim)], rtol=1e-12)
