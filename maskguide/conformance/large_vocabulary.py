"""A vocabulary of 50,000 tokens: a factorised law, judged on bins of tokens; precision faults show here only."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache, reduce
from typing import Any

import numpy as np

from .._arrays import Placed, namespace
from ..problems.conditionals import count_up
from .bank import fractions, read
from .explanations.precision import RACE, BinnedProblem


@dataclass(frozen=True)
class LargeVocabularyCase:
    """Independent coordinates, whose tokens are equally likely within bins; classes differ in the first only.

    So the unconditional law is factorised too, conditionals depend on no other coordinate, and the exact law of a
    sampler that treats masks independently is a product of laws of one coordinate. What is tested: bins of tokens,
    and masks.

    Attributes
    ----------
    sizes : tuple of B ints
        Tokens in each bin, in order: N is their sum.
    classes : tuple of D arrays (K, B)
        Masses of the bins.
    prior : (K,) array
    weight, num_steps, why : as for a SamplingCase
    """

    sizes: tuple[int, ...]
    classes: tuple[np.ndarray, ...] = field(compare=False)
    prior: np.ndarray = field(compare=False)
    weight: float
    num_steps: int
    why: str

    @cached_property
    def problem(self) -> Factorised:
        """What the denoiser knows: all N tokens."""
        within = np.stack([masses.astype(float) / self.sizes for masses in self.classes], axis=1)
        unconditional = np.tensordot(self.prior.astype(float), within, axes=1)
        return Factorised(np.log(np.repeat(np.concatenate([within, unconditional[None]]), self.sizes, axis=2)))

    @cached_property
    def coordinates(self) -> tuple[BinnedProblem, ...]:
        """Each coordinate on its own, bins for tokens."""
        made = tuple(BinnedProblem(masses, self.prior, name="large-vocabulary") for masses in self.classes)
        for problem in made:
            problem.sizes = self.sizes
        return made

    def law(self, claim: Any) -> np.ndarray:
        """The exact law on bins and mask, (B+1,)*D; for claims that treat masks independently."""
        return _joint([claim.law(problem, self.weight, self.num_steps) for problem in self.coordinates])

    def explained_laws(self, claim: Any) -> dict[str, np.ndarray]:
        """The law of a race in float32; empty where the claim has no steps."""
        parts = [RACE.law(_Part(problem, self.weight, self.num_steps), claim) for problem in self.coordinates]
        return {RACE.name: _joint(parts)} if all(part is not None for part in parts) else {}

    def bins(self, tokens: np.ndarray) -> np.ndarray:
        """Bins of tokens (n, D); the mask N is bin B."""
        return np.searchsorted(np.cumsum(self.sizes), tokens, side="right")

    def counts(self, tokens: np.ndarray) -> np.ndarray:
        """How often each combination of bins is among tokens (n, D): (B+1,)*D."""
        shape = (len(self.sizes) + 1,) * len(self.classes)
        flat = np.ravel_multi_index(tuple(self.bins(np.asarray(tokens)).T), shape)
        return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)


class Factorised:
    """A Denoiser of independent coordinates: conditionals are marginals, whatever else is revealed.

    Parameters
    ----------
    log_marginals : (K + 1, D, N) array
        Of the classes, the target first, and of the unconditional law.
    """

    name, target = "large-vocabulary", 0

    def __init__(self, log_marginals: np.ndarray):
        self._rows = Placed(log_marginals)
        self.num_classes, self.length, self.vocab_size = len(log_marginals) - 1, *log_marginals.shape[1:]

    def log_conditionals(self, tokens: Any, label: int | None = None) -> Any:
        """log p(x_i = v | revealed tokens, label), (n, D, N), numpy or torch; revealed ones have their own token."""
        xp = namespace(tokens)
        row = self._rows.like(tokens)[self.num_classes if label is None else label]
        masked = (tokens == self.vocab_size)[..., None]
        own = tokens[..., None] == count_up(self.vocab_size, tokens)
        return xp.where(masked, row, xp.where(own, 0.0, -np.inf))


@dataclass(frozen=True)
class _Part:
    problem: BinnedProblem
    weight: float
    num_steps: int
    plain: bool = False


def _joint(laws: list[Any]) -> np.ndarray:
    return reduce(np.multiply.outer, laws)


def large_vocabulary_cases(claim: Any) -> list[LargeVocabularyCase]:
    """The one of reference/large_vocabulary.json; none for claims whose steps look at several coordinates."""
    independent = claim.is_limit or claim.stepper.reveal is not None
    return [_recorded()] if independent else []


@lru_cache(maxsize=1)
def _recorded() -> LargeVocabularyCase:
    entry = read("large_vocabulary")
    return LargeVocabularyCase(
        tuple(entry["sizes"]), tuple(map(fractions, entry["classes"])),
        fractions(entry["prior"]), entry["weight"], entry["num_steps"], entry["why"],
    )  # fmt: skip
