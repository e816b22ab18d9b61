r"""The guided field and one step of each method, probability-flow ODE and reverse SDE.

With the guided y = -score and x0 of the field at (x, t), velocity v = a' x0 + (sigma^2)' y / 2, step t -> s < t:

    euler           x + (s - t) v                                                               order 1
    heun            trapezium rule with an Euler predictor                                      order 2
    ddim(eta)       a_s x0 + sqrt(sigma_s^2 - tau^2) sigma_t y + tau z,
                    tau^2 = eta^2 (sigma_s / sigma_t)^2 (sigma_t^2 - (a_t / a_s)^2 sigma_s^2)   order 1 (eta = 0)
    dpm2            DPM-Solver++(2S): x0 taken halfway in log(a / sigma), DDIM steps            order 2
    euler-maruyama  x + (s - t)(v + g^2 y / 2) + g sqrt(t - s) z                                the reverse SDE

Sources: Song et al. 2021; Karras et al. 2022; Lu et al. 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, log, sqrt
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import namespace
from .mixture import Mixture, Prediction
from .noise import Level, NoiseProcess
from .rules import GaussianRule
from .schedules import Weight, weight_at


@dataclass(frozen=True)
class Field:
    """A guided vector field: two mixtures, a noise process, a rule and a weight over the noise level."""

    conditional: Mixture
    unconditional: Mixture
    process: NoiseProcess
    rule: GaussianRule
    weight: Weight

    def predict(self, x: Any, t: float, before: float | None = None) -> tuple[Any, Any]:
        """Guided (x0, y = -score) at points (n, d) and time t; `before` is the start of a step that ends at t."""
        level, w = self.process.at(t), weight_at(self.weight, t, before)
        c = self.conditional.predict(x, level.scale, level.sigma)
        u = self.unconditional.predict(x, level.scale, level.sigma)
        A, B = (_placed(v, x) for v in self.rule.coefficients(*self._read(c, u, level), w, t))
        x0, y = A * c.x0 + B * u.x0, -(A * c.score + B * u.score)
        if self.rule.space == "eps":
            self._needs(level.scale, "a(t) > 0", "start below the time of pure noise")
            return (x - level.variance * y) / level.scale, y
        if self.rule.space == "x0":
            self._needs(level.variance, "sigma(t) > 0", "heun ends on an Euler step where sigma = 0")
            return x0, (x - level.scale * x0) / level.variance
        return x0, y

    def _read(self, c: Prediction, u: Prediction, level: Level) -> tuple[Any, Any]:
        """The pair that the rule's coefficients are computed from."""
        if self.rule.reads == "x0":
            return c.x0, u.x0
        if self.rule.reads == "eps":
            return -level.sigma * c.score, -level.sigma * u.score
        return c.score, u.score

    def _needs(self, value: float, condition: str, hint: str) -> None:
        if value == 0:
            _checks.fail(f"rule {self.rule.name!r} at an end of the noise process", condition, hint)

    def velocity(self, x: Any, t: float, before: float | None = None) -> Any:
        """dx/dt of the probability-flow ODE."""
        x0, y = self.predict(x, t, before)
        level = self.process.at(t)
        return level.scale_rate * x0 + level.variance_rate / 2 * y


def _placed(coefficient: Any, like: Any) -> Any:
    """Numbers for each coordinate, where a rule has them, on the device of the points."""
    xp = namespace(like)
    if xp is np or not isinstance(coefficient, np.ndarray):
        return coefficient
    return xp.as_tensor(coefficient).to(like.device, non_blocking=True)


def euler(field: Field, x: Any, t: float, s: float, z: Any) -> Any:
    """x + (s - t) v."""
    return x + (s - t) * field.velocity(x, t)


def heun(field: Field, x: Any, t: float, s: float, z: Any) -> Any:
    """Trapezium rule; an Euler step where the rule has no score at the end (x0-space rules, sigma_s = 0)."""
    start = field.velocity(x, t)
    guess = x + (s - t) * start
    if field.rule.space == "x0" and field.process.at(s).variance == 0:
        return guess
    return x + (s - t) / 2 * (start + field.velocity(guess, s, before=t))


def ddim(eta: float, field: Field, x: Any, t: float, s: float, z: Any) -> Any:
    """The step of DDIM with stochasticity eta."""
    x0, y = field.predict(x, t)
    now, then = field.process.at(t), field.process.at(s)
    kept = now.variance - (now.scale / then.scale) ** 2 * then.variance
    tau2 = eta**2 * then.variance / now.variance * max(kept, 0.0)
    moved = then.scale * x0 + sqrt(max(then.variance - tau2, 0.0)) * now.sigma * y
    return moved if tau2 == 0 else moved + sqrt(tau2) * z


def dpm2(field: Field, x: Any, t: float, s: float, z: Any) -> Any:
    """DPM-Solver++(2S) through the middle of log(a / sigma); a DDIM step where that is infinite at an end."""
    now, then = field.process.at(t), field.process.at(s)
    x0, y = field.predict(x, t)
    if now.scale == 0 or then.variance == 0:
        return then.scale * x0 + then.sigma * now.sigma * y
    half = (_log_snr(now) + _log_snr(then)) / 2
    middle = _time_of(field.process, half, t, s)
    between = _exponential(x, x0, now, field.process.at(middle))
    return _exponential(x, field.predict(between, middle)[0], now, then)


def _exponential(x: Any, x0: Any, now: Level, then: Level) -> Any:
    """The exact step for an x0 that stays as it is."""
    return then.sigma / now.sigma * x - then.scale * expm1(_log_snr(now) - _log_snr(then)) * x0


def _log_snr(level: Level) -> float:
    return log(level.scale) - log(level.variance) / 2


def _time_of(noise: NoiseProcess, log_snr: float, t: float, s: float) -> float:
    """The time between s and t where log(a / sigma) is given."""
    from scipy.optimize import brentq

    return float(brentq(lambda r: _log_snr(noise.at(r)) - log_snr, s, t, xtol=1e-15))  # type: ignore[arg-type]


def euler_maruyama(field: Field, x: Any, t: float, s: float, z: Any) -> Any:
    """A step of the reverse SDE dx = (v + g^2 y / 2) dt + g dW."""
    level = field.process.at(t)
    if level.scale == 0:
        _checks.fail(f"the reverse SDE at t = {t:g}", "a(t) > 0: g is infinite at pure noise", "start at a smaller t")
    x0, y = field.predict(x, t)
    v = level.scale_rate * x0 + level.variance_rate / 2 * y
    return x + (s - t) * (v + level.diffusion / 2 * y) + sqrt(level.diffusion * (t - s)) * z
