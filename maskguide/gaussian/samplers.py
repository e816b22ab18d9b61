r"""Guided samplers of Gaussian mixtures on a time grid: the steps of `steps`, a compiled kernel, a reference.

"adaptive" is scipy's DOP853 on the probability-flow ODE at tolerance 1e-10, the reference of all that follow the
ODE ("euler", "heun", "dpm2", "ddim" with eta = 0). In the plane, Euler and Heun steps of a linear rule run compiled.
Steps run on numpy arrays or on torch tensors, the same lines for both.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import namespace
from .mixture import Mixture
from .noise import NoiseProcess, process
from .normals import normals
from .rules import GaussianRule, rule
from .schedules import Weight, decreasing, jumps, weight_at
from .steps import METHODS, Field, ddim

LIMIT = 1e50  # a coordinate beyond it has exploded: its square still is a number
TOLERANCE = 1e-10  # of the adaptive reference
BATCH, DEVICE_BATCH = 2**17, 2**22  # coordinates of the points that step together, on the CPU and elsewhere
REFERENCE_BATCH = 2**20  # coordinates times components that the reference integrates as one system


@dataclass(frozen=True)
class Trajectories:
    """Where the trajectories ended.

    Attributes
    ----------
    x : (n, d)
        Final points; of an exploded trajectory the last point before it. No NaN.
    exploded : (n,) bool
    stopped_at : (n,)
        The last time of the grid, or the time at which the trajectory exploded.
    times : (K + 1,)
    path : (K + 1, n, d) or None
        All points, when they were asked for.
    """

    x: np.ndarray
    exploded: np.ndarray
    stopped_at: np.ndarray
    times: np.ndarray
    path: np.ndarray | None = None

    @property
    def status(self) -> str:
        """One sentence."""
        if not self.exploded.any():
            return f"all {len(self.x)} trajectories reached t = {self.times[-1]:g}"
        first = self.stopped_at[self.exploded].max()
        return f"{int(self.exploded.sum())} of {len(self.x)} trajectories exploded, the first at t = {first:g}"


def sample(
    conditional: Mixture,
    unconditional: Mixture,
    weight: Weight = 0.0,
    *,
    method: str = "heun",
    rule: str | GaussianRule = "linear",
    process: str | NoiseProcess = "flow",
    times: Any = 100,
    count: int = 1000,
    seed: int = 0,
    initial: Any = "noise",
    eta: float = 0.0,
    keep: bool = False,
    batch: int | None = None,
    engine: str | None = None,
    device: str | None = None,
) -> Trajectories:
    """Guided trajectories from noise to data.

    Parameters
    ----------
    conditional, unconditional : Mixture
        The laws whose scores are combined: `mixture.given(label)` and `mixture`; for contrastive guidance the
        second is the negative class.
    weight : number, WeightSchedule or function of t
        w >= -1; omega = 1 + w.
    method : "euler", "heun", "ddim", "dpm2", "euler-maruyama" or "adaptive"
    rule, process : by name or as objects
    times : number of equal steps from 1 to 0, or decreasing times
    count, seed
        Trajectory i of a seed has its own random numbers: neither `count` nor `batch` changes it.
    initial : "noise" (sigma z), "class" (the noised conditional law) or (count, d) points
    eta : stochasticity of "ddim", in [0, 1]
    keep : keep all points
    batch : trajectories worked on at once
    engine : "numpy" or "torch"
        By default numpy, and the compiled kernel where there is one (Euler and Heun steps of a linear rule in the
        plane). One seed gives the same trajectories everywhere, to rounding.
    device : of torch, by default its GPU if it has one

    Raises
    ------
    InputError
        Unknown names, different dimensions, weights below -1, times out of order, a device that torch lacks.

    Examples
    --------
    >>> normal, narrow = Mixture([[0.0, 0.0]]), Mixture([[1.0, 0.0]], 0.25)
    >>> sample(narrow, normal, 1.0, count=4).status
    'all 4 trajectories reached t = 0'
    """
    field = guided_field(conditional, unconditional, weight, rule, process)
    _checks.choice(method, [*METHODS, "adaptive"], "method")
    engine, device = _place(engine, device, method)
    grid = _grid(times)
    x = _start(field, grid[0], initial, _checks.integer(count, "count", 1), _checks.seed(seed))
    if engine is None and _in_the_plane(field, method, keep):
        return _plane(field, x, grid, method)
    d = x.shape[1]
    if method == "adaptive":
        size = batch or max(1, REFERENCE_BATCH // (d * len(conditional.means)))
        return _joined([_adaptive(field, x[i : i + size], grid, keep) for i in range(0, len(x), size)], grid, keep)
    size = batch or max(1, (BATCH if device == "cpu" else DEVICE_BATCH) // d)
    step = ddim(eta) if method == "ddim" else METHODS[method]
    noisy = method == "euler-maruyama" or (method == "ddim" and eta > 0)
    walk = _stepped
    if engine == "torch":
        from .torch_samplers import stepped

        walk = partial(stepped, device)
    parts = [walk(step, field, x[i : i + size], grid, keep, seed if noisy else None, i) for i in range(0, len(x), size)]
    return _joined(parts, grid, keep)


def guided_field(
    conditional: Mixture,
    unconditional: Mixture,
    weight: Weight = 0.0,
    guidance: str | GaussianRule = "linear",
    noise: str | NoiseProcess = "flow",
) -> Field:
    """The guided field of two mixtures, names looked up and dimensions compared."""
    if conditional.dimension != unconditional.dimension:
        _checks.fail(
            f"conditional has d = {conditional.dimension}, unconditional d = {unconditional.dimension}",
            "both live in one space",
            "give mixtures of one dimension",
        )
    weight_at(weight, 1.0)
    return Field(conditional, unconditional, process(noise), rule(guidance), weight)


def _place(engine: str | None, device: str | None, method: str) -> tuple[str | None, str]:
    """Engine and device, checked."""
    if engine is not None:
        _checks.choice(engine, ["numpy", "torch"], "engine")
    if engine != "torch":
        if device not in (None, "cpu"):
            _checks.fail(f"device {device!r} without torch", "numpy and numba run on the CPU", 'use engine="torch"')
        return engine, "cpu"
    if method == "adaptive":
        _checks.fail("the adaptive reference on torch", "it is scipy's", 'use engine="numpy"')
    from .torch_samplers import find

    return engine, find(device)


def _grid(times: Any) -> np.ndarray:
    if np.ndim(times) > 0:
        return decreasing(times)
    return np.linspace(1, 0, _checks.integer(times, "times (steps)", 1) + 1)


def _start(field: Field, t: float, initial: Any, count: int, seed: int) -> np.ndarray:
    """Starting points (count, d)."""
    d, level = field.conditional.dimension, field.process.at(t)
    if not isinstance(initial, str):
        x = np.array(initial, dtype=float)
        if x.ndim != 2 or x.shape[1] != d or not np.isfinite(x).all():
            _checks.fail(f"initial points have shape {x.shape}", f"(n, {d}), finite", "one row a trajectory")
        return x
    noise = level.sigma * normals(seed, count, d, 2)
    if _checks.choice(initial, ["noise", "class"], "start") == "noise":
        return noise
    return level.scale * field.conditional.sample(count, seed) + noise


def _stepped(
    step: Callable[..., Any], field: Field, x: Any, grid: np.ndarray, keep: bool, seed: int | None, first: int
) -> Trajectories:
    """Steps for one batch, numpy or torch: its arrays are of the kind of x, and no value is looked at on the way.

    `seed` is None for methods without noise; `first` is the first trajectory's number.
    """
    xp = namespace(x)
    alive, stopped = xp.ones_like(x[:, 0], dtype=xp.bool), xp.full_like(x[:, 0], grid[-1])
    path = [x]
    for n, (t, s) in enumerate(itertools.pairwise(grid.tolist())):
        z = None if seed is None else normals(seed, *x.shape, 3 + n, first, like=x)
        with np.errstate(over="ignore", invalid="ignore"):
            new = step(field, x, t, s, z)
            good = alive & (abs(new) < LIMIT).all(-1)
        x = xp.where(good[:, None], new, x)
        stopped = xp.where(alive & ~good, xp.full_like(stopped, s), stopped)
        alive = good
        if keep:
            path.append(x)
    return Trajectories(x, ~alive, stopped, grid, xp.stack(path) if keep else None)


def _adaptive(field: Field, x: np.ndarray, grid: np.ndarray, keep: bool) -> Trajectories:
    """The reference: pieces between jumps of the weight; a batch that cannot be finished is split."""
    stops = grid if keep else grid[[0, -1]]
    inside = [j for j in jumps(field.weight) if grid[-1] < j < grid[0]]
    points, path = x, [x]
    edges = sorted({*stops.tolist(), *inside}, reverse=True)
    for t, s in itertools.pairwise(edges):
        points, reached = _integrate(field, points, t, s)
        if reached > s:
            break
        if s in stops:
            path.append(points)
    else:
        ones = np.full(len(x), grid[-1])
        return Trajectories(points, np.zeros(len(x), bool), ones, grid, np.array(path) if keep else None)
    if len(x) == 1:
        path += [points] * (len(grid) - len(path))
        return Trajectories(points, np.array([True]), np.array([reached]), grid, np.array(path) if keep else None)
    half = len(x) // 2
    return _joined([_adaptive(field, part, grid, keep) for part in (x[:half], x[half:])], grid, keep)


def _integrate(field: Field, x: np.ndarray, t: float, s: float) -> tuple[np.ndarray, float]:
    """(points, time reached) by DOP853; the last points within the limits where it does not reach s."""
    from scipy.integrate import solve_ivp

    if not (np.abs(x) < LIMIT).all():
        return x, t

    def slope(r: float, flat: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return field.velocity(flat.reshape(x.shape), float(r), before=t if r < t else None).ravel()

    def leaves(r: float, flat: np.ndarray) -> float:
        return LIMIT - np.abs(flat).max()

    leaves.terminal = True  # type: ignore[attr-defined]
    run = solve_ivp(slope, (t, s), x.ravel(), "DOP853", rtol=TOLERANCE, atol=TOLERANCE, events=leaves)
    held = np.flatnonzero((np.abs(run.y) < LIMIT).all(0))[-1]
    return run.y[:, held].reshape(x.shape), s if run.status == 0 else float(run.t[held])


def _in_the_plane(field: Field, method: str, keep: bool) -> bool:
    """Whether the compiled kernel does it: d = 2, a rule that is plainly linear, Euler or Heun."""
    plain = field.rule.space == "any" and field.rule.reads == "none"
    return field.conditional.dimension == 2 and plain and method in ("euler", "heun") and not keep


def _plane(field: Field, x: np.ndarray, grid: np.ndarray, method: str) -> Trajectories:
    from . import plane

    steps = list(zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True))
    before = np.array([weight_at(field.weight, t) for t, _ in steps])
    after = np.array([weight_at(field.weight, s, t) for t, s in steps])
    c, u = (plane.table(mixture, field.process, grid) for mixture in (field.conditional, field.unconditional))
    exploded, stopped = np.zeros(len(x), bool), np.full(len(x), grid[-1])
    plane.flow(x, c, u, grid, before, after, method == "heun", stopped, exploded)
    return Trajectories(x, exploded, stopped, grid)


def _joined(parts: list[Trajectories], grid: np.ndarray, keep: bool) -> Trajectories:
    x, exploded, stopped = (np.concatenate([getattr(p, k) for p in parts]) for k in ("x", "exploded", "stopped_at"))
    path = np.concatenate([p.path for p in parts if p.path is not None], 1) if keep else None
    return Trajectories(x, exploded, stopped, grid, path)
