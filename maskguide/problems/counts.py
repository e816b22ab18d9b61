"""Laws on token counts in arithmetic of extended exponents: arrangements, marginals of revealed counts, conditionals.

Arrays are indexed by the counts of tokens 1..N-1; token 0 takes what is left of the total.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _checks
from . import extended_exponent as extended
from .extended_exponent import Extended


def revealed(token: int, axes: int) -> tuple[Any, ...]:
    """Index of the counts after `token` is revealed once more, in an array of one more coordinate."""
    return tuple(slice(1, None) if v == token else slice(0, -1) for v in range(1, axes + 1))


def multinomials(vocab_size: int, length: int) -> Extended:
    """D! / (n_0! ... n_{N-1}!) by n_1, ..., n_{N-1}; zero where these exceed D in sum."""
    counts, rest = _counts(vocab_size, length)
    table, found = extended.factorials(length), None
    for count in (*counts, np.maximum(rest, 0)):
        found = extended.quotient(table.at(length) if found is None else found, table.at(count))
    assert found is not None
    return extended.extended(np.where(rest >= 0, found.mantissa, 0.0), found.exponent)


def _counts(vocab_size: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """n_1, ..., n_{N-1} and n_0 = D - their sum over the whole box, where n_0 may be negative."""
    counts = np.indices((length + 1,) * (vocab_size - 1))
    return counts, length - counts.sum(axis=0)


def per_arrangement(count_laws: np.ndarray) -> Extended:
    """Probability of one arrangement by its counts, from class laws (K,) + (D+1,)*(N-1) of the counts."""
    arrangements = multinomials(count_laws.ndim, count_laws.shape[1] - 1)
    some = extended.extended(np.where(arrangements.mantissa > 0, arrangements.mantissa, 1.0), arrangements.exponent)
    return extended.quotient(extended.extended(count_laws), some)


def independent(row: np.ndarray, length: int) -> Extended:
    """Probability of one arrangement by its counts when coordinates are independent draws from `row`."""
    counts, rest = _counts(row.size, length)
    powers = extended.powers(row, length)
    found = powers.at((0, np.maximum(rest, 0)))
    for v, count in enumerate(counts, start=1):
        found = extended.product(found, powers.at((v, count)))
    return extended.extended(np.where(rest >= 0, found.mantissa, 0.0), found.exponent)


def mix(laws: Sequence[Extended], weights: np.ndarray) -> Extended:
    """sum_k weights[k] laws[k]."""
    return extended.total([extended.product(law, extended.extended(w)) for law, w in zip(laws, weights, strict=True)])


def conditionals(law: Extended) -> list[np.ndarray]:
    """p(v | c) for k = 0..D-1 revealed, from the law of one arrangement by its counts."""
    axes, found = law.mantissa.ndim, []
    for _ in range(law.mantissa.shape[0] - 1):
        children = [law.at(revealed(v, axes)) for v in range(axes + 1)]
        law = _within_simplex(extended.total(children))
        found.append(np.stack([extended.ratio(child, law) for child in children], axis=-1))
        _representable(children, law, found[-1])
    return found[::-1]


def _within_simplex(law: Extended) -> Extended:
    # Beyond it c_0 is negative, and c + e_0 may still be a state.
    beyond = np.indices(law.mantissa.shape).sum(axis=0) > law.mantissa.shape[0] - 1
    return extended.extended(np.where(beyond, 0.0, law.mantissa), law.exponent)


def _representable(children: list[Extended], parent: Extended, conditional: np.ndarray) -> None:
    for v, child in enumerate(children):
        if ((child.mantissa > 0) & (parent.mantissa > 0) & (conditional[..., v] < np.finfo(float).tiny)).any():
            _checks.fail(
                f"a conditional probability of token {v} is positive and below 2.2e-308",
                "conditionals of reachable contexts are zero or within the range of float64",
                "set entries of the laws that are too small to matter to zero",
            )
