"""Every published or derived number the package claims, recomputed on demand: `maskguide verify`."""

from __future__ import annotations

from .papers import papers
from .papers.register import Group, Number, groups_of

__all__ = ["Group", "Number", "groups", "verify"]


def groups() -> list[Group]:
    """The functions that recompute numbers: of every paper, then of docs/theory.md."""
    found = [group for paper in papers().values() for group in paper.groups()]
    return found + groups_of("maskguide.papers.derivations")


def verify() -> list[Number]:
    """Recompute every number, in order."""
    return [number for compute in groups() for number in compute()]
