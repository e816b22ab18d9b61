"""Total variation along the reverse dynamics: P(some coordinate is still masked at clock u)."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..process import GuidedProcess, Rates
from . import contour, positive
from .law import masked_states
from .sweep import all_masked, visits
from .transient import segment_start, stages

POSITIVE_WORK = 1e5  # multiplications a squaring below which positive sums come first
POSITIVE_LIMIT = 5e9  # and beyond which they are not tried
RELATIVE_ERROR = 1e-11


def tv_decay(process: GuidedProcess, clock: ArrayLike, *, log: bool = False) -> np.ndarray:
    """TV(q_u, q_inf), the distance of the law at clock u from the terminal law.

    Masks only disappear and completed states never leave, so TV(q_u, q_inf) = P(some coordinate is still
    masked at u), exactly. D = 1: e^{-Z u} = m^Z; rule "normalized": 1 - (1 - m)^D for every w. Computed by
    positive terms (relative accuracy about 1e-12, also of values like 1e-250) where the lattice is small
    enough, otherwise by a contour shifted to the late rate.

    Parameters
    ----------
    process : GuidedProcess
    clock : float or array_like (T,)
        u = -log m(t) in [0, inf].
    log : bool
        Return log TV instead, which goes on below the range of float64.

    Returns
    -------
    array of clock's shape; 1 at u = 0 and 0 at u = inf.

    Warns
    -----
    AccuracyWarning
        The lattice was too large for the positive method and the contour lost digits.
    """
    clocks = _checks.clocks(clock)
    values = np.array([_log_tv(process, float(u)) for u in np.atleast_1d(clocks)]).reshape(clocks.shape)
    return values if log else np.exp(values)


def late_rate(process: GuidedProcess) -> tuple[float, tuple[int, ...]]:
    """min R(x) over the reachable contexts of the last segment, and the context that attains it.

    TV decays like e^{-rate u} at late clocks. Source: theory page "Decay of total variation".
    """
    rates = process.rates()
    context = slowest_context(rates, all_masked(rates), masked_states(process.problem))
    return float(rates.exit[context]), context


def slowest_context(rates: Rates, start: np.ndarray, masked: np.ndarray) -> tuple[int, ...]:
    """The masked state of least exit rate among those visited from `start`."""
    reachable = (visits(rates, start) > 0) & masked
    index = np.unravel_index(int(np.where(reachable, rates.exit, np.inf).argmin()), rates.exit.shape)
    return tuple(int(i) for i in index)


def _log_tv(process: GuidedProcess, clock: float) -> float:
    if clock == 0:
        return 0.0
    if np.isinf(clock):
        return -np.inf
    masked = masked_states(process.problem)
    work = positive.work(process.vocab_size, process.length, masked_only=True)
    if work <= POSITIVE_WORK:
        return _log_tv_positive(process, clock, masked)
    value, error = _log_tv_contour(process, clock, masked)
    if error <= RELATIVE_ERROR:
        return value
    if work <= POSITIVE_LIMIT:
        return _log_tv_positive(process, clock, masked)
    warnings.warn(
        f"TV at clock {clock:g} has relative error up to {error:.1g}: a slow context of tiny probability hides it, "
        "and the lattice is too large for the all-positive method",
        _checks.AccuracyWarning,
        stacklevel=3,
    )
    return value


def _log_tv_positive(process: GuidedProcess, clock: float, masked: np.ndarray) -> float:
    parts = stages(process, clock)
    start = all_masked(parts[0][0])
    shifts = [float(rates.exit[slowest_context(rates, start, masked)]) for rates, _ in parts]
    mass = positive.probabilities(parts, shifts, masked_only=True).sum()
    return min(0.0, float(np.log(mass)) - sum(s * d for s, (_, d) in zip(shifts, parts, strict=True)))


def _log_tv_contour(process: GuidedProcess, clock: float, masked: np.ndarray) -> tuple[float, float]:
    """log TV and its relative error, estimated from the size of the terms that were summed."""
    segment = next(s for s in reversed(process.segments) if s.start < clock)
    rates = process.rates(segment.weight)
    start = segment_start(process, segment)[0] if segment.start > 0 else all_masked(rates)
    shift, duration = float(rates.exit[slowest_context(rates, start, masked)]), clock - segment.start
    mass, summed = contour.shifted_masked_mass(rates, start, duration, masked, shift)
    if mass <= 0:
        return -np.inf, np.inf
    error = (contour.ERROR if segment.start > 0 else 1e-15) * summed / mass
    return min(0.0, float(np.log(mass)) - shift * duration), error
