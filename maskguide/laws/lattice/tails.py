"""Deep tails of TV on large lattices, to full relative accuracy: shifted contours, and bands of exit rates.

The Laplace transform F(s) of TV is a lattice sweep, with poles at the exit rates. Shifted by the least of them, lambda,
e^{lambda u} TV(u) comes out of a contour with an absolute error of ~1e-14, for all clocks within a factor of ten at
once: relative accuracy, unless a slow context of tiny probability hides what matters, which the result itself shows.
Then paths are split by their slowest state, into bands [c_j, c_j+1) of exit rates: one sweep with the slower states
removed and a flag for having visited the band, shifted by c_j. With W_j the probability of visiting the band, its error
is about 1e-14 W_j e^{-c_j u}; and TV(u) >= P(visit x) e^{-R(x) u} for every x. Bands are as wide as errors allow,
`LOSS` times that bound, or times what one band has found.

Source: docs/exact-laws.md, "Deep tails of TV".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...process import GuidedProcess
from . import contour
from .layout import GroupedChain, grouped_chain
from .subtraction_free import exponential

ONE_BAND_ERROR = 1e-12  # relative; up to it one band will do
CONTOUR_ERROR = 3e-14  # what a contour is asked for here
END_ERROR = 3e-15  # and at the end of a segment, where more is to follow
LOSS = 30.0  # sum over bands of W_j e^{-c_j u}, over TV(u)
MOST_BANDS = 100
LATEST = 1e18  # reveals of the slowest state after which log TV is known
Band = tuple[float, float, float]  # slowest and fastest exit rate, probability of a visit


@dataclass(frozen=True)
class Start:
    """A law on masked states to start from, grouped: divided by its sum, whose log is kept; the relative L1 error."""

    law: np.ndarray
    log_mass: float
    error: float


@dataclass(frozen=True)
class Tail:
    """The chain of one segment, with what its bands are chosen from.

    chain: in the grouped layout; start: None when all is masked; exit, reached: R and P(visit) of the masked states
    that can be visited, by increasing R.
    """

    chain: GroupedChain
    start: Start | None
    exit: np.ndarray
    reached: np.ndarray

    @classmethod
    def of(cls, process: GuidedProcess, weight: float, start: Start | None) -> Tail:
        """From where the segment before ended; None: all is masked."""
        chain, exit, reached = spectrum(process, weight, None if start is None else start.law)
        live = np.flatnonzero((reached > 0) & (exit > 0))
        live = live[np.argsort(exit[live])]
        return cls(chain, start, exit[live], reached[live])

    def end(self, clock: float) -> Start:
        """Where the segment ends after a time of the clock: its masked states, as accurate as TV is there."""
        clocks, law = np.array([clock]), np.zeros(self.chain.layout.states)
        if not self.exit.size:
            return Start(law, -np.inf, np.inf)
        (log,), (error,), bands = self._one_band_or_more(clocks)
        points, weights, _ = self._contour(clocks, END_ERROR)
        for slowest, fastest, _ in bands:
            for part, swept in self._swept(points, slowest, fastest):
                real, imaginary = np.split(swept, 2, axis=1)
                share = real @ np.real(weights[0, part]) - imaginary @ np.imag(weights[0, part])
                law[: len(share)] += share * np.exp(-slowest * clock - log)
        if self.chain.potential.size:
            law *= self.chain.potential
        law, negative = np.maximum(law, 0.0), -float(np.minimum(law, 0.0).sum())
        return Start(
            law / max(law.sum(), np.finfo(float).tiny), self.log_mass + float(log), float(error) + 2 * negative
        )

    @property
    def log_mass(self) -> float:
        """log of the probability of masked states at the start."""
        return 0.0 if self.start is None else self.start.log_mass

    def log_tvs(self, clocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log TV after times of the clock, (T,), and their relative errors; near ones share a contour."""
        logs, errors = np.full(clocks.size, -np.inf), np.full(clocks.size, np.inf)
        between = self._ends(clocks, logs, errors) if self.exit.size else np.empty(0, int)
        for here in contour.contour_groups(clocks[between]):
            here = between[here]
            logs[here], errors[here] = self._shared(clocks[here], self.one_band)
            rest = here[~(errors[here] <= ONE_BAND_ERROR)]
            floors = np.full(clocks.size, -np.inf)
            floors[rest] = [self._floor(*each) for each in zip(clocks[rest], logs[rest], errors[rest], strict=True)]
            for some in self._sharing(rest, clocks, floors):
                if bands := self.bands(clocks[some], floors[some]):
                    logs[some], errors[some] = self._shared(clocks[some], bands)
        return logs + self.log_mass, errors

    def _ends(self, clocks: np.ndarray, logs: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """Log TV where nothing has happened yet, or only the slowest state can be left; indices of the rest."""
        with np.errstate(over="ignore"):
            near, far = clocks * self.exit[-1] < contour.NOTHING_YET, clocks * self.exit[0] > LATEST
            logs[far] = -clocks[far] * self.exit[0]
        logs[near], errors[near | far] = 0.0, 0.0 if self.start is None else self.start.error
        return np.flatnonzero(~(near | far))

    def _one_band_or_more(self, clocks: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[Band]]:
        """log TV less that of the start, its relative error, and the bands it takes, for one clock."""
        logs, errors = self._shared(clocks, self.one_band, END_ERROR)
        floors = np.array([self._floor(float(clocks[0]), float(logs[0]), float(errors[0]))])
        if errors[0] <= ONE_BAND_ERROR or not (bands := self.bands(clocks, floors)):
            return logs, errors, self.one_band
        return *self._shared(clocks, bands, END_ERROR), bands

    @property
    def one_band(self) -> list[Band]:
        """A single band that holds the paths of every slowest state."""
        return [(float(self.exit[0]), np.inf, 1.0)]

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

    def _contour(self, clocks: np.ndarray, wanted: float = CONTOUR_ERROR) -> tuple[np.ndarray, np.ndarray, float]:
        return contour.hyperbola(clocks, self.chain.layout.length, wanted)

    def _shared(
        self, clocks: np.ndarray, bands: list[Band], wanted: float = CONTOUR_ERROR
    ) -> tuple[np.ndarray, np.ndarray]:
        """log TV and its relative error at clocks that share a contour and its bands."""
        points, weights, error = self._contour(clocks, wanted)
        logs, sizes = [], []
        if self.start is not None:
            sizes.append(np.log(self.start.error) + np.array([self._stays(u) for u in clocks.tolist()]))
        for slowest, fastest, weight in bands:
            value = self._band(points, weights, slowest, fastest)
            logs.append(np.log(np.maximum(value, np.finfo(float).tiny)) - slowest * clocks)
            sizes.append(np.log(error * weight) - slowest * clocks)
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
            most = before + np.exp(min(float((np.log(LOSS) + floors + slowest * clocks).min()), 50.0))
            after = int(np.searchsorted(mass, most, side="right"))
            after = int(np.searchsorted(self.exit, self.exit[max(after - 1, first)], side="right"))
            fastest = float(self.exit[after]) if after < self.exit.size else np.inf
            found.append((slowest, fastest, min(1.0, float(mass[after - 1] - before))))
            first = after
        return found

    @cached_property
    def slowest(self) -> np.ndarray:
        """The least exit rate with D masks, with D - 1, ... with one: of states too that a start may have missed."""
        masks, exit = self.chain.layout.masks(), self.chain.exit
        least = [exit[(masks == m) & (exit > 0)].min(initial=np.inf) for m in range(self.chain.layout.length, 0, -1)]
        return np.array([rate for rate in least if rate < np.inf])

    def _stays(self, clock: float) -> float:
        """log of a bound on the chance that anything in the start is masked after a time of the clock.

        No path is slower than the one that takes all D reveals at the least rates.
        """
        least = float(self.slowest.min())
        chain = exponential(np.diag(self.slowest[:-1], 1), self.slowest - least, clock)
        return float(np.log(chain[0].sum())) - least * clock

    @cached_property
    def mass(self) -> np.ndarray:
        """Sums of `reached`."""
        return np.cumsum(self.reached)

    def _band(self, points: np.ndarray, weights: np.ndarray, slowest: float, fastest: float) -> np.ndarray:
        """e^{slowest u} P(masked at u, and the slowest state so far lies in the band), a row of weights a clock."""
        total, masked = np.zeros(len(weights)), slice(0, self.chain.layout.completed.start)
        for part, swept in self._swept(points, slowest, fastest):
            sums = self.chain.potential[masked] @ swept if self.chain.potential.size else swept.sum(axis=0)
            real, imaginary = np.split(sums, 2)
            total += (weights[:, part] @ (real + 1j * imaginary)).real
        return total

    def _swept(self, points: np.ndarray, slowest: float, fastest: float) -> Iterator[tuple[slice, np.ndarray]]:
        """Some nodes at a time, and what masked states hold of a band's paths, (masked states, 2 nodes)."""
        groups, parts = self.chain.layout, 1 if np.isinf(fastest) else 2
        start = np.empty(0) if self.start is None else self.start.law
        for part in contour.batches(points.size, groups.states, parts):
            swept = contour.swept(self.chain, points[part], start, slowest, fastest)
            yield part, swept[: groups.completed.start, -2 * points[part].size :]


def spectrum(process: GuidedProcess, weight: float, start: np.ndarray | None):
    """The grouped chain, its exit rates and the probability of visiting each masked state."""
    from . import sweeps

    chain = grouped_chain(process, weight)
    groups, begin = chain.layout, np.empty(0) if start is None else start
    if chain.lost:  # states below the range of the potential matter here
        chain = grouped_chain(process, weight, by_edges=True)
    if chain.potential.size:
        reached = chain.potential.copy()
        sweeps.terminal(reached, groups.blocks, begin)
        reached *= chain.exit * chain.potential  # q = h G / S = P / (R G)
    else:
        reached = begin.copy() if begin.size else np.eye(1, groups.states)[0]
        sweeps.weighted_visits(reached, chain.arrays, groups.blocks)
    return chain, chain.exit, reached
