r"""Modes along one axis: borders of basins, the region guidance cannot leave, and final moments, without sampling.

Where the components of each mixture differ along one coordinate only and share their covariance (or d = 1), that
coordinate obeys an ordinary differential equation of its own,

    dx/dt = f(x, t, w(t)),        f = f_c + w (f_c - f_u),

so its flow from noise (t = 1) to data (t = 0) is increasing and trajectories keep their order. Modes, in order along
the axis, take over from each other at data points b_j where neighbours are equally likely. Hence

    basins        B_j(t): the solution that ends at b_j, followed backwards; x_t ends in mode j iff B_{j-1} < x_t < B_j
    masses        Phi(B_j(1) / sigma_1) - Phi(B_{j-1}(1) / sigma_1)
    locked        U_j(t), L_j(t): the solutions of dx/dt = max_w f and min_w f, least <= w <= most, that end at b_j

By the comparison theorem a point above U_j (below L_j) stays on its side of b_j under every later schedule with
least <= w <= most, and between L_j and U_j some schedule takes it to either side. Other coordinates are affine in
their start: of deviation sigma_1 F(1) - F(0). Derivations: docs/gaussian-stages.md.
Source: Jin, Shi, Gu, arXiv:2509.22007.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.mixture import Mixture
from ...gaussian.noise import NoiseProcess, process
from ...gaussian.samplers import sample
from ...gaussian.schedules import Weight, jumps
from .flow import Slope, integrate, slope, tanh_sinh

LARGEST = 100.0  # weight of a locked region
NODES = 61  # of a quadrature over one basin
UNDECIDED = -1
WIDEST, PARTS, DIVISIONS = 8.0, 256, 5  # starts within 8 deviations, each time a 256th of what is left


@dataclass(frozen=True)
class Locked:
    """What no later weight in [least, most] can change, at each time.

    Attributes
    ----------
    times : (T,)
    lower, upper : (T, K - 1)
        L_j and U_j of the border between modes j and j + 1 (counted from 0 in order along the axis).
    order : (K,)
        The components in order along the axis.
    """

    times: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    order: np.ndarray
    axis: int = 0

    def mode(self, x: Any) -> np.ndarray:
        """The component in which each of the points x (T, n, d) is locked, -1 where none: (T, n) integers."""
        place = np.asarray(x, dtype=float)[..., self.axis]
        above = (place[..., None] > self.upper[:, None]).sum(-1)
        reached = (place[..., None] >= self.lower[:, None]).sum(-1)
        return np.where(above == reached, self.order[above], UNDECIDED)


@dataclass(frozen=True)
class ModeMoments:
    """Final law of each mode: probability, mean and deviation along the axis, deviation across it (d - 1 numbers).

    Deviations below some 1e-6 cannot be told: starts within the error of a border are taken to the wrong mode.
    """

    mass: np.ndarray
    mean: np.ndarray
    along: np.ndarray
    across: np.ndarray

    @property
    def spread(self) -> np.ndarray:
        """Root of the mean variance over all d coordinates, within each mode, (K,)."""
        return np.sqrt((self.along**2 + (self.across**2).sum()) / (1 + self.across.size))

    @property
    def within(self) -> float:
        """The same over all modes, each with its mass: the spread that is left once the mode is known."""
        return float(np.sqrt(self.mass @ self.spread**2))


class Line:
    """Two mixtures reduced to the axis along which their components differ.

    Parameters
    ----------
    conditional, unconditional : Mixture
        Components of each differ in one coordinate, the same for both, and share a diagonal covariance; or d = 1.
    noise : str or NoiseProcess
        Starts are normal of deviation sigma(1).

    Raises
    ------
    InputError
        Mixtures that do not reduce, and components that nowhere on the axis are the likeliest.

    Examples
    --------
    >>> line = Line(Mixture([[-1.0, 0.0], [1.0, 0.0]], 0.04, [0.25, 0.75]), Mixture([[0.0, 0.0]]))
    >>> line.masses(0.0).round(6), line.masses(4.0).round(4)
    (array([0.25, 0.75]), array([0.0112, 0.9888]))
    """

    def __init__(self, conditional: Mixture, unconditional: Mixture, noise: str | NoiseProcess = "flow"):
        if conditional.dimension != unconditional.dimension:
            _checks.fail("mixtures of different dimensions", "both live in one space", "match their dimensions")
        self.axis = _axis(conditional, unconditional)
        self.process = process(noise)
        mixtures = conditional, unconditional
        self.conditional, self.unconditional = (_coordinate(m, self.axis) for m in mixtures)
        others = [i for i in range(conditional.dimension) if i != self.axis]
        self.others = [(_single(conditional, i), _single(unconditional, i)) for i in others]
        self.order = np.argsort(self.conditional.means[:, 0], kind="stable")
        self.sigma = self.process.at(1.0).sigma

    @cached_property
    def ends(self) -> np.ndarray:
        """b_j: where neighbouring modes are equally likely in the data, (K - 1,)."""
        rows = [self._component(k) for k in self.order]
        return np.array([_crossing(a, b) for a, b in pairwise(rows)])

    def basins(self, weight: Weight, times: Any) -> np.ndarray:
        """B_j(t) at increasing times from 0 on, (T, K - 1)."""
        return self._backwards(self._flow(weight), jumps(weight), times)

    def locked(self, times: Any, most: float, least: float = 0.0) -> Locked:
        """Where later weights between `least` and `most` change nothing, at increasing times from 0 on."""
        if not _checks.weight(least) <= _checks.weight(most) <= LARGEST:
            rule = f"least <= most <= {LARGEST:g}, beyond which borders run away within a step"
            _checks.fail(f"weights from {least} to {most}", rule, "choose a smaller range")
        slow, fast = self._flow(least), self._flow(most)
        upper = self._backwards(lambda x, t, top: np.maximum(slow(x, t, top), fast(x, t, top)), (), times)
        lower = self._backwards(lambda x, t, top: np.minimum(slow(x, t, top), fast(x, t, top)), (), times)
        return Locked(np.asarray(times, dtype=float), lower, upper, self.order, self.axis)

    def masses(self, weight: Weight) -> np.ndarray:
        """Final probability of each component's basin, (K,), for the probability-flow ODE."""
        return self._masses(self.basins(weight, [0.0, 1.0])[-1])

    def stepped_masses(self, weight: Weight, times: Any = 100, method: str = "heun") -> np.ndarray:
        """The same for a stepped sampler on its time grid: the borders of starts by repeated division.

        The exact law of the modes for `sample` with these steps, discretisation error included. Holds where the steps
        are short enough to keep trajectories in order.
        """
        borders = [self._divided(b, weight, times, method) for b in self.ends]
        return self._masses(np.array(borders))

    def _divided(self, end: float, weight: Weight, times: Any, method: str) -> float:
        """The start that ends at `end`."""
        low, high = -WIDEST * self.sigma, WIDEST * self.sigma
        for _ in range(DIVISIONS):
            starts = np.linspace(low, high, PARTS + 1)
            run = sample(self.conditional, self.unconditional, weight, method=method, process=self.process,
                         times=times, initial=starts[:, None])  # fmt: skip
            place = int(np.clip(np.searchsorted(run.x[:, 0], end), 1, PARTS))
            low, high = float(starts[place - 1]), float(starts[place])
        return (low + high) / 2

    def undecided(self, weight: Weight, locked: Locked) -> np.ndarray:
        """P(x_t is not locked) along the guided flow, at the times of `locked`."""
        flow = self._flow(weight)
        shares = []
        for t, low, high in zip(locked.times, locked.lower, locked.upper, strict=True):
            start = integrate(flow, np.concatenate([low, high]), float(t), 1.0, jumps(weight))
            p = _cdf(start / self.sigma)
            shares.append(max(0.0, float((p[low.size :] - p[: low.size]).sum())))
        return np.array(shares)

    def moments(self, weight: Weight) -> ModeMoments:
        """Mass, mean and deviations of each component's basin at t = 0.

        Averages over a basin are tanh-sinh quadratures in the probability of the start: ends as far as 1e-15 from 0
        or 1 are seen, and the steep flow at a border sits at an end.
        """
        from scipy.special import ndtri

        flow, border = self._flow(weight), _cdf(self.basins(weight, [0.0, 1.0])[-1] / self.sigma)
        edges = np.array([0.0, *border, 1.0])
        g, share = tanh_sinh(NODES)
        p = edges[:-1, None] + np.diff(edges)[:, None] * g
        starts = self.sigma * ndtri(np.clip(p, 1e-15, 1 - 1e-15))
        ends = integrate(flow, starts.ravel(), 1.0, 0.0, jumps(weight)).reshape(starts.shape)
        mean = ends @ share
        along = np.sqrt(((ends - mean[:, None]) ** 2) @ share)
        back = np.argsort(self.order)
        across = np.array([self._across(pair, weight) for pair in self.others])
        return ModeMoments(np.diff(edges)[back], mean[back], along[back], across)

    def _masses(self, border: np.ndarray) -> np.ndarray:
        found = np.empty(len(self.order))
        found[self.order] = np.diff([0.0, *_cdf(border / self.sigma), 1.0])
        return found

    def _component(self, k: int) -> tuple[float, float, float]:
        """Mean, variance, log weight."""
        mixture = self.conditional
        return float(mixture.means[k, 0]), float(mixture.variances[k, 0]), float(np.log(mixture.weights[k]))

    def _flow(self, weight: Weight) -> Slope:
        return slope(self.conditional, self.unconditional, self.process, weight)

    def _across(self, pair: tuple[Mixture, Mixture], weight: Weight) -> float:
        flow = slope(*pair, self.process, weight)
        ends = integrate(flow, np.array([0.0, self.sigma]), 1.0, 0.0, jumps(weight))
        return float(ends[1] - ends[0])

    def _backwards(self, rate: Slope, edges: tuple[float, ...], times: Any) -> np.ndarray:
        """The solutions that end at the borders, at increasing times."""
        grid = np.asarray(times, dtype=float)
        if grid.ndim != 1 or grid.size == 0 or (np.diff(grid) <= 0).any() or grid[0] < 0 or grid[-1] > 1:
            _checks.fail(f"times {_checks.short(grid)}", "0 <= t_0 < ... <= 1", "borders are followed from the data on")
        x, t, found = self.ends, 0.0, []
        for s in grid.tolist():
            x, t = integrate(rate, x, t, s, edges), s
            found.append(x)
        return np.array(found)


def _crossing(left: tuple[float, float, float], right: tuple[float, float, float]) -> float:
    """Where two weighted normal densities are equal, between their means."""
    from scipy.optimize import brentq

    def lead(x: float) -> float:
        return _log_density(x, *left) - _log_density(x, *right)

    a, b = left[0], right[0]
    if not lead(a) > 0 > lead(b):
        _checks.fail(
            f"modes at {a:g} and {b:g}: one outweighs the other at both means",
            "each mode is the likeliest at its own mean",
            "separate the modes, or make them one",
        )
    return float(brentq(lead, a, b, xtol=1e-15))  # type: ignore[arg-type]


def _log_density(x: float, mean: float, variance: float, log_weight: float) -> float:
    return log_weight - (x - mean) ** 2 / (2 * variance) - np.log(variance) / 2


def _cdf(z: Any) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(z)


def _axis(conditional: Mixture, unconditional: Mixture) -> int:
    """The coordinate along which components differ (0 if none does)."""
    mixtures = conditional, unconditional
    if conditional.dimension == 1:
        return 0
    moving = np.flatnonzero([any(np.ptp(m.means[:, i]) > 0 for m in mixtures) for i in range(conditional.dimension)])
    shared = all(m.axes is None and np.ptp(m.variances, axis=0).max() == 0 for m in mixtures)
    if len(moving) > 1 or not shared:
        _checks.fail(
            "the flow does not reduce to one coordinate",
            "means that differ in one coordinate only, one diagonal covariance for all components of a mixture",
            "turn the axes, or measure with sampled trajectories",
        )
    return int(moving[0]) if len(moving) else 0


def _coordinate(mixture: Mixture, i: int) -> Mixture:
    """The law of one coordinate."""
    return Mixture(mixture.means[:, [i]], _variance(mixture, i), mixture.weights, mixture.labels)


def _single(mixture: Mixture, i: int) -> Mixture:
    """The law of a coordinate in which all components agree."""
    return Mixture(mixture.means[:1, [i]], _variance(mixture, i)[:1])


def _variance(mixture: Mixture, i: int) -> np.ndarray:
    return np.broadcast_to(mixture.variances, mixture.means.shape)[:, i]
