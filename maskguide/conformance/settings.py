"""What the sampler is asked for in one series of calls: a case, a dtype, a kind of denoiser, a seed stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np

from .. import _checks
from ..problems.table import TableProblem
from .claim import Claim
from .denoiser import ServedDenoiser
from .reveals import reveal_law
from .weights import Weights, at_weight, ties

SEED_STRIDE, SEED_RANGE = 2_654_435_761, 2**31  # odd stride: no seed comes twice, and neighbours are far apart
UNDEFINED = 1e-12  # probability of undefined contexts that is taken for none
LIMIT_STEPS = 128  # what a sampler is asked for where only the limit is claimed
ALL_WEIGHTS = Weights()
IDENTITIES = {0.0: "w = 0 is the conditional law", -1.0: "w = -1 is the unconditional law"}


@dataclass(frozen=True)
class Setting:
    """A case, and how the denoiser is handed out.

    Attributes
    ----------
    case : maskguide.conformance.bank.SamplingCase
    claim : Claim
    dtype : str
    """

    case: Any
    claim: Claim
    dtype: str = "float64"

    @property
    def num_steps(self) -> int:
        """K; of a limit claim's case without one, LIMIT_STEPS."""
        return self.case.num_steps or LIMIT_STEPS

    @property
    def name(self) -> str:
        """Problem, weight, steps and what is special."""
        kind = [self.dtype] * (self.dtype != "float64") + ["plain network"] * self.is_plain
        return ", ".join([f"{self.case.problem.name}, w = {self.case.weight:g}, K = {self.num_steps}", *kind])

    def model(self) -> ServedDenoiser:
        """The denoiser that the sampler is given."""
        return ServedDenoiser(self.case.problem, carry_over=not self.is_plain, dtype=self.dtype)

    @cached_property
    def law(self) -> np.ndarray:
        """The exact law under the claim, (N+1,)*D; on bins for a large vocabulary."""
        return self.case.law(self.claim)

    def states(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens as the law counts them: bins of a large vocabulary, otherwise themselves."""
        return self.case.bins(tokens) if self.is_large else tokens

    def reveals(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """Times and, for each coordinate, the law of when it is revealed: :func:`.reveals.reveal_law`."""
        if not self.is_large:
            return reveal_law(self.claim, self.case.problem, self.case.weight, self.num_steps)
        found = [reveal_law(self.claim, part, self.case.weight, self.num_steps) for part in self.case.coordinates]
        return found[0][0], [law for _, laws in found for law in laws]

    @property
    def is_large(self) -> bool:
        """Whether the case has a vocabulary too large for a lattice."""
        return hasattr(self.case, "bins")

    @property
    def is_plain(self) -> bool:
        """Whether the denoiser does not carry over revealed tokens."""
        return getattr(self.case, "plain", False)


def settings(
    cases: list[Any], claim: Claim, weights: Weights = ALL_WEIGHTS, *, plain: bool = True, quick: bool = False
) -> list[Setting]:
    """Every case on which the claim is defined, at weights asked for, in float64, and identities at w = 0 and -1.

    The first of several coordinates in float32 too, and with a plain network.
    """
    cases = [case for case in weights.cases(cases, claim.ranks) if is_defined(case, claim)]
    if not cases:
        _checks.fail("no case", "at least one on which the claim is defined everywhere", "give others")
    if not plain:
        cases = [replace(case, plain=False) for case in cases]
    several = next((case for case in cases if case.problem.length > 1), cases[0])
    found = [*(Setting(case, claim) for case in cases), Setting(several, claim, dtype="float32")]
    if plain and not any(case.plain for case in cases):
        found.append(Setting(replace(several, plain=True), claim))
    return found if quick else [*found, *(s for s in _identities(cases, claim) if s.case.weight in weights)]


def _identities(cases: list[Any], claim: Claim) -> Iterator[Setting]:
    """w = 0 and w = -1 where no case has them, on the first problem without zeros: there -inf cannot disturb."""
    for weight, why in IDENTITIES.items():
        positive = [case for case in cases if (case.problem.class_laws > 0).all()
                    and not (claim.ranks and ties(case.problem, weight))]  # fmt: skip
        if positive and weight not in {case.weight for case in cases}:
            case = replace(at_weight(positive[0], weight), why=why)
            if _applies(case, claim):
                yield Setting(case, claim)


def _applies(case: Any, claim: Claim) -> bool:
    try:
        claim.process(case.problem, case.weight).rates()
    except _checks.InputError:
        return False
    return True


def is_defined(case: Any, claim: Claim) -> bool:
    """Whether the chain never meets a context that the target (at w = -1 the unconditional law) cannot have.

    Parallel reveals may lead there. No conditional is defined in it: what a sampler does then is no fault.
    """
    problem, law = case.problem, case.law(claim)
    table = problem.unconditional_table if case.weight == -1 else problem.target_table
    stuck = (table == 0) & (np.indices(law.shape) == problem.vocab_size).any(axis=0)
    return float(law[stuck].sum()) < UNDEFINED


def prompted(problem: TableProblem, coordinate: int, token: int) -> TableProblem:
    """What remains when a token is given: p(rest | token, k), prior p(k | token), one coordinate less.

    Source: conditionals given the token and any other context are those of the problem itself.
    """
    laws = np.take(problem.class_laws, token, axis=coordinate + 1)
    shares = laws.reshape(len(laws), -1).sum(axis=1)
    kept = np.flatnonzero(problem.prior * shares)
    prior = (problem.prior * shares)[kept]
    rest = laws[kept] / shares[kept].reshape(-1, *(1,) * (problem.length - 1))
    return TableProblem(rest, prior / prior.sum(), int(np.searchsorted(kept, problem.target)), name=problem.name)


class Seeds:
    """Seeds below 2^31, no two alike: `spread()` far apart, `run(length)` neighbours."""

    def __init__(self, seed: int):
        self._first, self._count = _checks.seed(seed) * 7919, count()

    def spread(self) -> int:
        """The next seed, far from those before it."""
        return (self._first + next(self._count) * SEED_STRIDE) % SEED_RANGE

    def run(self, length: int) -> range:
        """So many neighbouring seeds."""
        first = self.spread() % (SEED_RANGE - length)
        return range(first, first + length)
