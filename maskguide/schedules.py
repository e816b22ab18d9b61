"""Noise schedules m(t) = 1 - alpha(t), the clock u = -log m(t), and time grids that know nothing of the problem.

Every exact law of this package depends on the clock u only: in u the reverse rates are constant
in time, so a schedule merely says at which t a given u is reached. Schedules matter to samplers
with time steps, whose steps are h = u(t') - u(t).

======  ==============================  =================================================
t       0 = data, 1 = fully masked      as everywhere in this package
m(t)    masking probability             m(0) = 0, m(1) = 1, increasing
u       -log m(t)                       0 at the fully masked start, inf at data
======  ==============================  =================================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from . import _checks
from ._registry import Registry


class NoiseSchedule(ABC):
    """A masking probability m(t) on [0, 1] with its derivative, its inverse and its clock.

    A schedule of one's own is a subclass with a `name` and the three formulas `_masking`, `_derivative` and `_inverse`
    on float arrays; its objects are accepted wherever a schedule's name is (docs/extending.md).
    """

    name: ClassVar[str] = ""

    def masking(self, t: ArrayLike) -> np.ndarray:
        """Masking probability m(t): the probability that a coordinate is masked at time t.

        Parameters
        ----------
        t : array_like, any shape
            Times in [0, 1]; 0 is data, 1 fully masked.

        Returns
        -------
        array, shape of t
            m(t) in [0, 1], increasing, m(0) = 0 and m(1) = 1.

        Raises
        ------
        InputError
            A time outside [0, 1].
        """
        return self._masking(_unit(t, "time t"))

    def derivative(self, t: ArrayLike) -> np.ndarray:
        """Rate dm/dt at which the masking probability grows.

        Parameters
        ----------
        t : array_like, any shape
            Times in [0, 1].

        Returns
        -------
        array, shape of t
            dm/dt >= 0; inf where m rises vertically.

        Raises
        ------
        InputError
            A time outside [0, 1].
        """
        return self._derivative(_unit(t, "time t"))

    def inverse(self, level: ArrayLike) -> np.ndarray:
        """Time t at which the masking probability m(t) has a given value.

        Parameters
        ----------
        level : array_like, any shape
            Masking probabilities in [0, 1].

        Returns
        -------
        array, shape of level
            Times in [0, 1].

        Raises
        ------
        InputError
            A level outside [0, 1].
        """
        return self._inverse(_unit(level, "masking level m"))

    def alpha(self, t: ArrayLike) -> np.ndarray:
        """Probability alpha(t) = 1 - m(t) that a coordinate is still visible at time t.

        Parameters
        ----------
        t : array_like, any shape
            Times in [0, 1].

        Returns
        -------
        array, shape of t
            alpha(t) in [0, 1].
        """
        return 1 - self.masking(t)

    def clock(self, t: ArrayLike) -> np.ndarray:
        """Clock u = -log m(t) of a time: 0 at t = 1 (fully masked), inf at t = 0 (data).

        Parameters
        ----------
        t : array_like, any shape
            Times in [0, 1].

        Returns
        -------
        array, shape of t
            Clocks in [0, inf].
        """
        with np.errstate(divide="ignore"):
            return -np.log(self.masking(t)) + 0.0

    def time(self, clock: ArrayLike) -> np.ndarray:
        """Time t at which the clock shows u, t = m^{-1}(e^{-u}).

        Parameters
        ----------
        clock : array_like, any shape
            Clocks u in [0, inf].

        Returns
        -------
        array, shape of clock
            Times in [0, 1].

        Raises
        ------
        InputError
            A clock that is negative or NaN.
        """
        return self._inverse(np.exp(-_checks.clocks(clock)))

    @abstractmethod
    def _masking(self, t: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _derivative(self, t: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _inverse(self, level: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Linear(NoiseSchedule):
    """m(t) = t. The "log-linear" schedule of SEDD and MDLM (total noise -log(1 - t))."""

    name = "linear"

    def _masking(self, t):
        return t

    def _derivative(self, t):
        return np.ones_like(t)

    def _inverse(self, level):
        return level


@dataclass(frozen=True)
class Cosine(NoiseSchedule):
    """m(t) = cos(pi (1 - t) / 2) = sin(pi t / 2). Source: MaskGIT; MD4, table 1."""

    name = "cosine"

    def _masking(self, t):
        return np.sin(pi * t / 2)

    def _derivative(self, t):
        return pi / 2 * np.cos(pi * t / 2)

    def _inverse(self, level):
        return 2 / pi * np.arcsin(level)


@dataclass(frozen=True)
class Polynomial(NoiseSchedule):
    """m(t) = t^power, power > 0. Source: MD4, table 1."""

    name = "polynomial"

    power: float = 2.0

    def __post_init__(self):
        if not 0 < self.power < np.inf:
            _checks.fail(f"power = {self.power}", "0 < power < inf", "power = 1 is the linear schedule")

    def _masking(self, t):
        return t**self.power

    def _derivative(self, t):
        with np.errstate(divide="ignore"):
            return self.power * t ** (self.power - 1)

    def _inverse(self, level):
        return level ** (1 / self.power)


@dataclass(frozen=True)
class Geometric(NoiseSchedule):
    """m(t) = (g(t) - g(0)) / (g(1) - g(0)), g(t) = 1 - exp(-low^(1-t) high^t).

    g is the geometric schedule of SEDD and MD4 (total noise between `low` and `high`). It starts at
    1 - e^-high and ends at 1 - e^-low, not at 1 and 0; the affine map mends that, and moves m by at
    most max(low, e^-high).
    """

    name = "geometric"

    low: float = 1e-5
    high: float = 20.0

    def __post_init__(self):
        if not 0 < self.low < self.high < np.inf:
            _checks.fail(f"low = {self.low}, high = {self.high}", "0 < low < high < inf", "swap or change them")

    # g(t) - g(0) = -e^-low expm1(-x), x = low^(1-t) high^t - low = low expm1(t L): no difference of near equals

    def _masking(self, t):
        return self._rise(t) / self._rise(1.0)

    def _derivative(self, t):
        excess = self._excess(t)
        return -np.exp(-excess) * (excess + self.low) * self._log_range / self._rise(1.0)

    def _inverse(self, level):
        with np.errstate(divide="ignore"):  # e^-x = 1 - level + level e^-x(1), in logarithms at both ends
            excess = 0.0 - np.logaddexp(np.log1p(-level), np.log(level) - self._excess(1.0))
        return np.minimum(np.log1p(excess / self.low) / self._log_range, 1)

    @property
    def _log_range(self):
        return np.log(self.high / self.low)

    def _excess(self, t):
        return self.low * np.expm1(t * self._log_range)

    def _rise(self, t):
        return np.expm1(-self._excess(t))


SCHEDULES: Registry[NoiseSchedule] = Registry(
    "noise schedule", NoiseSchedule, "maskguide.schedules",
    (Linear(), Cosine(), Polynomial(), Geometric()), {"log-linear": "linear"},
)  # fmt: skip


def noise_schedule(schedule: str | NoiseSchedule, **parameters: float) -> NoiseSchedule:
    """A noise schedule by name, or as given.

    Parameters
    ----------
    schedule : str or NoiseSchedule
        "linear" (also called "log-linear"), "cosine", "polynomial", "geometric", a name that an installed package has
        registered, or an object.
    **parameters
        Of a named schedule: power > 0 for "polynomial" (default 2), 0 < low < high for "geometric".

    Returns
    -------
    NoiseSchedule
        The schedule, with the parameters set.

    Raises
    ------
    InputError
        An unknown name or parameter, a parameter out of range.
    """
    found = SCHEDULES.named(schedule)
    for name in parameters:
        known = getattr(type(found), "__dataclass_fields__", {})
        if not known:
            _checks.fail(f"{name!r} given to the schedule {found.name!r}", "it has no parameters", "leave it out")
        _checks.choice(name, known, f"parameter of the schedule {found.name!r}")
    return type(found)(**parameters) if parameters else found


def uniform_grid(num_steps: int) -> np.ndarray:
    """Equally spaced times from fully masked to data.

    Parameters
    ----------
    num_steps : int
        K >= 1 steps.

    Returns
    -------
    array, shape (K+1,)
        1 = t_0 > t_1 > ... > t_K = 0.

    Raises
    ------
    InputError
        K below 1.
    """
    return np.linspace(1.0, 0.0, _checks.integer(num_steps, "num_steps", 1) + 1)


@dataclass(frozen=True)
class TimeGrid:
    """A rule that places K steps between t = 1 (fully masked) and t = 0 (data), whatever the problem.

    Attributes
    ----------
    name : str
        What it is called in `time_grid` and on the command line.
    formula : str
        Where the steps lie, for people: "t_k = 1 - k/K".
    times : callable
        (K, noise schedule) -> times 1 = t_0 > t_1 > ... > t_K = 0, shape (K+1,).
    source : str
        Where it comes from: paper and equation, or a page of docs/.
    """

    name: str
    formula: str
    times: Callable[[int, NoiseSchedule], np.ndarray]
    source: str = ""


def _at_levels(levels: Callable[[int], np.ndarray]) -> Callable[[int, NoiseSchedule], np.ndarray]:
    """Times from the masking levels m_0 = 1, ..., m_{K-1} at which the steps start; the last one goes to data."""
    return lambda count, noise: noise.inverse(np.append(levels(count), 0.0))


GRIDS: Registry[TimeGrid] = Registry(
    "kind of grid", TimeGrid, "maskguide.grids",
    (
        TimeGrid("time", "t_k = 1 - k/K", lambda count, noise: uniform_grid(count)),
        TimeGrid("clock", "u_k = k/(K-1) log K, the last step to data",
                 _at_levels(lambda count: count ** -(np.arange(count) / max(count - 1, 1)))),
        TimeGrid("cosine", "m_k = cos(pi k / 2K)",
                 _at_levels(lambda count: np.cos(pi / 2 * (np.arange(count) / count))),
                 "MaskGIT, arXiv:2202.04200"),
    ),
)  # fmt: skip


def time_grid(kind: str | TimeGrid, steps: int, schedule: str | NoiseSchedule = "linear") -> np.ndarray:
    """Times 1 = t_0 > t_1 > ... > t_K = 0 placed without regard to the problem.

    The grid of a problem's own rates is `guided_grid`. Source: docs/time-grids.md.

    Parameters
    ----------
    kind : str or TimeGrid
        A grid of one's own, a name that an installed package has registered, or

        - "time": t_k = 1 - k/K.
        - "clock": equal steps of u = -log m down to the level m = 1/K, from which the last step goes to data:
          u_k = k/(K-1) log K for k < K.
        - "cosine": m_k = cos(pi k / 2K), short steps first (MaskGIT, arXiv:2202.04200).
    steps : int
        K, at least 1.
    schedule : str or NoiseSchedule
        Turns levels into times, t = m^{-1}(level); "time" does without.

    Returns
    -------
    array, shape (K+1,)
        Times, strictly decreasing.

    Raises
    ------
    InputError
        An unknown kind or schedule, K below 1.

    Examples
    --------
    >>> time_grid("clock", 3).round(3).tolist()
    [1.0, 0.577, 0.333, 0.0]
    """
    grid = GRIDS.named(kind)
    count = _checks.integer(steps, "steps", 1)
    return _checks.time_grid(grid.times(count, noise_schedule(schedule)))


def _unit(value: ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(value, dtype=float)
    if not ((array >= 0) & (array <= 1)).all():
        worst = array.flat[int(np.argmin((array >= 0) & (array <= 1)))]
        _checks.fail(f"{name} holds {worst:g}", f"{name} lies in [0, 1]", "t = 0 is data, t = 1 fully masked")
    return array
