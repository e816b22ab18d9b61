r"""Guided samplers of Gaussian mixtures on a time grid: the steps of `steps`, a compiled kernel, a reference.

"adaptive" is scipy's DOP853 on the probability-flow ODE at tolerance 1e-10, the reference of all that follow the
ODE ("euler", "heun", "dpm2", "ddim" with eta = 0). In the plane, Euler and Heun steps of a linear rule run compiled.
Steps run on numpy arrays or on torch tensors, the same lines for both.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import _checks
from .methods import GaussianMethod
from .methods import method as find_method
from .mixture import Mixture
from .noise import NoiseProcess, process
from .normals import normals
from .rules import GaussianRule, rule
from .schedules import Weight, decreasing, weight_at
from .steps import Field
from .trajectories import Trajectories, joined, stepped

BATCH, DEVICE_BATCH = 2**17, 2**22  # coordinates of the points that step together, on the CPU and elsewhere
REFERENCE_BATCH = 2**20  # coordinates times components that the reference integrates as one system


def sample(
    conditional: Mixture,
    unconditional: Mixture,
    weight: Weight = 0.0,
    *,
    method: str | GaussianMethod = "heun",
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
    """Guided trajectories from noise to data, of a Gaussian mixture with exact scores. Source: docs/gaussian.md.

    Parameters
    ----------
    conditional, unconditional : Mixture
        The laws whose scores are combined: `mixture.given(label)` and `mixture`; for contrastive guidance the
        second is the negative class.
    weight : number, WeightSchedule, or callable
        w >= -1, or t -> w; many papers write omega = 1 + w.
    method : str or GaussianMethod
        "euler", "heun", "ddim", "dpm2", "euler-maruyama", "adaptive", or a method of your own.
    rule : str or GaussianRule
        "linear", "contrastive", "power", "angle", or a rule of your own.
    process : str or NoiseProcess
        "flow", "vp", "cosine", "ve" (of variance 100), or a noise process of your own.
    times : int or array_like, shape (K+1,)
        A number of equal steps from 1 to 0, or decreasing times.
    count : int
        Number of trajectories n >= 1.
    seed : int
        0 <= seed < 2^64. Trajectory i of a seed has its own random numbers: neither `count` nor `batch` changes it.
    initial : str or array_like, shape (n, d)
        "noise" (sigma z), "class" (the noised conditional law), or points.
    eta : float
        Stochasticity of "ddim", in [0, 1].
    keep : bool
        Keep all points along the way, 8 (K+1) n d bytes.
    batch : int, optional
        Trajectories worked on at once.
    engine : str, optional
        "numpy" or "torch". By default numpy, and the compiled kernel where there is one (Euler and Heun steps of a
        linear rule in the plane). One seed gives the same trajectories everywhere, to rounding.
    device : str, optional
        Of torch, by default its GPU if it has one.

    Returns
    -------
    Trajectories
        Final points, and whether all got there: ``.x``, ``.status``.

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
    chosen = find_method(method, eta)
    engine, device = _place(engine, device, chosen)
    grid = _grid(times)
    x = _start(field, grid[0], initial, _checks.integer(count, "count", 1), _checks.seed(seed))
    if engine is None and _in_the_plane(field, chosen, keep):
        return _plane(field, x, grid, chosen)
    if chosen.integrate is not None:
        size = batch or max(1, REFERENCE_BATCH // (x.shape[1] * len(conditional.means)))
        parts = [chosen.integrate(field, x[i : i + size], grid, keep) for i in range(0, len(x), size)]
        return joined(parts, grid, keep)
    size = batch or max(1, (BATCH if device == "cpu" else DEVICE_BATCH) // x.shape[1])
    advance = stepped
    if engine == "torch":
        from .torch_samplers import stepped_on

        advance = partial(stepped_on, device)
    draws = seed if chosen.noisy else None
    parts = [advance(chosen.step, field, x[i : i + size], grid, keep, draws, i) for i in range(0, len(x), size)]
    return joined(parts, grid, keep)


def guided_field(
    conditional: Mixture,
    unconditional: Mixture,
    weight: Weight = 0.0,
    guidance: str | GaussianRule = "linear",
    noise: str | NoiseProcess = "flow",
) -> Field:
    """The guided velocity field of two mixtures.

    Parameters
    ----------
    conditional, unconditional : Mixture
        As for :func:`sample`.
    weight : number, WeightSchedule, or callable
        w >= -1, or t -> w.
    guidance : str or GaussianRule
        The rule, as for :func:`sample`.
    noise : str or NoiseProcess
        The noise process, as for :func:`sample`.

    Returns
    -------
    Field
        What a method steps along; its `predict(x, t)` is the guided prediction at points (n, d) and a time.

    Raises
    ------
    InputError
        Unknown names, or mixtures of different dimensions.
    """
    if conditional.dimension != unconditional.dimension:
        _checks.fail(
            f"conditional has d = {conditional.dimension}, unconditional d = {unconditional.dimension}",
            "both live in one space",
            "give mixtures of one dimension",
        )
    weight_at(weight, 1.0)
    return Field(conditional, unconditional, process(noise), rule(guidance), weight)


def _place(engine: str | None, device: str | None, method: GaussianMethod) -> tuple[str | None, str]:
    """Engine and device, checked."""
    if engine is not None:
        _checks.choice(engine, ["numpy", "torch"], "engine")
    if engine != "torch":
        if device not in (None, "cpu"):
            _checks.fail(f"device {device!r} without torch", "numpy and numba run on the CPU", 'use engine="torch"')
        return engine, "cpu"
    if method.integrate is not None:
        _checks.fail(f"method {method.name!r} on torch", "its integrator is on the CPU", 'use engine="numpy"')
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


def _in_the_plane(field: Field, method: GaussianMethod, keep: bool) -> bool:
    """Whether the compiled kernel does it: d = 2, a rule that is plainly linear, a method that it has."""
    plain = field.rule.space == "any" and field.rule.reads == "none"
    return field.conditional.dimension == 2 and plain and method.compiled and not keep


def _plane(field: Field, x: np.ndarray, grid: np.ndarray, method: GaussianMethod) -> Trajectories:
    from . import plane

    steps = list(zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True))
    before = np.array([weight_at(field.weight, t) for t, _ in steps])
    after = np.array([weight_at(field.weight, s, t) for t, s in steps])
    c, u = (plane.table(mixture, field.process, grid) for mixture in (field.conditional, field.unconditional))
    exploded, stopped = np.zeros(len(x), bool), np.full(len(x), grid[-1])
    plane.flow(x, c, u, plane.Steps(grid, before, after, method.evaluations > 1), stopped, exploded)
    return Trajectories(x, exploded, stopped, grid)
