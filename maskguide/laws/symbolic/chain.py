"""The guided chain in symbols: potential G(x), hazards Z_i(x), exit rates R(x), rates, and unmasking orders."""

from __future__ import annotations

import itertools
from fractions import Fraction
from functools import cached_property
from math import comb
from typing import Any

import numpy as np
import sympy

from ... import _checks
from ..._caching import cached_on_first
from ...guidance.rule import Rule
from ...guidance.rules import RULES
from ...problems.table import TableProblem
from .table import exact_number

w = sympy.Symbol("w", real=True)
u = sympy.Symbol("u", positive=True)

MAX_TERMS = 2000
State = tuple[int, ...]


class Chain:
    """All symbols of a guided chain. At w = -1 the unconditional law takes the target's place.

    Parameters
    ----------
    problem : TableProblem
        Exact laws; floats are read as :attr:`TableProblem.exact_class_laws` reads them.
    rule : Rule
        One that is `in_closed_form`: "product" or "normalized".
    weight : sympy expression
        The symbol w, or a number >= -1.
    """

    def __init__(self, problem: TableProblem, rule: Rule, weight: sympy.Expr):
        self.problem, self.weight = problem, weight
        self.normalises = rule.normalises
        self.mask = problem.vocab_size
        self.start: State = (self.mask,) * problem.length
        table = problem.exact_unconditional_table if weight == -1 else problem.exact_target_table
        self.target = {x: tidy(table[x]) for x in np.ndindex(table.shape)}
        self.states = [x for x, p in self.target.items() if p != 0]
        self.ratio = {x: tidy(self.target[x] / tidy(problem.exact_unconditional_table[x])) for x in self.states}
        self._exit: dict[State, sympy.Expr] = {}

    @cached_property
    def contexts(self) -> list[State]:
        """Masked states that are visited, the fully masked one first, then by number of masks."""
        masked = [x for x in self.states if self.mask in x]
        return sorted(masked, key=lambda x: (-x.count(self.mask), x))

    def masked(self, x: State) -> list[int]:
        """Masked coordinates of a state.

        Parameters
        ----------
        x : tuple of D ints
            A state, N = mask.

        Returns
        -------
        list of ints
            In increasing order.
        """
        return [i for i, v in enumerate(x) if v == self.mask]

    def children(self, x: State, coordinate: int) -> list[State]:
        """States of positive probability one reveal of a coordinate away.

        Parameters
        ----------
        x : tuple of D ints
            A state, N = mask.
        coordinate : int
            A masked coordinate of x.

        Returns
        -------
        list of states
            In the order of their tokens.
        """
        candidates = ((*x[:coordinate], v, *x[coordinate + 1 :]) for v in range(self.mask))
        return [y for y in candidates if y in self.ratio]

    def potential(self, x: State) -> sympy.Expr:
        """Potential G(x) = p_z(x) (p_z(x)/p(x))^w.

        Parameters
        ----------
        x : tuple of D ints
            A state, N = mask.

        Returns
        -------
        sympy expression
            In the weight, if that is a symbol.
        """
        return self.target[x] * self.ratio[x] ** self.weight

    def conditional(self, x: State, y: State) -> sympy.Expr:
        """Conditional p_z(v|x) of the reveal x -> y.

        Parameters
        ----------
        x : tuple of D ints
            A state, N = mask.
        y : tuple of D ints
            The state after a reveal.

        Returns
        -------
        sympy expression
            Free of the weight.
        """
        return tidy(self.target[y] / self.target[x])

    def gain(self, x: State, y: State) -> sympy.Expr:
        """Gain p_z(v|x)/p(v|x) of the reveal x -> y: how much likelier the target makes it.

        Parameters
        ----------
        x : tuple of D ints
            A state, N = mask.
        y : tuple of D ints
            The state after a reveal.

        Returns
        -------
        sympy expression
            Free of the weight.
        """
        return tidy(self.ratio[y] / self.ratio[x])

    def shares(self, x: State, coordinates: list[int]) -> dict[sympy.Expr, sympy.Expr]:
        """Reveals of some coordinates, collected by their gain: {gain: sum of p_z(v|x)}; {1: ...} alone is blind.

        Parameters
        ----------
        x : tuple of D ints
            A state, N = mask.
        coordinates : list of ints
            Masked coordinates of x.

        Returns
        -------
        dict of sympy expression to sympy expression
            Free of the weight.
        """
        found: dict[sympy.Expr, sympy.Expr] = {}
        for y in (y for i in coordinates for y in self.children(x, i)):
            found[self.gain(x, y)] = found.get(self.gain(x, y), sympy.S.Zero) + self.conditional(x, y)
        return {gain: tidy(share) for gain, share in found.items()}

    def is_blind(self, x: State) -> bool:
        """Whether target and unconditional law agree on every masked coordinate given x.

        Parameters
        ----------
        x : tuple of D ints
            A state, N = mask.

        Returns
        -------
        bool
            True where guidance has nothing to say.
        """
        return set(self.shares(x, self.masked(x))) == {sympy.S.One}

    def hazard(self, x: State, coordinate: int) -> sympy.Expr:
        """Hazard Z_i(x) = sum over v of p_z(v|x) (p_z(v|x)/p(v|x))^w, equal gains collected.

        Parameters
        ----------
        x : tuple of D ints
            A state, N = mask.
        coordinate : int
            A masked coordinate of x.

        Returns
        -------
        sympy expression
            In the weight, if that is a symbol.
        """
        return self._total(self.shares(x, [coordinate]))

    def exit(self, x: State) -> sympy.Expr:
        """Exit rate R(x): the sum of Z_i(x) over masked i; their number for the normalized rule; 0 on completed states.

        Parameters
        ----------
        x : tuple of D ints
            A state, N = mask.

        Returns
        -------
        sympy expression
            In the weight, if that is a symbol.
        """
        if x not in self._exit:
            masked = self.masked(x)
            self._exit[x] = sympy.Integer(len(masked)) if self.normalises else self._total(self.shares(x, masked))
        return self._exit[x]

    def normaliser(self, x: State, coordinate: int) -> sympy.Expr:
        """What the rule divides the rates of a coordinate by: 1 or Z_i(x).

        Parameters
        ----------
        x : tuple of D ints
            A state, N = mask.
        coordinate : int
            A masked coordinate of x.

        Returns
        -------
        sympy expression
            In the weight, if that is a symbol.
        """
        return self.hazard(x, coordinate) if self.normalises else sympy.S.One

    def rate(self, x: State, y: State) -> sympy.Expr:
        """Rate r(x -> y) = p_z(v|x) (p_z(v|x)/p(v|x))^w, divided by Z_i(x) for the normalized rule.

        Parameters
        ----------
        x : tuple of D ints
            A state, N = mask.
        y : tuple of D ints
            The state after a reveal.

        Returns
        -------
        sympy expression
            In the weight, if that is a symbol.
        """
        coordinate = next(i for i, (a, b) in enumerate(zip(x, y, strict=True)) if a != b)
        return self.conditional(x, y) * self.gain(x, y) ** self.weight / self.normaliser(x, coordinate)

    def orders(self, y: State) -> list[list[tuple[State, int]]]:
        """Every unmasking order of a state: the contexts left, each with the coordinate revealed there.

        Parameters
        ----------
        y : tuple of D ints
            A state, N = mask.

        Returns
        -------
        list of lists of (state, coordinate)
            k! orders for k revealed coordinates, from the fully masked state.
        """
        return [list(self._steps(y, order)) for order in itertools.permutations(
            [i for i, v in enumerate(y) if v != self.mask])]  # fmt: skip

    def _steps(self, y: State, order: tuple[int, ...]):
        x = self.start
        for i in order:
            yield x, i
            x = (*x[:i], y[i], *x[i + 1 :])

    def _total(self, shares: dict[sympy.Expr, sympy.Expr]) -> sympy.Expr:
        return sympy.Add(*(share * gain**self.weight for gain, share in shares.items()))


def build(problem: TableProblem, rule: str | Rule, weight: Any) -> Chain:
    """The chain of a checked rule, weight and problem size; the most recent ones are kept."""
    if not isinstance(problem, TableProblem):
        _checks.fail(f"a {type(problem).__name__}", "closed forms need a TableProblem", 'zoo.get("overlap-1d")')
    chosen = RULES.named(rule)
    if not chosen.in_closed_form:
        known = ", ".join(name for name, rule in RULES.items() if rule.in_closed_form)
        _checks.fail(f"closed forms of the rule {chosen.name!r}", f"they are known of {known}", "ask the numeric laws")
    return _build(problem, chosen, _weight(weight))


def fits(problem: TableProblem, masks: bool = True) -> None:
    """Refuse closed forms of more than 2000 terms (an order of a state each), saying what fits."""
    N, D = problem.vocab_size, problem.length
    size = int((problem.exact_class_laws[problem.target] != 0).sum())
    orders = [int(sympy.factorial(k)) for k in range(D + 1)]
    terms = size * orders[D] + (sum(comb(D, k) * min(size, N**k) * orders[k] for k in range(D)) if masks else 0)
    if terms > MAX_TERMS:
        _checks.fail(
            f"closed forms for N = {N}, D = {D} have up to {terms:,} terms",
            f"at most {MAX_TERMS:,} (one for each unmasking order of each state): D = 1, 2, and D = 3 up to N = 6",
            "use the numeric terminal_law, transient_law, tv_decay; or coarser tokens",
        )


def tidy(expression: Any) -> Any:
    """One canonical form of a rational expression, so that equal ones are equal objects."""
    if isinstance(expression, (int, Fraction)):
        return sympy.Rational(expression.numerator, expression.denominator)
    return expression if expression.is_Rational else sympy.factor(sympy.cancel(sympy.together(expression)))


@cached_on_first(8)
def _build(problem: TableProblem, rule: Rule, weight: sympy.Expr) -> Chain:
    fits(problem, masks=False)
    return Chain(problem, rule, weight)


def _weight(weight: Any) -> sympy.Expr:
    if weight is None or weight == w:
        return w
    _checks.weight(weight)
    return exact_number(weight)
