"""The study of distortions: what guidance takes of a class's variance, alone and among many classes.

Four parts, each against its prediction: moments of one direction, exact, by steps and sampled; negative windows that
give variance back; many random classes; their discrete counterpart. Derivations: docs/gaussian-distortions.md.
Source: Ventura et al. (arXiv:2602.00716).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from math import exp, nan, sqrt
from typing import Any

import numpy as np

from ... import _checks
from ..._deprecated import renamed
from ...gaussian.closed_forms import Moments, Schedule, tilted_moments
from ...gaussian.mixture import Mixture
from ...gaussian.noise import variance_exploding
from ...gaussian.path_integrals import LinearWeight
from ...gaussian.samplers import guided_field, sample
from .discrete import mean_density_bits, predicted_bit_loss, random_bit_classes
from .random_means import critical_rate, guided_critical_rate, mean_density, predicted_loss, random_means
from .schedules import DYNAMICS, best_window, exploding_times, stepped_moments

METHOD = {"ode": "heun", "sde": "euler-maruyama"}
FAR = 1e4  # noise variance, in units of the total's, from which constant weights are sampled
HORIZON = 10.0  # that of the linear schedule
COPIES = 8  # independent directions of one trajectory
EARLY = 3.0  # weight outside the negative windows
SPECTRUM = (2.0, 4.0, 9.0)  # total variances of the windows' directions, in units of the class's
GAINS = (1.0, 1.3, 1.5, 2.0, 2.5)
RATES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8, 1.0)
MASKED_RATES = (0.05, 0.1, 0.2, 0.3, 0.5)
LIMIT_RATE = 0.2  # alpha of a class against the mean density of its competitors


@dataclass(frozen=True)
class MomentsRow:
    """Mean and variance under one dynamics and schedule.

    Attributes
    ----------
    dynamics : "ode", "sde" or "tilted" (a law, not a dynamics: nothing is sampled)
    schedule : the weight, a number or a formula in s
    mean, variance : exact
    stepped : exact, after the sampler's steps
    sampled, error : measured on samples, and standard errors
    """

    dynamics: str
    schedule: str
    mean: float
    variance: float
    stepped: Moments | None = None
    sampled: Moments | None = None
    error: Moments | None = None


@dataclass(frozen=True)
class WindowRow:
    """The best negative window that keeps `gain` times the separability of the class law."""

    gain: float
    distortion: float
    constant_distortion: float
    late: float
    switch: float


@dataclass(frozen=True)
class Point:
    """Variance left of a class among K, measured and predicted; NaN where there is no such prediction.

    size is d of the Gaussian classes, D of the masked ones. Regimes: "exponential"; "sub-exponential", K = d; "mean
    density", the other classes enter by their mean density only, so that d can be large.
    """

    world: str
    regime: str
    weight: float
    size: int
    alpha: float
    ratio: float
    error: float
    guided: float
    typical: float


@dataclass(frozen=True)
class DistortionsStudy:
    """Settings and results of :func:`study`."""

    within: float
    between: float
    weights: tuple[float, ...]
    competing_weights: tuple[float, ...]
    seed: int
    quick: bool
    moments: tuple[MomentsRow, ...]
    windows: tuple[WindowRow, ...]
    points: tuple[Point, ...]
    critical_rate: float
    guided_critical_rates: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        plain = asdict(self)
        return plain | {"crowd_weights": plain.pop("competing_weights")}  # the key that earlier output has

    def text(self) -> str:
        """Tables, with what was found."""
        return "\n\n".join("\n".join(part(self)) for part in (_moments_text, _windows_text, _points_text))

    crowd_weights = renamed("crowd_weights", "competing_weights")

    def chosen(self, world: str, regime: str, weight: float) -> list[Point]:
        """The points of one curve."""
        return [p for p in self.points if (p.world, p.regime, p.weight) == (world, regime, weight)]


@dataclass(frozen=True)
class Extent:
    """How much is computed."""

    count: int
    steps: int
    gains: tuple[float, ...]
    sizes: tuple[int, ...]
    most: int  # classes
    competing: tuple[int, int]  # samples of a class, sets of means
    sub: tuple[int, ...]
    masked_sizes: tuple[int, ...]
    masked: tuple[int, int]  # samples of a class, problems
    limit: tuple[int, ...]  # sizes against the mean density


FULL = Extent(
    5000, 200, GAINS, (8, 16, 32), 3000, (32, 12), (8, 16, 32, 64, 128), (16, 32, 64), (200, 4), (32, 128, 512, 2048)
)
QUICK = Extent(500, 50, GAINS[1:3], (8, 16), 100, (32, 6), (8, 32), (16, 32), (200, 3), (32, 128, 512))


def num_units(
    weights: Sequence[float] = (1, 2, 4), competing_weights: Sequence[float] = (1, 3), quick: bool = False
) -> int:
    """How often `advance` is called."""
    extent = QUICK if quick else FULL
    return 3 * len(weights) + 2 + len(extent.gains) + sum(1 for _ in _competing(extent, competing_weights))


def study(
    weights: Sequence[float] = (1, 2, 4),
    competing_weights: Sequence[float] = (1, 3),
    *,
    within: float = 1.0,
    between: float = 1.0,
    seed: int = 0,
    quick: bool = False,
    advance: Callable[[], Any] | None = None,
) -> DistortionsStudy:
    """Moments, windows, many classes and their discrete counterpart. Source: docs/gaussian-distortions.md.

    Parameters
    ----------
    weights : sequence of float
        Constant weights w >= -1 of the table of moments; class N(sqrt(between), within), total N(0, within + between).
    competing_weights : sequence of float
        Weights of the curves over alpha = log K / d.
    within, between : float
        Variance of a class, and of the class means, in each direction, positive.
    seed : int
        0 <= seed < 2^64.
    quick : bool
        Small sizes: seconds.
    advance : callable, optional
        Called after each unit of work, :func:`num_units` in all.

    Returns
    -------
    DistortionsStudy
        Tables and curves, as text, plain data and figures.

    Raises
    ------
    InputError
        A weight below -1, a variance that is not positive.

    Examples
    --------
    >>> found = study(quick=True)
    >>> row = found.moments[0]
    >>> row.dynamics, row.schedule, round(row.mean, 4), round(row.variance, 4)
    ('ode', '1', 1.6232, 0.5)
    """
    weights, competing_weights = (tuple(map(_checks.weight, w)) for w in (weights, competing_weights))
    if not weights or not competing_weights:
        _checks.fail("no weights", "one or more for each part", "study() has defaults")
    for name, value in {"within": within, "between": between}.items():
        if not 0 < _checks.real(value, name) < np.inf:
            _checks.fail(f"{name} = {value}", f"0 < {name} < inf, a variance", "give a variance")
    _checks.seed(seed)
    extent, done = (QUICK if quick else FULL), advance or (lambda: None)
    moments = [done() or row for row in _moments(extent, weights, within, between, seed)]
    windows = [done() or _window(gain) for gain in extent.gains]
    points = [done() or _point(extent, within, between, seed, which) for which in _competing(extent, competing_weights)]
    rates = tuple(guided_critical_rate(w, within, between) for w in competing_weights)
    return DistortionsStudy(within, between, weights, competing_weights, seed, quick, tuple(moments), tuple(windows),
                            tuple(points), critical_rate(within, between), rates)  # fmt: skip


# Moments of one direction ---------------------------------------------------------------------------------


def _moments(extent: Extent, weights: Sequence[float], c: float, between: float, seed: int) -> Iterator[MomentsRow]:
    u, mu = c + between, sqrt(between)
    for dynamics, w in product(DYNAMICS, weights):
        yield _sampled_row(extent, dynamics, f"{w:g}", w, c, u, mu, np.inf, seed)
    for w in weights:
        tilted = tilted_moments(c, u, mu, w)
        yield MomentsRow("tilted", f"{w:g}", float(tilted.mean), float(tilted.variance))
    for dynamics in DYNAMICS:
        linear = LinearWeight(-1.0, 0.5 / c)
        yield _sampled_row(extent, dynamics, f"-1 + {linear.slope:g} s", linear, c, u, mu, HORIZON * c, seed)


def _sampled_row(
    extent: Extent, dynamics: str, name: str, w: Schedule, c: float, u: float, mu: float, horizon: float, seed: int
) -> MomentsRow:
    exact, top = DYNAMICS[dynamics](c, u, mu, w, horizon), min(horizon, FAR * u)
    times = exploding_times(top, c, extent.steps)
    weight = (lambda t: w(top * t)) if callable(w) else w
    setup: dict[str, Any] = {"process": variance_exploding(top), "times": times}
    run = sample(Mixture([[mu] * COPIES], c), Mixture([[0.0] * COPIES], u), weight, method=METHOD[dynamics],
                 count=extent.count, seed=seed, initial="class", **setup)  # fmt: skip
    field = guided_field(Mixture([[mu]], c), Mixture([[0.0]], u), weight, "linear", setup["process"])
    stepped = stepped_moments(field, METHOD[dynamics], times, mu, c + top)
    sampled = Moments(float(run.x.mean()), float(run.x.var(ddof=1)))
    n = run.x.size
    error = Moments(sqrt(stepped.variance / n), stepped.variance * sqrt(2 / (n - 1)))
    return MomentsRow(dynamics, name, float(exact.mean), float(exact.variance), stepped, sampled, error)


def _window(gain: float) -> WindowRow:
    found = best_window(np.ones(len(SPECTRUM)), SPECTRUM, np.ones(len(SPECTRUM)), EARLY, gain=gain)
    weight = found.weight
    return WindowRow(gain, found.distortion, found.constant_distortion, weight.late, weight.switch)


# Many classes ---------------------------------------------------------------------------------------------


def _competing(extent: Extent, weights: Sequence[float]) -> Iterator[tuple[str, str, float, int, int]]:
    """World, regime, weight, size and number of classes (0: left open) of each point."""
    for weight in weights:
        for world, sizes, rates in (("gaussian", extent.sizes, RATES), ("masked", extent.masked_sizes, MASKED_RATES)):
            for size, alpha in product(sizes, rates):
                classes = round(exp(alpha * size))
                if 2 <= classes <= extent.most:
                    yield world, "exponential", weight, size, classes
        for world, sizes in (("gaussian", extent.sub), ("masked", extent.masked_sizes)):
            yield from ((world, "sub-exponential", weight, size, size) for size in sizes)
        for world in ("gaussian", "masked"):
            yield from ((world, "mean density", weight, size, 0) for size in extent.limit)


def _point(extent: Extent, within: float, between: float, seed: int, which: tuple[str, str, float, int, int]) -> Point:
    world, regime, weight, size, classes = which
    if world == "masked":
        samples, problems = extent.masked
        setup = {"samples": samples, "problems": problems, "seed": seed}
        simulated = (
            partial(random_bit_classes, size, classes) if classes else partial(mean_density_bits, size, LIMIT_RATE)
        )
        bits = simulated(weight, **setup)
        predicted = predicted_bit_loss(bits.alpha, weight)[0], nan
        return Point(world, regime, weight, size, bits.alpha, bits.variance, bits.variance_error, *predicted)
    samples, problems = extent.competing
    simulated = partial(random_means, size, classes, steps=32) if classes else partial(mean_density, size, LIMIT_RATE)
    loss = simulated(weight, within=within, between=between, samples=samples, problems=problems, seed=seed)
    predicted = (predicted_loss(loss.alpha, weight, within, between, path)[0] for path in ("guided", "typical"))
    return Point(world, regime, weight, size, loss.alpha, loss.ratio, loss.ratio_error, *predicted)


# Text -----------------------------------------------------------------------------------------------------


def _moments_text(found: DistortionsStudy) -> Iterator[str]:
    c, b = found.within, found.between
    yield f"Mean and variance of the class N({sqrt(b):g}, {c:g}) in a total N(0, {c + b:g})"
    yield f"{'':8}{'w':>12}{'exact':>18}{'exact, by steps':>18}{'sampled, +- standard error':>36}"
    for r in found.moments:
        line = f"{r.dynamics:8}{r.schedule:>12}{r.mean:>9.4f}{r.variance:>9.4f}"
        if r.stepped and r.sampled and r.error:
            line += f"{r.stepped.mean:>9.4f}{r.stepped.variance:>9.4f}"
            line += f"{r.sampled.mean:>9.4f} +-{r.error.mean:.4f}{r.sampled.variance:>9.4f} +-{r.error.variance:.4f}"
        yield line
    yield "Constant weights take variance, under the ODE to (c/u)^w; the last rows give it back: w < 0 near data."


def _windows_text(found: DistortionsStudy) -> Iterator[str]:
    spectrum = ", ".join(f"{u:g}" for u in SPECTRUM)
    yield f"Best negative window after w = {EARLY:g}, in directions of total variance {spectrum} times the class's"
    yield f"{'separability, times the class':>30}{'rms log(V/c)':>14}{'late weight':>13}{'below s =':>11}"
    for r in found.windows:
        yield f"{r.gain:>30g}{r.distortion:>14.3f}{r.late:>13.3f}{r.switch:>11.3g}"
    yield f"Without a window the rms is {found.windows[0].constant_distortion:.3f}."


def _points_text(found: DistortionsStudy) -> Iterator[str]:
    yield "Variance left of a class among K = exp(alpha d), and predicted for d = inf"
    yield f"{'':26}{'w':>5}{'d':>6}{'alpha':>8}{'simulated':>18}{'guided':>9}{'typical':>9}"
    for p in found.points:
        typical = f"{p.typical:9.3f}" if p.typical == p.typical else ""
        line = f"{p.world:9}{p.regime:17}{p.weight:>5g}{p.size:>6}{p.alpha:>8.3f}"
        yield line + f"{p.ratio:>10.3f} +-{p.error:.3f}{p.guided:>9.3f}{typical}"
    pairs = zip(found.guided_critical_rates, found.competing_weights, strict=True)
    rates = ", ".join(f"{rate:.3f} (w = {w:g})" for rate, w in pairs)
    yield f"Guidance never stops beyond alpha = {found.critical_rate:.4f} for typical points, {rates} for guided ones."
    yield "They lose less than typical points would, and towards d = inf what is predicted for them."
    yield "Among K = d classes the loss goes away as d grows."
