"""Labelled samples in memory -> a TableProblem whose laws are exact class frequencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import isfinite
from typing import Any

import numpy as np

from .. import _checks
from .columns import Bins, Column, token_name, tokens_of
from .table import TableProblem

MAX_EXACT_ENTRIES = 50_000  # above, laws are float64 instead of Fractions


def problem_from_samples(
    features: Any,
    labels: Any,
    target: int | str | None = None,
    *,
    columns: Sequence[str] | None = None,
    bins: Bins | None = None,
    smoothing: float | Fraction = 0.0,
    prior: Sequence[Any] | None = None,
    name: str = "samples",
    source: str = "",
) -> TableProblem:
    """A problem whose class laws are the empirical laws of labelled samples.

    p(x | k) = (n_k(x) + s) / (n_k + s S),   prior_k = n_k / n,

    n_k(x) the samples of class k at x, s the smoothing, S the number of combinations of tokens that occur in
    their columns; only these get the pseudo-count s (Laplace). With s = 0 unseen combinations have
    probability exactly zero. Laws are exact Fractions up to K N^D = 50,000 entries, float64 above.

    Strings and booleans become tokens sorted by value, integers their sorted distinct values, floats need
    `bins`. N is the largest number of tokens of a column; columns with fewer are padded with probability 0.

    Parameters
    ----------
    features : mapping of column name to values, or array of shape (n, D)
        n values for each column; the columns of an array are called x0, x1, ...
    labels : sequence of n strings, booleans or integers
        The class of each sample.
    target : int or str, optional
        A class as it occurs in `labels`; by default the first in sorted order.
    columns : sequence of str, optional
        Columns to use, in this order; by default all.
    bins : int, sequence of float, or mapping of column to either, optional
        A number B of bins of nearly equal frequency (ties stay together, so there may be fewer), or the
        increasing inner edges e_1 < ... < e_J of J + 1 bins: x < e_1, e_j <= x < e_{j+1}, x >= e_J. Applies
        to every float column; a mapping names its columns and may also bin integers.
    smoothing : float or Fraction
        s >= 0; a float is taken as the decimal that it prints.
    prior : sequence of K numbers, optional
        Replaces the class frequencies; classes in sorted order.
    name, source : str
        What the problem is called and where it comes from.

    Returns
    -------
    TableProblem
        Classes, coordinates and tokens have the names of the data.

    Raises
    ------
    InputError
        Missing values, floats without bins, unknown columns, a target that does not occur, smoothing that is
        negative or NaN, or a lattice that does not fit in memory.

    Examples
    --------
    >>> problem = problem_from_samples({"size": ["s", "m", "s"], "age": [1.5, 3.0, 9.0]}, ["a", "a", "b"], bins=2)
    >>> problem.token_names
    (('m', 's'), ('<3', '≥3'))
    >>> problem.exact_class_laws[0].tolist()
    [[Fraction(0, 1), Fraction(1, 2)], [Fraction(1, 2), Fraction(0, 1)]]
    """
    features = _named(features)
    for key in bins if isinstance(bins, Mapping) else ():
        _checks.choice(key, features, "column in bins")
    classes = tokens_of("label", labels, None)
    coded = [tokens_of(c, features[c], bins) for c in choose_columns(list(features), columns)]
    _same_length(coded, classes)
    _lattice_fits(coded, len(classes.tokens))
    laws, frequencies = _laws(coded, classes, _pseudo_count(smoothing))
    named = classes.tokens[0] if target is None else _checks.choice(token_name(target), classes.tokens, "target class")
    index = classes.tokens.index(named)
    return TableProblem(
        laws, frequencies if prior is None else prior, index, class_names=classes.tokens,
        coordinate_names=[c.name for c in coded], token_names=[c.tokens for c in coded], name=name, source=source,
    )  # fmt: skip


def choose_columns(names: list[str], columns: Sequence[str] | None) -> list[str]:
    """The feature columns asked for, in that order: all of `names` by default."""
    chosen = names if columns is None else [columns] if isinstance(columns, str) else list(columns)
    known = set(names)
    for column in (column for column in chosen if column not in known):
        _checks.choice(column, names, "feature column")
    if not chosen or len(set(chosen)) < len(chosen):
        _checks.fail(
            f"feature columns {_checks.short(chosen)}",
            "at least one column, each named once",
            "name the features with columns=[...], or give the file a column besides the label",
        )
    return chosen


def _named(features: Any) -> Mapping[str, Any]:
    if isinstance(features, Mapping):
        return features
    array = np.asarray(features)
    if array.ndim != 2:
        _checks.fail(f"features are {_checks.short(features)}", "columns by name, or an array (n, D)", "reshape them")
    return {f"x{i}": column for i, column in enumerate(array.T)}


def _laws(columns: list[Column], classes: Column, pseudo: Fraction) -> tuple[np.ndarray, np.ndarray]:
    """Class laws (K, N, ..., N) and class frequencies (K,)."""
    shape = (len(classes.tokens), *(max(len(c.tokens) for c in columns),) * len(columns))
    cells = np.ravel_multi_index((classes.codes, *(c.codes for c in columns)), shape)
    counts = np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)
    occurs = np.zeros(shape[1:], dtype=int)
    occurs[np.ix_(*(np.unique(c.codes) for c in columns))] = 1
    per_class = [int(law.sum()) for law in counts]
    totals = [n + pseudo * int(occurs.sum()) for n in per_class]
    share = _float_share if counts.size > MAX_EXACT_ENTRIES else _exact_share
    laws = np.stack([share(c, occurs, pseudo, n) for c, n in zip(counts, totals, strict=True)])
    frequencies = np.array([Fraction(n, len(cells)) for n in per_class], dtype=object)
    return laws, frequencies if laws.dtype == object else frequencies.astype(float)


def _float_share(counts: np.ndarray, occurs: np.ndarray, pseudo: Fraction, total: Fraction) -> np.ndarray:
    return (counts + float(pseudo) * occurs) / float(total)


_exact_share = np.vectorize(lambda count, occurs, pseudo, total: (int(count) + pseudo * int(occurs)) / total, [object])


def _pseudo_count(smoothing: Any) -> Fraction:
    number = _checks.real(smoothing, "smoothing")
    if not (isfinite(number) and number >= 0):
        _checks.fail(f"smoothing = {number:g}", "a finite pseudo-count >= 0", "0 keeps unseen combinations at zero")
    return smoothing if isinstance(smoothing, Fraction) else Fraction(str(number))


def _same_length(columns: list[Column], classes: Column) -> None:
    for column in columns:
        if len(column.codes) != len(classes.codes):
            _checks.fail(
                f"column {column.name!r} has {len(column.codes)} values, the labels {len(classes.codes)}",
                "one value and one label for each sample",
                "drop the surplus",
            )


def _lattice_fits(columns: list[Column], num_classes: int) -> None:
    largest = max(columns, key=lambda c: len(c.tokens))
    hint = f"pick fewer columns= or coarser bins=; {largest.name!r} has the most tokens"
    _checks.lattice_fits(len(largest.tokens), len(columns), 16 + 24 * num_classes, hint=hint)
