"""Guidance rules against 40-digit arithmetic, weight schedules, and the errors of both."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import maskguide as mg
from maskguide.guidance.formulas import normalized_rates, product_rates
from maskguide.guidance.rules import RULES as ALL_RULES
from maskguide.methods import steps
from maskguide.schedules import noise_schedule

RULES = {name: rule for name, rule in ALL_RULES.items() if rule.in_closed_form}
weights = st.floats(-1, 30)


@st.composite
def conditionals(draw):
    """Target and mixture conditionals (N,), the mixture positive where the target is, with zeros."""
    size = draw(st.integers(1, 5))
    rows = st.lists(st.integers(0, 20), min_size=size, max_size=size)
    target = np.array(draw(rows.filter(any)), dtype=float)
    other = np.array(draw(rows), dtype=float)
    target /= target.sum()
    mixture = 0.3 * target + 0.7 * (other / other.sum() if other.any() else target)
    return target, mixture / mixture.sum()


def by_definition(target, mixture, weight):
    """p_z^(1+w) p^(-w) with 40 digits; zero where p_z is zero, p at w = -1."""
    with mpmath.workdps(40):
        if weight == -1:
            return [mpmath.mpf(p) for p in mixture]
        power = mpmath.mpf(weight)
        return [
            mpmath.mpf(q) ** (1 + power) * mpmath.mpf(p) ** (-power) if q > 0 else mpmath.mpf(0)
            for q, p in zip(target, mixture, strict=True)
        ]


@settings(deadline=None)
@given(conditionals(), weights)
@example((np.array([0.0, 1.0]), np.array([0.5, 0.5])), -1.0)
@example((np.array([0.0, 1.0]), np.array([0.5, 0.5])), -0.5)
def test_product_rule(pair, weight):
    expected = np.array(by_definition(*pair, weight), dtype=float)
    np.testing.assert_allclose(product_rates(*pair, weight), expected, rtol=1e-13)


@settings(deadline=None)
@given(conditionals(), weights)
def test_normalized_rule(pair, weight):
    exact = by_definition(*pair, weight)
    expected = np.array([r / mpmath.fsum(exact) for r in exact], dtype=float)
    np.testing.assert_allclose(normalized_rates(*pair, weight), expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None)
@given(pair=conditionals())
def test_weight_zero_is_conditional_and_minus_one_unconditional(rule, pair):
    target, mixture = pair
    np.testing.assert_allclose(RULES[rule].rates(target, mixture, 0.0), target, rtol=1e-14)
    np.testing.assert_array_equal(RULES[rule].rates(target, mixture, -1.0), mixture)


@pytest.mark.parametrize("rule", RULES)
def test_impossible_tokens_have_rate_zero(rule):
    target, mixture = np.array([0.0, 1.0, 0.0]), np.array([0.4, 0.6, 0.0])
    for weight in (-0.999, -0.5, 0.0, 5.0):
        rates = RULES[rule].rates(target, mixture, weight)
        assert rates[0] == rates[2] == 0 and rates[1] > 0
    nothing = RULES[rule].rates(np.zeros(3), np.zeros(3), 2.0)  # a context that is never reached
    assert (nothing == 0).all()


@pytest.mark.parametrize("rule", RULES)
def test_rules_act_on_the_last_axis(rule):
    rng = np.random.default_rng(0)
    target, mixture = rng.dirichlet(np.ones(4), (2, 3)), rng.dirichlet(np.ones(4), (2, 3))
    stacked = RULES[rule].rates(target, mixture, 1.5)
    for i in np.ndindex(2, 3):
        np.testing.assert_allclose(stacked[i], RULES[rule].rates(target[i], mixture[i], 1.5), rtol=1e-15)


def test_normalized_rule_survives_huge_weights():
    rates = normalized_rates(np.array([0.6, 0.4]), np.array([0.1, 0.9]), 1e6)
    np.testing.assert_allclose(rates, [1.0, 0.0])


def test_hazard_is_the_exponential_of_a_renyi_divergence():
    target, mixture = np.array([0.7, 0.2, 0.1]), np.array([0.3, 0.3, 0.4])
    for weight in (0.5, 2.0, 7.0):
        renyi = math.log((target ** (1 + weight) / mixture**weight).sum()) / weight
        assert product_rates(target, mixture, weight).sum() == pytest.approx(math.exp(weight * renyi), rel=1e-13)
        assert 1 <= product_rates(target, mixture, weight).sum() <= (target / mixture).max() ** weight


def test_unit_hazard_is_declared_by_the_rule_that_has_it():
    target, mixture = np.array([0.7, 0.3]), np.array([0.4, 0.6])
    for rule in RULES.values():
        sums = [rule.rates(target, mixture, w).sum() for w in (0.5, 3.0)]
        assert np.allclose(sums, 1) == rule.normalises


# Guidance ----------------------------------------------------------------------------------------------


def test_scale_is_one_plus_weight():
    assert mg.Guidance.from_scale(3.0).weight == 2.0
    assert mg.Guidance.from_scale(1.0, "normalized").weight == 0.0
    assert mg.Guidance.from_scale(0.0, rule="normalized").rule.name == "normalized"


def test_default_is_conditional_sampling():
    guidance = mg.Guidance()
    assert (guidance.rule.name, guidance.weight, guidance.is_constant) == ("product", 0.0, True)


def test_a_schedule_is_kept():
    schedule = mg.WeightSchedule([0.5], [1.0, 2.0])
    guidance = mg.Guidance("normalized", schedule)
    assert guidance.weight is schedule and not guidance.is_constant


@pytest.mark.parametrize("weight", [-1.0000001, -2, math.nan, math.inf, -math.inf, "strong", None, [1.0, 2.0]])
def test_bad_weights(weight):
    for build in (lambda: mg.Guidance("product", weight), lambda: mg.WeightSchedule([0.5], [0.0, weight])):
        with pytest.raises(mg.InputError, match="weight"):
            build()


def test_a_scale_below_zero_is_a_weight_below_minus_one():
    with pytest.raises(mg.InputError, match="w >= -1"):
        mg.Guidance.from_scale(-0.5)
    with pytest.raises(mg.InputError, match="gamma"):
        mg.Guidance.from_scale("much")


def test_unknown_rules_list_the_valid_ones_and_suggest_the_nearest():
    with pytest.raises(mg.InputError, match="unknown rule 'normalised'") as caught:
        mg.Guidance("normalised")
    assert "one of product, normalized" in str(caught.value) and "did you mean 'normalized'" in str(caught.value)


def test_overflow_of_the_product_rule_is_an_error_and_names_the_way_out(line):
    with pytest.raises(mg.InputError, match="overflow float64 at w = 2000") as caught:
        mg.GuidedProcess(line, mg.Guidance("product", 2000.0)).rates()
    assert '"normalized"' in str(caught.value)
    assert mg.GuidedProcess(line, mg.Guidance("normalized", 2000.0)).exit_rates()[-1] == pytest.approx(1)


# Weight schedules --------------------------------------------------------------------------------------


def test_pieces_own_their_lower_levels():
    schedule = mg.WeightSchedule([0.75, 0.25], [1.0, 3.0, 2.0])
    levels = [1.0, 0.7500001, 0.75, 0.5, 0.2500001, 0.25, 0.1, 0.0]
    assert [schedule.at(m) for m in levels] == [1, 1, 3, 3, 3, 2, 2, 2]


def test_segments_cover_the_clock_in_order():
    segments = mg.WeightSchedule([0.75, 0.25], [1.0, 3.0, 2.0]).segments()
    assert [s.weight for s in segments] == [1, 3, 2]
    np.testing.assert_allclose([s.start for s in segments], [0, -math.log(0.75), -math.log(0.25)])
    assert [s.end for s in segments] == [segments[1].start, segments[2].start, math.inf]


@settings(deadline=None)
@given(st.lists(st.floats(1e-6, 1 - 1e-6), unique=True, max_size=5), st.floats(0, 20), st.data())
def test_segments_and_levels_agree(edges, clock, data):
    edges = sorted(edges, reverse=True)
    values = data.draw(st.lists(weights, min_size=len(edges) + 1, max_size=len(edges) + 1))
    schedule = mg.WeightSchedule(edges, values)
    if all(abs(clock + math.log(e)) > 1e-9 for e in edges):  # away from edges, where rounding decides
        inside = [s.weight for s in schedule.segments() if s.start <= clock < s.end]
        assert inside == [schedule.at(math.exp(-clock))]


def test_schedules_are_equal_by_value():
    one, same, other = (mg.WeightSchedule([e], [0, 1]) for e in (0.5, 0.5, 0.4))
    assert one == same and hash(one) == hash(same) and one != other
    assert repr(one) == "WeightSchedule([0.5], [0.0, 1.0])"


@pytest.mark.parametrize(
    ("match", "edges", "values"),
    [
        ("1 edges with 1 weights", [0.5], [1.0]),
        ("strictly decreasing", [0.25, 0.75], [0, 1, 2]),
        ("strictly decreasing", [0.5, 0.5], [0, 1, 2]),
        ("strictly decreasing", [1.0], [0, 1]),
        ("strictly decreasing", [0.0], [0, 1]),
        ("strictly decreasing", [math.nan], [0, 1]),
        ("edge is 'half'", ["half"], [0, 1]),
    ],
)
def test_bad_schedules(match, edges, values):
    with pytest.raises(mg.InputError, match=match):
        mg.WeightSchedule(edges, values)


@pytest.mark.parametrize("level", [-0.1, 1.1, math.nan])
def test_bad_levels(level):
    with pytest.raises(mg.InputError, match="0 <= m <= 1"):
        mg.WeightSchedule([0.5], [0, 1]).at(level)


NOISES = {
    "linear": noise_schedule("linear"),
    "cosine": noise_schedule("cosine"),
    "square": noise_schedule("polynomial"),
    "power 50": noise_schedule("polynomial", power=50.0),
    "geometric": noise_schedule("geometric"),
}


def many_edges():
    draw = np.random.default_rng(12).uniform
    return np.concatenate([draw(0, 1, 1000), 10 ** draw(-9, 0, 500), -np.expm1(-(10 ** draw(-9, 0, 500)))])


@pytest.mark.parametrize("name", NOISES)
def test_an_edge_on_the_grid_is_met_by_the_step_that_starts_there(name):
    noise, edges = NOISES[name], many_edges()
    for edge, time in zip(edges.tolist(), noise.inverse(edges).tolist(), strict=True):
        schedule = mg.WeightSchedule([edge], [0.0, 3.0])
        before, after = steps(mg.Guidance("product", schedule), np.array([1.0, time, 0.0]), noise)
        assert (before.weight, after.weight) == (0.0, 3.0)
        assert int(schedule.piece(noise.clock(time))) == 1
        assert schedule.at(edge * (1 + 1e-9)) == 0.0 or edge > 1 - 1e-8


@pytest.mark.parametrize("name", [name for name in NOISES if name != "linear"])
def test_laws_do_not_depend_on_how_a_schedule_rounds_the_time_of_an_edge(name, separating):
    noise, levels = NOISES[name], np.array([0.9, 0.7, 0.45, 0.2])
    up = [edge for edge in many_edges() if noise.masking(noise.inverse(edge)) > edge and 0.5 < edge < 0.6][:3]
    assert up  # edges whose time lies before them
    for edge in up:
        process = mg.GuidedProcess(separating, mg.Guidance("product", mg.WeightSchedule([edge], [0.0, 6.0])))
        grid = np.array([1.0, *levels[:2], edge, *levels[2:], 0.0])
        law = mg.stepped_law(process, "tau-leaping", noise.inverse(grid), noise)
        assert law.tv(mg.stepped_law(process, "tau-leaping", grid)) < 1e-12
