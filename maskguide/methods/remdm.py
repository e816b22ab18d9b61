"""ReMDM: ancestral sampling that masks revealed tokens again, with probability sigma a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import _checks
from .ancestral import need_unit_hazards
from .method import Method, Step

STRATEGIES = ("cap", "rescale")


@dataclass(frozen=True, kw_only=True)
class Remasking(Method):
    """A method whose steps may also mask.

    Attributes
    ----------
    eta : float
        0 <= eta <= 1; 0 is ancestral sampling.
    strategy : str
        "cap": sigma = min(eta, sigma_max). "rescale": sigma = eta sigma_max. Here
        sigma_max = min(1, (1 - alpha(t')) / alpha(t)).
    """

    eta: float = 0.1
    strategy: str = "cap"

    def __post_init__(self) -> None:
        _checks.choice(self.strategy, STRATEGIES, "strategy")
        eta = _checks.real(self.eta, "eta")
        if not 0 <= eta <= 1:
            _checks.fail(f"eta = {eta:g}", "0 <= eta <= 1", "eta = 0 never remasks")
        object.__setattr__(self, "eta", eta)

    def remask_probability(self, step: Step) -> float:
        """sigma: P(a revealed coordinate is masked again in the step); 0 in a step to data."""
        visible, masked_after = -np.expm1(-step.start), np.exp(-step.end)
        largest = float(masked_after / visible) if masked_after < visible else 1.0
        return min(self.eta, largest) if self.strategy == "cap" else self.eta * largest

    def reveal_probability(self, hazards: np.ndarray, step: Step) -> np.ndarray:
        """(alpha(t') - (1 - sigma) alpha(t)) / (1 - alpha(t)) = a + sigma alpha(t)/m(t), where a token is possible."""
        need_unit_hazards(hazards, self.name)
        chance = step.fraction + self.remask_probability(step) * np.expm1(step.start)
        return min(1.0, chance) * (hazards > 0)


REMDM = Remasking(
    name="remdm",
    order=None,
    use="to let a sampler mend early mistakes of an imperfect denoiser; measure what it costs in law first",
    keeps="w = 0: tends to the target's law, with first order when eta = O(1/K), like K^(-1/2) when eta is fixed. "
    "w != 0: another law; with fixed eta and many steps it moves towards the tilted law",
    source="Wang et al., arXiv:2503.00307, eqs. 4-6, cap and rescale (their conf strategy remembers past "
    "confidences, so its state is larger than the tokens)",
)
