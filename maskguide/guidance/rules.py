"""The guidance rules by name, each with its formula, its parameters and its source."""

from __future__ import annotations

from math import isfinite, pi
from typing import Any

from .. import _checks
from .._registry import Registry
from .formulas import (
    log_spherical,
    normalized_rates,
    predictor_rates,
    product_rates,
    rectified_rates,
    spherical_rates,
)
from .parameter import Parameter
from .rule import Rule, of_powers
from .tilted import tilted_rates


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


def _ratio_powers(weight: float) -> tuple[float, float]:
    return 1 + weight, -weight


def _predictor_powers(weight: float, temperature: float = 1.0) -> tuple[float, float]:
    return (1 + weight) / temperature, 1 - (1 + weight) / temperature


def _rectified_powers(weight: float, gamma0: float | None = None) -> tuple[float, float]:
    return 1 + weight, -weight if gamma0 is None else gamma0


RULES: Registry[Rule] = Registry(
    "rule", Rule, "maskguide.rules",
    (
        Rule("product", of_powers(_ratio_powers), "p_z^(1+w) p^(-w)", "arXiv:2406.01572",
             on_probabilities=product_rates, powers=_ratio_powers, growth=lambda: 1.0),
        Rule("normalized", of_powers(_ratio_powers), "p_z^(1+w) p^(-w) / Z",
             "arXiv:2412.10193, arXiv:2507.08965", True, normalized_rates, powers=_ratio_powers, growth=lambda: 1.0),
        Rule("predictor", of_powers(_predictor_powers), "p (p(z|x_v)/p(z|x))^((1+w)/T)",
             "arXiv:2406.01572", on_probabilities=predictor_rates, powers=_predictor_powers,
             growth=lambda temperature: 1 / temperature, parameters=(Parameter("temperature", _temperature, 1.0),)),
        Rule("rectified", of_powers(_rectified_powers), "p_z^(1+w) p^gamma0", "arXiv:2410.18737",
             on_probabilities=rectified_rates, powers=_rectified_powers,
             growth=lambda gamma0: 1.0 if gamma0 is None else None, parameters=(Parameter("gamma0", _gamma0, None),)),
        Rule("spherical", log_spherical, "(sin((1+w) theta) sqrt(p_z) - sin(w theta) sqrt(p))_+^2 / Z",
             "arXiv:2506.11039", True, spherical_rates, parameters=(Parameter("cap", _cap, None),)),
        Rule("contrastive", of_powers(_ratio_powers), "p_z^(1+w) p_neg^(-w)", "arXiv:2406.01572",
             on_probabilities=product_rates, powers=_ratio_powers, growth=lambda: 1.0,
             parameters=(Parameter("negative", _negative, is_reference=True),)),
        Rule("tilted", None, "p_z h*(x_v)/h*(x), h*(x) = E[(p(z|X_0)/p(z))^w | x, z]", "Doob's transform", True,
             normalized_rates, table_rates=tilted_rates),
    ),
)  # fmt: skip
