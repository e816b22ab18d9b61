"""Every method on every problem in torch: the trajectories of a batch advance together, on any device.

Stepped methods never make the host wait within the loop over steps; exact ones look every few events at whether all are
done. Draws, sums and rates are float64. Run and tested on the CPU; other devices take the same code, which
has not been run there, nor under torch.compile.
"""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import torch

from ...problems.conditionals import ExactDenoiser
from ...problems.denoiser_output import log_conditionals
from ..task import Batch, Task
from . import corrector, decoders, jumps, leaps, reveal  # noqa: F401  (they register their steps)
from .dispatch import advance, complete, knows
from .lazy import knows_rows
from .trajectories import Trajectories

RATES_BYTES = 2**21  # of one (n, D, N) array of rates on the CPU: what its caches hold; several are alive at a time
LAZY_BYTES, LAZY_COORDINATES = 2**24, 2**16  # where such an array is seldom made: of one, and of an (n, D) array
DEVICE_RATES_BYTES = 2**28  # elsewhere, where small arrays cost as much time as large ones


def run(task: Task, start: np.ndarray, first: int) -> Batch:
    """Trajectories first, ..., first + n - 1 from tokens (n, D) at clock 0, in chunks of bounded memory.

    Raises
    ------
    InputError
        A method that needs hazards of one or a bound on them, where there is none; rates that overflow.
    """
    size = _chunk_size(task)
    if task.device != "cpu" and first == 0:
        _look_at_first(task, start[:1])
    with _one_thread(task):
        return Batch.joined([_chunk(task, start[k : k + size], first + k) for k in range(0, len(start), size)])


def _look_at_first(task: Task, start: np.ndarray) -> None:
    """What a network gives for the first state: on a device nobody looks later, as the host would have to wait."""
    tokens = torch.from_numpy(np.array(start, dtype=np.int64)).to(task.device)
    for label in (task.process.problem.target, task.process.guidance.rule.reference_label(task.process.problem)):
        if not knows_rows(task.process):
            log_conditionals(task.process.problem, tokens, label, wait=True)


def _chunk_size(task: Task) -> int:
    """Trajectories that advance together."""
    length, each = task.process.length, 8 * task.process.length * task.process.vocab_size
    if task.device != "cpu":
        return max(1, DEVICE_RATES_BYTES // each)
    if not knows_rows(task.process) or task.method.needs_all_rates:
        return max(1, RATES_BYTES // each)
    return max(1, min(LAZY_BYTES // each, LAZY_COORDINATES // length))


@contextmanager
def _one_thread(task: Task):
    """Chunks are too small to share out, and threads that wait for a busy core cost ten times their work.

    A network of unknown size keeps the threads that torch has been given.
    """
    before, ours = torch.get_num_threads(), task.process.on_lattice or isinstance(task.process.problem, ExactDenoiser)
    torch.set_num_threads(1 if ours else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def _chunk(task: Task, start: np.ndarray, first: int) -> Batch:
    trajectories = Trajectories(task, start, first)
    if task.method.is_exact:
        complete(task.method, trajectories)
        return trajectories.batch(task)
    for step in task.steps:
        before = trajectories.tokens
        advance(task.method, trajectories, step)
        trajectories.changes = trajectories.changes + (trajectories.tokens != before).any(-1)
    return trajectories.batch(task)


__all__ = ["Trajectories", "advance", "complete", "knows", "run"]
