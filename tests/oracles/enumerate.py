"""Brute force over unmasking orders: slow, plain, and independent of every fast engine. The oracle of the tests.

A path reveals the coordinates of y one at a time in some order. With r the rate of each reveal, R the exit
rate of each state met, and [R_0, ..., R_k] e^{-u.} the divided difference of e^{-u R} at those exit rates,

    P(y)   = sum over orders of  prod r/R,
    q_u(y) = sum over orders of  prod r * (-1)^k [R_0, ..., R_k] e^{-u.}.

Numbers are Fractions (``digits=None``, whole weights: exact, to be compared with ``==``) or mpmath numbers
that are right to about ``digits`` digits, also where the result is as small as 1e-250.

Source: docs/theory.md, sections 2, 2.1, 2.2 and 2.5.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import factorial, isinf
from typing import Any

import mpmath
import numpy as np

from maskguide import _checks
from maskguide.guidance import Segment, WeightSchedule
from maskguide.problems.table import TableProblem, marginal_table

MAX_PATHS = 200_000
PRECISION = 3  # working digits over digits promised: divided differences at close nodes lose some

State = tuple[int, ...]
Rates = dict[State, dict[State, Any]]  # Rates[x][y]: the rate of the reveal x -> y; completed states have none


def rates(problem: TableProblem, rule: str, weight: Any, *, digits: int | None = None, binary: bool = False) -> Rates:
    """Every positive rate, r = p_z(v|x)^(1+w) p(v|x)^(-w), divided by its sum over v if normalized.

    Parameters
    ----------
    problem : TableProblem
    rule : "product" or "normalized"
    weight : int, float or Fraction
        w >= -1; a whole number when `digits` is None.
    digits : int, optional
        None: Fractions. Otherwise mpmath numbers of that many digits.
    binary : bool
        Take the float64 laws of the problem bit by bit, instead of the nearest short fractions.

    Returns
    -------
    dict of context x -> dict of child y -> rate, for the contexts that can be visited.
    """
    _checks.choice(rule, ("product", "normalized"), "rule")
    _checks.weight(weight)
    if digits is None and weight != int(weight):
        _checks.fail(f"weight w = {weight} in exact arithmetic", "a whole number", "give digits=60 for any w")
    with mpmath.workdps(PRECISION * (digits or 15)):
        target, unconditional = (_numbers(table, digits) for table in _tables(problem, binary))
        power = int(weight) if digits is None else _multiprecision(Fraction(weight))
        if weight == -1:
            target = unconditional  # the unconditional process
        found = {x: _rates_out_of(x, target, unconditional, power) for x in np.ndindex(target.shape) if target[x] > 0}
        return {x: _normalized(x, row) if rule == "normalized" else row for x, row in found.items()}


def terminal_law(
    problem: TableProblem, rule: str, weight: Any, *, digits: int | None = None, binary: bool = False
) -> np.ndarray:
    """P(y), shape (N,)*D, object array: the sum over all D! orders of the products of r/R.

    `weight` may be a WeightSchedule when `digits` is given. Raises InputError for more than 200,000 paths.
    """
    _few_enough_paths(problem)
    with mpmath.workdps(PRECISION * (digits or 15)):
        *earlier, last = _segments(weight)
        law = _propagate(problem, rule, earlier, digits, binary)
        chain = rates(problem, rule, last.weight, digits=digits, binary=binary)
        completed = _empty((problem.vocab_size,) * problem.length)
        for y in np.ndindex(completed.shape):
            completed[y] = sum((law[x] * _arrival(chain, x, y) for x in _substates(y, problem)), Fraction(0))
    return completed


def transient_law(
    problem: TableProblem, rule: str, weight: Any, clock: Any, *, digits: int = 60, binary: bool = False
) -> np.ndarray:
    """q_u on the lattice, shape (N+1,)*D, object array of mpmath numbers; `weight` may be a WeightSchedule.

    Every entry has about `digits` significant digits. Raises InputError for more than 200,000 paths, or a
    clock that is not in [0, inf).
    """
    _few_enough_paths(problem)
    if isinf(_checks.clocks(float(clock))):
        _checks.fail("clock u = inf", "0 <= u < inf", "take terminal_law")
    with mpmath.workdps(PRECISION * digits):
        run = [Segment(s.start, min(s.end, clock), s.weight) for s in _segments(weight) if s.start < clock]
        return _propagate(problem, rule, run, digits, binary)


def masked_probability(
    problem: TableProblem, rule: str, weight: Any, clock: Any, *, digits: int = 60, binary: bool = False
) -> Any:
    """P(some coordinate is still masked at clock u), an mpmath number of about `digits` significant digits."""
    law = transient_law(problem, rule, weight, clock, digits=digits, binary=binary)
    with mpmath.workdps(PRECISION * digits):
        return mpmath.fsum(law[x] for x in np.ndindex(law.shape) if problem.vocab_size in x)


def divided_difference(nodes: list[Any], clock: Any, digits: int) -> Any:
    """[R_0, ..., R_k] e^{-u.} in mpmath; nodes that agree to `digits` digits are confluent."""
    first, last = (nodes := sorted(nodes))[0], nodes[-1]
    if last - first <= abs(last) * mpmath.mpf(10) ** -digits:
        return (-clock) ** (len(nodes) - 1) * mpmath.exp(-clock * first) / factorial(len(nodes) - 1)
    above, below = (divided_difference(part, clock, digits) for part in (nodes[1:], nodes[:-1]))
    return (above - below) / (last - first)


def _rates_out_of(x: State, target: np.ndarray, unconditional: np.ndarray, power: Any) -> dict[State, Any]:
    row = {}
    for y in _children(x, target.shape[0] - 1):
        if target[y] > 0:
            row[y] = (target[y] / target[x]) ** (1 + power) * (unconditional[y] / unconditional[x]) ** (-power)
    return row


def _normalized(x: State, row: dict[State, Any]) -> dict[State, Any]:
    axis = {y: next(i for i in range(len(x)) if x[i] != y[i]) for y in row}
    return {y: r / sum(s for z, s in row.items() if axis[z] == axis[y]) for y, r in row.items()}


def _children(x: State, mask: int) -> list[State]:
    return [(*x[:i], v, *x[i + 1 :]) for i in range(len(x)) if x[i] == mask for v in range(mask)]


def _paths(x: State, y: State) -> list[list[State]]:
    """Every sequence of states from x to y that reveals one coordinate at a time."""
    paths = []
    for order in itertools.permutations([i for i in range(len(x)) if x[i] != y[i]]):
        path = [x]
        for i in order:
            path.append((*path[-1][:i], y[i], *path[-1][i + 1 :]))
        paths.append(path)
    return paths


def _reveals(chain: Rates, path: list[State]) -> Any:
    """The product of the rates along a path."""
    product = Fraction(1)
    for a, b in itertools.pairwise(path):
        product = product * chain.get(a, {}).get(b, 0)
    return product


def _arrival(chain: Rates, x: State, y: State) -> Any:
    """P(the chain passes y | it is at x) = sum over paths of prod r/R."""
    total = Fraction(0)
    for path in _paths(x, y):
        if (product := _reveals(chain, path)) != 0:
            for state in path[:-1]:
                product = product / sum(chain[state].values())
            total = total + product
    return total


def _transition(chain: Rates, x: State, y: State, clock: Any, digits: int) -> Any:
    """P(at y after a clock u | at x) = sum over paths of prod r * (-1)^k [R_0, ..., R_k] e^{-u.}."""
    total = mpmath.mpf(0)
    for path in _paths(x, y):
        if (product := _reveals(chain, path)) != 0:
            exits = [mpmath.fsum(chain[state].values()) for state in path]
            total += (-1) ** (len(path) - 1) * product * divided_difference(exits, clock, digits)
    return total


def _propagate(problem: TableProblem, rule: str, run: list[Segment], digits: int | None, binary: bool) -> np.ndarray:
    """The law on the lattice after segments of constant weight, from the fully masked start."""
    law = _empty((problem.vocab_size + 1,) * problem.length)
    law[(problem.vocab_size,) * problem.length] = Fraction(1) if digits is None else mpmath.mpf(1)
    for segment in run:
        if digits is None:
            _checks.fail("a weight schedule in exact arithmetic", "one whole weight", "give digits=60")
        chain = rates(problem, rule, segment.weight, digits=digits, binary=binary)
        clock, before = mpmath.mpf(segment.end) - mpmath.mpf(segment.start), law
        law = _empty(before.shape)
        for y in np.ndindex(law.shape):
            law[y] = mpmath.fsum(before[x] * _transition(chain, x, y, clock, digits)
                                 for x in _substates(y, problem) if before[x] != 0)  # fmt: skip
    return law


def _substates(y: State, problem: TableProblem) -> list[State]:
    return list(itertools.product(*({v, problem.vocab_size} for v in y)))


def _segments(weight: Any) -> list[Segment]:
    return list(weight.segments()) if isinstance(weight, WeightSchedule) else [Segment(0.0, float("inf"), weight)]


def _tables(problem: TableProblem, binary: bool) -> tuple[np.ndarray, np.ndarray]:
    if not binary:
        return problem.exact_target_table, problem.exact_unconditional_table
    as_fractions = np.vectorize(lambda v: Fraction(float(v)), otypes=[object])
    laws, prior = as_fractions(problem.class_laws), as_fractions(problem.prior)
    unconditional = sum(a * law for a, law in zip(prior, laws, strict=True))
    return marginal_table(laws[problem.target]), marginal_table(np.asarray(unconditional))


def _numbers(table: np.ndarray, digits: int | None) -> np.ndarray:
    other = next((e for e in table.flat if not isinstance(e, Fraction)), None)
    if other is not None:
        _checks.fail(
            f"the laws hold {_checks.short(other)}", "rational numbers", "problem.subs({symbol: Fraction(...)})"
        )
    return table if digits is None else np.vectorize(_multiprecision, otypes=[object])(table)


def _multiprecision(value: Fraction) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator


def _empty(shape: tuple[int, ...]) -> np.ndarray:
    law = np.empty(shape, dtype=object)
    law.fill(Fraction(0))
    return law


def _few_enough_paths(problem: TableProblem) -> None:
    paths = problem.vocab_size**problem.length * factorial(problem.length)
    if paths > MAX_PATHS:
        _checks.fail(
            f"N^D D! = {paths:,} unmasking paths at N = {problem.vocab_size}, D = {problem.length}",
            f"brute force takes at most {MAX_PATHS:,}",
            "use terminal_law or transient_law of the package, or a smaller problem",
        )
