"""Cost of our samplers by method, problem, length, tokens, weight and steps; memory of long sequences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

import maskguide as mg
from maskguide.methods import METHODS

from .terminal_law import random_problem
from .timing import measure

SECONDS = 0.2  # of one timed call, about
MOST, TORCH = 2**18, 256  # trajectories at most, and with torch at least
COMPONENTS, HIDDEN = 6, 32
LENGTHS, SIZES = (16, 64, 256, 1024), (4, 32, 256)
WEIGHTS = (-0.5, 0.0, 1.0, 2.0, 4.0, 8.0)
STEPS = (4, 16, 64, 256, 1024)
STEPPED = ("tau-leaping", "gillespie")
BATCHED = ("tau-leaping", "gillespie", "random-order", "confidence")  # methods for which torch is timed
LONG = (1024, 256, 4)  # D, N, components
HELD, LONG_STEPS = 4_096, 16  # trajectories in memory
BATCHES = (4_096, 512)
ALONE = """
import hashlib, json, numpy as np, maskguide as mg
problem = mg.ProductMixture.random({length}, {size}, {components})
process = mg.GuidedProcess(problem, mg.Guidance("product", 1.0))
found = mg.sample(process, {n}, "tau-leaping", 1, "numba", {steps}, threads=1, batch_size={batch_size})
lines = open("/proc/self/status").read().splitlines()
peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
print(json.dumps([peak, hashlib.sha256(found.tokens.tobytes()).hexdigest()]))
"""
NOTES = [
    "By `mg.sample`, from the call to the tokens, one thread, from fully masked. The number of trajectories is what "
    f"takes about {SECONDS:g} s; torch, which gains by large batches, draws {TORCH} at least.",
    f"Table: two Dirichlet laws. Mixture: {COMPONENTS} product components in two classes ({LONG[2]} in the longest). "
    "Chain: two Markov chains. What preparing a process takes is not in these times: it is done once.",
    "ns per reveal: over trajectories times D (remdm reveals some more than once; theta-rk2 leaves some masked).",
    "Axis method: rule normalized (ancestral, remdm and uniformization need it). Other axes: rule product, whose "
    "reveals need the hazards of all masks, but for 'longest', which has both. Decoders keep D/64 a step.",
    "First, both engines draw the same tokens for every method and problem (ties aside, one in 100,000).",
]


@dataclass(frozen=True)
class Case:
    """A sampler on a problem; `kind` of problem, its (D, N), and what is varied."""

    axis: str
    kind: str
    length: int
    vocab_size: int
    method: str = "tau-leaping"
    weight: float = 1.0
    steps: int = 64
    rule: str = "product"
    engine: str = "numba"

    @property
    def grid(self) -> int | None:
        return None if METHODS[self.method].is_exact else self.steps

    @property
    def process(self) -> mg.GuidedProcess:
        return _process(self.kind, self.length, self.vocab_size, self.rule, self.weight)

    def draw(self, n: int) -> np.ndarray:
        """Tokens (n, D)."""
        options: dict[str, Any] = {"threads": 1} if self.engine == "numba" else {"device": "cpu"}
        return mg.sample(self.process, n, self.method, 1, self.engine, self.grid, **options).tokens


def cases(
    lengths: tuple[int, ...] = LENGTHS, sizes: tuple[int, ...] = SIZES, base: tuple[int, int] = (64, 32)
) -> Iterator[Case]:
    """One axis after another, the rest at the base."""
    length, size = base
    for kind, d, n in (("table", 8, 4), ("mixture", length, size), ("chain", length, size)):
        for method in METHODS:
            case = Case("method", kind, d, n, method, rule="normalized")
            yield case
            if kind != "chain" and method in BATCHED:
                yield replace(case, engine="torch")
    for method in STEPPED:
        yield from (Case("D", "mixture", d, size, method) for d in lengths)
        yield from (Case("D", "chain", d, size, method) for d in lengths[:-1])
        yield from (Case("N", "mixture", length, n, method) for n in sizes)
        yield from (Case("w", kind, *at, method, w) for kind, at in _places(base) for w in WEIGHTS)
    yield from (Case("steps", kind, *at, steps=k) for kind, at in _places(base) for k in STEPS)
    rules = ("normalized", "product")
    yield from (Case("longest", "mixture", *LONG[:2], method, rule=rule) for rule in rules for method in STEPPED)


def run(chosen: tuple[Case, ...] | None = None, rounds: int = 3, held: int = HELD):
    """Rows (one a case), notes, rounds."""
    chosen = tuple(cases()) if chosen is None else chosen
    for case in {replace(case, engine="numba"): None for case in chosen if case.axis == "method"}:
        check(case)
    return [_row(case, rounds) for case in chosen], [*NOTES, memory(held)], rounds


def check(case: Case, n: int = 16) -> None:
    """Both engines draw the same tokens; an error where they do not."""
    numba, torch = case.draw(n), replace(case, engine="torch").draw(n)
    if (different := int((numba != torch).sum())) > 1e-5 * numba.size:
        raise AssertionError(f"{case}: {different} of {numba.size} tokens differ between the engines")


def memory(n: int) -> str:
    """A note on the peak resident set of n long trajectories, each batch size in a process of its own."""
    length, size, components = LONG
    peaks = dict.fromkeys(BATCHES, 0)
    tokens = set()
    for batch in BATCHES:
        peaks[batch], found = alone(length, size, components, n, batch)
        tokens.add(found)
    if len(tokens) > 1:
        raise AssertionError(f"tokens depend on the batch size, {BATCHES}")
    least = alone(length, size, components, 1, 1)[0]
    text = ", ".join(f"{peak / 2**30:.2f} GiB with batches of {batch:,}" for batch, peak in peaks.items())
    return (
        f"Memory: D = {length:,}, N = {size}, {n:,} trajectories of {LONG_STEPS} tau-leaps, peak resident set of a "
        f"process of its own: {text} ({least / 2**30:.2f} GiB for one trajectory: Python, compiled code, the problem); "
        "the same tokens."
    )


def alone(length: int, size: int, components: int, n: int, batch_size: int) -> tuple[int, str]:
    """Peak bytes of a new process, and a digest of its tokens."""
    code = ALONE.format(length=length, size=size, components=components, n=n, batch_size=batch_size, steps=LONG_STEPS)
    output = subprocess.run([sys.executable, "-c", code], env=os.environ, check=True, capture_output=True, text=True)
    peak, digest = json.loads(output.stdout)
    return peak, digest


def _places(base: tuple[int, int]) -> tuple[tuple[str, tuple[int, int]], ...]:
    return (("table", (8, 4)), ("mixture", base))


@lru_cache(maxsize=4)
def _process(kind: str, length: int, size: int, rule: str, weight: float) -> mg.GuidedProcess:
    return mg.GuidedProcess(_problem(kind, length, size), mg.Guidance(rule, weight))


@lru_cache(maxsize=4)
def _problem(kind: str, length: int, size: int):
    if kind == "table":
        return random_problem(size, length)
    if kind == "mixture":
        return mg.ProductMixture.random(length, size, LONG[2] if (length, size) == LONG[:2] else COMPONENTS)
    draw = np.random.default_rng(0).dirichlet
    return mg.MarkovProblem(
        draw(np.ones(size), 2), draw(np.ones(size), (2, size)), [0.5, 0.5], length=length, name="random"
    )


def _row(case: Case, rounds: int) -> dict:
    n = _fitting(case)
    each = measure({"draw": lambda: case.draw(n)}, rounds)["draw"].median_cpu / n
    return {
        "axis": case.axis,
        "problem": case.kind,
        "N, D": f"{case.vocab_size}, {case.length}",
        "engine": case.engine,
        "method": case.method,
        "rule": case.rule,
        "w": case.weight,
        "steps": case.grid or "-",
        "trajectories a second": 1 / each,
        "ns per reveal": 1e9 * each / case.length,
    }


def _fitting(case: Case) -> int:
    """A number of trajectories that takes about as long as it should."""
    n = TORCH if case.engine == "torch" else 1
    case.draw(n)
    while n < MOST and (seconds := _seconds(case, n)) < SECONDS:
        n *= 2 if seconds > SECONDS / 4 else 4
    return n


def _seconds(case: Case, n: int) -> float:
    started = time.perf_counter()
    case.draw(n)
    return time.perf_counter() - started
