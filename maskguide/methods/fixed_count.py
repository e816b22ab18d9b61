"""Decoders that reveal a given number of coordinates a step, as LLaDA, MaskGIT and Dream do.

Every masked coordinate proposes a token from the guided conditional q_i = r/Z_i sharpened by a temperature;
the coordinates of highest score keep theirs. The sharpening and the choice of positions are one formula,
:func:`tempered`: with noise, positions follow the scores plus noise * Gumbel, drawn without replacement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import namespace
from .method import Method, Step

TIE = 1e-12  # scores (natural logarithms, or probabilities) closer than this are equal up to round-off
COUNTS = ("schedule", "even")

# conditionals (..., N) -> score of a coordinate for every token it may draw, (..., N) or (..., 1)
Score = Callable[[Any], Any]


def tempered(log_weights: Any, temperature: float) -> Any:
    """softmax(log_weights / T) along the last axis; T = 0 is uniform over the largest; all -inf gives zeros.

    Ties are shared evenly, so that no law depends on the order of coordinates or tokens, or on round-off.
    """
    xp = namespace(log_weights)
    largest = xp.amax(log_weights, -1)[..., None]
    below = log_weights - xp.where(xp.isfinite(largest), largest, 0.0)
    weights = xp.exp(below / temperature) if temperature > 0 else xp.where(below >= -TIE, xp.ones_like(below), 0.0)
    total = weights.sum(-1)[..., None]
    return weights / xp.where(total > 0, total, 1.0)


def no_preference(conditionals: Any) -> Any:
    """Score zero everywhere: positions are chosen uniformly."""
    return namespace(conditionals).zeros_like(conditionals[..., :1])


def log_confidence(conditionals: Any) -> Any:
    """log q(v), v the drawn token (untempered, as in LLaDA)."""
    with np.errstate(divide="ignore"):
        return namespace(conditionals).log(conditionals)


def top_margin(conditionals: Any) -> Any:
    """Largest q(v) minus the second largest."""
    xp = namespace(conditionals)
    largest = xp.amax(conditionals, -1)[..., None]
    top = conditionals == largest
    second = xp.amax(xp.where(top, 0.0, conditionals), -1)[..., None]
    return xp.where(top.sum(-1)[..., None] > 1, 0.0, largest - second)


def negative_entropy(conditionals: Any) -> Any:
    """sum_v q(v) log q(v)."""
    xp = namespace(conditionals)
    return (conditionals * xp.log(xp.where(conditionals > 0, conditionals, 1.0))).sum(-1)[..., None]


@dataclass(frozen=True, kw_only=True)
class FixedCount(Method):
    """A decoder of fixed counts: a step reveals a given number of coordinates, whatever their hazards are.

    Every mask proposes a token; the positions of the best scores keep theirs. Source: docs/stepped-laws.md.

    Attributes
    ----------
    score : callable
        See :data:`Score`; computed from the untempered conditionals.
    temperature : float
        >= 0, of the tokens; 1 draws from the guided conditional, 0 takes its mode.
    noise : float
        >= 0, of the positions; 0 takes the highest scores.
    counts : str or sequence of K integers
        "schedule": floor(D m(t')) masks are left after a step (MaskGIT). "even": D // K a step and the remainder
        one by one on the first steps (LLaDA), whatever the times. Or the reveals of each step.
    annealed : bool
        Whether the noise falls with the steps, to noise (1 - (k+1)/K) in step k: none in the last (MaskGIT).

    Raises
    ------
    InputError
        A temperature or noise that is negative or not finite, counts of another form.
    """

    score: Score = field(repr=False)
    temperature: float = 1.0
    noise: float = 0.0
    counts: str | Sequence[int] = "schedule"
    annealed: bool = False

    def __post_init__(self) -> None:
        for name in ("temperature", "noise"):
            value = _checks.real(getattr(self, name), name)
            if not 0 <= value < np.inf:
                _checks.fail(f"{name} = {value:g}", f"{name} is finite and >= 0", f"{name} = 0 takes the largest")
            object.__setattr__(self, name, value)
        if not isinstance(self.annealed, bool):
            _checks.fail(f"annealed = {_checks.short(self.annealed)}", "True or False", "annealed=True, as in MaskGIT")
        if isinstance(self.counts, str):
            _checks.choice(self.counts, COUNTS, "counts")
        elif not isinstance(self.counts, Iterable):
            _checks.fail(f"counts = {_checks.short(self.counts)}", "a name or K integers", 'counts="even"')
        else:
            object.__setattr__(self, "counts", tuple(_checks.integer(c, "a count", 0) for c in self.counts))

    @property
    def ranks_positions(self) -> bool:
        """Whether positions follow a score."""
        return self.score is not no_preference

    @property
    def fixes_counts(self) -> bool:
        """Whether the number of reveals in a step is given: always."""
        return True

    @property
    def needs_all_rates(self) -> bool:
        """Whether scores need all conditionals: unless positions are chosen uniformly."""
        return self.ranks_positions

    def count(self, step: Step, length: int) -> int:
        """How many coordinates a step reveals.

        Parameters
        ----------
        step : Step
            Its clocks and its number.
        length : int
            D.

        Returns
        -------
        int
            0..D.

        Raises
        ------
        InputError
            Given counts that are not one a step, or more than D together.
        """
        if self.counts == "schedule":
            return _left(length, step.start) - _left(length, step.end)
        if self.counts == "even":
            return length // step.total + (step.index < length % step.total)
        if len(self.counts) != step.total or sum(map(int, self.counts)) > length:
            _checks.fail(
                f"{len(self.counts)} counts with sum {sum(map(int, self.counts))}",
                f"one for each of K = {step.total} steps, at most D = {length} together",
                'counts="even" divides D evenly',
            )
        return int(self.counts[step.index])

    def noise_at(self, step: Step) -> float:
        """Scale of the noise added to the scores in a step.

        Parameters
        ----------
        step : Step
            Its number tells how far the noise has fallen.

        Returns
        -------
        float
            At least 0.
        """
        return self.noise * (1 - (step.index + 1) / step.total) if self.annealed else self.noise

    def proposal(self, conditionals: Any) -> Any:
        """Law of the proposed token, q^(1/temperature) normalised.

        Parameters
        ----------
        conditionals : array or tensor, shape (..., N)
            Guided conditionals q.

        Returns
        -------
        array or tensor, shape (..., N)
            Sums to one along the last axis.
        """
        return tempered(log_confidence(conditionals), self.temperature)

    def next_position(self, scores: Any, step: Step) -> Any:
        """Probability that a coordinate is the next to be kept, among those not kept yet.

        Parameters
        ----------
        scores : array or tensor, shape (..., D)
            Of the coordinates; -inf where one is out.
        step : Step
            Its noise.

        Returns
        -------
        array or tensor, shape (..., D)
            Sums to one along the last axis.
        """
        return tempered(scores, self.noise_at(step))


def _left(length: int, clock: float) -> int:
    return int(np.floor(length * np.exp(-clock) + 1e-9))


def _decoder(name: str, score: Score, use: str, keeps: str, source: str) -> FixedCount:
    return FixedCount(name=name, score=score, order=None, use=use, keeps=keeps, source=source)


_SEES_TOKENS = (
    "another law than the chain's at every w, w = 0 included: the order depends on the tokens that were drawn, which "
    "favours probable ones; more steps do not lead back"
)
_SEES_CONTEXTS = (
    "one reveal a step at temperature 1 and w = 0: the target's law (an order that depends on contexts only is a chain "
    "rule); otherwise another law, and more steps do not lead back"
)

RANDOM_ORDER = _decoder(
    "random-order",
    no_preference,
    "a fixed number of evaluations with the least bias: one reveal a step is exact for the normalised rule",
    "one reveal a step at temperature 1: the terminal law of the normalised rule, every w, also when the rule is "
    "'product' (only the proportions of its rates are used); several a step: a factorised approximation",
    "Nie et al., arXiv:2502.09992 (LLaDA), random remasking; docs/theory.md section 2.6",
)
CONFIDENCE = _decoder(
    "confidence",
    log_confidence,
    "to reproduce LLaDA (low-confidence remasking; temperature 0) and MaskGIT (noise > 0, annealed)",
    _SEES_TOKENS,
    "Chang et al., arXiv:2202.04200 (MaskGIT); Nie et al., arXiv:2502.09992 (LLaDA)",
)
MARGIN = _decoder(
    "margin",
    top_margin,
    "to reproduce margin-ordered decoding",
    _SEES_CONTEXTS,
    "Kim et al., arXiv:2502.06768 (top probability margin); Ye et al., arXiv:2508.15487 (Dream)",
)
ENTROPY = _decoder(
    "entropy",
    negative_entropy,
    "to reproduce entropy-ordered decoding",
    _SEES_CONTEXTS,
    "Ye et al., arXiv:2508.15487 (Dream)",
)
