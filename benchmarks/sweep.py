"""Terminal law: the compiled sweep against a plain scalar one, how its cost grows, two threads, peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from tempfile import TemporaryDirectory

import numpy as np
from numba import njit

import maskguide as mg
from maskguide.laws.lattice import layout, sweeps

from .terminal_law import compared, random_problem
from .timing import measure

SIZES = ((2, 8), (2, 10), (2, 12), (2, 14), (2, 16), (3, 9), (4, 8), (4, 10), (32, 3), (256, 2))
WEIGHT, OTHER_WEIGHT = 1.5, 1.37
TOLERANCE = 1e-12  # relative, on every probability
NOTES = [
    "Rate product, w = 1.5, random laws of two classes. The compiled sweep and the scalar one start from the potential "
    "G in their own layout; both overwrite it, so every call begins with a copy into the same buffer, which is timed "
    "apart in the same round and taken off. Scalar: one numba loop over states in C order, signed indices, digits kept "
    "as it goes.",
    "From the laws: marginals, potential and sweep, as in `mg.terminal_law`, without the problem's construction; CPU "
    "time of all threads. w = 1.5 is among the exponents that take a square root only (0.5, 1, ..., 2.5); any other "
    "costs what the column of w = 1.37 says.",
    "Two threads and peak memory: each in a process of its own (median wall seconds of five calls with one and two "
    "threads; largest resident set, Python and numba included). Their ratio is only valid on a quiet machine: compare "
    "the load average.",
    "Memory ends where the lattice does: 8 bytes a state and little else, so (2, 16) is 344 MB and 32 GB hold "
    "(2, 20); rules without a potential need 8 bytes an edge, D N/(N+1) times as much.",
]
ALONE = """
import json, time
started = time.perf_counter()
import numba, numpy as np, maskguide as mg
from maskguide.laws.lattice import absorption, layout
from benchmarks.terminal_law import random_problem
process = mg.GuidedProcess(random_problem({size}, {length}), mg.Guidance("product", {weight}))
mg.terminal_law(process)
seconds = {{"first": time.perf_counter() - started}}
for threads in {threads}:
    absorption.idle = layout.idle = lambda states: threads
    mg.terminal_law(process)
    runs = []
    for _ in range(5):
        started = time.perf_counter(); mg.terminal_law(process).probs.sum(); runs.append(time.perf_counter() - started)
    seconds[threads] = float(np.median(runs))
lines = open("/proc/self/status").read().splitlines()
peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
print(json.dumps([seconds, peak]))
"""


def run(sizes: tuple[tuple[int, int], ...] = SIZES, rounds: int = 7) -> tuple[list[dict], list[str], int]:
    """One row a lattice."""
    rows = [_row(size, length, rounds) for size, length in sizes]
    with TemporaryDirectory() as empty:
        compiling, loading = (alone(2, 8, [1], empty)[0]["first"] for _ in range(2))
    note = (
        f"Imports, problem and first terminal law at (2, 8): {compiling:.1f} s with an empty cache of compiled code, "
    )
    return rows, [*NOTES, note + f"{loading:.1f} s with a filled one."], rounds


@njit(cache=True)
def scalar(potential: np.ndarray, size: int, length: int) -> np.ndarray:
    """The plain sweep: potential on the lattice in C order becomes q = h G / S, and the law on completed states."""
    strides = np.empty(length, dtype=np.int64)
    digits = np.full(length, size)
    strides[length - 1] = 1
    for d in range(length - 2, -1, -1):
        strides[d] = strides[d + 1] * (size + 1)
    for x in range(potential.size - 1, -1, -1):
        flow, exits, masked = 0.0, 0.0, 0
        for d in range(length):
            if digits[d] < size:
                flow += potential[x + (size - digits[d]) * strides[d]]
            else:
                masked += 1
                for v in range(size):
                    exits += potential[x - (size - v) * strides[d]]
        if masked == length:
            flow = 1.0 / potential[x]
        potential[x] *= flow if masked == 0 else (flow / exits if exits > 0 else 0.0)
        d = length - 1
        while d >= 0 and digits[d] == 0:
            digits[d] = size
            d -= 1
        if d >= 0:
            digits[d] -= 1
    return potential


def alone(size: int, length: int, threads: list[int], cache: str = "") -> tuple[dict[str, float], int]:
    """Median wall seconds by number of threads ("first": imports and first call), and peak bytes, of a new process."""
    code = ALONE.format(size=size, length=length, weight=WEIGHT, threads=threads)
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    environment |= {"NUMBA_NUM_THREADS": str(max(threads))} | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    output = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    seconds, peak = json.loads(output.stdout)
    return seconds, peak


def _row(size: int, length: int, rounds: int) -> dict:
    process = mg.GuidedProcess(random_problem(size, length), mg.Guidance("product", WEIGHT))
    groups = layout.layout(size, length)
    made = layout.potential(process, WEIGHT)
    assert made is not None
    potential, edges = made[0], length * size * (size + 1) ** (length - 1)
    lattice = groups.to_lattice(potential).ravel()
    buffer = np.empty_like(potential)

    def fresh(values: np.ndarray) -> np.ndarray:
        np.copyto(buffer, values)
        return buffer

    def sweep(values: np.ndarray) -> np.ndarray:
        sweeps.terminal(values, groups.blocks, np.empty(0))
        return values[groups.completed]

    completed = (slice(0, size),) * length
    plain = scalar(fresh(lattice), size, length).reshape(process.shape)[completed].flatten()
    worst = float(np.abs(plain / sweep(fresh(potential)) - 1).max())
    if worst > TOLERANCE:
        raise AssertionError(f"sweeps of {process} disagree by {worst:.2g}")
    times = measure(
        {
            "sweep": lambda: sweep(fresh(potential)),
            "scalar": lambda: scalar(fresh(lattice), size, length),
            "copy": lambda: fresh(potential),
            "potential": lambda: layout.potential(process, WEIGHT)[0],  # type: ignore[index]
            "other": lambda: layout.potential(process, OTHER_WEIGHT)[0],  # type: ignore[index]
        },
        rounds if groups.states < 10**7 else 3,
    )
    net = {name: replace(times[name], cpu=times[name].cpu - times["copy"].cpu) for name in ("sweep", "scalar")}
    ns = {name: 1e9 * timing.median_cpu / edges for name, timing in (times | net).items()}
    large = groups.states >= 10**6
    seconds, peak = alone(size, length, [1, 2]) if large else ({}, 0)
    return {
        "N, D": f"{size}, {length}",
        "states": groups.states,
        "edges": edges,
        "sweep, ns/edge": ns["sweep"],
        "best round": 1e9 * float(net["sweep"].cpu.min()) / edges,
        "copy, ns/edge": ns["copy"],
        "scalar / sweep": compared(net["scalar"], net["sweep"]),
        "from the laws, ns/edge": ns["potential"] + ns["sweep"],
        "ns/state": (ns["potential"] + ns["sweep"]) * edges / groups.states,
        "potential, ns/state": ns["potential"] * edges / groups.states,
        "potential, w = 1.37": ns["other"] * edges / groups.states,
        "one / two threads, wall": seconds["1"] / seconds["2"] if large else "-",
        "peak, MB": peak / 1e6 if large else "-",
        "peak, bytes/state": peak / groups.states if large else "-",
        "largest relative difference": worst,
    }
