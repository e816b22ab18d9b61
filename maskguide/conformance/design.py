"""Which experiments a run consists of, and the share of the false-alarm rate that each check has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..methods import FixedCount
from .bank import default_cases
from .budget import Budget
from .callers import Calls
from .claim import Claim
from .experiment import Experiment
from .explanations import explained_laws
from .large_experiment import LargeVocabularyExperiment
from .large_vocabulary import large_vocabulary_cases
from .law_experiment import LawExperiment
from .sequential import shares
from .settings import Seeds, Setting, settings
from .side_experiments import PromptExperiment, SeedExperiment, SevensExperiment, SinglesExperiment, StepsExperiment
from .weights import Weights

LARGE_SHARE = 20.0  # share of the law of a large vocabulary, where draws are costly, in those of the other checks


@dataclass(frozen=True)
class Extent:
    """What a sampler is asked for.

    Attributes
    ----------
    claim : Claim
    weights : Weights
    plain : bool
        Whether one case has a denoiser that does not carry over revealed tokens.
    quick : bool
        The first few cases only, and no large vocabulary.
    cases : sequence of SamplingCase, optional
        Instead of the default ones.
    """

    claim: Claim
    weights: Weights
    plain: bool = True
    quick: bool = False
    cases: Sequence[Any] | None = None

    def settings(self) -> list[Setting]:
        """Every case that the claim defines, and its kinds of denoiser."""
        given = default_cases(self.claim, self.quick) if self.cases is None else self.cases
        return settings(list(given), self.claim, self.weights, plain=self.plain, quick=self.quick)

    def large(self) -> list[Setting]:
        """The large vocabulary, where it is looked at."""
        cases = large_vocabulary_cases(self.claim) if self.cases is None and not self.quick else []
        return [Setting(self.weights.moved(case), self.claim, "float32") for case in cases]


def experiments(extent: Extent, caller: Calls, seeds: Seeds, budget: Budget, alpha: float) -> list[Experiment]:
    """One on the law of every setting, and the others in the setting whose draws are least often equal."""
    found, large = extent.settings(), extent.large()
    main = min(found, key=lambda setting: (setting.case.problem.length == 1, (setting.law**2).sum()))
    sides = list(_sides(caller, extent.claim, main))
    levels = _levels(alpha, found + large, sides)
    common = caller, seeds, budget
    return [
        *(LawExperiment(s, *common, levels[s.name], alternatives=explained_laws) for s in found),
        *(LargeVocabularyExperiment(s, *common, levels[s.name], alternatives=explained_laws) for s in large),
        *(kind(main, *common, levels[""]) for kind in sides),
    ]


def _sides(caller: Calls, claim: Claim, setting: Setting) -> Iterator[type[Experiment]]:
    yield from (SeedExperiment, SinglesExperiment, SevensExperiment)
    counts_coordinates = isinstance(claim.stepper, FixedCount)  # then a given token changes the steps of the others
    if caller.takes_start and setting.case.problem.length > 1 and not counts_coordinates:
        yield PromptExperiment
    if claim.is_limit:
        yield StepsExperiment


def _levels(alpha: float, found: list[Setting], sides: list[type[Experiment]]) -> dict[str, dict[str, float]]:
    """The share of the false-alarm rate of each check: by setting, and those of the other experiments under ""."""
    names = {setting.name: LawExperiment.CHECKS for setting in found}
    names[""] = tuple(what for kind in sides for what in kind.CHECKS)
    weights = {f"{where}: {what}": 1.0 for where, checks in names.items() for what in checks}
    weights |= {f"{setting.name}: law": LARGE_SHARE for setting in found if setting.is_large}
    divided = shares(alpha, weights)
    return {where: {what: divided[f"{where}: {what}"] for what in checks} for where, checks in names.items()}
