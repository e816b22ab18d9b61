"""Other rules, weights, branches and temperatures: the rates differ, the way of stepping is the claimed one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...guidance.formulas import quotient
from ...guidance.rule import conditionals
from ...guidance.rules import RULES
from ...methods.fixed_count import tempered
from ...problems.table import TableProblem
from .explanation import Explanation, Prediction
from .setup import Setup, branches, rates_of, with_tokens

TEMPERATURES = (0.5, 0.9, 1.1, 2.0)
DESCRIBED = {
    "product": "rates are the product p_z^(1+w) p^(-w), not divided by their sum",
    "normalized": "guided conditionals are divided by their sum, so that every mask is revealed at rate one",
    "tilted": "it draws the tilted law p_z^(1+w) p^(-w) / Z of whole sequences",
    "spherical": "conditionals are combined along the great circle of their square roots (spherical rule)",
}

Branches = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def with_rule(name: str, **settings: float) -> Prediction:
    """The law under another rule, all else as claimed."""
    rule = RULES[name].with_settings(settings)
    return lambda setup: None if _same_rule(setup, name) else setup.changed(rule=rule).law()


def _same_rule(setup: Setup, name: str) -> bool:
    return setup.formula.name == name and not RULES[name].parameters


def away_from_class(setup: Setup) -> np.ndarray | None:
    """The unconditional law replaced by the first other class, where that one has all states of the target."""
    problem = setup.problem
    others = (k for k in range(problem.num_classes) if k != problem.target)
    other = next((k for k in others if ((problem.class_laws[k] > 0) | (problem.target_law == 0)).all()), None)
    return None if other is None else setup.changed(rule=RULES["contrastive"].with_settings({"negative": other})).law()


def with_weight(change: Callable[[float], float]) -> Prediction:
    """Another weight; below -1 only where the rule is a product of powers, or divided by its sum."""

    def law(setup: Setup) -> np.ndarray | None:
        weight = change(setup.weight)
        in_range = weight >= -1 or setup.formula.powers is not None
        return setup.changed(weight=weight).law() if in_range and weight != setup.weight else None

    return law


def only_at(weight: float, used: float) -> Prediction:
    """Another weight in place of one value only."""
    return with_weight(lambda w: used if w == weight else w)


def other_class(setup: Setup) -> np.ndarray | None:
    """The next class in place of the target."""
    problem = setup.problem
    label = (problem.target + 1) % problem.num_classes
    return setup.changed(problem=_retargeted(problem, label)).law() if problem.prior[label] > 0 else None


def _retargeted(problem: TableProblem, label: int) -> TableProblem:
    return problem if label == problem.target else problem.with_target(label)


def of_branches(change: Callable[[Setup, int], tuple[np.ndarray, np.ndarray]]) -> Prediction:
    """Other conditionals handed to the rule; rules that look ahead have none."""

    def law(setup: Setup) -> np.ndarray | None:
        rule = setup.formula
        if rule.looks_ahead or rule.parameters:
            return None
        axes = range(setup.problem.length)
        return setup.law_of(rates_of([rule.rates(*change(setup, axis), setup.weight) for axis in axes]))

    return law


def plain_average(setup: Setup, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The unconditional branch as the mean of all class conditionals, their prior and posterior ignored."""
    tables = [_retargeted(setup.problem, k).target_table for k in np.flatnonzero(setup.problem.prior).tolist()]
    mean = np.mean([conditionals(table, axis) for table in tables], axis=0)
    return branches(setup.problem, axis)[0], quotient(mean, mean.sum(axis=-1, keepdims=True), 0.0)


def on_branches(target: float, unconditional: float) -> Prediction:
    """Temperatures on the two branches, each divided by its sum again."""

    def change(setup: Setup, axis: int) -> tuple[np.ndarray, np.ndarray]:
        first, second = branches(setup.problem, axis)
        return warmed(first, target), warmed(second, unconditional)

    return of_branches(change)


def linear_mixture(setup: Setup) -> np.ndarray:
    """(1+w) p_z - w p in probabilities, cut off at zero and divided by its sum."""
    return setup.law_of(rates_of([_linear(setup, axis) for axis in range(setup.problem.length)]))


def _linear(setup: Setup, axis: int) -> np.ndarray:
    target, unconditional = branches(setup.problem, axis)
    row = np.maximum((1 + setup.weight) * target - setup.weight * unconditional, 0.0)
    return quotient(row, row.sum(axis=-1, keepdims=True), 0.0)


def warmed(law: np.ndarray, temperature: float) -> np.ndarray:
    """p^(1/T) divided by its sum; T = 0 is the mode."""
    with np.errstate(divide="ignore"):
        return tempered(np.log(law), temperature)


def on_tokens(temperature: float) -> Prediction:
    """A temperature on the guided law of the token; the rate of revealing stays."""
    return lambda setup: setup.law_of(with_tokens(setup.rates(), lambda law: warmed(law, temperature)))


def _temperatures() -> list[Explanation]:
    places = {
        "tokens": (on_tokens, "the guided law of the token"),
        "both branches": (lambda t: on_branches(t, t), "both conditionals, before guidance"),
        "the conditional branch": (lambda t: on_branches(t, 1.0), "the conditional branch only"),
        "the unconditional branch": (lambda t: on_branches(1.0, t), "the unconditional branch only"),
    }
    return [
        Explanation(f"temperature {t:g} on {place}", f"a temperature of {t:g} is applied to {where}", make(t))
        for place, (make, where) in places.items()
        for t in TEMPERATURES
    ]


EXPLANATIONS = (
    *(Explanation(f"{name} rule", sentence, with_rule(name)) for name, sentence in DESCRIBED.items()),
    Explanation("predictor rule at T = 2", "the classifier's ratio is taken to the power (1+w)/2",
                with_rule("predictor", temperature=2.0)),
    Explanation("rectified rule, p^(-1)", "the unconditional branch has the power -1 whatever w is",
                with_rule("rectified", gamma0=-1.0)),
    Explanation("another class as reference", "it guides away from another class, not from the unconditional law",
                away_from_class),
    Explanation("gamma for w", "the weight w is used as the scale gamma = 1 + w: guidance is one too weak",
                with_weight(lambda w: w - 1)),
    Explanation("w + 1", "the weight is one too large", with_weight(lambda w: w + 1)),
    Explanation("-w", "the weight has the wrong sign", with_weight(lambda w: -w)),
    Explanation("2 w", "the weight is doubled", with_weight(lambda w: 2 * w)),
    Explanation("conditionals swapped", "the conditional and the unconditional branch are swapped",
                with_weight(lambda w: -1 - w)),
    Explanation("guidance ignored", "it draws conditionally (w = 0) whatever w is", with_weight(lambda w: 0.0)),
    Explanation("label ignored", "it draws unconditionally (w = -1) whatever w is", with_weight(lambda w: -1.0)),
    Explanation("unconditional at w = 0", "w = 0 is taken for no label, and draws unconditionally", only_at(0.0, -1.0)),
    Explanation("conditional at w = -1", "w = -1 draws conditionally", only_at(-1.0, 0.0)),
    Explanation("another label", "it guides towards another class", other_class),
    Explanation("class prior ignored", "the unconditional branch is the plain mean of the class conditionals",
                of_branches(plain_average)),
    Explanation("probabilities mixed linearly", "guidance is linear in probabilities, (1+w) p_z - w p, not in logs",
                linear_mixture),
    Explanation("greedy tokens", "every token is the argmax of its guided law (temperature 0)", on_tokens(0.0)),
    *_temperatures(),
)  # fmt: skip
