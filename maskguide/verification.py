"""Every published or derived number the package claims, recomputed on demand: `maskguide verify`."""

from __future__ import annotations

from .papers.angle import numbers as angle
from .papers.distortions import numbers as distortions
from .papers.he_rojas_tao import numbers as he_rojas_tao
from .papers.learned_weights import numbers as learned_weights
from .papers.register import GROUPS, Number
from .papers.stages import numbers as stages

__all__ = ["GROUPS", "Number", "angle", "distortions", "he_rojas_tao", "learned_weights", "stages", "verify"]


def verify() -> list[Number]:
    """Recompute every registered number, in order."""
    return [number for compute in GROUPS for number in compute()]
