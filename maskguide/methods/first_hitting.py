"""First hitting: draw the level of the next reveal, then which coordinate, then its token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays import namespace
from .method import Method


def waiting_time(hazards: Any, uniform: Any) -> Any:
    """-log(V) / R, R = sum_i Z_i over the last axis: clock time to the next reveal; inf when there is none."""
    xp, total = namespace(hazards), hazards.sum(-1)
    with np.errstate(divide="ignore"):
        return xp.where(total > 0, -xp.log(uniform) / xp.where(total > 0, total, 1.0), np.inf)


def next_level(level: Any, hazards: Any, uniform: Any) -> Any:
    """m V^{1/R}, R = sum_i Z_i over the last axis: the level of the next reveal; 0 when there is none.

    Under the normalised rule R = |M|, the number of masks: the published form. Otherwise this is the hazard
    clock, u' = u + Exp(R), and a level drawn below the end of a segment of w(t) is drawn again from that end.
    """
    return level * namespace(hazards).exp(-waiting_time(hazards, uniform))


def position_probability(hazards: Any) -> Any:
    """P(coordinate i is the next to be revealed) = Z_i / R: uniform over the masks under the normalised rule."""
    total = hazards.sum(-1)[..., None]
    return hazards / namespace(total).where(total > 0, total, 1.0)


@dataclass(frozen=True, kw_only=True)
class FirstHitting(Method):
    """Exact: the level of the next reveal, then its position, then its token."""

    is_exact: bool = True


FIRST_HITTING = FirstHitting(
    name="first-hitting",
    order=None,
    use="normalised rule: D evaluations a sample, no discretisation error; elsewhere its hazard clock is gillespie",
    keeps="the chain's own law, every rule and w, with Z_i as above; with a uniform position and m V^{1/|M|} (the "
    "published form) the normalised rule only",
    source="Zheng et al., arXiv:2409.02908 (first-hitting sampler); docs/theory.md section 2.6",
)
