"""Guided trajectories in the plane: arithmetic alone, torch, numpy; exact scores against plain numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import exp
from typing import Any

import numba
import numpy as np

from maskguide.gaussian import Mixture, sample

TRAJECTORIES, STEPS = 200_000, 100
ENGINES = 20_000  # trajectories of the comparison of engines
SCORES = ((100, 10_000, 100),)  # dimension, components, points
MULTIPLY_ADDS = 17  # of one component at one point: 14 for its exponent and velocity, 3 to add it up
MODES, NORMAL = Mixture([[-1.0, 0.0], [1.0, 0.0]], 0.04, [0.25, 0.75]), Mixture([[0.0, 0.0]])
NOTES = [
    "Two modes against N(0, I), w = 2, Heun. Arithmetic alone: as many exponentials, divisions and multiply-adds as "
    "the steps need, compiled by the same compiler, in independent chains, with nothing else; random numbers and "
    "tables are in our time and not in it.",
    "Scores: isotropic components; plain numpy forms all differences x - a mu.",
    "Engines: the same seed, trajectories compared to 1e-9 before any time is taken; torch on the CPU, one thread.",
]


def run(
    n: int = TRAJECTORIES,
    scores: Sequence[tuple[int, int, int]] = SCORES,
    rounds: int = 5,
    engines: int = ENGINES,
):
    """Rows, notes, rounds."""
    rows = [_plane_row(n, rounds), *(_score_row(*size, rounds) for size in scores), *_engine_rows(engines, rounds)]
    return rows, NOTES, rounds


@numba.njit(parallel=True, cache=True)
def arithmetic(points: np.ndarray, evaluations: int, exponentials: int, divisions: int, multiply_adds: int):
    """The counted operations for each point, in place: four chains of multiply-adds."""
    for i in numba.prange(points.shape[0]):
        x, y, z, u = points[i, 0], points[i, 1], 0.5, 0.25
        for _ in range(evaluations):
            for _ in range(exponentials):
                z += exp(-x * x)
            for _ in range(divisions // 4):
                x, y, z, u = 1 / (2 + x * x), 1 / (2 + y * y), 1 / (2 + z * z), 1 / (2 + u * u)
            for _ in range(multiply_adds // 4):
                x, y, z, u = 0.9 * x + 0.1, 0.8 * y + 0.1, 0.7 * z + 0.1, 0.6 * u + 0.1
        points[i, 0], points[i, 1] = x + z, y + u


def plain_score(mixture: Mixture, x: np.ndarray, a: float, sigma: float) -> np.ndarray:
    """The score as one would write it."""
    r = x[:, None] - a * mixture.means
    v = a * a * mixture.variances[:, 0] + sigma**2
    logs = np.log(mixture.weights) - (r**2).sum(-1) / (2 * v) - mixture.dimension / 2 * np.log(v)
    share = np.exp(logs - logs.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    return -((share / v)[:, :, None] * r).sum(1)


def _plane_row(n: int, rounds: int) -> dict[str, Any]:
    starts = np.random.default_rng(0).normal(size=(n, 2))

    def alone() -> np.ndarray:
        points = starts.copy()
        arithmetic(points, 2 * STEPS, 1, 4, 3 * MULTIPLY_ADDS)
        return points

    ours = lambda: sample(MODES, NORMAL, 2.0, count=n, times=STEPS).x  # noqa: E731
    return _row(f"plane, {n:,} trajectories, {STEPS} Heun steps", ours, "arithmetic alone", alone, rounds)


def _score_row(d: int, components: int, points: int, rounds: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    mixture = Mixture(rng.normal(size=(components, d)), 0.5)
    x = rng.normal(size=(points, d))
    np.testing.assert_allclose(mixture.score(x, 0.8, 0.6), plain_score(mixture, x, 0.8, 0.6), rtol=1e-9, atol=1e-9)
    ours, plain = lambda: mixture.score(x, 0.8, 0.6), lambda: plain_score(mixture, x, 0.8, 0.6)
    return _row(f"score, d = {d}, {components:,} components, {points} points", ours, "plain numpy", plain, rounds)


def trajectories(engine: str | None, n: int) -> np.ndarray:
    """End points in the plane; None is the compiled kernel."""
    device = "cpu" if engine == "torch" else None
    return sample(MODES, NORMAL, 2.0, count=n, times=STEPS, engine=engine, device=device).x


def _engine_rows(n: int, rounds: int) -> list[dict[str, Any]]:
    """torch against the compiled kernel and against numpy."""
    ours = lambda: trajectories("torch", n)  # noqa: E731
    name, rows = f"plane on torch, {n:,} trajectories, {STEPS} Heun steps", []
    for engine, other in ((None, "compiled kernel"), ("numpy", "numpy")):
        np.testing.assert_allclose(ours(), trajectories(engine, n), rtol=1e-9, atol=1e-9)
        rows.append(_row(name, ours, other, partial(trajectories, engine, n), rounds))
    return rows


def _row(
    name: str, ours: Callable[[], np.ndarray], other: str, theirs: Callable[[], np.ndarray], rounds: int
) -> dict[str, Any]:
    from .timing import measure

    times = measure({"ours": ours, "other": theirs}, rounds)
    us, them = times["ours"].median_cpu, times["other"].median_cpu
    return {"case": name, "ours, CPU s": us, "against": other, "its CPU s": them, "ours / its": us / them}
