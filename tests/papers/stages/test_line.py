"""Modes along one axis: the reduction, masses against steps and samples, moments, the locked region."""

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import maskguide as mg
from maskguide import InputError
from maskguide.comparison.comparison import compare
from maskguide.gaussian import Mixture, guided_field, sample, schedules
from maskguide.gaussian.closed_forms import ode_moments
from maskguide.laws.law import Law
from maskguide.papers.stages import flow as stage_flow
from maskguide.papers.stages import line as stage_line
from maskguide.papers.stages.flow import mean_scale, slope
from maskguide.papers.stages.line import Line

NORMAL = Mixture([[0.0, 0.0]])
TWO = Mixture([[-1.0, 0.0], [1.0, 0.0]], 0.04, [0.25, 0.75])
LINE = Line(TWO, NORMAL)
THREE = Mixture([[0.2, 2.0], [0.2, -1.5], [0.2, 0.5]], [[0.3, 0.09]] * 3, [0.3, 0.2, 0.5])  # out of order, axis 1
WIDE = Mixture([[0.1, 0.3]], [[0.8, 1.5]])
WEIGHTS = {"none": 0.0, "constant": 4.0, "early": schedules.early_late(5, 1), "triangle": schedules.triangle(5)}
MOST = 8.0
N = 40_000


@pytest.mark.parametrize("process", ["flow", "vp", "cosine"])
def test_the_slope_is_the_velocity_of_the_field(process):
    c, u = Mixture([[-1.0], [0.5], [2.0]], [0.1, 0.4, 0.2], [0.2, 0.8, 0.0]), Mixture([[0.3], [-0.2]], [1.0, 2.0])
    field, x = guided_field(c, u, schedules.triangle(3), noise=process), np.linspace(-4, 4, 41)
    rate = slope(c, u, field.process, field.weight)
    for t in (0.0, 0.2, 0.5, 0.9, 1.0):
        np.testing.assert_allclose(rate(x, t, t), field.velocity(x[:, None], t)[:, 0], rtol=1e-12, atol=1e-12)


def test_without_guidance_a_basin_holds_what_the_class_has_there():
    for mixture, wide in ((TWO, NORMAL), (THREE, WIDE)):
        line = Line(mixture, wide)
        mean, deviation = mixture.means[:, line.axis], np.sqrt(line.conditional.variances[:, 0])
        below = stats.norm.cdf(line.ends[:, None], mean, deviation) @ mixture.weights
        expected = np.diff([0, *below, 1])
        np.testing.assert_allclose(line.masses(0.0)[line.order], expected, atol=1e-8)


@pytest.mark.parametrize("name", WEIGHTS)
def test_steps_of_second_order_reach_the_masses(name):
    weight, exact = WEIGHTS[name], LINE.masses(WEIGHTS[name])
    errors = [abs(LINE.stepped_masses(weight, steps)[0] - exact[0]) for steps in (50, 100)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.06)
    assert errors[1] < 3e-5


def verdict(masses: np.ndarray, weight, line=LINE, mixtures=(TWO, NORMAL), n=N, steps=100):
    """Samples as tokens, one for each basin in order, against the law of their masses."""
    x = sample(*mixtures, weight, count=n, seed=11, times=steps, process=line.process).x[:, line.axis]
    problem = mg.TableProblem([masses, np.full(len(masses), 1 / len(masses))], [0.5, 0.5])
    tokens = np.searchsorted(line.ends, x)[:, None].astype(np.int32)
    law = Law(np.asarray(masses), problem, np.array(np.inf), "borders")
    return compare(mg.Samples(tokens, cast(Any, None)), law)


@pytest.mark.parametrize("name", WEIGHTS)
def test_samples_have_the_masses_of_their_steps(name):
    found = verdict(LINE.stepped_masses(WEIGHTS[name]), WEIGHTS[name])
    assert found.passed, found.sentence


def test_three_modes_across_an_axis_and_another_process():
    line = Line(THREE, WIDE, "cosine")
    exact = line.masses(2.0)
    assert line.axis == 1 and line.order.tolist() == [1, 2, 0] and exact.sum() == pytest.approx(1)
    found = verdict(line.stepped_masses(2.0, 50)[line.order], 2.0, line, (THREE, WIDE), 20_000, 50)
    assert found.passed, found.sentence
    np.testing.assert_allclose(line.stepped_masses(2.0, 100), exact, atol=1e-4)


@pytest.mark.parametrize("wrong", [5.0, 3.0, schedules.early_late(1, 5)])
def test_masses_of_another_weight_are_refused(wrong):
    assert not verdict(LINE.stepped_masses(4.0), wrong).passed


def test_the_unconditional_law_is_refused():
    assert not verdict(LINE.stepped_masses(0.0), -1.0).passed


@pytest.mark.parametrize("omega", [1, 2, 3, 5])
def test_one_mode_is_a_gaussian(omega):
    moments = Line(Mixture([[1.0, 0.0]], 0.25), NORMAL).moments(omega - 1)
    assert moments.mean[0] == pytest.approx(ode_moments(0.25, 1.0, 1.0, omega - 1).mean, abs=1e-7)
    assert moments.along[0] == pytest.approx(0.5**omega, rel=1e-5)
    assert moments.across[0] == pytest.approx(0.5**omega, rel=1e-6) and moments.mass.tolist() == [1.0]


def across(pieces, sigma=0.2):
    """prod (v_b / v_a)^(omega/2) (V_b / V_a)^(-w/2) over pieces (from, to, w); v = a^2 sigma^2 + t^2, V = a^2 + t^2."""
    power = lambda t, c: (1 - t) ** 2 * c + t * t  # noqa: E731
    logs = [(1 + w) * np.log(power(b, sigma**2) / power(a, sigma**2)) - w * np.log(power(b, 1) / power(a, 1))
            for a, b, w in pieces]  # fmt: skip
    return np.exp(sum(logs) / 2)


def test_deviation_across_the_axis_in_closed_form():
    assert LINE.moments(4.0).across[0] == pytest.approx(0.2**5, rel=1e-6)
    early, late = (LINE.moments(s).across[0] for s in (schedules.early_late(5, 1), schedules.early_late(1, 5)))
    assert early == pytest.approx(across([(1, 0.5, 4), (0.5, 0, 0)]), rel=1e-6)
    assert late == pytest.approx(across([(1, 0.5, 0), (0.5, 0, 4)]), rel=1e-6)
    assert early / 0.2 * late / 0.2 == pytest.approx(0.2**4, rel=1e-6)  # contractions multiply


def test_small_deviations_are_settled(monkeypatch):
    """Late guidance leaves 1e-5: twice the nodes, or a looser integration, move it in its fourth digit at most."""
    found = LINE.moments(schedules.early_late(1, 9))
    assert found.along == pytest.approx([2.2991e-5, 1.76954e-5], rel=1e-4)
    monkeypatch.setattr(stage_line, "NODES", 2 * stage_line.NODES - 1)
    assert LINE.moments(schedules.early_late(1, 9)).along == pytest.approx(found.along, rel=1e-4)
    monkeypatch.setattr(stage_flow, "TOLERANCE", 1e-9)  # borders too rough for that
    assert LINE.moments(schedules.early_late(1, 9)).along[0] > 1.5 * found.along[0]


def test_moments_against_many_quantiles():
    """Midpoints of equal probability carried by steps: another quadrature, another integrator."""
    n, weight = 40_000, schedules.early_late(5, 1)
    starts = stats.norm.ppf((np.arange(n) + 0.5) / n)
    x = sample(TWO, NORMAL, weight, times=400, initial=np.stack([starts, 0 * starts], 1)).x[:, 0]
    moments = LINE.moments(weight)
    for k, inside in enumerate((x < LINE.ends[0], x > LINE.ends[0])):
        assert moments.mass[k] == pytest.approx(inside.mean(), abs=2 / n)
        assert moments.mean[k] == pytest.approx(x[inside].mean(), abs=1e-3)
        assert moments.along[k] == pytest.approx(x[inside].std(), rel=1e-2)
    spread = np.sqrt((moments.along**2 + moments.across**2) / 2)
    np.testing.assert_allclose(moments.spread, spread)
    assert moments.within == pytest.approx(np.sqrt(moments.mass @ spread**2))


TIMES = (0.3, 0.5, 0.7, 0.9)
LOCKED = LINE.locked(TIMES, MOST)
weights = st.floats(0, MOST)


@settings(max_examples=12, deadline=None)
@given(early=weights, late=weights, turn=st.floats(0.05, 0.95), k=st.integers(0, 3), out=st.floats(1e-4, 2.0))
def test_no_later_guidance_leaves_the_locked_region(early, late, turn, k, out):
    t = TIMES[k]
    starts = np.array([[LOCKED.lower[k, 0] - out, 0.0], [LOCKED.upper[k, 0] + out, 0.0]])
    assert LOCKED.mode(np.repeat(starts[None], 4, 0))[k].tolist() == [0, 1]
    later = schedules.early_late(1 + early, 1 + late, turn * t)
    ends = sample(TWO, NORMAL, later, method="adaptive", times=[t, 0.0], initial=starts).x[:, 0]
    assert ends[0] < LINE.ends[0] < ends[1]


def ends_of(points, weight, t):
    return sample(TWO, NORMAL, weight, method="adaptive", times=[t, 0.0], initial=points).x[:, 0] > LINE.ends[0]


def test_the_locked_region_is_as_large_as_can_be():
    for k, t in enumerate(TIMES):
        low, high = LOCKED.lower[k, 0], LOCKED.upper[k, 0]
        inner = np.array([[low + 1e-6, 0.0], [high - 1e-6, 0.0]])
        assert (LOCKED.mode(np.repeat(inner[None], 4, 0))[k] == -1).all()
        none, full = (ends_of(inner, w, t) for w in (0.0, MOST))
        assert not none.any() and full.all()  # guidance pulls every point between towards the strong mode


@pytest.mark.parametrize("weak", [0.05, 0.25, 0.4])
def test_guidance_only_ever_pulls_towards_the_strong_mode(weak):
    line = Line(Mixture([[-1.0], [1.0]], 0.04, [weak, 1 - weak]), Mixture([[0.0]]))
    region = line.locked([0.2, 0.6, 1.0], MOST)
    np.testing.assert_allclose(region.upper, line.basins(0.0, region.times), atol=1e-9)
    np.testing.assert_allclose(region.lower, line.basins(MOST, region.times), atol=1e-9)


def test_a_region_for_less_guidance_is_left():
    small = LINE.locked([0.5], MOST / 4)
    point = np.array([[small.lower[0, 0] - 0.05, 0.0]])
    assert small.mode(point[None])[0, 0] == 0 and ends_of(point, MOST, 0.5).all()


def test_three_locked_modes():
    line, t = Line(THREE, WIDE), 0.6
    region = line.locked([t], 5.0)
    points = np.stack([np.zeros(61), np.linspace(-4, 4, 61)], 1)
    held = region.mode(points[None])[0]
    assert set(held) == {-1, 0, 1, 2}
    for weight in (0.0, 5.0, schedules.early_late(6, 1, 0.3), schedules.early_late(1, 6, 0.3)):
        x = sample(THREE, WIDE, weight, times=np.linspace(t, 0, 121), initial=points).x[:, 1]
        basin = line.order[np.searchsorted(line.ends, x)]
        assert (basin == held)[held >= 0].all()


def test_share_undecided_is_one_minus_the_locked_share_of_samples():
    grid = np.linspace(1, 0, 51)
    path = sample(TWO, NORMAL, 4.0, times=grid, count=20_000, seed=4, keep=True).path
    assert path is not None
    region = LINE.locked([0.5, 0.7, 0.9, 1.0], MOST)
    exact = LINE.undecided(4.0, region)
    assert (np.diff(exact) > 0).all()
    assert exact[-1] == pytest.approx(stats.norm.cdf(region.upper[-1, 0]) - stats.norm.cdf(region.lower[-1, 0]))
    for t, share, k in zip(region.times, exact, range(4), strict=True):
        points = path[int(np.abs(grid - t).argmin())]
        free = int((region.mode(np.repeat(points[None], 4, 0))[k] == -1).sum())
        assert stats.binomtest(free, 20_000, float(share)).pvalue > 1e-6


def test_modes_of_unequal_width_and_a_class_inside_the_mixture():
    whole = Mixture([[-1.0], [1.0], [0.0]], [0.04, 0.09, 1.0], [0.1, 0.4, 0.5], ["class", "class", "rest"])
    line = Line(whole.given("class"), whole)
    found = verdict(line.stepped_masses(3.0, 40), 3.0, line, (whole.given("class"), whole), 8000, 40)
    assert found.passed, found.sentence


def test_mean_scale():
    assert mean_scale(2.0) == pytest.approx(3, rel=1e-14)
    for schedule in (schedules.triangle(5), schedules.interval(5), schedules.early_late(9, 1), schedules.step_up(6)):
        assert mean_scale(schedule) == pytest.approx(5, rel=1e-12)
    assert mean_scale(schedules.early_late(9, 1), 0.5) == pytest.approx(9)


BAD = {
    "dimension": lambda: Line(TWO, Mixture([[0.0]])),
    "means off the axis": lambda: Line(Mixture([[-1.0, 0.0], [1.0, 0.5]]), NORMAL),
    "unequal covariances": lambda: Line(Mixture([[-1.0, 0.0], [1.0, 0.0]], [0.1, 0.2]), NORMAL),
    "full covariance": lambda: Line(Mixture([[-1.0, 0.0], [1.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]] * 2), NORMAL),
    "hidden mode": lambda: Line(Mixture([[-0.1], [0.1]], 1.0, [0.01, 0.99]), Mixture([[0.0]])).ends,
    "times": lambda: LINE.basins(0.0, [0.5, 0.1]),
    "empty times": lambda: LINE.basins(0.0, []),
    "bounds": lambda: LINE.locked([0.5], 1.0, 2.0),
    "weight": lambda: LINE.masses(-2.0),
    "too much": lambda: LINE.locked([1.0], 1e6),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    with pytest.raises(InputError):
        BAD[case]()
