"""Checks of what `run` is given."""

from __future__ import annotations

from math import isfinite

import numpy as np

from ... import _checks
from ...process import GuidedProcess

GOALS = ("tilted", "guided")


def one_prompt(process: GuidedProcess, start: np.ndarray) -> np.ndarray:
    """The start as int64 (n, D); all rows the same."""
    if process.on_counts:
        process.needs_table("weighted particles")
    tokens = np.asarray(start)
    if tokens.ndim != 2 or not len(tokens) or tokens.shape[1] != process.length or tokens.dtype.kind not in "iu":
        _checks.fail(
            f"start is {_checks.short(tokens)}", f"(n, D) integers, n >= 1 and D = {process.length}", "N is a mask"
        )
    if (tokens != tokens[0]).any() or tokens.min() < 0 or tokens.max() > process.vocab_size:
        _checks.fail(
            "start holds different rows, or tokens out of range",
            f"particles share one prompt of tokens 0..N = {process.vocab_size}: they are weighed against each other",
            "run once a prompt",
        )
    return tokens.astype(np.int64)


def population_size(n: int, populations: int, antithetic: bool) -> int:
    """Particles in each population."""
    count = _checks.integer(populations, "populations", 1)
    unit = 2 * count if antithetic and count > 1 else count
    if n % unit:
        pairs = "; an antithetic pair lies within one" if unit > count else ""
        rule = f"populations of the same size{pairs}: n is a multiple of {unit}"
        _checks.fail(f"{n} particles in {count} populations", rule, f"take n = {n + unit - n % unit}")
    return n // count


def goal_weight(process: GuidedProcess, goal: str, weight: float | None) -> float | None:
    """The weight of the tilted law; None for the guided law, whose increments are one."""
    _checks.choice(goal, GOALS, "goal")
    constant = process.guidance.is_constant
    if goal == "guided":
        if weight is not None or not constant:
            _checks.fail(
                f"the goal 'guided' with weight={weight} and {process.guidance!r}",
                "its only weight is the constant one of the process",
                "leave weight out; take the goal 'tilted' for a schedule",
            )
        return None
    if weight is None and not constant:
        _checks.fail(
            f"the tilted law of {process.guidance.schedule}",
            "the tilted law has one weight; a schedule is a proposal only",
            "say which: weight=1.0",
        )
    return _checks.weight(process.segments[0].weight if weight is None else weight)


def strength(value: float) -> float:
    """Check the factor of a reward: finite."""
    number = _checks.real(value, "strength")
    if not isfinite(number):
        _checks.fail(f"strength = {number}", "a finite number", "the law is multiplied by exp(strength reward)")
    return number


def share(value: float) -> float:
    """Check the share of effective particles below which a population is resampled: in [0, 1]."""
    number = _checks.real(value, "threshold")
    if not 0 <= number <= 1:
        _checks.fail(f"threshold = {value}", "a share of the particles, 0 to 1", "0 never resamples, 0.5 is usual")
    return number
