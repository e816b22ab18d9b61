"""The law on the lattice at a clock u, for constant and for piecewise-constant weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..guidance import Segment
from ..process import GuidedProcess, Rates
from . import contour, positive
from .law import Law
from .sweep import all_masked, block, visits

POSITIVE_WORK = 3e5  # below this many multiplications a squaring the all-positive method is taken
ROUND_OFF = 1e-10


def transient_law(process: GuidedProcess, clock: ArrayLike) -> Law:
    """The law of the guided process at clock u, on all states with and without masks.

    q(u) = q(0) exp(uQ), from the fully masked state. Small lattices are solved by sums of positive terms
    (every entry to ~1e-13 relative), larger ones by contour quadrature (absolute error in ``.error``, and
    entries that round-off made negative are set to zero). The method taken is in ``.method``.

    Parameters
    ----------
    process : GuidedProcess
    clock : float or array_like (T,)
        u = -log m(t) in [0, inf]: 0 gives the fully masked start, inf the terminal law on the lattice. For a time
        t of a noise schedule use ``schedule.clock(t)``; the law depends on u only.

    Returns
    -------
    Law
        ``.probs`` of shape clock.shape + (N+1,)*D, last index = mask.

    Raises
    ------
    InputError
        Negative or NaN clocks, or laws that do not fit in memory.
    """
    clocks = _checks.clocks(clock)
    states = (process.vocab_size + 1) ** process.length
    _checks.fits_in_memory(8 * states * max(1, clocks.size), f"laws at {clocks.size} clocks", "ask for fewer clocks")
    exactly = positive.work(process.vocab_size, process.length, masked_only=False) <= POSITIVE_WORK
    laws = [_at(process, float(u), exactly) for u in np.atleast_1d(clocks)]
    probs = np.array(laws).reshape(*clocks.shape, *process.shape)
    method, error = ("positive", 0.0) if exactly else ("contour", contour.ERROR * len(process.segments))
    return Law(probs, process.problem, clocks, method, error)


def stages(process: GuidedProcess, clock: float) -> list[tuple[Rates, float]]:
    """(rates, duration) of the segments that the clock has run through, up to a finite clock > 0."""
    return [(process.rates(s.weight), min(s.end, clock) - s.start) for s in process.segments if s.start < clock]


def segment_start(process: GuidedProcess, segment: Segment) -> tuple[np.ndarray, float]:
    """The law on the lattice when a segment starts, and its error."""
    law = transient_law(process, segment.start)
    return law.probs, law.error


def _at(process: GuidedProcess, clock: float, exactly: bool) -> np.ndarray:
    if clock == 0:
        return all_masked(process.rates(process.segments[0].weight))
    if np.isinf(clock):
        return _at_infinity(process, exactly)
    parts = stages(process, clock)
    if exactly:
        return positive.probabilities(parts, [0.0] * len(parts), masked_only=False)
    law = all_masked(parts[0][0])
    for rates, duration in parts:
        law = without_negatives(contour.propagate(rates, law, duration))
    return law


def _at_infinity(process: GuidedProcess, exactly: bool) -> np.ndarray:
    last = process.segments[-1]
    arrival = visits(process.rates(last.weight), _at(process, last.start, exactly))
    completed = block((True,) * process.length, process.vocab_size)
    law = np.zeros_like(arrival)
    law[completed] = arrival[completed]
    return law


def without_negatives(law: np.ndarray) -> np.ndarray:
    """Round-off below zero set to zero; anything larger is a fault and is raised."""
    if law.min() < -ROUND_OFF:
        raise FloatingPointError(f"contour quadrature returned {law.min():.3g}; please report this problem")
    return np.maximum(law, 0.0)
