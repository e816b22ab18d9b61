"""Every method on every problem in torch: the trajectories of a batch advance together, on any device.

Stepped methods never make the host wait within the loop over steps; exact ones look every few events at whether all are
done. Draws, sums and rates are float64. Run and tested on the CPU; other devices take the same code, which
has not been run there, nor under torch.compile.
"""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import torch

from ...methods import (
    FixedCount,
    Method,
    PredictorCorrector,
    Remasking,
    RungeKutta,
    Step,
    Trapezoidal,
    TwoStage,
    ancestral,
)
from ...methods.fixed_count import no_preference
from ...problems.conditionals import ExactDenoiser
from ..task import Batch, Task
from . import corrector, decoders, jumps, leaps, reveal
from .lazy import knows_rows
from .walk import Walk

RATES_BYTES = 2**21  # of one (n, D, N) array of rates on the CPU: what its caches hold; several are alive at a time
LAZY_BYTES, LAZY_COORDINATES = 2**24, 2**16  # where such an array is seldom made: of one, and of an (n, D) array
DEVICE_RATES_BYTES = 2**28  # elsewhere, where small arrays cost as much time as large ones
EXACT = {
    "gillespie": jumps.next_reaction,
    "first-hitting": jumps.first_hitting,
    "uniformization": jumps.uniformization,
}
UNIT_HAZARD = {"ancestral", "remdm"}


def run(task: Task, start: np.ndarray, first: int) -> Batch:
    """Trajectories first, ..., first + n - 1 from tokens (n, D) at clock 0, in chunks of bounded memory.

    Raises
    ------
    InputError
        A method that needs hazards of one or a bound on them, where there is none; rates that overflow.
    """
    if task.method.name in UNIT_HAZARD:
        ancestral.check_rule(task.process, {step.weight for step in task.steps}, task.method.name)
    size = _chunk_size(task)
    with _one_thread(task):
        return _joined([_chunk(task, start[k : k + size], first + k) for k in range(0, len(start), size)])


def _chunk_size(task: Task) -> int:
    """Trajectories that advance together."""
    length, each = task.process.length, 8 * task.process.length * task.process.vocab_size
    if task.device != "cpu":
        return max(1, DEVICE_RATES_BYTES // each)
    if not knows_rows(task.process) or _asks_for_all(task.method):
        return max(1, RATES_BYTES // each)
    return max(1, min(LAZY_BYTES // each, LAZY_COORDINATES // length))


def _asks_for_all(method: Method) -> bool:
    """Whether a step takes the rates of all coordinates and tokens."""
    match method:
        case TwoStage() | Remasking():
            return True
        case FixedCount():
            return method.score is not no_preference
        case _:
            return method.name == "uniformization"


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
    walk = Walk(task, start, first)
    if task.method.is_exact:
        EXACT[task.method.name](walk)
        return walk.batch(task)
    for step in task.steps:
        before = walk.tokens
        _one_step(walk, task.method, step)
        walk.changes = walk.changes + (walk.tokens != before).any(-1)
    return walk.batch(task)


def _one_step(walk: Walk, method: Method, step: Step) -> None:
    match method:
        case Trapezoidal():
            leaps.trapezoidal(walk, method, step)
        case RungeKutta():
            leaps.runge_kutta(walk, method, step)
        case FixedCount():
            decoders.decode(walk, method, step)
        case Remasking():
            reveal.remask_and_reveal(walk, method, step)
        case PredictorCorrector():
            corrector.leap_and_correct(walk, method, step)
        case _:
            reveal.independent(walk, method, step)


def _joined(parts: list[Batch]) -> Batch:
    tokens, clocks, changes = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("tokens", "completion_clock", "jumps")
    )
    largest = [p.largest_hazard_step for p in parts if p.largest_hazard_step is not None]
    clipped = [p.clipped for p in parts if p.clipped is not None]
    reveals = [p.reveal_clock for p in parts if p.reveal_clock is not None]
    return Batch(
        tokens, clocks, changes, max(largest) if largest else None, sum(clipped) if clipped else None,
        np.concatenate(reveals) if reveals else None,
    )  # fmt: skip
