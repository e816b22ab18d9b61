r"""Noise processes x_t = a(t) x_0 + sigma(t) eps, and one conversion between score, noise, data and velocity.

t = 0 is data, t = 1 noise. With (.)' = d/dt and y = -score:

    drift  f = a'/a        diffusion  g^2 = (sigma^2)' - 2 f sigma^2
    x0 = (x - sigma^2 y) / a      eps = sigma y      velocity = a' x0 + (sigma^2)' y / 2

The velocity is the probability-flow ODE's right side f x - g^2 score / 2, in a form that has no division: it
holds where a = 0 (pure noise) and where sigma = 0 (data). Sources: Song et al. 2021; Lipman et al. 2023.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, exp, expm1, isfinite, pi, sin, sqrt
from typing import Any, NamedTuple

from .. import _checks


class Level(NamedTuple):
    """Noise at one time: a, sigma^2, and their rates of change with t."""

    scale: float
    variance: float
    scale_rate: float
    variance_rate: float

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise."""
        return sqrt(self.variance)

    @property
    def drift(self) -> float:
        """f = a' / a, infinite where a = 0."""
        return self.scale_rate / self.scale

    @property
    def diffusion(self) -> float:
        """g^2 = (sigma^2)' - 2 f sigma^2."""
        return self.variance_rate - 2 * self.drift * self.variance


@dataclass(frozen=True)
class NoiseProcess:
    """A named noise process, x_t = a(t) x_0 + sigma(t) eps, from data at t = 0 to noise at t = 1.

    Attributes
    ----------
    name : str
        What it is called in results.
    level : callable
        t -> :class:`Level`, a and sigma^2 with their slopes, for 0 <= t <= 1.
    """

    name: str
    level: Callable[[float], Level]

    def at(self, t: float) -> Level:
        """Noise level at a time.

        Parameters
        ----------
        t : float
            In [0, 1].

        Returns
        -------
        Level
            a, sigma^2, and their rates of change.

        Raises
        ------
        InputError
            A time outside [0, 1].
        """
        if not 0 <= t <= 1:
            _checks.fail(f"time t = {t}", "0 <= t <= 1: 0 is data, 1 noise", "rescale the time")
        return self.level(t)


def flow_matching() -> NoiseProcess:
    """Flow-matching noise process, x_t = (1 - t) x_0 + t eps."""
    return NoiseProcess("flow matching", lambda t: Level(1 - t, t * t, -1.0, 2 * t))


def variance_preserving(least: float = 0.1, most: float = 20.0) -> NoiseProcess:
    """Variance-preserving noise process with beta(t) = least + (most - least) t.

    a^2 = exp(-int beta) and sigma^2 = 1 - a^2.

    Parameters
    ----------
    least, most : float
        beta at t = 0 and t = 1, 0 <= least <= most, most > 0 and finite.

    Returns
    -------
    NoiseProcess
        a(1) is small and not zero.

    Raises
    ------
    InputError
        A number out of range.
    """
    if not 0 <= least <= most or not isfinite(most) or most == 0:
        _checks.fail(f"beta from {least} to {most}", "0 <= least <= most, most > 0, finite", "the usual is 0.1 to 20")

    def level(t: float) -> Level:
        beta, total = least + (most - least) * t, least * t + (most - least) * t * t / 2
        a = exp(-total / 2)
        return Level(a, -expm1(-total), -beta * a / 2, beta * exp(-total))

    return NoiseProcess("vp", level)


def variance_preserving_cosine() -> NoiseProcess:
    """Variance-preserving noise process with a = cos(pi t / 2), sigma = sin(pi t / 2): a is exactly 0 at t = 1."""

    def level(t: float) -> Level:
        a, sigma = (cos(pi * t / 2), sin(pi * t / 2)) if t < 1 else (0.0, 1.0)
        return Level(a, sigma * sigma, -pi / 2 * sigma, pi * sigma * a)

    return NoiseProcess("vp cosine", level)


def variance_exploding(most: float, power: float = 1.0) -> NoiseProcess:
    """Variance-exploding noise process with a = 1 and sigma^2 = most t^power.

    Parameters
    ----------
    most : float
        Variance of the noise at t = 1, positive and finite.
    power : float
        At least 1; 1 is Brownian motion, 2 has sigma in proportion to t.

    Returns
    -------
    NoiseProcess
        Its start is the data law convolved with a Gaussian, no pure noise.

    Raises
    ------
    InputError
        A number out of range.
    """
    if not (isfinite(most) and most > 0 and isfinite(power) and power >= 1):
        _checks.fail(f"most = {most}, power = {power}", "most > 0, power >= 1, finite", "most is the variance at t = 1")
    return NoiseProcess("ve", lambda t: Level(1.0, most * t**power, 0.0, most * power * t ** (power - 1)))


KINDS = ("score", "eps", "x0", "velocity")


def convert(prediction: Any, x: Any, level: Level, source: str, target: str) -> Any:
    """One kind of prediction at noised points as another.

    Everything passes through y = -score.

    Parameters
    ----------
    prediction : array or tensor, shape (n, d)
        What a model predicts.
    x : array or tensor, shape (n, d)
        The points it was predicted at.
    level : Level
        Their noise, `process.at(t)`.
    source, target : str
        "score", "eps", "x0" or "velocity".

    Returns
    -------
    array or tensor, shape (n, d)
        The same prediction in the target's terms.

    Raises
    ------
    InputError
        An unknown kind, or a source that does not determine y: "score" always does, "eps" and "x0" need sigma > 0,
        "velocity" a slope in y; and a target x0 needs a > 0.
    """
    _checks.choice(source, KINDS, "prediction")
    _checks.choice(target, KINDS, "prediction")
    if source == target:
        return prediction
    y = _from(prediction, x, level, source)
    if target == "score":
        return -y
    if target == "eps":
        return level.sigma * y
    if target == "x0":
        return _divided(x - level.variance * y, level.scale, "x0 from a score", "a(t) > 0")
    f = _divided(level.scale_rate, level.scale, "a velocity from a score", "a(t) > 0")
    return f * x + (level.variance_rate / 2 - f * level.variance) * y


def _from(prediction: Any, x: Any, level: Level, source: str) -> Any:
    """y = -score from a prediction."""
    if source == "score":
        return -prediction
    if source == "eps":
        return _divided(prediction, level.sigma, "a score from eps", "sigma(t) > 0")
    if source == "x0":
        return _divided(x - level.scale * prediction, level.variance, "a score from x0", "sigma(t) > 0")
    f = _divided(level.scale_rate, level.scale, "a score from a velocity", "a(t) > 0")
    slope = level.variance_rate / 2 - f * level.variance
    return _divided(prediction - f * x, slope, "a score from a velocity", "g(t) > 0")


def _divided(value: Any, by: float, what: str, rule: str) -> Any:
    if by == 0:
        _checks.fail(f"{what} divides by zero", rule, "use Mixture.predict, which gives both at every level")
    return value / by


PROCESSES = {
    "flow": flow_matching,
    "vp": variance_preserving,
    "cosine": variance_preserving_cosine,
    "ve": lambda: variance_exploding(100.0),
}


def process(name_or_process: str | NoiseProcess) -> NoiseProcess:
    """A process by name ("flow", "vp", "cosine", "ve" of variance 100), or itself."""
    if isinstance(name_or_process, NoiseProcess):
        return name_or_process
    return PROCESSES[_checks.choice(name_or_process, PROCESSES, "noise process")]()
