"""sample(): draw from the guided chain, by any method on any engine."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _checks
from .methods import METHODS, FixedCount, Method, steps
from .process import GuidedProcess
from .samplers import prompts
from .samplers.samples import Provenance, SampleInfo, Samples
from .samplers.task import Batch, Task
from .schedules import NoiseSchedule, noise_schedule, uniform_grid

ENGINES = ("numba", "torch")
FROM_LAWS, WEIGHTED = "exact", "smc"  # not steps of the chain: draws from the exact law, and weighted particles
NAMES = (*METHODS, WEIGHTED, FROM_LAWS)
FAST = {"gillespie", "tau-leaping", "euler", "ancestral", "posterior-product"}  # compiled apart, for tables
PARTICLE_PARAMETERS = (
    "goal", "weight", "reward", "strength", "value", "threshold", "populations", "resample_final",
)  # fmt: skip
DEFAULT_STEPS = 64
BATCH_SIZE = 131_072


def sample(
    process: GuidedProcess,
    n: int,
    method: str = "gillespie",
    seed: int = 0,
    engine: str | None = None,
    grid: ArrayLike | int | None = None,
    *,
    start: ArrayLike | None = None,
    schedule: str | NoiseSchedule = "linear",
    antithetic: bool = False,
    record: bool = False,
    device: str | None = None,
    threads: int | None = None,
    batch_size: int = BATCH_SIZE,
    progress: Callable[[int], None] | None = None,
    **parameters: Any,
) -> Samples:
    """Draw n trajectories of the guided reverse chain, from masks to data.

    The random stream is Philox keyed by (seed, trajectory, draw): the tokens depend on the seed alone, not on
    engine, threads, device or batch size. Draws use float64 cumulative sums and 53-bit uniforms. Methods, weights
    and grids that share a seed share their waiting times: see docs/sampling.md.

    Parameters
    ----------
    process : GuidedProcess
        Of a table, a ProductMixture, a MarkovProblem or any Denoiser.
    n : int
        Number of trajectories, at least 1.
    method : str
        A name in ``maskguide.methods.METHODS``: "gillespie" and other exact methods, or the K steps of a `grid`;
        "smc": weighted samples of the tilted law or of rewards (no completion clocks: its reveals have no times);
        "exact": independent draws from the exact terminal law of a table.
    seed : int
        0 <= seed < 2^64.
    engine : str, optional
        "numba" (CPU, parallel; tables, mixtures, chains) or "torch" (batched, CPU or GPU; any denoiser). By default
        numba where it knows the problem.
    grid : array_like (K+1,) or int, optional
        Stepped methods: times strictly decreasing from 1, or a number of equal steps in t (default 64). See
        `time_grid` and `guided_grid`. Exact methods take none.
    start : array_like (D,) or (n, D), optional
        Tokens given beforehand (prompts), N where one is to be drawn; by default everything is masked.
    schedule : str or NoiseSchedule
        Noise schedule of the grid. Exact methods do not depend on it.
    antithetic : bool
        Trajectories 2k and 2k + 1 use uniforms U and 1 - U: negatively correlated, each with the right law.
    record : bool
        Keep the clock of every reveal, ``.info.reveal_clock`` (n, D); 8 n D bytes.
    device : str, optional
        torch only: "cpu", "cuda", ...; by default a GPU where torch sees one.
    threads : int, optional
        numba only.
    batch_size : int
        Trajectories that are held at once.
    progress : callable, optional
        Called with the number of trajectories finished so far.
    **parameters
        The method's own: theta and split; temperature, noise and counts; eta and strategy; corrections; for "smc"
        see docs/smc.md.

    Returns
    -------
    Samples
        ``.tokens`` (n, D), ``.info`` with completion clocks, jumps, largest hazard x step and origin; for "smc" also
        ``.log_weights`` (n,) and ``.log_normalizer``.

    Raises
    ------
    InputError
        Unknown method, parameter or engine, a bad grid, seed or prompt, tables that do not fit in memory, a method
        that does not apply to the rule or the problem.
    """
    if process.on_counts:
        process.needs_table("samples")
    _checks.choice(method, NAMES, "method")
    count, seed = _checks.integer(n, "n", 1), _checks.seed(seed)
    _checks.integer(batch_size, "batch_size", 1)
    begin = prompts.checked(process, start, count)
    if method in (FROM_LAWS, WEIGHTED):
        _refuse(method, grid=grid, record=record or None)
        _refuse(method, antithetic=(antithetic and method == FROM_LAWS) or None)
    chosen = METHODS[method].with_parameters(**parameters) if method in METHODS else None
    engine = _engine(process, method, engine)
    place = _device(engine, device)
    if threads is not None:
        _checks.integer(threads, "threads", 1)
    if record:
        _checks.fits_in_memory(8 * count * process.length, "reveal clocks", "draw fewer trajectories, or do not record")
    times = None if chosen is None else _times(chosen, grid)
    origin = Provenance.of(process, method, parameters, engine, place, seed, count, times, schedule, begin, antithetic)
    if method == WEIGHTED:
        return _weighted(process, count, seed, begin, antithetic, place, origin, parameters)
    if chosen is None:
        return _from_law(process, count, seed, begin, origin, parameters)
    taken = () if times is None else tuple(steps(process.guidance, times, noise_schedule(schedule)))
    task = Task(process, chosen, taken, seed, bool(antithetic), bool(record), threads, place)
    run, parts = _kernels(process, chosen, engine).run, []
    for first in range(0, count, batch_size):
        size = min(batch_size, count - first)
        parts.append(run(task, prompts.rows(process, begin, first, size), first))
        if progress:
            progress(first + size)
    return _joined(parts, origin, chosen)


def _joined(parts: list[Batch], origin: Provenance, method: Method) -> Samples:
    columns = [[getattr(part, name) for part in parts] for name in ("tokens", "completion_clock", "jumps")]
    tokens, clock, jumps = (np.concatenate(column) for column in columns)
    leaps = not isinstance(method, FixedCount)  # a decoder's counts do not depend on its hazards
    largest = [p.largest_hazard_step for p in parts if p.largest_hazard_step is not None and leaps]
    clipped = [p.clipped for p in parts if p.clipped is not None]
    reveals = [p.reveal_clock for p in parts if p.reveal_clock is not None]
    info = SampleInfo(
        clock, jumps, max(largest) if largest else None, origin, sum(clipped) if clipped else None,
        np.concatenate(reveals) if reveals else None,
    )  # fmt: skip
    return Samples(tokens, info)


def _from_law(process, count, seed, start, origin, parameters) -> Samples:
    from .laws.terminal import terminal_law
    from .samplers import exact

    _no_parameters(FROM_LAWS, parameters)
    process.needs_table('method "exact"')
    law = terminal_law(process, start=None if start is None else prompts.common(start))
    tokens = exact.draw(law.probs, count, seed)
    info = SampleInfo(np.full(count, np.inf), np.zeros(count, dtype=np.int32), None, origin)
    return Samples(tokens, info)


def _times(method: Method, grid: ArrayLike | int | None) -> np.ndarray | None:
    if method.is_exact:
        _refuse(method.name, grid=grid)
        return None
    if grid is None or isinstance(grid, (int, np.integer)):
        return uniform_grid(DEFAULT_STEPS if grid is None else int(grid))
    return _checks.time_grid(grid)


def _refuse(method: str, **given: object) -> None:
    for name, value in given.items():
        if value is not None:
            rule = "exact methods take no time steps" if name == "grid" else f"{method!r} has no paths of its own"
            _checks.fail(f"{name} given to {method!r}", rule, f"leave out {name}")


def _no_parameters(method: str, parameters: dict[str, Any]) -> None:
    for name in parameters:
        _checks.fail(f"{name!r} given to {method!r}", f"{method!r} has no parameters", "leave it out")


def _engine(process: GuidedProcess, method: str, engine: str | None) -> str:
    compiled = process.on_lattice or (_is_compiled(process.problem) and process.guidance.rule.powers is not None)
    if engine is None:
        return "torch" if method == WEIGHTED or not compiled else "numba"
    _checks.choice(engine, ENGINES, "engine")
    if engine == "numba" and method == WEIGHTED:
        _checks.fail(f'engine "numba" for {WEIGHTED!r}', "weighted particles run on torch", 'engine="torch"')
    if engine == "numba" and not compiled:
        _checks.fail(
            f'engine "numba" for {process.problem!r}',
            "numba knows tables, ProductMixture and MarkovProblem",
            'engine="torch" takes any denoiser',
        )
    return engine


def _is_compiled(problem: object) -> bool:
    from .problems.chain import MarkovProblem
    from .problems.mixture import ProductMixture

    return isinstance(problem, (ProductMixture, MarkovProblem))


def _kernels(process: GuidedProcess, method: Method, engine: str) -> ModuleType:
    if engine == "torch":
        from .samplers import torch as batched

        return batched
    if process.on_lattice and method.name in FAST:
        from .samplers.tables import engine as lattice

        return lattice
    from .samplers import compiled as rows

    return rows


def _device(engine: str, device: str | None) -> str:
    if engine == "numba":
        if device not in (None, "cpu"):
            _checks.fail(f"device {device!r} with engine numba", "numba runs on the CPU", 'use engine="torch"')
        return "cpu"
    try:
        import torch
    except ImportError:
        _checks.fail('engine "torch" without torch', "it needs PyTorch", 'pip install "maskguide[torch]"')
    wanted = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        _checks.fail(
            f"device {wanted!r}: {str(error).splitlines()[0][:80]}", "a device that torch sees", 'device="cpu"'
        )
    return wanted


def _weighted(process, count, seed, start, antithetic, device, origin, parameters) -> Samples:
    from .samplers import smc

    for name in parameters:
        _checks.choice(name, PARTICLE_PARAMETERS, f"parameter of {WEIGHTED!r}")
    begin = prompts.rows(process, start, 0, count)
    found = smc.run(process, begin, seed=seed, antithetic=antithetic, device=device, **parameters)
    jumps = (begin == process.vocab_size).sum(axis=1).astype(np.int32)
    info = SampleInfo(np.full(count, np.nan), jumps, None, origin)
    return Samples(found.tokens, info, found.log_weights, found.log_normalizer, found.log_normalizers)
