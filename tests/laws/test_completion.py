"""Completion times against phase-type linear algebra, integrals of the survival function and simulation."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import maskguide as mg
from maskguide.laws.completion import completion_time, remaining

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
