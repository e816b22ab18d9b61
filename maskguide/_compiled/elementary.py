"""x^w, log and exp without branches or tables, so that loops over them become vectors, the same on every CPU.

Nothing but + - * / and shifts of bits is used. numpy's functions are fast on few CPUs, libm's on none.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import int64

from .bits import bits_of, float_of
from .jit import njit

ODD_TERMS = [2 / math.log(2) / (2 * j + 1) for j in range(10, -1, -1)]  # log2((1 + s)/(1 - s)) / s in powers of s^2
EXPONENTIAL = [math.log(2) ** j / math.factorial(j) for j in range(13, -1, -1)]  # 2^f, |f| <= 1/2
L10, L9, L8, L7, L6, L5, L4, L3, L2, L1, L0 = ODD_TERMS
E13, E12, E11, E10, E9, E8, E7, E6, E5, E4, E3, E2, E1, E0 = EXPONENTIAL
MANTISSA, BIAS = int64(2**52 - 1), int64(1023)
ONE, ROOT_HALF = (int64(np.float64(x).view(np.int64)) for x in (1.0, math.sqrt(0.5)))
SHIFTER = 1.5 * 2.0**52  # added to a number below 2^51 it leaves the nearest integer in the last bits
SHIFTED = int64(np.float64(SHIFTER).view(np.int64))
TINY, UP = 2.0**-960, 64  # below, numbers are multiplied by 2^UP first

# log(m) on [sqrt(1/2), sqrt(2)): coefficients and splitting of FreeBSD's e_log.c (Sun Microsystems, 1993)
LOG_ROOT_HALF = 0x3FE6A09E667F3BCC  # bits of sqrt(1/2), rounded down
LOG_1, LOG_2, LOG_3 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01
LOG_4, LOG_5, LOG_6 = 2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01
LOG_7 = 1.479819860511658591e-01
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10

# exp(x) = 2^k exp(r), |r| <= log(2)/2: k sits in the low bits of x / log 2 + SHIFTER; the series of exp(r) to r^13
LOG2_E = 1.4426950408889634
C2, C3, C4, C5, C6, C7 = 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040
C8, C9, C10, C11, C12, C13 = 1 / 40320, 1 / 362880, 1 / 3628800, 1 / 39916800, 1 / 479001600, 1 / 6227020800


@njit(inline="always")
def minus_log(y):
    """-log(y) for a normal float64 y in (0, 1], within one unit in the last place."""
    bits = bits_of(y)
    exponent = (bits - LOG_ROOT_HALF) >> 52
    f, k = float_of(bits - (exponent << 52)) - 1.0, float(exponent)
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    series = w * (LOG_2 + w * (LOG_4 + w * LOG_6)) + z * (LOG_1 + w * (LOG_3 + w * (LOG_5 + w * LOG_7)))
    half = 0.5 * f * f
    return ((half - (s * (half + series) + k * LN2_LOW)) - f) - k * LN2_HIGH


@njit(inline="always")
def exponential(x):
    """exp(x) within 2 units in the last place, as a plain formula that becomes vector code; 0 below 1e-307."""
    y = x if x > -708.0 else -708.0
    y = y if y < 709.8 else 709.8
    shifted = y * LOG2_E + SHIFTER
    k = shifted - SHIFTER
    r = (y - k * LN2_HIGH) - k * LN2_LOW
    high = C8 + r * (C9 + r * (C10 + r * (C11 + r * (C12 + r * C13))))
    low = 1 + r * (1 + r * (C2 + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * (C7 + r * high)))))))
    value = low * float_of((bits_of(shifted) + 1023) << 52)
    return value if x > -708.0 else 0.0


@njit(cache=True, forceinline=True, error_model="numpy", fastmath={"contract"})
def power(x, high, low):
    """x^(high + low) for 0 < x <= inf, with a relative error of 3e-16 (1 + |exponent|) from 1e-300 to 1e300.

    Zero below the normal numbers of float64, inf above, and inf for x = inf, whatever the exponent.

    x = 2^k m with m in [sqrt(1/2), sqrt(2)); log2 m is an odd series in (m - 1)/(m + 1). `high` has at most 40 bits,
    so that its product with k is exact and the error does not grow with k.
    """
    normal = x * 2.0**UP if x < TINY else x
    place = bits_of(normal) - ROOT_HALF + ONE
    k = float_of((place >> 52) - BIAS + SHIFTED) - SHIFTER - (UP if x < TINY else 0)
    m = float_of((place & MANTISSA) + ROOT_HALF)
    s = (m - 1) / (m + 1)
    t = s * s
    series = ((((L10 * t + L9) * t + L8) * t + L7) * t + L6) * t + L5
    series = ((((series * t + L4) * t + L3) * t + L2) * t + L1) * t + L0
    whole, rest = high * k, low * k + (high + low) * (s * series)
    exponent = whole + rest
    n = exponent if exponent > -1022 else -1022.0
    n = (n if n < 1023 else 1023.0) + SHIFTER
    f = (whole - (n - SHIFTER)) + rest
    found = (((((E13 * f + E12) * f + E11) * f + E10) * f + E9) * f + E8) * f + E7
    found = ((((((found * f + E6) * f + E5) * f + E4) * f + E3) * f + E2) * f + E1) * f + E0
    found *= float_of((bits_of(n) - SHIFTED + BIAS) << 52)
    found = found if exponent > -1022 else 0.0
    found = found if exponent < 1024 else np.inf
    return found if x < np.inf else np.inf


@njit(cache=True, forceinline=True, error_model="numpy")
def half_power(x, twice):
    """x^(twice / 2) for twice = 1 .. 5, to three units of round-off."""
    root = np.sqrt(x) if twice & 1 else 1.0
    once = x if twice >= 2 else 1.0
    return root * once * (x if twice >= 4 else 1.0)


@lru_cache(maxsize=64)
def parts(exponent: float) -> tuple[float, float]:
    """The exponent as a number of 40 bits and the rest."""
    high = (np.float64(exponent).view(np.int64) & ~np.int64(2**12 - 1)).view(np.float64)
    return float(high), float(exponent - high)
