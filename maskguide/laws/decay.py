"""Total variation along the reverse dynamics: P(some coordinate is still masked at clock u).

Deep tails on large lattices, to full relative accuracy. The Laplace transform F(s) of TV is a lattice sweep, with
poles at the exit rates. Shifted by the least of them, lambda, e^{lambda u} TV(u) comes out of a contour with an
absolute error of ~1e-14: relative accuracy, unless a slow context of tiny probability hides what matters. So paths
are split by their slowest state, into bands [c_j, c_j+1) of exit rates: one sweep with the slower states removed and
a flag for having visited the band, shifted by c_j. With W_j the probability of visiting the band, its error is about
1e-14 W_j e^{-c_j u}; and TV(u) >= P(visit x) e^{-R(x) u} for every x. Bands are as wide as errors allow, `LOSS` times
that bound: one, as a rule, and each further one spans log(LOSS)/u or more of the exit rates.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..process import GuidedProcess, Rates
from . import contour, positive
from .law import masked_states
from .lumped import late_rate_counts, tv_decay_counts
from .sweep import all_masked, is_large, visits
from .transient import stages, transient_law

if TYPE_CHECKING:
    from .layout import Chain

POSITIVE_WORK = 3e6  # multiplications a squaring below which positive sums come first
POSITIVE_LIMIT = 5e9  # and beyond which they are not tried
RELATIVE_ERROR = 1e-11
CONTOUR_ERROR = 3e-14  # what a contour is asked for here
LOSS = 30.0  # sum over bands of W_j e^{-c_j u}, over TV(u)
MOST_BANDS = 100


def tv_decay(process: GuidedProcess, clock: ArrayLike, *, log: bool = False) -> np.ndarray:
    """TV(q_u, q_inf), the distance of the law at clock u from the terminal law.

    Masks only disappear and completed states never leave, so TV(q_u, q_inf) = P(some coordinate is still
    masked at u), exactly. D = 1: e^{-Z u} = m^Z; rule "normalized": 1 - (1 - m)^D for every w, which is what is
    returned for it. Otherwise sums of positive terms on small lattices, and on larger ones a contour shifted to the
    late rate, with paths split by their slowest state where that would lose digits. Relative accuracy 1e-11, also of
    values like 1e-300, as far as the exit rates themselves are exact: u R(x) units of round-off.

    Parameters
    ----------
    process : GuidedProcess
    clock : float or array_like (T,)
        u = -log m(t) in [0, inf].
    log : bool
        Return log TV instead, which goes on below the range of float64.

    Returns
    -------
    array of clock's shape; 1 at u = 0 and 0 at u = inf.

    Warns
    -----
    AccuracyWarning
        The contour lost digits and the lattice was too large for the positive method (weight schedules, mostly).

    Source: docs/theory.md, section 2.3; docs/exact-laws.md.
    """
    if process.on_counts:
        return tv_decay_counts(process.problem, process.guidance, clock, log=log)
    process.needs_table("TV decay")
    clocks = _checks.clocks(clock)
    values = np.array(_log_tvs(process, np.atleast_1d(clocks))).reshape(clocks.shape)
    return values if log else np.exp(values)


def late_rate(process: GuidedProcess) -> tuple[float, tuple[int, ...]]:
    """min R(x) over the reachable contexts of the last segment, and the context (or counts) that attains it.

    TV decays like e^{-rate u} at late clocks. Source: theory page "Decay of total variation".
    """
    if process.on_counts:
        return late_rate_counts(process.problem, process.guidance)
    if is_large(process):
        exit, reached = _spectrum(process, process.segments[-1].weight, None)[1:]
        exit = np.where((reached > 0) & (exit > 0), exit, np.inf)
        state = np.unravel_index(int(_groups(process).to_lattice(exit).argmin()), process.shape)
        return float(exit.min()), tuple(int(i) for i in state)
    rates = process.rates()
    context = slowest_context(rates, all_masked(rates), masked_states(process.problem))
    return float(rates.exit[context]), context


def slowest_context(rates: Rates, start: np.ndarray, masked: np.ndarray) -> tuple[int, ...]:
    """The masked state of least exit rate among those visited from `start`."""
    reachable = (visits(rates, start) > 0) & masked
    index = np.unravel_index(int(np.where(reachable, rates.exit, np.inf).argmin()), rates.exit.shape)
    return tuple(int(i) for i in index)


def _log_tvs(process: GuidedProcess, clocks: np.ndarray) -> list[float]:
    known = {0.0: 0.0, np.inf: -np.inf}
    if process.guidance.rule.unit_hazard:
        return [known.get(u, _unit_hazard(u, process.length)) for u in clocks.tolist()]
    if positive.work(process.vocab_size, process.length, masked_only=True) <= POSITIVE_WORK:
        return [known[u] if u in known else _positive(process, u) for u in clocks.tolist()]
    tails: dict[float, Tail] = {}
    return [known[u] if u in known else _contour(process, u, tails) for u in clocks.tolist()]


def _unit_hazard(clock: float, length: int) -> float:
    """log(1 - (1 - e^-u)^D)."""
    if clock > 40:  # D e^-u to all digits
        return float(np.log(length)) - clock
    return float(np.log(-np.expm1(length * np.log1p(-np.exp(-clock))))) if clock > 0 else 0.0


def _positive(process: GuidedProcess, clock: float) -> float:
    masked, parts = masked_states(process.problem), stages(process, clock)
    start = all_masked(parts[0][0])
    shifts = [float(rates.exit[slowest_context(rates, start, masked)]) for rates, _ in parts]
    mass = positive.probabilities(parts, shifts, masked_only=True).sum()
    return min(0.0, float(np.log(mass)) - sum(s * d for s, (_, d) in zip(shifts, parts, strict=True)))


def _contour(process: GuidedProcess, clock: float, tails: dict[float, Tail]) -> float:
    """By bands where they keep the digits, else by positive sums, else with a warning."""
    segment = next(s for s in reversed(process.segments) if s.start < clock)
    if segment.start not in tails:
        begun = transient_law(process, segment.start) if segment.start > 0 else None
        tails[segment.start] = Tail.of(process, segment.weight, begun)
    value, error = tails[segment.start].log_tv(clock - segment.start)
    if error <= RELATIVE_ERROR:
        return value
    if positive.work(process.vocab_size, process.length, masked_only=True) <= POSITIVE_LIMIT:
        return _positive(process, clock)
    warnings.warn(
        f"TV at clock {clock:g} has relative error up to {error:.1g}: it hangs on states of tiny probability at the "
        "start of its segment, and the lattice is too large for the all-positive method",
        _checks.AccuracyWarning,
        stacklevel=4,
    )
    return value


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
    def of(cls, process: GuidedProcess, weight: float, begun) -> Tail:
        """From the law at the start of the segment; None: all is masked."""
        start = np.empty(0) if begun is None else _groups(process).from_lattice(begun.probs)
        chain, exit, reached = _spectrum(process, weight, start if start.size else None)
        live = np.flatnonzero((reached > 0) & (exit > 0))
        live = live[np.argsort(exit[live])]
        return cls(chain, start, 0.0 if begun is None else begun.error, exit[live], reached[live])

    def log_tv(self, clock: float) -> tuple[float, float]:
        """log TV after a stretch of clock, and its relative error."""
        points, weights, error = contour.hyperbola(np.array([clock]), self.chain.layout.length, CONTOUR_ERROR)
        logs, sizes = [], []
        for slowest, fastest, weight in self.bands(clock):
            value = self._band(points, weights[0], slowest, fastest)
            logs.append(np.log(value) - slowest * clock if value > 0 else -np.inf)
            sizes.append(np.log(error * weight + self.start_error) - slowest * clock)
        total = np.logaddexp.reduce(logs)
        if not np.isfinite(total):
            return -np.inf, np.inf
        return min(0.0, float(total)), float(np.exp(np.logaddexp.reduce(sizes) - total))

    def bands(self, clock: float) -> list[tuple[float, float, float]]:
        """(slowest, fastest, probability of a visit) of bands of exit rates that keep the digits at this clock."""
        least = float((np.log(self.reached) - self.exit * clock).max())  # log TV is at least this
        mass, first, found = np.cumsum(self.reached), 0, []
        while first < self.exit.size and len(found) < MOST_BANDS:
            slowest, before = float(self.exit[first]), mass[first - 1] if first else 0.0
            bearable = np.log(LOSS) + least + slowest * clock
            if np.log(self.exit.size) - slowest * clock < least + np.log(1e-16):
                break  # all that is left cannot be seen
            room = before + np.exp(min(bearable, 50.0))
            after = int(np.searchsorted(mass, room, side="right"))
            after = int(np.searchsorted(self.exit, self.exit[max(after - 1, first)], side="right"))
            fastest = float(self.exit[after]) if after < self.exit.size else np.inf
            found.append((slowest, fastest, min(1.0, float(mass[after - 1] - before))))
            first = after
        return found

    def _band(self, points: np.ndarray, weights: np.ndarray, slowest: float, fastest: float) -> float:
        """e^{slowest u} P(masked at u, and the slowest state so far lies in the band)."""
        chain, parts, total = self.chain, 1 if np.isinf(fastest) else 2, 0.0
        masked = slice(0, chain.layout.completed.start)
        for part in contour.batches(points.size, chain.layout.states, parts):
            swept = contour.swept(chain, points[part], self.start, parts, slowest, slowest, fastest)
            swept = swept[masked, -2 * points[part].size :]
            sums = chain.potential[masked] @ swept if chain.potential.size else swept.sum(axis=0)
            real, imaginary = np.split(sums, 2)
            total += float((weights[part] * (real + 1j * imaginary)).real.sum())
        return total


def _spectrum(process: GuidedProcess, weight: float, start: np.ndarray | None):
    """The grouped chain, its exit rates and the probability of visiting each masked state."""
    from . import compiled
    from .layout import grouped_chain

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


def _groups(process: GuidedProcess):
    from .layout import layout

    return layout(process.vocab_size, process.length)
