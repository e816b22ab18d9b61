"""The study of angle-domain guidance: norm growth, anomalous region, colour distortion, and the discrete counterpart.

Three mixtures of classes on a sphere: "space" (many coordinates: norms), "plane" (the region, mapped) and "discrete",
which is guided in both worlds. Derivations and measured numbers: docs/gaussian-angle.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import isfinite, sqrt
from typing import Any

import numpy as np

from ... import _checks
from ..._deprecated import renamed
from ...gaussian.noise import flow_matching
from .discrete import DISCRETE_RULES, DiscreteMeasures, discrete_measures, discretised
from .geometry import Region, anomalous_region, critical_scale
from .measures import LEVELS, RULES, Curves, Ensemble, Setting, columns, ensemble

SCALES = (1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0)
SETTINGS = {"space": Setting(32, 8, 3.0), "plane": Setting(2, 3, 1.5), "discrete": Setting(3, 4, 2.0)}
QUICK = {"samples": 300, "steps": 32}
MAPPED_AT = 0.5  # time of the maps
TOKENS, REACH = 25, 9.0  # grid of the discrete counterpart


@dataclass(frozen=True)
class PlaneMap:
    """The omega from which a point (x, y) is anomalous under linear guidance, at t = 1/2 of the plane's mixture.

    `score` and `x0` are (M, M), first axis y; `gaussian` has the closed-form balls of the first class against
    N(0, total I) by omega.
    """

    axis: np.ndarray
    score: np.ndarray
    x0: np.ndarray
    means: np.ndarray
    total: float
    gaussian: dict[float, Region]


@dataclass(frozen=True)
class AngleStudy:
    """Settings and results.

    Attributes
    ----------
    scales, levels, samples, steps, seed
        Settings.
    ensembles : "space", "plane", "discrete" -> Ensemble
    plane : PlaneMap
    discrete : rule -> measure -> (S,)
        Exact, of the discrete counterpart at w = omega - 1; see :class:`.discrete.DiscreteMeasures`.
    """

    scales: tuple[float, ...]
    levels: tuple[float, ...]
    samples: int
    steps: int
    seed: int
    ensembles: dict[str, Ensemble]
    plane: PlaneMap
    discrete: dict[str, dict[str, np.ndarray]]

    @property
    def largest_angle_growth(self) -> float:
        """The largest norm ratio of angle-domain guidance at any point of any trajectory."""
        return max(float(e.rules["angle"].largest_growth.max()) for e in self.ensembles.values())

    twin = renamed("twin", "discrete")

    @property
    def status(self) -> str:
        """How many trajectories exploded, in a sentence."""
        curves = [c for e in self.ensembles.values() for c in e.rules.values()]
        lost, total = sum(int(c.exploded.sum()) for c in curves), self.samples * len(self.scales) * len(curves)
        if not lost:
            return f"all {total} trajectories reached the data"
        first = max(float(c.exploded_at.max()) for c in curves)
        return f"{lost} of {total} trajectories exploded, the first at t = {first:g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data: dicts, numbers, arrays; of the maps their Gaussian balls only."""
        found = asdict(self)
        found["plane"] = {key: found["plane"][key] for key in ("means", "total", "gaussian")}
        found["twin"] = found.pop("discrete")  # keys that readers of earlier output know
        found["ensembles"]["twin"] = found["ensembles"].pop("discrete")
        return {**found, "largest_angle_growth": self.largest_angle_growth, "status": self.status}

    def text(self) -> str:
        """What the terminal shows."""
        space = self.ensembles["space"]
        s = space.setting
        return "\n".join(
            [
                f"Classes on a sphere: d = {s.dimension}, K = {s.classes}, |mu| = {s.radius:g},"
                f" variance {s.variance:g}; {self.samples} samples, {self.steps} steps; {self.status}.",
                *_rows(self.scales, space.rules),
                "",
                *self._findings(),
                "",
                "The discrete counterpart (exact), beside linear and angle-domain guidance of the same classes:",
                *self._discrete_rows(),
            ]
        )

    def _findings(self) -> list[str]:
        linear, angle = (self.ensembles["space"].rules[rule] for rule in RULES)
        plane = self.ensembles["plane"].rules
        over, under = linear.ends["norm_shift"][-1], angle.ends["norm_shift"][-1]
        most = {rule: plane[rule].anomalous_score.max() for rule in RULES}
        return [
            f"At omega = {self.scales[-1]:g} linear guidance makes samples {over:+.0%} longer than their class,"
            f" angle-domain guidance {under:+.0%}.",
            f"Largest growth of one angle-domain prediction: {self.largest_angle_growth:.6f};"
            f" the bound is sqrt 2 = {sqrt(2):.6f}.",
            f"Score against its conditional, in the plane: at most {most['linear']:.1%} of linear and"
            f" {most['angle']:.1%} of angle-domain points; x0 against its conditional, angle-domain:"
            f" {plane['angle'].anomalous_x0.max():.1%}.",
        ]

    def _discrete_rows(self) -> list[str]:
        ode = {f"{rule} (ODE)": self.ensembles["discrete"].rules[rule].ends for rule in RULES}
        rows = {**ode, **{f"{rule} (masked)": table for rule, table in self.discrete.items()}}
        head = f"  {'norm shift at omega =':22s}" + "".join(f"{scale:9g}" for scale in self.scales)
        return [
            head,
            *(f"  {name:22s}" + "".join(f"{v:+9.3f}" for v in table["norm_shift"]) for name, table in rows.items()),
        ]


def _rows(scales: Sequence[float], rules: dict[str, Curves]) -> list[str]:
    head = "  omega  rule     x0 growth: median    95 %     max   norm shift   W1/norm   atypical   variance"
    return [head] + [
        f"  {scale:5g}  {name:6s} {c.growth[i, 2]:18.3f} {c.growth[i, 4]:7.3f} {c.largest_growth[i]:7.3f}"
        f" {c.ends['norm_shift'][i]:+12.3f} {c.ends['norm_distance'][i]:9.3f}"
        f" {c.ends['atypical'][i]:10.3f} {c.ends['spread'][i]:10.3f}"
        for i, scale in enumerate(scales)
        for name, c in rules.items()
    ]


def num_units(scales: Sequence[float] = SCALES) -> int:
    """How often `advance` is called: once an ensemble of trajectories or exact law."""
    return len(scales) * (len(SETTINGS) * len(RULES) + len(DISCRETE_RULES))


def study(
    *,
    scales: Sequence[float] = SCALES,
    samples: int = 1000,
    steps: int = 64,
    settings: dict[str, Setting] | None = None,
    tokens: int = TOKENS,
    reach: float = REACH,
    seed: int = 0,
    quick: bool = False,
    advance: Callable[[], object] | None = None,
) -> AngleStudy:
    """Linear against angle-domain guidance over omega, in continuous space and in the discrete counterpart.

    Source: docs/gaussian-angle.md.

    Parameters
    ----------
    scales : sequence of float
        Increasing omega = 1 + w >= 1.
    samples : int
        Trajectories of an ensemble.
    steps : int
        Their Heun steps (flow matching).
    settings : dict of str to Setting, optional
        Mixtures in place of "space", "plane" (d = 2) or "discrete" (d <= 3).
    tokens : int
        Nodes of a coordinate of the discrete counterpart.
    reach : float
        They lie on [-reach, reach].
    seed : int
        0 <= seed < 2^64.
    quick : bool
        300 samples, 32 steps.
    advance : callable, optional
        Called after each unit of work, :func:`num_units` in all.

    Returns
    -------
    AngleStudy
        Ensembles, closed forms and the discrete counterpart, as text, plain data and figures.

    Raises
    ------
    InputError
        omega below 1 or not increasing, sizes out of range, an ensemble of which no trajectory is left.
    """
    chosen = tuple(_scale(s) for s in scales)
    if not chosen or any(b <= a for a, b in pairwise(chosen)):
        _checks.fail(f"scales {_checks.short(list(scales))}", "increasing omega >= 1", "such as 1, 2, 5, 15")
    count, grid = _checks.integer(samples, "samples", 2), _checks.integer(steps, "steps", 1)
    if quick:
        count, grid = min(count, QUICK["samples"]), min(grid, QUICK["steps"])
    used, tick = _settings(settings or {}, seed), advance or (lambda: None)
    problem = discretised(used["discrete"].mixture(seed), tokens, reach)
    ensembles = {name: ensemble(setting, chosen, count, grid, seed, tick) for name, setting in used.items()}
    discrete = {
        rule: columns([_discrete(problem, reach, rule, s - 1, tick) for s in chosen]) for rule in DISCRETE_RULES
    }
    return AngleStudy(chosen, LEVELS, count, grid, seed, ensembles, _plane_map(used["plane"], chosen, seed), discrete)


def _settings(given: dict[str, Setting], seed: int) -> dict[str, Setting]:
    used = {**SETTINGS, **{_checks.choice(name, SETTINGS, "setting"): setting for name, setting in given.items()}}
    if used["plane"].dimension != 2 or used["discrete"].dimension > 3:
        _checks.fail("a setting has the wrong dimension", "plane: d = 2, discrete: d <= 3", "see SETTINGS")
    for setting in used.values():
        setting.mixture(seed)  # checks its numbers
    return used


def _scale(omega: float) -> float:
    if not (isfinite(_checks.real(omega, "omega")) and omega >= 1):
        _checks.fail(f"omega = {omega}", "omega >= 1, finite", "1 is the conditional itself")
    return float(omega)


def _discrete(problem: Any, reach: float, rule: str, weight: float, tick: Callable) -> DiscreteMeasures:
    found = discrete_measures(problem, reach, rule, weight)
    tick()
    return found


def _plane_map(setting: Setting, scales: tuple[float, ...], seed: int) -> PlaneMap:
    level, mixture = flow_matching().at(MAPPED_AT), setting.mixture(seed)
    own, axis = mixture.given(0), np.linspace(-1.5, 1.5, 161) * setting.radius
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    c, u = (m.predict(points, level.scale, level.sigma) for m in (own, mixture))
    score, x0 = (critical_scale(a, b).reshape(2 * [len(axis)]) for a, b in ((c.score, u.score), (c.x0, u.x0)))
    total = setting.variance + setting.radius**2 / 2
    balls = {s: anomalous_region(own.mean, setting.variance, total, s, level) for s in scales if s > 1}
    return PlaneMap(axis, score, x0, level.scale * mixture.means, total, balls)
