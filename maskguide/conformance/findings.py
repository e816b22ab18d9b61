"""What the suite finds: a row for each check, a named finding for each fault, and the outcome of all of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .claim import Claim

PASSED, FAILED, UNDECIDED, SKIPPED = "passed", "failed", "undecided", "skipped"


@dataclass(frozen=True)
class CheckResult:
    """The result of one check of one case.

    Attributes
    ----------
    what : str
        "law", "marginals", "independence", "reveal times", "reveal order", "seed", "batch of 1", ...
    case : str
        Problem, weight and number of steps in a few words.
    status : str
        "passed", "failed", "undecided" (not enough draws to be sure either way) or "skipped" (nothing to check).
    n : int
        Draws it has seen.
    tv, tv_upper : float
        TV between what was drawn and the exact law; a bound on the true one. NaN where there is no law.
    visible : float
        A sampler at this TV or more would have been rejected, but for a probability alpha.
    log10_e : float
        The evidence against the sampler: the check fails at -log10(alpha) and more.
    alpha : float
        Bound on the probability that a right sampler fails; 0 where nothing is random.
    seconds : float
        Time that its draws took.
    message : str
        What was found, in words.
    """

    what: str
    case: str
    status: str
    n: int = 0
    tv: float = np.nan
    tv_upper: float = np.nan
    visible: float = np.nan
    log10_e: float = np.nan
    alpha: float = 0.0
    seconds: float = 0.0
    message: str = ""

    @property
    def name(self) -> str:
        """Case and check in one line."""
        return f"{self.case}: {self.what}"

    @property
    def passed(self) -> bool:
        """Whether it was run to its end and found nothing."""
        return self.status == PASSED


@dataclass(frozen=True)
class Finding:
    """A fault of the sampler, by name.

    Attributes
    ----------
    kind : str
        "law", "marginals", "independence", "constant", "masks", "impossible", "seed", "batch size", "prompt", "reveal
        times", "reveal order", "steps", or a kind of :class:`maskguide.conformance.faults.Fault`.
    case : str
        Problem, weight and number of steps in a few words.
    message : str
        What is wrong, in a sentence.
    diagnosis : str or None
        The sentence that fits the counts best, on the findings about laws.
    tv : float
        Seen TV to the exact law; NaN where there is none.
    """

    kind: str
    case: str
    message: str
    diagnosis: str | None = None
    tv: float = np.nan


@dataclass(frozen=True)
class Picture:
    """Counts against the exact law of one case, both on the lattice, (N+1,)*D; for figures and the diagnosis."""

    case: Any
    name: str
    counts: np.ndarray
    law: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """What a run of the suite has found; a :class:`.report.Report` says it in words, files and figures.

    Attributes
    ----------
    sampler : str
        What the sampler is called.
    claim : Claim
        The law that it was held against.
    checks : tuple of CheckResult
        Every check of every case.
    findings : tuple of Finding
        The faults; none for a sampler that conforms.
    diagnosis : object or None
        The explanation that fits the counts best, with .sentence, .name and .tv.
    false_alarm : float
        Bound on the probability that a sampler which is right under its claim has any finding.
    n_draws, n_calls : int
        How many tokens' rows were drawn, in how many calls of the sampler.
    seconds : float
        Time of the whole run.
    seed : int
        As given to `check`.
    pictures : tuple of Picture
        Counts and exact law of each case.
    left_out : str
        Weights that were not asked for, in words.
    """

    sampler: str
    claim: Claim
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    diagnosis: Any
    false_alarm: float
    n_draws: int
    n_calls: int
    seconds: float
    seed: int
    pictures: tuple[Picture, ...] = field(default=(), repr=False)
    left_out: str = ""

    @property
    def passed(self) -> bool:
        """Whether there is no finding, and every law is certified."""
        return not self.findings and not self.undecided

    @property
    def undecided(self) -> tuple[CheckResult, ...]:
        """Checks that ran out of draws or time."""
        return tuple(check for check in self.checks if check.status == UNDECIDED)
