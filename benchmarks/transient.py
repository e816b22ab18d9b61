"""Law at a clock: resolvents against scipy's expm_multiply, stiff and not, and 32 clocks on one contour."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager

import numpy as np
from scipy.linalg import expm
from scipy.sparse import csr_array
from scipy.sparse.linalg import expm_multiply

import maskguide as mg
from maskguide.laws.lattice import layout, sweeps

from .terminal_law import compared, random_problem
from .timing import measure

SMALL = ((3, 5, 2.0), (4, 4, 2.0), (4, 5, 2.0), (2, 8, 2.0))
CASES = (*SMALL, *((*lattice, weight) for weight in (2.0, 2.5, 4.0) for lattice in ((2, 10), (4, 8))))
STIFF, CLOCK = 20.0, 1.0
CLOCKS = np.geomspace(0.3, 3.0, 32)
LONGEST_PEER = 20.0  # CPU seconds, after which the peer is stopped
SHORT_PEER = 0.5  # CPU seconds up to which it runs in the rounds, with the others
TOLERANCE = 1e-12  # L1
GOAL = 150.0  # the ratio that the notes tell of
NOTES = [
    "Contour: `mg.transient_law` at u = 1, rate product, weight w, by the best rational approximation of the "
    "exponential, 10 or 11 resolvents; the chain is built anew in every call. "
    "expm_multiply: scipy's, on the sparse transposed rate matrix, matrix at hand. Ratio: CPU seconds; a peer "
    "of more than half a second runs once, outside the rounds, and is stopped after 20 CPU seconds: 'above' is then a "
    "lower bound, no measured ratio.",
    "L1 difference, absolute, checked before the contour is timed to be at most 1e-12 and at most the law's own error "
    "estimate: to the peer's law, or, where the peer was stopped, to scipy's dense expm on the 2^D states that lead to "
    "one completed state through the stiffest context; there the other states are not checked.",
    "w = 20: the same, stiffer still; a ratio of one means that stiffness costs nothing.",
    "32 clocks within a factor of ten, all on one contour: CPU time a clock, over one terminal sweep of the same "
    "lattice from the laws (potential and sweep).",
    "Random laws of two classes; all laws of full support.",
]


def run(cases: tuple[tuple[int, int, float], ...] = CASES, rounds: int = 5) -> tuple[list[dict], list[str], int]:
    """One row a lattice (N, D) and weight."""
    rows = [_row(size, length, weight, rounds) for size, length, weight in cases]
    return rows, [*NOTES, stiffness(rows)], rounds


def stiffness(rows: list[dict]) -> str:
    """A note on the rows where the ratio exceeds the goal, and those where it does not."""
    groups: dict[bool, list[str]] = {True: [], False: []}
    for row in rows:
        value = str(row["expm_multiply / contour"]).removeprefix("above ").replace(",", "")
        where = f"({row['N, D']}) at w = {row['w']} (largest R {row['largest R, w and 20'].split(',')[0]})"
        groups[float(value) > GOAL].append(where)
    above, below = (", ".join(groups[key]) or "none" for key in (True, False))
    return f"The ratio grows with stiffness. Above {GOAL:g}: {above}. Not above {GOAL:g}: {below}."


def check(law: mg.Law, reference: np.ndarray, states: tuple[np.ndarray, ...] | None = None) -> float:
    """The L1 difference, on some states or all; an error beyond the tolerance or the law's own estimate."""
    difference = float(np.abs((law.probs if states is None else law.probs[states]).ravel() - reference).sum())
    if not difference <= min(TOLERANCE, law.error):
        raise AssertionError(f"laws at a clock disagree by {difference:.2g} in L1, estimate {law.error:.2g}")
    return difference


def peer(matrix: csr_array) -> tuple[np.ndarray | None, float]:
    """The law by expm_multiply, None where it was stopped, and its CPU seconds."""
    start, begun = _all_masked(matrix), time.process_time()
    try:
        with _stopped_after(LONGEST_PEER):
            law = expm_multiply(matrix, start)
    except TimeoutError:
        law = None
    return law, time.process_time() - begun


def _all_masked(matrix: csr_array) -> np.ndarray:
    start = np.zeros(matrix.shape[0])
    start[-1] = 1.0
    return start


def part(process: mg.GuidedProcess, matrix: csr_array) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The law, by dense expm, on the 2^D states (and which) that lead to one completed state."""
    size, stiffest = process.vocab_size, np.unravel_index(process.exit_rates().argmax(), process.shape)
    states = np.ix_(*[[v if v < size else 0, size] for v in stiffest])
    here = np.ravel_multi_index(states, process.shape).ravel()
    return expm(matrix[here][:, here].toarray())[:, -1], states


def _row(size: int, length: int, weight: float, rounds: int) -> dict:
    problem = random_problem(size, length)
    process = mg.GuidedProcess(problem, mg.Guidance("product", weight))
    stiff = mg.GuidedProcess(problem, mg.Guidance("product", STIFF))
    matrix = process.rate_matrix().T.tocsr() * CLOCK
    found, seconds = peer(matrix)
    law = mg.transient_law(process, CLOCK)
    difference: float | str
    if found is not None:
        difference = check(law, found)
    else:
        reference, states = part(process, matrix)
        difference = f"{check(law, reference, states):.3g} on {reference.size:,} states"
    quick = found is not None and seconds < SHORT_PEER
    rivals = {"peer": lambda: expm_multiply(matrix, _all_masked(matrix))} if quick else {}
    times = measure(
        {
            **rivals,
            "contour": lambda: mg.transient_law(process, CLOCK).probs,
            "stiff": lambda: mg.transient_law(stiff, CLOCK).probs,
            "clocks": lambda: mg.transient_law(process, CLOCKS).probs,
            "sweep": lambda: _terminal(process, weight),
        },
        rounds,
    )
    contour = times["contour"].median_cpu
    seconds = times["peer"].median_cpu if quick else seconds
    return {
        "N, D": f"{size}, {length}",
        "w": f"{weight:g}",
        "states": law.probs.size,
        "method": law.method,
        "contour, ms": 1e3 * contour,
        "expm_multiply / contour": f"above {seconds / contour:,.0f}" if found is None else seconds / contour,
        "L1 difference": difference,
        "error estimate": law.error,
        "w = 20 / w": compared(times["stiff"], times["contour"]),
        "largest R, w and 20": f"{process.exit_rates().max():.3g}, {stiff.exit_rates().max():.3g}",
        "32 clocks, ms a clock": 1e3 * times["clocks"].median_cpu / CLOCKS.size,
        "a clock / sweep": times["clocks"].median_cpu / CLOCKS.size / times["sweep"].median_cpu,
        "first call, s": times["contour"].first,
    }


def _terminal(process: mg.GuidedProcess, weight: float) -> np.ndarray:
    """Potential and sweep, compiled also where the package would take numpy."""
    groups = layout.layout(process.vocab_size, process.length)
    values = layout.potential(process, weight)[0]  # type: ignore[index]
    sweeps.terminal(values, groups.blocks, np.empty(0))
    return values[groups.completed]


@contextmanager
def _stopped_after(seconds: float):
    """TimeoutError once the process has used that many CPU seconds (POSIX)."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
