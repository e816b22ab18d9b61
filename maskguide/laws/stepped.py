"""The exact law of a K-step sampler: its own one-step kernels multiplied, no randomness."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..methods import METHODS, Method, Step, steps
from ..process import GuidedProcess, Rates
from ..schedules import NoiseSchedule, noise_schedule
from .law import Law
from .sweep import all_masked, block, revealed_sets
from .transient import transient_law


def stepped_law(
    process: GuidedProcess,
    method: str,
    grid: ArrayLike,
    schedule: str | NoiseSchedule = "linear",
    *,
    every_step: bool = False,
) -> Law:
    """What a sampler of K steps draws, exactly: the law to judge it by.

    Each step from t to t' < t reveals every masked coordinate independently with the method's probability,
    token v in proportion to r(x -> v); its kernel is a product over coordinates. Cost (2N+1)^D a step.

    Parameters
    ----------
    process : GuidedProcess
    method : str
        "tau-leaping"; "gillespie" has no steps and gives the transient law at the grid's clocks.
    grid : array_like (K+1,)
        Times strictly decreasing from 1; 0 is data.
    schedule : str or NoiseSchedule
        Turns times into clocks.
    every_step : bool
        Keep the law after each of the K steps, and the start: ``.probs`` of shape (K+1,) + (N+1,)*D.

    Returns
    -------
    Law
        On the lattice, (N+1,)*D: masks that the grid leaves are in it.

    Source: docs/theory.md section 2.6.
    """
    chosen = METHODS[_checks.choice(method, METHODS, "method")]
    times, noise = _checks.time_grid(grid), noise_schedule(schedule)
    clocks = noise.clock(times)
    if chosen.is_exact:
        return transient_law(process, clocks if every_step else clocks[-1])
    kept = _laws(process, chosen, times, noise, every_step)
    clock = clocks if every_step else clocks[-1]
    return Law(kept.reshape(*clock.shape, *process.shape), process.problem, clock, f"{method}, {len(times) - 1} steps")


def _laws(
    process: GuidedProcess, method: Method, times: np.ndarray, noise: NoiseSchedule, all_of_them: bool
) -> np.ndarray:
    states = (process.vocab_size + 1) ** process.length
    _checks.fits_in_memory(8 * states * (len(times) if all_of_them else 3), "stepped laws", "keep the last step only")
    law = all_masked(process.rates())
    kept = [law]
    for step in steps(process.guidance, times, noise):
        law = _one_step(process.rates(step.weight), law, method, step)
        kept = [*kept, law] if all_of_them else [law]
    return np.array(kept)


def _one_step(rates: Rates, law: np.ndarray, method: Method, step: Step) -> np.ndarray:
    result = np.zeros_like(law)
    for revealed in revealed_sets(rates.length):
        mass = law[block(revealed, rates.vocab_size)]
        for i, is_revealed in enumerate(revealed):
            if not is_revealed:
                mass = mass * _coordinate_kernel(rates, revealed, i, method, step)
        target = tuple(slice(0, rates.vocab_size if r else rates.vocab_size + 1) for r in revealed)
        result[target] += mass
    return result


def _coordinate_kernel(rates: Rates, revealed: tuple[bool, ...], i: int, method: Method, step: Step) -> np.ndarray:
    """Probabilities of the N tokens and of the mask (last) for coordinate i after the step, along axis i."""
    assert method.reveal is not None
    here = block(revealed, rates.vocab_size)
    hazard = rates.hazards[i][(*here[:i], slice(None), *here[i + 1 :])]
    edge = rates.edges[i][(*here[:i], slice(None), *here[i + 1 :])]
    reveal = method.reveal(hazard, step)
    tokens = np.divide(edge, hazard, out=np.zeros_like(edge), where=hazard > 0) * reveal
    return np.concatenate([tokens, 1 - reveal], axis=i)
