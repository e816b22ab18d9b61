"""One probability from the model checker Storm against our whole law at the same clock, on the exported chain."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np

import maskguide as mg
from maskguide.laws.export import label

from .terminal_law import compared, random_problem
from .timing import measure

SIZES = ((2, 8),)
WEIGHT, CLOCK = 2.0, 1.0
TOLERANCE = 1e-9  # absolute, on the probability of the target
NOTES = [
    'Storm: P=? [F<=1 "y_..."] of one completed state, the most likely one; the .drn file of `mg.export` is read and '
    "the model built beforehand, only model checking is timed, with Storm's default settings. Whole law: "
    "`mg.transient_law` at u = 1, all states, problem at hand, the chain built anew in every call. Of both only "
    "the target's probability is kept: to keep a law costs its pages besides.",
    "The two do different work: one completed state is reached from 2^D states of the lattice only, so a checker that "
    "leaves out the others solves a much smaller chain; the whole law would take it N^D such questions, which were not "
    "run. Storm also works for chains that have no order.",
    "Random laws of two classes, rule product, w = 2. Both agree to 1e-9 in the target before they are timed.",
]


def run(sizes: tuple[tuple[int, int], ...] = SIZES, rounds: int = 9) -> tuple[list[dict], list[str], int] | None:
    """One row a lattice; None, and the reason in print, where stormpy cannot be imported."""
    try:
        stormpy = import_module("stormpy")
    except ImportError as reason:
        print(f"storm: skipped, {reason} (pip install 'maskguide[storm]')", flush=True)
        return None
    rows = [_row(stormpy, size, length, rounds) for size, length in sizes]
    return rows, [*NOTES, f"stormpy {version('stormpy')}."], rounds


def check(found: float, expected: float) -> float:
    """The absolute difference; an error beyond the tolerance."""
    if not abs(found - expected) <= TOLERANCE:
        raise AssertionError(f"Storm finds {found:.12g}, the law {expected:.12g}: they disagree by more than 1e-9")
    return abs(found - expected)


def _row(stormpy: ModuleType, size: int, length: int, rounds: int) -> dict:
    process = mg.GuidedProcess(random_problem(size, length), mg.Guidance("product", WEIGHT))
    law = mg.transient_law(process, CLOCK)
    done = law.probs[(slice(0, size),) * length]
    target = tuple(int(v) for v in np.unravel_index(done.argmax(), done.shape))
    storm = _checker(stormpy, process, target)
    difference = check(float(storm()[0]), float(law.probs[target]))
    times = measure({"storm": storm, "law": lambda: np.array([mg.transient_law(process, CLOCK).probs[target]])}, rounds)
    return {
        "N, D": f"{size}, {length}",
        "states": law.probs.size,
        "target": label(target, size),
        "probability": float(law.probs[target]),
        "Storm, one state, ms": 1e3 * times["storm"].median_cpu,
        "whole law, ms": 1e3 * times["law"].median_cpu,
        "Storm one state / whole law": compared(times["storm"], times["law"]),
        "difference": difference,
        "largest R": float(process.exit_rates().max()),
    }


def _checker(stormpy: ModuleType, process: mg.GuidedProcess, target: tuple[int, ...]) -> Callable[[], np.ndarray]:
    """Model checking of one target, (1,), model at hand."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.drn"
        mg.export(process, path, targets=[target])
        model = stormpy.build_model_from_drn(str(path))
    (formula,) = stormpy.parse_properties(f'P=? [F<={CLOCK:g} "{label(target, process.vocab_size)}"]')
    (start,) = model.initial_states
    return lambda: np.array([stormpy.model_checking(model, formula).get_value(start)])
