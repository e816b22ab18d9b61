"""Gillespie's method: maskguide on numba, a vectorised numpy version written here, and maskguide on torch."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import numpy as np

import maskguide as mg
from maskguide.samplers.samples import SampleInfo, Samples

from .terminal_law import compared, random_problem
from .timing import measure

SIZES = ((4, 2), (32, 2), (4, 4), (2, 8), (4, 6))
WEIGHT = 1.5
TRAJECTORIES = 131_072
CLOCKS = np.linspace(0.1, 3.0, 30)
FIRST_CALL = """
import time, maskguide as mg
process = mg.GuidedProcess(mg.TableProblem([[0.5, 0.5, 0], [0, 0.5, 0.5]], [0.5, 0.5]), mg.Guidance("product", 1.0))
start = time.perf_counter()
mg.sample(process, 1)
print(time.perf_counter() - start)
"""
NOTES = [
    "From a process to tokens and completion clocks, tables of the chain included in every call; set-up is the time of "
    "one trajectory, taken off before dividing by their number. One thread each; the GPU is not used.",
    "numpy: all trajectories advance together; next reveals are found by one searchsorted in the running sum of all "
    "rates. It draws from numpy's PCG64, maskguide from Philox, which costs more and makes tokens independent of "
    "engine, threads and batches.",
    "Every candidate first passes `mg.compare` against the terminal law and `mg.compare_decay` against TV(u).",
]


def run(sizes: tuple[tuple[int, int], ...] = SIZES, n: int = TRAJECTORIES, rounds: int = 7):
    """Rows (one a lattice), notes, rounds."""
    rows = [_row(size, length, n, rounds) for size, length in sizes]
    empty, filled = compile_seconds()
    compilation = f"First call in a new process, import of numba included: {empty:.1f} s to compile the kernel with an "
    return rows, [*NOTES, f"{compilation}empty cache, {filled:.1f} s with a filled one."], rounds


def compile_seconds() -> list[float]:
    """Wall seconds of a first call in a new process: with an empty cache of kernels, then with the filled one."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-c", FIRST_CALL]
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        runs = [subprocess.run(command, env=environment, capture_output=True, check=True) for _ in range(2)]
    return [float(done.stdout) for done in runs]


def numpy_gillespie(process: mg.GuidedProcess, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (n, D) and completion clocks (n,)."""
    rng, exit = np.random.default_rng(seed), process.exit_rates().ravel()
    rates = process.rate_matrix()
    rates.setdiag(0.0)
    rates.eliminate_zeros()
    running = np.concatenate([[0.0], np.cumsum(rates.data)])
    state, clock = np.full(n, exit.size - 1), np.zeros(n)
    for _ in range(process.length):
        clock += rng.standard_exponential(n) / exit[state]
        aim = running[rates.indptr[state]] + rng.random(n) * exit[state]
        jump = np.searchsorted(running, aim, side="right") - 1
        state = rates.indices[np.clip(jump, rates.indptr[state], rates.indptr[state + 1] - 1)]
    return np.stack(np.unravel_index(state, process.shape), axis=1).astype(np.int32), clock


def numpy_samples(process: mg.GuidedProcess, n: int, seed: int) -> Samples:
    """The numpy version's draws in the form that mg.compare takes."""
    tokens, clock = numpy_gillespie(process, n, seed)
    origin = mg.sample(process, 1, seed=seed).info.origin
    return Samples(tokens, SampleInfo(clock, np.full(n, process.length), None, origin))


def check(process: mg.GuidedProcess, n: int) -> None:
    """Every candidate against the exact laws; an error where one fails."""
    law, tv = mg.terminal_law(process), mg.tv_decay(process, CLOCKS)
    drawn = {
        "numpy": numpy_samples(process, n, 1),
        "numba": mg.sample(process, n, seed=1, threads=1),
        "torch": mg.sample(process, n, seed=1, engine="torch", device="cpu"),
    }
    for name, samples in drawn.items():
        verdicts = mg.compare(samples, law), mg.compare_decay(samples, CLOCKS, tv)
        if not all(v.passed for v in verdicts):
            raise AssertionError(f"{name} on {process}: " + "; ".join(v.sentence for v in verdicts))


def _row(size: int, length: int, n: int, rounds: int) -> dict:
    process = mg.GuidedProcess(random_problem(size, length), mg.Guidance("product", WEIGHT))
    one = measure(_candidates(process, 1), rounds)
    check(process, n)
    many = measure(_candidates(process, n), rounds)
    each = {name: (many[name].median_cpu - one[name].median_cpu) / (n - 1) for name in many}
    return {
        "N, D": f"{size}, {length}",
        "states": (size + 1) ** length,
        **{f"{name}, ns per trajectory": 1e9 * each[name] for name in each},
        **{f"{name} set-up, ms": 1e3 * one[name].median_cpu for name in one},
        "numpy / numba": compared(many["numpy"], many["numba"]),
        "torch / numba": compared(many["torch"], many["numba"]),
    }


def _candidates(process: mg.GuidedProcess, n: int):
    return {
        "numba": lambda: mg.sample(process, n, seed=1, threads=1).info.completion_clock,
        "numpy": lambda: numpy_gillespie(process, n, 1)[1],
        "torch": lambda: mg.sample(process, n, seed=1, engine="torch", device="cpu").info.completion_clock,
    }
