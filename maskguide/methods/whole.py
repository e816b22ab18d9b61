"""Draws that are no steps of the chain: from its exact final law, and weighted particles. They have no stepped law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .method import Method


@dataclass(frozen=True, kw_only=True)
class FinalLaw(Method):
    """Independent draws from the exact terminal law of a table."""

    is_exact: bool = True
    is_whole: bool = True


@dataclass(frozen=True, kw_only=True)
class WeightedParticles(Method):
    """Particles with weights, for the tilted law and for rewards. Source: docs/smc.md.

    Attributes
    ----------
    goal : str
        "tilted", or "guided": the terminal law of the process.
    weight : float or None
        w >= -1 of the goal "tilted"; None: the process's own constant weight.
    reward : callable or None
        Completed tokens (n, D) -> (n,); -inf excludes them.
    strength : float
        Factor of the reward, finite.
    value : callable or None
        Tokens with masks (n, D) -> (n,): a finite guess of the reward they lead to. It changes the variance only.
    threshold : float
        Share of effective particles below which a population is resampled, in [0, 1]; 0 is never.
    populations : int
        Independent populations of n / populations particles each.
    resample_final : bool
        Resample all particles in the end, so that all weights are equal.
    """

    is_exact: bool = True
    is_whole: bool = True
    goal: str = "tilted"
    weight: float | None = None
    reward: Callable[[np.ndarray], np.ndarray] | None = None
    strength: float = 1.0
    value: Callable[[np.ndarray], np.ndarray] | None = None
    threshold: float = 0.5
    populations: int = 1
    resample_final: bool = False


SMC = WeightedParticles(
    name="smc",
    order=None,
    use="the tilted law, or rewards, for any D; look at the effective sample size",
    keeps="weighted averages are those of the tilted law, without bias up to its normalising constant",
    source="Del Moral, Doucet and Jasra, J. R. Stat. Soc. B 68 (2006); docs/smc.md",
)
FINAL_LAW = FinalLaw(
    name="exact",
    order=None,
    use="when the law itself is at hand and neither paths nor clocks are needed: one comparison a draw",
    keeps="the chain's own terminal law, every rule and w",
    source="docs/theory.md section 2; Vose, IEEE Trans. Softw. Eng. 17 (1991)",
)
