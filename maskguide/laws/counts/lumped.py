"""Exact laws of exchangeable problems at large D: on token counts instead of on sequences.

All functions take a problem and a guidance by any rule of two conditionals, target and unconditional. Conventions as
everywhere: clock u = -log m(t), w = 0 conditional. Source: docs/large-dimension.md.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from ... import _checks
from ...guidance import Guidance, Segment
from ...problems.counts import multinomials
from ...problems.exchangeable import ExchangeableProblem
from ...process import GuidedProcess
from .chain import Quadrature, count_rates, visits
from .count_law import CountLaw
from .tails import WARNED_ERROR, log_tv

CONTOUR_RATIO = 2.0  # clocks within this factor share a contour


def terminal_counts(problem: ExchangeableProblem, guidance: Guidance) -> CountLaw:
    """The law of the token counts of completed samples.

    P(c) = sum_v P(c - e_v) r(c - e_v -> c) / R(c - e_v), one sweep over the levels, all terms positive: at a
    constant weight the relative error is a few roundings a level (5e-14 at D = 1,000). Both rules have the same
    terminal law, for exchangeable coordinates leave a context at equal hazards. With a weight schedule the chain
    is first carried to the start of the last segment, with the error in ``.error``.

    Returns
    -------
    CountLaw
        ``.probs`` of shape (D+1,)*(N-1), like the problem's count laws.

    Raises
    ------
    InputError
        Another rule, or a schedule that returns from w = -1 into a dead end.
    """
    _usable(problem, guidance)
    *earlier, last = guidance.schedule.segments()
    start, error = _law_at(problem, guidance, last.start) if earlier else (None, 0.0)
    probs = visits(problem, guidance.rule, last.weight, start)[-1]
    return CountLaw(probs, problem, np.array(np.inf), "segments by contour, then sweep" if earlier else "sweep", error)


def transient_counts(problem: ExchangeableProblem, guidance: Guidance, clock: ArrayLike) -> CountLaw:
    """The law at clock u of how many coordinates are revealed and as what.

    Where every coordinate reveals at rate 1 (rule "normalized", or w = 0 or -1) and the weight is constant up to
    u, q_u(c) = Binomial(D, 1 - m)(k) P(c is visited): positive terms only. Otherwise by contour quadrature, with
    a bound of its L1 error in ``.error`` (1e-12 at D = 1,000) and negative round-off set to zero.

    Parameters
    ----------
    problem : ExchangeableProblem
    guidance : Guidance
    clock : float or array_like (T,)
        u in [0, inf]. Clocks within a factor of two of each other share a contour.

    Returns
    -------
    CountLaw
        ``.probs`` of shape clock.shape + (D+1,)*N: the number k of revealed coordinates, then the counts of tokens
        1..N-1 among them. ``.probs[..., D, :]`` are completed.

    Raises
    ------
    InputError
        Clocks that are negative or NaN, another rule, dead ends, or laws that do not fit in memory.

    Warns
    -----
    AccuracyWarning
        The error bound exceeds 1e-9: rates too far apart for the number of nodes.
    """
    _usable(problem, guidance)
    clocks = _checks.clocks(clock)
    shape = (problem.length + 1,) * problem.vocab_size
    size = 16 * (problem.length + 1) ** problem.vocab_size
    _checks.fits_in_memory(size * max(1, clocks.size), f"laws at {clocks.size} clocks", "ask for fewer clocks")
    probs, error = np.zeros((clocks.size, *shape)), 0.0
    for u, chosen in _distinct(clocks):
        probs[chosen] = _edge_law(problem, guidance, u)
    for segment, chosen in _contour_groups(guidance, clocks):
        levels, errors = _laws(problem, guidance, segment, clocks.ravel()[chosen])
        error = max(error, float(errors.max()))
        for k, level in enumerate(levels):
            probs[(chosen, k, *(slice(n) for n in level.shape[1:]))] = level
    if error > WARNED_ERROR:
        warnings.warn(
            f"the law on counts may be off by {error:.1g} in L1: its rates are too far apart for the contour",
            _checks.AccuracyWarning,
            stacklevel=2,
        )
    method = "subtraction-free" if error == 0 else "contour"
    return CountLaw(probs.reshape(*clocks.shape, *shape), problem, clocks, method, error)


def tv_decay_counts(
    problem: ExchangeableProblem, guidance: Guidance, clock: ArrayLike, *, log: bool = False
) -> np.ndarray:
    """TV(q_u, q_inf) = P(some coordinate is still masked at u), as for :func:`maskguide.tv_decay`.

    1 - (1 - m)^D where every coordinate reveals at rate 1, otherwise a contour shifted to the late rate, which keeps
    its relative accuracy below the range of float64 (``log=True``). Where a slow context of tiny probability spoils
    that, chains of up to 600 states (D <= 33 for N = 2) are exponentiated by positive terms instead.

    Warns
    -----
    AccuracyWarning
        The bound of the relative error exceeds 1e-9 in a larger chain. Once no digit is certain, an upper bound is
        returned.
    """
    _usable(problem, guidance)
    clocks = _checks.clocks(clock)
    values = np.where(clocks.ravel() == 0, 0.0, -np.inf)
    for segment, chosen in _contour_groups(guidance, clocks):
        values[chosen] = log_tv(problem, guidance, segment, clocks.ravel()[chosen])
    values = values.reshape(clocks.shape)
    return values if log else np.exp(values)


def late_rate_counts(problem: ExchangeableProblem, guidance: Guidance) -> tuple[float, tuple[int, ...]]:
    """min R(c) over the reachable masked counts of the last segment, and the counts (c_0, ..., c_{N-1}) attaining it.

    TV decays like e^{-rate u} at late clocks.
    """
    _usable(problem, guidance)
    rates = count_rates(problem, guidance.rule, guidance.schedule.segments()[-1].weight)
    least = rates.late_rate
    level = next(k for k, exit in enumerate(rates.exit) if (exit == least).any())
    counts = [int(i) for i in np.argwhere(rates.exit[level] == least)[0]]
    return least, (level - sum(counts), *counts)


def _usable(problem: ExchangeableProblem, guidance: Guidance) -> None:
    if not isinstance(problem, ExchangeableProblem) or not isinstance(guidance, Guidance):
        _checks.fail(
            f"a {type(problem).__name__} and a {type(guidance).__name__}",
            "an ExchangeableProblem and a Guidance",
            'ExchangeableProblem([[0.5, 0.5], [0.1, 0.9]], [0.5, 0.5]), Guidance("product", 2.0)',
        )
    if guidance.rule.looks_ahead or guidance.rule.negative is not None:
        _checks.fail(
            f"laws on counts under the rule {guidance.rule.name!r}",
            "rates that follow from the two conditionals of one coordinate, under the target and the unconditional law",
            'take "product" or "normalized"; or problem.table() for few coordinates',
        )
    leaves = any(a == -1 and b > -1 for a, b in itertools.pairwise(guidance.schedule.weights))
    if leaves and ((problem.unconditional_law > 0) & (problem.target_law == 0)).any():
        _checks.fail(
            f"{guidance.schedule} returns from w = -1 to a larger weight",
            "w = -1 reaches counts that the target never visits, and no other weight leads out of them",
            "start from a weight slightly above -1, such as -0.999, or keep w = -1 to the end",
        )


# Clocks -----------------------------------------------------------------------------------------------


def _distinct(clocks: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
    """The clocks 0 and inf, where no quadrature is needed, and which entries they are."""
    for u in (0.0, np.inf):
        chosen = np.flatnonzero(clocks.ravel() == u)
        if chosen.size:
            yield u, chosen


def _contour_groups(guidance: Guidance, clocks: np.ndarray) -> Iterator[tuple[Segment, np.ndarray]]:
    """Clocks in (0, inf) grouped by segment and, within it, by durations less than a factor CONTOUR_RATIO apart."""
    flat = clocks.ravel()
    for segment in guidance.schedule.segments():
        left = np.flatnonzero((segment.start < flat) & (flat <= segment.end) & np.isfinite(flat))
        while left.size:
            duration = flat[left] - segment.start
            near = duration <= CONTOUR_RATIO * duration.min()
            yield segment, left[near]
            left = left[~near]


# Laws -------------------------------------------------------------------------------------------------


def _edge_law(problem: ExchangeableProblem, guidance: Guidance, clock: float) -> np.ndarray:
    """The law on the lattice of counts at clock 0 or inf."""
    law = np.zeros((problem.length + 1,) * problem.vocab_size)
    if clock == 0:
        law[(0,) * problem.vocab_size] = 1.0
    else:
        law[-1] = terminal_counts(problem, guidance).probs
    return law


def _laws(
    problem: ExchangeableProblem, guidance: Guidance, segment: Segment, clocks: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Levels with a leading axis of clocks within one segment, and the errors (T,)."""
    if segment.start == 0 and guidance.rule.has_unit_hazards(segment.weight):
        seen = visits(problem, guidance.rule, segment.weight)
        revealed = _binomial(problem.length, clocks)
        return [np.multiply.outer(revealed[:, k], level) for k, level in enumerate(seen)], np.zeros(clocks.size)
    start, error = _law_at(problem, guidance, segment.start) if segment.start > 0 else (None, 0.0)
    rates = count_rates(problem, guidance.rule, segment.weight)
    quadrature = Quadrature(rates, start, clocks - segment.start)
    return [np.maximum(level, 0.0) for level in quadrature.laws()], quadrature.error + error


def _law_at(problem: ExchangeableProblem, guidance: Guidance, clock: float) -> tuple[list[np.ndarray], float]:
    """The law when a segment starts, by levels, and its error."""
    ends = next(s for s in guidance.schedule.segments() if s.end == clock)
    levels, error = _laws(problem, guidance, ends, np.array([clock]))
    return [level[0] for level in levels], float(error[0])


def _binomial(length: int, clocks: np.ndarray) -> np.ndarray:
    """P(k of D coordinates revealed) = C(D, k) (1-m)^k m^(D-k), m = e^{-u}: (T, D+1)."""
    k = np.arange(length + 1)
    logs = np.multiply.outer(np.log(-np.expm1(-clocks)), k) - np.multiply.outer(clocks, length - k)
    return np.exp(multinomials(2, length).log() + logs)


# The same for a process: what the public functions call ---------------------------------------------------


def process_counts(process: GuidedProcess, start: object) -> tuple[ExchangeableProblem, Guidance]:
    """Problem and guidance of a process on counts; a start other than all masked is refused."""
    if start is not None:
        _checks.fail("start= with an exchangeable problem", "laws on counts start fully masked", "use problem.table()")
    return process.problem, process.guidance
