"""Numbers of the stages of guidance: one Gaussian, two modes, the locked region, the discrete counterpart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...gaussian import schedules
from ...gaussian.mixture import Mixture
from ...gaussian.samplers import sample
from ...gaussian.schedules import Weight
from ..register import Number, group
from .discrete import MaskedModes
from .line import Line
from .measures import measure, replayed

PAPER = "Jin, Shi, Gu, arXiv:2509.22007 (setting); docs/gaussian-stages.md"
DERIVED = "docs/gaussian-stages.md"
N = 40_000  # samples of the recorded masses, and of ours
ALPHA = 1e-6
NORMAL = Mixture([[0.0, 0.0]])
TWO = Mixture([[-1.0, 0.0], [1.0, 0.0]], 0.04, [0.25, 0.75])
LAST_DIGIT = 5.01e-6  # half a unit of the fifth digit, and a hair


def _band(mass: float) -> float:
    """How far a share of N samples strays from its probability but once in a million: binomial tails."""
    from scipy.stats import binom

    return max(float(binom.isf(ALPHA / 2, N, mass)) / N - mass, mass - float(binom.ppf(ALPHA / 2, N, mass)) / N)


@group
def one_guided_gaussian() -> Iterator[Number]:
    """N(mu, 1/4) against N(0, 1): final deviation sigma^omega and mean over mu."""
    narrow = Mixture([[1.0, 0.0]], 0.25)
    for omega, mean in {1: 1.0, 2: 1.38017, 3: 1.5, 5: 1.5}.items():
        ends = sample(narrow, NORMAL, omega - 1, method="adaptive", initial=[[0.0, 0.0], [1.0, 0.0]]).x[:, 0]
        yield Number(f"one Gaussian, omega={omega}: mean over mu", mean, float(ends[0]), LAST_DIGIT, PAPER)
        width = float(ends[1] - ends[0])  # of a start of deviation one
        yield Number(f"one Gaussian, omega={omega}: deviation sigma^omega", 0.5**omega, width, 1e-8, PAPER)


@group
def weak_mode() -> Iterator[Number]:
    """Mass of the weak mode by omega: recorded (a simulation), exact, and simulated against exact."""
    line = Line(TWO, NORMAL)
    recorded = {1: 0.249, 2: 0.127, 3: 0.058, 5: 0.011, 7: 0.0018}
    exact = {1: 0.25, 2: 0.12579, 3: 0.05965, 5: 0.01119, 7: 0.00166}
    for omega, share in recorded.items():
        mass = float(line.masses(omega - 1)[0])
        rounding = 5.01e-5 if omega == 7 else 5.01e-4
        yield Number(
            f"weak mode, omega={omega}: recorded from 40,000 samples", share, mass, _band(mass) + rounding, PAPER
        )
        yield Number(f"weak mode, omega={omega}: mass", exact[omega], mass, LAST_DIGIT, DERIVED)
        steps = float(line.stepped_masses(omega - 1, 50)[0])
        drawn = float((sample(TWO, NORMAL, omega - 1, count=N, times=50, seed=7).x[:, 0] < line.ends[0]).mean())
        yield Number(f"weak mode, omega={omega}: simulated, 50 steps", steps, drawn, _band(steps), DERIVED)


@group
def early_and_late() -> Iterator[Number]:
    """omega = 5 in one half, and schedules of mean 5."""
    line = Line(TWO, NORMAL)
    halves = {
        "t > 1/2": (schedules.early_late(5, 1), 0.014, 0.1, 0.05),
        "t <= 1/2": (schedules.early_late(1, 5), 0.188, 0.0017, 5.01e-5),
    }
    for name, (schedule, share, width, digit) in halves.items():
        found = line.moments(schedule)
        mass = float(found.mass[0])
        yield Number(
            f"omega = 5 for {name}: weak-mode mass recorded from 40,000 samples",
            share,
            mass,
            _band(mass) + 5.01e-4,
            PAPER,
        )
        yield Number(f"omega = 5 for {name}: deviation within modes", width, found.within, digit, PAPER)
    rows: dict[str, tuple[Weight, float]] = {
        "early (9, 1)": (schedules.early_late(9, 1), 0.00027), "late (1, 9)": (schedules.early_late(1, 9), 0.17047),
        "interval": (schedules.interval(5), 0.01637), "cosine": (schedules.cosine(5), 0.07881),
        "step-up": (schedules.step_up(6), 0.02576), "step-down": (schedules.step_down(10), 0.00246),
    }  # fmt: skip
    for name, (schedule, mass) in rows.items():
        yield Number(f"{name} of mean 5: mass", mass, float(line.masses(schedule)[0]), LAST_DIGIT, DERIVED)


@group
def triangle() -> Iterator[Number]:
    """The triangle of mean 5 gives back next to nothing of what constant guidance takes from the weak mode."""
    line, grid = Line(TWO, NORMAL), np.linspace(1, 0, 101)
    mass = float(line.masses(schedules.triangle(5))[0])
    yield Number(
        "triangle of mean 5: weak-mode mass recorded from 40,000 samples", 0.0116, mass, _band(mass) + 5.01e-5, PAPER
    )
    yield Number("triangle of mean 5: mass", 0.01217, mass, LAST_DIGIT, DERIVED)
    stepped = schedules.on_grid(schedules.triangle(5), grid, omega=5)
    yield Number("triangle constant on 100 steps: mass", 0.01217, float(line.masses(stepped)[0]), LAST_DIGIT, DERIVED)
    none, constant = (float(line.masses(w)[0]) for w in (0.0, 4.0))
    back = (mass - constant) / (none - constant)
    yield Number("triangle of mean 5: share of the loss given back", 0.0041, back, 5.01e-5, DERIVED)
    spread = line.moments(schedules.triangle(5)).within / line.moments(4.0).within
    yield Number("triangle of mean 5: deviation within modes over constant's", 0.730, spread, 5.01e-4, DERIVED)


@group
def locked_region() -> Iterator[Number]:
    """Once inside the region, later guidance does not change the basin; outside it does."""
    line, grid = Line(TWO, NORMAL), np.linspace(1, 0, 51)
    region = line.locked(grid[::-1], 10.0)
    yield Number("locked at t = 1/2, w <= 10: lower border", -0.42943, float(region.lower[25, 0]), LAST_DIGIT, DERIVED)
    yield Number("locked at t = 1/2, w <= 10: upper border", -0.18522, float(region.upper[25, 0]), LAST_DIGIT, DERIVED)
    followed = measure(TWO, NORMAL, 4.0, times=grid, count=1000, locked=region)
    yield Number("omega=5: trajectories that left the locked region", 0.0, float(followed.broken), 0.0, DERIVED)
    path = sample(TWO, NORMAL, 4.0, times=grid, count=1000, keep=True).path
    assert path is not None
    held = region.mode(path[::-1])[::-1][15]  # t = 0.7
    later = [0.0, 10.0, schedules.early_late(11, 1, 0.35), schedules.early_late(1, 11, 0.35)]
    ends = replayed(TWO, NORMAL, path[15], grid[15:], later)
    changed = (ends != held)[:, held >= 0].any(0).sum()
    yield Number("t = 0.7: locked points moved by other later weights", 0.0, float(changed), 0.0, DERIVED)
    stayed = (ends == ends[0]).all(0)[held < 0].sum()
    yield Number("t = 0.7: other points that no later weight moved", 0.0, float(stayed), 0.0, DERIVED)


@group
def masked_modes() -> Iterator[Number]:
    """The discrete counterpart: weak-mode mass and entropy within modes, exact laws, mean scale 5."""
    modes, early, late = MaskedModes(), schedules.early_late(9, 1), schedules.early_late(1, 9)
    rows: dict[str, tuple[str, Weight, float, float]] = {
        "unguided": ("normalized", 0.0, 0.2790, 2.3341), "constant": ("normalized", 4.0, 0.0315, 0.1398),
        "early, normalized": ("normalized", early, 0.0312, 1.6134), "late": ("normalized", late, 0.2340, 1.4125),
        "early, rate product": ("product", early, 0.0032, 0.0086),
        "interval, normalized": ("normalized", schedules.interval(5), 0.1792, 1.1339),
        "triangle in 40 steps, normalized": ("normalized", schedules.triangle(5), 0.1026, 0.5350),
    }  # fmt: skip
    for name, (rule, weight, mass, entropy) in rows.items():
        found = modes.final(weight, rule)
        yield Number(f"masked modes, {name}: weak-mode mass", mass, float(found.mass[0]), 5.01e-5, DERIVED)
        yield Number(f"masked modes, {name}: entropy within modes", entropy, found.within, 5.01e-5, DERIVED)
    revealed = float(modes.stages(4.0, "product", [0.5]).revealed[0])
    yield Number("masked modes, rate product, omega=5: revealed at m = 1/2", 0.928, revealed, 5.01e-4, DERIVED)
