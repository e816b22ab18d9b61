"""Ancestral sampling (MDLM, D3PM, Tweedie): each mask reveals with the forward chain's own probability."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import namespace
from ..process import GuidedProcess
from .method import Method, Step

UNIT_HAZARD_TOLERANCE = 1e-9


def need_unit_hazards(hazards: Any, name: str) -> None:
    """Refuse hazards that differ from one: formulas without Z_i hold for the normalised rule only.

    A tensor is not looked at, since the host would have to wait for it: see :func:`check_rule`.
    """
    if namespace(hazards) is not np:
        return
    gap = np.abs(hazards - 1.0)[hazards > 0]
    if gap.size and gap.max() > UNIT_HAZARD_TOLERANCE:
        worst = hazards[hazards > 0].flat[int(gap.argmax())]
        _refuse(f"{name!r} with a hazard Z_i(x) = {worst:.6g}", name)


def check_rule(process: GuidedProcess, weights: Iterable[float], name: str) -> None:
    """Refuse a process whose hazards are not one, before any is sampled: on a table by value, otherwise by its rule."""
    rule = process.guidance.rule
    for weight in weights:
        if process.on_lattice:
            for hazards in process.rates(weight).hazards:
                need_unit_hazards(hazards, name)
        elif not rule.has_unit_hazards(weight):
            _refuse(f"{name!r} with the rule {rule.name!r} at w = {weight:g}", name)


def _refuse(what: str, name: str) -> None:
    _checks.fail(
        what,
        f"{name!r} reveals every mask at rate one: rule 'normalized', or any rule at w = 0",
        'use rule="normalized"; for the rate product, method "posterior-product" or "tau-leaping"',
    )


def reveal_probability(hazards: Any, step: Step) -> Any:
    """P(revealed within the step) = a = 1 - m(t')/m(t), wherever some token is possible (Z_i = 1)."""
    need_unit_hazards(hazards, "ancestral")
    return step.fraction * namespace(hazards).sign(hazards)


ANCESTRAL = Method(
    name="ancestral",
    order=1,
    reveal=reveal_probability,
    freezes_rates=True,
    needs_unit_hazards=True,
    use="normalised guidance as MDLM, D3PM and Schiff et al. sample it; the same law as tau-leaping there",
    keeps="tends to the normalised chain's own law, every w; refused where hazards are not one",
    source="Sahoo et al., arXiv:2406.07524, eq. 7; Austin et al., arXiv:2107.03006; docs/theory.md section 2.6",
)
