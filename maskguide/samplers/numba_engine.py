"""Compiled kernels: one trajectory an iteration of a parallel loop, any thread count gives the same tokens."""

from __future__ import annotations

from contextlib import contextmanager
from math import log1p

import numba
import numpy as np
from numba import njit, prange

from .. import _random
from .tables import JumpTables, StepTables

SERIAL_BELOW = 4096  # trajectories; starting threads costs more than they save

bits_53 = njit(inline="always")(_random.bits_53)
philox = njit(inline="always")(_random.philox)
LOW_32, TWO_TO_MINUS_53 = np.int64(_random.LOW_32), _random.TWO_TO_MINUS_53


@njit(inline="always")
def two_uniforms(k0, k1, trajectory, draw):
    """The two uniforms on [0, 1) of a draw."""
    a, b, c, d = philox(trajectory & LOW_32, (trajectory >> 32) & LOW_32, draw, np.int64(0), k0, k1)
    return bits_53(a, b) * TWO_TO_MINUS_53, bits_53(c, d) * TWO_TO_MINUS_53


@njit(inline="always")
def first_above(cumulative, uniform):
    """Index of the first entry that exceeds the uniform."""
    low, high = 0, cumulative.size - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > uniform:
            high = middle
        else:
            low = middle + 1
    return low


@njit(parallel=True, cache=True, nogil=True)
def _gillespie(k0, k1, first, exit, cumulative, ends, strides, vocab_size, state, clock):
    for n in prange(state.size):
        x, u, segment = state[n], 0.0, 0
        for jump in range(strides.size):
            time, choice = two_uniforms(k0, k1, np.int64(first + n), np.int64(jump))
            waiting = -log1p(-time)
            while waiting > exit[segment, x] * (ends[segment] - u):
                waiting -= exit[segment, x] * (ends[segment] - u)
                u = ends[segment]
                segment += 1
            u += waiting / exit[segment, x]
            reveal = first_above(cumulative[segment, x], choice)
            x += (reveal % vocab_size - vocab_size) * strides[reveal // vocab_size]
        state[n], clock[n] = x, u


@njit(parallel=True, cache=True, nogil=True)
def _stepped(k0, k1, first, first_step, reveal, hazard_step, weight_of, cumulative, step_ends, strides, vocab_size,
             state, clock, jumps, largest):  # fmt: skip
    length = strides.size
    for n in prange(state.size):
        x = state[n]
        for k in range(weight_of.size):
            masks, y = 0, x
            for i in range(length):
                if (x // strides[i]) % (vocab_size + 1) == vocab_size:
                    masks += 1
                    largest[n] = max(largest[n], hazard_step[k, x, i])
                    draw = np.int64((first_step + k) * length + i)
                    happens, choice = two_uniforms(k0, k1, np.int64(first + n), draw)
                    if happens < reveal[k, x, i]:
                        masks -= 1
                        y += (first_above(cumulative[weight_of[k], x, i], choice) - vocab_size) * strides[i]
            if y != x:
                jumps[n] += 1
                if masks == 0:
                    clock[n] = step_ends[k]
            x = y
        state[n] = x


def gillespie(
    seed: int, first: int, tables: JumpTables, strides: np.ndarray, vocab_size: int, count: int, threads: int | None
):
    """Final states and completion clocks of trajectories first..first+count-1."""
    k0, k1 = _random.split_seed(seed)
    state = np.full(count, tables.exit.shape[1] - 1, dtype=np.int64)
    clock = np.empty(count)
    with _threads(threads, count):
        _gillespie(k0, k1, first, tables.exit, tables.cumulative, tables.ends, strides, vocab_size, state, clock)
    return state, clock


class Stepper:
    """Trajectories first..first+count-1 of a stepped method, advanced some steps at a time."""

    def __init__(self, seed: int, first: int, strides: np.ndarray, vocab_size: int, count: int, threads: int | None):
        self.key, self.first, self.strides, self.vocab_size = _random.split_seed(seed), first, strides, vocab_size
        self.threads = threads
        self.state = np.full(count, (vocab_size + 1) ** len(strides) - 1, dtype=np.int64)
        self.clock = np.full(count, np.inf)
        self.jumps = np.zeros(count, dtype=np.int32)
        self.largest = np.zeros(count)

    def advance(self, tables: StepTables, first_step: int, step_ends: np.ndarray) -> None:
        """Run the steps of `tables`, numbered from `first_step`."""
        with _threads(self.threads, len(self.state)):
            _stepped(*self.key, self.first, first_step, tables.reveal, tables.hazard_step, tables.weight_of,
                     tables.cumulative, step_ends, self.strides, self.vocab_size, self.state, self.clock, self.jumps,
                     self.largest)  # fmt: skip

    def results(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Final states, completion clocks, jumps, largest hazard x step."""
        return self.state, self.clock, self.jumps, float(self.largest.max(initial=0.0))


@contextmanager
def _threads(threads: int | None, count: int):
    before = numba.get_num_threads()
    wanted = before if threads is None else min(threads, numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    numba.set_num_threads(1 if count < SERIAL_BELOW else wanted)
    try:
        yield
    finally:
        numba.set_num_threads(before)
