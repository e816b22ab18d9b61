"""Predictor-corrector: a tau-leap, then redraws of single revealed coordinates."""

from __future__ import annotations

from dataclasses import dataclass

from .. import _checks
from .method import Method


@dataclass(frozen=True, kw_only=True)
class PredictorCorrector(Method):
    """A method whose steps are a tau-leap followed by corrections.

    A correction picks one revealed coordinate uniformly, masks it, and draws it again from the guided
    conditional r/Z given the others; where no token is possible it puts the old one back. Source: docs/stepped-laws.md.

    Attributes
    ----------
    corrections : int
        Corrections after every step, >= 0.

    Raises
    ------
    InputError
        A negative number of corrections.
    """

    remasks: bool = True
    corrections: int = 1

    def __post_init__(self) -> None:
        _checks.integer(self.corrections, "corrections", 0)


PREDICTOR_CORRECTOR = PredictorCorrector(
    name="predictor-corrector",
    order=None,
    use="few steps at w = 0 with some evaluations to spare: corrections mend the error of leaping",
    keeps="w = 0: a correction leaves the chain's law at every clock as it is, so the method tends to it. w != 0: "
    "another law; completed states are drawn towards the tilted law, whose conditionals the guided ones are",
    source="Campbell et al., arXiv:2205.14987, section 4.4 (corrector steps); Gibbs: docs/stepped-laws.md",
)
