"""The reference of all methods that follow the probability-flow ODE: scipy's DOP853 at tolerance 1e-10."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .schedules import jumps
from .steps import Field
from .trajectories import LIMIT, Trajectories, joined

TOLERANCE = 1e-10


def adaptive(field: Field, x: np.ndarray, grid: np.ndarray, keep: bool) -> Trajectories:
    """Pieces between jumps of the weight; a batch that cannot be finished is split."""
    stops = grid if keep else grid[[0, -1]]
    inside = [j for j in jumps(field.weight) if grid[-1] < j < grid[0]]
    points, path = x, [x]
    edges = sorted({*stops.tolist(), *inside}, reverse=True)
    for t, s in itertools.pairwise(edges):
        points, reached = _integrate(field, points, t, s)
        if reached > s:
            break
        if s in stops:
            path.append(points)
    else:
        ones = np.full(len(x), grid[-1])
        return Trajectories(points, np.zeros(len(x), bool), ones, grid, np.array(path) if keep else None)
    if len(x) == 1:
        path += [points] * (len(grid) - len(path))
        return Trajectories(points, np.array([True]), np.array([reached]), grid, np.array(path) if keep else None)
    half = len(x) // 2
    return joined([adaptive(field, part, grid, keep) for part in (x[:half], x[half:])], grid, keep)


def step(field: Field, x: np.ndarray, t: float, s: float, z: Any) -> np.ndarray:
    """Points at s of the flow from t, to the tolerance."""
    return _integrate(field, x, t, s)[0]


def _integrate(field: Field, x: np.ndarray, t: float, s: float) -> tuple[np.ndarray, float]:
    """(points, time reached) by DOP853; the last points within the limits where it does not reach s."""
    from scipy.integrate import solve_ivp

    if not (np.abs(x) < LIMIT).all():
        return x, t

    def slope(r: float, flat: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return field.velocity(flat.reshape(x.shape), float(r), before=t if r < t else None).ravel()

    def leaves(r: float, flat: np.ndarray) -> float:
        return LIMIT - np.abs(flat).max()

    leaves.terminal = True  # type: ignore[attr-defined]
    run = solve_ivp(slope, (t, s), x.ravel(), "DOP853", rtol=TOLERANCE, atol=TOLERANCE, events=leaves)
    held = np.flatnonzero((np.abs(run.y) < LIMIT).all(0))[-1]
    return run.y[:, held].reshape(x.shape), s if run.status == 0 else float(run.t[held])
