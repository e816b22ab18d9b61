"""SymbolicTable: formulas indexed like the numeric arrays they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np
import sympy

from ... import _checks

DIGITS = 30  # of the evaluation; sympy raises its working precision until cancellation leaves that many
COINCIDE = 1e-20  # a difference of exit rates below this is taken for zero


class SymbolicTable:
    """sympy expressions on completed states, (N,)*D, or on the lattice, (N+1,)*D (last index = mask).

    ``table[0, 1]`` is an expression, iteration runs over the states, ``items()`` over (state, expression).

    Parameters
    ----------
    entries : object array, shape (N,)*D or (N+1,)*D
        sympy expressions.
    name : str
        What an entry is called: "P", "q_u" or "R".
    vocab_size : int
        N; an index N means mask.
    """

    def __init__(self, entries: np.ndarray, name: str, vocab_size: int):
        self.entries, self.name, self.vocab_size = entries, name, vocab_size

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the table, (N,)*D or (N+1,)*D."""
        return self.entries.shape

    @property
    def free_symbols(self) -> set[sympy.Basic]:
        """Symbols that occur in any entry."""
        return set().union(*(e.free_symbols for e in self.entries.flat))

    def __getitem__(self, state: Any) -> Any:
        return self.entries[state]

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        return iter(np.ndindex(self.shape))

    def __len__(self) -> int:
        return self.entries.size

    def items(self) -> Iterator[tuple[tuple[int, ...], sympy.Expr]]:
        """Pairs (state, expression) of all states, in C order."""
        return ((x, self.entries[x]) for x in self)

    def subs(self, values: Mapping[Any, Any]) -> SymbolicTable:
        """The table with symbols replaced.

        Parameters
        ----------
        values : mapping of symbol to number or expression
            Symbols that are left out stay.

        Returns
        -------
        SymbolicTable
            Of the same shape.

        Raises
        ------
        InputError
            Where that divides zero by zero: ask for the law at this weight instead, ``weight=``.
        """
        return SymbolicTable(_each(lambda e: replace(e, values), self.entries), self.name, self.vocab_size)

    def simplify(self) -> SymbolicTable:
        """Every entry through sympy.simplify: slow, and not always shorter."""
        return SymbolicTable(_each(sympy.simplify, self.entries), self.name, self.vocab_size)

    def numeric(self, values: Mapping[Any, Any] | None = None) -> np.ndarray:
        """The table as a float64 array, each entry evaluated to 30 digits and rounded once.

        Parameters
        ----------
        values : mapping of symbol to number, optional
            A value for every free symbol.

        Returns
        -------
        array, shape of the table
            Numbers.

        Raises
        ------
        InputError
            A symbol without a value, or exit rates that coincide at these values.
        """
        given = {k: exact_number(v) for k, v in (values or {}).items()}
        if missing := self.free_symbols - set(given):
            _checks.fail(
                f"no value for {', '.join(sorted(map(str, missing)))}",
                "every symbol needs a number",
                "numeric({symbolic.w: 2, symbolic.u: 1.5, ...})",
            )
        inverses = set().union(*(e.atoms(sympy.Pow) for e in self.entries.flat))
        if any(abs(p.base.evalf(DIGITS, subs=given)) < COINCIDE for p in inverses if p.exp.is_Integer and p.exp < 0):
            _refuse_coincidence()
        return _each(lambda e: e.evalf(DIGITS, subs=given), self.entries).astype(float)

    def groups(self) -> list[tuple[list[tuple[int, ...]], sympy.Expr]]:
        """States that share an expression, each list with it, in order of first appearance; zeros last."""
        found: dict[sympy.Expr, list[tuple[int, ...]]] = {}
        for state, entry in self.items():
            found.setdefault(entry, []).append(state)
        zeros = found.pop(sympy.S.Zero, [])
        return [(states, e) for e, states in found.items()] + ([(zeros, sympy.S.Zero)] if zeros else [])

    def state_name(self, state: tuple[int, ...]) -> str:
        """Name of an entry, such as "q_u(0, M)"; M is the mask.

        Parameters
        ----------
        state : tuple of D ints
            Tokens 0..N, N the mask.

        Returns
        -------
        str
            The table's name with the state in brackets.
        """
        return f"{self.name}({state_text(state, self.vocab_size)})"

    def latex(self) -> str:
        """LaTeX of the table: an align* environment, one line for each group of equal entries; needs amsmath."""
        lines = []
        for states, entry in self.groups():
            names = " = ".join(latex_name(self.state_name(s)) for s in states)
            lines.append(f"{names} &= {sympy.latex(entry)}")
        return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"

    def __repr__(self) -> str:
        return f"SymbolicTable({self.name}, shape {self.shape})"


def replace(expression: sympy.Expr, values: Mapping[Any, Any]) -> sympy.Expr:
    """``expression.subs`` with exact numbers; an error where the formula has a removable 0/0."""
    return _regular(expression.subs({k: exact_number(v) for k, v in values.items()}))


def exact_number(value: Any) -> Any:
    """Fractions, and floats as the decimals they print as (0.1 is 1/10), as sympy rationals."""
    if isinstance(value, (float, np.floating)):
        value = Fraction(repr(float(value))) if np.isfinite(value) else sympy.sympify(float(value))
    return sympy.Rational(value.numerator, value.denominator) if isinstance(value, Fraction) else sympy.sympify(value)


def state_text(state: tuple[int, ...], vocab_size: int) -> str:
    """A lattice state as "0, M"."""
    return ", ".join("M" if v == vocab_size else str(v) for v in state)


_LATEX = {"->": r"\to", "M": r"\mathrm{M}", "lambda": r"\lambda", ", leading": r"\ \text{leading}",
          "TV": r"\mathrm{TV}", "Cov": r"\mathrm{Cov}", "...": r"\cdots"}  # fmt: skip


def latex_name(name: str) -> str:
    """A name of this package, such as "r(M, M -> 0, M)", in LaTeX."""
    for text, latex in _LATEX.items():
        name = name.replace(text, latex)
    return name


def _regular(value: sympy.Expr) -> sympy.Expr:
    return _refuse_coincidence() if value.has(sympy.nan, sympy.zoo) else value


def _refuse_coincidence() -> NoReturn:
    _checks.fail(
        "at these values two exit rates coincide, and the general formula reads 0/0",
        "divided differences of equal rates need their confluent form",
        "derive again with numbers: weight=... of the function, or problem.subs({...})",
    )


def _each(function: Any, entries: np.ndarray) -> np.ndarray:
    result = np.empty(entries.shape, dtype=object)
    result.flat[:] = [function(e) for e in entries.flat]
    return result
