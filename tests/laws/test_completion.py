"""Completion times against phase-type linear algebra, integrals of the survival function and simulation."""

import math
import warnings

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import maskguide as mg
from maskguide.laws import moments
from maskguide.laws.completion import completion_time
from maskguide.laws.moments import remaining

from ..conftest import random_problem
from ..problems.test_table import counts, from_counts

rules = st.sampled_from(["product", "normalized", "spherical", "tilted"])


def phase_type(process, weight=None):
    """The sub-generator on the masked states that the chain can reach, and its start, dense."""
    matrix = process.rate_matrix(weight).toarray()
    masked = (np.indices(process.shape) == process.vocab_size).any(axis=0).ravel() & (np.diag(matrix) < 0)
    start = np.zeros(masked.sum())
    start[-1] = 1.0
    return matrix[np.ix_(masked, masked)], start


@settings(deadline=None, max_examples=40)
@given(counts(), rules, st.floats(-1, 6))
def test_moments_are_those_of_the_phase_type_law(laws, rule, weight):
    process = mg.GuidedProcess(from_counts(laws), mg.Guidance(rule, weight))
    generator, start = phase_type(process)
    first = np.linalg.solve(-generator, np.ones(len(start)))
    mean, second = start @ first, 2 * start @ np.linalg.solve(-generator, first)
    time = completion_time(process)
    assert time.mean() == pytest.approx(mean, rel=1e-10)
    assert time.variance() == pytest.approx(second - mean**2, rel=1e-9)


@pytest.mark.parametrize("length", [1, 2, 4, 6])
@pytest.mark.parametrize("rule", ["normalized", "tilted"])
def test_unit_hazards_give_the_largest_of_d_exponentials(rule, length):
    time = completion_time(mg.GuidedProcess(random_problem(length, 2, length), mg.Guidance(rule, 3.0)))
    assert time.mean() == pytest.approx(sum(1 / k for k in range(1, length + 1)), rel=1e-12)
    assert time.variance() == pytest.approx(sum(1 / k**2 for k in range(1, length + 1)), rel=1e-11)
    levels = np.array([0.01, 0.5, 0.999])
    np.testing.assert_allclose(time.quantile(levels), -np.log1p(-(levels ** (1 / length))), rtol=1e-9)


def test_one_coordinate_is_an_exponential(line):
    process = mg.GuidedProcess(line, mg.Guidance("product", 3.0))
    rate = float(process.exit_rates()[-1])
    time = completion_time(process)
    assert time.mean() == pytest.approx(1 / rate, rel=1e-13) and time.variance() == pytest.approx(rate**-2, rel=1e-13)
    for level in (1e-9, 0.3, 0.5, 0.99):
        assert float(time.quantile(level)) == pytest.approx(-math.log1p(-level) / rate, rel=1e-10)


@pytest.mark.parametrize("rule", ["product", "normalized", "tilted"])
def test_schedules_against_the_integral_of_the_survival_function(fading, rule):
    schedule = mg.WeightSchedule([0.8, 0.3], [0.0, 6.0, 1.0])
    process = mg.GuidedProcess(fading, mg.Guidance(rule, schedule))
    masked = (np.indices((4, 4)) == 3).any(axis=0).ravel()

    def survival(u):
        law = np.eye(16)[-1]
        for s in process.segments:
            if s.start < u:
                law = law @ scipy.linalg.expm((min(s.end, u) - s.start) * process.rate_matrix(s.weight).toarray())
        return law[masked].sum()

    edges = [-math.log(0.8), -math.log(0.3)]
    options = {"points": edges, "limit": 200, "epsabs": 1e-11, "epsrel": 1e-11}
    mean = scipy.integrate.quad(survival, 0, 60, **options)[0]
    second = scipy.integrate.quad(lambda u: 2 * u * survival(u), 0, 60, **options)[0]
    time = completion_time(process)
    assert time.mean() == pytest.approx(mean, rel=1e-9)
    assert time.variance() == pytest.approx(second - mean**2, rel=1e-8)
    for level in (0.1, 0.5, 0.9):
        assert survival(float(time.quantile(level))) == pytest.approx(1 - level, rel=1e-9)


def test_a_schedule_of_equal_weights_is_the_constant_one(separating):
    constant = completion_time(mg.GuidedProcess(separating, mg.Guidance("product", 2.0)))
    pieces = mg.WeightSchedule([0.9, 0.5, 0.1], [2.0] * 4)
    cut = completion_time(mg.GuidedProcess(separating, mg.Guidance("product", pieces)))
    assert cut.mean() == pytest.approx(constant.mean(), rel=1e-11)
    assert cut.variance() == pytest.approx(constant.variance(), rel=1e-10)


def test_guidance_hurries_completion_only_where_it_can(fading):
    means = [completion_time(mg.GuidedProcess(fading, mg.Guidance("product", w))).mean() for w in (0.0, 2.0, 6.0)]
    assert means[0] == pytest.approx(1.5) and means[0] > means[1] > means[2]


def test_survival_is_tv_decay_and_quantile_its_inverse(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    time, clocks = completion_time(process), np.array([0.1, 1.0, 5.0])
    np.testing.assert_array_equal(time.survival(clocks), mg.tv_decay(process, clocks))
    np.testing.assert_allclose(time.quantile(1 - time.survival(clocks)), clocks, rtol=1e-9)
    assert time.quantile([[0.0, 0.5, 1.0]]).shape == (1, 3)
    assert list(time.quantile([0.0, 1.0])) == [0.0, math.inf]
    assert float(time.quantile(0.5)) < time.mean()  # a skewed law


def test_simulated_completion_clocks_agree(separating):
    process = mg.GuidedProcess(separating, mg.Guidance("product", 2.0))
    clocks = mg.sample(process, 40_000, seed=1).info.completion_clock
    time = completion_time(process)
    assert abs(clocks.mean() - time.mean()) < 6 * math.sqrt(time.variance() / len(clocks))
    below = (clocks <= float(time.quantile(0.9))).mean()
    assert abs(below - 0.9) < 6 * math.sqrt(0.09 / len(clocks))


def test_remaining_time_of_every_state(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 3.0))
    generator, _ = phase_type(process)
    h = remaining(process.rates(), np.ones(process.shape))
    masked = (np.indices(process.shape) == 3).any(axis=0)
    np.testing.assert_allclose(h[masked], np.linalg.solve(-generator, np.ones(len(generator))), rtol=1e-12)
    assert (h[~masked] == 0).all()


@pytest.mark.parametrize("level", [-0.1, 1.1, math.nan, "half", [0.5, 2.0]])
def test_bad_levels(fading, level):
    with pytest.raises(mg.InputError, match="probability"):
        completion_time(mg.GuidedProcess(fading, mg.Guidance())).quantile(level)


def test_a_problem_is_not_a_process(fading):
    with pytest.raises(mg.InputError, match=r"completion_time\(process\)"):
        completion_time(fading)


# Over hundreds of decades, against 60-digit arithmetic ---------------------------------------------------


def in_60_digits(process):
    """The sub-generators -A of the segments on masked states that are always left, (length, A), and the start."""
    matrices = [process.rate_matrix(s.weight).toarray() for s in process.segments]
    masked = (np.indices(process.shape) == process.vocab_size).any(axis=0).ravel()
    live = np.flatnonzero(masked & np.all([np.diag(m) < 0 for m in matrices], axis=0))
    found = []
    for segment, matrix in zip(process.segments, matrices, strict=True):
        away = mpmath.matrix((-matrix[np.ix_(live, live)]).tolist())
        for row, state in enumerate(live):
            away[row, row] = mpmath.fsum(map(mpmath.mpf, np.delete(matrix[state], state).tolist()))
        found.append((mpmath.mpf(segment.end) - mpmath.mpf(segment.start), away))
    return found, mpmath.matrix([[0.0] * (len(live) - 1) + [1.0]])


def exact_moments(process):
    """E[T] and Var[T] by linear solves and matrix exponentials."""
    (parts, law), begin = in_60_digits(process), mpmath.mpf(0)
    first = second = mpmath.mpf(0)
    for length, away in parts:
        last, one = mpmath.isinf(length), mpmath.matrix([1] * away.rows)
        h = mpmath.lu_solve(away, one)
        g = mpmath.lu_solve(away, h)
        after = law * 0 if last else law * mpmath.expm(-away * length)
        late = 0 if last else (after * (g + length * h))[0]
        area = ((law - after) * h)[0]
        first, second = first + area, second + 2 * (begin * area + (law * g)[0] - late)
        law, begin = after, begin + length
    return first, second - first**2


def exact_probability(process, clock):
    """P(T <= u)."""
    (parts, law), left = in_60_digits(process), mpmath.mpf(float(clock))
    for length, away in parts:
        law = law * mpmath.expm(-away * min(length, left))
        left = max(left - length, 0)
    return 1 - mpmath.fsum(law)


def private(prior):
    return mg.TableProblem(np.array([[1.0, 0.0], [0.0, 1.0]]), [prior, 1 - prior])


def shared(prior):
    laws = np.zeros((2, 3, 3))
    laws[0, :2, :2], laws[1, 2, 2], laws[1, 1, 2], laws[1, 0, 0] = 0.25, 0.5, 0.25, 0.25
    return mg.TableProblem(laws, [prior, 1 - prior])


HARD = [
    (private(1e-12), [1e-3], [-0.9, 0.0]),
    (private(1e-12), [1e-3], [-0.9, 0.25]),  # T hardly varies: it ends where the slow segment does
    (private(1e-9), [0.5, 0.1], [-0.5, -0.9, 0.0]),
    (private(1e-3), [0.5], [-0.9, 20.0]),
    (shared(1e-12), [1e-2], [-0.9, 0.0]),
]


@pytest.mark.parametrize("problem, edges, weights", HARD)
def test_moments_of_slow_segments(problem, edges, weights):
    process = mg.GuidedProcess(problem, mg.Guidance("product", mg.WeightSchedule(edges, weights)))
    with mpmath.workdps(60):
        mean, variance = exact_moments(process)
        time = completion_time(process)
        assert abs(time.mean() / mean - 1) < 1e-10 and abs(time.variance() / variance - 1) < 1e-10


def test_both_ways_to_the_moments_agree(separating):
    process = mg.GuidedProcess(separating, mg.Guidance("product", mg.WeightSchedule([0.6], [-0.5, 4.0])))
    mean, variance = moments.moments(process)
    first, second, _ = moments._by_sweeps(process)
    assert (mean, variance) == (first, second - first**2)
    np.testing.assert_allclose(moments._by_quadrature(process), (mean, variance), rtol=1e-12)


def test_larger_lattices_take_the_laws_of_tails():
    process = mg.GuidedProcess(random_problem(1, 3, 4), mg.Guidance("product", mg.WeightSchedule([0.6], [-0.5, 4.0])))
    assert mg.transient_law(process, 0.5).error > 0
    first, second, errors = moments._by_sweeps(process)
    variance = second - first**2
    assert errors[0] < 1e-11 * first and errors[1] < 1e-11 * variance
    matrices = [process.rate_matrix(s.weight).toarray() for s in process.segments]
    masked = (np.indices(process.shape) == 3).any(axis=0).ravel() & (np.diag(matrices[0]) < 0)
    inside, start = [m[np.ix_(masked, masked)] for m in matrices], np.eye(masked.sum())[-1]
    after = start @ scipy.linalg.expm(inside[0] * process.segments[0].end)
    h = [np.linalg.solve(-m, np.ones(len(m))) for m in inside]
    assert first == pytest.approx((start - after) @ h[0] + after @ h[1], rel=1e-11)


def test_a_variance_that_cannot_be_had_is_warned_of():
    process = mg.GuidedProcess(private(1e-40), mg.Guidance("product", mg.WeightSchedule([1e-3], [-0.99, 0.6])))
    with pytest.warns(mg.AccuracyWarning, match="small beside its mean squared"):
        completion_time(process).variance()


@pytest.mark.parametrize("weight", [-0.9, 0.0, 40.0, 60.0, 100.0])
@pytest.mark.parametrize("level", [1e-6, 0.01, 0.3, 0.5, 0.999])
def test_quantiles_at_any_scale(weight, level):
    flipped = mg.TableProblem(np.array([[0.9, 0.1], [0.1, 0.9]]), [0.5, 0.5])
    process = mg.GuidedProcess(flipped, mg.Guidance("product", weight))
    rate = math.fsum(p ** (1 + weight) / 0.5**weight for p in (0.9, 0.1))
    exact = -math.log1p(-level) / rate  # D = 1: T is exponential
    assert float(completion_time(process).quantile(level)) == pytest.approx(exact, rel=1e-10, abs=0)


@pytest.mark.parametrize("weight", [-0.9, 3.0, 200.0])
@pytest.mark.parametrize("level", [1e-12, 0.2, 0.7, 1 - 1e-9])
def test_quantiles_of_two_coordinates(separating, weight, level):
    process = mg.GuidedProcess(separating, mg.Guidance("product", weight))
    clock = completion_time(process).quantile(level)
    with mpmath.workdps(60):
        found = exact_probability(process, clock)
        assert abs((found / level if level < 0.5 else (1 - found) / mpmath.mpf(1 - level)) - 1) < 1e-9


@pytest.mark.parametrize("rule", ["product", "normalized", "predictor"])
@pytest.mark.parametrize("size, length", [(2, 1), (2, 2), (2, 6)])
def test_no_clock_and_no_weight_leads_to_warnings_of_numpy(rule, size, length):
    clocks = [0.0, 5e-324, 1e-300, 1e-20, 1e-3, 1.0, 40.0, 700.0, 1e5, 1e300, math.inf]
    problem = random_problem(3, size, length)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for weight in (-1.0, 0.0, 2.0, 300.0):
            process = mg.GuidedProcess(problem, mg.Guidance(rule, weight))
            for log in (False, True):
                values = mg.tv_decay(process, clocks, log=log)
                assert not np.isnan(values).any() and (np.diff(values[[0, 3, 4, 5, 6]]) <= 0).all()
            law = mg.transient_law(process, clocks)
            np.testing.assert_allclose(law.probs.reshape(len(clocks), -1).sum(axis=1), 1.0, rtol=1e-11)
            mg.terminal_law(process)
            time = completion_time(process)
            assert time.mean() > 0 and time.variance() > 0
