"""Guidance: how the conditionals of the target class and of the mixture combine, and with what weight.

Convention: weight w, conditional^(1+w) unconditional^(-w). w = 0 is conditional sampling, w = -1
unconditional; papers that write gamma (or omega) mean gamma = 1 + w.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log
from typing import Any

from .. import _checks, _settings
from . import rules
from .formulas import normalized_rates, product_rates
from .rules import Rule

__all__ = ["Guidance", "Rule", "Segment", "WeightSchedule", "normalized_rates", "product_rates"]


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
    """A rule, its parameters, and a weight.

    Parameters
    ----------
    rule : str
        "product", "normalized", "predictor", "rectified", "spherical", "contrastive" or "tilted": docs/rules.md.
    weight : float or WeightSchedule
        w >= -1, finite; or a schedule over the masking level.
    **parameters
        What the rule needs besides: temperature > 0 for "predictor" (default 1), a finite gamma0 for
        "rectified" (default -w), negative, a class by name or index, for "contrastive" (no default), cap, an angle in
        (0, pi], for "spherical" (default none).

    Raises
    ------
    InputError
        Unknown rules and parameters, weights below -1, values out of range, a missing parameter.

    Examples
    --------
    >>> Guidance("predictor", weight=2.0, temperature=0.5)
    Guidance('predictor', weight=2.0, temperature=0.5)
    >>> Guidance("contrastive", weight=1.0, negative="class 1").parameters
    {'negative': 'class 1'}
    """

    def __init__(self, rule: str = "product", weight: float | WeightSchedule = 0.0, **parameters: Any):
        self.rule: Rule = rules.RULES[_checks.choice(rule, rules.RULES, "rule")].with_settings(parameters)
        self.schedule = weight if isinstance(weight, WeightSchedule) else WeightSchedule([], [weight])

    @classmethod
    def from_scale(cls, gamma: float, rule: str = "product", **parameters: Any) -> Guidance:
        """Guidance by the scale gamma = 1 + w that many papers and code bases use (gamma = 1: conditional)."""
        return cls(rule, _checks.real(gamma, "gamma") - 1, **parameters)

    @classmethod
    def parse(cls, text: str, weight: float | WeightSchedule = 0.0) -> Guidance:
        """A rule and its parameters in one string, as the command line takes them.

        >>> Guidance.parse("predictor:temperature=0.5", 2.0)
        Guidance('predictor', weight=2.0, temperature=0.5)
        """
        name, parameters = _settings.named(text, "rule")
        rule = rules.RULES[_checks.choice(name, rules.RULES, "rule")].with_settings(parameters)
        return cls(rule.name, weight, **parameters)

    @property
    def is_constant(self) -> bool:
        """Whether one weight holds at every masking level."""
        return len(self.schedule.weights) == 1

    @property
    def weight(self) -> float | WeightSchedule:
        """The number w, or the schedule when it changes."""
        return self.schedule.weights[0] if self.is_constant else self.schedule

    @property
    def parameters(self) -> dict[str, Any]:
        """The rule's parameters besides the weight."""
        return dict(self.rule.settings)

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self.rule.settings)
        return f"Guidance({self.rule.name!r}, weight={self.weight!r}{settings})"
