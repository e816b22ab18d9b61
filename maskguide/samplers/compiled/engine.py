"""run(): a task on the numba engine, trajectory by trajectory, spread over threads in blocks."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ... import _checks
from ..._caching import cached_on_first
from ...process import GuidedProcess
from ..task import Batch, Task
from .draws import Key
from .grid import Record, record
from .model import ProcessArrays, build, new_state
from .plan import plan

LARGEST_BLOCK = 1024  # trajectories that a thread takes at once


def run(task: Task, start: np.ndarray, first: int) -> Batch:
    """Draw trajectories first, ..., first + n - 1 from the tokens they start with.

    Parameters
    ----------
    task : Task
        A process on a table, a ProductMixture or a MarkovProblem.
    start : (n, D) int32
        Given tokens, N for a mask; possible under the target (at w = -1 under the mixture).
    first : int
        Number of the first trajectory.

    Raises
    ------
    InputError
        A problem that is known by its outputs only; rates that overflow; a method that the rule does not go with.
    """
    model = _model(task.process, task.weights)
    kernel, parameters = plan(task.method, task)
    key = Key(*task.key, int(task.antithetic))
    notes = record(np.asarray(start, dtype=np.int32), task.record)
    threads = task.threads or len(os.sched_getaffinity(0))
    size = max(1, min(LARGEST_BLOCK, -(-len(start) // threads)))
    blocks = [(begin, _block(notes, begin, begin + size)) for begin in range(0, len(start), size)]

    def draw(begin: int, block: Record) -> None:
        own = [new_state(model) if p is new_state else p for p in parameters]
        kernel(model, new_state(model, rows=any(p is new_state for p in parameters)), key, first + begin, block, *own)

    draw(0, _block(notes, 0, 0))  # compiled, or loaded, once and by one thread
    with ThreadPoolExecutor(threads) as pool:
        for job in [pool.submit(draw, *block) for block in blocks]:
            job.result()
    return _batch(task, notes, np.array([block.found for _, block in blocks]))


@cached_on_first(4)
def _model(process: GuidedProcess, weights: tuple[float, ...]) -> ProcessArrays:
    return build(process, weights)


def _block(notes: Record, begin: int, end: int) -> Record:
    tokens, completion, jumps, reveals = (array[begin:end] for array in notes[:-1])
    return Record(tokens, completion, jumps, reveals, np.zeros(2))


def _batch(task: Task, notes: Record, found: np.ndarray) -> Batch:
    largest = float(found[:, 0].max(initial=0.0))
    if not np.isfinite(largest):
        _checks.fail(
            f"rates overflow float64 under the rule {task.process.guidance.rule.name!r}",
            "every rate is below 1.8e308; the rate product grows like p(z|x)^(-w)",
            'use a smaller weight, or the rule "normalized", whose rates never exceed 1',
        )
    return Batch(
        notes.tokens, notes.completion, notes.jumps,
        largest if task.steps else None,
        int(found[:, 1].sum()) if task.method.clipped else None,
        notes.reveals if task.record else None,
    )  # fmt: skip
