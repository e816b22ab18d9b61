"""p_z^a p^b of one coordinate from its two conditionals: as products where a is whole or a half, or by logarithms."""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

from math import floor, sqrt

from numba import njit

from ..._compiled.bits import bits_of, float_of
from ..._compiled.jit import compiled, summing
from ..._compiled.philox import minus_log

LARGEST_PRODUCT = 16  # powers up to here are multiplied out
SMALLEST, IMPOSSIBLE = 2.0**-1022, -1e300

# exp(x) = 2^k exp(r), |r| <= log(2)/2: k sits in the low bits of x / log 2 + MAGIC; the series of exp(r) to r^13
LOG2_E, MAGIC = 1.4426950408889634, 6755399441055744.0
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
C2, C3, C4, C5, C6, C7 = 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040
C8, C9, C10, C11, C12, C13 = 1 / 40320, 1 / 362880, 1 / 3628800, 1 / 39916800, 1 / 479001600, 1 / 6227020800


@summing
def power_rates(target, reference, a, b, normalise, out):
    """Rates into `out`; their sum is returned. Zero where the reference is, and unless a = 0 where the target is.

    Written p^(a+b) (p_z/p)^a. With a + b = 1 this is a product of a probability and factors that do not grow with
    the number of tokens. The two conditionals are overwritten.
    """
    if a == 2 and b == -1 and not normalise:
        squares(target, reference, out)
    else:
        for v in range(out.size):
            ratio = target[v] / reference[v]
            target[v] = ratio if reference[v] > 0 else 0.0
        if abs(a + b - 1) > 1e-14 or 2 * a != floor(2 * a) or a > LARGEST_PRODUCT:
            exponentials(target, reference, a, a + b, normalise, out)
        else:
            products(target, reference, a, normalise, out)
    total = 0.0
    for v in range(out.size):
        total += out[v]
    if normalise and total > 0:
        for v in range(out.size):
            out[v] /= total
        return 1.0
    return total


@summing
def squares(target, reference, out):
    """p_z^2 / p, the rate product at w = 1."""
    for v in range(out.size):
        rate = target[v] * target[v] / reference[v]
        out[v] = rate if reference[v] > 0 else 0.0


@summing
def products(ratio, reference, a, normalise, out):
    """p ratio^a, 2a a whole number; ratios over the largest if they will be normalised."""
    scale = 0.0
    if normalise:
        for v in range(out.size):
            scale = max(scale, ratio[v])
    scale = 1 / scale if scale > 0 else 1.0
    if a == floor(a):
        copy_scaled(reference, ratio, scale, out)
    else:
        for v in range(out.size):
            ratio[v] *= scale
            out[v] = reference[v] * sqrt(ratio[v])
    for _ in range(int(a)):
        for v in range(out.size):
            out[v] *= ratio[v]


@summing
def copy_scaled(reference, ratio, scale, out):
    """out = p, and ratios times a scale."""
    for v in range(out.size):
        ratio[v] *= scale
        out[v] = reference[v]


@compiled
def exponentials(ratio, reference, a, s, normalise, out):
    """ratio^a p^s; over the largest if they will be normalised."""
    logarithms(ratio, reference, a, s, out)
    shift = largest(out) if normalise else 0.0
    for v in range(out.size):
        out[v] = exponential(out[v] - shift)


@compiled
def logarithms(ratio, reference, a, s, out):
    """a log ratio + s log p, and IMPOSSIBLE where a token is."""
    for v in range(out.size):
        r, p = ratio[v], reference[v]
        x = -a * minus_log(r if r > SMALLEST else SMALLEST) - s * minus_log(p if p > SMALLEST else SMALLEST)
        possible = (p > 0) & ((r > 0) | (a == 0))
        out[v] = x if possible else IMPOSSIBLE


@summing
def largest(values):
    """The largest entry."""
    top = IMPOSSIBLE
    for v in range(values.size):
        top = values[v] if values[v] > top else top
    return top


@njit(inline="always")
def exponential(x):
    """exp(x) within 2 units in the last place, as a plain formula that becomes vector code; 0 below 1e-307."""
    y = x if x > -708.0 else -708.0
    y = y if y < 709.8 else 709.8
    shifted = y * LOG2_E + MAGIC
    k = shifted - MAGIC
    r = (y - k * LN2_HIGH) - k * LN2_LOW
    high = C8 + r * (C9 + r * (C10 + r * (C11 + r * (C12 + r * C13))))
    low = 1 + r * (1 + r * (C2 + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * (C7 + r * high)))))))
    value = low * float_of((bits_of(shifted) + 1023) << 52)
    return value if x > -708.0 else 0.0
