r"""Guidance rules on two predictions c (conditional) and u (unconditional or negative): guided = A c + B u.

Each rule gives the coefficients (A, B), numbers or one for each point, from the pair. Where A + B = 1 the
combination is the same for score, eps, x0 and velocity; otherwise the rule's own space is kept. omega = 1 + w.

    linear       A = 1 + w, B = -w                                       (Ho, Salimans 2022)
    contrastive  the same with u the prediction of a negative class
    power        A = 1 + w |eps_c - eps_u|^p, B = 1 - A, or of scores    (power-law guidance)
    rectified    A = 1 + w, B = -w ratio(t), on eps                      (ReCFG)
    angle        x0 turned from x_c away from x_u by clip(w theta, pi/3) (ADG), on x0

Compared with the authors' code where it is public, and with the papers' formulas: docs/gaussian-angle.md, Sources.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, pi
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import namespace
from .._registry import Registry

CLIP = pi / 3
DEGENERATE = 1e-3  # sin(theta) up to which the turn is taken as a shift


@dataclass(frozen=True)
class GaussianRule:
    """How the predictions of two models combine into a guided one, A pred_c + B pred_u.

    Attributes
    ----------
    name : str
        What it is called.
    space : str
        "eps" or "x0", the prediction that the coefficients are for; "any" where they sum to one.
    reads : str
        "none", "eps", "score" or "x0": the pair that the coefficients are computed from.
    coefficients : callable
        (c, u, w, t) -> (A, B), numbers or (n, 1).
    lacks : str
        What a rule needs that its name does not say; it is there to be named in an error.
    """

    name: str
    space: str
    reads: str
    coefficients: Callable[[Any, Any, float, float], tuple[Any, Any]]
    lacks: str = ""


LINEAR = GaussianRule("linear", "any", "none", lambda c, u, w, t: (1 + w, -w))


def power_law(power: float = 1.0, of: str = "eps") -> GaussianRule:
    """Guidance that grows with what there is to correct: s_c + w |difference|^power (s_c - s_u).

    Source: Pavasovic et al., arXiv:2502.07849 (scores, power 0.9).

    Parameters
    ----------
    power : float
        Finite, above -1; 0 is linear guidance.
    of : str
        "eps": |eps_c - eps_u|, root mean square over coordinates, so that one weight serves all dimensions and noise
        processes. "score": |s_c - s_u|, Euclidean, as published: the same at the weight w (sqrt(d) / sigma(t))^power,
        without bound towards the data.

    Returns
    -------
    GaussianRule
        Of weight w >= -1.

    Raises
    ------
    InputError
        A power out of range, or another word for `of`.
    """
    if not -1 < _checks.real(power, "power") < inf:
        _checks.fail(f"power = {power}", "power > -1, finite", "0 is linear guidance")
    by_score = _checks.choice(of, ["eps", "score"], "difference") == "score"

    def coefficients(c: Any, u: Any, w: float, t: float) -> tuple[Any, Any]:
        squares = (c - u) ** 2
        gap = (squares.sum(-1) if by_score else squares.mean(-1))[:, None]
        xp = namespace(gap)
        grown = w * xp.where(gap > 0, gap, xp.ones_like(gap)) ** (power / 2)
        return 1 + grown, -grown

    return GaussianRule(f"power({power:g})", "any", of, coefficients)


def rectified(ratio: float | np.ndarray | Callable[[float], Any]) -> GaussianRule:
    """Rectified guidance, eps = (1 + w) eps_c - w ratio(t) eps_u.

    The ratio is what :func:`moment_ratio` or :func:`regression_ratio` measures; ratio 1 is linear guidance. In the
    terms of ReCFG (Xia et al., arXiv:2410.18737) gamma_1 = 1 + w, gamma_0 = -w ratio.

    Parameters
    ----------
    ratio : float, array of shape (d,), or callable
        A number, one a coordinate, or t -> either.

    Returns
    -------
    GaussianRule
        Of weight w >= -1.
    """
    at = ratio if callable(ratio) else lambda t: ratio
    return GaussianRule("rectified", "eps", "none", lambda c, u, w, t: (1 + w, -w * at(t)))


def moment_ratio(c: Any, u: Any) -> Any:
    """Ratio E[eps_c] / E[eps_u] for each coordinate: with it the guided mean of eps is that of eps_c.

    Under p_t(x | c) itself E[eps_c] = 0. Source: the closed form of arXiv:2410.18737,
    gamma_0 = (1 - gamma_1) E[eps_c] / E[eps_u].

    Parameters
    ----------
    c, u : array or tensor, shape (n, d)
        eps predicted by the conditional and the unconditional model, at points of the law that the expectation is over.

    Returns
    -------
    array or tensor, shape (d,)
        For :func:`rectified`.

    Raises
    ------
    InputError
        A coordinate whose denominator is zero.
    """
    below = u.mean(0)
    if bool((below == 0).any()):
        _checks.fail("E[eps_u] = 0", "the moment ratio divides by it", "use regression_ratio")
    return c.mean(0) / below


def regression_ratio(c: Any, u: Any) -> Any:
    """Ratio E[eps_c eps_u] / E[eps_u^2] for each coordinate: the multiple of eps_u nearest to eps_c.

    Source: what the code of arXiv:2410.18737 tabulates for each class, step and pixel, over noised samples of the class
    (a table entry is 0 where E[eps_u^2] = 0; here that is refused).

    Parameters
    ----------
    c, u : array or tensor, shape (n, d)
        eps predicted by the conditional and the unconditional model, at points of the law that the expectation is over.

    Returns
    -------
    array or tensor, shape (d,)
        For :func:`rectified`.

    Raises
    ------
    InputError
        A coordinate whose denominator is zero.
    """
    below = (u * u).mean(0)
    if bool((below == 0).any()):
        _checks.fail("E[eps_u^2] = 0", "the regression ratio divides by it", "give points where eps_u is not 0")
    return (c * u).mean(0) / below


def _turn(c: Any, u: Any, w: float, t: float) -> tuple[Any, Any]:
    """Coefficients of cos(theta_w) x_c + sin(theta_w) / sin(theta) e, e = (x_c - x_u) less its part along x_u.

    Source: Jin et al., arXiv:2506.11039. Their code has 3.14/3 for pi/3, max(w, 0) + 1e-3 for w, arccos for arctan2.
    """
    xp = namespace(c)
    cu, uu = (c * u).sum(-1)[:, None], (u * u).sum(-1)[:, None]
    size = xp.where(uu > 0, uu, xp.ones_like(uu))
    aside = c - cu / size * u  # = e
    sine_size, cosine_size = (aside * aside).sum(-1)[:, None] ** 0.5, cu / size**0.5
    theta = xp.arctan2(sine_size, cosine_size)
    sine = xp.sin(theta)
    turned = xp.clip(w * theta, -CLIP, CLIP)
    flat = sine <= DEGENERATE
    grow = xp.where(flat, w + 0 * sine, xp.sin(turned) / xp.where(flat, xp.ones_like(sine), sine))
    return xp.cos(turned) + grow, -grow * cu / size


ANGLE = GaussianRule("angle", "x0", "x0", _turn)
RULES = Registry(
    "rule",
    GaussianRule,
    "maskguide.gaussian.rules",
    (
        LINEAR,
        GaussianRule("contrastive", "any", "none", LINEAR.coefficients),
        power_law(),
        GaussianRule("rectified", "eps", "none", LINEAR.coefficients, lacks="ratio"),
        ANGLE,
    ),
    {"power": "power(1)"},
)


def rule(name_or_rule: str | GaussianRule) -> GaussianRule:
    """A rule of Gaussian guidance by name, or as given.

    Parameters
    ----------
    name_or_rule : str or GaussianRule
        "linear", "contrastive", "power", "angle", or a rule of one's own.

    Returns
    -------
    GaussianRule
        The rule.

    Raises
    ------
    InputError
        An unknown name, or a name that does not say all that its rule needs ("rectified").
    """
    found = RULES.named(name_or_rule)
    if found.lacks:
        _checks.fail(f"rule {found.name!r} by name", f"it needs its {found.lacks}", f"{found.name}({found.lacks})")
    return found


def combine(name_or_rule: str | GaussianRule, c: Any, u: Any, w: float, t: float = 0.0) -> Any:
    """The guided prediction from two predictions in the rule's own space.

    Parameters
    ----------
    name_or_rule : str or GaussianRule
        As for :func:`rule`.
    c, u : array or tensor, shape (n, d)
        Conditional and unconditional prediction.
    w : float
        w >= -1.
    t : float
        Time in [0, 1], for rules that look at it.

    Returns
    -------
    array or tensor, shape (n, d)
        The guided prediction.

    Raises
    ------
    InputError
        An unknown rule, a weight below -1, or arrays of different shapes.

    Examples
    --------
    >>> combine("angle", np.array([[1.0, 0.0]]), np.array([[0.5, 3**0.5 / 2]]), 0.78).round(4)
    array([[ 1.3159, -0.3645]])
    """
    if c.shape != u.shape or c.ndim != 2:
        _checks.fail(f"shapes {tuple(c.shape)} and {tuple(u.shape)}", "both (n, d)", "predict at the same points")
    A, B = rule(name_or_rule).coefficients(c, u, _checks.weight(w), t)
    return A * c + B * u
