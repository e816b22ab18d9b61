"""The draws of a block of trajectories at once: Philox and the logarithm as plain loops that become vector code.

Bit for bit the 53-bit integers of :mod:`maskguide._random`; waiting times within 2 units in the last place, and the
same on every CPU, as nothing but + - * / and shifts is used.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

from numba import njit, uint64

from .. import _random
from .bits import bits_of, float_of

LOW_32, ALL_53 = uint64(_random.LOW_32), uint64(_random.ALL_53)
MULTIPLIER_0, MULTIPLIER_1 = uint64(_random.MULTIPLIER_0), uint64(_random.MULTIPLIER_1)
WEYL_0, WEYL_1 = uint64(_random.WEYL_0), uint64(_random.WEYL_1)
W5, W6, W26, W32 = uint64(5), uint64(6), uint64(26), uint64(32)
ZERO, ONE, TWO_TO_53 = uint64(0), uint64(1), uint64(2**53)
TWO_TO_MINUS_53 = _random.TWO_TO_MINUS_53

# log(m) on [sqrt(1/2), sqrt(2)): coefficients and splitting of FreeBSD's e_log.c (Sun Microsystems, 1993)
ROOT_HALF = 0x3FE6A09E667F3BCC  # bits of sqrt(1/2)
L1, L2, L3, L4 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01
L5, L6, L7 = 1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


@njit(inline="always")
def philox(c0, c1, c2, c3, k0, k1):
    """`_random.philox` on uint64 words below 2^32."""
    for _ in range(10):
        p0, p1 = (c0 & LOW_32) * MULTIPLIER_0, (c2 & LOW_32) * MULTIPLIER_1
        c0, c1 = (p1 >> W32) ^ c1 ^ k0, p1 & LOW_32
        c2, c3 = (p0 >> W32) ^ c3 ^ k1, p0 & LOW_32
        k0, k1 = (k0 + WEYL_0) & LOW_32, (k1 + WEYL_1) & LOW_32
    return c0, c1, c2, c3


@njit(inline="always")
def minus_log(y):
    """-log(y) for a normal float64 y in (0, 1], within one unit in the last place."""
    bits = bits_of(y)
    exponent = (bits - ROOT_HALF) >> 52
    f, k = float_of(bits - (exponent << 52)) - 1.0, float(exponent)
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    series = w * (L2 + w * (L4 + w * L6)) + z * (L1 + w * (L3 + w * (L5 + w * L7)))
    half = 0.5 * f * f
    return ((half - (s * (half + series) + k * LN2_LOW)) - f) - k * LN2_HIGH


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
