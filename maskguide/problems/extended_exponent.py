"""Non-negative numbers far outside the range of float64: a mantissa in [1/2, 1) and a power of two, each an array.

Sums, products and ratios cost one rounding each, as in float64; probabilities of 2^-10000 keep all their digits,
which logarithms would not: there an error of one unit in the last place of log p is |log p| units of p.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial
from typing import Any, NamedTuple

import numpy as np

NOTHING = -(2**40)  # the exponent of zero: below every other
BEYOND = 2100  # a power of two that no float64 survives


class Extended(NamedTuple):
    """mantissa * 2^exponent; arrays of one shape."""

    mantissa: np.ndarray
    exponent: np.ndarray

    def at(self, index: Any) -> Extended:
        """The entries at an index, as of an array."""
        return Extended(self.mantissa[index], self.exponent[index])

    def floats(self) -> np.ndarray:
        """As float64: 0 below its range, inf above."""
        with np.errstate(over="ignore"):
            return np.ldexp(self.mantissa, _within(self.exponent))

    def log(self) -> np.ndarray:
        """Natural logarithm; -inf of zero."""
        with np.errstate(divide="ignore"):
            return np.where(self.mantissa > 0, np.log(self.mantissa) + np.log(2) * self.exponent, -np.inf)


def extended(values: Any, exponent: Any = 0) -> Extended:
    """values * 2^exponent."""
    mantissa, shift = np.frexp(values)
    return Extended(mantissa, np.where(mantissa == 0, NOTHING, shift.astype(np.int64) + exponent))


def product(a: Extended, b: Extended) -> Extended:
    """a * b, broadcast."""
    return extended(a.mantissa * b.mantissa, a.exponent + b.exponent)


def quotient(a: Extended, b: Extended) -> Extended:
    """a / b for b > 0, broadcast."""
    return extended(a.mantissa / b.mantissa, a.exponent - b.exponent)


def total(terms: Sequence[Extended]) -> Extended:
    """The sum of arrays of one shape."""
    top = np.maximum.reduce([t.exponent for t in terms])
    return extended(sum(np.ldexp(t.mantissa, _within(t.exponent - top)) for t in terms), top)


def ratio(a: Extended, b: Extended) -> np.ndarray:
    """a / b in float64, 0 where b is zero."""
    mantissa = np.divide(a.mantissa, b.mantissa, out=np.zeros_like(a.mantissa), where=b.mantissa > 0)
    return np.ldexp(mantissa, _within(a.exponent - b.exponent))


def powers(base: np.ndarray, length: int) -> Extended:
    """base^0, ..., base^length on a new last axis."""
    run, found = extended(np.ones_like(base)), []
    for _ in range(length + 1):
        found.append(run)
        run = product(run, extended(base))
    return Extended(np.stack([f.mantissa for f in found], -1), np.stack([f.exponent for f in found], -1))


def factorials(length: int) -> Extended:
    """0!, ..., length!, each rounded once."""
    exact = [factorial(n) for n in range(length + 1)]
    shifts = [max(0, n.bit_length() - 64) for n in exact]
    return extended([float(n >> s) for n, s in zip(exact, shifts, strict=True)], np.array(shifts, dtype=np.int64))


def _within(exponent: np.ndarray) -> np.ndarray:
    return np.clip(exponent, -BEYOND, BEYOND)
