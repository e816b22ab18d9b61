"""Tau-leaping in 64 steps: the lattice engine, which skips idle steps, against two vectorised numpy versions."""

from __future__ import annotations

import numpy as np

import maskguide as mg
from maskguide.methods import METHODS, Step
from maskguide.samplers.lookup import cumulative_law, rate_table, strides

from .gillespie import MOST_COMPARED, lattice_draw, samples_of, task_of
from .terminal_law import compared, random_problem
from .timing import measure

SIZES = ((4, 2), (32, 2), (4, 4), (4, 8))
WEIGHT, STEPS = 1.0, 64
TRAJECTORIES = 524_288
FEW = 16_384  # for numpy, whose arrays then stay in the cache
PUBLISHED = 6_750  # trajectories a second, the best public sampler at N = 4, D = 8, on another machine
NOTES = [
    f"{STEPS} equal steps in t, rule product, w = {WEIGHT:g}, from fully masked; one thread each, tables at hand.",
    "numpy: every step compares one uniform a coordinate with its reveal probability, for all "
    "trajectories ('all') or for those that have masks left ('active'); tokens are drawn for the reveals only.",
    f"A call draws {TRAJECTORIES:,} trajectories with the lattice engine, which allocates its outputs every time (from "
    f"4 MiB on in huge pages, where the system has them), and {FEW:,} with numpy, whose arrays then stay in the cache.",
    f"Every candidate first passes `mg.compare` and `mg.compare_decay` against its exact {STEPS}-step law, on lattices "
    f"of up to {MOST_COMPARED:,} states.",
    f"Against published: trajectories a second over {PUBLISHED:,}, the most reported for public samplers at N = 4, "
    "D = 8, on another machine.",
]


def run(sizes: tuple[tuple[int, int], ...] = SIZES, n: int = TRAJECTORIES, rounds: int = 7):
    """Rows (one a lattice), notes, rounds."""
    return [_row(size, length, n, rounds) for size, length in sizes], NOTES, rounds


class NumpyLeaper:
    """Vectorised tau-leaping on tables built once: hazards (S, D), cumulative laws (S, D, N - 1)."""

    def __init__(self, process: mg.GuidedProcess, steps: tuple[Step, ...]):
        self.process, self.steps = process, steps
        rates = rate_table(process, WEIGHT)
        self.hazards, self.laws = rates.sum(axis=2), cumulative_law(rates)[..., :-1]
        self.masked = self.hazards.any(axis=1)
        self.strides = strides(process)

    def draw(self, n: int, seed: int, skip_completed: bool) -> tuple[np.ndarray, np.ndarray]:
        """Tokens (n, D) and completion clocks (n,)."""
        rng, state, clock = np.random.default_rng(seed), np.full(n, len(self.hazards) - 1), np.full(n, np.inf)
        active = np.arange(n)
        for step in self.steps:
            before = state[active]
            state[active] = after = self._leap(rng, before, step)
            done = ~self.masked[after]
            clock[active[done & self.masked[before]]] = step.end
            active = active[~done] if skip_completed else active
        return np.stack(np.unravel_index(state, self.process.shape), axis=1).astype(np.int32), clock

    def _leap(self, rng: np.random.Generator, state: np.ndarray, step: Step) -> np.ndarray:
        reveal, table = METHODS["tau-leaping"].reveal, len(state) > len(self.hazards)
        chance = reveal(self.hazards, step)[state] if table else reveal(self.hazards[state], step)  # type: ignore[misc]
        rows, coordinates = np.nonzero(rng.random((len(state), len(self.strides))) < chance)
        token = (self.laws[state[rows], coordinates] <= rng.random(len(rows))[:, None]).sum(axis=1)
        change = (token - self.process.vocab_size) * self.strides[coordinates]
        return state + np.bincount(rows, change, len(state)).astype(np.int64)


def check(process: mg.GuidedProcess, leaper: NumpyLeaper, n: int) -> None:
    """Every candidate against the exact K-step laws; an error where one fails."""
    grid = mg.uniform_grid(STEPS)
    law = mg.stepped_law(process, "tau-leaping", grid)
    every = mg.stepped_law(process, "tau-leaping", grid, every_step=True)
    batch = lattice_draw(task_of(process, "tau-leaping", grid), n)
    drawn = {
        "lattice": (batch.tokens, batch.completion_clock),
        "numpy, all": leaper.draw(n, 1, False),
        "numpy, active": leaper.draw(n, 2, True),
    }
    for name, columns in drawn.items():
        samples = samples_of(process, *columns)
        decay = mg.compare_decay(samples, every.clock[1:-1], every.masked_probability[1:-1])
        verdicts = mg.compare(samples, law), decay
        if not all(v.passed for v in verdicts):
            raise AssertionError(f"{name} on {process}: " + "; ".join(v.sentence for v in verdicts))


def _row(size: int, length: int, n: int, rounds: int) -> dict:
    process = mg.GuidedProcess(random_problem(size, length), mg.Guidance("product", WEIGHT))
    task = task_of(process, "tau-leaping", mg.uniform_grid(STEPS))
    leaper = NumpyLeaper(process, task.steps)
    if (size + 1) ** length <= MOST_COMPARED:
        check(process, leaper, min(n, 40_000))
    few = min(n, FEW)
    times = measure(
        {
            "lattice": lambda: lattice_draw(task, n).completion_clock,
            "all": lambda: leaper.draw(few, 1, False)[1],
            "active": lambda: leaper.draw(few, 1, True)[1],
        },
        rounds,
    )
    each = times["lattice"].median_cpu / n
    share = n / few
    return {
        "N, D": f"{size}, {length}",
        "lattice, ns per trajectory": 1e9 * each,
        "trajectories a second": round(1 / each),
        "numpy all / lattice": [share * ratio for ratio in compared(times["all"], times["lattice"])],
        "numpy active / lattice": [share * ratio for ratio in compared(times["active"], times["lattice"])],
        "against published": 1 / each / PUBLISHED if (size, length) == (4, 8) else "other size",
    }
