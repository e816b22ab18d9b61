"""The register of numbers: every published or derived figure the package claims, recomputed on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """A number the package claims: what it is, what it should be, what came out, where it is from."""

    name: str
    expected: float
    got: float
    tolerance: float
    source: str

    @property
    def passed(self) -> bool:
        """|got - expected| <= tolerance."""
        return bool(abs(self.got - self.expected) <= self.tolerance)


Group = Callable[[], Iterator[Number]]
GROUPS: list[Group] = []


def group(function: Group) -> Group:
    """Register a function that yields numbers."""
    GROUPS.append(function)
    return function
