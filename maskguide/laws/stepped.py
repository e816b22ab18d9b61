"""The exact law of a K-step sampler: its own one-step kernels multiplied, no randomness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..methods import METHODS, Method, Step, method_named, steps
from ..methods import euler as euler_formulas
from ..process import GuidedProcess, Rates
from ..schedules import NoiseSchedule, noise_schedule
from .kernels import one_step
from .kernels.blocks import hazards, masked, occupied
from .lattice.sweep import all_masked
from .law import Law
from .transient import transient_law


def stepped_law(
    process: GuidedProcess,
    method: str | Method,
    grid: ArrayLike,
    schedule: str | NoiseSchedule = "linear",
    *,
    every_step: bool = False,
    **parameters: Any,
) -> Law:
    """What a sampler of K steps draws, exactly: the law to judge it by.

    The method's own one-step kernels on the lattice, multiplied: no Monte-Carlo error. Rates and w are those
    of the level where a step starts. Cost a step: (2N+1)^D where coordinates are independent, (3N+1)^D for
    two-stage methods, (2N)^D times the sets of positions for decoders.
    Source: docs/theory.md, section 2.6; docs/stepped-laws.md.

    Parameters
    ----------
    process : GuidedProcess
        Of a table.
    method : str or Method
        A name in ``maskguide.methods.METHODS``, or a method of your own. Exact methods have no steps and give the
        transient law at the grid's clocks.
    grid : array_like, shape (K+1,)
        Times strictly decreasing from 1; 0 is data.
    schedule : str or NoiseSchedule
        Turns times into clocks.
    every_step : bool
        Keep the law after each of the K steps, and the start: ``.probs`` of shape (K+1,) + (N+1,)*D.
    **parameters
        The method's own: theta and split; temperature, noise and counts; eta and strategy; corrections.

    Returns
    -------
    Law
        On the lattice, (N+1,)*D: masks that the grid or the method leaves are in it.

    Raises
    ------
    InputError
        An unknown method or parameter, a value out of range, a bad grid, or a method that does not apply to
        the rule ("ancestral" and "remdm" need hazards of one).
    """
    process.needs_table("stepped laws")
    chosen = method_named(method, **parameters)
    times, noise = _checks.time_grid(grid), noise_schedule(schedule)
    clocks = noise.clock(times)
    if chosen.is_exact:
        return transient_law(process, clocks if every_step else clocks[-1])
    states = (process.vocab_size + 1) ** process.length
    _checks.fits_in_memory(8 * states * (len(times) if every_step else 3), "stepped laws", "keep the last step only")
    taken = list(steps(process.guidance, times, noise))
    label = f"{chosen.name}, {len(taken)} steps"
    if every_step:
        laws = [all_masked(process.rates()), *(move.after for move in walk(process, chosen, taken))]
        return Law(np.array(laws), process.problem, clocks, label)
    return Law(final_law(process, chosen, taken), process.problem, clocks[-1], label)


@dataclass(frozen=True)
class Move:
    """One step that was taken: the rates it used, the law before and after it."""

    step: Step
    rates: Rates
    before: np.ndarray
    after: np.ndarray


def walk(process: GuidedProcess, method: Method, taken: list[Step]) -> Iterator[Move]:
    """The laws along given steps, from the fully masked state."""
    law = all_masked(process.rates())
    for step in taken:
        rates = process.rates(step.weight)
        after = one_step(method, rates, law, step)
        yield Move(step, rates, law, after)
        law = after


def final_law(process: GuidedProcess, method: Method, taken: list[Step]) -> np.ndarray:
    """The law on the lattice after all steps."""
    law = all_masked(process.rates())
    for move in walk(process, method, taken):
        law = move.after
    return law


@dataclass(frozen=True)
class Clipping:
    """Clipping of Euler steps, expected over trajectories.

    Attributes
    ----------
    count : array, shape (K,)
        Expected number of masked coordinates whose reveal probability is clipped, in each step.
    excess : array, shape (K,)
        Expected sum of what is cut off, max(0, Z_i a - 1).
    """

    count: np.ndarray
    excess: np.ndarray


def expected_clipping(process: GuidedProcess, grid: ArrayLike, schedule: str | NoiseSchedule = "linear") -> Clipping:
    """How much an Euler sampler clips in each step of a grid, exactly. Source: docs/stepped-laws.md.

    A step to data (a = 1) clips wherever Z_i > 1; the steps before it show whether the grid is too coarse.

    Parameters
    ----------
    process : GuidedProcess
        Of a table.
    grid : array_like, shape (K+1,)
        Times strictly decreasing from 1; 0 is data.
    schedule : str or NoiseSchedule
        Turns times into clocks.

    Returns
    -------
    Clipping
        ``.count`` and ``.excess`` of every step.

    Raises
    ------
    InputError
        A bad grid or an unknown schedule, a problem that is no table.
    """
    taken = list(steps(process.guidance, _checks.time_grid(grid), noise_schedule(schedule)))
    rows = [_clipping(move) for move in walk(process, METHODS["euler"], taken)]
    return Clipping(*np.array(rows).T)


def _clipping(move: Move) -> tuple[float, float]:
    count = excess = 0.0
    for revealed, mass in occupied(move.before):
        for i in masked(revealed):
            cut = euler_formulas.clipped(hazards(move.rates, revealed, i), move.step)
            count += float((mass * (cut > 0)).sum())
            excess += float((mass * cut).sum())
    return count, excess
