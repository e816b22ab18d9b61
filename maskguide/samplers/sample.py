"""sample(): draw from the guided chain, by any method on any engine."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..methods import METHODS, Method, steps
from ..process import GuidedProcess
from ..schedules import NoiseSchedule, noise_schedule, uniform_grid
from .samples import Origin, SampleInfo, Samples
from .tables import jump_tables, step_tables, strides

ENGINES = ("numba", "torch")
DEFAULT_STEPS = 64
BATCH_SIZE = 131_072
STEP_TABLE_BYTES = 64 * 2**20


def sample(
    process: GuidedProcess,
    n: int,
    method: str = "gillespie",
    seed: int = 0,
    engine: str = "numba",
    grid: ArrayLike | int | None = None,
    *,
    schedule: str | NoiseSchedule = "linear",
    device: str | None = None,
    threads: int | None = None,
    batch_size: int = BATCH_SIZE,
    progress: Callable[[int], None] | None = None,
) -> Samples:
    """Draw n trajectories of the guided reverse chain, from fully masked to data.

    The random stream is Philox keyed by (seed, trajectory, draw): the tokens depend on the seed alone, not on
    engine, threads, device or batch size. Draws use float64 cumulative sums and 53-bit uniforms.

    Parameters
    ----------
    process : GuidedProcess
    n : int
        Number of trajectories, at least 1.
    method : str
        "gillespie": exact, with holding times. "tau-leaping": K steps of `grid`.
    seed : int
        0 <= seed < 2^64.
    engine : str
        "numba" (CPU, parallel) or "torch" (batched, CPU or GPU).
    grid : array_like (K+1,) or int, optional
        Stepped methods: times strictly decreasing from 1, or a number of equal steps in t (default 64). Exact
        methods take none.
    schedule : str or NoiseSchedule
        Noise schedule of the grid. Exact methods do not depend on it.
    device : str, optional
        torch only: "cpu", "cuda", ...; by default a GPU where torch sees one.
    threads : int, optional
        numba only.
    batch_size : int
        Trajectories that are held at once.
    progress : callable, optional
        Called with the number of trajectories finished so far.

    Returns
    -------
    Samples
        ``.tokens`` (n, D), ``.info`` with completion clocks, jumps, largest hazard x step and origin.

    Raises
    ------
    InputError
        Unknown method or engine, a bad grid or seed, tables that do not fit in memory.
    """
    process.needs_table("samples")
    chosen = METHODS[_checks.choice(method, METHODS, "method")]
    if chosen.reveal is None and method != "gillespie":
        _checks.fail(f"method {method!r}", "an exact law, but no sampler", "stepped_law(process, method, grid)")
    _checks.choice(engine, ENGINES, "engine")
    count, seed = _checks.integer(n, "n", 1), _checks.seed(seed)
    _checks.integer(batch_size, "batch_size", 1)
    times = _times(chosen, grid)
    noise = noise_schedule(schedule)
    place = _device(engine, device)
    kernels = _kernels(engine)
    extra = place if engine == "torch" else None if threads is None else _checks.integer(threads, "threads", 1)
    run = _gillespie(process, kernels) if chosen.reveal is None else _stepped(process, chosen, times, noise, kernels)
    parts = []
    for first in range(0, count, batch_size):
        parts.append(run(seed, first, min(batch_size, count - first), extra))
        if progress:
            progress(min(first + batch_size, count))
    state, clock, jumps = (np.concatenate(column) for column in list(zip(*parts, strict=True))[:3])
    largest = None if chosen.reveal is None else max(part[3] for part in parts)
    origin = Origin.of(process, method, {}, engine, place, seed, count, times, schedule, None, False)
    return Samples(_tokens(process, state), SampleInfo(clock, jumps, largest, origin))


def _gillespie(process: GuidedProcess, kernels: ModuleType):
    tables, stride = jump_tables(process), strides(process)

    def run(seed, first, count, extra):
        state, clock = kernels.gillespie(seed, first, tables, stride, process.vocab_size, count, extra)
        return state, clock, np.full(count, process.length, dtype=np.int32), None

    return run


def _stepped(process: GuidedProcess, method: Method, times, noise: NoiseSchedule, kernels: ModuleType):
    taken, stride = list(steps(process.guidance, times, noise)), strides(process)
    states = (process.vocab_size + 1) ** process.length
    chunk = max(1, STEP_TABLE_BYTES // (16 * states * process.length))

    def run(seed, first, count, extra):
        stepper = kernels.Stepper(seed, first, stride, process.vocab_size, count, extra)
        for k in range(0, len(taken), chunk):
            some = taken[k : k + chunk]
            stepper.advance(step_tables(process, method, some), k, np.array([s.end for s in some]))
        return stepper.results()

    return run


def _times(method: Method, grid: ArrayLike | int | None) -> np.ndarray | None:
    if method.reveal is None:
        if grid is not None:
            _checks.fail(f"grid given to {method.name!r}", "exact methods take no time steps", "leave out grid")
        return None
    if grid is None or isinstance(grid, (int, np.integer)):
        return uniform_grid(DEFAULT_STEPS if grid is None else int(grid))
    return _checks.time_grid(grid)


def _kernels(engine: str) -> ModuleType:
    if engine == "numba":
        from . import numba_engine

        return numba_engine
    try:
        from . import torch_engine
    except ImportError:
        _checks.fail(
            'engine "torch" without torch', "it needs PyTorch", 'pip install "maskguide[torch]", or engine="numba"'
        )
    return torch_engine


def _device(engine: str, device: str | None) -> str:
    if engine == "numba":
        if device not in (None, "cpu"):
            _checks.fail(f"device {device!r} with engine numba", "numba runs on the CPU", 'use engine="torch"')
        return "cpu"
    _kernels(engine)
    import torch

    wanted = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        _checks.fail(
            f"device {wanted!r}: {str(error).splitlines()[0][:80]}", "a device that torch sees", 'device="cpu"'
        )
    return wanted


def _tokens(process: GuidedProcess, state: np.ndarray) -> np.ndarray:
    return np.stack(np.unravel_index(state, process.shape), axis=1).astype(np.int32)
