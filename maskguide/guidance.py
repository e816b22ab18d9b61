"""Guidance: how the conditionals of the target class and of the mixture combine, and with what weight.

Convention: weight w, conditional^(1+w) unconditional^(-w). w = 0 is conditional sampling, w = -1
unconditional; papers that write gamma (or omega) mean gamma = 1 + w.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, log

import numpy as np

from . import _checks

# A rule turns conditionals (..., N) of one coordinate, of the target and of the mixture, into rates.
RateFunction = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def product_rates(target: np.ndarray, mixture: np.ndarray, weight: float) -> np.ndarray:
    """r(v) = p_z(v|x)^(1+w) p(v|x)^(-w), and p(v|x) at w = -1.

    Source: Nisonoff et al., arXiv:2406.01572; the rule analysed by He, Rojas and Tao. For
    -1 < w < 0 the support of p_z restricts the rates; at w = -1 the rule is the unconditional process.
    """
    if weight == -1:
        return mixture.copy()
    possible = (target > 0) & (mixture > 0)
    ratio = np.divide(target, mixture, out=np.ones_like(target), where=possible)
    with np.errstate(over="ignore"):
        return np.where(possible, target * ratio**weight, 0.0)


def normalized_rates(target: np.ndarray, mixture: np.ndarray, weight: float) -> np.ndarray:
    """r(v) / Z with Z = sum_v r(v): the rate product divided by its sum over tokens.

    Source: Schiff et al., arXiv:2412.10193; Rojas et al., arXiv:2507.08965. Each masked coordinate then
    reveals at rate 1 in the clock u for every w. Computed in logarithms: no overflow at any w.
    """
    if weight == -1:
        return mixture.copy()
    possible = (target > 0) & (mixture > 0)
    ratio = np.divide(target, mixture, out=np.ones_like(target), where=possible)
    log_rate = np.where(possible, np.log(np.where(possible, target, 1.0)) + weight * np.log(ratio), -inf)
    largest = log_rate.max(axis=-1, keepdims=True)
    rate = np.exp(log_rate - np.where(np.isfinite(largest), largest, 0.0))
    total = rate.sum(axis=-1, keepdims=True)
    return np.divide(rate, total, out=np.zeros_like(rate), where=total > 0)


@dataclass(frozen=True)
class Rule:
    """A guidance rule: its rates, and whether each masked coordinate reveals at rate 1 for every w."""

    name: str
    rates: RateFunction
    unit_hazard: bool
    formula: str


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("product", product_rates, False, "p_z^(1+w) p^(-w)"),
        Rule("normalized", normalized_rates, True, "p_z^(1+w) p^(-w) / Z"),
    )
}


@dataclass(frozen=True)
class Segment:
    """A stretch of clock, start <= u < end, on which the weight is constant."""

    start: float
    end: float
    weight: float


class WeightSchedule:
    """A piecewise-constant weight over the masking level m: 1 = fully masked, 0 = data.

    w(m) = weights[j] for edges[j] < m <= edges[j-1] (edges[-1] := 1 above, 0 below), that is, from the
    moment the level sinks to edges[j-1] until it sinks to edges[j]. A level that is exactly an edge
    belongs to the later (less masked) piece, so a step that starts on an edge uses the weight ahead.

    Parameters
    ----------
    edges : sequence of J - 1 floats
        Levels where the weight changes, strictly decreasing inside (0, 1).
    weights : sequence of J floats
        One weight >= -1 for each piece, the most masked first.

    Examples
    --------
    >>> schedule = WeightSchedule([0.75, 0.25], [0.0, 3.0, 0.0])   # interval guidance
    >>> schedule.at(0.5), schedule.at(1.0)
    (3.0, 0.0)
    """

    def __init__(self, edges: Sequence[float], weights: Sequence[float]):
        self.edges = tuple(_checks.real(e, "edge") for e in edges)
        self.weights = tuple(_checks.weight(w) for w in weights)
        if len(self.weights) != len(self.edges) + 1:
            _checks.fail(
                f"{len(self.edges)} edges with {len(self.weights)} weights",
                "J weights need J - 1 edges",
                "WeightSchedule([0.5], [w_masked, w_data]) has two pieces",
            )
        levels = (1.0, *self.edges, 0.0)
        if not all(a > b for a, b in itertools.pairwise(levels)):
            _checks.fail(
                f"edges {_checks.short(list(self.edges))}",
                "masking levels strictly decreasing inside (0, 1)",
                "list them from fully masked (1) towards data (0)",
            )

    def at(self, level: float) -> float:
        """The weight at a masking level in [0, 1]."""
        if not 0 <= level <= 1:
            _checks.fail(f"level {level}", "0 <= m <= 1", "1 is fully masked, 0 is data")
        return self.weights[sum(level <= edge for edge in self.edges)]

    def segments(self) -> tuple[Segment, ...]:
        """The pieces in the clock u = -log m, from u = 0; the last ends at inf."""
        clocks = (0.0, *(-log(edge) for edge in self.edges), inf)
        return tuple(Segment(a, b, w) for a, b, w in zip(clocks, clocks[1:], self.weights, strict=False))

    def __repr__(self) -> str:
        return f"WeightSchedule({list(self.edges)}, {list(self.weights)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WeightSchedule) and (self.edges, self.weights) == (other.edges, other.weights)

    def __hash__(self) -> int:
        return hash((self.edges, self.weights))


class Guidance:
    """A rule and a weight.

    Parameters
    ----------
    rule : str
        "product" or "normalized".
    weight : float or WeightSchedule
        w >= -1, finite; or a schedule over the masking level.
    """

    def __init__(self, rule: str = "product", weight: float | WeightSchedule = 0.0):
        self.rule = RULES[_checks.choice(rule, RULES, "rule")]
        self.schedule = weight if isinstance(weight, WeightSchedule) else WeightSchedule([], [weight])

    @classmethod
    def from_scale(cls, gamma: float, rule: str = "product") -> Guidance:
        """Guidance by the scale gamma = 1 + w that many papers and code bases use (gamma = 1: conditional)."""
        return cls(rule, _checks.real(gamma, "gamma") - 1)

    @property
    def is_constant(self) -> bool:
        """Whether one weight holds at every masking level."""
        return len(self.schedule.weights) == 1

    @property
    def weight(self) -> float | WeightSchedule:
        """The number w, or the schedule when it changes."""
        return self.schedule.weights[0] if self.is_constant else self.schedule

    def __repr__(self) -> str:
        return f"Guidance({self.rule.name!r}, weight={self.weight!r})"
