"""Batched tensors on any device: all trajectories of a batch advance together; the same tokens as numba."""

from __future__ import annotations

import numpy as np
import torch

from .. import _random
from .tables import JumpTables, StepTables


def two_uniforms(k0: int, k1: int, trajectory: torch.Tensor, draw: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The two uniforms on [0, 1) of a draw, in float64."""
    first, second = _random.two_draws(k0, k1, trajectory, draw)
    return first.double() * _random.TWO_TO_MINUS_53, second.double() * _random.TWO_TO_MINUS_53


def gillespie(seed: int, first: int, tables: JumpTables, strides: np.ndarray, vocab_size: int, count: int, device: str):
    """Final states and completion clocks of trajectories first..first+count-1."""
    k0, k1 = _random.split_seed(seed)
    exit, cumulative = (torch.from_numpy(t).to(device) for t in (tables.exit, tables.cumulative))
    stride = torch.from_numpy(strides).to(device)
    trajectory = torch.arange(first, first + count, dtype=torch.int64, device=device)
    state = torch.full((count,), exit.shape[1] - 1, dtype=torch.int64, device=device)
    clock = torch.zeros(count, dtype=torch.float64, device=device)
    segment = torch.zeros(count, dtype=torch.int64, device=device)
    for jump in range(len(strides)):
        time, choice = two_uniforms(k0, k1, trajectory, jump)
        waiting = -torch.log1p(-time)
        for j, end in enumerate(tables.ends[:-1]):
            budget = exit[j, state] * (float(end) - clock)
            crosses = (segment == j) & (waiting > budget)
            waiting = torch.where(crosses, waiting - budget, waiting)
            clock = torch.where(crosses, torch.full_like(clock, float(end)), clock)
            segment = segment + crosses
        clock = clock + waiting / exit[segment, state]
        reveal = torch.searchsorted(cumulative[segment, state], choice[:, None], right=True)[:, 0]
        state = state + (reveal % vocab_size - vocab_size) * stride[reveal // vocab_size]
    return state.cpu().numpy(), clock.cpu().numpy()


class Stepper:
    """Trajectories first..first+count-1 of a stepped method, advanced some steps at a time."""

    def __init__(self, seed: int, first: int, strides: np.ndarray, vocab_size: int, count: int, device: str):
        self.key, self.strides, self.vocab_size = _random.split_seed(seed), [int(s) for s in strides], vocab_size
        self.trajectory = torch.arange(first, first + count, dtype=torch.int64, device=device)
        self.state = torch.full_like(self.trajectory, (vocab_size + 1) ** len(strides) - 1)
        self.clock = torch.full((count,), torch.inf, dtype=torch.float64, device=device)
        self.jumps = torch.zeros(count, dtype=torch.int32, device=device)
        self.largest = torch.zeros((), dtype=torch.float64, device=device)

    def advance(self, tables: StepTables, first_step: int, step_ends: np.ndarray) -> None:
        """Run the steps of `tables`, numbered from `first_step`."""
        to = self.trajectory.device
        reveal, hazard_step, cumulative = (
            torch.from_numpy(t).to(to) for t in (tables.reveal, tables.hazard_step, tables.cumulative)
        )
        for k, (weight, end) in enumerate(zip(tables.weight_of, step_ends, strict=True)):
            self._step(first_step + k, reveal[k], hazard_step[k], cumulative[weight], float(end))

    def _step(self, number: int, reveal, hazard_step, cumulative, end: float) -> None:
        x, y = self.state, self.state
        masks = torch.zeros_like(x)
        for i, stride in enumerate(self.strides):
            masked = (x // stride) % (self.vocab_size + 1) == self.vocab_size
            self.largest = torch.maximum(self.largest, torch.where(masked, hazard_step[x, i], 0.0).max())
            happens, choice = two_uniforms(*self.key, self.trajectory, number * len(self.strides) + i)
            revealed = masked & (happens < reveal[x, i])
            token = torch.searchsorted(cumulative[x, i], choice[:, None], right=True)[:, 0]
            y = torch.where(revealed, y + (token - self.vocab_size) * stride, y)
            masks = masks + (masked & ~revealed)
        changed = y != x
        self.jumps = self.jumps + changed
        self.clock = torch.where(changed & (masks == 0), torch.full_like(self.clock, end), self.clock)
        self.state = y

    def results(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Final states, completion clocks, jumps, largest hazard x step."""
        return self.state.cpu().numpy(), self.clock.cpu().numpy(), self.jumps.cpu().numpy(), float(self.largest)
