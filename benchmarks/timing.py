"""Interleaved repeats, medians, wall and CPU time, every output consumed; the first call apart."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

SHORTEST = 0.01  # seconds of one measured block; faster calls are repeated within it
LONGEST_BLOCK = 10_000  # calls in a block


@dataclass(frozen=True)
class Timing:
    """One candidate.

    Attributes
    ----------
    first : float
        Wall seconds of the first call: compilation, imports, caches.
    cpu, wall : (rounds,) arrays
        Seconds a call, of the whole process (all its threads) and by the clock on the wall.
    checksum : float
        Sum over all outputs: proof that they were computed.
    """

    first: float
    cpu: np.ndarray
    wall: np.ndarray
    checksum: float

    @property
    def median_cpu(self) -> float:
        """Median CPU seconds a call."""
        return float(np.median(self.cpu))

    @property
    def median_wall(self) -> float:
        """Median wall seconds a call."""
        return float(np.median(self.wall))


def measure(candidates: dict[str, Callable[[], np.ndarray]], rounds: int = 7) -> dict[str, Timing]:
    """Time functions of no arguments that return arrays, taking turns in every round.

    Other load on the machine then falls on all of them alike, so that ratios survive where times do not. The
    order rotates from round to round. Calls shorter than 10 ms are repeated within a block. Python's garbage
    collector rests meanwhile: it would charge one candidate with the litter of all.
    """
    names = list(candidates)
    started = {name: _block(candidates[name], 1) for name in names}
    calls = {name: _calls(candidates[name]) for name in names}
    blocks: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in np.roll(names, turn):
            blocks[name].append(_block(candidates[name], calls[name]))
    return {name: _timing(started[name], np.array(blocks[name]), calls[name]) for name in names}


def ratio(slow: Timing, fast: Timing) -> float:
    """How many times the CPU seconds: the median over rounds, each round compared with itself."""
    return float(np.median(slow.cpu / fast.cpu))


def spread(slow: Timing, fast: Timing) -> tuple[float, float]:
    """The smallest and the largest of the rounds' ratios."""
    ratios = slow.cpu / fast.cpu
    return float(ratios.min()), float(ratios.max())


def load_average() -> float:
    """Runnable processes over the last minute, this one included; nan where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return float("nan")


def total(outputs: Iterable[np.ndarray]) -> float:
    """The checksum of outputs, infinities left out."""
    arrays = [np.asarray(output, dtype=float) for output in outputs]
    return float(sum(array[np.isfinite(array)].sum() for array in arrays))


def _calls(function: Callable[[], np.ndarray]) -> int:
    _, wall, _ = _block(function, 1)
    return int(np.clip(np.ceil(SHORTEST / max(wall, 1e-9)), 1, LONGEST_BLOCK))


def _block(function: Callable[[], np.ndarray], calls: int) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and checksum of some calls; the checksum is taken after the clocks stop."""
    with _no_garbage_collection():
        cpu, wall = time.process_time(), time.perf_counter()
        outputs = [function() for _ in range(calls)]
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu, wall, total(outputs)


@contextmanager
def _no_garbage_collection():
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _timing(started: tuple[float, float, float], blocks: np.ndarray, calls: int) -> Timing:
    return Timing(started[1], blocks[:, 0] / calls, blocks[:, 1] / calls, started[2] + float(blocks[:, 2].sum()))
