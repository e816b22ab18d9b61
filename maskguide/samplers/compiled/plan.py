"""Which kernel draws a method, and with what numbers: the method's own formulas, evaluated step by step."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np

from ... import _checks
from ...methods import (
    FirstHitting,
    FixedCount,
    Gillespie,
    Method,
    PredictorCorrector,
    Remasking,
    RungeKutta,
    Trapezoidal,
    Uniformization,
    fixed_count,
    method,
)
from ...methods.uniformization import candidate_rate
from ..task import Task
from .corrector import leap_and_correct
from .fixed_count import CONFIDENCE, ENTROPY, MARGIN, RANDOM, Decoding, decode
from .grid import Grid, grid
from .jumps import first_hitting, next_reaction, uniformization
from .leaps import FALLS, LINEAR, RISES, Leaps, leap
from .model import new_state
from .two_stage import TwoLeaps, two_stage

COMPILED_SCORES: dict[Any, int] = {
    fixed_count.no_preference: RANDOM,
    fixed_count.log_confidence: CONFIDENCE,
    fixed_count.top_margin: MARGIN,
    fixed_count.negative_entropy: ENTROPY,
}


def knows(chosen: Method) -> bool:
    """Whether a method is compiled: of a kind listed here, and no subclass that may change its formulas."""
    if isinstance(chosen, FixedCount):
        return type(chosen) is FixedCount and chosen.score in COMPILED_SCORES
    if plan.dispatch(type(chosen)) is plan.dispatch(Method):
        return chosen.reveal is not None and (chosen.freezes_rates or chosen.gain is not None)
    return type(chosen) in plan.registry


@singledispatch
def plan(chosen: Method, task: Task) -> tuple[Callable[..., None], tuple[Any, ...]]:
    """The kernel of a task and what it takes after (model, state, key, first, record).

    `new_state` stands for a second state, a new one for each thread.
    """
    if not knows(chosen):
        rule = "it has compiled the formulas of the package's own methods"
        _checks.fail(f"method {chosen.name!r} on engine 'compiled'", rule, 'engine="torch" takes any')
    if chosen.gain is None:
        form, pace = LINEAR, np.array([chosen.hazard_spent(np.ones(1), s)[0] for s in task.steps])
    else:
        pace = chosen.gain(np.array([s.fraction for s in task.steps]))
        form = FALLS if np.signbit(pace[0]) else RISES
    return leap, (_grid(task), Leaps(form, pace, np.zeros(len(pace)), False, False))


def _grid(task: Task) -> Grid:
    return grid(task.steps, task.weights)


def _segments(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Where each segment of constant weight ends, and the row of its weight."""
    segments = task.process.segments
    return np.array([s.end for s in segments]), np.array([task.weights.index(s.weight) for s in segments])


@plan.register(Gillespie)
def _(chosen: Gillespie, task: Task):
    return next_reaction, _segments(task)


@plan.register(FirstHitting)
def _(chosen: FirstHitting, task: Task):
    return first_hitting, _segments(task)


@plan.register(Uniformization)
def _(chosen: Uniformization, task: Task):
    bounds = np.array([candidate_rate(task.process, segment.weight) for segment in task.process.segments])
    return uniformization, (*_segments(task), bounds)


@plan.register(FixedCount)
def _(chosen: FixedCount, task: Task):
    counts = np.array([chosen.count(s, task.process.length) for s in task.steps])
    noises = np.array([chosen.noise_at(s) for s in task.steps], dtype=float)
    return decode, (_grid(task), Decoding(counts, noises, COMPILED_SCORES[chosen.score], float(chosen.temperature)))


@plan.register(PredictorCorrector)
def _(chosen: PredictorCorrector, task: Task):
    return leap_and_correct, (_grid(task), int(chosen.corrections))


@plan.register(Remasking)
def _(chosen: Remasking, task: Task):
    pace = np.array([method.hazard_of(chosen.reveal_probability(np.ones(1), s))[0] for s in task.steps])
    sigma = np.array([chosen.remask_probabilities(np.zeros(1), s)[0] for s in task.steps])
    return leap, (_grid(task), Leaps(LINEAR, pace, sigma, bool(sigma.max() > 0), chosen.strategy == "confidence"))


@plan.register(Trapezoidal)
def _(chosen: Trapezoidal, task: Task):
    later = 1 / (2 * chosen.theta * (1 - chosen.theta))
    return two_stage, (new_state, _grid(task), TwoLeaps(_lengths(chosen, task), 1 - later, later, False))


@plan.register(RungeKutta)
def _(chosen: RungeKutta, task: Task):
    share = 1 / (2 * chosen.theta)
    return two_stage, (new_state, _grid(task), TwoLeaps(_lengths(chosen, task), 1 - share, share, True))


def _lengths(chosen: Trapezoidal | RungeKutta, task: Task) -> np.ndarray:
    """Clock times of the two leaps of every step, (2, K)."""
    return np.array([[chosen.first_length(s) for s in task.steps], [chosen.second_length(s) for s in task.steps]])
