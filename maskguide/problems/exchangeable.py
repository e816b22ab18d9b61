"""ExchangeableProblem: class laws that depend on token counts only, exact at D = 1,000 and beyond."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from .. import _checks
from .._deprecated import renamed
from . import counts
from .extended_exponent import Extended, product
from .labelled import floats
from .table import TableProblem


class ExchangeableProblem:
    r"""Class-conditional laws on {0..N-1}^D under which the order of the coordinates carries nothing.

    With n_v(x) the number of coordinates of x that are v, and C(n) = D! / (n_0! ... n_{N-1}!) arrangements,

    p(x | k) = count_laws[k][n_1(x), ..., n_{N-1}(x)] / C(n(x)).

    What is known of a partially masked x is then its revealed counts c, and its marginal obeys
    p(c) = sum_v p(c + e_v) downwards from the complete counts: all terms positive. Marginals are kept as
    mantissa and power of two, since at D = 1,000 most of them lie below the range of float64.

    Source: docs/large-dimension.md.

    Parameters
    ----------
    count_laws : array_like, shape (K, D+1, ..., D+1), N - 1 count axes
        Laws of the numbers of tokens 1, ..., N-1 (token 0 takes what is left); for N = 2 the law of the number
        of ones, (K, D+1). Entries whose counts exceed D in sum are zero; every law sums to one within 1e-9.
    prior : array_like, shape (K,)
        Class probabilities, summing to one; the target's must be positive.
    target : int or str
        The class z: an index, or one of `class_names`.
    class_names, token_names : sequence of names, optional
        K and N names for reports.
    name, source : str
        What the problem is called and where it comes from.

    Raises
    ------
    InputError
        Wrong shapes, NaN, negative or non-normalised laws, counts beyond D, target out of range or of prior
        zero, or counts that do not fit in memory.

    Examples
    --------
    >>> problem = ExchangeableProblem([[0.25, 0.5, 0.25], [0.0, 0.0, 1.0]], [0.5, 0.5], target=0)
    >>> problem.length, problem.vocab_size, problem.num_classes
    (2, 2, 2)
    >>> problem.conditionals[0][:, 0]     # nothing revealed: target and unconditional law, tokens 0 and 1
    array([[0.5 , 0.5 ],
           [0.25, 0.75]])
    """

    def __init__(
        self,
        count_laws: Any,
        prior: Any,
        target: int | str = 0,
        *,
        class_names: Sequence[object] | None = None,
        token_names: Sequence[object] | None = None,
        name: str = "exchangeable",
        source: str = "",
    ):
        laws, weights = floats(count_laws, "count_laws"), floats(prior, "prior")
        self.num_classes, self.vocab_size, self.length = _shape(laws, weights)
        _fits(self.vocab_size, self.length)
        self.count_laws = np.array([_count_law(law, f"count_laws[{k}]") for k, law in enumerate(laws)])
        self.prior = _checks.law(weights, "prior")
        self.class_names = _checks.names(class_names, self.num_classes, "class ", "class names")
        self.token_names = _checks.names(token_names, self.vocab_size, "", "token names")
        self.name, self.source = name, source
        self.target = _checks.target(target, self.class_names, self.prior)
        self._arrangements = counts.per_arrangement(self.count_laws)

    @classmethod
    def from_mixture(
        cls,
        length: int,
        probs: Any,
        weights: Any,
        labels: Sequence[int],
        target: int | str = 0,
        **names: Any,
    ) -> ExchangeableProblem:
        """Classes that are mixtures of independent, identically distributed coordinates.

        Component j draws every coordinate from probs[j]; class k holds the components with labels[j] = k, and
        its prior is the sum of their weights. Entries below the range of float64 keep their digits.

        Parameters
        ----------
        length : int
            D >= 1.
        probs : array_like, shape (C, N), or (C,) for N = 2
            Token probabilities of each component; a (C,) array holds the probability of token 1.
        weights : array_like, shape (C,)
            Weights of the components, summing to one over all classes.
        labels : sequence of C ints
            The class of each component; every class from 0 to the largest label has one.
        target : int or str
            The class z: an index, or one of `class_names`.
        **names
            class_names, token_names, name and source as for the class itself.

        Returns
        -------
        ExchangeableProblem
            With K = 1 + the largest label.

        Raises
        ------
        InputError
            Wrong shapes, rows or weights that are no laws, a class of weight zero, counts that do not fit in memory.

        Examples
        --------
        >>> problem = ExchangeableProblem.from_mixture(2, [0.25, 0.75], [0.5, 0.5], labels=[0, 1])
        >>> problem.count_laws
        array([[0.5625, 0.375 , 0.0625],
               [0.0625, 0.375 , 0.5625]])
        """
        length = _checks.integer(length, "length", 1)
        rows, shares, classes = _components(probs, weights, labels)
        _fits(rows.shape[1], length)
        prior = np.array([shares[classes == k].sum() for k in range(classes.max() + 1)])
        draws = [counts.independent(row, length) for row in rows]
        laws = [counts.mix(draws, np.where(classes == k, shares, 0.0) / prior[k]) for k in range(len(prior))]
        arrangements = Extended(np.stack([law.mantissa for law in laws]), np.stack([law.exponent for law in laws]))
        laws = product(arrangements, counts.multinomials(rows.shape[1], length)).floats()
        problem = cls(laws, prior, target, **names)
        problem._arrangements = arrangements
        return problem

    @property
    def target_law(self) -> np.ndarray:
        """Law of the counts of tokens 1..N-1 in the target class, shape (D+1,)*(N-1)."""
        return self.count_laws[self.target]

    @cached_property
    def unconditional_law(self) -> np.ndarray:
        """Law of the counts of tokens 1..N-1, classes mixed by the prior, shape (D+1,)*(N-1)."""
        return np.tensordot(self.prior, self.count_laws, axes=1)

    mixture_law = renamed("mixture_law", "unconditional_law")

    @cached_property
    def conditionals(self) -> tuple[np.ndarray, ...]:
        """p_z(v|c) and p(v|c) given revealed counts c, one array for every number k = 0..D-1 of revealed coordinates.

        Array k has shape (2,) + (k+1,)*(N-1) + (N,): target first, then unconditional; indexed by the revealed counts
        of tokens 1..N-1, token v last; 0 where the context has probability zero.

        Raises
        ------
        InputError
            A positive conditional below the range of float64.
        """
        target = self._arrangements.at(self.target)
        unconditional = counts.mix([self._arrangements.at(k) for k in range(self.num_classes)], self.prior)
        return tuple(
            np.stack(pair) for pair in zip(counts.conditionals(target), counts.conditionals(unconditional), strict=True)
        )

    def with_target(self, target: int | str) -> ExchangeableProblem:
        """The same problem guided towards another class.

        Parameters
        ----------
        target : int or str
            The class z: an index, or one of `class_names`; its prior must be positive.

        Returns
        -------
        ExchangeableProblem
            A copy that shares the laws.

        Raises
        ------
        InputError
            An unknown class, or one of prior zero.
        """
        other = ExchangeableProblem(
            self.count_laws, self.prior, target, class_names=self.class_names, token_names=self.token_names,
            name=self.name, source=self.source,
        )  # fmt: skip
        other._arrangements = self._arrangements
        return other

    def table(self) -> TableProblem:
        """The same problem with its laws written out over all N^D arrangements; for small D.

        Returns
        -------
        TableProblem
            With the same names.

        Raises
        ------
        InputError
            A lattice of (N+1)^D states that does not fit in memory.
        """
        _checks.lattice_fits(self.vocab_size, self.length, 16 * self.num_classes)
        states = np.indices((self.vocab_size,) * self.length)
        tokens = tuple((states == v).sum(axis=0) for v in range(1, self.vocab_size))
        laws = self._arrangements.floats()[(slice(None), *tokens)]
        return TableProblem(
            laws, self.prior, self.target, class_names=self.class_names, name=self.name, source=self.source,
            token_names=[self.token_names] * self.length,
        )  # fmt: skip

    def __repr__(self) -> str:
        return (
            f"ExchangeableProblem({self.name!r}: K={self.num_classes}, N={self.vocab_size}, D={self.length}, "
            f"target={self.class_names[self.target]!r})"
        )


def _shape(laws: np.ndarray, prior: np.ndarray) -> tuple[int, int, int]:
    if laws.ndim < 2 or laws.shape[0] == 0 or laws.shape[1] < 2 or len(set(laws.shape[1:])) != 1:
        _checks.fail(
            f"count_laws has shape {laws.shape}",
            "(K, D+1, ..., D+1): K >= 1 classes, then N - 1 >= 1 axes of counts 0..D, D >= 1",
            "for N = 2 give (K, D+1): the law of the number of ones of each class",
        )
    if prior.shape != laws.shape[:1]:
        _checks.fail(f"prior has shape {prior.shape}", f"({laws.shape[0]},), one entry a class", "match count_laws")
    return laws.shape[0], laws.ndim, laws.shape[1] - 1


def _count_law(law: np.ndarray, name: str) -> np.ndarray:
    beyond = np.indices(law.shape).sum(axis=0) > law.shape[0] - 1
    if (law[beyond] != 0).any():
        _checks.fail(
            f"{name} is not zero where the counts of tokens 1..{law.ndim} exceed D = {law.shape[0] - 1} in sum",
            "counts of all tokens add up to D",
            "set these entries to zero; axes have length D + 1",
        )
    return _checks.law(law, name)


def _fits(vocab_size: int, length: int) -> None:
    states = (length + 1) ** vocab_size // vocab_size  # sum of (k+1)^(N-1) over levels, nearly
    _checks.fits_in_memory(
        8 * (4 * vocab_size + 4) * states,
        f"the chain on counts at N = {vocab_size}, D = {length}, about {states:,} entries,",
        "use fewer coordinates or tokens",
    )


def _components(probs: Any, weights: Any, labels: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, shares = floats(probs, "probs"), floats(weights, "weights")
    rows = np.stack([1 - rows, rows], axis=-1) if rows.ndim == 1 else rows
    classes = np.array([_checks.integer(label, "label", 0) for label in labels], dtype=int)
    if rows.ndim != 2 or rows.shape[1] < 2 or not len(rows) == shares.size == classes.size > 0 or shares.ndim != 1:
        _checks.fail(
            f"probs of shape {np.shape(probs)}, weights {shares.shape}, {classes.size} labels",
            "(C, N) or (C,), (C,) and C labels",
            "give one row of token probabilities, one weight and one class for each component",
        )
    rows = np.array([_checks.law(row, f"probs[{j}]") for j, row in enumerate(rows)])
    shares = _checks.law(shares, "weights")
    for k in range(classes.max() + 1):
        if not shares[classes == k].sum() > 0:
            _checks.fail(f"class {k} has weight zero", "every class has a component of positive weight", "relabel")
    return rows, shares, classes
