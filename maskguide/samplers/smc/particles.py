"""The particle system, what it gives back, and the potential of rewards.

Draws: reveal k of trajectory j takes draw k of stream JUMPS, U for the coordinate and V for the token. A slot keeps its
trajectory number, so that copies made by resampling go on independently. Resampling after k reveals takes U of draw k
of stream RESAMPLING of the first trajectory of each population.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
import torch

from ... import _checks, _random
from ...process import GuidedProcess
from ..task import JUMPS, RESAMPLING
from . import arguments
from .resampling import log_mean, systematic, uniforms
from .weights import covered, log_rates, revealed

BATCH_ENTRIES = 2**22  # conditionals computed at a time, unless batch_size says otherwise
Score = Callable[[np.ndarray], np.ndarray]  # tokens (n, D) int32 -> (n,)


@dataclass(frozen=True)
class Particles:
    """Weighted tokens: mean(exp(log_weights) f(tokens)) estimates Z E f without bias, for every f.

    Attributes
    ----------
    tokens : (n, D) int32
        N where a mask is left: only in particles of weight zero.
    log_weights : (n,) float64
        Scaled so that the mean weight is the estimate of Z; -inf for a weight of zero.
    log_normalizers : (P,) float64
        log of each population's own estimate of Z: P independent numbers, whose spread is the error.
    ess : (d + 1, P) float64
        Effective sample size (sum W)^2 / sum W^2 of each population after 0, ..., d reveals, before resampling.
    resamplings : (P,) int64
        How often each population was resampled on the way.
    """

    tokens: np.ndarray
    log_weights: np.ndarray
    log_normalizers: np.ndarray
    ess: np.ndarray
    resamplings: np.ndarray

    @property
    def log_normalizer(self) -> float:
        """log of the estimate of Z from all particles together."""
        return float(np.logaddexp.reduce(self.log_normalizers) - np.log(len(self.log_normalizers)))

    @property
    def shares(self) -> np.ndarray:
        """The weights divided by their sum, (n,); an error when all are zero."""
        if not (self.log_weights > -inf).any():
            _checks.fail(
                "every particle has weight zero",
                "the goal must be possible, and some particle must get there",
                "check the prompt and the reward; take more particles, or a proposal nearer to the goal",
            )
        weights = np.exp(self.log_weights - self.log_weights.max())
        return weights / weights.sum()


class System:
    """Tokens (n, D), log weights (P, n / P) and the potential they hold, advanced reveal by reveal."""

    def __init__(self, process: GuidedProcess, start, seed, first, populations, antithetic, device, batch_size):
        tokens = arguments.one_prompt(process, start)
        size = arguments.population_size(len(tokens), populations, antithetic)
        self.process, self.device, self.antithetic = process, device, int(antithetic)
        self.key = _random.split_seed(_checks.seed(seed))
        self.tokens = torch.from_numpy(tokens).to(device)
        self.trajectory = torch.arange(first, first + len(tokens), dtype=torch.int64, device=device)
        self.log_weights = torch.zeros((populations, size), dtype=torch.float64, device=device)
        self.potential = torch.zeros_like(self.log_weights)
        self.resamplings = torch.zeros(populations, dtype=torch.int64, device=device)
        self.count = int((tokens[0] == process.vocab_size).sum())
        entries = process.length * process.vocab_size
        self.batch = _checks.integer(batch_size or max(1, BATCH_ENTRIES // entries), "batch_size", 1)

    def weigh(self, potential: np.ndarray | None) -> None:
        """Replace the factor exp(potential) that the weights hold by a new one."""
        if potential is not None:
            new = torch.from_numpy(potential).to(self.device).reshape(self.log_weights.shape)
            self.log_weights = self.log_weights + new - self.potential
            self.potential = new

    def reveal(self, step: int, goal_weight: float | None) -> None:
        """Reveal one more coordinate of every particle, and update the weights."""
        masks = self.count - step
        proposal = self.process.guidance.schedule.at(masks / self.process.length)
        alive = (self.log_weights > -inf).reshape(-1)
        parts = []
        for rows in (slice(k, k + self.batch) for k in range(0, len(self.tokens), self.batch)):
            log_proposal, log_goal = log_rates(self.process, self.tokens[rows], proposal, goal_weight)
            masked = self.tokens[rows] == self.process.vocab_size
            covered(log_proposal, log_goal, masked & alive[rows, None])
            u, v = uniforms(self.key, self.trajectory[rows], step, JUMPS, self.antithetic)
            hazards = torch.where(masked, torch.logsumexp(log_proposal, -1), -inf)
            parts.append(revealed(self.tokens[rows], hazards, log_proposal, log_goal, masks, u, v))
        self.tokens = torch.cat([tokens for tokens, _ in parts])
        if goal_weight is not None:
            self.log_weights = self.log_weights + torch.cat([w for _, w in parts]).reshape(self.log_weights.shape)

    def resample(self, step: int, chosen: torch.Tensor) -> None:
        """Systematic resampling of the chosen populations (P,); all their weights become the mean weight."""
        mean = log_mean(self.log_weights)
        chosen = chosen & (mean > -inf)
        if not chosen.any():
            return
        size = self.log_weights.shape[1]
        u, _ = uniforms(self.key, self.trajectory[::size], step, RESAMPLING, self.antithetic)
        stay = torch.arange(size, device=self.device).expand_as(self.log_weights)
        ancestors = torch.where(chosen[:, None], systematic(self.log_weights, u), stay)
        rows = ancestors + size * torch.arange(len(mean), device=self.device)[:, None]
        self.tokens = self.tokens[rows.reshape(-1)]
        self.potential = self.potential.gather(1, ancestors)
        self.log_weights = torch.where(chosen[:, None], mean[:, None], self.log_weights)
        self.resamplings = self.resamplings + chosen

    def result(self, ess: torch.Tensor, resample: bool) -> Particles:
        """On the host; resampled once more, across populations, if asked."""
        normalizers, resamplings = log_mean(self.log_weights), self.resamplings
        if resample:
            self.log_weights, self.potential = (x.reshape(1, -1) for x in (self.log_weights, self.potential))
            self.resample(self.count, torch.ones(1, dtype=torch.bool, device=self.device))
        arrays = self.log_weights.reshape(-1), normalizers, ess, resamplings
        return Particles(self.tokens.to(torch.int32).cpu().numpy(), *(x.cpu().numpy() for x in arrays))


@dataclass(frozen=True)
class Potential:
    """strength times the value while masks are left, and times the reward in the end; None where there is neither."""

    reward: Score | None
    strength: float
    value: Score | None
    count: int

    def __call__(self, tokens: torch.Tensor, step: int) -> np.ndarray | None:
        """Of tokens (n, D) with `step` reveals behind them."""
        ended = step == self.count
        score, name = (self.reward, "reward") if ended else (self.value, "value")
        if score is None:
            return np.zeros(len(tokens)) if ended and self.value else None
        found = np.asarray(score(tokens.to(torch.int32).cpu().numpy()), dtype=np.float64)
        if found.shape != (len(tokens),):
            _checks.fail(f"{name} returned shape {found.shape}", "(n,), one number a row of tokens", "reduce over D")
        scaled = self.strength * found
        if np.isnan(scaled).any() or (scaled == inf).any() or (not ended and (scaled == -inf).any()):
            _checks.fail(
                f"strength times {name} holds NaN or an infinity",
                "a value is finite; a reward below inf, -inf excludes where strength > 0",
                "give finite numbers",
            )
        return scaled
