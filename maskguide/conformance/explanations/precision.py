"""Arithmetic that goes wrong: -inf - (-inf) under guidance, floors, races in float32."""

from __future__ import annotations

import numpy as np

from ...laws.lattice.sweep import all_masked
from ...problems.table import TableProblem
from .explanation import Explanation, Prediction
from .setup import Setup, branches, rates_of, tokens_last

FLOAT32 = 2.0**-24  # uniform numbers in float32 are multiples of this
LIGHT = 1e-5  # tokens less likely than this see the steps of -log(uniform)
FAR = 40.0  # races are over by then: e^-40


class BinnedProblem(TableProblem):
    """One coordinate whose tokens are bins of `sizes` equally likely tokens: rates of a bin are sums."""

    sizes: tuple[int, ...] = ()


def nan_tokens(whole_row: bool) -> Prediction:
    """Guided logits as floating-point arithmetic has them; a NaN wins every argmax.

    With `whole_row` the logits pass a softmax first, which turns one NaN into a row of them: token 0 wins.
    """

    def law(setup: Setup) -> np.ndarray | None:
        rule = setup.formula
        if rule.looks_ahead or rule.powers is None:
            return None
        edges = [_with_nan(setup, axis, whole_row) for axis in range(setup.problem.length)]
        return setup.law_of(rates_of(edges))

    return law


def _with_nan(setup: Setup, axis: int, whole_row: bool) -> np.ndarray:
    target, unconditional = branches(setup.problem, axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        logits = (1 + setup.weight) * np.log(target) - setup.weight * np.log(unconditional)
    nan = np.isnan(logits)
    first = np.arange(logits.shape[-1]) == (0 if whole_row else nan.argmax(axis=-1)[..., None])
    fine = setup.formula.rates(target, unconditional, setup.weight)
    return np.where(nan.any(axis=-1, keepdims=True), first, fine)


def floored(smallest: float) -> Prediction:
    """Probabilities below a floor are lifted to it before the logarithm."""

    def law(setup: Setup) -> np.ndarray | None:
        rule = setup.formula
        if rule.looks_ahead or rule.parameters:
            return None
        pairs = (branches(setup.problem, axis) for axis in range(setup.problem.length))
        lifted = ([np.maximum(branch, smallest) for branch in pair] for pair in pairs)
        return setup.law_of(rates_of([rule.rates(target, away, setup.weight) for target, away in lifted]))

    return law


def float32_race(setup: Setup) -> np.ndarray | None:
    """One coordinate; token or mask is the argmin of -log(U)/p with U in float32, a race over all tokens."""
    if not (setup.stepped and isinstance(setup.problem, BinnedProblem)):
        return None
    rates = setup.rates()
    (rate,), reveal = tokens_last(rates), setup.stepper(rates).reveal
    if reveal is None:
        return None
    sizes, law = np.array([*setup.problem.sizes, 1]), all_masked(rates)
    for step in setup.steps():
        chance = reveal(rate.sum(keepdims=True), step)
        row = raced(np.concatenate([chance * rate / rate.sum(), 1 - chance]), sizes)
        law[:-1] += law[-1] * row[:-1]
        law[-1] *= row[-1]
    return law


def raced(masses: np.ndarray, sizes: np.ndarray, resolution: float = FLOAT32, light: float = LIGHT) -> np.ndarray:
    """P(bin wins) when each token of a bin races at -log(U)/p, p = mass/size, U < 1 a multiple of the resolution.

    A race that a light bin wins ends where one of its tokens has its j-th possible value, -log(1 - j resolution)/p,
    while all others are later. Tokens of other bins are taken for exact: they win in proportion to their masses.
    """
    p = masses / sizes
    coarse = (p < light) & (p > 0)
    rest = masses[~coarse].sum()
    won = np.zeros(len(p))
    for g in np.flatnonzero(coarse & (rest > 0)):
        levels = np.arange(1, int(min(FAR * p[g] / (rest * resolution), 0.9 / resolution)) + 2) * resolution
        time = -np.log1p(-levels) / p[g]
        first = -np.diff((1 - np.append(0.0, levels)) ** sizes[g])
        others = [sizes[h] * np.log1p(-np.floor(-np.expm1(-time * p[h]) / resolution) * resolution)
                  for h in np.flatnonzero(coarse) if h != g]  # fmt: skip
        won[g] = (first * np.exp(sum(others, -rest * time))).sum()
    won[~coarse] = (1 - won.sum()) * masses[~coarse] / max(rest, 1e-300)
    return won if rest > 0 else masses


RACE = Explanation("float32 race", "tokens are drawn by an exponential or Gumbel race in float32, too coarse for a "
                   "large vocabulary", float32_race)  # fmt: skip

EXPLANATIONS = (
    RACE,
    Explanation("NaN selected", "-inf - (-inf) = NaN under guidance, and argmax selects the NaN", nan_tokens(False)),
    Explanation("NaN fills the row", "-inf - (-inf) = NaN under guidance, softmax spreads it, and argmax takes token 0",
                nan_tokens(True)),
    Explanation("probabilities floored at 0.01", "probabilities below 0.01 are lifted to it before the logarithm",
                floored(0.01)),
)  # fmt: skip
