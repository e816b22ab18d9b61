"""TV along the dynamics against 60-digit brute force, down to 1e-250, and the published regimes."""

from decimal import Decimal
from math import log

import mpmath
import numpy as np
import pytest

import maskguide as mg
from maskguide.laws import decay
from maskguide.laws.lattice import contour, tails
from tests.oracles import enumerate as oracle

from ..conftest import random_problem, table

RELATIVE = 1e-9
SHAPES = [(4, 1), (3, 2), (2, 3)]
FADING = table([[1, 1, 1], [8, 1, 1], [8, 1, 1]], [[4, 4, 4], [1, 8, 1], [1, 1, 8]])


def relative_error(process, clock, rule, weight):
    exact = oracle.masked_probability(process.problem, rule, weight, clock, binary=True)
    with mpmath.workdps(60):
        return float(mpmath.mpf(float(mg.tv_decay(process, clock))) / exact - 1), float(exact)


@pytest.mark.parametrize("rule", ["product", "normalized"])
@pytest.mark.parametrize("weight", [-1, -0.5, 0.0, 1.0, 3.7, 20.0])
@pytest.mark.parametrize("vocab_size, length", SHAPES)
def test_deep_tails(vocab_size, length, weight, rule):
    for seed in range(3):
        problem = random_problem(seed, vocab_size, length)
        process = mg.GuidedProcess(problem, mg.Guidance(rule, weight))
        rate = mg.late_rate(process)[0]
        for depth in (0.3, 1e-6, 1e-60, 1e-250):
            error, exact = relative_error(process, -log(depth) / rate, rule, weight)
            assert abs(error) < RELATIVE, f"seed {seed}, TV {exact:.3g}: relative error {error:.2g}"
            if depth == 1e-250:
                assert 0 < exact < 1e-240


@pytest.mark.parametrize("rule", ["product", "normalized"])
@pytest.mark.parametrize("vocab_size, length", SHAPES)
def test_deep_tails_of_piecewise_weights(vocab_size, length, rule):
    schedule = mg.WeightSchedule([0.8, 0.3], [0.5, 5.0, 2.0])
    problem = random_problem(11, vocab_size, length)
    process = mg.GuidedProcess(problem, mg.Guidance(rule, schedule))
    for clock in (0.1, 0.7, 1.5, 12.0, 400.0 / mg.late_rate(process)[0]):
        error, exact = relative_error(process, clock, rule, schedule)
        assert 0 < exact < 1 and abs(error) < RELATIVE, f"TV {exact:.3g}: relative error {error:.2g}"
    assert 1e-300 < exact < 1e-150


def test_a_weight_of_twenty_between_gentle_ones_goes_below_float64():
    # Hazards of 1e6 and more: log TV, about -1e7, is right to a few of its own units of round-off.
    schedule = mg.WeightSchedule([0.8, 0.3], [0.5, 20.0, 2.0])
    problem = random_problem(11, 4, 1)
    process = mg.GuidedProcess(problem, mg.Guidance("product", schedule))
    exact = mpmath.log(oracle.masked_probability(problem, "product", schedule, 2.0, binary=True))
    assert exact < -1e6
    assert float(mg.tv_decay(process, 2.0, log=True)) == pytest.approx(float(exact), rel=1e-14)


def test_deep_tails_of_the_shifted_contour(monkeypatch):
    monkeypatch.setattr(decay, "CHEAP_WORK", 0)
    process = mg.GuidedProcess(FADING, mg.Guidance("product", 1.0))
    for depth in (0.1, 1e-60, 1e-250):
        error, _ = relative_error(process, -log(depth) / mg.late_rate(process)[0], "product", 1.0)
        assert abs(error) < RELATIVE


@pytest.mark.parametrize("rule, other", [("product", "normalized"), ("normalized", "product")])
def test_the_other_rule_or_another_weight_would_be_seen(rule, other):
    process = mg.GuidedProcess(FADING, mg.Guidance(rule, 2.0))
    assert abs(relative_error(process, 1.0, rule, 2.0)[0]) < 1e-12
    assert abs(relative_error(process, 1.0, other, 2.0)[0]) > 1e-2
    if rule == "product":
        assert abs(relative_error(process, 1.0, rule, 3.0)[0]) > 1e-2


def test_logarithms_go_on_below_float64():
    problem = table([3, 1], [1, 3])
    process = mg.GuidedProcess(problem, mg.Guidance("product", 1.0))
    hazard = 9 / 8 + 1 / 8  # (3/4)^2/(1/2) + (1/4)^2/(1/2)
    assert mg.tv_decay(process, 1e4, log=True) == pytest.approx(-hazard * 1e4, rel=1e-14)
    assert mg.tv_decay(process, 1e4) == 0
    assert mg.tv_decay(process, [0, np.inf]).tolist() == [1, 0]


REGIMES = [  # docs/theory.md, section 2.3: problem, u, TV at each w as printed there
    ("no-blind-2d", 1, {0: "0.6004", 8: "0.1208", 16: "4.893e-3", 24: "1.747e-6", 28: "8.16e-10"}),
    ("fading-blind-2d", 1, {0: "0.6004", 4: "0.1998", 8: "0.0558", 12: "0.00638"}),
    ("small-squares-2d", 1, {0: "0.6004", 2: "0.3980", 4: "0.3679", 12: "0.3679"}),
    ("squares-2d", 2, {8: "0.1355"}),
    ("identical-2d", 1, {0: "0.6004", 5: "0.6004", 50: "0.6004"}),
]


@pytest.mark.parametrize("name, clock, printed", REGIMES, ids=[r[0] for r in REGIMES])
def test_the_regimes_of_the_theory_page(name, clock, printed):
    problem = mg.zoo.get(name)
    for weight, text in printed.items():
        tv = float(mg.tv_decay(mg.GuidedProcess(problem, mg.Guidance("product", weight)), clock))
        exact = oracle.masked_probability(problem, "product", weight, clock, digits=30)
        assert tv == pytest.approx(float(exact), rel=1e-12)
        last_digit = 10.0 ** Decimal(text).as_tuple().exponent
        assert abs(tv - float(text)) <= 0.501 * last_digit, f"w = {weight}: {tv:.6g}, printed {text}"


def test_one_dimension_is_a_power_of_the_masking_level():
    problem = random_problem(5, 4, 1)
    for weight in (0.0, 2.5):
        process = mg.GuidedProcess(problem, mg.Guidance("product", weight))
        levels = np.array([0.9, 0.5, 1e-3])
        hazard = float(process.exit_rates()[-1])
        np.testing.assert_allclose(mg.tv_decay(process, -np.log(levels)), levels**hazard, rtol=1e-13)


@pytest.mark.parametrize("vocab_size, length", SHAPES)
def test_normalized_does_not_depend_on_the_weight(vocab_size, length):
    problem = random_problem(8, vocab_size, length)
    clocks = np.array([0.1, 1.0, 30.0, 300.0])
    expected = -np.expm1(length * np.log1p(-np.exp(-clocks)))
    for weight in (0.0, 7.0):
        process = mg.GuidedProcess(problem, mg.Guidance("normalized", weight))
        np.testing.assert_allclose(mg.tv_decay(process, clocks), expected, rtol=1e-12)


def slow_context_of_probability(share):
    """A row private to the target, blind hence slow, that it visits with a tiny probability."""
    favoured, other = np.array([[0.55, 0.25], [0.15, 0.05]]), np.array([[0.05, 0.15], [0.25, 0.55]])
    laws = np.zeros((2, 3, 3, 3))
    for k, (corner, last) in enumerate([(favoured * (1 - share), [0.8, 0.2]), (other, [0.2, 0.8])]):
        laws[k, :2, :2, :2] = corner[:, :, None] * np.array(last)
    laws[0, 2, 2, 2] = laws[0, 2, 1, 2] = share / 2
    return mg.TableProblem(laws, [0.5, 0.5], 0)


@pytest.fixture
def by_bands(monkeypatch):
    monkeypatch.setattr(decay, "CHEAP_WORK", 0)
    monkeypatch.setattr(decay, "MOST_WORK", 0)  # a lost digit would raise the AccuracyWarning


@pytest.mark.parametrize("weight", [1.0, 8.0, 25.0])
@pytest.mark.parametrize("share", [1e-10, 1e-30, 1e-60])
def test_a_slow_context_of_tiny_probability(by_bands, share, weight):
    process = mg.GuidedProcess(slow_context_of_probability(share), mg.Guidance("product", weight))
    for clock in (0.1, 1.0, 5.0, 12.0, 25.0, 60.0, 200.0, 500.0):
        error, exact = relative_error(process, clock, "product", weight)
        assert abs(error) < 1e-11, f"u = {clock}, TV {exact:.3g}: relative error {error:.2g}"


@pytest.mark.parametrize("weight", [-0.5, 0.0, 4.0, 15.0])
@pytest.mark.parametrize("vocab_size, length", [(2, 3), (3, 3), (2, 4)])
def test_bands_on_random_lattices(by_bands, vocab_size, length, weight):
    process = mg.GuidedProcess(random_problem(21, vocab_size, length), mg.Guidance("product", weight))
    rate = mg.late_rate(process)[0]
    for depth in (0.5, 1e-2, 1e-8, 1e-30, 1e-120, 1e-295):
        error, exact = relative_error(process, -log(depth) / rate, "product", weight)
        assert abs(error) < 1e-11, f"TV {exact:.3g}: relative error {error:.2g}"


def test_one_contour_alone_would_lose_the_digits(by_bands, monkeypatch):
    process = mg.GuidedProcess(slow_context_of_probability(1e-30), mg.Guidance("product", 8.0))
    monkeypatch.setattr(tails, "LOSS", 1e60)  # one band
    with pytest.warns(mg.AccuracyWarning):
        lost = mg.tv_decay(process, 140.0, log=True)
    monkeypatch.setattr(tails, "LOSS", 30.0)
    assert abs(lost - mg.tv_decay(process, 140.0, log=True)) > 1e-10


@pytest.fixture
def work(monkeypatch):
    """Sweeps by one node so far, those with a flag twice."""
    swept, done = contour.swept, [0]

    def counted(chain, points, start, slowest, fastest):
        done[0] += points.size * (1 if np.isinf(fastest) else 2)
        return swept(chain, points, start, slowest, fastest)

    monkeypatch.setattr(contour, "swept", counted)
    return done


@pytest.mark.parametrize(
    "problem, weight", [(slow_context_of_probability(1e-30), 8.0), (random_problem(21, 2, 3), -0.5)]
)
def test_near_clocks_share_contours(by_bands, work, problem, weight):
    process = mg.GuidedProcess(problem, mg.Guidance("product", weight))
    for first in (0.2, 20.0):
        clocks, before = np.geomspace(first, 10 * first, 12), work[0]
        together, once = mg.tv_decay(process, clocks, log=True), work[0] - before
        np.testing.assert_allclose(together, [mg.tv_decay(process, u, log=True) for u in clocks], atol=2e-12)
        assert 2 * once < work[0] - before - once
        for clock, value in list(zip(clocks, together, strict=True))[::4]:
            exact = oracle.masked_probability(problem, "product", weight, clock, binary=True)
            with mpmath.workdps(60):
                assert abs(mpmath.exp(mpmath.mpf(float(value))) / exact - 1) < 1e-11


def test_one_band_first_and_more_where_its_error_is_too_large(by_bands, work):
    ordinary = mg.GuidedProcess(random_problem(2, 2, 7), mg.Guidance("product", 3.0))
    hidden = mg.GuidedProcess(slow_context_of_probability(1e-30), mg.Guidance("product", 8.0))
    mg.tv_decay(ordinary, 5.0)
    nodes, before = contour.enough_nodes(1.0, 7, tails.CONTOUR_ERROR), work[0]
    mg.tv_decay(hidden, 140.0)
    assert before == nodes and work[0] - before > 2 * contour.enough_nodes(1.0, 3, tails.CONTOUR_ERROR)


@pytest.mark.parametrize("weights", [[0.5, 5.0, 2.0], [-0.5, 8.0, 0.0]])
@pytest.mark.parametrize("problem", [random_problem(11, 3, 2), slow_context_of_probability(1e-30)])
def test_bands_from_segment_to_segment(by_bands, problem, weights):
    process = mg.GuidedProcess(problem, mg.Guidance("product", mg.WeightSchedule([0.8, 0.3], weights)))
    clocks = [0.0, 0.1, 0.7, 1.5, 4.0, 25.0, 400 / mg.late_rate(process)[0], np.inf]
    logs = mg.tv_decay(process, clocks, log=True)
    assert logs[0] == 0 and logs[-1] == -np.inf and -500 < logs[-2] < -300
    for clock, value in zip(clocks[1:-1], logs[1:-1], strict=True):
        exact = oracle.masked_probability(problem, "product", process.guidance.schedule, clock, binary=True)
        with mpmath.workdps(60):
            assert abs(mpmath.exp(mpmath.mpf(float(value))) / exact - 1) < 1e-11


def test_what_a_start_has_missed_stays_below_the_error(by_bands):
    process = mg.GuidedProcess(slow_context_of_probability(1e-10), mg.Guidance("product", 8.0))
    tail, clocks = tails.Tail.of(process, 8.0, None), np.array([0.5, 3.0, 20.0, 200.0])
    whole, exit = tail.end(0.5), tail.chain.exit
    for slow in (exit < 1.001 * tail.slowest.min(), exit < 3.0, whole.law < 1e-3):  # the start has lost these states
        lost = float(whole.law[slow].sum())
        cut = tails.Start(np.where(slow, 0.0, whole.law), whole.log_mass, lost)
        (right, _), (found, errors) = (tails.Tail.of(process, 8.0, start).log_tvs(clocks) for start in (whole, cut))
        assert lost > 0 and (np.expm1(right - found) <= errors * (1 + 1e-9)).all()
        assert errors[0] <= 10 * lost / (1 - lost)


def test_bands_agree_with_positive_sums_on_seven_coordinates():
    process = mg.GuidedProcess(random_problem(2, 2, 7), mg.Guidance("product", 3.0))
    for clock in (0.3, 20.0, 500.0):
        expected = decay._by_positive_terms(process, clock)
        assert float(mg.tv_decay(process, clock, log=True)) == pytest.approx(expected, abs=1e-11)


def test_normalized_logarithms_far_out():
    process = mg.GuidedProcess(random_problem(2, 2, 3), mg.Guidance("normalized", 3.0))
    assert mg.tv_decay(process, [39.9, 40.1, 2000.0], log=True) == pytest.approx(
        np.log(3) - [39.9, 40.1, 2000.0], rel=1e-15
    )
