"""Results of the study of learned weights: scores, gains, plain data, and what the terminal shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .settings import Learning

SIGMAS = 4.9  # standard errors from which a gain is called one: level 1e-6


@dataclass(frozen=True)
class Score:
    """Energy distance D^2 to the class laws, mean over classes, and its standard error; (K,) by class."""

    value: float
    error: float
    by_class: np.ndarray


@dataclass(frozen=True)
class Gain:
    """D^2 of a constant weight less that of the learned one on the same starts, and its paired standard error."""

    value: float
    error: float

    @property
    def verdict(self) -> str:
        """Learned weights are "better", "worse" or "no different", at level 1e-6."""
        if abs(self.value) <= SIGMAS * self.error:
            return "no different"
        return "better" if self.value > 0 else "worse"


@dataclass(frozen=True)
class Learned:
    """A trained network and how well its weights guide.

    Attributes
    ----------
    loss, share, seed : as in Learning
    losses, unguided : (steps,)
        Training losses, and those of omega = 0 on the same numbers.
    omega : (K, sampler steps), from noise to data
    score : Score
        Of its samples.
    over_constant, over_each : against the best constant for all classes, and the best for each class
    """

    loss: str
    share: str
    seed: int
    losses: np.ndarray
    unguided: np.ndarray
    omega: np.ndarray
    score: Score
    over_constant: Gain
    over_each: Gain


@dataclass(frozen=True)
class ModelResult:
    """What was found for one set of predictions: exact, deliberately wrong, or of a network trained too briefly.

    Attributes
    ----------
    name : str
    scan : (W, K)
        D^2 by constant weight and class.
    constant, each : float, (K,)
        The best weights of the scan.
    unguided, at_constant, at_each : Score
        On new samples.
    learned : networks trained
    surface : (K, M, M)
        omega(c, s, t) of the first network at s, t = 0, 1/(M - 1), ..., 1; NaN where t - s < delta.
    """

    name: str
    scan: np.ndarray
    constant: float
    each: np.ndarray
    unguided: Score
    at_constant: Score
    at_each: Score
    learned: tuple[Learned, ...]
    surface: np.ndarray


@dataclass(frozen=True)
class LearnedStudy:
    """Settings and cases."""

    samples: int
    sampler_steps: int
    weights: np.ndarray
    learning: Learning
    seed: int
    cases: tuple[ModelResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the surface's undefined part is None."""
        cases = [asdict(case) | {"surface": _without_nan(case.surface)} for case in self.cases]
        for case, plain in zip(self.cases, cases, strict=True):
            for one, row in zip(case.learned, plain["learned"], strict=True):
                for name in ("over_constant", "over_each"):
                    row[name]["verdict"] = getattr(one, name).verdict
        about = {"samples": self.samples, "sampler_steps": self.sampler_steps, "weights": self.weights}
        return about | {"learning": asdict(self.learning), "seed": self.seed, "cases": cases}

    def text(self) -> str:
        """A table of D^2, and what was found."""
        head = f"{'D^2 of':<21}{'unguided':>9}{'best constant':>17}{'by class':>9}{'learned':>9}"
        head += f"{'gain over constant':>19}  {'':<13}{'loss/share/seed':<16}omega"
        return "\n".join([head, *(line for case in self.cases for line in _lines(case)), "", self.sentence])

    @property
    def sentence(self) -> str:
        """What was found, in words, of the first network of each case."""
        most = max(one.omega.max() for one in self.cases[0].learned)
        against = {"the best constant": "over_constant", "the best constant of each class": "over_each"}
        parts = [f"Against {what}: {self._verdicts(name)}." for what, name in against.items()]
        return "\n".join([f"Exact scores: learned omega <= {most:.3f}.", *parts])

    def _verdicts(self, name: str) -> str:
        found: dict[str, list[str]] = {}
        for case in self.cases[1:]:
            found.setdefault(getattr(case.learned[0], name).verdict, []).append(case.name)
        return "; ".join(f"{verdict} for {', '.join(names)}" for verdict, names in found.items())


def _without_nan(values: np.ndarray) -> list[Any]:
    return [[[None if np.isnan(v) else float(v) for v in row] for row in block] for block in values]


def _lines(case: ModelResult) -> list[str]:
    """A line for each network of a case."""
    fixed = f"{case.at_constant.value:.4f} (w={case.constant:g})"
    start = f"{case.name:<21}{case.unguided.value:>9.4f}{fixed:>17}{case.at_each.value:>9.4f}"
    rows = []
    for one in case.learned:
        kind = f"{one.loss}/{one.share}/{one.seed}"
        span = f"{one.omega.min():.3g} to {one.omega.max():.3g}"
        gains = f"{one.over_constant.value:>+10.4f} ± {one.over_constant.error:.4f}"
        rows.append(f"{one.score.value:>9.4f}{gains}  {one.over_constant.verdict:<13}{kind:<16}{span}")
    return [start + rows[0], *(" " * len(start) + row for row in rows[1:])]
