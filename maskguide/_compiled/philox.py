"""The draws of a block of trajectories at once: Philox and the logarithm as plain loops that become vector code.

Bit for bit the 53-bit integers of :mod:`maskguide._random`; waiting times within 2 units in the last place.
"""

from __future__ import annotations

from numba import uint64

from .. import _random
from .elementary import minus_log
from .jit import njit

LOW_32, ALL_53 = uint64(_random.LOW_32), uint64(_random.ALL_53)
MULTIPLIER_0, MULTIPLIER_1 = uint64(_random.MULTIPLIER_0), uint64(_random.MULTIPLIER_1)
WEYL_0, WEYL_1 = uint64(_random.WEYL_0), uint64(_random.WEYL_1)
W5, W6, W26, W32 = uint64(5), uint64(6), uint64(26), uint64(32)
ZERO, ONE, TWO_TO_53 = uint64(0), uint64(1), uint64(2**53)
TWO_TO_MINUS_53 = _random.TWO_TO_MINUS_53


@njit(inline="always")
def philox(c0, c1, c2, c3, k0, k1):
    """`_random.philox` on uint64 words below 2^32."""
    for _ in range(10):
        p0, p1 = (c0 & LOW_32) * MULTIPLIER_0, (c2 & LOW_32) * MULTIPLIER_1
        c0, c1 = (p1 >> W32) ^ c1 ^ k0, p1 & LOW_32
        c2, c3 = (p0 >> W32) ^ c3 ^ k1, p0 & LOW_32
        k0, k1 = (k0 + WEYL_0) & LOW_32, (k1 + WEYL_1) & LOW_32
    return c0, c1, c2, c3


@njit(cache=True, nogil=True, error_model="numpy")
def fill(clocks, choices, key_low, key_high, first, antithetic):
    """Stream CLOCKS of trajectories first, first + 1, ...: E (D, B) of unit rate and V (D, B) on [0, 1)."""
    k0, k1, shared = uint64(key_low), uint64(key_high), uint64(antithetic)
    start = uint64(first)
    for i in range(clocks.shape[0]):
        waiting, choice, draw = clocks[i], choices[i], uint64(i)
        for j in range(waiting.size):
            own = start + uint64(j)
            source, mirror = own >> shared, (ZERO - (own & shared)) & ALL_53
            a, b, c, d = philox(source & LOW_32, source >> W32, draw, ZERO, k0, k1)
            u = (((a >> W5) << W26) + (b >> W6)) ^ mirror
            v = (((c >> W5) << W26) + (d >> W6)) ^ mirror
            waiting[j] = minus_log(float(TWO_TO_53 - u) * TWO_TO_MINUS_53)
            choice[j] = float(v) * TWO_TO_MINUS_53
