"""Guidance rules by name: which laws a rule takes, its parameters, and the rates it gives on the lattice.

A rule guides towards the target class and away from a reference: the mixture, or for "contrastive" another
class. Its formula for one coordinate is in pointwise.py; "tilted" alone looks further ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from math import isfinite, pi
from typing import Any

import numpy as np

from .. import _checks
from .._caching import cached_on_first
from ..problems.table import TableProblem, marginal_table
from .formulas import (
    log_powers,
    log_product,
    normalized_rates,
    predictor_rates,
    product_rates,
    quotient,
    rectified_rates,
    softmax,
    spherical_rates,
)


class Required(Enum):
    """Stands where a default would: the parameter must be given."""

    NO_DEFAULT = "no default"


@dataclass(frozen=True)
class Parameter:
    """A named number or class of a rule: how it is checked, and its default."""

    name: str
    check: Callable[[Any], Hashable]
    default: Hashable = Required.NO_DEFAULT


@dataclass(frozen=True)
class Rule:
    """A guidance rule, with the values of its parameters once a Guidance has set them.

    Attributes
    ----------
    name, formula, source : str
    rates : function (target, reference, weight, **settings) -> rates
        Of one masked coordinate, from conditionals (..., N). A rule that looks ahead follows it only where
        that coordinate is the last one masked.
    unit_hazard : bool
        Whether every masked coordinate reveals at rate 1 for every w, so that R(x) = |M(x)|.
    looks_ahead : bool
        Whether the rate also depends on what the other masked coordinates may become ("tilted").
    parameters : tuple of Parameter
    settings : tuple of (name, value)
    powers : function (weight, **settings) -> (a, b) or None
        Where the rates are p_z^a p^b, up to normalisation: the two exponents, a = 0 if the target restricts nothing.
    """

    name: str
    rates: Callable[..., np.ndarray]
    unit_hazard: bool
    formula: str
    source: str = ""
    looks_ahead: bool = False
    parameters: tuple[Parameter, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()
    powers: Callable[..., tuple[float, float]] | None = None

    def with_settings(self, given: Mapping[str, Any]) -> Rule:
        """The same rule with its parameters set; unknown, missing or bad ones are one clear error."""
        if not self.parameters and not given:
            return self
        known = [p.name for p in self.parameters]
        for name in given:
            if name not in known:
                listed = f"its parameters: {', '.join(known)}" if known else "it has none but the weight"
                _checks.fail(f"unknown parameter {name!r} of the rule {self.name!r}", listed, "leave it out")
        chosen = {p.name: given.get(p.name, p.default) for p in self.parameters}
        for name, value in chosen.items():
            if value is Required.NO_DEFAULT:
                example = f'Guidance({self.name!r}, weight=1.0, {name}="class 1")'
                _checks.fail(f"the rule {self.name!r} without {name!r}", f"{name} has no default", example)
        return replace(self, settings=tuple((p.name, p.check(chosen[p.name])) for p in self.parameters))

    @property
    def negative(self) -> int | str | None:
        """The class guided away from; None for the mixture."""
        return dict(self.settings).get("negative")

    def reference(self, problem: TableProblem) -> np.ndarray:
        """The law guided away from, on the lattice (N+1,)*D: the mixture, or the negative class."""
        if self.negative is None:
            return problem.unconditional_table
        return _class_table(problem, class_index(problem, self.negative, "negative class"))

    def edges(self, problem: TableProblem, weight: float, axis: int) -> np.ndarray:
        """Rates of revealing coordinate `axis` in every context: lattice shape, that axis last and of length N."""
        if self.looks_ahead:
            return softmax(np.moveaxis(log_tilted_table(problem, weight), axis, -1)[..., :-1])
        target, reference = (conditionals(table, axis) for table in (problem.target_table, self.reference(problem)))
        return self.rates(target, reference, weight, **self._numbers)

    def exponents(self, weight: float) -> tuple[float, float]:
        """(a, b) of the rates p_z^a p^b at a weight; an error for a rule of another form."""
        if self.powers is None:
            _checks.fail(
                f"the rule {self.name!r} away from a table",
                f"computed conditionals take {', '.join(name for name, rule in RULES.items() if rule.powers)}",
                "problem.table() is the same problem on the lattice, for few coordinates",
            )
        return self.powers(weight, **self._numbers)

    def log_rates(self, log_target: Any, log_reference: Any, weight: float) -> Any:
        """log r of coordinates from log conditionals (..., N), numpy arrays or torch tensors; -inf where impossible."""
        return log_powers(log_target, log_reference, *self.exponents(weight), normalise=self.unit_hazard)

    @property
    def _numbers(self) -> dict[str, Any]:
        return {k: v for k, v in self.settings if k != "negative"}

    def check(self, problem: Any) -> None:
        """Refuse a problem on which rates would be infinite: the negative class must go where the target goes.

        Away from tables only the classes themselves are looked at.
        """
        if not isinstance(problem, TableProblem):
            self.exponents(0.0)
        if self.negative is None:
            return
        index = class_index(problem, self.negative, "negative class")
        if not isinstance(problem, TableProblem) and index != problem.target:
            return
        missing = np.zeros(0, dtype=bool)
        if index != problem.target:
            missing = (problem.target_law > 0) & (problem.class_laws[index] == 0)
        if index == problem.target or missing.any():
            fault = "is the target" if index == problem.target else f"never visits {int(missing.sum())} target states"
            _checks.fail(
                f"the negative class {problem.class_names[index]!r} {fault}",
                "p_z^(1+w) p_neg^(-w) needs another class, positive wherever the target is",
                'smooth the laws, or guide away from the mixture with the rule "product"',
            )


def log_tilted(problem: TableProblem, weight: float) -> np.ndarray:
    """log p_z^(1+w) p^(-w) on completed states, (N,)*D, and log p at w = -1; -inf where impossible."""
    law = problem.unconditional_law if weight == -1 else problem.target_law
    return log_product(law, problem.unconditional_law, weight)


@cached_on_first(2)
def log_tilted_table(problem: TableProblem, weight: float) -> np.ndarray:
    """log H on the lattice, (N+1,)*D: H(x) = sum of p_z^(1+w) p^(-w) over the completions of x; last entry log Z.

    One backward sweep: every axis gets its own sum appended, in logarithms, so that nothing underflows. With
    h*(x) = H(x)/p_z(x) = E[(p(z|X_0)/p(z))^w | x, z], Doob's rates are p_z(v|x) h*(x_v)/h*(x) = H(x_v)/H(x).
    """
    table = log_tilted(problem, weight)
    for axis in range(problem.length):
        table = np.concatenate([table, np.logaddexp.reduce(table, axis=axis, keepdims=True)], axis=axis)
    return table


@cached_on_first(2)
def _class_table(problem: TableProblem, index: int) -> np.ndarray:
    return marginal_table(problem.class_laws[index])


def class_index(problem: Any, label: int | str, what: str) -> int:
    """The index of a class given by name or number; `what` it is goes into the error sentence."""
    if isinstance(label, str):
        return problem.class_names.index(_checks.choice(label, problem.class_names, what))
    index = _checks.integer(label, what, 0)
    if index >= problem.num_classes:
        _checks.fail(
            f"{what} {index}", f"an index below K = {problem.num_classes}", "count classes from 0, or name one"
        )
    return index


def conditionals(table: np.ndarray, axis: int) -> np.ndarray:
    """p(v | x) for every context x with coordinate `axis` masked, token axis last; 0 where p(x) = 0."""
    moved = np.moveaxis(table, axis, -1)
    return quotient(moved[..., :-1], moved[..., -1:], 0.0)


def _temperature(value: Any) -> float:
    number = _checks.real(value, "temperature")
    if not (isfinite(number) and number > 0):
        _checks.fail(
            f"temperature T = {number:g}", "T is finite and T > 0", "T = 1 is the rate product, T < 1 guides more"
        )
    return number


def _gamma0(value: Any) -> float | None:
    if value is None:
        return None
    number = _checks.real(value, "gamma0")
    if not isfinite(number):
        _checks.fail(f"gamma0 = {number:g}", "gamma0 is finite, of either sign", "gamma0 = -w is the rate product")
    return number


def _negative(value: Any) -> int | str:
    return value if isinstance(value, str) else _checks.integer(value, "negative", 0)


def _cap(value: Any) -> float | None:
    if value is None:
        return None
    number = _checks.real(value, "cap")
    if not 0 < number <= pi:
        _checks.fail(f"cap = {number:g}", "0 < cap <= pi, an angle", "pi/3 is that of angle-domain guidance")
    return number


def _product_powers(weight: float, **_: Any) -> tuple[float, float]:
    return 1 + weight, -weight


def _predictor_powers(weight: float, temperature: float) -> tuple[float, float]:
    return (1 + weight) / temperature, 1 - (1 + weight) / temperature


def _rectified_powers(weight: float, gamma0: float | None) -> tuple[float, float]:
    return 1 + weight, -weight if gamma0 is None else gamma0


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("product", product_rates, False, "p_z^(1+w) p^(-w)", "arXiv:2406.01572", powers=_product_powers),
        Rule("normalized", normalized_rates, True, "p_z^(1+w) p^(-w) / Z", "arXiv:2412.10193, arXiv:2507.08965",
             powers=_product_powers),
        Rule("predictor", predictor_rates, False, "p (p(z|x_v)/p(z|x))^((1+w)/T)", "arXiv:2406.01572",
             parameters=(Parameter("temperature", _temperature, 1.0),), powers=_predictor_powers),
        Rule("rectified", rectified_rates, False, "p_z^(1+w) p^gamma0", "arXiv:2410.18737",
             parameters=(Parameter("gamma0", _gamma0, None),), powers=_rectified_powers),
        Rule("spherical", spherical_rates, True, "(sin((1+w) theta) sqrt(p_z) - sin(w theta) sqrt(p))_+^2 / Z",
             "arXiv:2506.11039", parameters=(Parameter("cap", _cap, None),)),
        Rule("contrastive", product_rates, False, "p_z^(1+w) p_neg^(-w)", "arXiv:2406.01572",
             parameters=(Parameter("negative", _negative),), powers=_product_powers),
        Rule("tilted", normalized_rates, True, "p_z h*(x_v)/h*(x), h*(x) = E[(p(z|X_0)/p(z))^w | x, z]",
             "Doob's transform", looks_ahead=True),
    )
}  # fmt: skip

CLOSED_FORM_RULES = {name: RULES[name] for name in ("product", "normalized")}  # what the symbolic engine knows
