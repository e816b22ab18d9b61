"""Problems on which wrong samplers show: exact rationals in reference/, found by maximising separation."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from ..problems.table import TableProblem
from .explanations import explained_laws


@dataclass(frozen=True)
class SamplingCase:
    """A problem, a weight and a number of steps that a sampler is asked for.

    Attributes
    ----------
    problem : TableProblem
        What is sampled.
    weight : float
        w >= -1.
    num_steps : int or None
        K; None where only the limit is claimed.
    why : str
        What it is good for.
    separation : dict of name to TV
        Distance of the claim's exact law from that of every alternative that makes a difference here, where it is
        recorded; :func:`separation` computes it for any claim.
    plain : bool
        The denoiser predicts revealed positions afresh, as a network does; otherwise it repeats their tokens.
    """

    problem: TableProblem
    weight: float
    num_steps: int | None
    why: str
    separation: dict[str, float] = field(default_factory=dict, compare=False, repr=False)
    plain: bool = False

    def law(self, claim: Any) -> np.ndarray:
        """The exact law of the case under a claim.

        Parameters
        ----------
        claim : Claim
            What the sampler says it draws from.

        Returns
        -------
        array, shape (N+1,)*D
            Probabilities of the states; index N is a mask that is left.
        """
        return claim.law(self.problem, self.weight, self.num_steps)

    def counts(self, tokens: np.ndarray) -> np.ndarray:
        """How often each state occurs among tokens.

        Parameters
        ----------
        tokens : integer array, shape (n, D)
            0..N, N the mask.

        Returns
        -------
        integer array, shape (N+1,)*D
            Counts that sum to n.
        """
        shape = (self.problem.vocab_size + 1,) * self.problem.length
        flat = np.ravel_multi_index(tuple(np.asarray(tokens).T), shape)
        return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)


def default_cases(claim: Any, quick: bool = False) -> list[SamplingCase]:
    """The cases of the suite for a claim, those of most power first; `quick` takes the first few.

    A claim of the limit has no steps, and each problem and weight once. Separations are those recorded in reference/.
    """
    recorded = separations().get(str(claim), {})
    chosen = {}
    for row in read("problems")["cases"]:
        steps = None if claim.is_limit else row["num_steps"]
        case = SamplingCase(problem(row["problem"]), row["weight"], steps, row["why"])
        if row["quick"] or not quick:
            chosen.setdefault(label(case), case)
    return [replace(case, separation=recorded.get(key, {})) for key, case in chosen.items()]


def separation(case: SamplingCase, claim: Hashable) -> dict[str, float]:
    """TV of the claim's exact law to that of every alternative that makes a difference."""
    law = case.law(claim)
    return {name: float(0.5 * np.abs(other - law).sum()) for name, other in explained_laws(case, claim).items()}


def separations() -> dict[str, dict[str, dict[str, float]]]:
    """The recorded ones: claim -> case -> alternative -> TV."""
    return read("separation")


def label(case: SamplingCase) -> str:
    """A case in a few words."""
    steps = "" if case.num_steps is None else f", K = {case.num_steps}"
    return f"{case.problem.name}, w = {case.weight:g}{steps}"


def names() -> list[str]:
    """Names of the problems."""
    return list(read("problems")["problems"])


@lru_cache(maxsize=64)
def problem(name: str) -> TableProblem:
    """A problem of the bank, in exact rationals; the same object every time."""
    entry = read("problems")["problems"][name]
    laws, prior = (fractions(entry[key]) for key in ("class_laws", "prior"))
    return TableProblem(laws, prior, entry["target"], name=name, source="maskguide, docs/conformance-problems.md")


def fractions(rows: Any) -> np.ndarray:
    """An array of Fractions from nested lists of strings."""
    return np.vectorize(Fraction, otypes=[object])(np.array(rows, dtype=object))


@lru_cache(maxsize=4)
def read(name: str) -> Any:
    """A file of reference/."""
    return json.loads((files("maskguide.conformance") / "reference" / f"{name}.json").read_text())
