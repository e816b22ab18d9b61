"""ReMDM: ancestral sampling that masks revealed tokens again, with probability sigma a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import namespace
from .ancestral import need_unit_hazards
from .fixed_count import tempered
from .method import Method, Step

STRATEGIES = ("cap", "rescale", "confidence")


@dataclass(frozen=True, kw_only=True)
class Remasking(Method):
    """A method whose steps may also mask revealed coordinates again. Source: docs/stepped-laws.md.

    Attributes
    ----------
    eta : float
        0 <= eta <= 1; 0 is ancestral sampling.
    strategy : str
        "cap": sigma = min(eta, sigma_max). "rescale": sigma = eta sigma_max. Here
        sigma_max = min(1, (1 - alpha(t')) / alpha(t)).
        "confidence": sigma_i = eta sigma_max e^(-psi_i) / sum_j e^(-psi_j) over the revealed j, psi_i the probability
        with which i's token was drawn. The state is more than the tokens, so there are samples but no stepped law;
        the paper has eta = 1.

    Raises
    ------
    InputError
        eta outside [0, 1], or an unknown strategy.
    """

    needs_unit_hazards: bool = True
    remasks: bool = True
    eta: float = 0.1
    strategy: str = "cap"

    @property
    def needs_all_rates(self) -> bool:
        """Confidences are read off the conditionals."""
        return True

    def __post_init__(self) -> None:
        _checks.choice(self.strategy, STRATEGIES, "strategy")
        eta = _checks.real(self.eta, "eta")
        if not 0 <= eta <= 1:
            _checks.fail(f"eta = {eta:g}", "0 <= eta <= 1", "eta = 0 never remasks")
        object.__setattr__(self, "eta", eta)

    def remask_probability(self, step: Step) -> float:
        """Probability sigma that a revealed coordinate is masked again in a step; 0 in a step to data.

        Parameters
        ----------
        step : Step
            Its two masking levels.

        Returns
        -------
        float
            In [0, 1].

        Raises
        ------
        InputError
            The strategy "confidence", whose sigma is not the same for all coordinates.
        """
        if self.strategy == "confidence":
            _checks.fail(
                f"{self.name!r} with strategy 'confidence' from the tokens alone",
                "its sigma depends on the probabilities with which tokens were drawn: samples, but no stepped law",
                'sample(process, n, "remdm", strategy="confidence"); or strategy="rescale"',
            )
        return min(self.eta, _largest(step)) if self.strategy == "cap" else self.eta * _largest(step)

    def remask_probabilities(self, confidence: Any, step: Step) -> Any:
        """Probability sigma_i that each coordinate is masked again in a step.

        Parameters
        ----------
        confidence : array or tensor, shape (..., D)
            psi_i, the probability with which i's token was drawn; inf where i is masked or given.
        step : Step
            Its two masking levels.

        Returns
        -------
        array or tensor, shape (..., D)
            In [0, 1]; 0 where i is masked or given.
        """
        xp = namespace(confidence)
        if self.strategy != "confidence":
            return self.remask_probability(step) * xp.sign(xp.exp(-confidence))
        return self.eta * _largest(step) * tempered(-confidence, 1.0)

    def reveal_probability(self, hazards: Any, step: Step) -> Any:
        """Probability that a mask is revealed in a step, where a token is possible: a + sigma alpha(t)/m(t).

        That is (alpha(t') - (1 - sigma) alpha(t)) / (1 - alpha(t)).
        A mask's own sigma is 0 with the strategy "confidence": it is revealed with probability a.

        Parameters
        ----------
        hazards : array or tensor, shape (..., D)
            Z_i(x), each one or zero.
        step : Step
            Its two masking levels.

        Returns
        -------
        array or tensor, shape (..., D)
            In [0, 1].

        Raises
        ------
        InputError
            Hazards that are neither one nor zero.
        """
        need_unit_hazards(hazards, self.name)
        sigma = 0.0 if self.strategy == "confidence" else self.remask_probability(step)
        return min(1.0, step.fraction + sigma * np.expm1(step.start)) * namespace(hazards).sign(hazards)


def _largest(step: Step) -> float:
    """sigma_max = min(1, (1 - alpha(t')) / alpha(t))."""
    visible, masked_after = -np.expm1(-step.start), np.exp(-step.end)
    return float(masked_after / visible) if masked_after < visible else 1.0


REMDM = Remasking(
    name="remdm",
    order=None,
    use="to let a sampler mend early mistakes of an imperfect denoiser; measure what it costs in law first",
    keeps="w = 0: tends to the target's law, with first order when eta = O(1/K), like K^(-1/2) when eta is fixed. "
    "w != 0: another law; with fixed eta and many steps it moves towards the tilted law",
    source="Wang et al., arXiv:2503.00307, eqs. 4-6, cap, rescale and (their conf) confidence",
)
