"""TableProblem: class laws as arrays (K, N, ..., N), in float64 or in exact rationals and symbols."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import Placed, namespace
from .._deprecated import renamed
from .conditionals import count_up, label_row, log, log_rows, token_array
from .table_arguments import as_array, as_float, checked, rational, shape
from .table_arguments import token_names as names_of_tokens

BYTES_PER_STATE = 16  # two float64 marginal tables


class TableProblem:
    """Class-conditional laws on {0..N-1}^D, a prior over the classes, and the class to guide towards.

    p(x | k) = class_laws[k][x],   p(x) = sum_k prior[k] p(x | k),   p_z = p(. | target).

    The unconditional law p mixes the classes; guidance leads away from it, towards p_z. Source: docs/theory.md, section
    1.

    Parameters
    ----------
    class_laws : array_like, shape (K, N, ..., N)
        K laws over D >= 1 coordinates of N tokens each; every law sums to one within 1e-9 (exactly, if
        exact). Entries may be floats, ``fractions.Fraction`` or sympy expressions; exact entries are kept
        for the symbolic engine. Coordinates with fewer tokens are padded with zeros.
    prior : array_like, shape (K,)
        Class probabilities a_k, summing to one; the target's must be positive.
    target : int or str
        The class z: an index, or one of `class_names`.
    class_names, coordinate_names, token_names : sequence of names, optional
        Names for reports, K, D and D; token_names is one sequence of up to N names for each coordinate.
    name, source : str
        What the problem is called and where it comes from.

    Raises
    ------
    InputError
        Wrong shapes, NaN, negative or non-normalised laws, target out of range or of prior zero, or a
        lattice of (N+1)^D states that does not fit in memory.

    Examples
    --------
    >>> problem = TableProblem([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]], [0.5, 0.5], target=0)
    >>> problem.length, problem.vocab_size, problem.num_classes
    (1, 3, 2)
    >>> problem.unconditional_table          # last index: mask = the coordinate summed out
    array([0.25, 0.5 , 0.25, 1.  ])
    """

    def __init__(
        self,
        class_laws: Any,
        prior: Any,
        target: int | str = 0,
        *,
        class_names: Sequence[object] | None = None,
        coordinate_names: Sequence[object] | None = None,
        token_names: Sequence[Sequence[object]] | None = None,
        name: str = "table",
        source: str = "",
    ):
        laws, weights = as_array(class_laws, "class_laws"), as_array(prior, "prior")
        self.num_classes, self.vocab_size, self.length = shape(laws, weights)
        _checks.lattice_fits(self.vocab_size, self.length, BYTES_PER_STATE)
        self.class_names = _checks.names(class_names, self.num_classes, "class ", "class names")
        self.coordinate_names = _checks.names(coordinate_names, self.length, "x", "coordinate names")
        self.token_names = names_of_tokens(token_names, self.length, self.vocab_size)
        self.name, self.source = name, source
        self.is_exact = laws.dtype == object or weights.dtype == object
        self._laws, self._prior = checked(laws, weights, self.is_exact)
        self.target = _checks.target(target, self.class_names, self._prior)

    # float64 view: what every numeric engine uses -------------------------------------------------

    @cached_property
    def class_laws(self) -> np.ndarray:
        """p(x | k) in float64, shape (K, N, ..., N)."""
        return as_float(self._laws, "class_laws") if self.is_exact else self._laws

    @cached_property
    def prior(self) -> np.ndarray:
        """Class probabilities a_k in float64, shape (K,)."""
        return as_float(self._prior, "prior") if self.is_exact else self._prior

    @property
    def target_law(self) -> np.ndarray:
        """Law p_z of the target class, shape (N,)*D."""
        return self.class_laws[self.target]

    @cached_property
    def unconditional_law(self) -> np.ndarray:
        """Unconditional law p = sum_k a_k p(. | k), shape (N,)*D."""
        return np.tensordot(self.prior, self.class_laws, axes=1)

    @cached_property
    def target_table(self) -> np.ndarray:
        """Marginals of p_z on the lattice, shape (N+1,)*D: index N = mask = that coordinate summed out."""
        return _table(self, self.target_law, self._exact_target)

    @cached_property
    def unconditional_table(self) -> np.ndarray:
        """Marginals of p on the lattice, shape (N+1,)*D."""
        return _table(self, self.unconditional_law, self._exact_unconditional)

    mixture_law = renamed("mixture_law", "unconditional_law")
    mixture_table = renamed("mixture_table", "unconditional_table")
    exact_mixture_table = renamed("exact_mixture_table", "exact_unconditional_table")

    def log_conditionals(self, tokens: Any, label: int | None = None) -> Any:
        """log p(x_i = v | revealed tokens, label): conditionals of masked coordinates, natural logarithm.

        Two look-ups in the table of marginals: p(v | x) = p(x_v) / p(x).

        Parameters
        ----------
        tokens : integer array or tensor, shape (n, D)
            States, entries 0..N with N the mask; numpy, or a torch tensor on any device.
        label : int, optional
            A class, 0 <= label < K; None is the unconditional law, classes mixed by the prior.

        Returns
        -------
        array or tensor, shape (n, D, N)
            As the tokens are. A revealed coordinate has 0 at its own token and -inf elsewhere; all is -inf in rows of
            masked coordinates where the revealed tokens have probability zero under the law.

        Raises
        ------
        InputError
            Tokens of another shape or (numpy) out of range, or an unknown class.
        """
        tokens = token_array(self, tokens)
        table, strides = (c.like(tokens) for c in self.lookup(label_row(self, label)))
        state = (tokens * strides).sum(-1)
        change = (count_up(self.vocab_size, tokens) - tokens[..., None]) * strides[:, None]
        here = table[state][:, None, None]  # p(v | x) = p(x_v) / p(x), two look-ups
        return log_rows(tokens, table[state[:, None, None] + change] / namespace(tokens).where(here > 0, here, 1.0))

    def log_marginal(self, tokens: Any, label: int | None = None) -> Any:
        """log p(revealed tokens | label): logarithm of a marginal probability.

        Parameters
        ----------
        tokens : integer array or tensor, shape (n, D)
            States, entries 0..N with N the mask; numpy, or a torch tensor on any device.
        label : int, optional
            A class, 0 <= label < K; None is the unconditional law.

        Returns
        -------
        array or tensor, shape (n,)
            -inf where the tokens are impossible, 0 where all is masked.

        Raises
        ------
        InputError
            Tokens of another shape or (numpy) out of range, or an unknown class.
        """
        tokens = token_array(self, tokens)
        table, strides = (c.like(tokens) for c in self.lookup(label_row(self, label)))
        return log(table[(tokens * strides).sum(-1)])

    def lookup(self, row: int) -> tuple[Placed, Placed]:
        """Marginals and strides, so that the marginal of tokens x is table[(x * strides).sum()].

        Parameters
        ----------
        row : int
            A class, 0 <= row < K, or K for the unconditional law.

        Returns
        -------
        tuple of two Placed arrays, shapes ((N+1)^D,) and (D,)
            The table in C order, and the strides; `.like(tokens)` puts them where the tokens are.
        """
        if row not in self._lookups:
            strides = (self.vocab_size + 1) ** np.arange(self.length)[::-1]
            self._lookups[row] = Placed(self._marginals(row).ravel()), Placed(strides)
        return self._lookups[row]

    def _marginals(self, row: int) -> np.ndarray:
        if row == self.num_classes:
            return self.unconditional_table
        return self.target_table if row == self.target else marginal_table(self.class_laws[row])

    @cached_property
    def _lookups(self) -> dict[int, tuple[Placed, Placed]]:
        return {}

    # exact view: what the symbolic engine and the enumeration use ---------------------------------

    @cached_property
    def exact_class_laws(self) -> np.ndarray:
        """Class laws as Fractions or sympy expressions, object array of shape (K, N, ..., N).

        Each law sums to exactly one. A float law becomes the fraction with the smallest denominator below 10^6 within
        1e-12 of each entry when those sum to one, and otherwise its exact binary fractions divided by their sum.
        """
        return self._laws if self.is_exact else np.array([rational(law) for law in self._laws])

    @cached_property
    def exact_prior(self) -> np.ndarray:
        """Class probabilities as Fractions or sympy expressions, object array of shape (K,)."""
        return self._prior if self.is_exact else rational(self._prior)

    @cached_property
    def exact_target_table(self) -> np.ndarray:
        """Marginals of p_z in exact arithmetic, object array of shape (N+1,)*D."""
        return marginal_table(self._exact_target())

    @cached_property
    def exact_unconditional_table(self) -> np.ndarray:
        """Marginals of p in exact arithmetic, object array of shape (N+1,)*D."""
        return marginal_table(self._exact_unconditional())

    def _exact_target(self) -> np.ndarray:
        return self.exact_class_laws[self.target]

    def _exact_unconditional(self) -> np.ndarray:
        return (self.exact_prior[(slice(None), *(None,) * self.length)] * self.exact_class_laws).sum(axis=0)

    @property
    def free_symbols(self) -> set[Any]:
        """The sympy symbols in the laws and the prior; an empty set for numbers."""
        entries = [*self._laws.flat, *self._prior.flat] if self.is_exact else []
        return set().union(*(getattr(e, "free_symbols", set()) for e in entries))

    def subs(self, values: dict[Any, Any]) -> TableProblem:
        """The same problem with sympy symbols replaced, e.g. ``problem.subs({eps: Fraction(1, 10)})``.

        Parameters
        ----------
        values : dict of symbol to value
            Numbers or expressions; symbols that are left out stay.

        Returns
        -------
        TableProblem
            With the same names.
        """
        replace = np.vectorize(lambda e: e.subs(values) if hasattr(e, "subs") else e, otypes=[object])
        return self._copy(replace(self._laws), replace(self._prior), self.target)

    def with_target(self, target: int | str) -> TableProblem:
        """The same problem guided towards another class.

        Parameters
        ----------
        target : int or str
            The class z: an index, or one of `class_names`; its prior must be positive.

        Returns
        -------
        TableProblem
            A copy that shares the laws.

        Raises
        ------
        InputError
            An unknown class, or one of prior zero.
        """
        return self._copy(self._laws, self._prior, target)

    def _copy(self, laws: np.ndarray, prior: np.ndarray, target: int | str) -> TableProblem:
        return TableProblem(
            laws, prior, target, class_names=self.class_names, coordinate_names=self.coordinate_names,
            token_names=self.token_names, name=self.name, source=self.source,
        )  # fmt: skip

    def context_name(self, state: Sequence[int]) -> str:
        """A state with masks in words: "(x0=a, x1=mask)".

        Parameters
        ----------
        state : sequence of D ints
            Tokens 0..N, N the mask.

        Returns
        -------
        str
            Names of coordinates and of their tokens.
        """
        tokens = (
            "mask" if v == self.vocab_size else names[v] if v < len(names) else str(v)
            for v, names in zip(state, self.token_names, strict=True)
        )
        return "(" + ", ".join(f"{c}={v}" for c, v in zip(self.coordinate_names, tokens, strict=True)) + ")"

    def __repr__(self) -> str:
        return (
            f"TableProblem({self.name!r}: K={self.num_classes}, N={self.vocab_size}, D={self.length}, "
            f"target={self.class_names[self.target]!r})"
        )


def only_tables(problem: Any, what: str) -> None:
    """Refuse a problem that is no TableProblem where laws on the whole lattice are needed."""
    if not isinstance(problem, TableProblem):
        _checks.fail(f"{what} of {problem!r}", "it needs a TableProblem", "problem.table(), for few coordinates")


def marginal_table(law: np.ndarray) -> np.ndarray:
    """Append to every axis of a law (N,)*D its own sum: all marginals at once, (N+1,)*D."""
    for axis in range(law.ndim):
        law = np.concatenate([law, law.sum(axis=axis, keepdims=True)], axis=axis)
    return law


def _table(problem: TableProblem, law: np.ndarray, exact_law: Any) -> np.ndarray:
    # Marginals of an exact problem are summed exactly, then rounded once.
    return as_float(marginal_table(exact_law()), "class_laws") if problem.is_exact else marginal_table(law)
