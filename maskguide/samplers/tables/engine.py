"""The fast engine for tables: Gillespie's chain and the methods whose coordinates reveal on their own."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from ..task import Batch, Task
from .grid import Grid
from .kernels import events, steps
from .rate_tables import rate_tables
from .state import Output, new_block

BLOCK = 64  # trajectories side by side: what they need of each other's time stays in the first cache
MOST_BINS = 4096  # of the clock, to find steps by
SERIAL_BELOW = 4096  # trajectories; starting threads costs more than they save


def run(task: Task, start: np.ndarray, first: int) -> Batch:
    """Trajectories first, first + 1, ... from given tokens (n, D) at clock 0, mask N.

    Source of the next-reaction form: Gibson and Bruck, J. Phys. Chem. A 104 (2000).
    """
    output, grid = _output(task, start), _grid(task)
    rates, parts = rate_tables(task.process, task.weights), _parts(len(start), task.threads)
    only_masks = task.process.length > 1 and bool((output[0] == task.process.vocab_size).all())
    largest, clipped = np.zeros((len(parts), 1)), np.zeros((len(parts), 1), dtype=np.int64)
    key, kernel = tuple(np.uint64(word) for word in task.key), events if task.method.gain is None else steps

    def draw(part: slice, *totals: np.ndarray) -> None:
        own = Output(only_masks, *(column[part] for column in output), *totals)
        block = new_block(task.process.length, BLOCK)
        kernel(key, np.uint64(first + part.start), np.uint64(task.antithetic), rates, grid, own, block)

    with ThreadPoolExecutor(len(parts)) as pool:
        list((map if len(parts) == 1 else pool.map)(draw, parts, largest, clipped))
    tokens, completion, jumps, reveal_clock = output
    return Batch(
        tokens,
        completion,
        jumps,
        largest_hazard_step=None if task.method.is_exact else float(largest.max()),
        clipped=int(clipped.sum()) if task.method.clipped else None,
        reveal_clock=reveal_clock if task.record else None,
    )


def _grid(task: Task) -> Grid:
    """The segments and steps of a task."""
    if task.method.is_exact:
        pieces = [(segment.weight, segment.end, 0) for segment in task.process.segments]
    else:
        runs = [list(some) for _, some in itertools.groupby(task.steps, lambda step: step.weight)]
        pieces = [(some[-1].weight, some[-1].end, some[-1].index) for some in runs]
    step_ends, gain = np.array([step.end for step in task.steps]), task.method.gain
    return Grid(
        np.array([task.weights.index(weight) for weight, _, _ in pieces], dtype=np.uint64),
        np.array([end for _, end, _ in pieces]),
        np.array([last for _, _, last in pieces], dtype=np.uint64),
        step_ends,
        *_bins(step_ends),
        np.zeros(0) if gain is None else gain(np.array([step.fraction for step in task.steps])),
        _longest(np.array([step.length for step in task.steps])),
        np.array([k.bit_length() - 1 for k in range(1, len(step_ends) + 1)], dtype=np.uint64),
    )


def _bins(step_ends: np.ndarray) -> tuple[np.ndarray, float]:
    """The step at the start of each of many equal bins of the clock, and bins per unit of the clock."""
    finite = step_ends[np.isfinite(step_ends)]
    if not finite.size:
        return np.zeros(1, dtype=np.uint64), 1.0
    shortest = np.diff(finite, prepend=0.0).min()
    count = int(min(MOST_BINS, np.ceil(finite[-1] / shortest) + 1))
    scale = count / finite[-1]
    starts = np.arange(count) / scale
    steps_there = np.searchsorted(step_ends, starts * (1 - 1e-9), side="right")
    return np.minimum(steps_there, len(step_ends) - 1).astype(np.uint64), float(scale)


def _longest(lengths: np.ndarray) -> np.ndarray:
    """Row l, column k: the longest finite step among k, ..., k + 2^l - 1 (no further than the last)."""
    table = [np.where(np.isfinite(lengths), lengths, 0.0)]
    while 2 ** len(table) <= len(lengths):
        further, later = table[-1].copy(), table[-1][2 ** (len(table) - 1) :]
        np.maximum(further[: len(later)], later, out=further[: len(later)])
        table.append(further)
    return np.array(table)


def _output(task: Task, start: np.ndarray) -> tuple[np.ndarray, ...]:
    """Tokens, completion clocks, jumps and reveal clocks, for the kernels to fill."""
    n, length = start.shape
    recorded = n if task.record else 0
    memory = np.empty(n + recorded * length + -(-(length + 1) * n // 2))  # one piece is got and given back faster
    completion, reveal_clock, rest = np.split(memory, [n, n + recorded * length])
    jumps, tokens = np.split(rest.view(np.int32)[: (length + 1) * n], [n])
    tokens = tokens.reshape(n, length)
    tokens[:] = start
    reveal_clock[:] = np.nan
    return tokens, completion, jumps, reveal_clock.reshape(recorded, length)


def _parts(n: int, threads: int | None) -> list[slice]:
    """Slices of the trajectories, whole blocks, one for each thread."""
    most = numba.config.NUMBA_NUM_THREADS if threads is None else threads  # type: ignore[attr-defined]
    each = -(-n // (BLOCK * (1 if n < SERIAL_BELOW else most))) * BLOCK
    return [slice(begin, min(begin + each, n)) for begin in range(0, n, each)]
