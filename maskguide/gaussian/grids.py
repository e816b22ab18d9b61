r"""Time grids for guided samplers: the usual ones, and grids whose steps follow the denoising losses (MMSE curves).

With r = a / sigma and z = x / sigma the guided flow is dz/dr = x0_w, x0_w = x0_c + w (x0_c - x0_u), and DDIM (Euler
under flow matching) is its Euler step: it errs by h^2/2 dx0_w/dr, of which J(r) arrives at the data. The sum of
h^2 e, e = J |dx0_w/dr|, over K steps is least where all have the same share of int sqrt(e) dr. Losses give e:

    mmse(r) = E|x_0 - E[x_0 | x]|^2        B(r)^2 = E|E[x_0 | x] - E x_0|^2 = tr Cov x_0 - mmse(r)
    D(r)^2 = E|x0_c - x0_u|^2, the unconditional denoiser's loss on the class less mmse(r)
    |dx0_w/dr| <- B' + sqrt(|w|) |D'|      J(r) <- exp(-int_0^r s mmse(s) ds / d)

all of the class. B' is the least rms of dx0/dr that the loss allows, r mmse the mean divergence of x0(z, r). For
N(mu, c I) both are exact and e = c^(3/2) / (1 + c r^2)^2: a / sigma = tan(pi k / 2K) / sqrt(c), the tangent law.
sqrt(|w|) instead of |w|: what guidance carries away meets less of it (docs/gaussian-grids.md).

Sources: the sum of h^2 e and the tangent law: Sun, Poor, Zhang 2026; steps from the MMSE curve, of equal path KL
("path"): Aghapour, Bayraktar, Zhang 2026; Karras et al. 2022. The density of "data" is this project's own.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import atan2
from typing import Any

import numpy as np

from .. import _checks
from .._caching import cached_on_first
from ..comparison.guided_grid import equal_shares
from .mixture import Mixture
from .noise import Level, NoiseProcess
from .noise import process as find
from .normals import normals
from .schedules import Weight, decreasing, jumps, weight_at

NODES = 96  # ratios r at which losses are known
BEGIN, END = 1e-2, 1e3  # the first, times the widest spread, and the last, times the narrowest width
PATH_END = 10.0  # equal path KL goes on for ever: its last ratio, times the narrowest width
AXES = {1: 1281, 2: 33}  # nodes of the trapezium rule on (-8, 8) for each coordinate
QUADRATURE = 64  # components up to which it is used


@dataclass(frozen=True)
class Losses:
    """Denoising losses of a mixture at ratios r = a / sigma.

    Attributes
    ----------
    ratios : array, shape (R,)
        r of each loss.
    mmse : array, shape (R,)
        E|x_0 - E[x_0 | x]|^2, summed over coordinates.
    error : array, shape (R,)
        Its standard error; 0 where it is a quadrature (d <= 2, up to 64 components): right to 1e-9 on the line where
        widths differ by up to 30 times (to 2 % at 1,000 times), to about 1 % in the plane.
    gain : array, shape (R,)
        E|E[x_0 | x] - E x_0|^2 = tr Cov x_0 - mmse, computed by itself: small ones keep their digits.
    gap : array, shape (R,)
        E|E[x_0 | x] - E'[x_0 | x]|^2, E' of another mixture: its denoiser's loss here less mmse; 0 without one.
    """

    ratios: np.ndarray
    mmse: np.ndarray
    error: np.ndarray
    gain: np.ndarray
    gap: np.ndarray


def losses(mixture: Mixture, ratios: Any, other: Mixture | None = None, *, points: int = 2000, seed: int = 0) -> Losses:
    """Denoising losses of a mixture, and the gap to the denoiser of another. Source: docs/gaussian-grids.md.

    With m_k(x) the posterior mean and C_k the posterior covariance of component k,
    mmse = sum_k pi_k (tr C_k + E_k|m_k(x) - E[x_0 | x]|^2): only the last term is a quadrature, or a mean over
    `points` trajectories x = a mu_k + V_k^(1/2) z whose z are the same at every ratio.

    Parameters
    ----------
    mixture : Mixture
        The data law.
    ratios : array_like, shape (R,)
        r = a / sigma >= 0, infinity included.
    other : Mixture, optional
        Whose denoiser is compared.
    points : int
        Of the mean where the losses are no quadrature, at least 2.
    seed : int
        Of these points, 0 <= seed < 2^64.

    Returns
    -------
    Losses
        At every ratio.

    Raises
    ------
    InputError
        Ratios that are negative or NaN, points below 2.

    Examples
    --------
    >>> losses(Mixture([[0.0]], 0.25), [0.0, 2.0]).mmse
    array([0.25 , 0.125])
    """
    at = np.atleast_1d(np.asarray(ratios, dtype=float))
    if at.ndim != 1 or not (at >= 0).all():
        _checks.fail(f"ratios {_checks.short(at)}", "a / sigma >= 0", "0 is pure noise, infinity data")
    which, z, mass = _nodes(mixture, _checks.integer(points, "points", 2), _checks.seed(seed))
    found = np.array([_at(mixture, other, r, which, z, mass) for r in at])
    return Losses(at, *found.T)


def mmse(
    mixture: Mixture, times: Any, process: str | NoiseProcess = "flow", *, points: int = 2000, seed: int = 0
) -> np.ndarray:
    """Denoising loss E|x_0 - E[x_0 | x_t]|^2 at times, summed over coordinates.

    Parameters
    ----------
    mixture : Mixture
        The data law.
    times : array_like, shape (T,)
        In [0, 1].
    process : str or NoiseProcess
        "flow", "vp", "cosine", "ve", or a noise process of your own.
    points : int
        Of the mean where the losses are no quadrature, at least 2.
    seed : int
        Of these points, 0 <= seed < 2^64.

    Returns
    -------
    array, shape (T,)
        The losses.

    Raises
    ------
    InputError
        Times outside [0, 1], an unknown process, points below 2.
    """
    kind = find(process)
    ratios = [_ratio(kind.at(float(t))) for t in np.atleast_1d(times)]
    return losses(mixture, ratios, points=points, seed=seed).mmse


def loss_adaptive_grid(
    conditional: Mixture,
    unconditional: Mixture,
    weight: Weight = 0.0,
    steps: int = 50,
    *,
    process: str | NoiseProcess = "flow",
    target: str = "data",
    points: int = 2000,
    seed: int = 0,
) -> np.ndarray:
    """Times 1 = t_0 > ... > t_K = 0 from the denoising losses on the class and the weight at each noise level.

    Times at which the weight or its slope jumps are grid points. In r = a / sigma the grid is the same for every
    noise process, but for where it starts. Source: docs/gaussian-grids.md.

    Parameters
    ----------
    conditional, unconditional : Mixture
        As `sample` has them.
    weight : number, WeightSchedule, or callable
        As `sample` has it.
    steps : int
        K, more than the number of jumps of the weight.
    process : str or NoiseProcess
        "flow", "vp", "cosine", "ve", or a noise process of your own.
    target : str
        "data": least error of end points of the flow. "path": equal KL of all steps of the unguided reverse SDE (to a
        noise a tenth of the narrowest width, then one step).
    points : int
        Of the mean where the losses are no quadrature, at least 2.
    seed : int
        Of these points, 0 <= seed < 2^64.

    Returns
    -------
    array, shape (K+1,)
        Times, strictly decreasing.

    Raises
    ------
    InputError
        Different dimensions, too few steps, unknown names, weights below -1.

    Examples
    --------
    >>> normal = Mixture([[0.0, 0.0]])
    >>> loss_adaptive_grid(normal, normal, 0.0, 4).round(2)  # a / sigma = tan(pi k / 8)
    array([1.  , 0.71, 0.5 , 0.29, 0.  ])
    """
    if conditional.dimension != unconditional.dimension:
        _checks.fail("mixtures of different dimension", "both live in one space", "give mixtures of one dimension")
    kind, count = find(process), _checks.integer(steps, "steps", 1)
    edges = np.array(sorted((t for t in set(jumps(weight)) if 0 < t < 1), reverse=True))
    if count <= len(edges):
        _checks.fail(f"{count} steps", f"more than the weight's {len(edges)} jumps", "each jump is a grid point")
    _checks.choice(target, ["data", "path"], "target")
    ratios, effort = _effort(conditional, unconditional, weight, kind, target, (points, seed))
    start = np.interp(_ratio(kind.at(1.0)), ratios, effort)
    share = (np.interp([_ratio(kind.at(t)) for t in edges], ratios, effort) - start) / (effort[-1] - start)
    last = count - 1 if target == "path" and count > len(edges) + 1 else count
    shares, places = equal_shares(share, last)
    inner = np.interp(start + shares[1 : min(last, count - 1) + 1] * (effort[-1] - start), effort, ratios)
    times = np.array([1.0, *(_time(kind, r) for r in inner), 0.0])
    times[places] = edges
    return decreasing(times)


def log_snr_grid(
    steps: int, process: str | NoiseProcess = "flow", *, least: float = 0.002, most: float = 80.0
) -> np.ndarray:
    """Time grid of equal steps of log(a / sigma); the first time is 1, the last 0.

    Parameters
    ----------
    steps : int
        K >= 1.
    process : str or NoiseProcess
        "flow", "vp", "cosine", "ve", or a noise process of your own.
    least, most : float
        sigma / a at the last step's start and at the first, 0 < least < most.

    Returns
    -------
    array, shape (K+1,)
        Times, strictly decreasing.

    Raises
    ------
    InputError
        Steps below 1, an unknown process, a number out of range.
    """
    return _by_noise(np.geomspace, steps, process, least, most)


def karras_grid(
    steps: int, process: str | NoiseProcess = "flow", *, rho: float = 7.0, least: float = 0.002, most: float = 80.0
) -> np.ndarray:
    """Time grid of equal steps of (sigma/a)^(1/rho); the first time is 1, the last 0.

    Source: Karras et al. 2022, arXiv:2206.00364; docs/gaussian-grids.md.

    Parameters
    ----------
    steps : int
        K >= 1.
    process : str or NoiseProcess
        "flow", "vp", "cosine", "ve", or a noise process of your own.
    rho : float
        Positive; 7 is usual.
    least, most : float
        sigma / a at the last step's start and at the first, 0 < least < most.

    Returns
    -------
    array, shape (K+1,)
        Times, strictly decreasing.

    Raises
    ------
    InputError
        Steps below 1, an unknown process, a number out of range.
    """
    if not 0 < _checks.real(rho, "rho") < np.inf:
        _checks.fail(f"rho = {rho}", "rho > 0, finite", "7 is usual, 1 equal steps of sigma / a")
    power = 1 / rho
    return _by_noise(lambda a, b, n: np.linspace(a**power, b**power, n) ** rho, steps, process, least, most)


def cosine_grid(steps: int, process: str | NoiseProcess = "flow") -> np.ndarray:
    """Time grid of equal steps of the angle arctan(a / sigma), as the cosine process makes them.

    It is the tangent law of N(0, I). Source: docs/gaussian-grids.md.

    Parameters
    ----------
    steps : int
        K >= 1.
    process : str or NoiseProcess
        "flow", "vp", "cosine", "ve", or a noise process of your own.

    Returns
    -------
    array, shape (K+1,)
        Times, strictly decreasing.

    Raises
    ------
    InputError
        Steps below 1, an unknown process, a number out of range.
    """
    kind, count = find(process), _checks.integer(steps, "steps", 1)
    first = np.arctan(_ratio(kind.at(1.0)))
    return _from_ratios(np.tan(np.linspace(first, np.pi / 2, count + 1)[1:-1]), kind)


def path_divergence(mixture: Mixture, times: Any, process: str | NoiseProcess = "flow", *, fine: int = 64) -> float:
    """KL(exact path || path of steps that keep the denoiser of their start) of the reverse SDE, the last step left out.

    1/2 sum over steps of int (mmse(g_k) - mmse(g)) dg, g = a^2 / sigma^2 (Aghapour, Bayraktar, Zhang 2026), by
    Simpson's rule with `fine` intervals of log g a step. The step to sigma = 0 has infinite KL.
    Source: docs/gaussian-grids.md.

    Parameters
    ----------
    mixture : Mixture
        The data law.
    times : array_like, shape (K+1,)
        Decreasing.
    process : str or NoiseProcess
        "flow", "vp", "cosine", "ve", or a noise process of your own.
    fine : int
        Intervals a step.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    InputError
        Times that do not decrease, an unknown process.
    """
    from scipy.integrate import simpson

    kind, grid = find(process), decreasing(times)
    ratios = [_ratio(kind.at(t)) for t in grid.tolist()]
    if np.isinf(ratios[-1]):
        ratios = ratios[:-1]
    total = 0.0
    for r, s in itertools.pairwise(ratios):
        g = np.linspace(r * r, s * s, fine + 1) if r == 0 else np.geomspace(r * r, s * s, fine + 1)
        found = losses(mixture, np.sqrt(g)).mmse
        total += float(simpson(found[0] - found, x=g)) / 2
    return total


@dataclass(frozen=True)
class EndErrors:
    """Deviation of end points x_i from the reference's, from the same starts; lengths in a given unit.

    Attributes
    ----------
    median, rms : float
        Of |x_i - ref_i|. The rms is that of the few trajectories that end in another mode, where there are any.
    mean : float
        |mean x - mean ref|.
    spread : float
        The largest relative error of a coordinate's standard deviation.
    energy : float
        Energy distance D of the two sets of end points, (2 E|X - Y| - E|X - X'| - E|Y - Y'|)^(1/2).
    """

    median: float
    rms: float
    mean: float
    spread: float
    energy: float


def end_errors(x: np.ndarray, reference: np.ndarray, unit: float = 1.0) -> EndErrors:
    """Errors of end points against those of the adaptive reference from the same starts.

    Parameters
    ----------
    x : array, shape (n, d)
        End points of a method.
    reference : array, shape (n, d)
        Those of the method "adaptive" from the same starts.
    unit : float
        Length in which the errors are given.

    Returns
    -------
    EndErrors
        Means over the points.
    """
    a, b = x / unit, reference / unit
    off, (sa, sb) = np.sqrt(((a - b) ** 2).sum(-1)), (a.std(0), b.std(0))
    across, one, two = (_mean_distance(p, q) for p, q in ((a, b), (a, a), (b, b)))
    return EndErrors(
        median=float(np.median(off)),
        rms=float(np.sqrt((off**2).mean())),
        mean=float(np.sqrt(((a.mean(0) - b.mean(0)) ** 2).sum())),
        spread=float(np.abs(sa / sb - 1).max()),
        energy=float(np.sqrt(max(2 * across - one - two, 0.0))),
    )


def _mean_distance(a: np.ndarray, b: np.ndarray) -> float:
    from scipy.spatial.distance import cdist

    return float(cdist(a, b).mean())


# Losses ------------------------------------------------------------------------------------------------


def _nodes(mixture: Mixture, points: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Component (n,), standardised point z (n, d) and mass (n,) of each node; no mass: equal ones, drawn."""
    d, held = mixture.dimension, np.flatnonzero(mixture.weights)
    if d in AXES and len(held) <= QUADRATURE:
        line = np.linspace(-8, 8, AXES[d])
        z = np.stack(np.meshgrid(*[line] * d, indexing="ij"), -1).reshape(-1, d)
        mass = np.exp(-(z**2).sum(-1) / 2)
        weights = np.repeat(mixture.weights[held], len(z))
        return np.repeat(held, len(z)), np.tile(z, (len(held), 1)), weights * np.tile(mass / mass.sum(), len(held))
    level = (np.arange(points) + 0.5) / points
    which = held[np.searchsorted(np.cumsum(mixture.weights[held])[:-1], level, side="right")]
    return which, normals(seed, points, d, 0), None


def _at(
    mixture: Mixture, other: Mixture | None, ratio: float, which: np.ndarray, z: np.ndarray, mass: np.ndarray | None
) -> list[float]:
    """mmse, its standard error, gain and gap at one ratio."""
    angle = np.arctan2(1.0, ratio)
    a, s = float(np.cos(angle)), float(np.sin(angle))
    variance = np.broadcast_to(mixture.variances, mixture.means.shape)
    noised = a * a * variance + s * s
    root = np.sqrt(noised)

    def placed(factor: np.ndarray) -> np.ndarray:
        moved = factor[which] * z
        return moved if mixture.axes is None else np.einsum("nij,nj->ni", mixture.axes[which], moved)

    x = a * mixture.means[which] + placed(root)
    x0 = mixture.denoise(x, a, s)
    between = ((mixture.means[which] + placed(a * variance / root) - x0) ** 2).sum(-1)
    within = mixture.weights @ (s * s * variance / noised).sum(-1)
    gain = ((x0 - mixture.mean) ** 2).sum(-1)
    gap = 0 * gain if other is None else ((x0 - other.denoise(x, a, s)) ** 2).sum(-1)
    if mass is not None:
        return [within + mass @ between, 0.0, mass @ gain, mass @ gap]
    return [within + between.mean(), between.std() / np.sqrt(len(z)), gain.mean(), gap.mean()]


# From losses to times ----------------------------------------------------------------------------------


def _effort(
    conditional: Mixture, unconditional: Mixture, weight: Weight, noise: NoiseProcess, target: str, draws: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Ratios from 0 on, and the integral of the step density up to each."""
    end = END if target == "data" else PATH_END
    pair = (conditional, unconditional)
    spread = max(_total_variance(law) for law in pair) ** 0.5
    narrow = min(law.variances[law.weights > 0].min() for law in pair) ** 0.5
    ratios = np.geomspace(BEGIN / spread, end / narrow, NODES)
    found = _curve(conditional, unconditional, *ratios[[0, -1]].tolist(), *draws)
    first = _ratio(noise.at(1.0))
    w = np.array([weight_at(weight, _time(noise, r) if r > first else 1.0) for r in ratios])
    density = _data_density(found, w, conditional.dimension) if target == "data" else _path_density(found)
    ratios, density = np.append(0.0, ratios), np.append(density[0], density)
    return ratios, np.append(0.0, np.cumsum(np.diff(ratios) * (density[1:] + density[:-1]) / 2))


@cached_on_first(32)
def _curve(c: Mixture, u: Mixture, first: float, last: float, points: int, seed: int) -> Losses:
    """Losses at the nodes of a grid; one pair is asked for many weights and numbers of steps."""
    return losses(c, np.geomspace(first, last, NODES), u, points=points, seed=seed)


def _data_density(c: Losses, w: np.ndarray, d: int) -> np.ndarray:
    """sqrt(J |dx0_w/dr|), J of the unguided flow."""
    r, along = c.ratios, np.log(c.ratios)
    speed = (_slope(np.sqrt(c.gain), along) + np.sqrt(np.abs(w)) * np.abs(np.gradient(np.sqrt(c.gap), along))) / r
    divergence = r * r * c.mmse / d
    log_j = -np.append(0.0, np.cumsum(np.diff(along) * (divergence[1:] + divergence[:-1]) / 2))
    return np.sqrt(speed * np.exp(log_j))


def _path_density(c: Losses) -> np.ndarray:
    """sqrt(-d mmse/dg) dg/dr, g = r^2: dg/dr = 2 r and d/dg = (d/dlog r) / 2 r^2."""
    return np.sqrt(2 * _slope(-c.mmse, np.log(c.ratios)))


def _slope(values: np.ndarray, along: np.ndarray) -> np.ndarray:
    """The derivative, where it is positive: both curves rise but for the errors of a mean over points."""
    return np.maximum(np.gradient(values, along), 0.0)


def _total_variance(mixture: Mixture) -> float:
    """tr Cov x_0."""
    variances = np.broadcast_to(mixture.variances, mixture.means.shape).sum(-1)
    return float(mixture.weights @ (variances + ((mixture.means - mixture.mean) ** 2).sum(-1)))


def _ratio(level: Level) -> float:
    """a / sigma."""
    return level.scale / level.sigma if level.variance > 0 else np.inf


def _time(noise: NoiseProcess, ratio: float) -> float:
    """The time at which a / sigma is `ratio`, or 1 where the process starts above it."""
    from scipy.optimize import brentq

    def off(t: float) -> float:
        level = noise.at(t)
        return atan2(level.sigma, level.scale) - atan2(1.0, ratio)

    return 1.0 if off(1.0) <= 0 else float(brentq(off, 0.0, 1.0, xtol=1e-15))  # type: ignore[arg-type]


def _by_noise(spaced: Any, steps: int, process: str | NoiseProcess, least: float, most: float) -> np.ndarray:
    """K levels of sigma/a, the first of them the start of the process if that has less noise; then data."""
    kind = find(process)
    most = min(most, 1 / max(_ratio(kind.at(1.0)), 1e-300))
    if not 0 < least < most < np.inf:
        _checks.fail(f"sigma / a from {most:g} to {least:g}", "0 < least < most, finite", "0.002 and 80 are usual")
    return _from_ratios(1 / spaced(most, least, _checks.integer(steps, "steps", 1))[1:], kind)


def _from_ratios(ratios: np.ndarray, noise: NoiseProcess) -> np.ndarray:
    """The grid with inner levels of these ratios."""
    return decreasing([1.0, *(_time(noise, r) for r in ratios), 0.0])
