"""What problems given by parameters instead of tables share: names, prior, target, and checks of their parameters."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from .. import _checks


class LabelledProblem:
    """Names, prior and target of a problem with K classes, N tokens and D coordinates."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        prior: np.ndarray,
        target: int | str,
        *,
        class_names: Sequence[object] | None,
        coordinate_names: Sequence[object] | None,
        token_names: Sequence[object] | None,
        name: str,
        source: str,
    ):
        self.num_classes, self.vocab_size, self.length = shape
        self.prior = prior
        self.class_names = _checks.names(class_names, self.num_classes, "class ", "class names")
        self.coordinate_names = _checks.names(coordinate_names, self.length, "x", "coordinate names")
        self.token_names = _checks.names(token_names, self.vocab_size, "", "token names")
        self.name, self.source = name, source
        self.target = _checks.target(target, self.class_names, self.prior)

    def with_target(self, target: int | str) -> Self:
        """The same problem guided towards another class.

        Parameters
        ----------
        target : int or str
            The class z: an index, or one of `class_names`; its prior must be positive.

        Returns
        -------
        ProductMixture or MarkovProblem
            A copy that shares the laws.

        Raises
        ------
        InputError
            An unknown class, or one of prior zero.
        """
        other = copy.copy(self)
        other.target = _checks.target(target, self.class_names, self.prior)
        return other

    def _names(self) -> dict[str, Any]:
        """Names as a TableProblem takes them."""
        return {
            "class_names": self.class_names,
            "coordinate_names": self.coordinate_names,
            "token_names": [self.token_names] * self.length,
            "name": self.name,
            "source": self.source,
        }

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.name!r}: K={self.num_classes}, N={self.vocab_size}, D={self.length}, "
            f"target={self.class_names[self.target]!r})"
        )


def floats(value: Any, name: str) -> np.ndarray:
    """A copy as float64; float32 and float16 stay, so that what their rounding explains can be told."""
    try:
        return _checks.low_precision(np.asarray(value)).copy()
    except (TypeError, ValueError):
        _checks.fail(f"{name} is {_checks.short(value)}", "one array of real numbers", "give rows of equal length")


def laws(array: np.ndarray, name: str) -> np.ndarray:
    """Every row along the last axis checked as a law (no NaN, >= 0, sum one within 1e-9) and divided by its sum."""
    total = array.astype(float).sum(axis=-1)
    good = (array >= 0).all(axis=-1) & (np.abs(total - 1) <= _checks.NORMALISATION_TOLERANCE)
    for index in np.argwhere(~good) if array.dtype != float else np.argwhere(~good)[:1]:
        _checks.law(array[tuple(index)], f"{name}[{', '.join(map(str, index))}]")
    return array / total[..., None]
