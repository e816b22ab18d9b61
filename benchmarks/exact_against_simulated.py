"""CPU seconds until simulation is as good as needed, against the CPU seconds of the exact law."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from math import ceil

import numpy as np

import maskguide as mg

from .terminal_law import random_problem
from .timing import Timing, measure

GOALS = (1e-2, 1e-3)
SAMPLES = 10_000, 2_000_000  # trajectories of the shortest and of the longest simulation
SEEDS = 64
NOTES = [
    "Exact: rates and terminal law anew in every call; its own error is round-off, 1e-15. Simulated: Gillespie on "
    "numba, one thread, tables included, samples counted; error is TV (half the L1 distance) to the exact law.",
    "Trajectories needed: E TV = sum of sqrt(p(1-p) / (2 pi n)) over states for large n, solved for n. Measured TV / "
    f"expected tests that formula: the mean over {SEEDS} seeds at 1/{SEEDS} of the longest simulation each.",
    "CPU seconds at n trajectories: the line through the medians at {:,} and {:,} trajectories. Extrapolated "
    "k-fold: to k times the longest simulation that was run; other times lie within the measured range.",
    "Ratio: CPU seconds of the simulation at the goal over those of the exact law.",
]


def problems() -> dict[str, mg.TableProblem]:
    """The 2D squares, the 5D cubes, and laws with full support."""
    return {
        "squares-2d": mg.zoo.get("squares-2d"),
        "cubes-5d": mg.zoo.get("cubes-5d"),
        "random 32, 2": random_problem(32, 2),
        "random 4, 4": random_problem(4, 4),
    }


def run(chosen: dict[str, mg.TableProblem] | None = None, samples: tuple[int, int] = SAMPLES, rounds: int = 3):
    """Rows (one a problem), notes, rounds."""
    rows = [_row(name, problem, samples, rounds) for name, problem in (chosen or problems()).items()]
    return rows, [note.format(*samples) for note in NOTES], rounds


def expected_tv(law: np.ndarray, n: int) -> float:
    """E TV(empirical, law) for large n: each count is nearly normal, E|x| = sd sqrt(2/pi)."""
    return float(np.sqrt(law * (1 - law) / (2 * np.pi * n)).sum())


def trajectories_needed(law: np.ndarray, goal: float) -> int:
    """n at which the expected TV is the goal."""
    return ceil((expected_tv(law, 1) / goal) ** 2)


def check(process: mg.GuidedProcess, n: int) -> float:
    """Mean TV of n samples over its expected value; an error where samples do not follow the law."""
    law = mg.terminal_law(process)
    verdicts = [mg.compare(mg.sample(process, n, seed=seed, threads=1), law) for seed in range(SEEDS)]
    for verdict in verdicts:
        if not verdict.passed:
            raise AssertionError(verdict.sentence)
    return float(np.mean([verdict.tv for verdict in verdicts])) / expected_tv(law.probs, n)


def _row(name: str, problem: mg.TableProblem, samples: tuple[int, int], rounds: int) -> dict:
    process, fresh = mg.GuidedProcess(problem, mg.Guidance("product", 2.0)), _fresh(problem)
    agreement = check(process, samples[1] // SEEDS)
    law = mg.terminal_law(process).probs
    exact = measure({"exact": lambda: mg.terminal_law(next(fresh)).probs}, max(rounds, 5))["exact"].median_cpu
    simulated = measure({str(n): lambda n=n: _frequencies(process, n) for n in samples}, rounds)
    row = {
        "problem": name,
        "states": int((law > 0).sum()),
        "exact, CPU ms": 1e3 * exact,
        "measured TV / expected": agreement,
    }
    for goal in GOALS:
        n = trajectories_needed(law, goal)
        seconds = _seconds(simulated, samples, n)
        row[f"n for TV {goal:g}"] = n
        row[f"CPU s to TV {goal:g}"] = f"{seconds:.3g}" + (
            f", extrapolated {n / samples[1]:.1f}-fold" if n > samples[1] else ""
        )
        row[f"simulated / exact at TV {goal:g}"] = seconds / exact
    return row


def _seconds(simulated: dict[str, Timing], samples: tuple[int, int], n: int) -> float:
    short, long = (simulated[str(size)].median_cpu for size in samples)
    return short + (long - short) * (n - samples[0]) / (samples[1] - samples[0])


def _frequencies(process: mg.GuidedProcess, n: int) -> np.ndarray:
    return mg.sample(process, n, seed=1, threads=1).counts(process.vocab_size) / n


def _fresh(problem: mg.TableProblem) -> Iterator[mg.GuidedProcess]:
    """Processes that differ in the last digits of their weight, so that no rates are remembered."""
    return (mg.GuidedProcess(problem, mg.Guidance("product", 2.0 + 1e-9 * k)) for k in count(1))
