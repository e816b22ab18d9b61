r"""Angle-domain guidance: norm growth and the anomalous region in closed form.

c and u are the conditional and the unconditional prediction, theta their angle, r = |u| / |c|, omega = 1 + w.

    linear   |guided|^2 / |c|^2 = 1 + 2 w (1 - r cos theta) + w^2 (1 - 2 r cos theta + r^2)
    angle    |guided|^2 / |c|^2 = 1 + sin(2 theta_w) sin(theta) <= 2,   theta_w = clip(w theta, pi / 3)

A point is anomalous where <guided, c> <= 0. Under linear guidance that says that c lies in the ball of which 0 and
(w / omega) u are opposite ends (Thales). Angle-domain guidance has no such x0-prediction: cos(guided, c) >= 1/2.
Where both predictions are affine in x, as for one Gaussian class against a Gaussian total, the region is a ball in
x too, or the outside of one.

Derivations, measured numbers, what was reproduced: docs/gaussian-angle.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.noise import Level
from ...gaussian.rules import CLIP, DEGENERATE


def angle(c: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The angle between vectors (..., d), in [0, pi], exact at both ends (Kahan); 0 where one is 0."""
    c, u = (v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-300) for v in (c, u))
    return 2 * np.arctan2(np.linalg.norm(c - u, axis=-1), np.linalg.norm(c + u, axis=-1))


def linear_growth(theta: Any, ratio: Any, omega: Any) -> Any:
    """|guided| / |c| of linear guidance from the angle theta, ratio = |u| / |c| and omega."""
    w, along = np.asarray(omega) - 1.0, ratio * np.cos(theta)
    return np.sqrt(np.maximum(1 + 2 * w * (1 - along) + w**2 * (1 - 2 * along + np.square(ratio)), 0.0))


def angle_growth(theta: Any, omega: Any) -> Any:
    """|guided| / |c| of angle-domain guidance, the branch sin theta <= 1e-3 included; theta in [0, pi].

    At most sqrt(2) outside of that branch, and sqrt(2) only at theta = pi / 2, omega = 3/2.

    >>> round(float(angle_growth(np.pi / 3, 1.78)), 8)
    1.36539976
    """
    w, sine = np.asarray(omega) - 1.0, np.sin(theta)
    turned = np.clip(w * np.asarray(theta), -CLIP, CLIP)
    flat = np.cos(turned) ** 2 + (w**2 + 2 * w * np.cos(turned)) * sine**2
    return np.sqrt(np.where(sine > DEGENERATE, 1 + np.sin(2 * turned) * sine, flat))


def is_anomalous(guided: np.ndarray, conditional: np.ndarray) -> np.ndarray:
    """<guided, conditional> <= 0, for (..., d)."""
    return (guided * conditional).sum(-1) <= 0


def critical_scale(conditional: np.ndarray, unconditional: np.ndarray) -> np.ndarray:
    """The omega from which on linear guidance is anomalous at predictions (..., d): 1 + |c|^2 / <c, u - c>, or inf.

    <c + w (c - u), c> = |c|^2 - w <c, u - c> falls with w if <c, u - c> > 0, and never reaches 0 otherwise: regions
    of larger omega hold those of smaller ones.
    """
    square, falls = (conditional**2).sum(-1), (conditional * (unconditional - conditional)).sum(-1)
    return 1 + np.divide(square, falls, out=np.full_like(square, inf), where=falls > 0)


@dataclass(frozen=True)
class Region:
    """A ball, or what lies outside of it.

    Attributes
    ----------
    centre : (d,)
    radius : float
    outside : bool
        Whether the region is the outside.
    """

    centre: np.ndarray
    radius: float
    outside: bool

    def contains(self, x: Any) -> np.ndarray:
        """Whether points (..., d) are in it, boundary included."""
        far = ((np.asarray(x) - self.centre) ** 2).sum(-1) - self.radius**2
        return far >= 0 if self.outside else far <= 0


def anomalous_ball(u: Any, omega: float) -> Region:
    """The c that are anomalous under linear guidance away from u, (d,): centre (w / 2 omega) u, radius its length."""
    u = np.asarray(u, dtype=float)
    w = _weight(omega)
    centre = w / (2 * (1 + w)) * u
    return Region(centre, float(np.linalg.norm(centre)), False)


def anomalous_region(
    mean: Any, variance: float, total: float, omega: float, level: Level, prediction: str = "score"
) -> Region:
    """The x that are anomalous under linear guidance, class N(mean, variance I) against N(0, total I), omega > 1.

    With c(x) = A (x - p) and u(x) = B x, guided = G (x - r), G = omega A - w B, r = omega A p / G: the ball of which
    p, the conditional's zero, and r, the guided zero, are opposite ends; the outside of it if A G < 0.

        score   A = -1 / (a^2 variance + sigma^2),   p = a mean,   B the same with total
        x0      A = a variance / (a^2 variance + sigma^2),   p = -(sigma^2 / a variance) mean,   B likewise

    Raises InputError where G = 0 (a half space), and for x0 where a = 0 (both predictions constant).
    """
    w, mean = _weight(omega), np.asarray(mean, dtype=float)
    noised_c, noised_u = (level.scale**2 * v + level.variance for v in (variance, total))
    if _checks.choice(prediction, ["score", "x0"], "prediction") == "score":
        A, B, p = -1 / noised_c, -1 / noised_u, level.scale * mean
    else:
        if level.scale == 0:
            _checks.fail("x0 at pure noise", "a(t) > 0: there both predictions are constant", "take t < 1")
        A, B = level.scale * variance / noised_c, level.scale * total / noised_u
        p = -level.variance / (level.scale * variance) * mean
    G = (1 + w) * A - w * B
    if G == 0:
        _checks.fail("the guided prediction is constant", "omega A != w B", "move omega a little")
    r = (1 + w) * A / G * p
    return Region((p + r) / 2, float(np.linalg.norm(p - r)) / 2, A * G < 0)


def anomalous_probability(mean: Any, variance: float, total: float, omega: float, level: Level) -> float:
    """P(the score at a noised point of the class is anomalous): chi^2_d(rho; rho) of non-centrality rho.

    rho = |r - p|^2 / 4 V_c for the region's ends p, r and V_c = a^2 variance + sigma^2; in the plane it is
    (1 - exp(-rho) I_0(rho)) / 2. Needs total >= variance, so that the region is a ball.
    """
    from scipy.stats import ncx2

    region = anomalous_region(mean, variance, total, omega, level)
    if region.outside:
        _checks.fail(f"variance {variance} above total {total}", "total >= variance", "widen the total")
    rho = region.radius**2 / (level.scale**2 * variance + level.variance)
    return float(ncx2.cdf(rho, len(region.centre), rho)) if rho > 0 else 0.0


def two_class_boundary(along: Any, strength: float, omega: float) -> Any:
    """Squared distance from the axis up to which a point is anomalous (score), class N(mu) against 1/2 N(+-mu).

    In units of a |mu|, at `along` times a mu: (along - 1) (1 + w (1 - tanh(strength along)) - along), negative where
    no point is; strength = a^2 |mu|^2 / V, V = a^2 variance + sigma^2. From along = 1 to the guided score's zero.
    """
    along = np.asarray(along, dtype=float)
    return (along - 1) * (1 + _weight(omega) * (1 - np.tanh(strength * along)) - along)


def _weight(omega: float) -> float:
    """w = omega - 1 > 0: without guidance no point is anomalous but where the conditional is 0."""
    if not (isfinite(_checks.real(omega, "omega")) and omega > 1):
        _checks.fail(f"omega = {omega}", "omega > 1, finite", "1 is the conditional itself")
    return float(omega) - 1
