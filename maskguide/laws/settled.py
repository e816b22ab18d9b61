"""Where a chain ends when it runs for ever at one weight: one sweep, in numpy or compiled."""

from __future__ import annotations

import os

import numpy as np

from ..process import GuidedProcess
from .sweep import all_masked, is_large, visits

MANY_STATES = 1_000_000  # from here on a second thread is worth its start
ROUND_OFF = 1e-10


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
