"""The register of numbers: every published or derived figure the package claims, recomputed on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

import numpy as np


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


def gap(name: str, source: str, left: np.ndarray, right: np.ndarray, tolerance: float = 1e-12) -> Number:
    """The largest difference of two arrays, expected to be zero."""
    return Number(name, 0.0, float(np.abs(left - right).max()), tolerance, source)


def groups_of(module: str) -> list[Group]:
    """The functions that a module has registered, once it is loaded."""
    import_module(module)
    return [found for found in GROUPS if found.__module__ == module]
