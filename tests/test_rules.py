"""Every guidance rule on the lattice against its formula, written again from sums over completions."""

import dataclasses
import itertools
import math

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import example, given, settings
from hypothesis import strategies as st

import maskguide as mg
from maskguide.guidance.formulas import predictor_rates, product_rates, rectified_rates, spherical_rates
from maskguide.guidance.rules import RULES

from .conftest import random_problem
from .problems.test_table import counts, from_counts

weights = st.one_of(st.sampled_from([-1.0, 0.0, 8.0]), st.floats(-0.99, 8))
CASES = {
    "product": {},
    "normalized": {},
    "predictor": {"temperature": 0.6},
    "rectified": {"gamma0": -0.7},
    "spherical": {},
    "contrastive": {"negative": "away"},
    "tilted": {},
}
every_rule = pytest.mark.parametrize("rule", RULES)


def problem_with_negative(laws):
    """A problem from counts, with one more class, named away, that goes everywhere."""
    away = laws[0].max() - laws[0] + 1 + np.arange(laws[0].size).reshape(laws[0].shape) % 3
    names = [*(f"class {k}" for k in range(len(laws))), "away"]
    return from_counts(np.concatenate([laws, away[None]]), class_names=names)


# The formulas, in mpmath, from the laws alone ------------------------------------------------------------


def marginals(problem):
    """x -> (p_z(x), p(x), p_away(x)) by sums over completions."""
    size, laws = problem.vocab_size, exact_laws(problem)
    mixture = mixture_of(problem)
    away = laws[problem.class_names.index("away")] if "away" in problem.class_names else mixture

    def total(law, x):
        return mpmath.fsum(law[y] for y in itertools.product(*(range(size) if v == size else [v] for v in x)))

    states = itertools.product(range(size + 1), repeat=problem.length)
    return {x: tuple(total(law, x) for law in (laws[problem.target], mixture, away)) for x in states}


def exact_laws(problem):
    return np.vectorize(lambda p: mpmath.mpf(p.numerator) / p.denominator, [object])(problem.exact_class_laws)


def mixture_of(problem):
    prior = [mpmath.mpf(a.numerator) / a.denominator for a in problem.exact_prior]
    return sum(a * law for a, law in zip(prior, exact_laws(problem), strict=True))


def reveal_law(rule, problem, table, x, i, weight, settings):
    """The rates of revealing coordinate i of x, one a token, by the rule's definition."""
    w, size = mpmath.mpf(weight), problem.vocab_size
    children = [(*x[:i], v, *x[i + 1 :]) for v in range(size)]
    base = 2 if rule == "contrastive" else 1
    if weight == -1 and rule != "rectified":
        return [table[y][base] / table[x][base] if table[x][base] > 0 else mpmath.mpf(0) for y in children]
    gone = 1 if weight == -1 else 0  # the support that restricts
    row = []
    for y in children:
        if table[y][gone] == 0:
            row.append(mpmath.mpf(0))
            continue
        p_z, p = table[y][gone] / table[x][gone], table[y][base] / table[x][base]
        if rule in ("product", "normalized", "contrastive"):
            row.append(p_z ** (1 + w) / p**w)
        elif rule == "predictor":
            prior = mpmath.mpf(problem.prior[problem.target])
            posterior, before = prior * table[y][0] / table[y][1], prior * table[x][0] / table[x][1]
            row.append(p * (posterior / before) ** ((1 + w) / settings["temperature"]))
        elif rule == "rectified":
            row.append(p_z ** (1 + w) * p ** mpmath.mpf(settings["gamma0"]))
        elif rule == "tilted":
            row.append(tilted_mass(problem, y, w) / tilted_mass(problem, x, w))
    if rule == "spherical":
        pairs = [(table[y][0] / table[x][0], table[y][1] / table[x][1]) if table[x][0] else (0, 0) for y in children]
        return great_circle(pairs, w, settings.get("cap"))
    return [r / mpmath.fsum(row) for r in row] if rule == "normalized" and any(row) else row


def tilted_mass(problem, x, w):
    size, target, mixture = problem.vocab_size, exact_laws(problem)[problem.target], mixture_of(problem)
    completions = itertools.product(*(range(size) if v == size else [v] for v in x))
    return mpmath.fsum(target[y] ** (1 + w) / mixture[y] ** w for y in completions if target[y])


def great_circle(pairs, w, cap=None):
    """The clipped great circle in its own plane: s = cos(phi) a + sin(phi) e, e the unit part of b orthogonal to a."""
    if not any(q for q, _ in pairs):
        return [mpmath.mpf(0)] * len(pairs)
    b, a = ([mpmath.sqrt(v) for v in column] for column in zip(*pairs, strict=True))
    cosine = mpmath.fsum(s * t for s, t in zip(a, b, strict=True))
    rest = [t - cosine * s for s, t in zip(a, b, strict=True)]
    length = mpmath.sqrt(mpmath.fsum(r**2 for r in rest))
    if length < mpmath.mpf(10) ** -12:  # equal conditionals
        return [q for q, _ in pairs]
    e = [r / length for r in rest]
    leaving = [mpmath.pi / 2 + mpmath.atan2(f, s) if q else -1 for (q, _), s, f in zip(pairs, a, e, strict=True)]
    theta = mpmath.atan2(length, cosine)
    turn = w * theta if cap is None else min(w * theta, mpmath.mpf(cap))
    phi = min(theta + turn, max(leaving) - mpmath.mpf(10) ** -25)
    s = [mpmath.cos(phi) * s + mpmath.sin(phi) * f for s, f in zip(a, e, strict=True)]
    square = [v**2 if v > 0 and q else mpmath.mpf(0) for (q, _), v in zip(pairs, s, strict=True)]
    return [v / mpmath.fsum(square) for v in square]


def expected_rates(problem, rule, weight, settings):
    """{(x, y): rate} over the whole lattice, in 50 digits."""
    with mpmath.workdps(50):
        table, mask, rates = marginals(problem), problem.vocab_size, {}
        for x in table:
            for i in (i for i, v in enumerate(x) if v == mask):
                row = reveal_law(rule, problem, table, x, i, weight, settings)
                rates |= {(x, (*x[:i], v, *x[i + 1 :])): float(r) for v, r in enumerate(row)}
    return rates


def assert_rates(problem, rule, weight, settings, rtol=1e-9):
    process = mg.GuidedProcess(problem, mg.Guidance(rule, weight, **settings))
    found = process.rates()
    for (x, y), rate in expected_rates(problem, rule, weight, settings).items():
        i = next(i for i in range(len(x)) if x[i] != y[i])
        assert found.edges[i][y] == pytest.approx(rate, rel=rtol, abs=1e-11 if rule == "spherical" else 1e-300), (x, y)


@every_rule
@settings(deadline=None, max_examples=40)
@given(laws=counts(), weight=weights)
@example(laws=np.array([[[2, 1], [0, 0]], [[0, 1], [3, 0]]]), weight=-1.0)
@example(laws=np.array([[[2, 1], [0, 0]], [[0, 1], [3, 0]]]), weight=-0.5)
@example(laws=np.array([[[4, 1], [1, 1]], [[1, 1], [1, 4]]]), weight=3.0)
def test_rates_follow_the_formula(rule, laws, weight):
    assert_rates(problem_with_negative(laws), rule, weight, CASES[rule])


@every_rule
@pytest.mark.parametrize("weight", [-1.0, -0.5, 0.0, 1.7])
def test_laws_are_those_of_a_dense_generator_of_these_rates(rule, weight):
    laws = np.random.default_rng(5).integers(0, 5, (2, 3, 3)) + np.array([[[1]], [[0]]])
    problem = problem_with_negative(laws)
    process = mg.GuidedProcess(problem, mg.Guidance(rule, weight, **CASES[rule]))
    index = np.arange(16).reshape(4, 4)
    generator = np.zeros((16, 16))
    for (x, y), rate in expected_rates(problem, rule, weight, CASES[rule]).items():
        generator[index[x], index[y]] += rate
        generator[index[x], index[x]] -= rate
    law = scipy.linalg.expm(0.8 * generator)[-1].reshape(4, 4)
    np.testing.assert_allclose(mg.transient_law(process, 0.8).probs, law, atol=1e-11)
    late = scipy.linalg.expm(400.0 * generator)[-1].reshape(4, 4)
    np.testing.assert_allclose(mg.terminal_law(process).probs, late[:3, :3], atol=1e-11)


@every_rule
def test_a_sampler_draws_the_terminal_law(rule):
    problem = problem_with_negative(np.array([[[4, 1], [1, 1]], [[1, 1], [1, 4]]]))
    process = mg.GuidedProcess(problem, mg.Guidance(rule, 2.0, **CASES[rule]))
    assert mg.compare(mg.sample(process, 20_000, seed=3), mg.terminal_law(process)).passed


# What the rules share ------------------------------------------------------------------------------------


@every_rule
@settings(deadline=None, max_examples=25)
@given(laws=counts(), weight=weights)
def test_unit_hazards_are_declared_by_the_rules_that_have_them(rule, laws, weight):
    problem = problem_with_negative(laws)
    exit_rates = mg.GuidedProcess(problem, mg.Guidance(rule, weight, **CASES[rule])).exit_rates()
    masks = (np.indices(exit_rates.shape) == problem.vocab_size).sum(axis=0)
    reached = problem.unconditional_table > 0 if weight == -1 else problem.target_table > 0
    if RULES[rule].normalises:
        np.testing.assert_allclose(exit_rates[reached], masks[reached], rtol=1e-11)
    assert (exit_rates[reached & (masks > 0)] > 0).all()  # no dead ends


def test_the_other_rules_have_other_hazards():
    problem = problem_with_negative(np.array([[[4, 1], [1, 2]], [[1, 1], [1, 4]]]))
    for rule in (name for name, rule in RULES.items() if not rule.normalises):
        exit_rates = mg.GuidedProcess(problem, mg.Guidance(rule, 2.0, **CASES[rule])).exit_rates()
        assert abs(exit_rates[2, 2] - 2) > 0.05


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"rectified"}))
def test_w_zero_is_the_class_law_and_minus_one_the_reference(rule):
    problem = problem_with_negative(np.array([[[4, 0, 1], [1, 1, 0], [2, 3, 1]], [[1, 1, 2], [0, 1, 4], [1, 0, 5]]]))
    reference = problem.class_laws[2] if rule == "contrastive" else problem.unconditional_law
    for weight, law in ((0.0, problem.target_law), (-1.0, reference)):
        settings = CASES[rule] if rule != "predictor" else {"temperature": 1.0}
        process = mg.GuidedProcess(problem, mg.Guidance(rule, weight, **settings))
        np.testing.assert_allclose(mg.terminal_law(process).probs, law, rtol=1e-12)


def test_all_rules_agree_in_one_dimension_where_they_should(line):
    """One coordinate: the terminal law of product, normalized, tilted and predictor at T = 1 is the tilted law."""
    laws = [
        mg.terminal_law(mg.GuidedProcess(line, mg.Guidance(rule, 2.0))).probs
        for rule in ("product", "normalized", "tilted", "predictor", "rectified")
    ]
    for law in laws[1:]:
        np.testing.assert_allclose(law, laws[0], rtol=1e-13)


def test_every_rule_has_a_case_a_formula_and_a_source():
    assert set(CASES) == set(RULES)
    assert {name for name, rule in RULES.items() if rule.in_closed_form} == {
        "product",
        "normalized",
    }
    assert all(rule.formula and rule.source for rule in RULES.values())


# Predictor, rectified, contrastive -----------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(counts(), st.floats(-0.99, 6), st.floats(0.2, 5))
def test_predictor_is_the_product_at_another_weight(laws, weight, temperature):
    problem = from_counts(laws)
    predictor = mg.GuidedProcess(problem, mg.Guidance("predictor", weight, temperature=temperature))
    product = mg.GuidedProcess(problem, mg.Guidance("product", (1 + weight) / temperature - 1))
    np.testing.assert_allclose(predictor.exit_rates(), product.exit_rates(), rtol=1e-10)


def test_predictor_at_temperature_one_is_the_product(separating):
    one, other = (mg.GuidedProcess(separating, mg.Guidance(rule, 3.0)) for rule in ("predictor", "product"))
    np.testing.assert_allclose(mg.terminal_law(one).probs, mg.terminal_law(other).probs, rtol=1e-13)
    hot = mg.GuidedProcess(separating, mg.Guidance("predictor", 3.0, temperature=2.0))
    assert mg.terminal_law(hot).tv(mg.terminal_law(other)) > 0.01


@settings(deadline=None, max_examples=30)
@given(counts(), weights)
def test_rectified_without_gamma0_is_the_product(laws, weight):
    problem = from_counts(laws)
    for given_gamma0 in ({}, {"gamma0": -weight}):
        one = mg.GuidedProcess(problem, mg.Guidance("rectified", weight, **given_gamma0))
        other = mg.GuidedProcess(problem, mg.Guidance("product", weight))
        np.testing.assert_allclose(one.exit_rates(), other.exit_rates(), rtol=1e-10)


def test_rectified_hazard_where_the_conditionals_agree():
    p = np.array([0.5, 0.3, 0.2])
    for weight, gamma0 in ((1.0, 0.5), (2.0, -1.0), (0.0, -1.0)):
        assert rectified_rates(p, p, weight, gamma0).sum() == pytest.approx((p ** (1 + weight + gamma0)).sum())


def test_rectified_rates_that_vanish_are_refused():
    with pytest.raises(mg.InputError, match="underflow float64 at w = 1, gamma0 = 5000"):
        rectified_rates(np.array([0.5, 0.5]), np.array([0.5, 0.5]), 1.0, 5000.0)
    with pytest.raises(mg.InputError, match="overflow float64"):
        problem = mg.TableProblem([[0.5, 0.5], [0.25, 0.75]], [0.5, 0.5])
        mg.GuidedProcess(problem, mg.Guidance("rectified", 1.0, gamma0=-5000.0)).rates()


def test_contrastive_moves_away_from_the_class_it_names():
    rng = np.random.default_rng(2)
    problem = mg.TableProblem(rng.dirichlet(np.ones(9), 3).reshape(3, 3, 3), [0.2, 0.3, 0.5], class_names=list("abc"))
    base, laws = problem.class_laws[0], {}
    for negative in ("b", "c"):
        process = mg.GuidedProcess(problem, mg.Guidance("contrastive", 1.5, negative=negative))
        laws[negative] = mg.terminal_law(process).probs
    log_likelihood = {n: np.log(problem.class_laws["abc".index(n)]) for n in "bc"}
    for negative, law in laws.items():
        assert (law * log_likelihood[negative]).sum() < (base * log_likelihood[negative]).sum()
    assert np.abs(laws["b"] - laws["c"]).sum() > 0.1
    by_index = mg.GuidedProcess(problem, mg.Guidance("contrastive", 1.5, negative=1))
    np.testing.assert_array_equal(mg.terminal_law(by_index).probs, laws["b"])


@pytest.mark.parametrize(
    ("match", "negative"),
    [
        ("'class 0' is the target", 0),
        ("'class 0' is the target", "class 0"),
        ("'class 1' never visits 1 target states", 1),
        ("negative class 7", 7),
        ("unknown negative class 'nobody'", "nobody"),
    ],
)
def test_negative_classes_that_do_not_fit(match, negative):
    problem = from_counts(np.array([[[4, 1], [1, 1]], [[1, 0], [1, 4]]]))
    with pytest.raises(mg.InputError, match=match):
        mg.GuidedProcess(problem, mg.Guidance("contrastive", 1.0, negative=negative))


def test_contrastive_returning_from_minus_one_has_dead_ends_of_its_own_class():
    schedule = mg.WeightSchedule([0.5], [-1.0, 1.0])
    problem = problem_with_negative(np.array([[[1, 0], [1, 1]], [[1, 0], [1, 1]]]))
    with pytest.raises(mg.InputError, match="returns from w = -1"):
        mg.GuidedProcess(problem, mg.Guidance("contrastive", schedule, negative="away"))
    mg.GuidedProcess(problem, mg.Guidance("contrastive", schedule, negative="class 1"))


# Spherical -----------------------------------------------------------------------------------------------


def test_spherical_turns_by_w_theta_inside_the_orthant():
    target, mixture = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.35, 0.35])
    theta = math.acos(np.sqrt(target * mixture).sum())
    for weight in (-0.5, 0.3, 1.0, 2.0):
        law = spherical_rates(target, mixture, weight)
        assert math.acos(np.sqrt(law * mixture).sum()) == pytest.approx((1 + weight) * theta, rel=1e-9)
        assert math.acos(min(1.0, np.sqrt(law * target).sum())) == pytest.approx(abs(weight) * theta, rel=1e-6)


def test_spherical_ends_on_the_tokens_of_the_largest_ratio():
    target, mixture = np.array([0.4, 0.2, 0.3, 0.1]), np.array([0.2, 0.1, 0.4, 0.3])
    for weight in (10.0, 1e3, 1e9):
        np.testing.assert_allclose(spherical_rates(target, mixture, weight), [2 / 3, 1 / 3, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(spherical_rates(target, target, 1e6), target, rtol=1e-12)  # nothing to turn towards


@settings(deadline=None, max_examples=60)
@given(counts(), st.floats(-0.99, 20), st.floats(0, 3))
def test_spherical_likelihood_ratio_grows_with_the_weight(laws, weight, more):
    """The largest ratio's tokens only ever gain."""
    problem = from_counts(laws)
    target, mixture = problem.target_law.ravel(), problem.unconditional_law.ravel()
    ratio = np.divide(target, mixture, out=np.zeros_like(target), where=mixture > 0)
    best = ratio >= ratio.max() * (1 - 1e-12)
    low, high = (spherical_rates(target, mixture, w)[best].sum() for w in (weight, weight + more))
    assert high >= low - 1e-10


@settings(deadline=None, max_examples=25)
@given(counts(), st.sampled_from([-1.0, -0.5, 0.0, 1.0, 4.0, 30.0]), st.sampled_from([0.1, math.pi / 3, 2.0, math.pi]))
def test_a_cap_stops_the_turn(laws, weight, cap):
    assert_rates(problem_with_negative(laws), "spherical", weight, {"cap": cap})


@given(st.integers(0, 2**32), st.integers(2, 9), st.floats(0, 40))
def test_a_cap_below_a_right_angle_keeps_the_law_off_the_edge(seed, tokens, weight):
    """sqrt(p_z/p) >= 1 / cos(theta) for the largest ratio: its token leaves at pi/2 past sqrt(p_z) or later."""
    target, mixture = np.random.default_rng(seed).dirichlet(np.full(tokens, 0.5), 2) * 0.999 + 0.001 / tokens
    cosine = np.sqrt(target) @ np.sqrt(mixture)
    assert np.sqrt((target / mixture).max()) >= 1 / cosine - 1e-12
    theta = math.acos(min(1.0, cosine))
    capped = spherical_rates(target, mixture, weight, math.pi / 3)
    assert capped.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(capped, spherical_rates(target, mixture, min(weight, math.pi / 3 / theta)), atol=1e-9)


def test_spherical_is_continuous_at_equal_conditionals():
    mixture = np.array([0.5, 0.3, 0.2])
    for step in (1e-4, 1e-8, 1e-12, 1e-15):
        target = mixture + step * np.array([1, -1, 0])
        np.testing.assert_allclose(spherical_rates(target, mixture, 2.0), mixture, atol=10 * step)


# Parameters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "rule", "parameters"),
    [
        ("unknown parameter 'temperature' of the rule 'product'", "product", {"temperature": 1.0}),
        ("its parameters: temperature", "predictor", {"temprature": 1.0}),
        ("temperature T = 0", "predictor", {"temperature": 0}),
        ("temperature T = -1", "predictor", {"temperature": -1}),
        ("temperature T = inf", "predictor", {"temperature": math.inf}),
        ("temperature T = nan", "predictor", {"temperature": math.nan}),
        ("temperature is 'hot'", "predictor", {"temperature": "hot"}),
        ("gamma0 = inf", "rectified", {"gamma0": math.inf}),
        ("gamma0 is 'low'", "rectified", {"gamma0": "low"}),
        ("'contrastive' without 'negative'", "contrastive", {}),
        ("cap = 0", "spherical", {"cap": 0}),
        ("cap = 4", "spherical", {"cap": 4.0}),
        ("cap = nan", "spherical", {"cap": math.nan}),
        ("negative is an integer >= 0", "contrastive", {"negative": -1}),
        ("negative is an integer >= 0", "contrastive", {"negative": 1.5}),
        ("unknown rule 'tilt'", "tilt", {}),
    ],
)
def test_bad_parameters(match, rule, parameters):
    with pytest.raises(mg.InputError, match=match):
        mg.Guidance(rule, 1.0, **parameters)


def test_parameters_are_kept_shown_and_part_of_the_rule():
    guidance = mg.Guidance("predictor", weight=2.0, temperature=0.5)
    assert guidance.parameters == {"temperature": 0.5}
    assert repr(guidance) == "Guidance('predictor', weight=2.0, temperature=0.5)"
    assert repr(mg.Guidance("product", 1.0)) == "Guidance('product', weight=1.0)"
    assert mg.Guidance.from_scale(3.0, "rectified", gamma0=-1).parameters == {"gamma0": -1.0}
    problem = random_problem(0)
    hot, cold = (mg.GuidedProcess(problem, mg.Guidance("predictor", 2.0, temperature=t)) for t in (2.0, 0.5))
    assert not np.allclose(hot.exit_rates(), cold.exit_rates())  # the cache tells them apart


# Mutants -------------------------------------------------------------------------------------------------

MUTANTS = {
    "scale off by one": lambda rates: lambda t, m, w, **s: rates(t, m, w + 1, **s),
    "target and mixture swapped": lambda rates: lambda t, m, w, **s: rates(m, t, w, **s),
    "weight ignored": lambda rates: lambda t, m, w, **s: rates(t, m, 0.5, **s),
    "parameters ignored": lambda rates: lambda t, m, w, **s: product_rates(t, m, w),
    "temperature upside down": lambda rates: (
        lambda t, m, w, **s: predictor_rates(t, m, w, **{k: 1 / v for k, v in s.items()})
    ),
    "absolute value, not clipped": lambda rates: unclipped,
    "clipped but not normalised": lambda rates: lambda t, m, w, **s: spherical_rates(t, m, w, **s) * 0.99,
}


def unclipped(target, mixture, weight, **_):
    theta = np.arccos(np.clip(np.sqrt(target * mixture).sum(axis=-1, keepdims=True), 0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        s = np.sin((1 + weight) * theta) * np.sqrt(target) - np.sin(weight * theta) * np.sqrt(mixture)
        return np.nan_to_num((s / np.sin(theta)) ** 2)


def replaced(monkeypatch, rule, rates):
    """The rule with another function in probabilities, until the test ends."""
    monkeypatch.setitem(RULES._found, rule, dataclasses.replace(RULES[rule], on_probabilities=rates))


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        *((rule, fault) for rule in CASES if rule != "tilted" for fault in list(MUTANTS)[:3]),
        ("predictor", "parameters ignored"),
        ("rectified", "parameters ignored"),
        ("predictor", "temperature upside down"),
        ("spherical", "absolute value, not clipped"),
        ("spherical", "clipped but not normalised"),
    ],
)
def test_a_wrong_formula_is_found(monkeypatch, rule, fault):
    problem = problem_with_negative(np.array([[[5, 1], [2, 1]], [[1, 2], [1, 3]]]))
    assert_rates(problem, rule, 3.0, CASES[rule])
    replaced(monkeypatch, rule, MUTANTS[fault](RULES[rule].on_probabilities))
    with pytest.raises(AssertionError):
        assert_rates(problem, rule, 3.0, CASES[rule], rtol=1e-3)


def test_a_cap_that_is_ignored_is_found(monkeypatch):
    problem = problem_with_negative(np.array([[[5, 1], [2, 1]], [[1, 2], [1, 3]]]))
    rates = lambda t, m, w, **_: spherical_rates(t, m, w)  # noqa: E731
    replaced(monkeypatch, "spherical", rates)
    with pytest.raises(AssertionError):
        assert_rates(problem, "spherical", 3.0, {"cap": 0.5}, rtol=1e-3)


def test_the_mixture_in_place_of_the_negative_class_is_found(monkeypatch):
    problem = problem_with_negative(np.array([[[5, 1], [2, 1]], [[1, 2], [1, 3]]]))
    monkeypatch.setattr(type(RULES["contrastive"]), "reference", lambda rule, problem: problem.unconditional_table)
    with pytest.raises(AssertionError):
        assert_rates(problem, "contrastive", 3.0, CASES["contrastive"], rtol=1e-3)
