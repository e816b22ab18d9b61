r"""Learning guidance weights by self-consistency: noise, take one guided step, compare with less noise.

A training step draws, for groups of m particles of a class c, a step t -> s, t = s + Delta, Delta >= delta:

    x_t = a_t x_0 + sigma_t eps,   x0 = x0_c + omega(c, s, t) (x0_c - x0_u),   x~ = DDIM step of x_t to s with x0,
    x_s = a_s x_0 + sigma_s eps'

    energy   mean over j, k of |x~^j - x_s^k|^b - (lambda/2) mean over j != k of |x~^j - x~^k|^b
    square   mean of |x~ - x_s|^2 with the noise of x_t kept in x_s (eps' = eps; eta > 0: and the step's own z)

plus gamma E[-R(x0, c)] for a reward R of the guided prediction. With lambda = 1 the energy loss is an energy distance
less a constant. The square loss compares particle by particle: with a noise of its own in x_s it would not have its
minimum at omega = 0 for exact scores (docs/gaussian-learned.md).

Random numbers are addressed by (seed, training step): the step is their whole state, and a resumed run goes on as if it
had not stopped. Source: Galashov et al. (arXiv:2510.00815); theory page, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from .. import _checks
from . import learned_checkpoint
from .learned_models import Models
from .noise import PROCESSES, process
from .weight_network import WeightNetwork

LOSSES = ("energy", "square")
SHARED = ("point", "class")
KEEP = 10  # steps between the states that an interrupted run is taken up from
TINY = 1e-300  # squared distance from which on its power has a gradient

Reward = Callable[[Any, Any], Any]  # guided x0 (n, d), classes (n,) -> rewards (n,), all torch


@dataclass(frozen=True)
class Learning:
    """How weights are learned.

    Attributes
    ----------
    loss : "energy" or "square"
    power, repulsion : b in (0, 2) and lambda in [0, 1] of the energy loss
    particles, groups : m >= 2 particles in a group, groups of each class in a training step
    share : "point" or "class"
        What a group's particles have in common: one x_0, or only the class.
    least_step : delta in (0, 1); s ~ U[0, 1 - delta], t - s ~ U[delta, 1 - s]
    steps, rate : Adam steps, their rate sinking linearly from `rate` to 0
    eta : stochasticity of the DDIM step, in [0, 1]
    reward_scale : gamma >= 0
    width : neurons of a hidden layer
    process : a noise process by name
    points : of each class, drawn once: the training data
    seed : 0 <= seed < 2^32
    """

    loss: str = "energy"
    power: float = 1.0
    repulsion: float = 1.0
    particles: int = 4
    groups: int = 32
    share: str = "point"
    least_step: float = 0.1
    steps: int = 500
    rate: float = 5e-3
    eta: float = 0.0
    reward_scale: float = 0.0
    width: int = 32
    process: str = "flow"
    points: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        _checks.choice(self.loss, LOSSES, "loss")
        _checks.choice(self.share, SHARED, "share")
        _checks.choice(self.process, PROCESSES, "noise process")
        for name, least in {"particles": 2, "groups": 1, "steps": 1, "width": 1, "points": 1, "seed": 0}.items():
            _checks.integer(getattr(self, name), name, least)
        _within(self.power, "power", "0 < power < 2", lambda v: 0 < v < 2)
        _within(self.repulsion, "repulsion", "0 <= lambda <= 1", lambda v: 0 <= v <= 1)
        _within(self.least_step, "least_step", "0 < delta < 1", lambda v: 0 < v < 1)
        _within(self.eta, "eta", "0 <= eta <= 1", lambda v: 0 <= v <= 1)
        _within(self.rate, "rate", "rate > 0, finite", lambda v: 0 < v < np.inf)
        _within(self.reward_scale, "reward_scale", "gamma >= 0, finite", lambda v: 0 <= v < np.inf)
        _within(self.seed, "seed", "0 <= seed < 2^32", lambda v: v < 2**32)


@dataclass(frozen=True)
class Training:
    """A trained network.

    Attributes
    ----------
    network : WeightNetwork
    losses, unguided : (steps,)
        The loss of every training step, and what omega = 0 has on the same numbers.
    settings : Learning
    """

    network: WeightNetwork
    losses: np.ndarray
    unguided: np.ndarray
    settings: Learning


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


def train(
    models: Models,
    settings: Learning | None = None,
    *,
    reward: Reward | None = None,
    checkpoint: str | Path | None = None,
    advance: Callable[[int, float], Any] | None = None,
) -> Training:
    """Learn omega(c, s, t) for given predictions.

    Parameters
    ----------
    models : Models
        The law of each class, to draw x_0 from, and the predictions to be guided.
    settings : Learning
    reward : function of (guided x0 (n, d), classes (n,)) -> (n,)
        Torch tensors; it takes part with `reward_scale`.
    checkpoint : path ending in .pt
        Taken up if it exists. Written at the end, and when Ctrl-C stops the run (KeyboardInterrupt is raised on).
    advance : function of (training step, loss), called after each

    Raises
    ------
    InputError
        A damaged checkpoint, or one of another run (settings, network or predictions); a reward without a scale.
    """
    settings = settings or Learning()
    if (reward is None) != (settings.reward_scale == 0):
        _checks.fail("a reward and its scale", "both or neither", "give reward=R and Learning(reward_scale=...)")
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None:
        _checks.output_file(path, [".pt"])
    run, data = learned_checkpoint.Run(settings, models), training_data(models, settings)
    if path is not None and path.exists():
        run.load(path)
    kept = run.state()
    try:
        while run.step < settings.steps:
            loss = _update(run, models, data, settings, reward)
            if run.step % KEEP == 0:
                kept = run.state()
            if advance is not None:
                advance(run.step, loss)
        kept = run.state()
    finally:
        if path is not None:
            learned_checkpoint.save(path, kept)
    return Training(run.network, run.losses[0].numpy(), run.losses[1].numpy(), settings)


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


def _update(
    run: learned_checkpoint.Run, models: Models, data: np.ndarray, settings: Learning, reward: Reward | None
) -> float:
    """One Adam step; the run's count of steps moves last."""
    found = batch(models, data, settings, run.step)
    for group in run.optimizer.param_groups:
        group["lr"] = settings.rate * (1 - run.step / settings.steps)
    run.optimizer.zero_grad()
    loss = loss_of(run.network(found.label, found.s, found.t), found, settings, reward)
    value = float(loss.detach())
    if not isfinite(value):
        _checks.fail(f"the loss is {value} at training step {run.step}", "it is finite", "use a smaller rate")
    loss.backward()
    run.optimizer.step()
    with torch.no_grad():
        unguided = float(loss_of(torch.zeros_like(found.s), found, settings, reward))
    run.losses[0, run.step], run.losses[1, run.step] = value, unguided
    run.step += 1
    return value


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


def _within(value: Any, name: str, rule: str, holds: Callable[[float], bool]) -> None:
    if not holds(_checks.real(value, name)):
        _checks.fail(f"{name} = {value}", rule, "choose a value in the range")
