"""sample(): draw from the guided chain, by any method on any engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _checks
from ._registry import Registry
from .methods import FinalLaw, Method, method_named, steps
from .process import GuidedProcess
from .samplers import prompts
from .samplers.engine import COMPILED, PARTICLES, TABLES, TORCH, Engine
from .samplers.samples import Provenance, SampleInfo, Samples
from .samplers.task import Batch, Task
from .schedules import NoiseSchedule, noise_schedule, uniform_grid

DEFAULT_STEPS = 64
BATCH_SIZE = 131_072


@dataclass(frozen=True)
class LawEngine(Engine):
    """Independent draws from the exact terminal law, by the alias method."""

    def refusal(self, process: GuidedProcess, method: Method) -> str | None:
        """The method "exact" on tables."""
        if not isinstance(method, FinalLaw):
            return "it draws from the final law as a whole"
        return None if process.on_lattice else "it needs the law on the lattice, of a TableProblem"

    def run(self, task: Task, start: np.ndarray, first: int) -> Batch:
        """Tokens alone: they have no clocks."""
        from .laws.terminal import terminal_law
        from .samplers import exact

        if task.antithetic:
            _refuse(task.method, "antithetic")
        masked = (start == task.process.vocab_size).all()
        law = terminal_law(task.process, start=None if masked else prompts.common(start))
        tokens = exact.draw(law.probs, len(start), task.seed)
        return Batch(tokens, np.full(len(start), np.inf), np.zeros(len(start), dtype=np.int32))


LAW = LawEngine("law", "numba")
ENGINES = Registry("engine", Engine, "maskguide.engines", (TABLES, COMPILED, LAW, PARTICLES, TORCH))


def sample(
    process: GuidedProcess,
    n: int,
    method: str | Method = "gillespie",
    seed: int = 0,
    engine: str | Engine | None = None,
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
    method : str or Method
        One of your own, or a name in ``maskguide.methods.METHODS``: "gillespie" and other exact methods, or the K steps
        of a `grid`;
        "smc": weighted samples of the tilted law or of rewards (no completion clocks: its reveals have no times);
        "exact": independent draws from the exact terminal law of a table.
    seed : int
        0 <= seed < 2^64.
    engine : str or Engine, optional
        "tables" or "compiled", together "numba" (CPU, parallel; tables, mixtures, chains), or "torch" (batched, CPU or
        GPU; any denoiser). By default the first that supports the process and the method, in this order.
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
        ``.tokens`` (n, D), ``.info`` with completion clocks, jumps, largest hazard x step and provenance; for "smc"
        also ``.log_weights`` (n,) and ``.log_normalizer``.

    Raises
    ------
    InputError
        Unknown method, parameter or engine, a bad grid, seed or prompt, tables that do not fit in memory, a method
        that does not apply to the rule or the problem.
    """
    if process.on_counts:
        process.needs_table("samples")
    chosen = method_named(method, whole=True, **parameters)
    count, seed = _checks.integer(n, "n", 1), _checks.seed(seed)
    _checks.integer(batch_size, "batch_size", 1)
    begin = prompts.checked(process, start, count)
    if record and chosen.is_whole:
        _refuse(chosen, "record")
    used = engine_for(process, chosen, engine)
    place = used.device(device)
    if threads is not None:
        _checks.integer(threads, "threads", 1)
    if count > batch_size:
        _checks.fits_in_memory(count * (4 * process.length + 12), f"{count:,} samples", "draw fewer trajectories")
    if record:
        _checks.fits_in_memory(8 * count * process.length, "reveal clocks", "draw fewer trajectories, or do not record")
    times = _times(chosen, grid)
    given = parameters if isinstance(method, str) else chosen.parameters
    provenance = Provenance.of(
        process, chosen.name, given, used, place, seed, count, times, schedule, begin, antithetic
    )
    taken = () if times is None else tuple(steps(process.guidance, times, noise_schedule(schedule)))
    task, parts = Task(process, chosen, taken, seed, bool(antithetic), bool(record), threads, place), []
    for first in range(0, count, count if chosen.is_whole else batch_size):
        size = count if chosen.is_whole else min(batch_size, count - first)
        parts.append(used.run(task, prompts.rows(process, begin, first, size), first))
        if progress:
            progress(first + size)
    return _samples(Batch.joined(parts), provenance, chosen)


def engine_for(process: GuidedProcess, method: Method, engine: str | Engine | None = None) -> Engine:
    """The first engine that supports a process and a method, of those that a name or a package stands for."""
    if isinstance(engine, Engine):
        asked = [engine]
    else:
        asked = [e for e in ENGINES.values() if engine in (None, e.name, e.package)]
        _checks.choice(engine or TABLES.name, engine_names(), "engine")
    refusals = {}
    for candidate in asked:
        if (reason := candidate.refusal(process, method)) is None:
            return candidate
        refusals[candidate.name] = reason
    others = [e.name for e in ENGINES.values() if e.supports(process, method)]
    _checks.fail(
        f"{method.name!r} on {process.problem!r}" + (f" with engine {engine!r}" if isinstance(engine, str) else ""),
        "; ".join(f"{name}: {reason}" for name, reason in refusals.items()),
        f'engine="{others[0]}" draws it' if others else "choose another method, such as gillespie, or another engine",
    )


def engine_names() -> tuple[str, ...]:
    """What `engine` may be: packages, and engines by name."""
    return tuple(dict.fromkeys([e.package for e in ENGINES.values()] + list(ENGINES)))


def _samples(batch: Batch, provenance: Provenance, method: Method) -> Samples:
    largest = None if method.fixes_counts else batch.largest_hazard_step  # its counts do not depend on its hazards
    info = SampleInfo(
        batch.completion_clock, batch.jumps, largest, provenance, batch.clipped, batch.reveal_clock, not method.remasks
    )
    if (normalizers := batch.log_normalizers) is None:
        return Samples(batch.tokens, info)
    together = float(np.logaddexp.reduce(normalizers) - np.log(len(normalizers)))
    return Samples(batch.tokens, info, batch.log_weights, together, normalizers)


def _times(method: Method, grid: ArrayLike | int | None) -> np.ndarray | None:
    if method.is_exact:
        if grid is not None:
            _checks.fail(f"grid given to {method.name!r}", "exact methods take no time steps", "leave out grid")
        return None
    if grid is None or isinstance(grid, (int, np.integer)):
        return uniform_grid(DEFAULT_STEPS if grid is None else int(grid))
    return _checks.time_grid(grid)


def _refuse(method: Method, option: str) -> None:
    fault, rule = f"{option} given to {method.name!r}", f"{method.name!r} has no paths of its own"
    _checks.fail(fault, rule, f"leave out {option}")
