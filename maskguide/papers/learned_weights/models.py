r"""Predictions to be guided: exact ones, deliberately wrong ones, and a network trained too briefly.

exact         x0_c, x0_u of the mixture itself
leaking       class c predicts for (1 - e_c) p_c + e_c p: part of the label is lost
shrunk        all means are drawn to the total's mean by one factor, for c and u alike
undertrained  a small network, a few steps of training (learned_denoiser)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.mixture import Mixture


@dataclass(frozen=True)
class Models:
    """The law of each class, and the predictions used in their place.

    Attributes
    ----------
    name : str
    truth : (K,) Mixtures
    conditional : (K,) Mixtures or objects with `predict` and `denoise` as a Mixture has them
    unconditional : the same
    """

    name: str
    truth: tuple[Mixture, ...]
    conditional: tuple[Any, ...]
    unconditional: Any

    def denoise(self, x: np.ndarray, label: np.ndarray, scale: Any, sigma: Any) -> tuple[np.ndarray, np.ndarray]:
        """(x0_c, x0_u) at points x (n, m, d), with the class (n,), scale (n,) and sigma (n,) of each group."""
        n, m, d = x.shape
        a, sd = (np.repeat(v, m) for v in (scale, sigma))
        flat = np.ascontiguousarray(x.reshape(-1, d))
        c = np.empty_like(flat)
        for k, model in enumerate(self.conditional):
            mine = np.repeat(label == k, m)
            if mine.any():
                c[mine] = model.denoise(flat[mine], a[mine], sd[mine])
        return c.reshape(n, m, d), self.unconditional.denoise(flat, a, sd).reshape(n, m, d)


def exact(mixture: Mixture) -> Models:
    """The mixture's own predictions."""
    classes = _classes(mixture)
    return Models("exact", classes, classes, mixture)


def leaking(mixture: Mixture, shares: float | Sequence[float]) -> Models:
    """Class c is predicted as (1 - e_c) p_c + e_c p, 0 <= e_c <= 1: one share e, or one for each class."""
    classes = _classes(mixture)
    each = [shares] * len(classes) if isinstance(shares, (int, float)) else list(shares)
    if len(each) != len(classes) or not all(0 <= _checks.real(e, "share") <= 1 for e in each):
        _checks.fail(f"shares {_checks.short(shares)}", f"0 <= e <= 1, one or {len(classes)}", "0 is exact")
    mixed = [_mixed(mixture, label, float(e)) for label, e in zip(mixture.classes, each, strict=True)]
    return Models("leaking", classes, tuple(mixed), mixture)


def shrunk(mixture: Mixture, factor: float) -> Models:
    """Every mean m + f (mu - m), m the total's mean, f > 0: predictions of classes that lie too close together."""
    if not 0 < _checks.real(factor, "factor") < np.inf:
        _checks.fail(f"factor = {factor}", "factor > 0, finite", "1 is exact")
    means = mixture.mean + factor * (mixture.means - mixture.mean)
    whole = Mixture(means, _covariances(mixture), mixture.weights, mixture.labels)
    return Models("shrunk", _classes(mixture), _classes(whole), whole)


def _classes(mixture: Mixture) -> tuple[Mixture, ...]:
    return tuple(mixture.given(label) for label in mixture.classes)


def _mixed(mixture: Mixture, label: Any, share: float) -> Mixture:
    mine = mixture.weights * np.array([other == label for other in mixture.labels])
    weights = (1 - share) * mine / mine.sum() + share * mixture.weights
    return Mixture(mixture.means, _covariances(mixture), weights)


def _covariances(mixture: Mixture) -> np.ndarray:
    """In the form they were given in: isotropic, diagonal or full."""
    if mixture.axes is not None:
        return mixture.covariances()
    return mixture.variances[:, 0] if mixture.variances.shape[1] == 1 else mixture.variances
