"""Uniforms by address, and tokens from them: the draws of :mod:`maskguide.samplers.task`, one at a time."""

from __future__ import annotations

from typing import NamedTuple

from numba import uint64

from ..._compiled.elementary import minus_log
from ..._compiled.jit import compiled, njit
from ..._compiled.philox import ALL_53, LOW_32, TWO_TO_53, TWO_TO_MINUS_53, W5, W6, W26, W32, ZERO, philox


class Key(NamedTuple):
    """The seed's two words, and 1 for antithetic pairs."""

    low: int
    high: int
    antithetic: int


@njit(inline="always")
def bits(key, trajectory, draw, stream):
    """The two 53-bit integers of a draw."""
    own, shared = uint64(trajectory), uint64(key.antithetic)
    source, mirror = own >> shared, (ZERO - (own & shared)) & ALL_53
    a, b, c, d = philox(source & LOW_32, source >> W32, uint64(draw), uint64(stream), uint64(key.low), uint64(key.high))
    return (((a >> W5) << W26) + (b >> W6)) ^ mirror, (((c >> W5) << W26) + (d >> W6)) ^ mirror


@compiled
def uniforms(key, trajectory, draw, stream):
    """(U, V) on [0, 1)."""
    first, second = bits(key, trajectory, draw, stream)
    return float(first) * TWO_TO_MINUS_53, float(second) * TWO_TO_MINUS_53


@compiled
def fill_uniforms(key, trajectory, draw, stream, first, second):
    """(U, V) of draws draw, draw + 1, ...: vector code."""
    for i in range(first.size):
        one, two = bits(key, trajectory, draw + i, stream)
        first[i], second[i] = float(one) * TWO_TO_MINUS_53, float(two) * TWO_TO_MINUS_53


@compiled
def fill_clocks(key, trajectory, stream, waiting, second):
    """(E, V) of draws 0, 1, ...: vector code."""
    for i in range(waiting.size):
        one, two = bits(key, trajectory, i, stream)
        waiting[i] = minus_log(float(TWO_TO_53 - one) * TWO_TO_MINUS_53)
        second[i] = float(two) * TWO_TO_MINUS_53


@compiled
def clock(key, trajectory, draw, stream):
    """(E, V): a waiting time of unit rate, -log(1 - U), and V."""
    first, second = bits(key, trajectory, draw, stream)
    return minus_log(float(TWO_TO_53 - first) * TWO_TO_MINUS_53), float(second) * TWO_TO_MINUS_53


@compiled
def choose(rates, total, uniform):
    """The first index whose cumulative sum exceeds uniform * total: never one of rate zero."""
    reached, level, last = 0.0, uniform * total, 0
    for v in range(rates.size):
        if rates[v] > 0:
            reached += rates[v]
            last = v
            if reached > level:
                break
    return last
