"""Uniforms of a batch by their address, and which entry of a law a uniform picks."""

from __future__ import annotations

import torch
from torch import Tensor

from ... import _random
from ..task import Task


class Draws:
    """Pairs of uniforms of trajectories first, ..., first + n - 1: `samplers.task` says which draw serves what."""

    def __init__(self, task: Task, first: int, count: int):
        trajectory = torch.arange(first, first + count, dtype=torch.int64, device=task.device)
        self._key = task.key
        self._owner, self._mirror = _random.pair(trajectory[:, None], int(task.antithetic))

    def pair(self, draw: Tensor, stream: int) -> tuple[Tensor, Tensor]:
        """(U, V) on [0, 1), (n, M) float64, of draw numbers (M,) or (n, M)."""
        first, second = _random.two_draws(*self._key, self._owner, draw, stream)
        return self._uniform(first, self._mirror), self._uniform(second, self._mirror)

    @staticmethod
    def _uniform(bits: Tensor, mirror: Tensor) -> Tensor:
        return (bits ^ mirror).double() * _random.TWO_TO_MINUS_53

    def some(self, draw: Tensor, stream: int, where: Tensor) -> tuple[Tensor, Tensor]:
        """As `pair` of draw numbers (M,), 0 but where (n, M) is True: fewer to make, and the host waits."""
        row, column = where.nonzero(as_tuple=True)
        both = _random.two_draws(*self._key, self._owner[row, 0], draw[column], stream)
        first, second = (torch.zeros_like(where, dtype=torch.float64) for _ in both)
        first[row, column], second[row, column] = (self._uniform(bits, self._mirror[row, 0]) for bits in both)
        return first, second


def pick(weights: Tensor, uniform: Tensor) -> Tensor:
    """Draw from weights (..., M) by uniforms (...): the first index whose cumulative probability exceeds the uniform.

    What has weight zero is never drawn. Where all are zero, M - 1, which means nothing.
    """
    total = weights.cumsum(-1)
    last = total[..., -1:].clone()
    return first_above(total.div_(torch.where(last > 0, last, 1.0)), uniform).clamp_(max=weights.shape[-1] - 1)


def first_above(cumulative: Tensor, uniform: Tensor) -> Tensor:
    """Index of the first entry (..., M) that exceeds the uniform (...), M if there is none."""
    return torch.searchsorted(cumulative, uniform[..., None].contiguous(), right=True)[..., 0]
