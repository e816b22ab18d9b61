"""Memory for vectors: a vector that lies across two lines of the cache is slow to load."""

from __future__ import annotations

import numpy as np

CACHE_LINE = 8  # float64


def aligned(count: int) -> np.ndarray:
    """An uninitialised array of so many float64 that starts on a cache line."""
    memory = np.empty(count + CACHE_LINE)
    first = -(memory.ctypes.data // 8) % CACHE_LINE
    return memory[first : first + count]
