"""Columns of values -> tokens: strings and integers as they are, floats in bins."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _checks

Bins = int | Sequence[float] | Mapping[str, int | Sequence[float]]


@dataclass(frozen=True)
class Column:
    """A column as token indices (n,) and the names of its tokens."""

    name: str
    codes: np.ndarray
    tokens: tuple[str, ...]


def tokens_of(name: str, values: Any, bins: Any) -> Column:
    """A column's values as tokens; `bins` as for :func:`.samples.problem_from_samples`, None for a label."""
    array = _values(name, values)
    wanted = bins.get(name) if isinstance(bins, Mapping) else bins if array.dtype.kind == "f" else None
    if wanted is not None:
        return _binned(name, array, wanted)
    if array.dtype.kind == "f":
        _checks.fail(
            f"column {name!r} holds floats",
            "tokens and classes are strings, booleans or integers; float features need bins",
            f"bins={{{name!r}: 4}} or bins=4, or cast it to integers or strings",
        )
    distinct, codes = np.unique(array, return_inverse=True)
    return Column(name, codes, tuple(token_name(v) for v in distinct.tolist()))


def _values(name: str, values: Any) -> np.ndarray:
    """A column as a 1-D array of strings, booleans, integers or finite floats."""
    array = np.asarray(values)
    if array.ndim != 1 or not array.size:
        _checks.fail(f"column {name!r} has shape {array.shape}", "n >= 1 values, one a sample", "flatten or fill it")
    if array.dtype == object:
        complete(name, np.array([v is None or (isinstance(v, float) and v != v) for v in array]))
        array = np.array(array.tolist()) if len({type(v) for v in array}) == 1 else array
    if array.dtype.kind not in "Ubiuf":
        _checks.fail(
            f"column {name!r} has dtype {array.dtype}",
            "strings, booleans, integers or floats",
            "convert it, or leave it out of columns=",
        )
    if array.dtype.kind == "f":
        complete(name, np.isnan(array))
        if not np.isfinite(array).all():
            _checks.fail(f"column {name!r} holds an infinite value", "finite numbers", "drop or cap it")
    return array


def complete(name: str, missing: np.ndarray) -> None:
    """Refuse a column with missing values, saying where the first one is."""
    if missing.any():
        _checks.fail(
            f"column {name!r} misses a value in row {int(np.argmax(missing)) + 1} ({int(missing.sum())} in all)",
            "no missing values (rows count from 1, without the header)",
            "fill or drop these rows; a text such as NA must be quoted in a CSV to count as a value",
        )


def _binned(name: str, values: np.ndarray, bins: Any) -> Column:
    if values.dtype.kind not in "iuf":
        _checks.fail(f"bins names {name!r}, which holds no numbers", "bins cut numbers", "take it out of bins")
    edges = _edges(name, values, bins)
    return Column(name, np.searchsorted(edges, values, side="right"), _bin_names(edges))


def _edges(name: str, values: np.ndarray, bins: Any) -> np.ndarray:
    if isinstance(bins, (int, np.integer)):
        count = _checks.integer(bins, f"bins of {name!r}", 2)
        count = min(count, len(values))  # more cut no finer
        edges = np.unique(np.sort(values)[np.arange(1, count) * len(values) // count])
        return edges[edges > values.min()]  # so that every bin holds a sample
    try:
        edges = np.asarray(bins, dtype=float)
    except (TypeError, ValueError):
        edges = np.empty(0)
    if edges.ndim != 1 or not edges.size or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        _checks.fail(
            f"bins of {name!r} are {_checks.short(bins)}",
            "a number >= 2 of bins, or increasing inner edges",
            "4 cuts at the quartiles; [0.0, 1.5] makes three bins",
        )
    return edges


def _bin_names(edges: np.ndarray) -> tuple[str, ...]:
    """'<11', '11–12.4', '≥12.4', with as many digits as tell the edges apart."""
    if not len(edges):
        return ("all",)
    text = next(t for d in range(6, 18) if len(set(t := [f"{e:.{d}g}" for e in edges])) == len(t))
    return (f"<{text[0]}", *(f"{a}–{b}" for a, b in itertools.pairwise(text)), f"≥{text[-1]}")


def token_name(value: object) -> str:
    """A value as the name of a token: true and false in small letters."""
    return str(value).lower() if isinstance(value, (bool, np.bool_)) else str(value)
