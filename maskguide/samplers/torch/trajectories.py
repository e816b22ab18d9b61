"""Where the trajectories of a batch are: their tokens, and what is left of every coordinate's waiting time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ... import _checks
from ...methods import Method, Step
from ..task import CLOCKS, Batch, Task
from .draws import Draws
from .lazy import LazyRates, Memory, applies
from .rates import BatchRates, rates


class Trajectories:
    """n trajectories side by side, from given tokens.

    Attributes
    ----------
    tokens : (n, D) int64
    given : (n, D) bool
        Not masked at the start: never masked later.
    waiting, choice : (n, D) float64
        What is left of each coordinate's waiting time E, and the uniform V of its token.
    remasked : (n, D) int64
        How often each coordinate was masked again.
    reveal_clock : (n, D) float64
        Clock of each (last) reveal, nan where there was none.
    confidence : (n, D) float64
        The probability with which each token was drawn, where a method remembers it; inf elsewhere.
    changes : (n,) int32
        Steps that changed some token.
    largest : () float64
        Largest Z h of a mask so far.
    clipped : () int64
    """

    def __init__(self, task: Task, start: np.ndarray, first: int):
        self.process, self.mask = task.process, task.process.vocab_size
        self.tokens = torch.from_numpy(start.astype(np.int64)).to(task.device)
        self.given = self.tokens != self.mask
        self.draws = Draws(task, first, len(start))
        self.coordinates = torch.arange(self.process.length, device=task.device)
        self.remasked = torch.zeros_like(self.tokens)
        self.waiting, self.choice = self._clocks()
        self.reveal_clock = torch.full_like(self.waiting, torch.nan)
        self.confidence = torch.full_like(self.waiting, torch.inf)
        self.changes = torch.zeros(len(start), dtype=torch.int32, device=task.device)
        self.largest = torch.zeros((), dtype=torch.float64, device=task.device)
        self.clipped = torch.zeros((), dtype=torch.int64, device=task.device)
        self._memory = Memory(task.process) if applies(self.tokens.device) else None
        self._overflow = torch.zeros((), dtype=torch.bool, device=task.device)

    @property
    def masked(self) -> Tensor:
        """(n, D) bool."""
        return self.tokens == self.mask

    def rates(self, weight: float, tokens: Tensor | None = None) -> BatchRates | LazyRates:
        """The rates out of the present states, or out of others (n, D)."""
        tokens = self.tokens if tokens is None else tokens
        here = self._memory.rates(tokens, weight) if self._memory else rates(self.process, tokens, weight)
        self._overflow |= ~here.largest.isfinite()
        return here

    def meet(self, here: BatchRates | LazyRates, step: Step, method: Method) -> None:
        """Keep count of the hazards that a step starts with: how long they make it, how many the method clips."""
        if np.isfinite(step.length):
            self.largest = torch.maximum(self.largest, here.largest * step.length)
        if method.clipped and not (self._memory and method.clipped(here.largest, step) == 0):
            self.clipped = self.clipped + (method.clipped(here.hazards, step) > 0).sum()

    def spend(self, hazard: Tensor, here: BatchRates | LazyRates, clock: float) -> Tensor:
        """Let every mask meet a hazard (n, D): those whose waiting time is less are revealed, tokens as `here`.

        Returns the coordinates that were revealed.
        """
        revealed = self.masked & (self.waiting < hazard)
        self.waiting = self.waiting - hazard
        self.reveal(revealed, here.tokens(self.choice, revealed), clock)
        return revealed

    def reveal(self, where: Tensor, tokens: Tensor, clock: Tensor | float) -> None:
        """Write tokens and their clocks into the coordinates (n, D) that are True."""
        self.tokens = torch.where(where, tokens, self.tokens)
        self.reveal_clock = torch.where(where, clock, self.reveal_clock)

    def at(self, position: Tensor, where: Tensor) -> Tensor:
        """(n, D) bool: one position (n,) of every trajectory for which `where` (n,) holds."""
        return (self.coordinates == position[:, None]) & where[:, None]

    def remask(self, where: Tensor) -> None:
        """Mask coordinates (n, D) again: each begins a new waiting time."""
        self.reveal(where, torch.full_like(self.tokens, self.mask), torch.nan)
        self.remasked = self.remasked + where
        waiting, choice = self._clocks()
        self.waiting, self.choice = torch.where(where, waiting, self.waiting), torch.where(where, choice, self.choice)

    def step_draws(self, step: Step, stream: int, where: Tensor) -> tuple[Tensor, Tensor]:
        """(U, V), (n, D), of the coordinates in a step; they are asked for `where` that is True only."""
        draw = self.coordinates + step.index * len(self.coordinates)
        return self.draws.some(draw, stream, where) if self._memory else self.draws.pair(draw, stream)

    def _clocks(self) -> tuple[Tensor, Tensor]:
        """-log(1 - U) and V of the coordinates' present waiting times."""
        first, second = self.draws.pair(self.coordinates + self.remasked * len(self.coordinates), CLOCKS)
        return -torch.log1p(-first), second

    def batch(self, task: Task) -> Batch:
        """What the trajectories ended as; an error if a rate has overflowed on the way."""
        if self._overflow:
            _checks.fail(
                f"rates overflow float64, or are NaN, under {self.process.guidance!r}",
                "every rate is a number below 1.8e308; the rate product grows like p(z|x)^(-w)",
                'use a smaller weight, or the rule "normalized", whose rates never exceed 1',
            )
        is_exact, left = task.method.is_exact, self.masked.any(-1)
        last = torch.where(left, torch.inf, self.reveal_clock.nan_to_num(0.0, posinf=torch.inf).amax(-1))
        jumps = (~self.given & ~self.masked).sum(-1) if is_exact else self.changes
        return Batch(
            tokens=self.tokens.cpu().numpy().astype(np.int32),
            completion_clock=last.cpu().numpy(),
            jumps=jumps.cpu().numpy().astype(np.int32),
            largest_hazard_step=None if is_exact else float(self.largest),
            clipped=int(self.clipped) if task.method.clipped else None,
            reveal_clock=self.reveal_clock.cpu().numpy() if task.record else None,
        )
