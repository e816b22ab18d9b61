"""TV along the dynamics on counts, as a logarithm and to relative accuracy, far below the range of float64.

TV(u) is the mass of masked counts. Times e^{lambda u}, lambda the late rate, its poles start at zero and the contour
keeps its digits, unless the slow contexts are reached with tiny probability only: what decayed long ago then has to
cancel. The error bound says so, and small chains are exponentiated by sums of positive terms
(lattice/subtraction_free.py).

Source: docs/large-dimension.md.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from ... import _checks
from ...guidance import Guidance, Segment
from ...guidance.rule import Rule
from ...problems.counts import revealed
from ...problems.exchangeable import ExchangeableProblem
from ..lattice.subtraction_free import exponential
from ..unit_hazards import log_masked
from .chain import CountRates, Levels, Quadrature, count_rates

WARNED_ERROR = 1e-9  # relative error bound beyond which another method is taken, or a warning given
MOST_STATES = 600  # of a chain that is exponentiated as a dense matrix


def log_tv(problem: ExchangeableProblem, guidance: Guidance, segment: Segment, clocks: np.ndarray) -> np.ndarray:
    """log TV at clocks (T,) in (0, inf) within one segment."""
    passed = [s for s in guidance.schedule.segments() if s.start <= segment.start]
    if all(guidance.rule.has_unit_hazards(s.weight) for s in passed):
        return log_masked(problem.length, clocks)
    logs, relative = _by_contour(problem, guidance.rule, passed, clocks)
    if relative.max() > WARNED_ERROR and _small(problem):
        return np.array([_by_positive_terms(problem, guidance.rule, passed, float(u)) for u in clocks])
    if relative.max() > WARNED_ERROR:
        warnings.warn(
            f"a slow context of tiny probability hides TV, which may be off by {relative.max():.1g} of its value",
            _checks.AccuracyWarning,
            stacklevel=3,
        )
    return logs


# By contour ---------------------------------------------------------------------------------------------


def _by_contour(
    problem: ExchangeableProblem, rule: Rule, passed: Sequence[Segment], clocks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """log TV and the bound of its relative error; an upper bound of TV once that reaches one."""
    start, scale, error = _masked_start(problem, rule, passed[:-1])
    rates, durations = count_rates(problem, rule, passed[-1].weight), clocks - passed[-1].start
    quadrature = Quadrature(rates, start, durations, rates.late_rate)
    mass, bound = quadrature.masses(), error + quadrature.error
    known = mass > bound
    value = np.where(known, mass, np.maximum(mass, 0.0) + bound)
    return np.minimum(np.log(value) + scale - rates.late_rate * durations, 0.0), np.where(known, bound / value, 1.0)


def _masked_start(
    problem: ExchangeableProblem, rule: Rule, passed: Sequence[Segment]
) -> tuple[Levels | None, float, float]:
    """The law of the masked counts after some segments, divided by its mass; the log of that mass; the L1 error."""
    start, scale, error = None, 0.0, 0.0
    for segment in passed:
        rates, duration = count_rates(problem, rule, segment.weight), segment.end - segment.start
        quadrature = Quadrature(rates, start, np.array([duration]), rates.late_rate)
        start = [np.maximum(level[0], 0.0) for level in quadrature.laws()]
        mass = sum(float(level.sum()) for level in start)
        start, error = [level / mass for level in start], (error + float(quadrature.error[0])) / mass
        scale += np.log(mass) - rates.late_rate * duration
    return start, scale, error


# By positive terms --------------------------------------------------------------------------------------


def _small(problem: ExchangeableProblem) -> bool:
    return sum((k + 1) ** (problem.vocab_size - 1) for k in range(problem.length)) <= MOST_STATES


def _by_positive_terms(problem: ExchangeableProblem, rule: Rule, passed: Sequence[Segment], clock: float) -> float:
    row, scale = None, 0.0
    for segment in passed:
        rates, duration = count_rates(problem, rule, segment.weight), min(segment.end, clock) - segment.start
        generator, exit = _masked_chain(rates)
        step = exponential(generator, np.maximum(exit - rates.late_rate, 0.0), duration)
        row = step[0] if row is None else row @ step
        scale -= rates.late_rate * duration
    assert row is not None
    return min(0.0, float(np.log(row.sum())) + scale)


def _masked_chain(rates: CountRates) -> tuple[np.ndarray, np.ndarray]:
    """Off-diagonal rates (n, n) between masked counts, level after level, and exit rates (n,)."""
    axes = rates.edges[0].ndim - 1
    index, size = [], 0
    for level in rates.exit[:-1]:
        index.append(size + np.arange(level.size).reshape(level.shape))
        size += level.size
    generator = np.zeros((size, size))
    for here, after, edge in zip(index, index[1:], rates.edges, strict=False):
        for v in range(axes + 1):
            generator[here, after[revealed(v, axes)]] = edge[..., v]
    return generator, np.concatenate([level.ravel() for level in rates.exit[:-1]])
