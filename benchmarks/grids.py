"""Time grids: steps needed for TV <= 0.01 by weight, exactly, and the curves of docs/time-grids.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import maskguide as mg
from maskguide.comparison.guided_grid import guided_grid
from maskguide.problems.mixture import ProductMixture
from maskguide.schedules import time_grid

Grid = Callable[[mg.GuidedProcess, int], np.ndarray]

GOAL = 0.01
LARGEST = 1024  # steps at which the search gives up
WEIGHTS = (0.0, 2.0, 4.0, 8.0)
GRIDS: dict[str, Grid] = {
    "time": lambda _, steps: time_grid("time", steps),
    "clock": lambda _, steps: time_grid("clock", steps),
    "cosine": lambda _, steps: time_grid("cosine", steps),
    "guided": guided_grid,
}
CASES = (
    ("product", "tau-leaping"),
    ("product", "euler"),
    ("product", "theta-trapezoidal"),
    ("normalized", "ancestral"),
)
NOTES = [
    f"Least K with TV <= {GOAL:g} between the exact law of the K-step sampler and the chain's terminal law, by "
    "doubling, then bisection; no randomness. In a cell: time / clock / cosine / guided grid; '-': more than "
    f"{LARGEST:,} steps.",
    "Guided grids from exact laws; the seconds are those of one grid, rates and laws included.",
]


def problems() -> dict[str, mg.TableProblem]:
    """Two zoo problems, the separating problem of docs/stepped-laws.md, and mixtures of product laws."""
    separating = [[[2 / 58, 28 / 58], [16 / 58, 12 / 58]], [[22 / 28, 0], [4 / 28, 2 / 28]]]
    return {
        "no-blind-2d": mg.zoo.get("no-blind-2d"),
        "small-squares-2d": mg.zoo.get("small-squares-2d"),
        "separating": mg.TableProblem(separating, [0.5, 0.5], 0),
        "mixture 3, 3": ProductMixture.random(3, 3, 4, seed=1, concentration=0.4).table(),
        "mixture 4, 2": ProductMixture.random(4, 2, 4, seed=1, concentration=0.4).table(),
        "mixture 5, 2": ProductMixture.random(5, 2, 4, seed=1, concentration=0.4).table(),
    }


def run(chosen: dict[str, mg.TableProblem] | None = None, weights: Sequence[float] = WEIGHTS, rounds: int = 3):
    """Rows (one a problem, rule and method), notes, rounds."""
    rows = [
        _row(name, problem, rule, method, weights, rounds)
        for name, problem in (chosen or problems()).items()
        for rule, method in CASES
    ]
    return rows, NOTES, rounds


def tv(process: mg.GuidedProcess, method: str, grid: np.ndarray, terminal: np.ndarray) -> float:
    """TV between the law of a sampler on a grid and the terminal law; masks that are left count."""
    whole = mg.stepped_law(process, method, grid).probs
    completed = whole[(slice(0, process.vocab_size),) * process.length]
    return 0.5 * float(np.abs(completed - terminal).sum() + whole.sum() - completed.sum())


def steps_needed(process: mg.GuidedProcess, method: str, grid: Grid, goal: float = GOAL) -> int | None:
    """Least K whose error is at most the goal, by doubling, then bisection; None beyond LARGEST."""
    terminal = mg.terminal_law(process).probs
    enough: Callable[[int], bool] = lambda k: tv(process, method, grid(process, k), terminal) <= goal  # noqa: E731
    high = 1
    while not enough(high):
        high *= 2
        if high > LARGEST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _row(name: str, problem: mg.TableProblem, rule: str, method: str, weights: Sequence[float], rounds: int) -> dict:
    from .timing import measure

    row: dict[str, Any] = {"problem": name, "rule": rule, "method": method}
    for w in weights:
        process = mg.GuidedProcess(problem, mg.Guidance(rule, w))
        needed = [steps_needed(process, method, grid) for grid in GRIDS.values()]
        row[f"w = {w:g}"] = " / ".join("-" if k is None else str(k) for k in needed)
    fresh = partial(mg.GuidedProcess, problem, mg.Guidance(rule, weights[-1]))  # no grid is remembered
    row["guided grid, s"] = measure({"grid": lambda: guided_grid(fresh(), 32)}, rounds)["grid"].median_cpu
    return row


# Curves -------------------------------------------------------------------------------------------------

STEPS = 24
FINE_WEIGHTS = tuple(float(w) for w in range(13))


def curve(problem: mg.TableProblem, grid: Grid, method: str = "tau-leaping", steps: int = STEPS) -> list[float]:
    """TV error at a fixed number of steps, over weights."""
    processes = [mg.GuidedProcess(problem, mg.Guidance("product", w)) for w in FINE_WEIGHTS]
    return [tv(p, method, grid(p, steps), mg.terminal_law(p).probs) for p in processes]
