"""Closed forms: equal to brute force in rationals, to the numeric engines in floats, and to hand formulas."""

from fractions import Fraction as F

import numpy as np
import pytest
import sympy

import maskguide as mg
from maskguide import symbolic
from tests.oracles import enumerate as oracle

from ..conftest import random_problem, table

u, w = symbolic.u, symbolic.w
a, eps = sympy.symbols("a epsilon", positive=True)
RULES = ["product", "normalized"]
LINE = table([4, 3, 1, 0], [0, 1, 3, 4])
PLANE = table([[5, 1, 2], [0, 3, 1], [1, 1, 0]], [[1, 2, 2], [3, 1, 0], [1, 4, 2]])
SQUARES = table([[1, 1, 0], [1, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 1], [0, 1, 1]])
NO_BLIND = table([[12, 2], [2, 1]], [[1, 2], [2, 12]])
CUBE = table([[[3, 1], [0, 2]], [[1, 1], [2, 4]]], [[[1, 2], [2, 1]], [[0, 5], [1, 1]]])
PROBLEMS = {"line": LINE, "plane": PLANE, "squares": SQUARES, "no-blind": NO_BLIND, "cube": CUBE}
every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
every_rule = pytest.mark.parametrize("rule", RULES)


def overlap():
    """One dimension, overlap epsilon on the middle token, prior a."""
    return mg.TableProblem([[1 - eps, eps, 0], [0, eps, 1 - eps]], [a, 1 - a])


def numeric(problem, rule, weight):
    return mg.GuidedProcess(problem, mg.Guidance(rule, weight))


def value(expression, **symbols):
    given = {"w": w, "u": u}
    return float(expression.evalf(30, subs={given[k]: sympy.Rational(str(v)) for k, v in symbols.items()}))


def equals(law, expected):
    return all(entry == expected[y] for y, entry in law.items())


# equality with brute force ------------------------------------------------------------------------


@every_rule
@every_problem
def test_terminal_law_equals_enumeration(problem, rule):
    law = symbolic.terminal_law(problem, rule)
    for weight in (0, 1, 2, 5):
        expected = oracle.terminal_law(problem, rule, weight)
        assert law.shape == expected.shape
        assert equals(law.subs({w: weight}), expected)
        assert equals(symbolic.terminal_law(problem, rule, weight), expected)


@every_rule
@every_problem
def test_minus_one_is_the_unconditional_process(problem, rule):
    assert equals(symbolic.terminal_law(problem, rule, -1), oracle.terminal_law(problem, rule, -1))


@every_rule
@pytest.mark.parametrize("values", [{a: F(1, 3), eps: F(1, 10)}, {a: F(4, 5), eps: F(1, 2)}])
def test_symbols_in_the_laws_can_be_filled_in_later(rule, values):
    law = symbolic.terminal_law(overlap(), rule)
    assert law.free_symbols == {a, eps, w}
    for weight in (0, 1, 3):
        assert equals(law.subs({w: weight, **values}), oracle.terminal_law(overlap().subs(values), rule, weight))


@every_rule
def test_symbols_in_two_dimensions(rule):
    half = F(1, 2)
    problem = mg.TableProblem(
        [[[half - eps, eps], [eps, half - eps]], [[eps, half - eps], [half - eps, eps]]], [a, 1 - a]
    )
    values = {a: F(2, 7), eps: F(1, 9)}
    law = symbolic.terminal_law(problem, rule).subs({w: 2, **values})
    assert equals(law, oracle.terminal_law(problem.subs(values), rule, 2))
    process = numeric(problem.subs(values), rule, 1.5)
    at = symbolic.transient_law(problem, rule).numeric({w: 1.5, u: 0.75, **values})
    np.testing.assert_allclose(at, mg.transient_law(process, 0.75).probs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("wrong_weight", [lambda k: k - 1, lambda k: k + 1], ids=["w for 1+w", "2+w for 1+w"])
def test_a_wrong_exponent_would_be_seen(wrong_weight):
    assert not equals(symbolic.terminal_law(PLANE).subs({w: 2}), oracle.terminal_law(PLANE, "product", wrong_weight(2)))


def test_swapped_conditionals_would_be_seen():
    # p_z^(1+w) p^(-w) with p_z and p swapped is p^(1+w) p_z^(-w): the rule of weight -1-w.
    chain = oracle.rates(LINE, "product", 2)[4,]
    swapped = {y: LINE.exact_unconditional_table[y] ** 3 / LINE.exact_target_table[y] ** 2 for y in chain}
    law, total = symbolic.terminal_law(LINE, weight=2), sum(swapped.values())
    assert equals(law, {(v,): chain.get((v,), 0) / sum(chain.values()) for v in range(4)})
    assert not equals(law, {(v,): swapped.get((v,), 0) / total for v in range(4)})


def test_the_rules_differ_in_two_dimensions_and_not_in_one():
    values = {w: 2}
    one, two = (symbolic.terminal_law(LINE, rule) for rule in RULES)
    assert equals(one.subs(values), two.subs(values).entries)
    one, two = (symbolic.terminal_law(PLANE, rule) for rule in RULES)
    assert not equals(one.subs(values), two.subs(values).entries)


@pytest.mark.parametrize("length", [2, 3])
def test_exchangeable_coordinates_share_a_terminal_law(length):
    # Symmetric under permuting coordinates: all masked coordinates have one Z(x), so 1/R = 1/(|M| Z).
    counts = np.array([7, 2, 0, 5]), np.array([1, 3, 4, 1])
    laws = [c[np.indices((2,) * length).sum(axis=0)] for c in counts]
    problem = table(*laws)
    one, two = (symbolic.terminal_law(problem, rule) for rule in RULES)
    for weight in (1, 4):
        assert equals(one.subs({w: weight}), two.subs({w: weight}).entries)
        assert (
            oracle.terminal_law(problem, "product", weight) == oracle.terminal_law(problem, "normalized", weight)
        ).all()


# formulas by hand ---------------------------------------------------------------------------------


def test_one_dimension_is_the_tilted_law():
    z = symbolic.partition(overlap())
    assert sympy.simplify(z - (eps + (1 - eps) * a**-w)) == 0
    law = symbolic.terminal_law(overlap())
    assert sympy.simplify(law[0] - (1 - eps) * a**-w / z) == 0
    assert law[2] == 0
    assert sympy.simplify(symbolic.tv_decay(overlap()) - sympy.exp(-z * u)) == 0
    assert sympy.simplify(symbolic.transient_law(overlap())[1] - eps * (1 - sympy.exp(-z * u)) / z) == 0


def test_two_dimensions_by_the_explicit_formula():
    # theory 2.1 and 2.2, from floats: no shared code.
    pz, p, weight, clock = PLANE.target_law, PLANE.unconditional_law, 1.3, 0.6
    g = np.where(pz > 0, pz * (pz / p) ** weight, 0)
    (r_z, c_z), (r, c) = (pz.sum(1), pz.sum(0)), (p.sum(1), p.sum(0))
    g_r, g_c = r_z * (r_z / r) ** weight, c_z * (c_z / c) ** weight
    S, R_r, R_c = g_r.sum() + g_c.sum(), g.sum(1) / g_r, g.sum(0) / g_c
    terminal = g * (1 / R_r[:, None] + 1 / R_c) / S

    def f(c):
        return ((1 - np.exp(-c * clock)) / c - (1 - np.exp(-S * clock)) / S) / (S - c)

    law = symbolic.transient_law(PLANE).numeric({w: weight, u: clock})
    np.testing.assert_allclose(symbolic.terminal_law(PLANE).numeric({w: weight}), terminal, rtol=1e-12)
    np.testing.assert_allclose(law[:3, :3], g * (f(R_r)[:, None] + f(R_c)), rtol=1e-12)
    waiting = g_r * (np.exp(-R_r * clock) - np.exp(-S * clock)) / (S - R_r)
    np.testing.assert_allclose(law[:3, 3], waiting, rtol=1e-12)
    assert law[3, 3] == pytest.approx(np.exp(-S * clock), rel=1e-14)


@every_rule
@every_problem
def test_partition_is_the_exponential_of_the_renyi_divergence(problem, rule):
    where = {"context": None, "coordinate": problem.length - 1}
    z, d = (f(problem, rule, **where) for f in (symbolic.partition, symbolic.renyi))
    for weight in ("-0.5", "0.25", "3"):
        assert value(z, w=weight) == pytest.approx(value(sympy.exp(w * d), w=weight), rel=1e-14)
    kl = symbolic.renyi(problem, rule, 0, **where)
    assert value(d, w="1e-9") == pytest.approx(value(kl), rel=1e-6, abs=1e-12)
    assert symbolic.renyi(problem, rule, 2, **where) == symbolic.renyi(problem, rule, **where).subs({w: 2})


def test_renyi_of_order_zero_and_a_bad_context():
    assert symbolic.renyi(LINE, weight=-1) == -sympy.log(sympy.Rational(3, 4))
    with pytest.raises(mg.InputError, match="the coordinate is masked"):
        symbolic.partition(PLANE, context=(0, 3), coordinate=0)


@every_rule
@every_problem
def test_exit_rates_and_late_rate(problem, rule):
    rates = symbolic.exit_rates(problem, rule)
    for weight in (0.0, 1.5, 4.0):
        process = numeric(problem, rule, weight)
        np.testing.assert_allclose(rates.numeric({w: weight}), process.exit_rates(), rtol=1e-13)
        slowest = mg.late_rate(process)[0]
        late = symbolic.late_rate(problem, rule)
        least = min(value(e, w=weight) for e in (late.args if isinstance(late, sympy.Min) else (late,)))
        assert least == pytest.approx(slowest, rel=1e-13)
        assert float(symbolic.late_rate(problem, rule, weight)) == pytest.approx(slowest, rel=1e-13)


def test_a_blind_context_of_one_mask_is_provably_slowest():
    assert symbolic.late_rate(SQUARES) == 1
    assert isinstance(symbolic.late_rate(NO_BLIND), sympy.Min)
    # below w = 0 a blind context need not be slowest: numbers are compared
    assert symbolic.late_rate(SQUARES, weight=-0.5) < 1


@every_rule
@every_problem
def test_covariance(problem, rule):
    expected = mg.terminal_law(numeric(problem, rule, 2.5)).covariance()
    matrix = symbolic.covariance(problem, rule)
    got = [[value(matrix[i, j], w="2.5") for j in range(problem.length)] for i in range(problem.length)]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)


# the law at a clock -------------------------------------------------------------------------------


@every_rule
@every_problem
@pytest.mark.parametrize("weight", [0.7, 2])
def test_transient_law_agrees_with_the_numeric_engine(problem, rule, weight):
    law, tv = symbolic.transient_law(problem, rule), symbolic.tv_decay(problem, rule)
    process = numeric(problem, rule, weight)
    at = law.numeric({w: weight, u: 0.75})
    np.testing.assert_allclose(at, mg.transient_law(process, 0.75).probs, rtol=0, atol=1e-12)
    assert value(tv, w=weight, u="0.75") == pytest.approx(mg.tv_decay(process, 0.75), rel=1e-12)
    terminal = symbolic.terminal_law(problem, rule).numeric({w: weight})
    np.testing.assert_allclose(terminal, mg.terminal_law(process).probs, rtol=0, atol=1e-12)


@every_problem
def test_a_given_clock_and_weight_take_the_place_of_the_symbols(problem):
    table_law = symbolic.transient_law(problem, weight=F(3, 2), clock=F(1, 2))
    assert table_law.free_symbols == set()
    process = numeric(problem, "product", 1.5)
    np.testing.assert_allclose(table_law.numeric(), mg.transient_law(process, 0.5).probs, rtol=0, atol=1e-12)


def test_equal_exit_rates_take_the_confluent_form():
    # [2, 2, 0] e^{-u.}: by hand, the Laplace inverse of 1/((s+2)^2 s)
    nodes = (sympy.S(2), sympy.S(2), sympy.S.Zero)
    by_hand = sympy.Rational(1, 4) - sympy.exp(-2 * u) / 4 - u * sympy.exp(-2 * u) / 2
    assert sympy.simplify(symbolic.laws.modes(nodes, u) - by_hand) == 0
    three = symbolic.laws.modes((sympy.S(3),) * 3, u)
    assert sympy.simplify(three - u**2 * sympy.exp(-3 * u) / 2) == 0


def test_deterministic_coordinates_and_identical_classes_are_flat():
    problem = table([[[1, 1], [1, 1]], [[0, 0], [0, 0]]], [[[1, 1], [1, 1]], [[0, 0], [0, 0]]])
    assert symbolic.tv_decay(problem).equals(1 - (1 - sympy.exp(-u)) ** 3)


def test_rates_that_meet_at_one_weight_are_refused_and_rederived():
    # R(M,M) = 2 (marginals alike), R(0,M) = Z with Z = 2 at w = 1: p_z(.|0) = (1,0), p(.|0) = (1/2,1/2).
    problem = table([[2, 0], [0, 2]], [[0, 2], [2, 0]])
    general = symbolic.transient_law(problem)
    with pytest.raises(mg.InputError, match="two exit rates coincide"):
        general.subs({w: 1})
    with pytest.raises(mg.InputError, match="two exit rates coincide"):
        general.numeric({w: 1, u: 1})
    law = symbolic.transient_law(problem, weight=1)
    assert sympy.simplify(law[0, 2] - u * sympy.exp(-2 * u) / 2) == 0
    process = numeric(problem, "product", 1.0)
    np.testing.assert_allclose(law.numeric({u: 0.9}), mg.transient_law(process, 0.9).probs, atol=1e-13)
    near = general.numeric({w: F(1000001, 1000000), u: F(9, 10)})
    np.testing.assert_allclose(near, law.numeric({u: 0.9}), atol=1e-5)


def test_irrational_rates_that_are_equal_are_recognised():
    # gains 2 and 8, weight 1/2: 8^(1/2) = 2 * 2^(1/2), written two ways
    nodes = (sympy.sqrt(8) + 1, 1 + 2 * sympy.sqrt(2), sympy.sqrt(3 + 2 * sympy.sqrt(2)) - 1)
    assert symbolic.laws._same(nodes[0], nodes[1])
    assert symbolic.laws._same(nodes[2], sympy.sqrt(2))
    assert not symbolic.laws._same(nodes[0], nodes[2])


def test_random_float_problems_are_read_as_exact_fractions():
    problem = random_problem(3, vocab_size=2, length=2)
    law = symbolic.transient_law(problem).numeric({w: 1.25, u: 2})
    np.testing.assert_allclose(law, mg.transient_law(numeric(problem, "product", 1.25), 2.0).probs, atol=1e-12)


# large weights ------------------------------------------------------------------------------------

FADING = table([[1, 1, 1], [8, 1, 1], [8, 1, 1]], [[4, 4, 4], [1, 8, 1], [1, 1, 8]])
REGIMES = {
    "saturating": [
        SQUARES,
        table([[2, 0], [0, 2]], [[0, 2], [2, 0]]),
        table(np.ones((2, 2, 2)), 1 + 2 * (np.indices((2, 2, 2)).sum(axis=0) % 2)),
    ],
    "exponential": [FADING],
    "double-exponential": [LINE, PLANE, NO_BLIND, CUBE],
    "flat": [table([[1, 2], [3, 4]], [[1, 2], [3, 4]])],
}
cases = pytest.mark.parametrize("regime, problem", [(r, p) for r, ps in REGIMES.items() for p in ps])


@cases
def test_regime_agrees_with_the_numeric_one(regime, problem):
    found = symbolic.tv_asymptotics(problem)
    numeric_regime = mg.decay_regime(numeric(problem, "product", 1.0))
    assert found.regime == numeric_regime.regime == regime
    assert float(sympy.log(found.base)) == pytest.approx(numeric_regime.exponent, abs=1e-12)
    if regime != "flat":
        assert set(found.contexts) == set(numeric_regime.causes)


@cases
@pytest.mark.parametrize("clock", [0.5, 2.0])
def test_leading_form_is_reached_at_large_weight(regime, problem, clock):
    found = symbolic.tv_asymptotics(problem)
    errors = []
    for weight in (20.0, 40.0):
        log_tv = float(mg.tv_decay(numeric(problem, "product", weight), clock, log=True))
        leading = float(sympy.log(found.expression).evalf(30, subs={w: weight, u: sympy.Rational(str(clock))}))
        errors.append(abs(log_tv / leading - 1) if regime == "double-exponential" else abs(log_tv - leading))
    assert errors[1] < {"double-exponential": 0.05, "exponential": 1e-3, "saturating": 1e-3, "flat": 1e-12}[regime]
    assert errors[1] <= max(errors[0], 1e-12)


def test_normalized_is_flat_and_symbols_need_values():
    assert symbolic.tv_asymptotics(overlap(), "normalized").expression.equals(sympy.exp(-u))
    with pytest.raises(mg.InputError, match="numbers must be compared"):
        symbolic.tv_asymptotics(overlap())
    assert "m^Z" in symbolic.tv_asymptotics(LINE).text


# use ----------------------------------------------------------------------------------------------


def test_tables_are_indexed_like_arrays_and_print():
    law = symbolic.terminal_law(SQUARES)
    assert len(law) == 9 and list(law)[1] == (0, 1)
    assert law.groups()[1][0] == [(0, 1), (1, 0)]
    assert law.simplify()[0, 0] == sympy.simplify(law[0, 0])
    lines = law.latex().splitlines()
    assert lines[0] == r"\begin{align*}" and lines[-1] == r"\end{align*}" and len(lines) == 6
    assert r"P(0, 1) = P(1, 0) &=" in lines[2]
    assert "shape (3, 3)" in repr(law)


def test_clear_refusals():
    with pytest.raises(mg.InputError, match="D = 1, 2, and D = 3 up to N = 6"):
        symbolic.terminal_law(mg.TableProblem(np.full((1,) + (3,) * 5, 3.0**-5), [1.0]))
    with pytest.raises(mg.InputError, match="did you mean 'product'"):
        symbolic.terminal_law(LINE, "prodct")
    with pytest.raises(mg.InputError, match="w >= -1"):
        symbolic.terminal_law(LINE, weight=-1.5)
    with pytest.raises(mg.InputError, match="terminal_law"):
        symbolic.transient_law(LINE, clock=sympy.oo)
    with pytest.raises(mg.InputError, match="0 <= u"):
        symbolic.tv_decay(LINE, clock=-1.0)
    with pytest.raises(mg.InputError, match="no value for u"):
        symbolic.transient_law(LINE).numeric({w: 1})
    with pytest.raises(mg.InputError, match="TableProblem"):
        symbolic.terminal_law("line")
