"""Guidance: how the conditionals of the target class and of the unconditional law combine, and with what weight.

Convention: weight w, conditional^(1+w) unconditional^(-w). w = 0 is conditional sampling, w = -1
unconditional; papers that write gamma (or omega) mean gamma = 1 + w.
"""

from __future__ import annotations

from typing import Any

from .. import _checks, _settings
from .rule import Rule
from .rules import RULES
from .weight_schedule import WeightSchedule


class Guidance:
    """A rule, its parameters, and a weight.

    Parameters
    ----------
    rule : str or Rule
        "product", "normalized", "predictor", "rectified", "spherical", "contrastive" or "tilted" (docs/rules.md), a
        name that an installed package has registered, or a rule of one's own (docs/extending.md).
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

    def __init__(self, rule: str | Rule = "product", weight: float | WeightSchedule = 0.0, **parameters: Any):
        self.rule: Rule = RULES.named(rule).with_settings(parameters)
        self.schedule = weight if isinstance(weight, WeightSchedule) else WeightSchedule([], [weight])

    @classmethod
    def from_scale(cls, gamma: float, rule: str | Rule = "product", **parameters: Any) -> Guidance:
        """Guidance by the scale gamma = 1 + w that many papers and code bases use (gamma = 1: conditional)."""
        return cls(rule, _checks.real(gamma, "gamma") - 1, **parameters)

    @classmethod
    def parse(cls, text: str, weight: float | WeightSchedule = 0.0) -> Guidance:
        """A rule and its parameters in one string, as the command line takes them.

        >>> Guidance.parse("predictor:temperature=0.5", 2.0)
        Guidance('predictor', weight=2.0, temperature=0.5)
        """
        name, parameters = _settings.named(text, "rule")
        return cls(name, weight, **parameters)

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
