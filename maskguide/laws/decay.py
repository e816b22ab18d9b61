"""Total variation along the reverse dynamics: P(some coordinate is still masked at clock u).

By its formula for rules that reveal at rate one, by sums of positive terms on small lattices, otherwise by the shifted
contours of :mod:`.tails`.
"""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..process import GuidedProcess, Rates
from .counts.lumped import late_rate_counts, tv_decay_counts
from .lattice import subtraction_free
from .lattice.sweep import all_masked, is_compiled, visits
from .lattice.tails import Tail, spectrum
from .law import masked_states
from .transient import stages, transient_law
from .unit_hazards import log_masked, log_rest, log_revealed

CHEAP_WORK = 3e6  # multiplications a squaring below which sums of positive terms come first
MOST_WORK = 5e9  # and beyond which they are not tried
RELATIVE_ERROR = 1e-11
EARLY = -0.5  # log P(T <= u) below which one minus TV would lose digits


def tv_decay(process: GuidedProcess, clock: ArrayLike, *, log: bool = False) -> np.ndarray:
    """TV(q_u, q_inf), the distance of the law at clock u from the terminal law.

    Masks only disappear and completed states never leave, so TV(q_u, q_inf) = P(some coordinate is still
    masked at u), exactly. D = 1: e^{-Z u} = m^Z; rule "normalized": 1 - (1 - m)^D for every w, which is what is
    returned for it. Otherwise sums of positive terms on small lattices, and on larger ones a contour shifted to the
    late rate, with paths split by their slowest state where that would lose digits. Relative accuracy 1e-11, also of
    values like 1e-300, as far as the exit rates themselves are exact: u R(x) units of round-off.
    Source: docs/theory.md, section 2.3; docs/exact-laws.md.

    Parameters
    ----------
    process : GuidedProcess
        Of a table or an exchangeable problem.
    clock : float or array_like, shape (T,)
        u = -log m(t) in [0, inf].
    log : bool
        Return log TV instead, which goes on below the range of float64.

    Returns
    -------
    array, shape of clock
        1 at u = 0 and 0 at u = inf.

    Raises
    ------
    InputError
        Clocks that are negative or NaN, a problem without exact laws.

    Warns
    -----
    AccuracyWarning
        The contours lost digits and the lattice was too large for sums of positive terms: schedules whose late decay
        hangs on states that are next to impossible where their segment begins.
    """
    if process.on_counts:
        return tv_decay_counts(process.problem, process.guidance, clock, log=log)
    process.needs_table("TV decay")
    clocks = _checks.clocks(clock)
    values = np.array(_log_tvs(process, np.atleast_1d(clocks))).reshape(clocks.shape)
    return values if log else np.exp(values)


def log_completed(process: GuidedProcess, clocks: np.ndarray) -> tuple[np.ndarray, float]:
    """log P(no mask is left at clock u), (T,), and its absolute error; to relative accuracy where that error is zero.

    From log TV where TV is small, otherwise the mass of completed states: by positive terms on small lattices.
    """
    if process.guidance.rule.normalises:
        return log_revealed(process.length, clocks), 0.0
    logs = log_rest(tv_decay(process, clocks, log=True))
    early = (logs < EARLY) & (clocks > 0) & (clocks < np.inf)
    if not early.any():
        return logs, 0.0
    if subtraction_free.work(process.vocab_size, process.length, masked_only=False) <= CHEAP_WORK:
        masses, error = [subtraction_free.completed(stages(process, u)) for u in clocks[early].tolist()], 0.0
    else:
        law = transient_law(process, clocks[early])
        masses, error = law.probs[(..., *(slice(0, -1),) * process.length)].reshape(early.sum(), -1).sum(1), law.error
    with np.errstate(divide="ignore"):
        logs[early] = np.log(masses)
    return logs, error


def late_rate(process: GuidedProcess) -> tuple[float, tuple[int, ...]]:
    """Rate at which TV decays late: the least exit rate of a context that the last segment can reach, and that context.

    TV decays like e^{-rate u} at late clocks. Source: docs/theory.md, section 2.3.

    Parameters
    ----------
    process : GuidedProcess
        Of a table or an exchangeable problem.

    Returns
    -------
    rate : float
        min R(x), per unit of the clock.
    context : tuple of D ints
        The state that attains it, N = mask; of an exchangeable problem its revealed counts.

    Raises
    ------
    InputError
        A problem without exact laws.
    """
    if process.on_counts:
        return late_rate_counts(process.problem, process.guidance)
    if is_compiled(process):
        chain, exit, reached = spectrum(process, process.segments[-1].weight, None)
        exit = np.where((reached > 0) & (exit > 0), exit, np.inf)
        state = np.unravel_index(int(chain.layout.to_lattice(exit).argmin()), process.shape)
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
    if process.guidance.rule.normalises:
        return log_masked(process.length, clocks).tolist()
    if subtraction_free.work(process.vocab_size, process.length, masked_only=True) <= CHEAP_WORK:
        return [known[u] if u in known else _by_positive_terms(process, u) for u in clocks.tolist()]
    return [
        known[u] if u in known else value
        for u, value in zip(clocks.tolist(), _by_contours(process, clocks), strict=True)
    ]


def _by_contours(process: GuidedProcess, clocks: np.ndarray) -> np.ndarray:
    """By tails where they keep the digits, else by positive sums, else with a warning; clocks of 0 and inf left out."""
    found, finite, start = np.zeros(clocks.size), np.isfinite(clocks), None
    for segment in process.segments:
        if not (finite & (clocks > segment.start)).any():
            break
        tail = Tail.of(process, segment.weight, start)
        here = np.flatnonzero(finite & (clocks > segment.start) & (clocks <= segment.end))
        if here.size:
            logs, errors = tail.log_tvs(clocks[here] - segment.start)
            found[here] = list(map(partial(_sound, process), clocks[here].tolist(), logs, errors))
        if (finite & (clocks > segment.end)).any():
            start = tail.end(segment.end - segment.start)
    return found


def _by_positive_terms(process: GuidedProcess, clock: float) -> float:
    masked, parts = masked_states(process.problem), stages(process, clock)
    start = all_masked(parts[0][0])
    shifts = [float(rates.exit[slowest_context(rates, start, masked)]) for rates, _ in parts]
    mass = subtraction_free.probabilities(parts, shifts, masked_only=True).sum()
    return min(0.0, float(np.log(mass)) - sum(s * d for s, (_, d) in zip(shifts, parts, strict=True)))


def _sound(process: GuidedProcess, clock: float, value: float, error: float) -> float:
    if error <= RELATIVE_ERROR:
        return value
    if subtraction_free.work(process.vocab_size, process.length, masked_only=True) <= MOST_WORK:
        return _by_positive_terms(process, clock)
    warnings.warn(
        f"TV at clock {clock:g} has relative error up to {error:.1g}: it hangs on states of tiny probability at the "
        "start of its segment, and the lattice is too large for sums of positive terms",
        _checks.AccuracyWarning,
        stacklevel=5,
    )
    return value
