"""How far a K-step sampler is from the chain it discretises, without randomness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..methods import Method, method_named, steps
from ..process import GuidedProcess
from ..schedules import NoiseSchedule, noise_schedule, uniform_grid
from .stepped import final_law
from .transient import transient_law

SAME_SLOPE = 5e-3  # two slopes in a row this close end the doubling
ROUND_OFF = 1e-12  # errors below it say nothing about an order


def tv_error(
    process: GuidedProcess,
    method: str | Method,
    steps: ArrayLike,
    schedule: str | NoiseSchedule = "linear",
    *,
    clock: float = np.inf,
    **parameters: Any,
) -> np.ndarray:
    """TV between the law of a K-step sampler and the chain's own law, exactly. Source: docs/theory.md, section 2.6.

    Parameters
    ----------
    process : GuidedProcess
        Of a table.
    method : str or Method
        A name in ``maskguide.methods.METHODS``, or a method of your own.
    steps : int or array_like of ints, any shape
        K >= 1, one or several.
    schedule : str or NoiseSchedule
        Of the grid of K equal steps in t, from 1 to 0.
    clock : float
        Finite u: K equal steps in the clock from 0 to u instead (no schedule plays a part), against the
        transient law at u. inf: against the terminal law.
    **parameters
        The method's own, as in :func:`stepped_law`.

    Returns
    -------
    array, shape of steps
        In [0, 1], 0 for exact methods. Masks that the sampler leaves count as error.

    Raises
    ------
    InputError
        A problem that is no table, K below 1, and what :func:`stepped_law` refuses.
    """
    chosen = method_named(method, **parameters)
    counts = np.asarray(steps)
    for k in counts.ravel().tolist():
        _checks.integer(k, "steps", 1)
    if chosen.is_exact:
        return np.zeros(counts.shape)
    target = transient_law(process, _end(clock)).probs
    errors = [_error(process, chosen, k, noise_schedule(schedule), clock, target) for k in counts.ravel().tolist()]
    return np.array(errors).reshape(counts.shape)


def measured_order(
    process: GuidedProcess, method: str | Method, *, clock: float = 1.0, largest: int = 1024, **parameters: Any
) -> float:
    """The order of a method as its exact law shows it: -slope of log2 TV error when K doubles.

    Taken on [0, u] in equal steps of the clock, where the order of a method is defined: a grid to t = 0 has
    steps of length one and more at its end, whatever K. A slope s(K) is off by O(1/K), so 2 s(2K) - s(K) is
    taken; K doubles from 32 until two such estimates differ by less than 0.005, the error reaches round-off, or
    K = `largest`. Source: docs/theory.md, section 2.6.

    Parameters
    ----------
    process : GuidedProcess
        Of a table.
    method : str or Method
        A name in ``maskguide.methods.METHODS``, or a method of your own, with steps.
    clock : float
        Finite u > 0, the end of the window.
    largest : int
        Largest K, at least 64.
    **parameters
        The method's own.

    Returns
    -------
    float
        About 1 for "tau-leaping".

    Raises
    ------
    InputError
        Exact methods, and problems on which the method makes no error to measure (such as tau-leaping, D = 1).
    """
    chosen = _stepped(method, parameters)
    _checks.integer(largest, "largest", 64)
    if not 0 < _end(clock) < np.inf:
        _checks.fail(f"clock = {clock:g}", "0 < clock < inf", "the default is 1.0")
    target = transient_law(process, clock).probs
    slopes, estimates = [], []
    for slope in _slopes(process, chosen, clock, largest, target):
        slopes.append(slope)
        estimates.append(2 * slope - slopes[-2] if len(slopes) > 1 else slope)
        if len(estimates) > 2 and abs(estimates[-1] - estimates[-2]) < SAME_SLOPE:
            break
    if not slopes:
        _checks.fail(
            f"{chosen.name!r} is exact here to round-off: no order to measure",
            f"a TV error above {ROUND_OFF:g} at 64 steps",
            "use a problem of two or more dependent coordinates",
        )
    return estimates[-1]


def _slopes(process: GuidedProcess, method: Method, clock: float, largest: int, target: np.ndarray) -> Iterator[float]:
    """log2 of error(K) / error(2K) for K = 32, 64, ..., above round-off."""
    count, error = 32, _error(process, method, 32, noise_schedule("linear"), clock, target)
    while 2 * count <= largest:
        count, last = 2 * count, error
        error = _error(process, method, count, noise_schedule("linear"), clock, target)
        if error < ROUND_OFF:
            return
        yield float(np.log2(last / error))


def steps_needed(
    process: GuidedProcess,
    method: str | Method,
    tv: float,
    schedule: str | NoiseSchedule = "linear",
    *,
    largest: int = 4096,
    **parameters: Any,
) -> int:
    """The smallest K whose TV error to the terminal law is at most `tv`, by doubling, then bisection.

    Bisection takes the error to fall with K between the last two doublings. Source: docs/theory.md, section 2.6.

    Parameters
    ----------
    process : GuidedProcess
        Of a table.
    method : str or Method
        A name in ``maskguide.methods.METHODS``, or a method of your own, with steps.
    tv : float
        In (0, 1).
    schedule : str or NoiseSchedule
        Of the grid of K equal steps in t.
    largest : int
        Where the doubling gives up.
    **parameters
        The method's own.

    Returns
    -------
    int
        K.

    Raises
    ------
    InputError
        When `largest` steps do not suffice; the message says how far they lead.

    Examples
    --------
    >>> import maskguide as mg
    >>> process = mg.GuidedProcess(mg.zoo.get("no-blind-2d"), mg.Guidance("product", weight=2.0))
    >>> steps_needed(process, "tau-leaping", tv=0.01)
    6
    """
    chosen, noise = _stepped(method, parameters), noise_schedule(schedule)
    if not 0 < _checks.real(tv, "tv") < 1:
        _checks.fail(f"tv = {tv:g}", "0 < tv < 1", "0.01 is a common choice")
    _checks.integer(largest, "largest", 1)
    target = transient_law(process, np.inf).probs
    high = 1
    while (error := _error(process, chosen, high, noise, np.inf, target)) > tv:
        if high == largest:
            aim = "it tends to another law" if chosen.order is None else "its error still falls with K"
            _checks.fail(
                f"{chosen.name!r} has TV error {error:.3g} at K = {high}", f"at most {tv:g}", f"{aim}; raise tv"
            )
        high = min(2 * high, largest)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        enough = _error(process, chosen, middle, noise, np.inf, target) <= tv
        low, high = (low, middle) if enough else (middle, high)
    return high


def _stepped(method: str | Method, parameters: dict[str, Any]) -> Method:
    chosen = method_named(method, **parameters)
    if chosen.is_exact:
        _checks.fail(f"{chosen.name!r} is exact and takes no steps", "a method of K steps", 'such as "tau-leaping"')
    return chosen


def _end(clock: float) -> float:
    return float(_checks.clocks(_checks.real(clock, "clock")))


def _error(
    process: GuidedProcess, method: Method, count: int, noise: NoiseSchedule, clock: float, target: np.ndarray
) -> float:
    if np.isfinite(clock):
        noise, grid = noise_schedule("linear"), np.exp(-np.linspace(0.0, clock, count + 1))
    else:
        grid = uniform_grid(count)
    taken = list(steps(process.guidance, grid, noise))
    return 0.5 * float(np.abs(final_law(process, method, taken) - target).sum())
