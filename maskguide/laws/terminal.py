"""The terminal law (u -> inf): what a perfect guided sampler draws."""

from __future__ import annotations

import os
from typing import cast

import numpy as np

from ..process import GuidedProcess
from .law import Law
from .lumped import process_counts, terminal_counts
from .sweep import all_masked, is_large, starting_law, visits
from .transient import transient_law

MANY_STATES = 1_000_000  # from here on a second thread is worth its start
ROUND_OFF = 1e-10


def terminal_law(process: GuidedProcess, *, start: object = None) -> Law:
    """The law of completed samples, exactly.

    P(y) = sum over parents x of P(x) r(x->y) / R(x), one sweep over the lattice. For D = 1 this is the
    tilted law p_z^(1+w) p^(-w) / Z; for D >= 2 it is not. All terms are positive. With a weight schedule
    the chain is first carried to the start of the last segment (`transient_law`; its error is passed on).

    Parameters
    ----------
    process : GuidedProcess
    start : optional
        Where the chain starts: a list of D tokens, N for a mask (a prompt, to be completed), or a law on the
        lattice, (N+1,)*D or a Law. By default everything is masked.

    Returns
    -------
    Law
        ``.probs`` of shape (N,)*D, summing to one. ``.method``: "sweep" (numpy; few coordinates), "potential
        sweep" (compiled; rate product), "coordinate sweep" (compiled; normalized) or "edge sweep" (compiled; other
        rules, and rate products beyond the range of float64). Of an ExchangeableProblem a CountLaw.

    Source: docs/theory.md, section 2.1; docs/exact-laws.md.
    """
    if process.on_counts:
        return cast(Law, terminal_counts(*process_counts(process, start)))
    *earlier, last = process.segments
    begin, error, before = starting_law(process, start), 0.0, ""
    if earlier:
        carried = transient_law(process, last.start, start=start)
        begin, error, before = carried.probs, carried.error, f"{carried.method}, then "
    completed, method, lost = settled(process, last.weight, begin)
    return Law(completed, process.problem, np.array(np.inf), before + method, error + lost)


def settled(process: GuidedProcess, weight: float, start: np.ndarray | None) -> tuple[np.ndarray, str, float]:
    """(law on completed states, method, error) when a start on the lattice has run for ever at one weight."""
    if is_large(process):
        return _compiled(process, weight, start)
    rates = process.rates(weight)
    arrival = visits(rates, all_masked(rates) if start is None else start)
    return arrival[(slice(0, process.vocab_size),) * process.length], "sweep", 0.0


def _compiled(process: GuidedProcess, weight: float, start: np.ndarray | None) -> tuple[np.ndarray, str, float]:
    from . import layout

    groups = layout.layout(process.vocab_size, process.length)
    begin = np.empty(0) if start is None else groups.from_lattice(start)
    if (made := layout.potential(process, weight)) is not None:
        values, lost = made
        stays = np.where(values[groups.completed] > 0, 0.0, begin[groups.completed]) if begin.size else 0.0
        _run_in_place(values, groups, begin)
        completed, method = values[groups.completed] + stays, "potential sweep"
        if abs(completed.sum() - 1) <= ROUND_OFF:
            return completed.reshape((process.vocab_size,) * process.length), method, lost
        del values
    reached, method = layout.visits(process, weight, begin)
    return reached[groups.completed].reshape((process.vocab_size,) * process.length).copy(), method, 0.0


def _idle_threads(most: int) -> int:
    """Threads that would not have to share a core: waiting for a late one costs more than it brings."""
    try:
        return max(1, min(most, round((os.cpu_count() or 1) - os.getloadavg()[0])))
    except OSError:
        return 1


def _run_in_place(values: np.ndarray, groups, start: np.ndarray) -> None:
    import numba

    from . import compiled

    arguments = values, groups.offsets, groups.vocab_size, groups.length, start
    threads = _idle_threads(numba.get_num_threads())
    if groups.states < MANY_STATES or threads == 1:
        compiled.terminal(*arguments)
    else:
        order, levels = groups.levels()
        compiled.terminal_in_threads(*arguments, order, levels, threads)
