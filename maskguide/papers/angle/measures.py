"""Angle-domain guidance measured along trajectories and at their ends, for classes on a sphere.

Formulas: :mod:`.angle`. Measured numbers: docs/gaussian-angle.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import inf, sqrt
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.mixture import Mixture
from ...gaussian.rules import CLIP, DEGENERATE
from ...gaussian.samplers import Trajectories, guided_field, sample
from ...gaussian.steps import Field
from .geometry import angle, is_anomalous

ATYPICAL = 0.01  # share of a class that counts as atypical: its least likely points
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
RULES = ("linear", "angle")
SHARES = ("anomalous_x0", "anomalous_score", "clipped", "flat")
BINS = 120


def classes_on_a_sphere(dimension: int, classes: int, radius: float, variance: float = 1.0, seed: int = 0) -> Mixture:
    """Equal classes N(mu_k, variance I), the mu_k independent and uniform on a sphere about 0; labels 0, 1, ..."""
    shape = _checks.integer(classes, "classes", 2), _checks.integer(dimension, "dimension", 1)
    for name, value in {"radius": radius, "variance": variance}.items():
        if not 0 < _checks.real(value, name) < inf:
            _checks.fail(f"{name} = {value}", f"{name} > 0, finite", "the usual are radius 3, variance 1")
    means = np.random.default_rng(_checks.seed(seed)).normal(size=shape)
    means *= radius / np.linalg.norm(means, axis=1, keepdims=True)
    return Mixture(means, variance, labels=range(classes))


@dataclass(frozen=True)
class Setting:
    """A mixture: `classes` equal N(mu_k, variance I), the mu_k random on a sphere."""

    dimension: int
    classes: int
    radius: float
    variance: float = 1.0

    def mixture(self, seed: int) -> Mixture:
        """The mixture of a seed."""
        return classes_on_a_sphere(self.dimension, self.classes, self.radius, self.variance, seed)


@dataclass(frozen=True)
class PathMeasures:
    """What happens at the starting points of all steps of one ensemble; arrays (steps, n) of bool or float.

    Attributes
    ----------
    growth : |guided x0| / |conditional x0|
    anomalous_x0, anomalous_score : <guided, conditional> <= 0
    clipped : w theta > pi / 3
    flat : sin theta <= 1e-3, the rule's degenerate branch
    """

    growth: np.ndarray
    anomalous_x0: np.ndarray
    anomalous_score: np.ndarray
    clipped: np.ndarray
    flat: np.ndarray


def path_measures(field: Field, run: Trajectories, omega: float) -> PathMeasures:
    """Measures along the kept path of a run of `field` at constant omega; exploded points are the caller's."""
    if run.path is None:
        _checks.fail("the run kept no path", "the measures are taken along it", "sample(..., keep=True)")
    steps = [_at(field, x, float(t), omega) for x, t in zip(run.path[:-1], run.times[:-1], strict=True)]
    return PathMeasures(*(np.array(part) for part in zip(*steps, strict=True)))


def _at(field: Field, x: np.ndarray, t: float, omega: float) -> tuple[np.ndarray, ...]:
    level = field.process.at(t)
    c, u = (m.predict(x, level.scale, level.sigma) for m in (field.conditional, field.unconditional))
    x0, y = field.predict(x, t)
    theta = angle(c.x0, u.x0)
    growth = np.linalg.norm(x0, axis=-1) / np.linalg.norm(c.x0, axis=-1)
    return (
        growth,
        is_anomalous(x0, c.x0),
        is_anomalous(-y, c.score),
        (omega - 1) * theta > CLIP,
        np.sin(theta) <= DEGENERATE,
    )


@dataclass(frozen=True)
class EndMeasures:
    """Final samples against their class N(mu, c I).

    Attributes
    ----------
    norm_distance : Wasserstein-1 distance between the laws of |x|, in units of E|x| of the class
    norm_shift : mean |x| over the class's, minus 1
    atypical : share of samples where the class puts its least likely 1 %: |x - mu|^2 / c above that quantile
    largest_shift : largest shift of a coordinate's mean, in standard deviations of the class
    along : the mean's component along mu over |mu|
    spread : variance over the class's, mean over coordinates
    """

    norm_distance: float
    norm_shift: float
    atypical: float
    largest_shift: float
    along: float
    spread: float


def end_measures(x: np.ndarray, mean: np.ndarray, variance: float) -> EndMeasures:
    """Measures of samples (n, d), n >= 2, against N(mean, variance I)."""
    from scipy.stats import chi2

    n, d = x.shape
    norms, true = np.sort(np.linalg.norm(x, axis=1)), norm_quantiles((np.arange(n) + 0.5) / n, mean, variance)
    shift = x.mean(0) - mean
    return EndMeasures(
        norm_distance=float(np.abs(norms - true).mean() / true.mean()),
        norm_shift=float(norms.mean() / true.mean() - 1),
        atypical=float((((x - mean) ** 2).sum(1) > variance * chi2.ppf(1 - ATYPICAL, d)).mean()),
        largest_shift=float(np.abs(shift).max() / sqrt(variance)),
        along=float(x.mean(0) @ mean / (mean @ mean)),
        spread=float(x.var(0, ddof=1).mean() / variance),
    )


def norm_quantiles(shares: Any, mean: np.ndarray, variance: float) -> np.ndarray:
    """Quantiles of |x| for x ~ N(mean, variance I): sqrt(variance) times a non-central chi."""
    from scipy.stats import ncx2

    return np.sqrt(variance * ncx2.ppf(shares, len(mean), float(mean @ mean) / variance))


@dataclass(frozen=True)
class Curves:
    """Measures of one rule in one mixture, first axis omega (S,).

    Attributes
    ----------
    growth : (S, levels)
        Quantiles of |guided x0| / |conditional x0| over trajectories and steps.
    growth_in_time : (S, steps)
        Its median at the start of each step, from t = 1.
    largest_growth, anomalous_x0, anomalous_score, clipped, flat : (S,)
        The largest growth, and shares of trajectory points, see :class:`PathMeasures`.
    norms : (S, levels)
        Quantiles of |x| of the final samples.
    histogram : (S, bins)
        Density of |x| on the ensemble's bins.
    ends : measure -> (S,)
        :class:`EndMeasures`.
    exploded : (S,)
        Trajectories that exploded; they are in no other figure.
    exploded_at : (S,)
        The time at which the first did; 0 where none did.
    """

    growth: np.ndarray
    growth_in_time: np.ndarray
    largest_growth: np.ndarray
    anomalous_x0: np.ndarray
    anomalous_score: np.ndarray
    clipped: np.ndarray
    flat: np.ndarray
    norms: np.ndarray
    histogram: np.ndarray
    ends: dict[str, np.ndarray]
    exploded: np.ndarray
    exploded_at: np.ndarray


@dataclass(frozen=True)
class Ensemble:
    """One mixture under both rules; `class_norms` quantiles and `class_histogram` density of the class itself."""

    setting: Setting
    rules: dict[str, Curves]
    bins: np.ndarray
    class_norms: np.ndarray
    class_histogram: np.ndarray


def ensemble(
    setting: Setting,
    scales: Sequence[float],
    samples: int,
    steps: int,
    seed: int = 0,
    advance: Callable[[], object] = lambda: None,
) -> Ensemble:
    """Guided trajectories of class 0 under both rules at every omega (Heun, flow matching), measured.

    `advance` is called after each omega of each rule. Raises InputError if fewer than two trajectories are left.
    """
    mixture = setting.mixture(seed)
    own = mixture.given(0)
    ends = norm_quantiles([1e-6, 1 - 1e-6], own.mean, setting.variance)
    bins = np.linspace(ends[0] / 2, 2 * ends[1], BINS + 1)

    def row(rule: str, omega: float) -> dict[str, Any]:
        run = sample(own, mixture, omega - 1, rule=rule, times=steps, count=samples, seed=seed, keep=True)
        advance()
        return _row(guided_field(own, mixture, omega - 1, rule), run, omega, bins)

    curves = {rule: _curves([row(rule, omega) for omega in scales]) for rule in RULES}
    density = np.diff(norm_cdf(bins, own.mean, setting.variance)) / np.diff(bins)
    return Ensemble(setting, curves, bins, norm_quantiles(LEVELS, own.mean, setting.variance), density)


def _row(field: Field, run: Trajectories, omega: float, bins: np.ndarray) -> dict[str, Any]:
    """The entries of `Curves` at one omega, exploded trajectories left out."""
    good = ~run.exploded
    if good.sum() < 2:
        _checks.fail(f"omega = {omega:g}: {run.status}", "two trajectories at least are left", "more steps, less omega")
    path, own = path_measures(field, run, omega), field.conditional
    growth, norms = path.growth[:, good], np.linalg.norm(run.x[good], axis=1)
    return {
        "growth": np.quantile(growth, LEVELS),
        "growth_in_time": np.median(growth, axis=1),
        "largest_growth": growth.max(),
        **{name: getattr(path, name)[:, good].mean() for name in SHARES},
        "norms": np.quantile(norms, LEVELS),
        "histogram": np.histogram(norms, bins)[0] / len(norms) / np.diff(bins),
        "ends": end_measures(run.x[good], own.mean, float(own.variances[0, 0])),
        "exploded": int(run.exploded.sum()),
        "exploded_at": float(run.stopped_at[run.exploded].max(initial=0.0)),
    }


def _curves(rows: list[dict[str, Any]]) -> Curves:
    stacked = {name: [row[name] for row in rows] for name in rows[0]}
    return Curves(ends=columns(stacked.pop("ends")), **{name: np.array(rows) for name, rows in stacked.items()})


def columns(rows: Sequence[Any]) -> dict[str, np.ndarray]:
    """Rows of one dataclass as arrays by field name."""
    return {name: np.array([getattr(row, name) for row in rows]) for name in asdict(rows[0])}


def norm_cdf(x: np.ndarray, mean: np.ndarray, variance: float) -> np.ndarray:
    """P(|y| <= x) for y ~ N(mean, variance I)."""
    from scipy.stats import ncx2

    return ncx2.cdf(x**2 / variance, len(mean), float(mean @ mean) / variance)
