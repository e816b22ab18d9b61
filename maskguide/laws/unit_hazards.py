"""The time it takes where every coordinate reveals at rate one: the largest of D standard exponentials."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

FAR = 40.0  # clocks from which D e^-u has all digits


def log_masked(length: int, clocks: ArrayLike) -> np.ndarray:
    """log P(T > u) = log(1 - (1 - e^-u)^D) at clocks in [0, inf], to relative accuracy of P(T > u)."""
    u = np.asarray(clocks, dtype=float)
    return np.where(u < FAR, log_rest(log_revealed(length, np.minimum(u, FAR))), np.log(length) - u)


def log_revealed(length: int, clocks: ArrayLike) -> np.ndarray:
    """log P(T <= u) = D log(1 - e^-u)."""
    return length * log_rest(-np.asarray(clocks, dtype=float))


def log_rest(log_probability: ArrayLike) -> np.ndarray:
    """log(1 - p) from log p <= 0, whichever of the two is small."""
    logs = np.asarray(log_probability, dtype=float)
    large, small = np.maximum(logs, -1.0), np.minimum(logs, -0.5)
    with np.errstate(divide="ignore"):
        return np.where(logs > -0.7, np.log(-np.expm1(large)), np.log1p(-np.exp(small)))
