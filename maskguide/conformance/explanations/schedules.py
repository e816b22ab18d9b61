"""Other steps: their number, the grid, the noise schedule, and formulas of a step that are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import exp, inf, log1p

import numpy as np

from ...methods import Step
from ...schedules import noise_schedule, time_grid
from .explanation import Explanation, Prediction
from .setup import Setup, steps_at

NOISE = {"linear": "linear", "cosine": "cosine", "polynomial": "polynomial (t^2)", "geometric": "geometric"}
BIASED = (1, 2, 4, 8, 16, 32)  # steps of a sampler that claims the limit


def with_steps(change: Callable[[int], int]) -> Prediction:
    """The law of another number of steps, at least one."""
    return lambda setup: setup.changed(num_steps=max(1, change(setup.num_steps or 1))).law() if setup.stepped else None


def on_grid(grid: str) -> Prediction:
    """The law on another time grid."""
    return lambda setup: setup.changed(grid=grid).law() if setup.stepped else None


def under_noise(name: str) -> Prediction:
    """The claimed times, read by another noise schedule."""

    def law(setup: Setup) -> np.ndarray | None:
        if not setup.stepped:
            return None
        times = time_grid(setup.grid, setup.num_steps or 1, setup.schedule)
        return setup.walk(setup.rates(), list(steps_at(noise_schedule(name).clock(times))))

    return law


def revealing(fraction: Callable[[Setup, Step], float]) -> Prediction:
    """Steps whose a = 1 - m(t')/m(t) is computed wrongly."""

    def law(setup: Setup) -> np.ndarray | None:
        if not setup.stepped:
            return None
        return setup.walk(setup.rates(), [lasting(step, fraction(setup, step)) for step in setup.steps()])

    return law


def lasting(step: Step, fraction: float) -> Step:
    """A step from the same start with a = `fraction`."""
    return replace(step, end=step.start - log1p(-fraction) if fraction < 1 else inf)


def wrong_end(setup: Setup, step: Step) -> float:
    """(m(t) - m(t')) / m(t'), at most one."""
    return min(1.0, float(np.expm1(min(step.length, 1.0))))


def complement(setup: Setup, step: Step) -> float:
    """m(t') / m(t): the chance to stay masked."""
    return 1 - step.fraction


def total_noise(setup: Setup, step: Step) -> float:
    """dt sigma(t) (1-m)/m in place of dt sigma'(t) (1-m)/m, sigma = -log(1 - m) the total noise."""
    noise, level = noise_schedule(setup.schedule), exp(-step.start)
    times = noise.inverse(np.exp([-step.start, -step.end]))
    return 0.0 if level == 1 else min(1.0, float(times[0] - times[1]) * -log1p(-level) * (1 - level) / level)


def frozen_in_time(setup: Setup) -> np.ndarray | None:
    """Leaps with the rate Z m'(t)/m(t) held from t to t', 1 - exp(-Z (t - t') m'(t)/m(t)); the last reveals all."""
    if not setup.stepped:
        return None
    noise = noise_schedule(setup.schedule)
    times = time_grid(setup.grid, setup.num_steps or 1, noise)
    lengths = -np.diff(times) * noise.derivative(times[:-1]) / noise.masking(times[:-1])
    steps = list(steps_at(np.concatenate([[0.0], np.cumsum(lengths[:-1]), [inf]])))
    return setup.changed(method="tau-leaping").walk(setup.rates(), steps)


def biased(count: int) -> Prediction:
    """A stepped sampler in place of the limit."""

    def law(setup: Setup) -> np.ndarray | None:
        if setup.stepped:
            return None
        return setup.changed(method="tau-leaping", num_steps=count).law()

    return law


def _steps() -> Iterator[Explanation]:
    changes: dict[str, Callable[[int], int]] = {
        "K - 1 steps": lambda k: k - 1, "K + 1 steps": lambda k: k + 1, "K / 2 steps": lambda k: k // 2,
        "2 K steps": lambda k: 2 * k, "one step": lambda k: 1,
    }  # fmt: skip
    for name, change in changes.items():
        yield Explanation(name, f"it takes {name} where K steps are asked for", with_steps(change))
    for count in BIASED:
        steps = f"{count} step{'s' * (count > 1)}"
        yield Explanation(f"leaps in {steps}", f"it leaps in {steps}: not the limit law", biased(count))


GRID_NAMES = {"time": "grid uniform in t", "clock": "grid uniform in the clock", "cosine": "cosine grid"}

EXPLANATIONS = (
    *_steps(),
    *(Explanation(name, f"the steps lie on another grid: {name}", on_grid(grid)) for grid, name in GRID_NAMES.items()),
    *(Explanation(f"{name} noise", f"the noise schedule is {said}", under_noise(name)) for name, said in NOISE.items()),
    Explanation("alpha of the wrong end", "alpha(s) and alpha(t) are swapped: a = (m(t) - m(s)) / m(s)",
                revealing(wrong_end)),
    Explanation("stay for reveal", "alpha(s) and alpha(t) are swapped: a mask is revealed with the chance m(s)/m(t) "
                "that it should stay", revealing(complement)),
    Explanation("sigma for its derivative", "the total noise sigma(t) is used where its derivative belongs",
                revealing(total_noise)),
    Explanation("rates frozen in t", "rates are held over a step in t, not in the clock: a reveal has probability "
                "1 - exp(-Z dt m'(t)/m(t)); the last step is certain", frozen_in_time),
)  # fmt: skip
