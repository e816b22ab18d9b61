"""p_z^a p^b of one coordinate from its two conditionals: as products where a is whole or a half, or by logarithms."""

from __future__ import annotations

from math import floor, sqrt

from ..._compiled.elementary import exponential, minus_log
from ..._compiled.jit import compiled, summing

LARGEST_PRODUCT = 16  # powers up to here are multiplied out
SMALLEST, IMPOSSIBLE = 2.0**-1022, -1e300


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
