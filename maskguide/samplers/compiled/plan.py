"""Which kernel draws a method, and with what numbers: the method's own formulas, evaluated step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import _checks
from ...methods import (
    FixedCount,
    PredictorCorrector,
    Remasking,
    RungeKutta,
    Step,
    Trapezoidal,
    TwoStage,
    ancestral,
    euler,
    fixed_count,
    method,
    posterior_product,
    tau_leaping,
)
from ...process import GuidedProcess
from ..gains import GAINS
from ..task import Task
from .corrector import leap_and_correct
from .fixed_count import CONFIDENCE, ENTROPY, MARGIN, RANDOM, decode
from .grid import grid
from .jumps import first_hitting, next_reaction, uniformization
from .leaps import FALLS, LINEAR, RISES, leap
from .model import new_state
from .two_stage import two_stage

Plan = tuple[
    Callable[..., None], tuple[Any, ...]
]  # a kernel, and what it takes after (model, state, key, first, record)

FORMS: dict[Any, int] = {
    tau_leaping.reveal_probability: LINEAR,
    ancestral.reveal_probability: LINEAR,
    euler.reveal_probability: FALLS,
    posterior_product.reveal_probability: RISES,
}
SCORES: dict[Any, int] = {
    fixed_count.no_preference: RANDOM,
    fixed_count.log_confidence: CONFIDENCE,
    fixed_count.top_margin: MARGIN,
    fixed_count.negative_entropy: ENTROPY,
}
JUMPS = {"gillespie": next_reaction, "first-hitting": first_hitting}


def plan(task: Task, weights: tuple[float, ...]) -> Plan:
    """The kernel of a task and its parameters; `new_state` stands for a second state, a new one for each thread."""
    chosen = task.method
    if chosen.is_exact:
        return _exact(task, weights)
    steps = grid(task.steps, weights)
    match chosen:
        case TwoStage():
            return two_stage, (new_state, steps, *_two_leaps(chosen, task.steps))
        case FixedCount():
            counts = np.array([chosen.count(s, task.process.length) for s in task.steps])
            noises = np.array([chosen.noise_at(s) for s in task.steps], dtype=float)
            return decode, (steps, counts, noises, _known(SCORES, chosen.score, chosen), float(chosen.temperature))
        case PredictorCorrector():
            return leap_and_correct, (steps, int(chosen.corrections))
        case Remasking():
            return leap, (steps, LINEAR, *_remasking(task, chosen, weights))
    form = _known(FORMS, chosen.reveal, chosen)
    if chosen.reveal is ancestral.reveal_probability:
        ancestral.check_rule(task.process, set(weights), chosen.name)
    if form == LINEAR:
        pace = np.array([chosen.hazard_spent(np.ones(1), s)[0] for s in task.steps])
    else:
        pace = GAINS[chosen.name](np.array([s.fraction for s in task.steps]))
    return leap, (steps, form, pace, np.zeros(len(pace)), False, False)


def _known(compiled: dict[Any, int], formula: Any, chosen: Any) -> int:
    if formula not in compiled:
        rule = "it has compiled the formulas of the package's own methods"
        _checks.fail(f"method {chosen.name!r} on engine 'numba'", rule, 'engine="torch" takes any')
    return compiled[formula]


def _exact(task: Task, weights: tuple[float, ...]) -> Plan:
    segments = task.process.segments
    ends, rows = np.array([s.end for s in segments]), np.array([weights.index(s.weight) for s in segments])
    if task.method.name in JUMPS:
        return JUMPS[task.method.name], (ends, rows)
    return uniformization, (ends, rows, np.array([bound(task.process, s.weight) for s in segments]))


def bound(process: GuidedProcess, weight: float) -> float:
    """A rate that no state exceeds: max R on a table, D where every mask reveals at rate one."""
    if process.on_lattice:
        return float(process.exit_rates(weight).max())
    ancestral.check_rule(process, {weight}, "uniformization")
    return float(process.length)


def _remasking(task: Task, chosen: Remasking, weights: tuple[float, ...]) -> tuple[Any, ...]:
    ancestral.check_rule(task.process, set(weights), chosen.name)
    pace = np.array([method.hazard_of(chosen.reveal_probability(np.ones(1), s))[0] for s in task.steps])
    sigma = np.array([chosen.remask_probabilities(np.zeros(1), s)[0] for s in task.steps])
    return pace, sigma, bool(sigma.max() > 0), chosen.strategy == "confidence"


def _two_leaps(chosen: TwoStage, steps: tuple[Step, ...]) -> tuple[Any, ...]:
    """Lengths (2, K), the factors of r(x) and r(x*) in the second leap, and whether it leaves from x."""
    lengths = np.array([[chosen.first_length(s) for s in steps], [chosen.second_length(s) for s in steps]])
    if isinstance(chosen, Trapezoidal):
        later = 1 / (2 * chosen.theta * (1 - chosen.theta))
        return lengths, 1 - later, later, False
    assert isinstance(chosen, RungeKutta)
    share = 1 / (2 * chosen.theta)
    return lengths, 1 - share, share, True
