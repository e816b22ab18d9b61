"""Normal and uniform numbers addressed by (seed, trajectory, draw): no dependence on batches or threads."""

from __future__ import annotations

import numpy as np

from .._random import TWO_TO_MINUS_53, split_seed, two_draws


def uniforms(seed: int, count: int, draw: int, first: int = 0) -> np.ndarray:
    """`count` uniforms on (0, 1), one for each trajectory from `first` on."""
    who = np.arange(first, first + count, dtype=np.int64)
    return (two_draws(*split_seed(seed), who, np.zeros(1, np.int64), draw)[0] + 0.5) * TWO_TO_MINUS_53


def normals(seed: int, count: int, d: int, draw: int, first: int = 0) -> np.ndarray:
    """Standard normals (count, d) of draw number `draw`, by Box and Muller."""
    who = np.arange(first, first + count, dtype=np.int64)[:, None]
    place = np.arange((d + 1) // 2, dtype=np.int64)[None]
    one, two = two_draws(*split_seed(seed), who, place, draw)
    radius = np.sqrt(-2 * np.log((one + 0.5) * TWO_TO_MINUS_53))
    angle = 2 * np.pi * (two * TWO_TO_MINUS_53)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(count, -1)[:, :d]
