"""Terminal law, law at a clock, decay and their ingredients, as formulas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from ... import _checks
from ...guidance.rule import Rule
from ...problems.table import TableProblem
from .chain import Chain, State, build, fits, u, w
from .table import SymbolicTable, exact_number


def terminal_law(problem: TableProblem, rule: str | Rule = "product", weight: Any = None) -> SymbolicTable:
    """Formula of the law of completed samples, P(y) = G(y) sum over orders of prod 1/R(x).

    With the normalized rule 1/(|M(x)| Z_i(x)) takes the place of 1/R(x). D = 1: the tilted law G/Z.
    Source: docs/theory.md, section 2.1.

    Parameters
    ----------
    problem : TableProblem
        Its laws may hold Fractions and sympy symbols; floats are read as the decimals they print.
    rule : str or Rule
        "product", "normalized", or another rule of a known closed form.
    weight : number or sympy expression, optional
        w >= -1; by default the symbol w, a real number above -1.

    Returns
    -------
    SymbolicTable
        Expressions of shape (N,)*D.

    Raises
    ------
    InputError
        A problem that is no table or too large for closed forms, a rule without one, a weight below -1.
    """
    chain = build(problem, rule, weight)
    return _table(chain, "P", problem.vocab_size, lambda y: _terminal(chain, y))


def transient_law(
    problem: TableProblem, rule: str | Rule = "product", weight: Any = None, *, clock: Any = None
) -> SymbolicTable:
    """Formula of the law at clock u, q_u(x) = G(x) sum over orders of (-1)^k [R_0, ..., R_k] e^{-u.}.

    Source: docs/theory.md, section 2.2.

    Parameters
    ----------
    problem : TableProblem
        Its laws may hold Fractions and sympy symbols; floats are read as the decimals they print.
    rule : str or Rule
        "product", "normalized", or another rule of a known closed form.
    weight : number or sympy expression, optional
        w >= -1; by default the symbol w, a real number above -1.
    clock : number or sympy expression, optional
        u in place of the symbol u; finite (u = inf is the terminal law).

    Returns
    -------
    SymbolicTable
        Expressions of shape (N+1,)*D, last index = mask.

    Raises
    ------
    InputError
        A problem that is no table or too large for closed forms, a rule without one, a weight below -1.
    """
    chain, clock = build(problem, rule, weight), _clock(clock)
    fits(problem)
    return _table(chain, "q_u", chain.mask + 1, lambda x: sympy.Add(
        *(c * modes(nodes, clock) for nodes, c in _weights(chain, [x]).items())))  # fmt: skip


def tv_decay(
    problem: TableProblem, rule: str | Rule = "product", weight: Any = None, *, clock: Any = None
) -> sympy.Expr:
    """Formula of TV(q_u, q_inf), the sum of q_u(x) over masked x; D = 1: e^{-Zu} = m^Z.

    Source: docs/theory.md, section 2.3.

    Parameters
    ----------
    problem : TableProblem
        Its laws may hold Fractions and sympy symbols; floats are read as the decimals they print.
    rule : str or Rule
        "product", "normalized", or another rule of a known closed form.
    weight : number or sympy expression, optional
        w >= -1; by default the symbol w, a real number above -1.
    clock : number or sympy expression, optional
        u in place of the symbol u; finite (u = inf is the terminal law).

    Returns
    -------
    sympy expression
        In w and u, as far as they are not given.

    Raises
    ------
    InputError
        A problem that is no table or too large for closed forms, a rule without one, a weight below -1.
    """
    chain, clock = build(problem, rule, weight), _clock(clock)
    fits(problem)
    return sympy.Add(*(c * modes(nodes, clock) for nodes, c in _weights(chain, chain.contexts).items()))


def exit_rates(problem: TableProblem, rule: str | Rule = "product", weight: Any = None) -> SymbolicTable:
    """Formulas of the exit rates R(x) = sum over masked i of Z_i(x). Source: docs/theory.md, section 2.

    Parameters
    ----------
    problem : TableProblem
        Its laws may hold Fractions and sympy symbols; floats are read as the decimals they print.
    rule : str or Rule
        "product", "normalized", or another rule of a known closed form.
    weight : number or sympy expression, optional
        w >= -1; by default the symbol w, a real number above -1.

    Returns
    -------
    SymbolicTable
        Expressions of shape (N+1,)*D; 0 on completed and on impossible states.

    Raises
    ------
    InputError
        A problem that is no table or too large for closed forms, a rule without one, a weight below -1.
    """
    chain = build(problem, rule, weight)
    return _table(chain, "R", chain.mask + 1, chain.exit)


def partition(
    problem: TableProblem, rule: str | Rule = "product", weight: Any = None,
    *, context: Sequence[int] | None = None, coordinate: int = 0,
) -> sympy.Expr:  # fmt: skip
    """Formula of the hazard Z_i(x) = sum over v of p_z(v|x)^(1+w) p(v|x)^(-w) of a masked coordinate.

    The normalized rule divides by the same Z_i(x). Source: docs/theory.md, section 2.

    Parameters
    ----------
    problem : TableProblem
        Its laws may hold Fractions and sympy symbols; floats are read as the decimals they print.
    rule : str or Rule
        "product", "normalized", or another rule of a known closed form.
    weight : number or sympy expression, optional
        w >= -1; by default the symbol w, a real number above -1.
    context : sequence of D ints, optional
        A state with masks N; by default all is masked.
    coordinate : int
        A masked coordinate of the context.

    Returns
    -------
    sympy expression
        In w, as far as it is not given; D = 1: Z.

    Raises
    ------
    InputError
        A problem that is no table or too large for closed forms, a rule without one, a weight below -1, a coordinate
        that is not masked in the context.
    """
    chain = build(problem, rule, weight)
    return chain.hazard(_context(chain, context, coordinate), coordinate)


def renyi(
    problem: TableProblem, rule: str | Rule = "product", weight: Any = None,
    *, context: Sequence[int] | None = None, coordinate: int = 0,
) -> sympy.Expr:  # fmt: skip
    """Rényi divergence D_{1+w}(p_z || p) = (1/w) log sum over v of p_z(v|x)^(1+w) p(v|x)^(-w) of a masked coordinate.

    Z_i(x) = exp(w D_{1+w}) for w > -1, which the tests check: here the sum is written with two powers, in
    :func:`partition` with one ratio. weight=0 gives the Kullback-Leibler divergence; at w = -1 the order is zero
    and D_0 = -log p(support of p_z), although the process itself is then unconditional with Z = 1.
    Source: docs/theory.md, section 2.

    Parameters
    ----------
    problem : TableProblem
        Its laws may hold Fractions and sympy symbols; floats are read as the decimals they print.
    rule : str or Rule
        "product", "normalized", or another rule of a known closed form.
    weight : number or sympy expression, optional
        w >= -1; by default the symbol w, a real number above -1.
    context : sequence of D ints, optional
        A state with masks N; by default all is masked.
    coordinate : int
        A masked coordinate of the context.

    Returns
    -------
    sympy expression
        In w, as far as it is not given, in nats.

    Raises
    ------
    InputError
        A problem that is no table or too large for closed forms, a rule without one, a weight below -1, a coordinate
        that is not masked in the context.
    """
    chain = build(problem, rule, w if weight == -1 else weight)
    x = _context(chain, context, coordinate)
    if chain.is_blind(x):
        return sympy.S.Zero
    pairs = [(c := chain.conditional(x, y), c / chain.gain(x, y)) for y in chain.children(x, coordinate)]
    if chain.weight == 0:
        return sympy.Add(*(a * sympy.log(a / b) for a, b in pairs))
    order = sympy.S.NegativeOne if weight == -1 else chain.weight
    return sympy.log(sympy.Add(*(a ** (1 + order) * b ** (-order) for a, b in pairs))) / order


def late_rate(problem: TableProblem, rule: str | Rule = "product", weight: Any = None) -> sympy.Expr:
    """Formula of the rate of late decay, min R(x) over the masked contexts that are visited.

    TV(u) falls like e^{-rate u} at late clocks. Numbers are compared. With the symbol w the formula holds for w >= 0,
    where R(x) >= |M(x)|: a blind context of k masks (R = k) then beats every context of k or more, and what is left is
    a sympy Min. Source: docs/theory.md, section 2.3.

    Parameters
    ----------
    problem : TableProblem
        Its laws may hold Fractions and sympy symbols; floats are read as the decimals they print.
    rule : str or Rule
        "product", "normalized", or another rule of a known closed form.
    weight : number or sympy expression, optional
        w >= -1; by default the symbol w, a real number above -1.

    Returns
    -------
    sympy expression
        In w, as far as it is not given.

    Raises
    ------
    InputError
        A problem that is no table or too large for closed forms, a rule without one, a weight below -1.
    """
    chain = build(problem, rule, weight)
    rates = {x: chain.exit(x) for x in chain.contexts}
    known = [r for r in rates.values() if r.is_number]
    if len(known) == len(rates):
        return min(known)
    symbolic = chain.weight == w or chain.weight >= 0
    fewest = min([len(chain.masked(x)) for x in rates if symbolic and chain.is_blind(x)], default=None)
    left = {r for x, r in rates.items() if fewest is None or len(chain.masked(x)) < fewest}
    left |= set() if fewest is None else {sympy.Integer(fewest)}
    return left.pop() if len(left) == 1 else sympy.Min(*sorted(left, key=sympy.default_sort_key), evaluate=False)


def covariance(problem: TableProblem, rule: str | Rule = "product", weight: Any = None) -> sympy.Matrix:
    """Formulas of the covariances Cov(x_i, x_j) of the token indices under the terminal law.

    Source: docs/theory.md, section 2.1.

    Parameters
    ----------
    problem : TableProblem
        Its laws may hold Fractions and sympy symbols; floats are read as the decimals they print.
    rule : str or Rule
        "product", "normalized", or another rule of a known closed form.
    weight : number or sympy expression, optional
        w >= -1; by default the symbol w, a real number above -1.

    Returns
    -------
    sympy matrix, shape (D, D)
        Expressions in w, as far as it is not given.

    Raises
    ------
    InputError
        A problem that is no table or too large for closed forms, a rule without one, a weight below -1.
    """
    law = terminal_law(problem, rule, weight)
    mean = [sympy.Add(*(y[i] * p for y, p in law.items())) for i in range(problem.length)]
    return sympy.Matrix(problem.length, problem.length, lambda i, j: sympy.Add(
        *(y[i] * y[j] * p for y, p in law.items())) - mean[i] * mean[j])  # fmt: skip


def modes(nodes: tuple[sympy.Expr, ...], clock: sympy.Expr) -> sympy.Expr:
    """(-1)^k [R_0, ..., R_k] e^{-u.}: a unit start through exit rates R_0..R_k, each left at unit rate."""
    grouped = _gathered(nodes[1:] + nodes[:1])  # D = 2: (c, 0, S) gives [(1-e^{-cu})/c - (1-e^{-Su})/S]/(S-c)
    return (-1) ** (len(nodes) - 1) * _divided_difference(grouped, clock)


@lru_cache(maxsize=4096)
def _divided_difference(nodes: tuple[sympy.Expr, ...], clock: sympy.Expr) -> sympy.Expr:
    # Equal nodes stand next to each other, so equal ends mean equal nodes: the confluent value.
    first, last, k = nodes[0], nodes[-1], len(nodes) - 1
    if first == last:
        return (-clock) ** k * sympy.exp(-clock * first) / sympy.factorial(k)
    change = _divided_difference(nodes[1:], clock) - _divided_difference(nodes[:-1], clock)
    return -change / first if last == 0 else change / (last - first)


def _gathered(nodes: tuple[sympy.Expr, ...]) -> tuple[sympy.Expr, ...]:
    groups: list[list[sympy.Expr]] = []
    for node in nodes:
        home = next((g for g in groups if _same(g[0], node)), None)
        home.append(home[0]) if home else groups.append([node])
    return tuple(node for group in groups for node in group)


@lru_cache(maxsize=4096)
def _same(a: sympy.Expr, b: sympy.Expr) -> bool:
    # Functions of w on one path always differ (at w = 0 they are numbers of masks); numbers may be written two ways.
    return a == b or (not (a - b).has(w) and (a - b).equals(0) is True)


def _terminal(chain: Chain, y: State) -> sympy.Expr:
    return chain.potential(y) * sympy.Add(
        *(1 / sympy.Mul(*(chain.exit(x) * chain.normaliser(x, i) for x, i in order)) for order in chain.orders(y))
    )


def _weights(chain: Chain, states: Sequence[State]) -> dict[tuple[sympy.Expr, ...], sympy.Expr]:
    """{exit rates met: sum of G(x)/normalisers} over the states and their orders."""
    found: dict[tuple[sympy.Expr, ...], list[sympy.Expr]] = {}
    for y, order in ((x, order) for x in states for order in chain.orders(x)):
        nodes = (*(chain.exit(step) for step, _ in order), chain.exit(y))
        coefficient = chain.potential(y) / sympy.Mul(*(chain.normaliser(*step) for step in order))
        found.setdefault(nodes, []).append(coefficient)
    return {nodes: sympy.Add(*terms) for nodes, terms in found.items()}


def _table(chain: Chain, name: str, size: int, formula: Any) -> SymbolicTable:
    entries = np.empty((size,) * chain.problem.length, dtype=object)
    for x in np.ndindex(entries.shape):
        entries[x] = formula(x) if x in chain.ratio else sympy.S.Zero
    return SymbolicTable(entries, name, chain.mask)


def _clock(clock: Any) -> sympy.Expr:
    exact = u if clock is None else exact_number(clock)
    if exact.is_finite is False or exact.is_negative:
        _checks.fail(f"clock u = {exact}", "0 <= u < inf", "u = inf is terminal_law")
    return exact


def _context(chain: Chain, context: Sequence[int] | None, coordinate: int) -> State:
    x = chain.start if context is None else tuple(int(v) for v in context)
    if x not in chain.ratio or coordinate not in chain.masked(x):
        _checks.fail(
            f"context {x}, coordinate {coordinate}",
            f"{chain.problem.length} tokens, mask = {chain.mask}, of positive probability; the coordinate is masked",
            "context=None is the fully masked state",
        )
    return x
