"""Where a chain ends when it runs for ever at one weight: one sweep, in numpy or compiled."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from ..._compiled.threads import idle, in_parts
from ...process import GuidedProcess
from .layout import Layout, layout, potential
from .layout import visits as grouped_visits
from .sweep import all_masked, is_compiled, visits

ROUND_OFF = 1e-10


def absorbed(process: GuidedProcess, weight: float, start: np.ndarray | None) -> tuple[np.ndarray, str, float]:
    """(law on completed states, method, error) when a start on the lattice has run for ever at one weight."""
    if is_compiled(process):
        return _compiled(process, weight, start)
    rates = process.rates(weight)
    arrival = visits(rates, all_masked(rates) if start is None else start)
    return arrival[(slice(0, process.vocab_size),) * process.length], "sweep", 0.0


def _compiled(process: GuidedProcess, weight: float, start: np.ndarray | None) -> tuple[np.ndarray, str, float]:
    groups = layout(process.vocab_size, process.length)
    begin = np.empty(0) if start is None else groups.from_lattice(start)
    if (made := potential(process, weight)) is not None:
        values, lost = made
        stays = np.where(values[groups.completed] > 0, 0.0, begin[groups.completed]) if begin.size else 0.0
        _run_in_place(values, groups, begin)
        completed, method = values[groups.completed] + stays, "potential sweep"
        if abs(completed.sum() - 1) <= ROUND_OFF:
            return completed.reshape((process.vocab_size,) * process.length), method, lost
        del values
    reached, method = grouped_visits(process, weight, begin)
    return reached[groups.completed].reshape((process.vocab_size,) * process.length).copy(), method, 0.0


def _run_in_place(values: np.ndarray, groups: Layout, start: np.ndarray) -> None:
    from . import sweeps

    arguments, threads = (values, groups.blocks, start), idle(groups.states)
    if threads == 1:
        sweeps.terminal(*arguments)
        return
    order, levels = groups.levels()
    with ThreadPoolExecutor(threads) as pool:
        for first, last in pairwise(levels.tolist()):
            in_parts(
                pool,
                threads,
                lambda begin, end, first=first: sweeps.terminal_blocks(*arguments, order, first + begin, first + end),
                last - first,
            )
