r"""The losses of learned weights: noise, take one guided step, compare with less noise.

A training step draws, for groups of m particles of a class c, a step t -> s, t = s + Delta, Delta >= delta:

    x_t = a_t x_0 + sigma_t eps,   x0 = x0_c + omega(c, s, t) (x0_c - x0_u),   x~ = DDIM step of x_t to s with x0,
    x_s = a_s x_0 + sigma_s eps'

    energy   mean over j, k of |x~^j - x_s^k|^b - (lambda/2) mean over j != k of |x~^j - x~^k|^b
    square   mean of |x~ - x_s|^2 with the noise of x_t kept in x_s (eps' = eps; eta > 0: and the step's own z)

plus gamma E[-R(x0, c)] for a reward R of the guided prediction. With lambda = 1 the energy loss is an energy distance
less a constant. The square loss compares particle by particle: with a noise of its own in x_s it would not have its
minimum at omega = 0 for exact scores (docs/gaussian-learned.md).

Source: Galashov et al. (arXiv:2510.00815).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from ...gaussian.noise import process
from .models import Models
from .settings import Learning

TINY = 1e-300  # squared distance from which on its power has a gradient

Reward = Callable[[Any, Any], Any]  # guided x0 (n, d), classes (n,) -> rewards (n,), all torch


class Batch(NamedTuple):
    """A training step's numbers; n groups of m particles in d dimensions.

    The step is affine in the guided x0: x~ = gain x0 + rest, x0 = conditional + omega difference.
    """

    label: Any  # (n,)
    s: Any  # (n,)
    t: Any  # (n,)
    conditional: Any  # (n, m, d)
    difference: Any  # (n, m, d)
    gain: Any  # (n, 1, 1)
    rest: Any  # (n, m, d)
    target: Any  # (n, m, d)


def batch(models: Models, data: np.ndarray, settings: Learning, step: int) -> Batch:
    """The numbers of training step number `step`: the same for the same data (K, N, d) and (seed, step)."""
    draw = np.random.Generator(np.random.Philox(key=[settings.seed, step]))
    label = np.repeat(np.arange(len(data)), settings.groups)
    one, two = draw.random((2, len(label)))
    s = (1 - settings.least_step) * one
    t = 1 - (1 - s - settings.least_step) * two
    x0 = _points(data, settings, draw)
    eps, own, z = draw.standard_normal((3, *x0.shape))
    (a_t, v_t), (a_s, v_s) = (_levels(settings.process, times) for times in (t, s))
    tau2 = settings.eta**2 * v_s / v_t * np.maximum(v_t - (a_t / a_s) ** 2 * v_s, 0)
    root, tau = np.sqrt(np.maximum(v_s - tau2, 0)), np.sqrt(tau2)
    x_t = a_t * x0 + np.sqrt(v_t) * eps
    noise = root * eps + tau * z if settings.loss == "square" else np.sqrt(v_s) * own
    c, u = models.denoise(x_t, label, a_t[:, 0, 0], np.sqrt(v_t[:, 0, 0]))
    gain, rest = a_s - root * a_t / np.sqrt(v_t), root / np.sqrt(v_t) * x_t + tau * z
    return Batch(*map(torch.from_numpy, (label, s, t, c, c - u, gain, rest, a_s * x0 + noise)))


def loss_of(omega: Any, found: Batch, settings: Learning, reward: Reward | None = None) -> Any:
    """The loss of weights omega (n,) on a batch, a torch number."""
    x0 = found.conditional + omega[:, None, None] * found.difference
    moved = found.gain * x0 + found.rest
    if settings.loss == "square":
        loss = ((moved - found.target) ** 2).sum(-1).mean()
    else:
        loss = energy_loss(moved, found.target, settings.power, settings.repulsion)
    if reward is None:
        return loss
    rewards = reward(x0.reshape(-1, x0.shape[-1]), found.label.repeat_interleave(x0.shape[1]))
    return loss - settings.reward_scale * rewards.mean()


def energy_loss(moved: Any, target: Any, power: float = 1.0, repulsion: float = 1.0) -> Any:
    """Mean over groups (n, m, d) of |x~^j - x^k|^power, less repulsion/2 times that of |x~^j - x~^k|^power, j != k."""
    j, k = np.triu_indices(moved.shape[1], 1)
    across = _power(moved[:, :, None] - target[:, None], power).mean()
    return across - repulsion / 2 * _power(moved[:, j] - moved[:, k], power).mean()


def _power(difference: Any, power: float) -> Any:
    return (difference * difference).sum(-1).clamp_min(TINY) ** (power / 2)


def training_data(models: Models, settings: Learning) -> np.ndarray:
    """Points of each class, (K, N, d)."""
    return np.stack([law.sample(settings.points, 2**32 * k + settings.seed) for k, law in enumerate(models.truth)])


def _points(data: np.ndarray, settings: Learning, draw: np.random.Generator) -> np.ndarray:
    """x_0 (n, m, d): one for a group's particles or one for each."""
    classes, count, d = data.shape
    each = 1 if settings.share == "point" else settings.particles
    which = draw.integers(count, size=(classes, settings.groups * each))
    x0 = np.take_along_axis(data, which[:, :, None], 1).reshape(-1, each, d)
    return np.broadcast_to(x0, (len(x0), settings.particles, d))


def _levels(name: str, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a and sigma^2 at each time, (n, 1, 1)."""
    noise = process(name)
    levels = np.array([noise.at(float(t))[:2] for t in times])[:, :, None, None]
    return levels[:, 0], levels[:, 1]
