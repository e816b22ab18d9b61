"""Segments of one weight and steps, as the lattice engine's kernels read them."""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import uint64

from ..._compiled.jit import njit
from .state import ONE

MOST_BINS = 2.0**20


class Grid(NamedTuple):
    """Segments of one weight, and the steps of a stepped method, none for Gillespie.

    Attributes
    ----------
    table, ends, last : (J,) arrays
        Which weight, the clock at its end, the last step within.
    step_ends, gains : (K,) arrays
        Clocks; g of the factor 1 + g Z by which a step changes a chance (see :func:`.kernels.steps`), none for leaps.
    bins, bins_per_clock
        The step at the start of each of many equal bins of the clock.
    longest, levels : (levels, K) and (K,) arrays
        The longest of the 2^level steps from a step on, infinite ones left out; floor(log2(k + 1)).
    """

    table: np.ndarray
    ends: np.ndarray
    last: np.ndarray
    step_ends: np.ndarray
    bins: np.ndarray
    bins_per_clock: float
    gains: np.ndarray
    longest: np.ndarray
    levels: np.ndarray


@njit(inline="always")
def step_at(grid, clock):
    """The step in which a clock lies, before the last one's end."""
    last = uint64(grid.bins.size) - ONE
    k = grid.bins[min(uint64(int(min(clock * grid.bins_per_clock, MOST_BINS))), last)]
    k += uint64(grid.step_ends[k] <= clock)
    while grid.step_ends[k] <= clock:
        k += ONE
    return k


@njit(inline="always")
def longest_step(grid, first, last):
    """The longest of the steps first, ..., last, infinite ones left out."""
    level = grid.levels[last - first]
    return max(grid.longest[level, first], grid.longest[level, last + ONE - (ONE << level)])


@njit(inline="always")
def note_hazards(trajectory, grid, output, last):
    """Keep the largest Z h of the masked coordinates over the trajectory's steps up to `last`."""
    if trajectory.step <= last and grid.step_ends.size > 0:
        output.largest[0] = max(output.largest[0], trajectory.hazard * longest_step(grid, trajectory.step, last))
        trajectory.step = last + ONE
