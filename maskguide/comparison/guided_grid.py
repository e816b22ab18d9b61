r"""Time grids that follow the guided chain: short steps where a reveal changes the rates of what is still masked.

A step of length h freezes the rates of its start, and errs where two reveals fall into it and the first changes the
rates of the second. In TV that costs at most h^2 e(u) to leading order, u the clock at which the step starts, with

    e(u) = sum over x of q(u)(x) sum over reveals x -> y of r(x -> y) c(x, y),
    c(x, y) = 1/2 sum over coordinates j still masked in y, tokens v of |r_j(v | y) - r_j(v | x)|.

Sum of h^2 e over K steps is least where all its terms are equal: grid points are equidistant in the integral of
sqrt(e) du. The integral is finite, so the last step, to u = inf, is one of them.

q(u) is the exact law on a table. Elsewhere pilot trajectories stand in: each of their states x, entered at clock s,
with R(x) and the c of the jump that is drawn next, adds R c exp(-R (u - s)), the jump's clock integrated out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._caching import cached_on_first
from ..guidance import Segment
from ..laws.transient import transient_law
from ..process import GuidedProcess
from ..schedules import NoiseSchedule, noise_schedule

PILOT = 128  # trajectories where there is no table
NODES = 128  # clocks a segment at which e is known
LAWS_AT_ONCE = 16
FLOOR = 1e-6  # of all steps, those that go where no reveal changes a rate
SHORTEST, LONGEST = 1e-3, 40.0  # first and last node, in waiting times at the segment's start and of the slowest state


def guided_grid(
    process: GuidedProcess,
    steps: int,
    *,
    schedule: str | NoiseSchedule = "linear",
    pilot: int | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Times 1 = t_0 > t_1 > ... > t_K = 0 whose steps all make the same error, to leading order.

    The integral of sqrt(e(u)) du over each step is the same, e the rate at which reveals change the rates of what is
    still masked: :func:`rate_change`. One grid for every stepped method: what is second order in one loses that
    order where rates change most. Levels at which a weight schedule changes are grid points, for a step keeps the
    weight of its start. Where no reveal changes any rate, levels are equally spaced between them.
    Source: docs/time-grids.md.

    Parameters
    ----------
    process : GuidedProcess
        Of a table, or of any problem of computed conditionals.
    steps : int
        K, at least the number of weights.
    schedule : str or NoiseSchedule
        Turns levels into times; give the sampler the same.
    pilot : int, optional
        Estimate e from this many exact trajectories. By default tables take their exact laws, and other problems
        128 trajectories, at D evaluations of the conditionals each.
    seed : int
        Of the pilot trajectories, 0 <= seed < 2^64.

    Returns
    -------
    array, shape (K+1,)
        Times, strictly decreasing.

    Raises
    ------
    InputError
        Fewer steps than weights, a pilot below 1, exchangeable problems, rates beyond float64, tables that do not fit.

    Examples
    --------
    >>> import maskguide as mg
    >>> process = mg.GuidedProcess(mg.zoo.get("small-squares-2d"), mg.Guidance("product", weight=4.0))
    >>> guided_grid(process, 4).round(2).tolist()
    [1.0, 0.97, 0.92, 0.85, 0.0]
    """
    count, noise = _checks.integer(steps, "steps", 1), noise_schedule(schedule)
    *earlier, _ = process.segments
    if count <= len(earlier):
        _checks.fail(
            f"{count} steps for {len(earlier) + 1} weights", "a step starts at every weight", "take more steps"
        )
    clocks, effort = _effort(process, pilot, seed)
    edges = np.array([segment.end for segment in earlier])
    shares, places = equal_shares(np.interp(edges, clocks, effort), count)
    reached = np.interp(shares, effort, clocks)
    reached[places], reached[-1] = edges, np.inf
    times = noise.time(reached)
    if (np.diff(times) >= 0).any():
        _checks.fail(f"{count} steps", "steps longer than the round-off of t", "fewer steps, or a smaller weight")
    return times


def rate_change(process: GuidedProcess, clocks: ArrayLike, *, pilot: int | None = None, seed: int = 0) -> np.ndarray:
    """Expected rate e(u) at which reveals change the rates of what is still masked.

    To leading order a tau-leap of length h from the law at clock u is off by at most h^2 e(u) in TV. 0 where
    coordinates are independent, for D = 1, and at u = inf. Source: docs/time-grids.md.

    Parameters
    ----------
    process : GuidedProcess
        Of a table, or of any problem of computed conditionals.
    clocks : array_like, shape (T,)
        Clocks u in [0, inf].
    pilot : int, optional
        As for :func:`guided_grid`.
    seed : int
        Of the pilot trajectories, 0 <= seed < 2^64.

    Returns
    -------
    array, shape (T,)
        e >= 0, per unit of clock squared.

    Raises
    ------
    InputError
        As for :func:`guided_grid`.
    """
    times = np.atleast_1d(_checks.clocks(clocks))
    values = np.zeros(times.size)
    piece = process.guidance.schedule.piece(times)
    for k, change in enumerate(_rate_changes(process, pilot, seed)):
        here = (piece == k) & (times < np.inf)
        values[here] = change.at(times[here])
    return values


@dataclass(frozen=True)
class _RateChange:
    """e on a segment of constant weight, the mean of R at its start, and the least R of a state that adds to e."""

    segment: Segment
    at: Callable[[np.ndarray], np.ndarray]
    leaving: float
    slowest: float

    def nodes(self) -> np.ndarray:
        """Clocks from the start of the segment to its end or to where e has faded, denser towards the start."""
        start, length = self.segment.start, self.segment.end - self.segment.start
        last = min(length, LONGEST / min(self.slowest, self.leaving))
        inner = np.geomspace(min(SHORTEST / self.leaving, last / 2), last, NODES)
        return start + np.concatenate([[0.0], inner, [length] if last < length < np.inf else []])


def _rate_changes(process: GuidedProcess, pilot: int | None, seed: int) -> list[_RateChange]:
    if process.on_counts:
        _checks.fail(
            f"guided grid of {process.problem!r}", "tables, and problems of computed conditionals", "problem.table()"
        )
    if pilot is None and process.on_lattice:
        return [_exact(process, segment) for segment in process.segments]
    count = PILOT if pilot is None else _checks.integer(pilot, "pilot", 1)
    return [_estimated(*part) for part in _pilot(process, count, _checks.seed(seed))]


@cached_on_first(8)
def _effort(process: GuidedProcess, pilot: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Clocks, and the share of the integral of sqrt(e) up to them; 1 - e^-u, little of it, where e vanishes."""
    changes = _rate_changes(process, pilot, seed)
    clocks = [change.nodes() for change in changes]
    roots = [np.sqrt(change.at(nodes)) for change, nodes in zip(changes, clocks, strict=True)]
    pieces = [np.diff(u) * (f[1:] + f[:-1]) / 2 for u, f in zip(clocks, roots, strict=True)]
    along = np.concatenate([clocks[0][:1], *(u[1:] for u in clocks)])
    effort = np.concatenate([[0.0], np.cumsum(np.concatenate(pieces))])
    effort = effort / (effort[-1] or 1.0) - FLOOR * np.expm1(-along)
    return along, effort / effort[-1]


def equal_shares(marks: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(K+1,) shares from 0 to 1, equidistant between marks; and the places of the marks, the nearest free ones."""
    places, last = [], 0
    for j, mark in enumerate(marks):
        last = max(last + 1, min(round(mark * count), count - len(marks) + j))
        places.append(last)
    knots = np.concatenate([[0], places, [count]])
    return np.interp(np.arange(count + 1), knots, np.concatenate([[0.0], marks, [1.0]])), np.array(places, dtype=int)


# From exact laws ---------------------------------------------------------------------------------------


def _exact(process: GuidedProcess, segment: Segment) -> _RateChange:
    cost, exit = _cost(process, segment.weight)
    start = transient_law(process, segment.start).probs.ravel()

    def at(clocks: np.ndarray) -> np.ndarray:
        parts = [_mean(process, cost, clocks[k : k + LAWS_AT_ONCE]) for k in range(0, clocks.size, LAWS_AT_ONCE)]
        return np.concatenate([np.zeros(0), *parts])

    return _RateChange(segment, at, _mean_exit(exit, start), np.min(exit[cost > 0], initial=np.inf))


def _mean_exit(exit: np.ndarray, mass: np.ndarray) -> float:
    """Mean of R over the states that can be left."""
    leaving = (mass * (exit > 0)).sum()
    return float(mass @ exit / leaving) if leaving > 0 else 1.0


def _mean(process: GuidedProcess, cost: np.ndarray, clocks: np.ndarray) -> np.ndarray:
    law = transient_law(process, clocks)
    return np.where(law.probs > law.error, law.probs, 0.0).reshape(clocks.size, -1) @ cost


def _cost(process: GuidedProcess, weight: float) -> tuple[np.ndarray, np.ndarray]:
    """Sum over reveals x -> y of r(x -> y) c(x, y), and R(x), for all states in C order."""
    size, length = process.vocab_size, process.length
    _checks.lattice_fits(size, length, 32 * length * size, "rates after every reveal", "give a pilot")
    states = np.indices(process.shape).reshape(length, -1).T
    rates = _rates(process, states, weight)
    cost = np.zeros(len(states))
    for i in range(length):
        masked, stride = np.flatnonzero(states[:, i] == size), (size + 1) ** (length - 1 - i)
        for v in range(size):
            after = rates[masked - (size - v) * stride]
            cost[masked] += rates[masked, i, v] * _change(rates[masked], after, i)
    return cost, rates.sum(axis=(1, 2))


def _rates(process: GuidedProcess, tokens: np.ndarray, weight: float) -> np.ndarray:
    """r(x -> x with x_i = v), (n, D, N)."""
    with np.errstate(over="ignore"):
        rates = np.exp(process.log_rates(tokens, weight))
    if not np.isfinite(rates).all():
        _checks.fail(f"rates overflow float64 at w = {weight:g}", "every rate is below 1.8e308", "use a smaller weight")
    return rates


def _change(before: np.ndarray, after: np.ndarray, revealed: int | np.ndarray) -> np.ndarray:
    """c: half the L1 distance of the rates before and after a reveal, without those of the coordinate itself."""
    gaps = np.abs(after - before).sum(axis=2)
    gaps[np.arange(len(gaps)), revealed] = 0.0
    return gaps.sum(axis=1) / 2


# From pilot trajectories -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Stays:
    """States that trajectories entered: at which clock, R, and c of the jump that was drawn next."""

    entered: np.ndarray
    exit: np.ndarray
    change: np.ndarray


def _estimated(segment: Segment, stays: _Stays, count: int) -> _RateChange:
    first = stays.entered == segment.start
    kept = stays.change * stays.exit > 0
    entered, exit, change = stays.entered[kept], stays.exit[kept], stays.change[kept]

    def at(clocks: np.ndarray) -> np.ndarray:
        since = (np.maximum(u - entered, 0.0) for u in clocks)
        present = (entered <= u for u in clocks)
        means = [(p * change * exit) @ np.exp(-exit * s) / count for p, s in zip(present, since, strict=True)]
        return np.array(means, dtype=float)

    return _RateChange(segment, at, _mean_exit(stays.exit, first), np.min(exit, initial=np.inf))


def _pilot(process: GuidedProcess, count: int, seed: int) -> list[tuple[Segment, _Stays, int]]:
    """Exact trajectories (Gillespie), segment by segment; all of them leave a segment where it ends."""
    draw = np.random.default_rng(seed)
    tokens, parts = np.full((count, process.length), process.vocab_size), []
    for segment in process.segments:
        stays, live, entered = [], np.arange(count), np.full(count, segment.start)
        rates = _rates(process, tokens, segment.weight)
        while live.size:
            exit, i, v = _next(rates, draw)
            after = tokens[live]
            after[np.arange(live.size), i] = np.where(exit > 0, v, after[np.arange(live.size), i])
            later = _rates(process, after, segment.weight)
            stays.append((entered, exit, _change(rates, later, i)))
            with np.errstate(divide="ignore"):
                entered = entered + draw.exponential(size=live.size) / exit
            moved = entered < segment.end
            live, entered, rates = live[moved], entered[moved], later[moved]
            tokens[live] = after[moved]
        columns = (np.concatenate(column) for column in zip(*stays, strict=True))
        parts.append((segment, _Stays(*columns), count))
    return parts


def _next(rates: np.ndarray, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """R of every state, and coordinate and token of its next reveal, in proportion to the rates."""
    upto = np.cumsum(rates.reshape(len(rates), -1), axis=1)
    chosen = (upto <= (draw.random(len(rates)) * upto[:, -1])[:, None]).sum(axis=1)
    return upto[:, -1], *np.divmod(np.minimum(chosen, upto.shape[1] - 1), rates.shape[2])
