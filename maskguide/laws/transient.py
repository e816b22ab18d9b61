"""The law on the lattice at a clock u, for constant and for piecewise-constant weights."""

from __future__ import annotations

from math import comb
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..guidance import Segment
from ..process import GuidedProcess, Rates
from .counts.lumped import process_counts, transient_counts
from .lattice import contour, subtraction_free
from .lattice.absorption import absorbed
from .lattice.sweep import is_compiled, starting_law, visits
from .law import Law

CHEAP_WORK = 3e5  # below this many multiplications a squaring sums of positive terms are taken


def transient_law(process: GuidedProcess, clock: ArrayLike, *, start: object = None) -> Law:
    """The law of the guided process at clock u, on all states with and without masks.

    q(u) = q(0) exp(uQ). Three methods, the one taken is in ``.method``:

    - "reveals": rules that reveal every coordinate at rate one. The number of reveals is binomial and independent
      of the path, so q(u)(x) = P(visit x) P(that many reveals): sums of positive terms, any lattice.
    - "subtraction-free": small lattices. Sums of positive terms only; every entry to ~1e-13 relative.
    - "contour": larger ones, by contour quadrature. Absolute error in ``.error``: an entry below it has no digits,
      and those that round-off made negative are set to zero. One clock takes the best rational approximation of the
      exponential; many within a factor of ten share a hyperbola.

    Source: docs/theory.md, section 2.2; docs/exact-laws.md.

    Parameters
    ----------
    process : GuidedProcess
        Of a table or an exchangeable problem.
    clock : float or array_like, shape (T,)
        u = -log m(t) in [0, inf]: 0 gives the start, inf the terminal law on the lattice. For a time
        t of a noise schedule use ``schedule.clock(t)``; the law depends on u only.
    start : sequence of D ints, array of shape (N+1,)*D, or Law, optional
        A prompt, N for a mask, or a law on the lattice; by default everything is masked.

    Returns
    -------
    Law
        ``.probs`` of shape clock.shape + (N+1,)*D, last index = mask; of an ExchangeableProblem a :class:`CountLaw`.

    Raises
    ------
    InputError
        Negative or NaN clocks, a start that is no law, or laws that do not fit in memory.
    """
    if process.on_counts:
        return cast(Law, transient_counts(*process_counts(process, start), clock))
    process.needs_table("transient laws")
    clocks = _checks.clocks(clock)
    states = (process.vocab_size + 1) ** process.length
    _checks.fits_in_memory(8 * states * clocks.size, f"laws at {clocks.size} clocks", "ask for fewer clocks")
    laws, method, error = _laws(process, np.atleast_1d(clocks), starting_law(process, start))
    return Law(laws.reshape(*clocks.shape, *process.shape), process.problem, clocks, method, error)


def stages(process: GuidedProcess, clock: float) -> list[tuple[Rates, float]]:
    """(rates, duration) of the segments that the clock has run through, up to a finite clock > 0."""
    return [(process.rates(s.weight), min(s.end, clock) - s.start) for s in process.segments if s.start < clock]


def _laws(process: GuidedProcess, clocks: np.ndarray, law: np.ndarray | None) -> tuple[np.ndarray, str, float]:
    """The laws at all clocks, segment by segment, each from the law at the end of the one before."""
    method, (first, *more) = _method(process), process.segments
    if not more and all(0 < u < np.inf for u in clocks.tolist()):
        found, error = _run(process, first.weight, law, clocks, method)
        return found, method, error
    laws, found = np.zeros((clocks.size, *process.shape)), np.empty(0)
    error, worst = 0.0, 0.0
    laws[clocks == 0] = _all_masked(process) if law is None else law
    for segment in process.segments:
        here = np.flatnonzero((clocks > segment.start) & (clocks <= segment.end) & np.isfinite(clocks))
        further = bool((clocks > segment.end).any())
        lengths = np.array([*(clocks[here] - segment.start), *([segment.end - segment.start] if further else [])])
        if lengths.size:
            found, added = _run(process, segment.weight, law, lengths, method)
            laws[here], error = found[: here.size], error + added
            worst = error
        if np.isinf(segment.end) and np.isinf(clocks).any():
            laws[np.isinf(clocks)], lost = _at_infinity(process, segment, law)
            worst = max(worst, error + lost)
        law = found[-1] if further else law
    return laws, method, worst


def _method(process: GuidedProcess) -> str:
    if process.guidance.rule.normalises:
        return "reveals"
    cheap = subtraction_free.work(process.vocab_size, process.length, masked_only=False) <= CHEAP_WORK
    return "subtraction-free" if cheap else "contour"


def _run(
    process: GuidedProcess, weight: float, law: np.ndarray | None, lengths: np.ndarray, method: str
) -> tuple[np.ndarray, float]:
    """Laws after each of some times of the clock at one weight, and their error."""
    if method == "reveals":
        return _reveals(process, weight, law, lengths), 0.0
    if method == "subtraction-free":
        rates = process.rates(weight)
        return np.array([subtraction_free.probabilities([(rates, u)], [0.0], False, law) for u in lengths]), 0.0
    return contour.propagate(process, weight, law, lengths)


def _reveals(process: GuidedProcess, weight: float, law: np.ndarray | None, lengths: np.ndarray) -> np.ndarray:
    """Every masked coordinate is revealed at rate one, whatever it shows: P(visit x) times a binomial in masks."""
    masks = _masks(process)
    start = _all_masked(process) if law is None else law
    laws = np.zeros((lengths.size, *process.shape))
    hidden, shown = np.exp(-lengths), -np.expm1(-lengths)
    for before in range(process.length + 1):
        part = np.where(masks == before, start, 0.0)
        if not part.any():
            continue
        reached = _visits(process, weight, part)
        for after in range(before + 1):
            chance = comb(before, after) * hidden**after * shown ** (before - after)
            here = masks == after
            laws[:, here] += chance[:, None] * reached[here]
    return laws


def _visits(process: GuidedProcess, weight: float, start: np.ndarray) -> np.ndarray:
    if not is_compiled(process):
        return visits(process.rates(weight), start)
    from .lattice import layout

    groups = layout.layout(process.vocab_size, process.length)
    return groups.to_lattice(layout.visits(process, weight, groups.from_lattice(start))[0])


def _masks(process: GuidedProcess) -> np.ndarray:
    """Number of masked coordinates of every state."""
    flags = (np.arange(process.vocab_size + 1) == process.vocab_size).astype(np.int8)
    total = np.zeros((), dtype=np.int8)
    for _ in range(process.length):
        total = np.add.outer(total, flags)
    return total


def _at_infinity(process: GuidedProcess, segment: Segment, law: np.ndarray | None) -> tuple[np.ndarray, float]:
    whole = np.zeros(process.shape)
    completed, _, lost = absorbed(process, segment.weight, law)
    whole[(slice(0, process.vocab_size),) * process.length] = completed
    return whole, lost


def _all_masked(process: GuidedProcess) -> np.ndarray:
    law = np.zeros(process.shape)
    law[process.start] = 1.0
    return law
