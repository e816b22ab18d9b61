"""What a table is made from, checked: arrays of floats, or of exact rationals and symbols."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from .. import _checks


def as_array(value: Any, name: str) -> np.ndarray:
    """Floats as they are or as float64, exact entries as Fractions and sympy expressions; others are refused."""
    try:
        array = np.asarray(value)
    except ValueError:
        _checks.fail(f"{name} is ragged", "one array of equal rows", "pad short rows with zeros")
    if array.dtype == object:
        return np.vectorize(lambda e: _exact_entry(e, name), otypes=[object])(array) if array.size else array
    if array.dtype.kind not in "iuf":
        _checks.fail(f"{name} has dtype {array.dtype}", "real numbers, Fractions or sympy expressions", "convert it")
    return _checks.low_precision(array)


def _exact_entry(entry: Any, name: str) -> Any:
    if type(entry).__module__.startswith("sympy"):
        return Fraction(int(entry.p), int(entry.q)) if entry.is_Rational else entry
    if isinstance(entry, (int, Fraction, np.integer)) and not isinstance(entry, bool):
        return Fraction(int(entry.numerator), int(entry.denominator))  # a Fraction of numpy integers overflows
    if isinstance(entry, (float, np.floating)) and float(entry).is_integer():
        return Fraction(int(entry))
    _checks.fail(
        f"{name} mixes {_checks.short(entry)} with exact entries or rows of different length",
        "all entries floats, or all exact (int, Fraction, sympy)",
        "write 0.1 as Fraction(1, 10), and give every row the same length",
    )


def shape(laws: np.ndarray, prior: np.ndarray) -> tuple[int, int, int]:
    """(K, N, D) of laws (K, N, ..., N) and a prior (K,)."""
    if laws.ndim < 2 or 0 in laws.shape or len(set(laws.shape[1:])) != 1:
        _checks.fail(
            f"class_laws has shape {laws.shape}",
            "(K, N, ..., N): K >= 1 classes, then D >= 1 axes of the same N >= 1",
            "pad coordinates that have fewer tokens with zeros",
        )
    if prior.shape != laws.shape[:1]:
        _checks.fail(f"prior has shape {prior.shape}", f"({laws.shape[0]},), one entry a class", "match class_laws")
    return laws.shape[0], laws.shape[1], laws.ndim - 1


def checked(laws: np.ndarray, prior: np.ndarray, exact: bool) -> tuple[np.ndarray, np.ndarray]:
    """Laws and prior, each a probability vector; exact ones sum to one exactly."""
    check = _exact_law if exact else _checks.law
    if exact and laws.dtype != object:
        laws = np.array([rational(_checks.law(law, f"class_laws[{k}]")) for k, law in enumerate(laws)])
    if exact and prior.dtype != object:
        prior = rational(_checks.law(prior, "prior"))
    prior = check(prior, "prior")
    return np.array(
        [check(law, f"class_laws[{k}]") for k, law in enumerate(laws)], dtype=object if exact else float
    ), prior


def _exact_law(law: np.ndarray, name: str) -> np.ndarray:
    negative = next(
        (e for e in law.flat if (isinstance(e, Fraction) and e < 0) or getattr(e, "is_negative", False)), None
    )
    if negative is not None:
        _checks.fail(f"{name} holds {negative}", "probabilities are >= 0", "clip or recount it")
    total = law.sum()
    gap = total - 1
    if (gap.simplify() if hasattr(gap, "simplify") else gap) != 0:
        _checks.fail(f"{name} sums to {total}, off by {gap}", "an exact law sums to exactly 1", "divide it by its sum")
    return law


def as_float(array: np.ndarray, name: str) -> np.ndarray:
    """Exact numbers rounded to float64; symbols are refused."""
    symbols = set().union(*(getattr(e, "free_symbols", set()) for e in array.flat))
    if symbols:
        _checks.fail(
            f"{name} holds the symbols {', '.join(sorted(map(str, symbols)))}",
            "numeric engines need numbers",
            "problem.subs({symbol: value}), or use maskguide.symbolic",
        )
    return array.astype(float)


def rational(law: np.ndarray) -> np.ndarray:
    """Fractions that sum to one: simple ones within 1e-12 of the entries, else binary ones divided by their sum."""
    near = [Fraction(float(v)).limit_denominator(10**6) for v in law.flat]
    if sum(near) != 1 or any(abs(float(f) - v) > 1e-12 for f, v in zip(near, law.flat, strict=True)):
        exact = [Fraction(float(v)) for v in law.flat]
        total = sum(exact)
        near = [f / total for f in exact]
    array = np.empty(law.shape, dtype=object)
    array.flat[:] = near
    return array


def token_names(names: Sequence[Sequence[object]] | None, length: int, vocab: int) -> tuple[tuple[str, ...], ...]:
    """Names of every coordinate's tokens, by default the tokens themselves."""
    if names is None:
        return (tuple(str(v) for v in range(vocab)),) * length
    if len(names) != length or any(len(row) > vocab for row in names):
        _checks.fail(
            f"token_names has {len(names)} rows of up to {max(map(len, names), default=0)} names",
            f"D = {length} rows of at most N = {vocab} names",
            "give one list of token names for each coordinate",
        )
    return tuple(tuple(str(v) for v in row) for row in names)
