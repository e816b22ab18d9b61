"""Normal and uniform numbers addressed by (seed, trajectory, draw): no dependence on batches or threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays import namespace
from .._random import TWO_TO_MINUS_53, split_seed, two_draws


def uniforms(seed: int, count: int, draw: int, first: int = 0) -> np.ndarray:
    """`count` uniforms on (0, 1), one for each trajectory from `first` on."""
    who = np.arange(first, first + count, dtype=np.int64)
    return (two_draws(*split_seed(seed), who, np.zeros(1, np.int64), draw)[0] + 0.5) * TWO_TO_MINUS_53


def normals(seed: int, count: int, d: int, draw: int, first: int = 0, like: Any = None) -> Any:
    """Standard normals (count, d) of draw number `draw`, by Box and Muller; an array of the kind of `like`."""
    xp = namespace(like)
    place = {} if xp is np else {"device": like.device}
    who = xp.arange(first, first + count, dtype=xp.int64, **place)[:, None]
    column = xp.arange((d + 1) // 2, dtype=xp.int64, **place)[None]
    one, two = (k * xp.ones_like(k, dtype=xp.float64) for k in two_draws(*split_seed(seed), who, column, draw))
    radius = xp.sqrt(-2 * xp.log((one + 0.5) * TWO_TO_MINUS_53))
    angle = 2 * np.pi * (two * TWO_TO_MINUS_53)
    return xp.stack([radius * xp.cos(angle), radius * xp.sin(angle)], -1).reshape(count, -1)[:, :d]
