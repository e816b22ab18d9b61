"""Three components in a row: guidance to the middle one, by steps that are too long, throws samples out of their class.

The exact flow draws everything towards the middle, at any weight; finite steps overshoot it, and beyond some weight
what is left in the middle falls from all to nothing. Bounds, slopes and that share, without draws: our reading of the
example of Wu et al. 2024 (arXiv:2403.01639). Derivation and numbers: docs/gaussian-confidence.md.
"""

from __future__ import annotations

import numpy as np

from ... import _checks
from ...gaussian.mixture import Mixture
from ...gaussian.noise import variance_exploding
from ...gaussian.samplers import sample


def middle_share(weight: float, steps: int, *, distance: float = 3.0, within: float = 1.0, horizon: float = 100.0,
                 nodes: int = 4001) -> float:  # fmt: skip
    """Share of samples that end nearest to the middle one of three classes, when guided to it by finite steps.

    DDIM (eta = 0) for N(0, within) between N(-distance, within) and N(distance, within), all of one weight, so that
    the exact classifier calls these samples the middle class; noise deviations fall from sqrt(horizon) to 0 in equal
    steps. No draws: the starts are `nodes` quantiles of the noise. Without steps the share cannot fall: the guided
    drift points to 0 from either side at every noise level.
    """
    mixture = Mixture([[-distance], [0.0], [distance]], within, labels=["left", "middle", "right"])
    starts = np.sqrt(horizon) * _quantiles(_checks.integer(nodes, "nodes", 1))
    run = sample(mixture.given("middle"), mixture, weight, method="ddim", process=variance_exploding(horizon, 2.0),
                 times=steps, initial=starts[:, None])  # fmt: skip
    return float((np.abs(run.x[:, 0]) < distance / 2).mean())


def middle_slopes(
    weight: float, steps: int, *, distance: float = 3.0, within: float = 1.0, horizon: float = 100.0
) -> np.ndarray:
    """The slope at 0, its fixed point, of each step of :func:`middle_share`, (K,).

    The step from sigma to sigma' has the slope 1 - (sigma - sigma') sigma (1 + w kappa / V) / V, V = within + sigma^2,
    kappa = E[mu^2 | x = 0] = 2 distance^2 r / (1 + 2 r), r = exp(-distance^2 / 2V).
    """
    pull, noised = _pull(steps, within, horizon)
    r = np.exp(-(distance**2) / (2 * noised))
    return 1 - pull * (1 + _checks.weight(weight) * 2 * distance**2 * r / (1 + 2 * r) / noised)


def safe_weight(steps: int, *, distance: float = 3.0, within: float = 1.0, horizon: float = 100.0) -> float:
    """Up to this weight no step carries any point further from 0, and the middle cannot split.

    min over the steps of V (2 / pull - 1) / distance^2, pull = (sigma - sigma') sigma / V: then no step has a slope
    below -1 anywhere, as Var(mu | x) <= distance^2.
    """
    pull, noised = _pull(steps, within, horizon)
    return float((noised * (2 / pull - 1)).min() / distance**2)


def _pull(steps: int, within: float, horizon: float) -> tuple[np.ndarray, np.ndarray]:
    """(sigma - sigma') sigma / V of each step, and V."""
    sigma = np.linspace(np.sqrt(horizon), 0, _checks.integer(steps, "steps", 1) + 1)
    noised = within + sigma[:-1] ** 2
    return -np.diff(sigma) * sigma[:-1] / noised, noised


def _quantiles(count: int) -> np.ndarray:
    """Standard normal quantiles of the middles of `count` equal shares."""
    from scipy.special import ndtri

    return ndtri((np.arange(count) + 0.5) / count)
