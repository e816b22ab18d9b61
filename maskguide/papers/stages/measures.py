r"""Stages of guided trajectories, measured on kept paths: direction shift, mode separation, concentration.

Every trajectory is followed together with the unguided one of the same noise. With the class mean m, a = a(t), and
rho_k(x, t) the probability that x_t came from component k of the class, the modes being its components:

    direction shift   |x_t - a omega m|, and |x_t| against |x_t unguided|
                      begins when the two trajectories first differ by a tenth of |x_t unguided|
    mode separation   basin = the likeliest component at t = 0
                      is over when rho of the basin is 0.9 for good; locked when no later weight can change the basin
    concentration     pairs of one basin: c_t = |x_t - x'_t| / |x_1 - x'_1|, against the deviation r_t of the noised
                      component (r_1 = 1), which is what no guidance leaves
                      begins when c_t <= r_t / 2 for good

Onsets are times of the grid, NEVER = -1 where there is none. Derivations and numbers: docs/gaussian-stages.md.
Source: Jin, Shi, Gu, arXiv:2509.22007.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.mixture import Mixture
from ...gaussian.noise import NoiseProcess, process
from ...gaussian.normals import normals
from ...gaussian.samplers import Trajectories, sample
from ...gaussian.schedules import Weight, decreasing, weight_at
from .line import UNDECIDED, Locked

NEVER = -1.0
APART = 0.1  # of the unguided norm: the direction shift has begun
DECIDED = 0.9  # probability of a mode from which on it is told
CLOSE = 0.5  # of the unguided contraction: concentration has begun
ROOM = 2**22  # numbers of the two paths of a block
LEAST_BLOCK = 16
SAME = 1e-12  # times so close are one
STAGES = ("direction shift", "mode separation", "locked", "concentration")


@dataclass(frozen=True)
class Stages:
    """Curves over the time grid, means over trajectories, and onsets trajectory by trajectory.

    Attributes
    ----------
    times, omega : (T,)
        Decreasing times and the scale 1 + w there.
    distance, distance_unguided : (T,)
        Mean of |x_t - a omega m|.
    norm, norm_unguided : (T,)
        Mean of |x_t|.
    decided : (T,)
        Share of trajectories whose likeliest component has probability >= 0.9.
    locked : (T,) or None
        Share that no later weight can take to another basin.
    labels : (T, K)
        Share whose likeliest component is k.
    spread : (T, K)
        Deviation per coordinate within a basin, from pairs: sqrt(mean |x_t - x'_t|^2 / 2d); 0 where there is no pair.
    natural : (T, K)
        Deviation per coordinate of the noised components, which pairs have without guidance.
    onset : (n, 4)
        Direction shift, mode separation, lock, concentration; NEVER = -1.
    basin : (n,)
        Component at the end, -1 for an exploded trajectory, which no mean includes.
    broken : int
        Trajectories that were locked in one basin and ended in another: 0 if theory and code are right.
    exploded_at : float
        The first time at which a trajectory exploded, NEVER if none did.
    """

    times: np.ndarray
    omega: np.ndarray
    distance: np.ndarray
    distance_unguided: np.ndarray
    norm: np.ndarray
    norm_unguided: np.ndarray
    decided: np.ndarray
    locked: np.ndarray | None
    labels: np.ndarray
    spread: np.ndarray
    natural: np.ndarray
    onset: np.ndarray
    basin: np.ndarray
    broken: int
    exploded_at: float

    @property
    def masses(self) -> np.ndarray:
        """Share of each basin, (K,)."""
        return np.bincount(self.basin[self.basin >= 0], minlength=self.labels.shape[1]) / max(1, self.finished)

    @property
    def finished(self) -> int:
        """Trajectories that did not explode."""
        return int((self.basin >= 0).sum())

    @property
    def status(self) -> str:
        """How many trajectories reached the end, in a sentence."""
        lost = len(self.basin) - self.finished
        if not lost:
            return f"all {len(self.basin)} trajectories reached t = {self.times[-1]:g}"
        return f"{lost} of {len(self.basin)} trajectories exploded, the first at t = {self.exploded_at:g}"

    def summary(self) -> dict[str, tuple[float, float]]:
        """(share of trajectories that reach it, median time of these or NEVER), for each of STAGES."""
        ran = self.onset[self.basin >= 0]
        return {name: _reached(column) for name, column in zip(STAGES, ran.T, strict=True)}


def measure(
    conditional: Mixture,
    unconditional: Mixture,
    weight: Weight = 0.0,
    *,
    process: str | NoiseProcess = "flow",
    times: Any = 100,
    count: int = 2000,
    seed: int = 0,
    locked: Locked | None = None,
    method: str = "heun",
) -> Stages:
    """Follow `count` trajectories from noise to data and measure their stages.

    Paths are kept for a block of trajectories at a time, ROOM numbers in all: memory does not grow with `count`.

    Parameters
    ----------
    conditional : Mixture
        The class; its components are the modes.
    unconditional, weight, process, seed, method
        As for :func:`.samplers.sample`; a method that follows the ODE.
    times : number of equal steps from 1 to 0, or decreasing times from 1 on
    locked : Locked, optional
        From :meth:`.line.Line.locked` at the same times (increasing); without it nothing is called locked.

    Raises
    ------
    InputError
        As `sample`; a grid that does not start at pure noise, a `locked` of other times.

    Examples
    --------
    >>> two = Mixture([[-1.0, 0.0], [1.0, 0.0]], 0.04, [0.25, 0.75])
    >>> found = measure(two, Mixture([[0.0, 0.0]]), 4.0, times=50, count=400)
    >>> [round(number, 2) for number in found.summary()["mode separation"]]
    [1.0, 0.66]
    """
    grid = decreasing(times) if np.ndim(times) else np.linspace(1, 0, _checks.integer(times, "times (steps)", 1) + 1)
    if grid[0] != 1:
        _checks.fail(f"times from {grid[0]:g}", "stages are measured from pure noise, t = 1, on", "begin the grid at 1")
    if locked is not None and (locked.times.shape != grid.shape or np.abs(locked.times - grid[::-1]).max() > SAME):
        _checks.fail("locked at other times", "the same times, increasing", "Line.locked(times[::-1], ...)")
    _checks.choice(method, ("euler", "heun", "ddim", "dpm2"), "method")
    view = _View(conditional, unconditional, weight, process, grid, locked, method)
    return view.joined([view.block(x) for x in _starts(view, _checks.integer(count, "count", 1), seed)])


def replayed(
    conditional: Mixture,
    unconditional: Mixture,
    points: np.ndarray,
    times: Any,
    weights: Sequence[Weight],
    process: str | NoiseProcess = "flow",
) -> np.ndarray:
    """Basins (S, n) that points (n, d) at time times[0] end in under each of S later weights."""
    options = {"process": process, "times": times, "initial": points}
    parts = _parts(conditional)
    return np.array([_basin(parts, sample(conditional, unconditional, w, **options).x) for w in weights])


class _View:
    """One setting, and what is measured on a block of trajectories."""

    def __init__(self, conditional, unconditional, weight, noise, grid, locked, method):
        self.mixtures, self.weight, self.locked, self.method = (conditional, unconditional), weight, locked, method
        self.grid, self.process, self.parts = grid, process(noise), _parts(conditional)
        self.levels = [self.process.at(float(t)) for t in grid]
        self.omega = np.array([1 + weight_at(weight, float(t)) for t in grid])
        variances = np.broadcast_to(conditional.variances, conditional.means.shape).mean(1)
        self.natural = np.sqrt([level.scale**2 * variances + level.variance for level in self.levels])

    def path(self, start: np.ndarray, weight: Weight) -> Trajectories:
        return sample(*self.mixtures, weight, process=self.process, times=self.grid, initial=start, keep=True,
                      method=self.method)  # fmt: skip

    def block(self, start: np.ndarray) -> dict[str, Any]:
        """Sums over the block's trajectories, and their onsets."""
        run, plain = self.path(start, self.weight), self.path(start, 0.0).path
        fine = ~run.exploded
        assert run.path is not None and plain is not None
        path, plain, basin = run.path[:, fine], plain[:, fine], np.full(len(start), UNDECIDED)
        if fine.any():
            basin[fine] = _basin(self.parts, run.x[fine])
        found = self._measured(path, plain, basin[fine])
        onset = np.full((len(start), len(STAGES)), NEVER)
        onset[fine] = found.pop("onset")
        times = run.stopped_at[run.exploded]
        return {**found, "finished": int(fine.sum()), "onset": onset, "basin": basin, "times": times}

    def _measured(self, path: np.ndarray, plain: np.ndarray, basin: np.ndarray) -> dict[str, Any]:
        scale, mean = np.array([level.scale for level in self.levels]), self.mixtures[0].mean
        goal = (scale * self.omega)[:, None, None] * mean
        length, length_plain = _length(path), _length(plain)
        share = np.array([self._shares(x, level) for x, level in zip(path, self.levels, strict=True)])
        held = self.locked.mode(path[::-1])[::-1] if self.locked else np.full(path.shape[:2], UNDECIDED)
        squares, pairs, close = self._pairs(path, basin)
        told = np.take_along_axis(share, basin[None, :, None], 2)[..., 0] >= DECIDED
        marks = (_first(_length(path - plain) > APART * length_plain), _for_good(told), _first(held >= 0),
                 _for_good(close))  # fmt: skip
        sums = {
            "distance": _length(path - goal).sum(1), "distance_unguided": _length(plain - goal).sum(1),
            "norm": length.sum(1), "norm_unguided": length_plain.sum(1),
            "decided": (share.max(-1) >= DECIDED).sum(1), "locked": (held >= 0).sum(1),
            "labels": (share.argmax(-1)[..., None] == np.arange(len(self.parts))).sum(1),
        }  # fmt: skip
        broken = int(((held >= 0) & (held != basin)).any(0).sum())
        onset = np.append(self.grid, NEVER)[np.stack(marks, -1)]
        return {"sums": sums, "squares": squares, "pairs": pairs, "onset": onset, "broken": broken}

    def _shares(self, x: np.ndarray, level: Any) -> np.ndarray:
        return _shares(self.parts, x, level.scale, level.sigma)

    def _pairs(self, path: np.ndarray, basin: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Summed squares (T, K) and number (K,) of pairs, each trajectory with the next of its basin; close (T, n)."""
        count = len(self.parts)
        squares, pairs, close = np.zeros((len(path), count)), np.zeros(count), np.zeros(path.shape[:2], bool)
        for k in range(count):
            mine = np.flatnonzero(basin == k)
            if len(mine) > 1:
                apart = _length(path[:, mine] - path[:, np.roll(mine, -1)])
                squares[:, k], pairs[k] = (apart**2).sum(1), len(mine)
                natural = self.natural[:, [k]] / self.natural[0, k]
                close[:, mine] = apart <= CLOSE * natural * apart[0]
        return squares, pairs, close

    def joined(self, blocks: list[dict[str, Any]]) -> Stages:
        ran = max(1, sum(b["finished"] for b in blocks))
        means: dict[str, Any] = {name: sum(b["sums"][name] for b in blocks) / ran for name in blocks[0]["sums"]}
        means["locked"] = means["locked"] if self.locked else None
        pairs = np.maximum(1, sum(b["pairs"] for b in blocks))
        spread = np.sqrt(sum(b["squares"] for b in blocks) / (2 * self.mixtures[0].dimension * pairs))
        onset, basin, lost = (np.concatenate([b[name] for b in blocks]) for name in ("onset", "basin", "times"))
        broken = sum(b["broken"] for b in blocks)
        return Stages(self.grid, self.omega, **means, spread=spread, natural=self.natural, onset=onset, basin=basin,
                      broken=broken, exploded_at=float(lost.max(initial=NEVER)))  # fmt: skip


def _starts(view: _View, count: int, seed: int) -> Iterator[np.ndarray]:
    """Starting points in blocks; trajectory i is that of `sample` with the same seed."""
    d = view.mixtures[0].dimension
    rows = max(LEAST_BLOCK, ROOM // (2 * len(view.grid) * d))
    for first in range(0, count, rows):
        yield view.levels[0].sigma * normals(_checks.seed(seed), min(rows, count - first), d, 2, first)


def _parts(mixture: Mixture) -> list[tuple[float, Mixture]]:
    """(log weight, component) of each component; a component of weight 0 is never the likeliest."""
    with np.errstate(divide="ignore"):
        logs = np.log(mixture.weights)
    given = mixture.variances if mixture.axes is None else mixture.covariances()
    given = given[:, 0] if given.shape[1:] == (1,) else given
    return [(float(logs[k]), Mixture(mixture.means[[k]], given[[k]])) for k in range(len(logs))]


def _shares(parts: list[tuple[float, Mixture]], x: np.ndarray, scale: float = 1.0, sigma: float = 0.0) -> np.ndarray:
    """Probability of each component given x, (n, K)."""
    if not len(x):
        return np.zeros((0, len(parts)))
    logs = np.stack([height + part.log_density(x, scale, sigma) for height, part in parts], -1)
    shares = np.exp(logs - logs.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def _basin(parts: list[tuple[float, Mixture]], x: np.ndarray) -> np.ndarray:
    return _shares(parts, x).argmax(-1)


def _length(x: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("...d,...d->...", x, x))


def _first(holds: np.ndarray) -> np.ndarray:
    """The first place in time where it holds, T if nowhere."""
    return np.where(holds.any(0), holds.argmax(0), len(holds))


def _for_good(holds: np.ndarray) -> np.ndarray:
    """The first place from which on it holds to the end, T if it does not at the end."""
    return len(holds) - np.logical_and.accumulate(holds[::-1]).sum(0)


def _reached(onset: np.ndarray) -> tuple[float, float]:
    there = onset[onset != NEVER]
    return there.size / max(1, onset.size), float(np.median(there)) if there.size else NEVER
