"""Gillespie with holding times: events against their random numbers alone, numpy and GillesPy2's C++ solver."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from math import log1p
from types import ModuleType

import numba
import numpy as np

import maskguide as mg
from maskguide import _random
from maskguide.methods import METHODS, steps
from maskguide.samplers.samples import SampleInfo, Samples
from maskguide.samplers.tables import engine as lattice
from maskguide.samplers.tables.rate_tables import rate_tables
from maskguide.samplers.task import Batch, Task
from maskguide.schedules import noise_schedule

from .terminal_law import compared, random_problem
from .timing import measure

SIZES = ((4, 2), (32, 2), (4, 4), (2, 8), (4, 6), (4, 8))
WEIGHT = 1.5
TRAJECTORIES = 131_072
CLOCKS = np.linspace(0.1, 3.0, 30)
MOST_COMPARED = 20_000  # states up to which samples are held against the laws
MOST_SPECIES, PEER_TRAJECTORIES, LATE = 25, 10_000, 1e4
FIRST_CALL = """
import time, numpy as np, maskguide as mg
process = mg.GuidedProcess(mg.TableProblem([[0.5, 0.5, 0], [0, 0.5, 0.5]], [0.5, 0.5]), mg.Guidance("product", 1.0))
start = time.perf_counter()
from maskguide.methods import METHODS
from maskguide.samplers import tables
from maskguide.samplers.task import Task
tables.run(Task(process, METHODS["gillespie"], (), 0, threads=1), np.full((1, 1), 3), 0)
print(time.perf_counter() - start)
"""
NOTES = [
    "lattice: tokens, jumps and completion clocks of a batch, outputs allocated in every call, tables at hand; set-up "
    "is what packing the tables takes, once a process. An event is one reveal. One thread each; the GPU is not used.",
    "floor: a compiled loop that makes one Philox 4x32-10 call and one log1p an event and adds both up. The engine "
    "draws a block of trajectories at once in vector code, so it may fall below this floor.",
    "numpy: all trajectories advance together; next reveals are found by one searchsorted in the running sum of all "
    "rates. It draws from numpy's PCG64, maskguide from Philox, which costs more and makes tokens independent of "
    "engine, threads and batches.",
    f"Every candidate first passes `mg.compare` against the terminal law and, but GillesPy2, `mg.compare_decay` "
    f"against TV(u), on lattices of up to {MOST_COMPARED:,} states.",
]


def run(sizes: tuple[tuple[int, int], ...] = SIZES, n: int = TRAJECTORIES, rounds: int = 7):
    """Rows (one a lattice), notes, rounds."""
    peer, reason = _peer()
    rows = [_row(size, length, n, rounds, peer) for size, length in sizes]
    empty, filled = compile_seconds()
    compilation = f"First call in a new process, import of numba included: {empty:.1f} s to compile the kernel with an "
    return rows, [*NOTES, reason, f"{compilation}empty cache, {filled:.1f} s with a filled one."], rounds


def compile_seconds() -> list[float]:
    """Wall seconds of a first call in a new process: with an empty cache of kernels, then with the filled one."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-c", FIRST_CALL]
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        runs = [subprocess.run(command, env=environment, capture_output=True, check=True) for _ in range(2)]
    return [float(done.stdout) for done in runs]


def task_of(process: mg.GuidedProcess, method: str, grid: np.ndarray | None = None, seed: int = 1) -> Task:
    """One thread's task, as the engines take it."""
    taken = () if grid is None else tuple(steps(process.guidance, grid, noise_schedule("linear")))
    return Task(process, METHODS[method], taken, seed, threads=1)


def lattice_draw(task: Task, n: int) -> Batch:
    """The lattice engine's trajectories from fully masked."""
    return lattice.run(task, np.broadcast_to(np.int32(task.process.vocab_size), (n, task.process.length)), 0)


def samples_of(process: mg.GuidedProcess, tokens: np.ndarray, clock: np.ndarray) -> Samples:
    """Draws in the form that mg.compare takes."""
    info = SampleInfo(clock, np.full(len(tokens), process.length), None, None)  # type: ignore[arg-type]
    return Samples(tokens, info)


philox = numba.njit(inline="always")(_random.philox)
bits_53 = numba.njit(inline="always")(_random.bits_53)


@numba.njit
def floor(events: int) -> float:
    """The least that events with counter-based draws cost: one Philox call and one logarithm each."""
    total = 0.0
    for event in range(events):
        a, b, c, d = philox(event & _random.LOW_32, (event >> 32) & _random.LOW_32, 1, 0, 5, 7)
        total -= log1p(-bits_53(a, b) * _random.TWO_TO_MINUS_53)
        total += bits_53(c, d) * _random.TWO_TO_MINUS_53
    return total


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
    return samples_of(process, *numpy_gillespie(process, n, seed))


def check(process: mg.GuidedProcess, n: int) -> None:
    """Every candidate against the exact laws; an error where one fails."""
    law, tv = mg.terminal_law(process), mg.tv_decay(process, CLOCKS)
    batch = lattice_draw(task_of(process, "gillespie"), n)
    drawn = {
        "numpy": numpy_samples(process, n, 1),
        "lattice": samples_of(process, batch.tokens, batch.completion_clock),
    }
    for name, samples in drawn.items():
        verdicts = mg.compare(samples, law), mg.compare_decay(samples, CLOCKS, tv)
        if not all(v.passed for v in verdicts):
            raise AssertionError(f"{name} on {process}: " + "; ".join(v.sentence for v in verdicts))


def gillespy2_solver(peer: ModuleType, process: mg.GuidedProcess):
    """GillesPy2's compiled direct method: lattice states are species, every rate a first-order reaction."""
    matrix, model = process.rate_matrix().tocoo(), peer.Model("chain")
    last = matrix.shape[0] - 1
    species = [peer.Species(name=f"s{x}", initial_value=int(x == last)) for x in range(last + 1)]
    model.add_species(species)
    for x, y, rate in zip(matrix.row, matrix.col, matrix.data, strict=True):
        if x != y:
            constant = peer.Parameter(name=f"k{x}_{y}", expression=repr(float(rate)))
            model.add_parameter(constant)
            ends = {"reactants": {species[x]: 1}, "products": {species[y]: 1}}
            model.add_reaction(peer.Reaction(name=f"r{x}_{y}", rate=constant, **ends))
    model.timespan(peer.TimeSpan(np.array([0.0, LATE])))
    return peer.SSACSolver(model=model)


def gillespy2_samples(process: mg.GuidedProcess, results) -> Samples:
    """Final states of GillesPy2's trajectories."""
    state = np.array([[one[f"s{x}"][-1] for x in range(process.exit_rates().size)] for one in results]).argmax(axis=1)
    tokens = np.stack(np.unravel_index(state, process.shape), axis=1).astype(np.int32)
    return samples_of(process, tokens, np.full(len(tokens), LATE))


def _peer() -> tuple[ModuleType | None, str]:
    """GillesPy2 or None, and a note."""
    try:
        peer = import_module("gillespy2")
    except ImportError as reason:
        return None, f"GillesPy2: skipped, {reason} (pip install gillespy2; its solver needs g++)."
    return peer, (
        f"GillesPy2 {peer.__version__}: SSACSolver, {PEER_TRAJECTORIES:,} trajectories a run to u = {LATE:g}, its C++ "
        f"program compiled beforehand, CPU time of all its processes until its results are in Python; up to "
        f"{MOST_SPECIES} states."
    )


def _against_peer(peer: ModuleType | None, process: mg.GuidedProcess, n: int, rounds: int) -> list[float] | str:
    """Ratio of CPU times a trajectory."""
    if peer is None or process.exit_rates().size > MOST_SPECIES:
        return "not run"
    solver, task = gillespy2_solver(peer, process), task_of(process, "gillespie")
    found = gillespy2_samples(process, solver.run(number_of_trajectories=PEER_TRAJECTORIES, seed=1))
    verdict = mg.compare(found, mg.terminal_law(process))
    if not verdict.passed:
        raise AssertionError(f"GillesPy2 on {process}: {verdict.sentence}")
    ratios = []
    for seed in range(1, rounds + 1):
        theirs = _cpu(lambda seed=seed: solver.run(number_of_trajectories=PEER_TRAJECTORIES, seed=seed))
        ratios.append(theirs / PEER_TRAJECTORIES / (_cpu(lambda: lattice_draw(task, n)) / n))
    return [float(np.median(ratios)), min(ratios), max(ratios)]


def _cpu(function) -> float:
    """CPU seconds of a call, its child processes included (those in hundredths of a second)."""
    own, children = time.process_time(), sum(os.times()[2:4])
    function()
    return time.process_time() - own + sum(os.times()[2:4]) - children


def _row(size: int, length: int, n: int, rounds: int, peer: ModuleType | None) -> dict:
    process = mg.GuidedProcess(random_problem(size, length), mg.Guidance("product", WEIGHT))
    states = (size + 1) ** length
    if states <= MOST_COMPARED:
        check(process, n)
    task = task_of(process, "gillespie")
    times = measure(
        {
            "lattice": lambda: lattice_draw(task, n).completion_clock,
            "floor": lambda: np.array([floor(n * length)]),
            "numpy": lambda: numpy_gillespie(process, n, 1)[1],
        },
        rounds,
    )
    process.rates(WEIGHT)
    packing = measure({"packing": lambda: rate_tables.__wrapped__(process, (WEIGHT,)).rows[-1:]}, 3)["packing"]
    return {
        "N, D": f"{size}, {length}",
        "states": states,
        "table, MiB": rate_tables(process, (WEIGHT,)).rows.nbytes / 2**20,
        "lattice, ns per event": 1e9 * times["lattice"].median_cpu / (n * length),
        "floor, ns": 1e9 * times["floor"].median_cpu / (n * length),
        "lattice / floor": compared(times["lattice"], times["floor"]),
        "numpy / lattice": compared(times["numpy"], times["lattice"]),
        "GillesPy2 / lattice": _against_peer(peer, process, n, rounds),
        "set-up, ms": 1e3 * packing.median_cpu,
    }
