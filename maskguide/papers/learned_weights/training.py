"""Training of learned weights: Adam on the losses of `losses`, with a checkpoint that is taken up exactly.

Random numbers are addressed by (seed, training step): the step is their whole state, and a resumed run goes on as if it
had not stopped. Source: Galashov et al. (arXiv:2510.00815).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ... import _checks, _files
from . import checkpoint as learned_checkpoint
from .losses import Reward, batch, loss_of, training_data
from .models import Models
from .settings import Learning
from .weight_network import WeightNetwork

__all__ = ["Learning", "Training", "train"]

KEEP = 10  # steps between the states that an interrupted run is taken up from


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
        _files.check_file(path, [".pt"])
    run, data = learned_checkpoint.TrainingState(settings, models), training_data(models, settings)
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


def _update(
    run: learned_checkpoint.TrainingState, models: Models, data: np.ndarray, settings: Learning, reward: Reward | None
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
