"""Deep tails of TV on large lattices, to full relative accuracy: shifted contours, and bands of exit rates.

The Laplace transform F(s) of TV is a lattice sweep, with poles at the exit rates. Shifted by the least of them, lambda,
e^{lambda u} TV(u) comes out of a contour with an absolute error of ~1e-14, for all clocks of a decade at once: relative
accuracy, unless a slow context of tiny probability hides what matters, which the result itself shows. Then paths are
split by their slowest state, into bands [c_j, c_j+1) of exit rates: one sweep with the slower states removed and a flag
for having visited the band, shifted by c_j. With W_j the probability of visiting the band, its error is about
1e-14 W_j e^{-c_j u}; and TV(u) >= P(visit x) e^{-R(x) u} for every x. Bands are as wide as errors allow, `LOSS` times
that bound, or times what one band has found.

Source: docs/exact-laws.md, "Deep tails of TV".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..process import GuidedProcess
from . import contour
from .law import Law
from .layout import Chain, grouped_chain, layout

ONE_BAND_ERROR = 1e-12  # relative; up to it one band will do
CONTOUR_ERROR = 3e-14  # what a contour is asked for here
LOSS = 30.0  # sum over bands of W_j e^{-c_j u}, over TV(u)
MOST_BANDS = 100
Band = tuple[float, float, float]  # slowest and fastest exit rate, probability of a visit


@dataclass(frozen=True)
class Tail:
    """The chain of one segment, with what its bands are chosen from.

    chain: in the grouped layout; start: grouped, empty when all is masked; start_error: of its entries;
    exit, reached: R and P(visit) of the masked states that can be visited, by increasing R.
    """

    chain: Chain
    start: np.ndarray
    start_error: float
    exit: np.ndarray
    reached: np.ndarray

    @classmethod
    def of(cls, process: GuidedProcess, weight: float, begun: Law | None) -> Tail:
        """From the law at the start of the segment; None: all is masked."""
        start = np.empty(0) if begun is None else layout(process.vocab_size, process.length).from_lattice(begun.probs)
        chain, exit, reached = spectrum(process, weight, start if start.size else None)
        live = np.flatnonzero((reached > 0) & (exit > 0))
        live = live[np.argsort(exit[live])]
        return cls(chain, start, 0.0 if begun is None else begun.error, exit[live], reached[live])

    def log_tvs(self, clocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log TV after stretches of clock, (T,), and their relative errors; contours are shared within a decade."""
        logs, errors = np.full(clocks.size, -np.inf), np.full(clocks.size, np.inf)
        for here in contour.decades(clocks) if self.exit.size else ():
            logs[here], errors[here] = self._shared(clocks[here], [(float(self.exit[0]), np.inf, 1.0)])
            rest = here[~(errors[here] <= ONE_BAND_ERROR)]
            floors = np.full(clocks.size, -np.inf)
            floors[rest] = [self._floor(*each) for each in zip(clocks[rest], logs[rest], errors[rest], strict=True)]
            for some in self._sharing(rest, clocks, floors):
                if bands := self.bands(clocks[some], floors[some]):
                    logs[some], errors[some] = self._shared(clocks[some], bands)
        return logs, errors

    def _floor(self, clock: float, log: float, error: float) -> float:
        """What log TV is at least: by the state that is likeliest to be stayed in, or by a first result."""
        stays = float((np.log(self.reached) - self.exit * clock).max())
        return max(stays, log - 1.0) if error < 0.5 else stays

    def _sharing(self, here: np.ndarray, clocks: np.ndarray, floors: np.ndarray) -> Iterator[np.ndarray]:
        """Indices that share a contour and its bands: all, or where that is more work than one by one, some."""
        alone = sum(self._work(clocks[[k]], floors[[k]]) for k in here)
        together = self._work(clocks[here], floors[here]) if here.size else 0
        if here.size > 1 and (together > alone or together == np.inf):
            for half in np.array_split(here, 2):
                yield from self._sharing(half, clocks, floors)
        elif here.size:
            yield here

    def _work(self, clocks: np.ndarray, floors: np.ndarray) -> float:
        """Sweeps by one node and without a flag; infinite where there are too many bands."""
        points, bands = self._contour(clocks)[0], self.bands(clocks, floors)
        return points.size * sum(1 if np.isinf(fastest) else 2 for _, fastest, _ in bands) if bands else np.inf

    def _contour(self, clocks: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        return contour.hyperbola(clocks, self.chain.layout.length, CONTOUR_ERROR)

    def _shared(self, clocks: np.ndarray, bands: list[Band]) -> tuple[np.ndarray, np.ndarray]:
        """log TV and its relative error at clocks that share a contour and its bands."""
        points, weights, error = self._contour(clocks)
        logs, sizes = [], []
        for slowest, fastest, weight in bands:
            value = self._band(points, weights, slowest, fastest)
            logs.append(np.log(np.maximum(value, np.finfo(float).tiny)) - slowest * clocks)
            sizes.append(np.log(error * weight + self.start_error) - slowest * clocks)
        total = np.logaddexp.reduce(logs)
        return np.minimum(0.0, total), np.exp(np.logaddexp.reduce(sizes) - total)

    def bands(self, clocks: np.ndarray, floors: np.ndarray) -> list[Band]:
        """(slowest, fastest, probability of a visit) of bands of exit rates that keep the digits at all these clocks.

        floors: what log TV is at least. None where there would be more than `MOST_BANDS`.
        """
        mass, first, found = self.mass, 0, []
        while first < self.exit.size:
            slowest, before = float(self.exit[first]), mass[first - 1] if first else 0.0
            if (np.log(self.exit.size) - slowest * clocks < floors + np.log(1e-16)).all():
                break  # all that is left cannot be seen
            if len(found) == MOST_BANDS:
                return []
            room = before + np.exp(min(float((np.log(LOSS) + floors + slowest * clocks).min()), 50.0))
            after = int(np.searchsorted(mass, room, side="right"))
            after = int(np.searchsorted(self.exit, self.exit[max(after - 1, first)], side="right"))
            fastest = float(self.exit[after]) if after < self.exit.size else np.inf
            found.append((slowest, fastest, min(1.0, float(mass[after - 1] - before))))
            first = after
        return found

    @cached_property
    def mass(self) -> np.ndarray:
        """Sums of `reached`."""
        return np.cumsum(self.reached)

    def _band(self, points: np.ndarray, weights: np.ndarray, slowest: float, fastest: float) -> np.ndarray:
        """e^{slowest u} P(masked at u, and the slowest state so far lies in the band), a row of weights a clock."""
        chain, parts, total = self.chain, 1 if np.isinf(fastest) else 2, np.zeros(len(weights))
        masked = slice(0, chain.layout.completed.start)
        for part in contour.batches(points.size, chain.layout.states, parts):
            swept = contour.swept(chain, points[part], self.start, parts, slowest, slowest, fastest)
            swept = swept[masked, -2 * points[part].size :]
            sums = chain.potential[masked] @ swept if chain.potential.size else swept.sum(axis=0)
            real, imaginary = np.split(sums, 2)
            total += (weights[:, part] @ (real + 1j * imaginary)).real
        return total


def spectrum(process: GuidedProcess, weight: float, start: np.ndarray | None):
    """The grouped chain, its exit rates and the probability of visiting each masked state."""
    from . import compiled

    chain = grouped_chain(process, weight)
    groups, begin = chain.layout, np.empty(0) if start is None else start
    if chain.lost:  # states below the range of the potential matter here
        chain = grouped_chain(process, weight, by_edges=True)
    if chain.potential.size:
        reached = chain.potential.copy()
        compiled.terminal(reached, groups.offsets, groups.vocab_size, groups.length, begin)
        reached *= chain.exit * chain.potential  # q = h G / S = P / (R G)
    else:
        reached = begin.copy() if begin.size else np.eye(1, groups.states)[0]
        compiled.weighted_visits(
            reached, chain.exit, groups.offsets, chain.weights, chain.weight_offsets, groups.vocab_size, groups.length
        )
    return chain, chain.exit, reached
