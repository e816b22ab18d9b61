"""What wrong counts look like: the explanation under which they are most likely, and whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import xlogy

from .. import _checks
from .explanations import EXPLANATIONS, explained_laws
from .sequential import LawTest

FLOOR = 1e-4  # of every law is spread evenly, so that a few impossible draws do not rule the right one out
TIE = 1e-6  # log-likelihoods closer than this are those of laws that no case tells apart
MARGIN = 3.0  # nats, a ratio of 20: explanations closer to the best than this are named with it
FIT_LEVEL = 1e-3  # chance that the right explanation is said not to fit
CLAIM = "the claim"


@dataclass(frozen=True)
class RankedExplanation:
    """One explanation, or several of the same laws, and how likely the counts are under it.

    Attributes
    ----------
    names : tuple of str
        More than one where no case tells them apart; "the claim" stands for no fault.
    log_likelihood : float
        Of all counts, natural logarithm, up to a constant.
    tv : float
        TV of the counts to the laws, mean over cases weighted by draws; Monte-Carlo error included.
    """

    names: tuple[str, ...]
    log_likelihood: float
    tv: float


@dataclass(frozen=True)
class Diagnosis:
    """The best explanation of counts.

    Attributes
    ----------
    name : str or None
        The explanation that fits, or those that do within MARGIN of each other, joined by " or ", the best first; None
        if none fits, or the claim is among them.
    sentence : str
    tv : float
        TV of the counts to the best explanation.
    ranking : tuple of RankedExplanation
        All of them, the most likely first.
    """

    name: str | None
    sentence: str
    tv: float
    ranking: tuple[RankedExplanation, ...]


def diagnose(observations: Sequence[tuple[Any, np.ndarray]], claim: Any) -> Diagnosis:
    """Rank the known explanations by the likelihood of counts.

    A law p on S lattice states counts as (1 - FLOOR) p + FLOOR/S. An explanation that makes no difference to a case
    has the claim's law there. The best fits if :class:`.sequential.LawTest` rejects none of its laws, at FIT_LEVEL
    together.

    Parameters
    ----------
    observations : sequence of (SamplingCase, counts (N+1,)*D)
    claim : Claim

    Raises
    ------
    InputError
        No observations, or counts of another shape than the lattice.
    """
    if not observations:
        _checks.fail("no observations", "at least one case with counts", "draw some samples first")
    predicted = _predicted(observations, claim)
    counts = [_checked(found, law) for (_, found), law in zip(observations, predicted[CLAIM], strict=True)]
    ranking = _ranking(predicted, counts)
    leading = _leading(ranking)
    fits = _fits(predicted[leading[0]], counts)
    name = " or ".join(leading) if fits and CLAIM not in leading else None
    return Diagnosis(name, _sentence(ranking, leading, fits), ranking[0].tv, ranking)


def _checked(counts: np.ndarray, law: np.ndarray) -> np.ndarray:
    if np.shape(counts) != law.shape:
        _checks.fail(f"counts of shape {np.shape(counts)}", f"the shape of the law, {law.shape}", "count masks too")
    return np.asarray(counts)


def _predicted(observations: Sequence[tuple[Any, np.ndarray]], claim: Any) -> dict[str, list[np.ndarray]]:
    """The laws of every explanation, one for each observation; the claim first."""
    claimed = [case.law(claim) for case, _ in observations]
    explained = [explained_laws(case, claim) for case, _ in observations]
    applicable = set().union(*explained)
    predicted = {CLAIM: claimed}
    for name in (name for name in EXPLANATIONS if name in applicable):
        predicted[name] = [laws.get(name, law) for laws, law in zip(explained, claimed, strict=True)]
    return predicted


def _ranking(predicted: dict[str, list[np.ndarray]], counts: list[np.ndarray]) -> tuple[RankedExplanation, ...]:
    scored = [
        RankedExplanation((name,), _log_likelihood(laws, counts), _tv(laws, counts)) for name, laws in predicted.items()
    ]
    scored.sort(key=lambda e: -e.log_likelihood)
    merged: list[RankedExplanation] = []
    for e in scored:
        if merged and merged[-1].log_likelihood - e.log_likelihood < TIE and abs(merged[-1].tv - e.tv) < TIE:
            e = RankedExplanation((*merged.pop().names, *e.names), e.log_likelihood, e.tv)
        merged.append(e)
    return tuple(merged)


def _leading(ranking: tuple[RankedExplanation, ...]) -> list[str]:
    """Names within MARGIN of the best."""
    return [name for e in ranking if ranking[0].log_likelihood - e.log_likelihood < MARGIN for name in e.names]


def _log_likelihood(laws: list[np.ndarray], counts: list[np.ndarray]) -> float:
    return sum(float(xlogy(n, (1 - FLOOR) * law + FLOOR / law.size).sum()) for law, n in zip(laws, counts, strict=True))


def _tv(laws: list[np.ndarray], counts: list[np.ndarray]) -> float:
    gaps = [0.5 * np.abs(n - n.sum() * law).sum() for law, n in zip(laws, counts, strict=True)]
    return float(sum(gaps) / max(1, sum(n.sum() for n in counts)))


def _fits(laws: list[np.ndarray], counts: list[np.ndarray]) -> bool:
    for law, n in zip(laws, counts, strict=True):
        test = LawTest(law, alpha=FIT_LEVEL / len(laws))
        test.update(counts=n)
        if test.rejected:
            return False
    return True


def _sentence(ranking: tuple[RankedExplanation, ...], leading: list[str], fits: bool) -> str:
    best, claim = ranking[0], next(e for e in ranking if CLAIM in e.names)
    if CLAIM in leading:
        verdict = "the claim fits them" if fits else "not even the claim, the nearest, fits them"
        return f"No explanation is more likely than the claim, and {verdict} (TV {claim.tv:.2g})."
    said = "; or, not told apart from it: ".join(_said(name) for name in leading)
    lead = f"{best.log_likelihood - claim.log_likelihood:.0f} nats more likely than the claim (TV {claim.tv:.2g})"
    if behind := [e for e in ranking if e.names[0] not in leading]:
        lead += f", {best.log_likelihood - behind[0].log_likelihood:.0f} more than the next, {behind[0].names[0]!r}"
    if fits:
        return f"The counts fit this: {said} (TV {best.tv:.2g}; {lead})."
    total = sum(len(e.names) for e in ranking) - 1
    return f"None of the {total} explanations fits the counts; the nearest: {said} (TV {best.tv:.2g}; {lead})."


def _said(name: str) -> str:
    return EXPLANATIONS[name].sentence
