"""Terminal law: the lattice sweep against scipy's sparse solvers on the same chain."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from scipy.sparse import csc_array, diags_array
from scipy.sparse.linalg import splu, spsolve_triangular

import maskguide as mg

from .timing import Timing, measure, ratio, spread

SIZES = ((32, 2), (256, 2), (4, 4), (32, 3), (4, 6), (4, 7), (2, 8), (2, 10))
WEIGHT = 1.5
TOLERANCE = 1e-12  # relative, on every probability
NOTES = [
    "Sweep: `mg.terminal_law` with the rates at hand. Solvers: the system x (diag - Q) = start over all lattice "
    "states, 1 on the diagonal of completed states, matrix at hand; splu is factorisation and solve, in the natural "
    "order.",
    "From the problem: rates (and the matrix, for scipy) are built anew in every call.",
    "Ratios are solver time over sweep time: above one the sweep is faster. Of two coordinates the sweep is "
    "numpy, vectorised over the states of a revealed set; from three on it is compiled.",
    "Random laws of two classes with full support (Dirichlet), rule product, w = 1.5. All agree to 1e-12 relative in "
    "every state before they are timed.",
]


def run(sizes: tuple[tuple[int, int], ...] = SIZES, rounds: int = 9) -> tuple[list[dict], list[str], int]:
    """One row a lattice: (N, D), states, milliseconds, ratios."""
    return [_row(size, length, rounds) for size, length in sizes], NOTES, rounds


def random_problem(size: int, length: int, seed: int = 0) -> mg.TableProblem:
    """Two Dirichlet laws on {0..size-1}^length with even priors."""
    laws = np.random.default_rng(seed).dirichlet(np.ones(size**length), 2).reshape(2, *(size,) * length)
    return mg.TableProblem(laws, [0.5, 0.5], target=0, name=f"random-{size}-{length}")


def system(process: mg.GuidedProcess) -> tuple[csc_array, np.ndarray]:
    """A and b of A x = b, A upper triangular: x is the terminal law on completed states."""
    absorbing = (process.exit_rates().ravel() == 0).astype(float)
    start = np.zeros(absorbing.size)
    start[-1] = 1.0
    return (diags_array(absorbing) - process.rate_matrix()).T.tocsc(), start


def triangular(process: mg.GuidedProcess) -> np.ndarray:
    """The terminal law by spsolve_triangular, from the rates."""
    matrix, start = system(process)
    return completed(process, spsolve_triangular(matrix, start, lower=False))


def factorised(matrix: csc_array, start: np.ndarray) -> np.ndarray:
    """SuperLU without reordering or pivoting, which a triangular matrix does not need."""
    return splu(matrix, permc_spec="NATURAL", diag_pivot_thresh=0.0).solve(start)


def completed(process: mg.GuidedProcess, solution: np.ndarray) -> np.ndarray:
    """The entries of a lattice vector without masks, (N,)*D."""
    return solution.reshape(process.shape)[(slice(0, -1),) * process.length]


def check(process: mg.GuidedProcess) -> float:
    """The largest relative disagreement of the three laws; an error beyond the tolerance."""
    law, (matrix, start) = mg.terminal_law(process).probs, system(process)
    others = triangular(process), completed(process, factorised(matrix, start))
    worst = max(float(np.abs(other / law - 1).max()) for other in others)
    if worst > TOLERANCE:
        raise AssertionError(f"terminal laws of {process} disagree by {worst:.2g}, more than {TOLERANCE:g}")
    return worst


def _row(size: int, length: int, rounds: int) -> dict:
    problem = random_problem(size, length)
    process = mg.GuidedProcess(problem, mg.Guidance("product", WEIGHT))
    agreement, (matrix, start), fresh = check(process), system(process), _fresh(problem)
    times = measure(
        {
            "sweep": lambda: mg.terminal_law(process).probs,
            "triangular": lambda: spsolve_triangular(matrix, start, lower=False),
            "splu": lambda: factorised(matrix, start),
            "sweep from problem": lambda: mg.terminal_law(next(fresh)).probs,
            "triangular from problem": lambda: triangular(next(fresh)),
        },
        rounds,
    )
    return {
        "N, D": f"{size}, {length}",
        "states": (size + 1) ** length,
        "edges": sum(edge.size for edge in process.rates().edges),
        "sweep, ms": 1e3 * times["sweep"].median_cpu,
        "spsolve_triangular / sweep": compared(times["triangular"], times["sweep"]),
        "splu / sweep": compared(times["splu"], times["sweep"]),
        "from the problem, ms": 1e3 * times["sweep from problem"].median_cpu,
        "spsolve_triangular / sweep, from the problem": compared(
            times["triangular from problem"], times["sweep from problem"]
        ),
        "largest relative difference": agreement,
    }


def compared(slow: Timing, fast: Timing) -> list[float]:
    """[median, smallest, largest] ratio over rounds."""
    return [ratio(slow, fast), *spread(slow, fast)]


def _fresh(problem: mg.TableProblem) -> Iterator[mg.GuidedProcess]:
    """Processes that differ in the last digits of their weight, so that no rates are remembered."""
    for k in itertools.count():
        yield mg.GuidedProcess(problem, mg.Guidance("product", WEIGHT + 1e-9 * (k + 1)))
