"""The particle filter: weigh, resample, reveal."""

from __future__ import annotations

import numpy as np
import torch

from ...process import GuidedProcess
from . import arguments
from .particles import Particles, Potential, Score, System
from .resampling import effective_size
from .weights import covered_table


def run(
    process: GuidedProcess,
    start: np.ndarray,
    *,
    seed: int = 0,
    first: int = 0,
    goal: str = "tilted",
    weight: float | None = None,
    reward: Score | None = None,
    strength: float = 1.0,
    value: Score | None = None,
    threshold: float = 0.5,
    populations: int = 1,
    resample_final: bool = False,
    antithetic: bool = False,
    device: str = "cpu",
    batch_size: int | None = None,
) -> Particles:
    """Weighted samples of  g(y) exp(strength reward(y)) / Z,  and Z. Source: docs/smc.md.

    g(y) = p_z(y)^(1+w) p(y)^(-w) for the goal "tilted"; for "guided", the terminal law of the process. Given a
    prompt x, g(y) / g(x) takes its place, on the completions y of x; for "guided", the law of the chain from x.

    Parameters
    ----------
    process : GuidedProcess
        The proposal, of any problem with conditionals; for the rule "contrastive", p is its negative class. A weight
        schedule counts as a function of the share of coordinates that are masked.
    start : integer array, shape (n, D)
        Tokens, N = to be drawn; all rows the same.
    seed : int
        0 <= seed < 2^64.
    first : int
        Particle i uses the draws of trajectory first + i.
    goal : str
        "tilted" or "guided".
    weight : float, optional
        w >= -1 of the goal "tilted"; the process's own constant weight if left out.
    reward : callable, optional
        Completed tokens (n, D) int32 -> (n,); -inf excludes them.
    strength : float
        Factor of the reward, finite.
    value : callable, optional
        Tokens with masks N, (n, D) int32 -> (n,): a finite guess of the reward they lead to. Particles are weighted by
        exp(strength value) on the way and the factor is taken back in the end: it changes the variance only.
    threshold : float
        A population is resampled when its effective sample size falls below this share of it; 0 is never.
    populations : int
        Independent populations of n / populations particles each.
    resample_final : bool
        Resample all particles in the end, so that all weights are equal.
    antithetic : bool
        Trajectories 2k and 2k + 1 use U and 1 - U of the draws of trajectory k.
    device : str
        torch's.
    batch_size : int, optional
        States whose conditionals are computed at a time.

    Returns
    -------
    Particles
        Tokens, log weights, and the logarithm of the estimate of Z.

    Raises
    ------
    InputError
        Values out of range, prompts that differ, a goal without a weight, a proposal that never makes a reveal that
        the tilted law needs.
    """
    goal_weight = arguments.goal_weight(process, goal, weight)
    strength, threshold = arguments.strength(strength), arguments.share(threshold)
    system = System(process, start, seed, first, populations, antithetic, device, batch_size)
    potential = Potential(reward, strength, value, system.count)
    covered_table(process, goal_weight)
    ess = torch.zeros((system.count + 1, populations), dtype=torch.float64)
    for revealed in range(system.count + 1):
        system.weigh(potential(system.tokens, revealed))
        ess[revealed] = effective_size(system.log_weights)
        if revealed < system.count:
            system.resample(revealed, ess[revealed].to(device) < threshold * system.log_weights.shape[1])
            system.reveal(revealed, goal_weight)
    return system.result(ess, resample_final)


def completion_value(process: GuidedProcess, reward: Score) -> Score:
    """A value function for `run`: the reward once every mask is its likeliest token under p_z."""

    def value(tokens: np.ndarray) -> np.ndarray:
        likeliest = process.problem.log_conditionals(tokens, process.problem.target).argmax(axis=-1)
        return reward(np.where(tokens == process.vocab_size, likeliest, tokens).astype(np.int32))

    return value
