"""Weights over the noise variance s, and the integrals over them that every closed form is made of.

In v = sqrt(c/(c + s)), from v_T to 1, with E(s) = int_0^s w [1/(c + s') - 1/(u + s')] ds' and I = E(T):

    int (1 + w) e^{-E/2} dv,    int (1 + w) e^{-E} 2v dv,    int e^{-2E} 2v dv,    I

by composite Gauss-Legendre, E summed along the way; smooth at T = inf too, where v_T = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.polynomial import legendre

from .. import _checks

NODES = 16  # Gauss-Legendre nodes of a panel
PANELS = (8, 2048)  # doubled from the first until nothing moves
ROUNDING = 1e-13


@dataclass(frozen=True)
class LinearWeight:
    """w(s) = start + slope s: with start = -1 and slope > 0 positive early (much noise) and negative late."""

    start: float
    slope: float

    def __post_init__(self):
        _checks.weight(self.start)
        if not np.isfinite(_checks.real(self.slope, "slope")):
            _checks.fail(f"slope = {self.slope}", "it is finite", "a slope of 0 is a constant weight")

    def __call__(self, s: Any) -> Any:
        """Weight w at the noise variance s."""
        return self.start + self.slope * s


@dataclass(frozen=True)
class WindowWeight:
    """w(s) = early for s > switch and late for s <= switch: with late < 0 a negative window at little noise."""

    early: float
    late: float
    switch: float

    def __post_init__(self):
        _checks.weight(self.early)
        _checks.weight(self.late)
        if not 0 < _checks.real(self.switch, "switch") < np.inf:
            _checks.fail(f"switch = {self.switch}", "a noise variance, 0 < switch < inf", "a constant has no switch")

    @property
    def breaks(self) -> tuple[float, ...]:
        """Noise variances at which w jumps."""
        return (self.switch,)

    def __call__(self, s: Any) -> Any:
        """Weight w at the noise variance s."""
        return np.where(np.asarray(s) > self.switch, self.early, self.late)


def path_integrals(c: np.ndarray, u: np.ndarray, weight: Any, horizon: float) -> np.ndarray:
    """Quadrature in every direction: three integrals and I, (4, ...)."""
    pairs = np.stack([np.ravel(c), np.ravel(u)], axis=1)
    found = [_converged(float(a), float(b), weight, horizon) for a, b in pairs]
    return np.array(found).T.reshape(4, *c.shape)


def _converged(c: float, u: float, weight: Any, horizon: float) -> np.ndarray:
    panels, before = PANELS[0], _quadrature(c, u, weight, horizon, PANELS[0])
    while panels < PANELS[1]:
        panels *= 2
        after = _quadrature(c, u, weight, horizon, panels)
        round_off = ROUNDING * (1 + abs(after[3]))  # an error of E is a relative one of e^{-E}
        if (np.abs(after - before) <= round_off * np.maximum(1, np.abs(after))).all():
            return after
        before = after
    _checks.fail(
        f"the integrals over w(s) do not converge with {panels} panels",
        "w is smooth between the noise variances listed in its `breaks`",
        "give the callable an attribute `breaks`, or a finite horizon",
    )


def _quadrature(c: float, u: float, weight: Any, horizon: float, panels: int) -> np.ndarray:
    """Composite Gauss-Legendre over v, from 1 down to v_T; E is summed along the way."""
    lowest = float(np.sqrt(kept_share(np.array(c), horizon)))
    jumps = [np.sqrt(c / (c + s)) for s in getattr(weight, "breaks", ()) if s < horizon]
    spaced = np.sin(np.pi / 2 * np.linspace(0, 1, panels + 1)) ** 2  # towards both ends: a large w decides near v = 1
    edges = np.unique(np.concatenate([lowest + (1 - lowest) * spaced, jumps]))[::-1]
    nodes, shares, running = _gauss()
    widths = -np.diff(edges)[:, None]
    v = edges[:-1, None] - widths * nodes
    w = checked_levels(weight(c * (1 / v**2 - 1)), horizon) * np.ones_like(v)
    slope = widths * 2 * (u - c) * v * w / (c + (u - c) * v**2)
    ends = np.cumsum(slope @ shares)
    e = np.concatenate([[0.0], ends[:-1]])[:, None] + slope @ running.T
    kernels = ((1 + w) * np.exp(-e / 2), (1 + w) * np.exp(-e) * 2 * v, np.exp(-2 * e) * 2 * v)
    return np.array([*(float((widths * k @ shares).sum()) for k in kernels), ends[-1]])


@cache
def _gauss() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes and weights on [0, 1], and the matrix of integrals from 0 to each node."""
    x, g = legendre.leggauss(NODES)
    fit = np.linalg.inv(legendre.legvander(x, NODES - 1))
    integrals = np.stack([legendre.legval(x, legendre.legint(row, lbnd=-1)) for row in np.eye(NODES)], axis=1)
    return (1 + x) / 2, g / 2, integrals @ fit / 2


def kept_share(c: np.ndarray, horizon: float) -> np.ndarray:
    """v_T^2 = c / (c + T)."""
    return c / (c + horizon)


def checked_levels(w: Any, horizon: float) -> np.ndarray:
    """Values of a schedule: finite, at least -1."""
    w = np.asarray(w, dtype=float)
    if not (np.isfinite(w) & (w >= -1)).all():
        _checks.fail(
            f"the schedule takes the value {w[~(np.isfinite(w) & (w >= -1))].flat[0]:g} for s in [0, {horizon:g}]",
            "w is finite and w >= -1 (w = 0 conditional, w = -1 unconditional)",
            "a larger start, or a finite horizon",
        )
    return w
