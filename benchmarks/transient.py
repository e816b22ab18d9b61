"""Law at a clock: one contour against scipy's expm_multiply, stiff and not, and 32 clocks on one contour."""

from __future__ import annotations

import time

import numpy as np
from scipy.sparse.linalg import expm_multiply

import maskguide as mg
from maskguide.laws import compiled, layout

from .terminal_law import compared, random_problem
from .timing import measure

SIZES = ((2, 8), (4, 5), (2, 10), (4, 8))
WEIGHT, STIFF, CLOCK = 2.0, 20.0, 1.0
CLOCKS = np.geomspace(0.3, 3.0, 32)
SLOWEST_PEER = 100.0  # seconds: beyond, the peer is timed once
NOTES = [
    "Contour: `mg.transient_law` at u = 1, rate product, w = 2; the chain is built anew in every call. expm_multiply: "
    "scipy's, on the sparse transposed rate matrix, matrix at hand. Ratio: CPU seconds, one round of the peer.",
    "L1 difference of the two laws, and the law's own error estimate, both absolute.",
    "Stiff: the same at w = 20, where the largest exit rate is thousands of times larger; a ratio of one means that "
    "stiffness costs nothing.",
    "32 clocks within a decade, all on one contour: CPU time a clock, over one terminal sweep of the same lattice "
    "from the laws (potential and sweep).",
    "Random laws of two classes; all laws of full support.",
]


def run(sizes: tuple[tuple[int, int], ...] = SIZES, rounds: int = 5) -> tuple[list[dict], list[str], int]:
    """One row a lattice."""
    return [_row(size, length, rounds) for size, length in sizes], NOTES, rounds


def _row(size: int, length: int, rounds: int) -> dict:
    problem = random_problem(size, length)
    process = mg.GuidedProcess(problem, mg.Guidance("product", WEIGHT))
    stiff = mg.GuidedProcess(problem, mg.Guidance("product", STIFF))
    matrix = process.rate_matrix().T.tocsr() * CLOCK
    start = np.zeros(matrix.shape[0])
    start[-1] = 1.0
    begun = time.process_time()
    peer = expm_multiply(matrix, start)
    seconds = time.process_time() - begun
    law = mg.transient_law(process, CLOCK)
    times = measure(
        {
            "contour": lambda: mg.transient_law(process, CLOCK).probs,
            "stiff": lambda: mg.transient_law(stiff, CLOCK).probs,
            "clocks": lambda: mg.transient_law(process, CLOCKS).probs,
            "sweep": lambda: _terminal(process),
        },
        rounds,
    )
    contour = times["contour"].median_cpu
    return {
        "N, D": f"{size}, {length}",
        "states": law.probs.size,
        "method": law.method,
        "contour, ms": 1e3 * contour,
        "expm_multiply / contour": seconds / contour,
        "L1 difference": float(np.abs(law.probs.ravel() - peer).sum()),
        "error estimate": law.error,
        "w = 20 / w = 2": compared(times["stiff"], times["contour"]),
        "largest R, w = 2 and 20": f"{process.exit_rates().max():.3g}, {stiff.exit_rates().max():.3g}",
        "32 clocks, ms a clock": 1e3 * times["clocks"].median_cpu / CLOCKS.size,
        "a clock / sweep": times["clocks"].median_cpu / CLOCKS.size / times["sweep"].median_cpu,
        "first call, s": times["contour"].first,
    }


def _terminal(process: mg.GuidedProcess) -> np.ndarray:
    """Potential and sweep, compiled also where the package would take numpy."""
    groups = layout.layout(process.vocab_size, process.length)
    values = layout.potential(process, WEIGHT)[0]  # type: ignore[index]
    compiled.terminal(values, groups.offsets, process.vocab_size, process.length, np.empty(0))
    return values[groups.completed]
