"""TV(u) at a fixed clock as the weight grows: the leading formula of each of the four regimes.

A context x that is not blind is left at once, at rate R(x) ~ s rho^w: rho the largest gain
p_z(v|x)/p(v|x) among the next reveals and s the sum of p_z(v|x) over the reveals that attain it. The jump
x -> y then has probability ~ p_z(v|x)/s (gain/rho)^w. A blind context is left at rate R(x) = |M(x)| for every
w. So the chain that is still masked at u sits in a blind context, and

    TV(u) ~ sum over paths to blind contexts of
            base^w * prod (p_z/s over non-blind, p_z over blind parents) * (-1)^k [R_0, ..., R_k] e^{-u.},

with base = prod gain/rho over the non-blind parents and R_0..R_k the numbers of masks of the blind contexts on
the path. Paths of the largest base lead: base 1 saturates, base < 1 fades exponentially.

Source: docs/theory.md, section 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from ... import _checks
from ...guidance.rule import Rule
from ...problems.table import TableProblem
from .chain import Chain, State, build, fits, u, w
from .laws import modes


@dataclass(frozen=True)
class TVAsymptotics:
    """The leading behaviour of TV(u) as w -> inf at fixed u > 0.

    Attributes
    ----------
    regime : str
        "flat", "double-exponential", "exponential" or "saturating".
    expression : sympy expression in w and u
        TV/expression -> 1 (flat: equal for every w); double-exponential: log TV/log expression -> 1.
    base : sympy expression
        log TV falls by -log(base) a unit of w (exponential); log(-log TV) grows by log(base)
        (double-exponential); 1 otherwise.
    contexts : tuple of contexts
        Those that decide: the blind ones of the leading paths, or the least guided one.
    text : str
        The statement in one line.
    """

    regime: str
    expression: sympy.Expr
    base: sympy.Expr
    contexts: tuple[State, ...]
    text: str


@dataclass(frozen=True)
class _Ending:
    """A path that ends in a blind context: coefficient * base^w * modes(masks)."""

    context: State
    base: sympy.Expr
    coefficient: sympy.Expr
    masks: tuple[sympy.Integer, ...]


def tv_asymptotics(problem: TableProblem, rule: str | Rule = "product") -> TVAsymptotics:
    """The leading form of TV(u) as w -> inf, and its regime. Source: docs/theory.md, section 2.3.

    Parameters
    ----------
    problem : TableProblem
        Exact laws, or floats.
    rule : str or Rule
        "product" or "normalized".

    Returns
    -------
    TVAsymptotics
        The formula, and what it says.

    Raises
    ------
    InputError
        When the laws hold symbols, unless no comparison of gains is needed: which gain is the largest depends
        on their values.
    """
    chain = build(problem, rule, None)
    fits(problem)
    blind = [x for x in chain.contexts if chain.is_blind(x)]
    if chain.normalises or len(blind) == len(chain.contexts):
        return _flat(chain)
    if not blind:
        return _double_exponential(chain)
    return _by_blind_contexts(chain)


def _flat(chain: Chain) -> TVAsymptotics:
    value = 1 - (1 - sympy.exp(-u)) ** chain.problem.length
    return TVAsymptotics("flat", value, sympy.S.One, tuple(chain.contexts), f"TV(u) = {value} for every w")


def _double_exponential(chain: Chain) -> TVAsymptotics:
    growth = {x: _growth(chain, x) for x in chain.contexts}
    rho, share = slowest = min(growth.values())
    contexts = tuple(x for x, g in growth.items() if g == slowest)
    text = f"log(-log TV) = w log({rho}) + log({share * u}) + o(1): double exponential in w"
    text += f"; TV(u) = m^Z, Z = {chain.exit(chain.start)}" if chain.problem.length == 1 else ""
    return TVAsymptotics("double-exponential", sympy.exp(-share * rho**w * u), rho, contexts, text)


def _by_blind_contexts(chain: Chain) -> TVAsymptotics:
    endings = list(_endings(chain, _Ending(chain.start, sympy.S.One, sympy.S.One, ())))
    base = max(e.base for e in endings)
    leading = [e for e in endings if e.base == base]
    limit = sympy.expand(sympy.Add(*(e.coefficient * modes(e.masks, u) for e in leading)))
    contexts = tuple(sorted({e.context for e in leading}))
    if base == 1:
        return TVAsymptotics("saturating", limit, base, contexts, f"TV(u) -> {limit} as w -> inf")
    text = f"TV(u) ~ ({limit}) * ({base})^w as w -> inf: exponential in w"
    return TVAsymptotics("exponential", limit * base**w, base, contexts, text)


def _endings(chain: Chain, path: _Ending) -> Iterator[_Ending]:
    x = path.context
    blind = chain.is_blind(x)
    rho, share = (sympy.S.One, sympy.S.One) if blind else _growth(chain, x)
    masks = (*path.masks, sympy.Integer(len(chain.masked(x)))) if blind else path.masks
    if blind:
        yield _Ending(x, path.base, path.coefficient, masks)
    for y in (y for i in chain.masked(x) for y in chain.children(x, i) if chain.mask in y):
        base, jump = path.base * chain.gain(x, y) / rho, path.coefficient * chain.conditional(x, y) / share
        yield from _endings(chain, _Ending(y, base, jump, masks))


def _growth(chain: Chain, x: State) -> tuple[sympy.Expr, sympy.Expr]:
    """(rho, s): R(x) ~ s rho^w."""
    shares = chain.shares(x, chain.masked(x))
    symbols = set().union(*(gain.free_symbols for gain in shares))
    if symbols:
        _checks.fail(
            f"the gains depend on {', '.join(sorted(map(str, symbols)))}",
            "the leading term for large w belongs to the largest gain: numbers must be compared",
            "problem.subs({symbol: Fraction(1, 4), ...})",
        )
    rho = max(shares)
    return rho, shares[rho]
