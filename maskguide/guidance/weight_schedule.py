"""Weights over the masking level: piecewise constant, so that rates are constant on segments of the clock."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks

COINCIDE = 1e-12  # of clock: what the inverse of a noise schedule, its level and the logarithm round is some 4e-14


@dataclass(frozen=True)
class Segment:
    """A piece of the clock, start <= u < end, on which the weight is constant.

    Attributes
    ----------
    start, end : float
        Clocks u = -log m, 0 <= start < end; the last piece ends at inf.
    weight : float
        w >= -1.
    """

    start: float
    end: float
    weight: float


class WeightSchedule:
    """A piecewise-constant weight over the masking level m: 1 = fully masked, 0 = data.

    w(m) = weights[j] for edges[j] < m <= edges[j-1] (1 above the first edge, 0 below the last), that is, from the
    moment the level sinks to edges[j-1] until it sinks to edges[j]. A level that is an edge, up to 1e-12 of itself,
    belongs to the later (less masked) piece: a step that starts on an edge uses the weight ahead, whatever the noise
    schedule has rounded. This holds for laws, samplers, particles and paths alike.

    Parameters
    ----------
    edges : sequence of J - 1 floats
        Levels where the weight changes, strictly decreasing inside (0, 1).
    weights : sequence of J floats
        One weight >= -1 for each piece, the most masked first.

    Raises
    ------
    InputError
        Edges that do not decrease or lie outside (0, 1), weights below -1, another number of weights than of pieces.

    Examples
    --------
    >>> schedule = WeightSchedule([0.75, 0.25], [0.0, 3.0, 0.0])   # interval guidance
    >>> schedule.at(0.5), schedule.at(1.0)
    (3.0, 0.0)
    """

    def __init__(self, edges: Sequence[float], weights: Sequence[float]):
        self.edges = tuple(_checks.real(e, "edge") for e in edges)
        self.weights = tuple(_checks.weight(w) for w in weights)
        if len(self.weights) != len(self.edges) + 1:
            _checks.fail(
                f"{len(self.edges)} edges with {len(self.weights)} weights",
                "J weights need J - 1 edges",
                "WeightSchedule([0.5], [w_masked, w_data]) has two pieces",
            )
        levels = (1.0, *self.edges, 0.0)
        if not all(a > b for a, b in itertools.pairwise(levels)):
            _checks.fail(
                f"edges {_checks.short(list(self.edges))}",
                "masking levels strictly decreasing inside (0, 1)",
                "list them from fully masked (1) towards data (0)",
            )

    def at(self, level: float) -> float:
        """The weight at a masking level.

        Parameters
        ----------
        level : float
            m in [0, 1].

        Returns
        -------
        float
            w of the piece that holds at m.

        Raises
        ------
        InputError
            A level outside [0, 1].
        """
        if not 0 <= level <= 1:
            _checks.fail(f"level {level}", "0 <= m <= 1", "1 is fully masked, 0 is data")
        return self.weights[int(self.piece(-log(level) if level else inf))]

    def piece(self, clock: ArrayLike) -> np.ndarray:
        """Which piece holds from a clock on, an index of `weights`; an edge that coincides with it is passed.

        Parameters
        ----------
        clock : array_like, any shape
            u = -log m in [0, inf].

        Returns
        -------
        integer array, shape of clock
            0..J-1, the most masked first.
        """
        return np.searchsorted([-log(edge) for edge in self.edges], np.asarray(clock) + COINCIDE, side="right")

    def segments(self) -> tuple[Segment, ...]:
        """The pieces in the clock u = -log m, a tuple of Segment from u = 0; the last ends at inf."""
        clocks = (0.0, *(-log(edge) for edge in self.edges), inf)
        return tuple(Segment(a, b, w) for a, b, w in zip(clocks, clocks[1:], self.weights, strict=False))

    def __repr__(self) -> str:
        return f"WeightSchedule({list(self.edges)}, {list(self.weights)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WeightSchedule) and (self.edges, self.weights) == (other.edges, other.weights)

    def __hash__(self) -> int:
        return hash((self.edges, self.weights))
