"""Trajectories on a time grid, and the loop that takes a batch of them through it, on numpy arrays or torch tensors."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays import namespace
from .normals import normals
from .steps import Field

LIMIT = 1e50  # a coordinate beyond it has exploded: its square still is a number


@dataclass(frozen=True)
class Trajectories:
    """Where the trajectories ended.

    Attributes
    ----------
    x : array, shape (n, d)
        Final points; of an exploded trajectory the last point before it. No NaN.
    exploded : bool array, shape (n,)
        Whether a coordinate went beyond 1e50, where the trajectory was stopped.
    stopped_at : array, shape (n,)
        The last time of the grid, or the time at which the trajectory exploded.
    times : array, shape (K+1,)
        The grid, from 1 to 0.
    path : array, shape (K+1, n, d), or None
        All points, when they were asked for.
    """

    x: np.ndarray
    exploded: np.ndarray
    stopped_at: np.ndarray
    times: np.ndarray
    path: np.ndarray | None = None

    @property
    def status(self) -> str:
        """How many trajectories reached the end of the grid, in a sentence."""
        if not self.exploded.any():
            return f"all {len(self.x)} trajectories reached t = {self.times[-1]:g}"
        first = self.stopped_at[self.exploded].max()
        return f"{int(self.exploded.sum())} of {len(self.x)} trajectories exploded, the first at t = {first:g}"


def stepped(
    step: Callable[..., Any], field: Field, x: Any, grid: np.ndarray, keep: bool, seed: int | None, first: int
) -> Trajectories:
    """Steps for one batch, numpy or torch: its arrays are of the kind of x, and no value is looked at on the way.

    `seed` is None for methods without noise; `first` is the first trajectory's number.
    """
    xp = namespace(x)
    alive, stopped = xp.ones_like(x[:, 0], dtype=xp.bool), xp.full_like(x[:, 0], grid[-1])
    path = [x]
    for n, (t, s) in enumerate(itertools.pairwise(grid.tolist())):
        z = None if seed is None else normals(seed, *x.shape, 3 + n, first, like=x)
        with np.errstate(over="ignore", invalid="ignore"):
            new = step(field, x, t, s, z)
            good = alive & (abs(new) < LIMIT).all(-1)
        x = xp.where(good[:, None], new, x)
        stopped = xp.where(alive & ~good, xp.full_like(stopped, s), stopped)
        alive = good
        if keep:
            path.append(x)
    return Trajectories(x, ~alive, stopped, grid, xp.stack(path) if keep else None)


def joined(parts: list[Trajectories], grid: np.ndarray, keep: bool) -> Trajectories:
    """Join batches of trajectories into one."""
    x, exploded, stopped = (np.concatenate([getattr(p, k) for p in parts]) for k in ("x", "exploded", "stopped_at"))
    path = np.concatenate([p.path for p in parts if p.path is not None], 1) if keep else None
    return Trajectories(x, exploded, stopped, grid, path)
