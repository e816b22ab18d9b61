"""Compiled Euler and Heun steps of the guided probability-flow ODE in the plane, for linear rules.

At each time of the grid a component is a row of numbers (:func:`table`), so that a step only multiplies and adds
but for one exponential a component. A test holds the kernel to `samplers`.
"""

from __future__ import annotations

from math import exp, inf
from typing import NamedTuple

import numba
import numpy as np

from .._compiled.jit import njit
from .mixture import Mixture
from .noise import NoiseProcess
from .trajectories import LIMIT


def table(mixture: Mixture, process: NoiseProcess, times: np.ndarray) -> np.ndarray:
    """(K + 1, C, 11): log weight, mean (2), precision P (3), velocity matrix M (3), velocity shift (2).

    With r = x - a mu, V = a^2 Sigma + sigma^2 I, P = V^{-1}: the component's velocity is
    a' mu + M r, M = a a' Sigma P + (sigma^2)' P / 2.
    """
    held = mixture.weights > 0
    means, sigma, weights = mixture.means[held], mixture.covariances()[held], mixture.weights[held]
    rows = np.empty((len(times), len(means), 11))
    for row, t in zip(rows, times, strict=True):
        level = process.at(float(t))
        P = np.linalg.inv(level.scale**2 * sigma + level.variance * np.eye(2))
        M = level.scale * level.scale_rate * sigma @ P + level.variance_rate / 2 * P
        row[:, 0] = np.log(weights) + np.linalg.slogdet(P)[1] / 2
        row[:, 1:3], row[:, 9:11] = level.scale * means, level.scale_rate * means
        row[:, 3:6], row[:, 6:9] = _upper(P), _upper(M)
    return rows


def _upper(matrices: np.ndarray) -> np.ndarray:
    return np.stack([matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 1]], -1)


@njit(inline="always")
def _velocity(rows, x, y):
    """Velocity of one mixture at (x, y): components added by a running log-sum-exp."""
    top, total, vx, vy = -inf, 0.0, 0.0, 0.0
    for k in range(rows.shape[0]):
        row = rows[k]
        p, q = x - row[1], y - row[2]
        height = row[0] - 0.5 * (p * (row[3] * p + 2 * row[4] * q) + row[5] * q * q)
        kx, ky = row[9] + row[6] * p + row[7] * q, row[10] + row[7] * p + row[8] * q
        if k == 0:
            top, total, vx, vy = height, 1.0, kx, ky
        elif height <= top:
            share = exp(height - top)
            total, vx, vy = total + share, vx + share * kx, vy + share * ky
        else:
            share = exp(top - height)
            total, vx, vy, top = total * share + 1, vx * share + kx, vy * share + ky, height
    return vx / total, vy / total


@njit(inline="always")
def _guided(conditional, unconditional, w, x, y):
    cx, cy = _velocity(conditional, x, y)
    if w == 0:
        return cx, cy
    ux, uy = _velocity(unconditional, x, y)
    return cx + w * (cx - ux), cy + w * (cy - uy)


class Steps(NamedTuple):
    """Times (K + 1,), weights at the two ends of each step (K,), and whether steps are Heun's."""

    times: np.ndarray
    before: np.ndarray
    after: np.ndarray
    heun: bool


@njit(parallel=True, cache=True)
def flow(points, conditional, unconditional, steps, stopped, exploded):
    """Move `points` (n, 2) in place along the grid.

    A trajectory that leaves the limits keeps its last point; `exploded` and `stopped` get the fact and the time.
    """
    times, before, after, heun = steps
    for i in numba.prange(points.shape[0]):
        x, y = points[i, 0], points[i, 1]
        for n in range(times.shape[0] - 1):
            h = times[n + 1] - times[n]
            vx, vy = _guided(conditional[n], unconditional[n], before[n], x, y)
            nx, ny = x + h * vx, y + h * vy
            if heun:
                ex, ey = _guided(conditional[n + 1], unconditional[n + 1], after[n], nx, ny)
                nx, ny = x + h / 2 * (vx + ex), y + h / 2 * (vy + ey)
            if not (abs(nx) < LIMIT and abs(ny) < LIMIT):
                exploded[i], stopped[i] = True, times[n + 1]
                break
            x, y = nx, ny
        points[i, 0], points[i, 1] = x, y
