"""The closed forms of :mod:`.closed_forms` as sympy expressions: constant w, and w(s) = w0 + omega s up to s = T.

Symbols c, u (class and total variance), mu, T are module attributes, as are w, w0 and omega; pass numbers to get
numbers. Expressions differentiate, take limits and print with sympy's own functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy

c, u, T = sympy.symbols("c u T", positive=True)
w, w0, omega, mu, s = sympy.symbols("w w_0 omega mu s", real=True)
v = sympy.Symbol("v", positive=True)


@dataclass(frozen=True)
class Moments:
    """Mean and variance as expressions."""

    mean: sympy.Expr
    variance: sympy.Expr

    def subs(self, values: dict) -> Moments:
        """Both with symbols replaced by exact numbers (floats become the rationals they print as)."""
        given = {k: sympy.nsimplify(x, rational=True) for k, x in values.items()}
        return Moments(self.mean.subs(given), self.variance.subs(given))

    def numeric(self, values: dict | None = None) -> tuple[float, float]:
        """Mean and variance in float64, evaluated to 30 digits and rounded once."""
        found = self.subs(values or {})
        return float(found.mean.evalf(30)), float(found.variance.evalf(30))

    def derivative(self, symbol: sympy.Symbol = w) -> Moments:
        """d/dw (or another symbol) of both."""
        return Moments(sympy.diff(self.mean, symbol), sympy.diff(self.variance, symbol))

    def limit(self, symbol: sympy.Symbol, to: Any) -> Moments:
        """Limit of both; sympy finds none for a hypergeometric mean as w -> inf."""
        return Moments(sympy.limit(self.mean, symbol, to), sympy.limit(self.variance, symbol, to))

    def latex(self) -> str:
        """An align* environment; needs amsmath."""
        lines = [f"{name} &= {sympy.latex(e)}" for name, e in (("m", self.mean), ("V", self.variance))]
        return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"


def ode(weight: Any = w) -> Moments:
    """Probability-flow ODE, constant weight, T = inf: c (c/u)^w and (1 + w) mu 2F1(1, -w/2; 3/2; 1 - c/u).

    >>> ode(2).variance, sympy.factor(sympy.hyperexpand(ode(2).mean))
    (c**3/u**2, mu*(2*c + u)/u)
    """
    g: Any = sympy.sympify(weight)
    series: Any = sympy.hyper((1, -g / 2), (sympy.Rational(3, 2),), 1 - c / u)
    mean = (1 + g) * mu * series
    return Moments(mean, c * (c / u) ** g)


def sde(weight: Any = w) -> Moments:
    """Reverse SDE, constant weight, T = inf; c != u, and w != -1/2 for the variance (a limit there).

    mean = mu [u - c (c/u)^w] / (u - c),   var = c [u - c (c/u)^(2w)] / ((1 + 2w)(u - c)).
    """
    g: Any = sympy.sympify(weight)
    mean = mu * (u - c * (c / u) ** g) / (u - c)
    if g == -sympy.Rational(1, 2):
        return Moments(mean, c * u * sympy.log(u / c) / (u - c))
    return Moments(mean, c * (u - c * (c / u) ** (2 * g)) / ((1 + 2 * g) * (u - c)))


def tilted(weight: Any = w) -> Moments:
    """The normalised p_c^(1+w) p_u^(-w), where that exists: var = 1/((1 + w)/c - w/u), mean = mu var (1 + w)/c."""
    g: Any = sympy.sympify(weight)
    scale = (1 + g) * u - g * c
    return Moments(mu * (1 + g) * u / scale, c * u / scale)


def exponent(start: Any = w0, slope: Any = omega, horizon: Any = T) -> sympy.Expr:
    """I = w0 log[(c + T) u/((u + T) c)] + omega [u log(1 + T/u) - c log(1 + T/c)]; the ODE's variance is c e^{-I}.

    slope = 0 is the constant weight, whose limit T -> inf is w log(u/c).
    """
    constant = sympy.log((c + horizon) * u / ((u + horizon) * c))
    rising = u * sympy.log(1 + horizon / u) - c * sympy.log(1 + horizon / c)
    return sympy.sympify(start) * constant + sympy.sympify(slope) * rising


def neutral_slope(start: Any = w0, horizon: Any = T) -> sympy.Expr:
    """The omega of the line I = 0: at this slope w(s) = w0 + omega s leaves the ODE's variance at c."""
    return -exponent(start, 0, horizon) / exponent(0, 1, horizon)


def linear_ode(start: Any = w0, slope: Any = omega, horizon: Any = T) -> Moments:
    r"""ODE under w(s) = w0 + omega s from the noised class at s = T.

    The variance is c e^{-I}; the mean is an integral over v, where s = c (1/v^2 - 1) and v_T = sqrt(c/(c + T)):
    mu (int (1 + w) e^{-E/2} dv + v_T e^{-I/2}).
    """
    e, level, lowest = _along(start, slope, horizon)
    drift = sympy.Integral((1 + level) * sympy.exp(-e / 2), (v, lowest, 1))
    total = exponent(start, slope, horizon)
    return Moments(mu * (drift + lowest * sympy.exp(-total / 2)), c * sympy.exp(-total))


def linear_sde(start: Any = w0, slope: Any = omega, horizon: Any = T) -> Moments:
    """Reverse SDE under w(s) = w0 + omega s from the noised class: both integrals over v, see :func:`linear_ode`."""
    e, level, lowest = _along(start, slope, horizon)
    total = exponent(start, slope, horizon)
    drift = sympy.Integral((1 + level) * sympy.exp(-e) * 2 * v, (v, lowest, 1))
    spread = sympy.Integral(sympy.exp(-2 * e) * 2 * v, (v, lowest, 1))
    mean = mu * (drift + lowest**2 * sympy.exp(-total))
    return Moments(mean, c * (spread + lowest**2 * sympy.exp(-2 * total)))


def linear_sde_variance(start: Any = w0, slope: Any = omega, horizon: Any = T) -> sympy.Expr:
    """The integral of :func:`linear_sde` done: an incomplete beta function, written with 2F1.

    e^{-E} is a product of powers, (1 + s/c)^{1-a} (1 + s/u)^{-b} with a = 1 + w0 - omega c, b = omega u - w0. In
    y = 1/(c + s):  var = c^{2a} u^{2b} [y^q 2F1(2b, q; q + 1; (c - u) y)/q] from 1/(c+T) to 1/c + start,
    q = 1 + 2 omega (u - c), not zero or a negative integer.
    """
    start, slope = sympy.sympify(start), sympy.sympify(slope)
    a, b, q = 1 + start - slope * c, slope * u - start, 1 + 2 * slope * (u - c)
    primitive = lambda y: y**q / q * sympy.hyper((2 * b, q), (q + 1,), (c - u) * y)  # noqa: E731
    kept = (c / (c + horizon)) ** (2 * a) * (u / (u + horizon)) ** (2 * b) * (c + horizon)
    return c ** (2 * a) * u ** (2 * b) * (primitive(1 / c) - primitive(1 / (c + horizon))) + kept


def _along(start: Any, slope: Any, horizon: Any) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr]:
    """E and w at the place v, and v_T."""
    level = c * (1 / v**2 - 1)
    return exponent(start, slope, level), start + slope * level, sympy.sqrt(c / (c + horizon))
