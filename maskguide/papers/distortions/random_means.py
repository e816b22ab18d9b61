"""Many Gaussian classes with random means: how much variance guidance takes from K = e^{alpha d} of them.

Class means are N(0, between) and a class has variance `within` in each of d directions. The total's score is that of
one Gaussian while many classes compete, and that of the own class once a point tells its class: guidance acts
until then. Simulation with exact scores, in blocks of components, two predictions for d -> inf, and a simulation of
one class against the mean density of its competitors, which reaches dimensions where these cannot be listed.

Derivations and measured numbers: docs/gaussian-distortions.md. Source: Ventura et al..
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import exp, log, log1p, sqrt
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.closed_forms import ode_moments
from ...gaussian.mixture import Mixture
from .schedules import DYNAMICS

Posterior = Callable[[np.ndarray, float], np.ndarray]  # (points, v) to E[mu_k | x]
FAR = (
    1e7  # noise variance at which simulations start, in units of within + between: the start's mean is w sqrt(c/s) off
)
GRID_POWER = 1 / 8  # steps are equal in v^(-1/8): near data much like log v, wide where the target hardly moves


def critical_rate(within: float = 1.0, between: float = 1.0) -> float:
    """alpha* = 1/2 log(1 + between/within): among more classes than e^{alpha* d} no typical point tells its own."""
    return 0.5 * log1p(between / within)


def typical_switch(alpha: float, within: float = 1.0, between: float = 1.0) -> float:
    """Noise variance below which a class's own noised points are told apart from e^{alpha d} others, d -> inf.

    s* = between/(e^{2 alpha} - 1) - within, from alpha = 1/2 log(1 + between/(within + s)); 0 beyond alpha*. Above
    s* the total's score is that of N(0, within + between + s), below it the class's own, and guidance is silent.
    """
    return max(0.0, between / np.expm1(2 * alpha) - within) if alpha > 0 else np.inf


def guided_switch(alpha: float, weight: float, within: float = 1.0, between: float = 1.0) -> float:
    """The same on the guided path, whose points are not typical: they are too far out and too close together.

    With m and V the ODE's mean factor and variance at noise s while guidance acts, the own class wins where

        -[(m - 1)^2 b + V]/2v >= g(m^2 b + V),    v = within + s, b = between,

    g the free energy (per dimension) of e^{alpha d} random means seen from a point of squared length (per dimension)
    r; see :func:`competitors`. 0 where the other classes win down to s = 0.
    """

    if alpha <= 0:
        return np.inf
    lead = lambda log_v: _lead(log_v, alpha, weight, between)  # noqa: E731
    low, high = log(within), log(FAR * max(within + between, between / np.expm1(2 * alpha)))
    if lead(low) <= 0:
        return 0.0
    return exp(_root(lead, low, high)) - within if lead(high) < 0 else np.inf


def guided_critical_rate(weight: float, within: float = 1.0, between: float = 1.0) -> float:
    """The alpha from which on guidance never stops (:func:`guided_switch` is 0); at weight 0 the critical rate."""
    star = critical_rate(within, between)
    return _root(lambda alpha: _lead(log(within), alpha, weight, between), star / 2, 100 * star)


def _lead(log_v: float, alpha: float, weight: float, between: float) -> float:
    """How far, per dimension, the own class leads on the guided path at noise variance v of a class."""
    v = exp(log_v)
    path = ode_moments(v, v + between, 1.0, weight)
    own = -((path.mean - 1) ** 2 * between + path.variance) / (2 * v)
    return float(own - competitors(path.mean**2 * between + path.variance, alpha, v, between))


def competitors(r: float, alpha: float, v: float, between: float = 1.0) -> float:
    """lim (1/d) log of the sum over e^{alpha d} means of exp(-|x - mu_k|^2 / 2v), |x|^2 = r d, means N(0, between).

    Means near the posterior N(x b/(b + v'), b v'/(b + v')) exist while its divergence from the prior is at most
    alpha; v' = v if that holds, otherwise the sum is ruled by its few largest terms, at the v' > v where it is alpha.
    """

    def divergence(log_v: float) -> float:
        q = exp(log_v) / (between + exp(log_v))
        return 0.5 * (-log(q) + q - 1 + (1 - q) ** 2 * r / between)

    at, most = log(v), log(v)
    if divergence(at) > alpha:
        while divergence(most) > alpha:
            most += 2
        at = _root(lambda x: divergence(x) - alpha, at, most)
    q = exp(at) / (between + exp(at))
    return alpha - divergence(at) - (r * q**2 + between * q) / (2 * v)


def predicted_loss(
    alpha: float, weight: float, within: float = 1.0, between: float = 1.0, path: str = "typical"
) -> tuple[float, float]:
    """(Var/c, factor on the class means) of the ODE for d -> inf.

    Guidance acts as against N(0, within + between) until the switch s*, then stops: Var/c = [(c + s*)/(u + s*)]^w,
    and what the means are beyond their class shrinks by sqrt(c/(c + s*)). For typical points Var/c is
    exp(-2 w min(alpha, alpha*)): variance is lost at every positive alpha, none when K is sub-exponential (alpha = 0).

    Parameters
    ----------
    path : "typical" or "guided"
        Which points decide the switch: :func:`typical_switch` or :func:`guided_switch`.
    """
    if _checks.choice(path, ("typical", "guided"), "path") == "typical":
        switch = typical_switch(alpha, within, between)
    else:
        switch = guided_switch(alpha, weight, within, between)
    if switch == np.inf:
        return 1.0, 1.0
    v = within + switch
    at = ode_moments(v, v + between, 1.0, weight)
    return float(at.variance / v), 1 + float(at.mean - 1) * sqrt(within / v)


@dataclass(frozen=True)
class Loss:
    """Simulated distortion of random classes.

    Attributes
    ----------
    dimension : int
        d.
    alpha : float
        log K / d.
    ratio, ratio_error : float
        Variance within a guided class over the class's own, mean over classes, and its standard error.
    mean_factor : float
        Regression of guided class means on the true ones: 1 without guidance.
    """

    dimension: int
    alpha: float
    ratio: float
    ratio_error: float
    mean_factor: float


def random_means(
    dimension: int,
    classes: int,
    weight: float,
    *,
    within: float = 1.0,
    between: float = 1.0,
    dynamics: str = "ode",
    samples: int = 64,
    problems: int = 8,
    steps: int = 64,
    seed: int = 0,
) -> Loss:
    """Guided samples of K Gaussian classes N(mu_k, within), mu_k ~ N(0, between), equal weights, with exact scores.

    Parameters
    ----------
    dimension, classes : int
        d, K.
    samples, problems : int
        Samples of one class, at least two, and the number of independent sets of means, one class taken of each.
    steps : int
        Heun steps, equal in (within + s)^(-1/8), from s = 1e7 (within + between).

    Returns
    -------
    Loss
    """
    alpha = log(_checks.integer(classes, "classes", 1)) / _checks.integer(dimension, "dimension", 1)

    def own_mean_and_posterior(draw: np.random.Generator) -> tuple[np.ndarray, Posterior]:
        mu = draw.normal(0, sqrt(between), (classes, dimension))
        return mu[0], partial(posterior_mean, Mixture(mu, within), within)

    return _simulated(own_mean_and_posterior, dimension, alpha, weight, within, between, dynamics,
                      samples, problems, steps, seed)  # fmt: skip


def mean_density(
    dimension: int,
    alpha: float,
    weight: float,
    *,
    within: float = 1.0,
    between: float = 1.0,
    dynamics: str = "ode",
    samples: int = 64,
    problems: int = 8,
    steps: int = 64,
    seed: int = 0,
) -> Loss:
    """The same for a class among e^{alpha d} - 1 others that enter by their mean density, N(0, within + between + s).

    A point belongs to its class with chance p, 1/p = 1 + (K - 1) N(x; 0, b + v)/N(x; mu, v), and E[mu_k | x] is
    p mu + (1 - p) x b/(b + v). Any d and alpha > 0; fluctuations of the other classes are left out. A switch is sharp
    where d is large, and needs many steps. Other parameters as for :func:`random_means`.
    """
    if not 0 < _checks.real(alpha, "alpha") < np.inf:
        _checks.fail(f"alpha = {alpha}", "0 < alpha = log K / d < inf", "random_means takes any number of classes")
    others = alpha * dimension + log(-np.expm1(-alpha * dimension))

    def own_mean_and_posterior(draw: np.random.Generator) -> tuple[np.ndarray, Posterior]:
        mu = draw.normal(0, sqrt(between), dimension)
        return mu, partial(_mean_posterior, mu, others, between)

    return _simulated(own_mean_and_posterior, dimension, alpha, weight, within, between, dynamics, samples, problems,
                      steps, seed)  # fmt: skip


def _simulated(
    own_mean_and_posterior: Callable[[np.random.Generator], tuple[np.ndarray, Posterior]], dimension: int, alpha: float,
    weight: float, within: float, between: float, dynamics: str, samples: int, problems: int, steps: int, seed: int,
) -> Loss:  # fmt: skip
    _checks.choice(dynamics, DYNAMICS, "dynamics")
    for name, value in {"dimension": dimension, "problems": problems, "steps": steps}.items():
        _checks.integer(value, name, 1)
    _checks.integer(samples, "samples", 2)
    draw, levels = np.random.default_rng(_checks.seed(seed)), _levels(within, within + between, steps)
    ratios, means, truth = [], [], []
    for _ in range(problems):
        mu, posterior = own_mean_and_posterior(draw)
        x = mu + sqrt(levels[0]) * draw.normal(size=(samples, dimension))
        x = _descend(x, mu, posterior, _checks.weight(weight), levels, dynamics, draw)
        ratios.append(x.var(axis=0, ddof=1).mean() / within)
        means.append(x.mean(axis=0))
        truth.append(mu)
    factor = np.vdot(means, truth) / np.vdot(truth, truth)
    error = np.std(ratios, ddof=1) / sqrt(problems) if problems > 1 else np.nan
    return Loss(dimension, alpha, float(np.mean(ratios)), float(error), float(factor))


def _levels(within: float, total: float, steps: int) -> np.ndarray:
    """Variances v = within + s of a noised class, decreasing to `within`."""
    far = within + FAR * total
    return within * np.linspace((far / within) ** -GRID_POWER, 1, steps + 1) ** (-1 / GRID_POWER)


def _root(function: Any, low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high))  # type: ignore[arg-type]


def _descend(x, mu, posterior, weight, levels, dynamics, draw) -> np.ndarray:
    """Heun in the target y = mu + w (mu - posterior mean): a step is exact where y is constant."""
    power = 0.5 if dynamics == "ode" else 1.0
    target = lambda x, v: mu + weight * (mu - posterior(x, v))  # noqa: E731
    for v, after in pairwise(levels):
        kept = (after / v) ** power
        noise = sqrt(after * (1 - after / v)) * draw.normal(size=x.shape) if dynamics == "sde" else 0.0
        step = lambda y, x=x, kept=kept, noise=noise: y + (x - y) * kept + noise  # noqa: E731
        first = target(x, v)
        x = step((first + target(step(first), after)) / 2)
    return x


def posterior_mean(others: Mixture, within: float, x: np.ndarray, v: float) -> np.ndarray:
    """E[mu_k | x] = x + v score where components have variance `within` and, with the noise, v."""
    return x + v * others.score(x, 1.0, sqrt(max(v - within, 0.0)))


def _mean_posterior(mu: np.ndarray, log_others: float, between: float, x: np.ndarray, v: float) -> np.ndarray:
    from scipy.special import expit

    d, wide = len(mu), v + between
    lead = (x**2).sum(axis=1) / (2 * wide) - ((x - mu) ** 2).sum(axis=1) / (2 * v) + d / 2 * log(wide / v)
    p = expit(lead - log_others)[:, None]
    return p * mu + (1 - p) * x * between / wide
