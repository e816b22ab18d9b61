"""Steps of a grid as arrays, and what a kernel writes about its trajectories."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

import numpy as np

from ..._compiled.jit import compiled, copy, inlined
from ...methods import Step

LARGEST, CLIPPED = range(2)


class Grid(NamedTuple):
    """K steps: clock at their ends, length h, fraction a = 1 - exp(-h), and the row of their weight."""

    end: np.ndarray
    length: np.ndarray
    fraction: np.ndarray
    weight: np.ndarray


class Record(NamedTuple):
    """Of n trajectories: see :class:`maskguide.samplers.task.Batch`; `found` is (largest Z h, clipped)."""

    tokens: np.ndarray
    completion: np.ndarray
    jumps: np.ndarray
    reveals: np.ndarray  # (n, D), or (n, 0) where they are not recorded
    found: np.ndarray


def grid(steps: tuple[Step, ...], weights: tuple[float, ...]) -> Grid:
    """The steps, their weights as indices into `weights`."""
    columns = zip(*((s.end, s.length, s.fraction, weights.index(s.weight)) for s in steps), strict=True)
    return Grid(*(np.array(column) for column in columns))


def record(start: np.ndarray, recorded: bool) -> Record:
    """An empty record of a batch, filled in as its trajectories run."""
    count, length = start.shape
    reveals = np.full((count, length if recorded else 0), np.nan)
    return Record(start.copy(), np.zeros(count), np.zeros(count, dtype=np.int32), reveals, np.zeros(2))


@inlined
def meet(record, largest, length):
    """Note the largest hazard that a step of some length starts with, or that hazards are not finite."""
    if isfinite(length) or not isfinite(largest):
        record.found[LARGEST] = max(record.found[LARGEST], largest * length)


@inlined
def revealed(record, n, i, clock):
    """Note that coordinate i has become a token at a clock."""
    record.completion[n] = clock
    if record.reveals.shape[1]:
        record.reveals[n, i] = clock


@compiled
def close(record, n, tokens, vocab_size, jumps):
    """Note where trajectory n has ended."""
    copy(tokens, record.tokens[n])
    record.jumps[n] = jumps
    for token in tokens:
        if token == vocab_size:
            record.completion[n] = np.inf
