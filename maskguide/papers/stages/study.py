"""Stages of guidance: weak-mode mass and within-mode spread, onsets, the locked region, the discrete counterpart.

Two modes (weights `weak` and 1 - weak, means -1 and 1 on the first axis, deviation sigma, d = 2) against N(0, I), and
a class of two modes on bits against a uniform rest: the same schedules in both worlds. Final laws of both are exact
up to quadrature; stages are measured on sampled trajectories. Numbers: docs/gaussian-stages.md.
Source: Jin, Shi, Gu, arXiv:2509.22007.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import ceil
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian import schedules
from ...gaussian.mixture import Mixture
from ...gaussian.samplers import sample
from ...gaussian.schedules import Weight
from .discrete import MaskedModes
from .flow import mean_scale
from .line import Line, Locked
from .measures import Stages, measure, replayed
from .results import RULES, Borders, Outcome, Replay, Row, StagesStudy, constant_name

FOLLOWED: tuple[str, ...] = ("unguided", "constant", "early", "late")
CLOCKS = (0.9, 0.7, 0.5, 0.3)  # times at which later weights are replaced
INSIDE = 0.5  # weight of the class where it is part of the mixture
BORDER_TIMES = 26
Pair = tuple[Mixture, Mixture]
OMEGA, WEAK, SIGMA = (1.1, 20.0), (0.01, 0.49), (0.05, 0.4)  # ranges: least and largest


def study(
    omega: float = 5.0,
    *,
    weak: float = 0.25,
    sigma: float = 0.2,
    count: int = 4000,
    steps: int = 100,
    seed: int = 0,
    quick: bool = False,
    advance: Callable[[], None] | None = None,
) -> StagesStudy:
    """Compare schedules of mean omega in both worlds, and measure the stages of guided trajectories.

    Source: docs/gaussian-stages.md.

    Parameters
    ----------
    omega : float
        Mean scale 1 + w of every schedule compared, in [1.1, 20].
    weak : float
        Weight of the weak mode, in [0.01, 0.49].
    sigma : float
        Deviation of the modes at -1 and 1, in [0.05, 0.4].
    count : int
        Trajectories that are followed; ten times as many are drawn for the `simulated` shares.
    steps : int
        Heun steps, at least (1 + 2 omega)/(2 sigma).
    seed : int
        0 <= seed < 2^64.
    quick : bool
        Fewer schedules and trajectories.
    advance : callable, optional
        Called after each unit of work, :func:`num_units` in all.

    Returns
    -------
    StagesStudy
        Schedules in both worlds, stages and the locked region, as text, plain data and figures.

    Raises
    ------
    InputError
        Settings out of range.
    """
    omega, weak, sigma = _settings(omega, weak, sigma)
    count, steps = _checks.integer(count, "count", 2), _steps(steps, omega, sigma)
    seed, tick = _checks.seed(seed), advance or (lambda: None)
    count = min(count, 1000) if quick else count
    pair = Mixture([[-1.0, 0.0], [1.0, 0.0]], sigma**2, [weak, 1 - weak]), Mixture([[0.0, 0.0]])
    line, masked, most = Line(*pair), MaskedModes(weak=weak), 2 * omega
    chosen = _schedules(omega, quick)
    rows = tuple(_ticked((_row(k, v, pair, line, masked, (count, steps, seed)) for k, v in chosen.items()), tick))
    grid = np.linspace(1, 0, steps + 1)
    locked = line.locked(grid[::-1], most)
    follow = {name: chosen[_row_name(name, omega)] for name in FOLLOWED}
    runs = (measure(*pair, w, times=grid, count=count, seed=seed, locked=locked) for w in follow.values())
    stages: dict[str, Stages] = dict(zip(FOLLOWED, _ticked(runs, tick), strict=True))
    borders = _borders(line, omega, most)
    tick()
    replays = _replays(pair, omega, grid, locked, min(count, 1000), seed)
    tick()
    discrete = {(rule, name): masked.stages(w, rule) for rule in RULES for name, w in follow.items()}
    inside = _inside(omega, weak, sigma)
    tick()
    return StagesStudy(omega, weak, sigma, count, steps, seed, most, rows, stages, borders, replays, discrete, inside)


def num_units(omega: float = 5.0, quick: bool = False) -> int:
    """Calls of `advance` that :func:`study` makes."""
    return len(_schedules(omega, quick)) + len(FOLLOWED) + 3


def _settings(omega: float, weak: float, sigma: float) -> tuple[float, float, float]:
    for name, value, (low, high) in (("omega", omega, OMEGA), ("weak", weak, WEAK), ("sigma", sigma, SIGMA)):
        if not low <= _checks.real(value, name) <= high:
            _checks.fail(f"{name} = {value}", f"{low:g} <= {name} <= {high:g}", "choose a value between")
    return float(omega), float(weak), float(sigma)


def _steps(steps: int, omega: float, sigma: float) -> int:
    """Enough of them for Heun: within a mode the slope of the flow reaches (1 + most) / (2 sigma)."""
    least = ceil((1 + 2 * omega) / (2 * sigma))
    if _checks.integer(steps, "steps", 1) < least:
        rule = f"at least (1 + 2 omega)/(2 sigma) = {least} steps, that points of a mode do not overshoot"
        _checks.fail(f"steps = {steps} at omega = {omega:g}, sigma = {sigma:g}", rule, "take more steps")
    return steps


def _schedules(omega: float, quick: bool) -> dict[str, Weight]:
    """Schedules of the study by name: steps are scaled to the mean omega, the two halves have mean (1 + omega)/2."""
    scales = (1.0, omega) if quick else sorted({1.0, 2.0, 3.0, 5.0, 7.0, omega})
    twice = 2 * omega - 1
    found: dict[str, Weight] = {constant_name(scale): scale - 1 for scale in scales}
    found |= {"early": schedules.early_late(twice, 1), "late": schedules.early_late(1, twice),
              "triangle": schedules.triangle(omega)}  # fmt: skip
    if quick:
        return found
    return found | {
        "interval": schedules.interval(omega), "step-up": schedules.step_up(1.2 * omega),
        "step-down": schedules.step_down(2 * omega), "cosine": schedules.cosine(omega), "beta": schedules.beta(omega),
        "first half": schedules.early_late(omega, 1), "second half": schedules.early_late(1, omega),
    }  # fmt: skip


def _row_name(name: str, omega: float) -> str:
    return {"unguided": constant_name(1), "constant": constant_name(omega)}.get(name, name)


def _row(name: str, weight: Weight, pair: Pair, line: Line, masked: MaskedModes, settings: tuple[int, int, int]) -> Row:
    count, steps, seed = settings
    exact = line.moments(weight)
    x = sample(*pair, weight, times=steps, count=10 * count, seed=seed).x[:, 0]
    finals = [masked.final(weight, rule) for rule in RULES]
    normalized, product = (Outcome(float(final.mass[0]), final.within) for final in finals)
    known = Outcome(float(exact.mass[0]), exact.within)
    return Row(name, mean_scale(weight), known, float((x < line.ends[0]).mean()), normalized, product)


def _borders(line: Line, omega: float, most: float) -> Borders:
    times = np.linspace(0, 1, BORDER_TIMES)
    locked = line.locked(times, most)
    unguided, guided = (line.basins(w, times)[:, 0] for w in (0.0, omega - 1))
    open_unguided, open_guided = (line.undecided(w, locked) for w in (0.0, omega - 1))
    return Borders(times, unguided, guided, locked, open_unguided, open_guided)


def _replays(pair: Pair, omega: float, grid: np.ndarray, locked: Locked, count: int, seed: int) -> tuple[Replay, ...]:
    """Basins under other later weights within [0, most], from the points of a guided run."""
    path = sample(*pair, omega - 1, times=grid, count=count, seed=seed, keep=True).path
    assert path is not None
    held = locked.mode(path[::-1])[::-1]
    found = []
    for t in CLOCKS:
        n = int(np.abs(grid - t).argmin())
        others = _other_weights(omega, float(grid[n]))
        ends = replayed(*pair, path[n], grid[n:], others)
        still = held[n] >= 0
        moved = (ends != held[n]).any(0) if still.any() else still
        open_moved = (ends != ends[0]).any(0)[~still]
        share = float(open_moved.mean()) if open_moved.size else 0.0
        found.append(Replay(float(grid[n]), float(still.mean()), int((moved & still).sum()), share))
    return tuple(found)


def _other_weights(omega: float, t: float) -> list[Weight]:
    """Later weights to try: none, the same, the most, and the most in one half of the time that is left."""
    high = 1 + 2 * omega
    return [0.0, omega - 1, 2 * omega, schedules.early_late(high, 1, t / 2), schedules.early_late(1, high, t / 2)]


def _inside(omega: float, weak: float, sigma: float) -> dict[str, float]:
    """Weak-mode mass where the class is part of the mixture: one dimension, and the discrete counterpart."""
    shares = [INSIDE * weak, INSIDE * (1 - weak), 1 - INSIDE]
    whole = Mixture([[-1.0], [1.0], [0.0]], [sigma**2, sigma**2, 1.0], shares, ["class", "class", "rest"])
    line, masked = Line(whole.given("class"), whole), MaskedModes(weak=weak, prior=INSIDE)
    return {"gaussian": float(line.masses(omega - 1)[0]), "masked": float(masked.final(omega - 1).mass[0])}


def _ticked(items: Iterable[Any], tick: Callable[[], None]) -> Iterator[Any]:
    for item in items:
        tick()
        yield item
