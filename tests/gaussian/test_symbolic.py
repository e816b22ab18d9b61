"""Symbolic closed forms: exact numbers, the moment equations as identities, and the numeric counterparts to 1e-12."""

import pytest
import sympy

from maskguide.gaussian import closed_forms as numeric
from maskguide.gaussian.path_integrals import LinearWeight
from tests.oracles import gaussian_symbolic as symbolic
from tests.oracles.gaussian_symbolic import T, c, mu, omega, s, u, w, w0

AT = {c: 1, u: 2, mu: 1}
half = sympy.Rational(1, 2)
shifted = {c: c + s, u: u + s}
rate = (1 + w) / (c + s) - w / (u + s)


def at_level(expression):
    """The law at noise s is the final law of c + s and u + s."""
    return expression.subs(shifted, simultaneous=True)


def is_zero(expression):
    return sympy.simplify(expression) == 0


def test_published_numbers_as_rationals():
    ode, sde, tilted = ([f(k).subs(AT) for k in (1, 2, 4)] for f in (symbolic.ode, symbolic.sde, symbolic.tilted))
    q = sympy.Rational
    assert [m.variance for m in ode] == [half, q(1, 4), q(1, 16)]
    assert [sympy.hyperexpand(m.mean) for m in ode[1:]] == [2, q(7, 3)]
    assert is_zero(sympy.hyperexpand(ode[0].mean) - 1 - sympy.atanh(sympy.sqrt(2) / 2) / sympy.sqrt(2))
    assert [(m.mean, m.variance) for m in sde] == [(q(3, 2), q(7, 12)), (q(7, 4), q(31, 80)), (q(31, 16), q(511, 2304))]
    assert [(m.mean, m.variance) for m in tilted] == [(q(4, 3), q(2, 3)), (q(3, 2), half), (q(5, 3), q(1, 3))]


def test_sde_solves_its_moment_equations():
    m, v = at_level(symbolic.sde().mean), at_level(symbolic.sde().variance)
    assert is_zero(sympy.diff(v, s) - (2 * rate * v - 1))
    assert is_zero(sympy.diff(m, s) - (rate * m - (1 + w) * mu / (c + s)))
    assert not is_zero(sympy.diff(v, s) - (rate * v - 1))


@pytest.mark.parametrize("k", [0, 2, 4])
def test_ode_solves_its_moment_equations(k):
    v, m = at_level(symbolic.ode().variance), at_level(sympy.hyperexpand(symbolic.ode(k).mean))
    assert is_zero(sympy.diff(v, s) - rate * v)
    assert is_zero(sympy.diff(m, s) - (rate.subs(w, k) * m - (1 + k) * mu / (c + s)) / 2)


def test_exponent_is_the_integral_of_the_schedule():
    i = symbolic.exponent()
    assert is_zero(sympy.diff(i, T) - (w0 + omega * T) * (1 / (c + T) - 1 / (u + T)))
    assert i.subs(T, 0) == 0
    assert is_zero(sympy.limit(symbolic.exponent(w, 0), T, sympy.oo) - w * sympy.log(u / c))
    assert is_zero(sympy.simplify(symbolic.exponent(w0, symbolic.neutral_slope())))
    assert round(float(symbolic.linear_ode(-1, half, 10).variance.subs(AT)), 4) == 1.0134


def test_limits():
    assert is_zero(symbolic.sde().limit(w, 0).mean - mu) and is_zero(symbolic.sde().limit(w, 0).variance - c)
    assert is_zero(symbolic.sde().limit(w, -half).variance - symbolic.sde(-half).variance)
    assert is_zero(symbolic.sde().limit(u, c).mean - mu * (1 + w)) and is_zero(symbolic.sde().limit(u, c).variance - c)
    assert symbolic.tilted().limit(w, sympy.oo).variance == 0
    assert is_zero(symbolic.tilted().limit(w, sympy.oo).mean - mu * u / (u - c))
    assert sympy.limit(symbolic.sde().mean.subs({**AT, u: 3}), w, sympy.oo) == 3 * half


POINTS = [
    (1, 2, 1, 2),
    (1, 2, 1, sympy.Rational(7, 3)),
    (half, 5, -2, sympy.Rational(1, 5)),
    (3, 2, 1, -1),
    (1, 9, 3, 7),
]


@pytest.mark.parametrize(("a", "b", "m", "k"), POINTS)
@pytest.mark.parametrize("name", ["ode", "sde", "tilted"])
def test_constant_weight_meets_the_numeric_form(name, a, b, m, k):
    found = getattr(numeric, f"{name}_moments")(float(a), float(b), float(m), float(k))
    assert [found.mean, found.variance] == pytest.approx(
        getattr(symbolic, name)(k).numeric({c: a, u: b, mu: m}), rel=1e-12
    )


@pytest.mark.parametrize("name", ["ode", "sde"])
@pytest.mark.parametrize(("start", "slope"), [(-1, half), (2, sympy.Rational(-1, 4)), (0, sympy.Rational(1, 3))])
def test_linear_weight_meets_the_numeric_form(name, start, slope):
    weight = LinearWeight(float(start), float(slope))
    found = getattr(numeric, f"{name}_moments")(0.5, 2.0, 1.5, weight, 10.0)
    exact = getattr(symbolic, f"linear_{name}")(start, slope, 10).numeric({c: half, u: 2, mu: sympy.Rational(3, 2)})
    assert [found.mean, found.variance] == pytest.approx(exact, rel=1e-12)


def test_linear_sde_variance_as_a_hypergeometric_function():
    for start, slope in ((-1, half), (2, sympy.Rational(1, 7))):
        values = {c: half, u: 2, mu: 1}
        summed = symbolic.linear_sde(start, slope, 10).numeric(values)[1]
        assert float(symbolic.linear_sde_variance(start, slope, 10).subs(values).evalf(30)) == pytest.approx(
            summed, rel=1e-12
        )


def test_derivatives_in_w():
    slope = symbolic.sde().derivative()
    h = 1e-5
    ends = [numeric.sde_moments(1.0, 2.0, 1.0, 2 + e) for e in (h, -h)]
    exact = slope.subs({**AT, w: 2})
    assert float(exact.mean) == pytest.approx((ends[0].mean - ends[1].mean) / (2 * h), rel=1e-8)
    assert float(exact.variance) == pytest.approx((ends[0].variance - ends[1].variance) / (2 * h), rel=1e-8)
    ode = symbolic.ode().derivative().variance
    assert is_zero(ode - symbolic.ode().variance * sympy.log(c / u))


def test_latex():
    text = symbolic.sde().latex()
    assert text.startswith("\\begin{align*}") and "m &= " in text and "V &= " in text and "\\mu" in text
