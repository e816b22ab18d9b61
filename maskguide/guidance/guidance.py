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
    """How the chain is guided: a rule, its parameters, and a weight. Source: docs/rules.md.

    Parameters
    ----------
    rule : str or Rule
        "product", "normalized", "predictor", "rectified", "spherical", "contrastive" or "tilted" (docs/rules.md), a
        name that an installed package has registered, or a rule of one's own (docs/extending.md).
    weight : float or WeightSchedule
        w >= -1, finite; 0 samples the target class, -1 the unconditional law. Or a schedule over the masking level.
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
        """Guidance by the scale gamma = 1 + w that many papers and code bases use.

        Parameters
        ----------
        gamma : float
            gamma >= 0; 1 is conditional sampling, 0 unconditional.
        rule : str or Rule
            As for the class.
        **parameters
            As for the class.

        Returns
        -------
        Guidance
            With the weight w = gamma - 1.

        Raises
        ------
        InputError
            As for the class.

        Examples
        --------
        >>> Guidance.from_scale(3.0)
        Guidance('product', weight=2.0)
        """
        return cls(rule, _checks.real(gamma, "gamma") - 1, **parameters)

    @classmethod
    def parse(cls, text: str, weight: float | WeightSchedule = 0.0) -> Guidance:
        """A rule and its parameters in one string, as the command line takes them.

        Parameters
        ----------
        text : str
            The rule's name, then its parameters, if any, as name=value, each after a colon.
        weight : float or WeightSchedule
            As for the class.

        Returns
        -------
        Guidance
            What the text says, at that weight.

        Raises
        ------
        InputError
            As for the class, or a text of another form.

        Examples
        --------
        >>> Guidance.parse("predictor:temperature=0.5", 2.0)
        Guidance('predictor', weight=2.0, temperature=0.5)
        """
        name, parameters = _settings.named(text, "rule")
        RULES.named(name).with_settings(parameters)  # a parameter called weight is none, too
        return cls(name, weight, **parameters)

    @property
    def is_constant(self) -> bool:
        """Whether one weight holds at every masking level."""
        return len(self.schedule.weights) == 1

    @property
    def weight(self) -> float | WeightSchedule:
        """The number w, or the schedule where the weight changes."""
        return self.schedule.weights[0] if self.is_constant else self.schedule

    @property
    def parameters(self) -> dict[str, Any]:
        """The rule's parameters besides the weight, by name."""
        return dict(self.rule.settings)

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self.rule.settings)
        return f"Guidance({self.rule.name!r}, weight={self.weight!r}{settings})"
