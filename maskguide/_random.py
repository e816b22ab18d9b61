"""Philox 4x32-10, keyed by (seed, trajectory, draw): one definition for Python, numpy, numba and torch.

A draw is addressed, not produced in turn: nothing depends on threads, batch size, order or device,
and common random numbers across weights, methods and step counts come free. The functions use only
``* + >> & ^`` on 64-bit integers that wrap, so the same source runs on Python ints, int64 arrays,
int64 tensors and, compiled by numba, on scalars.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
"""

from __future__ import annotations

from typing import Any

LOW_32 = 0xFFFFFFFF
MULTIPLIER_0, MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
WEYL_0, WEYL_1 = 0x9E3779B9, 0xBB67AE85
TWO_TO_MINUS_53 = 2.0**-53
ALL_53 = 2**53 - 1


def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[Any, Any, Any, Any]:
    """Ten Philox rounds on a 4x32-bit counter and a 2x32-bit key: four 32-bit words."""
    for _ in range(10):
        p0 = c0 * MULTIPLIER_0
        p1 = c2 * MULTIPLIER_1
        c0 = ((p1 >> 32) & LOW_32) ^ c1 ^ k0
        c1 = p1 & LOW_32
        c2 = ((p0 >> 32) & LOW_32) ^ c3 ^ k1
        c3 = p0 & LOW_32
        k0 = (k0 + WEYL_0) & LOW_32
        k1 = (k1 + WEYL_1) & LOW_32
    return c0, c1, c2, c3


def split_seed(seed: int) -> tuple[int, int]:
    """The 64-bit seed as the two 32-bit key words (low, high)."""
    return seed & LOW_32, (seed >> 32) & LOW_32


def bits_53(high: Any, low: Any) -> Any:
    """Two 32-bit words -> an integer k uniform on 0..2^53-1; k 2^-53 is a uniform on [0, 1)."""
    return ((high >> 5) << 26) + (low >> 6)


def two_draws(k0: Any, k1: Any, trajectory: Any, draw: Any, stream: Any = 0) -> tuple[Any, Any]:
    """The two independent 53-bit integers of draw `draw` of a stream of trajectory `trajectory`.

    The counter is (trajectory low, trajectory high, draw, stream), each word of 32 bits. Multiply by
    `TWO_TO_MINUS_53` **in float64**: an int64 tensor times a Python float would be float32.
    """
    a, b, c, d = philox(trajectory & LOW_32, (trajectory >> 32) & LOW_32, draw, draw * 0 + stream, k0, k1)
    return bits_53(a, b), bits_53(c, d)


def pair(trajectory: Any, antithetic: Any) -> tuple[Any, Any]:
    """(whose draws a trajectory uses, mask to xor its 53-bit integers with); `antithetic` is 0 or 1.

    Antithetic trajectories 2k and 2k + 1 share the draws of k: the second takes 2^53 - 1 - bits, its mirror image.
    """
    return trajectory >> antithetic, -(trajectory & antithetic) & ALL_53
