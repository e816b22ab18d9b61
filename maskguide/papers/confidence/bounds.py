r"""What guidance buys: classifier confidence up, entropy down.

With a covariance that all classes share, class k is N(mu_k, Sigma). Guided samples of class c follow the
probability-flow ODE; in the eigenbasis (variances lambda_j) of Sigma, with variance-exploding noise s, V_j = lambda_j +
s and x_j = mu_cj + sqrt(V_j) y_j

    dy_j/ds = -1/2 w V_j^{-3/2} (mu_c - E[mu | x])_j,       y at s = inf standard normal, x_0 = mu_c + sqrt(lambda) y

as guidance alone moves y. The entropy of the samples differs from the class's by

    H(w) - H(0) = -1/2 int_0^inf w E[tr V^{-1} Cov(mu | x_s) V^{-1}] ds <= 0.

For any classes under the reverse SDE: 1/p(c|x_s) is a martingale of the unguided process, so that under guidance

    E[1/p(c|x_0)] = E[1/p(c|x_T)] - int_0^T w E[|grad log p(c|x_s)|^2 / p(c|x_s)] ds,     E[1/p(c|x_T)] = 1/p(c)

for samples started from the noised class. Derivations and numbers: docs/gaussian-confidence.md. Sources: Wu et al.
2024 (arXiv:2403.01639), for confidence and entropy; Li and Jiao 2025 (arXiv:2505.01382).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.closed_forms import Moments, sde_moments
from ...gaussian.mixture import Mixture
from ...gaussian.noise import variance_exploding
from ...gaussian.normals import normals
from ...gaussian.samplers import sample
from ..distortions.schedules import exploding_times

NODES = (160, 48)  # Gauss-Hermite nodes a direction, in one and in two dimensions


@dataclass(frozen=True)
class Confidence:
    """What a class's guided samples are to the exact classifier.

    Attributes
    ----------
    confidence, confidence_error : float
        E[p(c|x)] and its standard error; 0 where the expectation is a quadrature (one and two dimensions).
    reciprocal, reciprocal_error : float
        E[1/p(c|x)]: 1/p(c) without guidance.
    entropy_change, entropy_error : float
        H(w) - H(0), in nats.
    """

    confidence: float
    confidence_error: float
    reciprocal: float
    reciprocal_error: float
    entropy_change: float
    entropy_error: float


def guided_confidence(
    mixture: Mixture, label: Any, weight: float, *, count: int = 4000, nodes: int | None = None, seed: int = 0
) -> Confidence:
    """Confidence and entropy of the guided ODE's samples, from pure noise to data.

    Expectations over the starts are Gauss-Hermite sums in one and two dimensions, averages over `count` draws in more;
    the flow itself is integrated to 1e-10.

    Parameters
    ----------
    mixture : Mixture
        One component a class, all of one covariance.
    label
        The class guided to.
    weight : float
    count, seed
        Draws, in three dimensions and more.
    nodes : int, optional
        Gauss-Hermite nodes a direction; by default 160 in one dimension, 48 in two.

    Raises
    ------
    InputError
        Classes of several components, covariances that differ.

    Examples
    --------
    >>> two = Mixture([[-1.0], [1.0]], labels=["left", "right"])
    >>> found = guided_confidence(two, "right", 0.0)
    >>> round(found.reciprocal, 6), found.entropy_change
    (2.0, 0.0)
    """
    means, variances = _shared(mixture)
    own = _component(mixture, label)
    starts, shares = _starts(mixture.dimension, nodes, count, seed)
    y, entropy = _flow(means - means[own], variances, mixture.weights, _checks.weight(weight), starts)
    own_chance = np.exp(-_log_reciprocal(y, (means - means[own]) / np.sqrt(variances), mixture.weights, own))
    return Confidence(*(f for v in (own_chance, 1 / own_chance, entropy) for f in _mean(v, shares)))


def _shared(mixture: Mixture) -> tuple[np.ndarray, np.ndarray]:
    """Means (C, d) in the eigenbasis of the one covariance, and its eigenvalues (d,)."""
    covariances, size = mixture.covariances(), float(np.abs(mixture.variances).max())
    if len(mixture.classes) != len(mixture.means) or np.abs(covariances - covariances[0]).max() > 1e-12 * size:
        _checks.fail(
            f"{len(mixture.means)} components in {len(mixture.classes)} classes, or covariances that differ",
            "one component a class, all of one covariance",
            "Mixture(means, covariance, labels=[...]) with a label for each mean",
        )
    variances, axes = np.linalg.eigh(covariances[0])
    return mixture.means @ axes, variances


def _component(mixture: Mixture, label: Any) -> int:
    mixture.given(label)  # an unknown label is an error
    return mixture.labels.index(label)


def _starts(d: int, nodes: int | None, count: int, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Standard normal points (n, d) and their shares; None for draws."""
    if d > 2:
        return normals(_checks.seed(seed), _checks.integer(count, "count", 2), d, 0), None
    n = _checks.integer(NODES[d - 1] if nodes is None else nodes, "nodes", 1)
    x, g = np.polynomial.hermite_e.hermegauss(n)
    held = g > 1e-30 * g.max()
    x, g = x[held], g[held] / g.sum()
    points = np.stack(np.meshgrid(*[x] * d, indexing="ij"), axis=-1).reshape(-1, d)
    return points, (g if d == 1 else np.outer(g, g)).ravel()


def _flow(
    deltas: np.ndarray, variances: np.ndarray, weights: np.ndarray, w: float, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """End points y and the change of log density, along v from 0 to 1 with s = s0 (1/v^2 - 1).

    With q_j = v^2 V_j the right-hand side is smooth from noise to data: delta = mu_k - mu_c, rho_k = P(k | x),
    dy_j/dv = -w s0 q_j^{-3/2} sum_k rho_k delta_kj, d(log det)/dv = -w s0 v sum_j Cov_jj(delta) / q_j^2.
    """
    from scipy.integrate import solve_ivp

    n, d = y.shape
    middle = float(np.exp(np.log(variances).mean()))

    def rate(v: float, flat: np.ndarray) -> np.ndarray:
        q = v**2 * variances + middle * (1 - v**2)
        shifts = v * deltas / np.sqrt(q)
        rho = _posterior(flat[: n * d].reshape(n, d), shifts, weights)
        mean = rho @ deltas
        spread = (rho @ deltas**2 - mean**2) @ (v / q**2)
        return np.concatenate([(-w * middle * mean / q**1.5).ravel(), -w * middle * spread])

    start = np.concatenate([y.ravel(), np.zeros(n)])
    end = solve_ivp(rate, (0.0, 1.0), start, method="DOP853", rtol=1e-10, atol=1e-10).y[:, -1]
    return end[: n * d].reshape(n, d), end[n * d :]


def _logits(y: np.ndarray, shifts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """log pi_k + y . d_k - |d_k|^2 / 2: the classes' log chances at the point y, up to a constant (n, C)."""
    with np.errstate(divide="ignore"):
        return np.log(weights) + y @ shifts.T - 0.5 * (shifts**2).sum(axis=1)


def _posterior(y: np.ndarray, shifts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    logits = _logits(y, shifts, weights)
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    return chances / chances.sum(axis=1, keepdims=True)


def _log_reciprocal(y: np.ndarray, shifts: np.ndarray, weights: np.ndarray, own: int) -> np.ndarray:
    """-log p(c | y)."""
    from scipy.special import logsumexp

    logits = _logits(y, shifts, weights)
    return logsumexp(logits, axis=1) - logits[:, own]


def _mean(values: np.ndarray, shares: np.ndarray | None) -> tuple[float, float]:
    """Mean and standard error; no error where the shares are those of a quadrature."""
    if shares is None:
        return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    return float(shares @ values), 0.0


# The reciprocal along the reverse SDE ---------------------------------------------------------------------


@dataclass(frozen=True)
class Reciprocal:
    """Both sides of the balance of E[1/p(c|x)] under the guided reverse SDE.

    Attributes
    ----------
    unguided : float
        1/p(c).
    direct, direct_error : float
        E[1/p(c|x_0)] of the guided samples.
    balance, balance_error : float
        1/p(c) - int w E[|grad log p(c|x_s)|^2 / p(c|x_s)] ds along their paths.
    """

    unguided: float
    direct: float
    direct_error: float
    balance: float
    balance_error: float


def gaussian_reciprocal(c: float, u: float, mu: float, prior: float, weight: float) -> Reciprocal:
    """In one dimension, without draws: class N(mu, c) of chance `prior` in a total N(0, u), u > c, from s = inf.

    1/p(c|x) = p_u/(prior p_c) is the exponential of a quadratic and the samples stay Gaussian, so each expectation is
    a Gaussian integral; the balance's one integral over s is a quadrature to 1e-12.

    Raises
    ------
    InputError
        u <= c, or prior p_c > p_u somewhere: then N(0, u) is no total of such a class.
    """
    from scipy.integrate import quad

    if not 0 < c < u < np.inf:
        _checks.fail(f"c = {c:g}, u = {u:g}", "0 < c < u: the total is wider than its class", "change the variances")
    most = float(np.sqrt(c / u) * np.exp(-(mu**2) / (2 * (u - c))))
    if not 0 < prior <= most:
        _checks.fail(f"prior = {prior:g}", f"0 < prior <= {most:.4g} = min p_u / p_c", "a smaller prior")
    w = _checks.weight(weight)

    def lost(v: float) -> float:
        s = c * (1 / v**2 - 1)
        return w * _tilted_mean(c + s, u + s, mu, w, gradient=True) * 2 * c / v**3 / prior

    spent = quad(lost, 1e-8, 1, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
    return Reciprocal(1 / prior, _tilted_mean(c, u, mu, w) / prior, 0.0, 1 / prior - spent, 0.0)


def _tilted_mean(c: float, u: float, mu: float, w: float, gradient: bool = False) -> float:
    """E[p_u/p_c], or E[(d log(p_c/p_u)/dx)^2 p_u/p_c], over the SDE's guided law N(m, V) at variances c, u."""
    guided: Moments = sde_moments(c, u, mu, w)
    m, spread = float(guided.mean), float(guided.variance)
    precision = 1 / spread - 1 / c + 1 / u
    at = (m / spread - mu / c) / precision
    height = 0.5 * (at**2 * precision - m**2 / spread + mu**2 / c)
    size = np.sqrt(c / (u * spread * precision)) * np.exp(height)
    slope, offset = 1 / u - 1 / c, mu / c
    return float(size * ((slope * at + offset) ** 2 + slope**2 / precision if gradient else 1.0))


def sampled_reciprocal(
    mixture: Mixture, label: Any, weight: float, *, count: int = 2000, steps: int = 400, horizon: float = 100.0,
    seed: int = 0,
) -> Reciprocal:  # fmt: skip
    """The same for any mixture, from paths of the reverse SDE (Euler-Maruyama) that start from the noised class.

    Parameters
    ----------
    mixture, label, weight
        Any classes, of any number of components and covariances.
    count, steps, seed
        Paths, and steps: equal in log(least variance + s).
    horizon : float
        Noise variance at which the paths start.

    Returns
    -------
    Reciprocal
        The two sides differ by the error of the steps, which is of first order, and by that of the paths.
    """
    from scipy.integrate import trapezoid

    own, prior = mixture.given(label), float(mixture.weights[[mine == label for mine in mixture.labels]].sum())
    _checks.integer(count, "count", 2)
    noise, times = variance_exploding(horizon), exploding_times(horizon, float(mixture.variances.min()), steps)
    run = sample(own, mixture, weight, method="euler-maruyama", process=noise, times=times, count=count, seed=seed,
                 initial="class", keep=True)  # fmt: skip
    assert run.path is not None
    levels = horizon * times
    values = [_along(own, mixture, prior, x, s) for x, s in zip(run.path, levels, strict=True)]
    lost = -trapezoid([v[1] for v in values], levels, axis=0)
    direct, balance = _mean(values[-1][0], None), _mean(1 / prior - weight * lost, None)
    return Reciprocal(1 / prior, *direct, *balance)


def _along(own: Mixture, mixture: Mixture, prior: float, x: np.ndarray, s: float) -> tuple[np.ndarray, np.ndarray]:
    """1/p(c|x_s) and |grad log p(c|x_s)|^2 / p(c|x_s) at points x (n, d)."""
    c, u = own.predict(x, 1.0, np.sqrt(s)), mixture.predict(x, 1.0, np.sqrt(s))
    reciprocal = np.exp(u.log_density - c.log_density) / prior
    return reciprocal, ((c.score - u.score) ** 2).sum(axis=1) * reciprocal
