"""The guided chain on revealed counts: rates, jump chain, and exp(uQ) by a parabolic contour.

A state is c = (c_0, ..., c_{N-1}), the tokens revealed so far, k of them in all; arrays of level k are indexed by
c_1, ..., c_{N-1}. With M = D - k masks, c + e_v follows at rate M g_w(p_z(v|c), p(v|c)), and laws on the lattice
spread uniformly over the arrangements of c and of the masks. Levels only rise, so (sI - Q) is solved level by level.

After j reveals a resolvent is made of products of j factors R/(s + R). On hyperbolas around the negative axis, right
for the D of a lattice (lattice/contour.py), they grow beyond bounds: laws at D = 1,000 would be off by 1e26. Outside
the circle of radius max R around -max R no factor exceeds one. So the contour is a parabola
s = sigma + iy - y^2/(2B): B = max R has that circle's curvature and is safe, and a smaller B, which takes fewer nodes,
about 14 sqrt(uB), is chosen where an error computed from real resolvents still allows it.

Source: docs/large-dimension.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ... import _checks
from ..._caching import cached_on_first
from ...guidance.formulas import normalized_rates, softmax
from ...guidance.rule import Rule
from ...problems.counts import revealed
from ...problems.exchangeable import ExchangeableProblem

INSTANT = 1e100  # hazards above are taken as this: the context is left within 1e-100 of clock either way
REACH = 4.0  # sigma * u: terms are at most e^4 times the law they add up to
DECAY = 38.0  # nodes end where e^{Re s u} has sunk to e^-38; aliasing is some e^-34
MARGIN = 0.9  # how far the contour is moved towards the poles for the aliasing bound; 1 reaches them
SAMPLES = 16  # points of the error bound
GOAL = 1e-13  # aliasing and truncation
MOST_NODES = 8192
AT_ONCE = 2**14  # complex numbers of a level worked on at once

Levels = Sequence[np.ndarray]


@dataclass(frozen=True)
class CountRates:
    """All rates on counts at one weight.

    Attributes
    ----------
    edges : tuple of D arrays
        edges[k][c_1, ..., c_{N-1}, v]: the rate from c, k revealed, to c + e_v.
    exit : tuple of D + 1 arrays
        R(c) at each level; 0 on unreachable states and on level D.
    """

    edges: tuple[np.ndarray, ...]
    exit: tuple[np.ndarray, ...]

    @property
    def length(self) -> int:
        """Number of coordinates D."""
        return len(self.edges)

    @property
    def late_rate(self) -> float:
        """min R(c) over the reachable masked c."""
        return min(float(level[level > 0].min()) for level in self.exit[:-1])


@cached_on_first(4)
def count_rates(problem: ExchangeableProblem, rule: Rule, weight: float) -> CountRates:
    """Rates at one weight; InputError when even the slowest context leaves instantly."""
    length = problem.length
    edges = tuple((length - k) * _guided(pair, rule, weight) for k, pair in enumerate(problem.conditionals))
    rates = CountRates(edges, (*(edge.sum(axis=-1) for edge in edges), np.zeros_like(problem.target_law)))
    if rates.late_rate >= INSTANT:
        _checks.fail(
            f"rates overflow float64 at w = {weight:g} under the rule {rule.name!r}",
            f"the slowest context leaves at a rate below {INSTANT:g}",
            'use a smaller weight, or the rule "normalized", whose rates never exceed 1',
        )
    return rates


def jumps(problem: ExchangeableProblem, rule: Rule, weight: float) -> Iterator[np.ndarray]:
    """r/R for each level: exchangeable coordinates leave alike, so r/R are the rates divided by their sum."""
    for target, unconditional in problem.conditionals:
        rates = proportions(rule, target, unconditional, weight)
        hazard = rates.sum(axis=-1, keepdims=True)
        yield np.divide(rates, hazard, out=np.zeros_like(rates), where=hazard > 0)


def proportions(rule: Rule, target: np.ndarray, unconditional: np.ndarray, weight: float) -> np.ndarray:
    """r/Z of one masked coordinate, in logarithms, so that nothing overflows at any weight."""
    if rule.is_ratio_product(weight):
        return normalized_rates(target, unconditional, weight)
    with np.errstate(divide="ignore"):
        return softmax(rule.log_rates(np.log(target), np.log(unconditional), weight))


def visits(problem: ExchangeableProblem, rule: Rule, weight: float, start: Levels | None = None) -> list[np.ndarray]:
    """P(the chain ever visits c), level by level; level D is the terminal law. All terms positive."""
    levels = [_start(start, 0, problem.vocab_size - 1)]
    for k, jump in enumerate(jumps(problem, rule, weight), start=1):
        levels.append(inflow(levels[-1], jump) + (0.0 if start is None else start[k]))
    return levels


def inflow(flow: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """What a level sends to the next: sum over v of flow(c - e_v) edge(c - e_v, v); flow may have leading axes."""
    axes, tokens = edge.ndim - 1, edge.shape[-1]
    lead = flow.shape[: flow.ndim - axes]
    child = np.zeros((*lead, *(n + 1 for n in edge.shape[:-1])), dtype=flow.dtype)
    for v in range(tokens):
        child[(..., *revealed(v, axes))] += flow * edge[..., v]
    return child


# Laws at a clock --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contour:
    """A parabola for clocks near each other: f(u) = Re sum_j weights[u, j] F(points[j])."""

    points: np.ndarray
    weights: np.ndarray


class Quadrature:
    """exp(uQ) from a start, for clocks u within about a factor of four of each other.

    Parameters
    ----------
    rates : CountRates
    start : levels, or None for the fully masked state
    clocks : (T,) floats in (0, inf)
    shift : float, optional
        At most the late rate: the result is e^{shift u} times the law on the masked levels, whose poles then start
        at zero, so that it keeps its relative accuracy however small e^{-shift u} is. None: the law, all levels.

    Attributes
    ----------
    error : (T,) array
        Aliasing and truncation, bounded through sampled integrals, plus round-off of the terms summed; in L1.
    """

    def __init__(self, rates: CountRates, start: Levels | None, clocks: np.ndarray, shift: float | None = None):
        self.rates, self.start, self.clocks = rates, start, clocks
        masked_only = shift is not None
        self.levels = rates.length if masked_only else rates.length + 1
        # An unreachable state has R = 0 and carries nothing; 1 keeps its diagonal away from zero.
        self.exit = [
            np.where(level > 0, np.maximum(level - (shift or 0.0), 0.0), 1.0) if k < rates.length else level
            for k, level in enumerate(rates.exit[: self.levels])
        ]
        self.contour, self.error = self._narrowest()

    def laws(self) -> list[np.ndarray]:
        """(T,) + level shape for every level."""
        found = [np.zeros((self.clocks.size, *level.shape)) for level in self.exit]
        for points, weights in self._batches():
            for k, values in enumerate(self._resolvent(points)):
                found[k] += np.einsum("tn,n...->t...", weights, values).real
        return found

    def masses(self) -> np.ndarray:
        """The sum over all states of :meth:`laws`, (T,)."""
        found = np.zeros(self.clocks.size)
        for points, weights in self._batches():
            total = sum(values.reshape(len(points), -1).sum(axis=1) for values in self._resolvent(points))
            found += np.einsum("tn,n->t", weights, total).real
        return found

    def _batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        size = max(1, AT_ONCE // self.exit[-1].size)
        for first in range(0, self.contour.points.size, size):
            part = slice(first, first + size)
            yield self.contour.points[part], self.contour.weights[:, part]

    def _resolvent(self, points: np.ndarray) -> Iterator[np.ndarray]:
        """start (sI - Q)^{-1} at every point, level by level: points.shape + level shape."""
        return self._sweep(lambda level: points.reshape(-1, *(1,) * level.ndim) + level)

    def _sizes(self, points: np.ndarray) -> np.ndarray:
        """Upper bound of the L1 norm of start (sI - Q)^{-1}, (n,): the same sweep with |s + R|."""
        sweep = self._sweep(lambda level: np.abs(points.reshape(-1, *(1,) * level.ndim) + level))
        return sum((values.reshape(len(points), -1).sum(axis=1) for values in sweep), np.zeros(len(points)))

    def _sweep(self, diagonal) -> Iterator[np.ndarray]:
        values: np.ndarray | None = None
        for k, level in enumerate(self.exit):
            arriving = _start(self.start, k, level.ndim)
            if values is not None:
                arriving = arriving + inflow(values, self.rates.edges[k - 1])
            yield (values := arriving / diagonal(level))

    def _narrowest(self) -> tuple[Contour, np.ndarray]:
        """Double B until aliasing meets the goal or gains less than twofold; B = max R is safe, given the nodes."""
        width = 2 * REACH
        aliasing = self._aliasing(width)
        while aliasing.max() > GOAL and self._nodes(2 * width) <= MOST_NODES:
            wider = self._aliasing(2 * width)
            if not wider.max() < aliasing.max() / 2:
                break
            width, aliasing = 2 * width, wider
        return self._parabola(width), aliasing + self._round_off(width)

    def _grid(self, width: float) -> tuple[float, float, float, float]:
        """sigma, B, step and end of y, for B = width / (the latest clock)."""
        latest, earliest = float(self.clocks.max()), float(self.clocks.min())
        sigma, opening = REACH / latest, width / latest
        end = np.sqrt(2 * opening * (DECAY / earliest + sigma))
        return sigma, opening, 2 * np.pi * sigma / DECAY, end

    def _nodes(self, width: float) -> int:
        *_, step, end = self._grid(width)
        return int(np.ceil(end / step))

    def _parabola(self, width: float) -> Contour:
        sigma, opening, step, _ = self._grid(width)
        y = (np.arange(self._nodes(width)) + 0.5) * step
        points = sigma + 1j * y - y**2 / (2 * opening)
        return Contour(points, step / np.pi * (1 + 1j * y / opening) * np.exp(np.multiply.outer(self.clocks, points)))

    def _terms(self, width: float, y: np.ndarray) -> np.ndarray:
        """Upper bounds of the integrand at every clock and every (complex) y, (T, n)."""
        sigma, opening, *_ = self._grid(width)
        points = sigma + 1j * y - y**2 / (2 * opening)
        sizes = self._sizes(points) * np.abs(1 + 1j * y / opening) / np.pi
        return sizes * np.exp(np.multiply.outer(self.clocks, points.real))

    def _aliasing(self, width: float) -> np.ndarray:
        """(T,) error of the trapezoids and of their end.

        Steps of h err by at most e^{-2 pi a/h} times the integral over the contour moved by a towards the poles;
        beyond the last node the terms fall like e^{-u y^2 / 2B}.
        """
        sigma, opening, step, end = self._grid(width)
        moved = self._terms(width, _samples(end) + 1j * MARGIN * sigma).sum(axis=1) * end / SAMPLES
        rest = self._terms(width, np.array([complex(end)]))[:, 0] * opening / (end * self.clocks)
        return np.exp(-2 * np.pi * MARGIN * sigma / step) * moved + rest

    def _round_off(self, width: float) -> np.ndarray:
        """(T,): each term off by two roundings a level, which add up like a random walk."""
        *_, end = self._grid(width)
        summed = self._terms(width, _samples(end).astype(complex)).sum(axis=1) * end / SAMPLES
        return 2 * np.finfo(float).eps * np.sqrt(self.levels) * summed


def _samples(end: float) -> np.ndarray:
    return (np.arange(SAMPLES) + 0.5) * end / SAMPLES


def _start(start: Levels | None, level: int, axes: int) -> np.ndarray:
    if start is None:
        return np.full((1,) * axes, float(level == 0)) if level == 0 else np.zeros((1,) * axes)
    return start[level]


def _guided(pair: np.ndarray, rule: Rule, weight: float) -> np.ndarray:
    """Rates of one masked coordinate; hazards beyond 1e100 are set to it, in the proportions of r/R."""
    rates = rule.rates(pair[0], pair[1], weight)
    instant = ~(rates.sum(axis=-1) < INSTANT)
    if instant.any():
        rates[instant] = INSTANT * proportions(rule, pair[0][instant], pair[1][instant], weight)
    return rates
