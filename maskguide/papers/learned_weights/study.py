r"""Learned weights against constant ones: exact, deliberately wrong and under-trained predictions.

For each set of predictions the constant weight is chosen by a scan of the final law's own energy distance D^2, one
for all classes and one for each; the learned weight never sees a final sample. All are then compared on new samples
(DDIM, the same starts), with the errors of D^2 and of the paired difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ... import _checks, _files
from ...gaussian.mixture import Mixture
from ...gaussian.samplers import sample
from .denoiser import undertrained
from .energy_distance import Distance, energy_distance
from .models import Models, exact, leaking, shrunk
from .results import Gain, Learned, LearnedStudy, ModelResult, Score
from .training import Learning, Training, train

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def five_modes() -> Mixture:
    """Three classes in the plane, of two, two and one modes."""
    means = [[-1.5, 0.0], [-0.5, 0.8], [1.0, 1.0], [0.6, -0.6], [-0.4, -1.2]]
    return Mixture(means, 0.06, labels=[0, 0, 1, 1, 2])


def num_units(quick: bool = False) -> int:
    """How often `advance` is called."""
    return sum(1 + len(settings) for _, settings in _plan(Learning(), quick, 0))


def study(
    *,
    learning: Learning | None = None,
    samples: int | None = None,
    sampler_steps: int = 10,
    seed: int = 0,
    quick: bool = False,
    checkpoints: str | Path | None = None,
    advance: Callable[[], Any] | None = None,
) -> LearnedStudy:
    """Train networks that choose the weight, and compare them with the best constant weights.

    Source: docs/gaussian-learned.md.

    Parameters
    ----------
    learning : Learning, optional
        Common settings; loss, share and seed are varied.
    samples : int, optional
        Of each class, at least 100; 2000 by default.
    sampler_steps : int
        Of the DDIM sampler.
    seed : int
        Of networks, training and samples.
    quick : bool
        Fewer cases, steps and samples.
    checkpoints : str or Path, optional
        Directory of the trainings' checkpoints, created if need be; what is there of the same trainings is taken up.
    advance : callable, optional
        Called after each unit of work, :func:`num_units` in all.

    Returns
    -------
    LearnedStudy
        Scores of every kind of prediction, as text, plain data and figures.

    Raises
    ------
    InputError
        Settings out of range, or checkpoints that are damaged.
    """
    learning = learning or Learning(steps=150 if quick else 400, rate=1e-2)
    samples = _checks.integer((600 if quick else 2000) if samples is None else samples, "samples", 100)
    _checks.integer(sampler_steps, "sampler_steps", 1)
    if not 0 <= _checks.integer(seed, "seed", 0) < 2**31:
        _checks.fail(f"seed = {seed}", "0 <= seed < 2^31", "give a smaller seed")
    folder = None if checkpoints is None else Path(checkpoints)
    if folder is not None:
        _files.check_directory(folder)
        _files.directory(folder)
    cases = []
    for build, settings in _plan(learning, quick, seed):
        cases.append(_case(build(), settings, samples, sampler_steps, seed, folder, advance or (lambda: None)))
    return LearnedStudy(samples, sampler_steps, np.array(WEIGHTS), learning, seed, tuple(cases))


def final_distances(
    models: Models, weight: Callable[[int], Any], steps: int, samples: int, seed: int
) -> list[Distance]:
    """D^2 of guided samples (DDIM) of each class; `weight` gives the schedule of class number k."""
    found = []
    for k, (law, conditional) in enumerate(zip(models.truth, models.conditional, strict=True)):
        about: dict[str, Any] = {"method": "ddim", "times": steps, "count": samples, "batch": samples, "seed": seed}
        run = sample(conditional, models.unconditional, weight(k), **about)
        found.append(energy_distance(run.x, law))
    return found


Plan = list[tuple[Callable[[], Models], list[Learning]]]


def _plan(learning: Learning, quick: bool, seed: int) -> Plan:
    """Predictions and the trainings for each; the first training is the standard one."""
    law, one = five_modes(), replace(learning, loss="energy", share="point", seed=seed)
    leaks = (0.05, 0.3, 0.6)
    if quick:
        return [(lambda: exact(law), [one]), (lambda: leaking(law, leaks), [one]), (_network(law, 120, seed), [one])]
    square, by_class, again = replace(one, loss="square"), replace(one, share="class"), replace(one, seed=seed + 1)
    every = [one, again, by_class, square]
    plan: Plan = [(lambda: exact(law), every), (lambda: leaking(law, leaks), every)]
    plan += [(lambda: shrunk(law, 0.7), [one, square])]
    plan += [(_network(law, 120, seed + k), [one]) for k in range(3)]
    return [*plan, (_network(law, 400, seed), [one])]


def _network(law: Mixture, steps: int, seed: int) -> Callable[[], Models]:
    return lambda: replace(undertrained(law, steps, seed=seed), name=f"network {seed}, {steps} steps")


def _case(
    models: Models, settings: list[Learning], samples: int, steps: int, seed: int, folder: Path | None, advance: Any
) -> ModelResult:
    few = min(samples, 1000)
    scan = np.array([[d.value for d in final_distances(models, lambda k: w, steps, few, seed)] for w in WEIGHTS])  # noqa: B023
    constant, each = WEIGHTS[int(scan.mean(1).argmin())], np.array(WEIGHTS)[scan.argmin(0)]
    new = lambda weight: final_distances(models, weight, steps, samples, seed + 2**31)  # noqa: E731
    unguided, fixed, by_class = (new(w) for w in (lambda k: 0.0, lambda k: constant, lambda k: float(each[k])))
    advance()
    learned, trained = [], []
    for one in settings:
        trained.append(train(models, one, checkpoint=folder and folder / _file(models, one)))
        learned.append(_learned(trained[-1], new, fixed, by_class, steps))
        advance()
    at = {"unguided": _score(unguided), "at_constant": _score(fixed), "at_each": _score(by_class)}
    return ModelResult(models.name, scan, constant, each, learned=tuple(learned), surface=_surface(trained[0]), **at)


def _file(models: Models, one: Learning) -> str:
    """Name of a network's checkpoint, such as network-0-120-steps-energy-point-0.pt."""
    return "-".join([*models.name.replace(",", "").split(), one.loss, one.share, f"{one.seed}.pt"])


def _learned(
    trained: Training,
    new: Callable[[Any], list[Distance]],
    fixed: list[Distance],
    by_class: list[Distance],
    steps: int,
) -> Learned:
    network, grid = trained.network, np.linspace(1, 0, steps + 1)
    found = new(lambda k: network.schedule(k, steps))
    omega = np.array([network.weights(k, grid[1:], grid[:-1]) for k in range(network.classes)])
    about, gains = trained.settings, (_gain(fixed, found), _gain(by_class, found))
    losses = trained.losses, trained.unguided
    return Learned(about.loss, about.share, about.seed, *losses, omega, _score(found), *gains)


def _gain(constant: list[Distance], learned: list[Distance]) -> Gain:
    pairs = list(zip(constant, learned, strict=True))
    shift = np.mean([one.influence - two.influence for one, two in pairs], axis=0)
    value = float(np.mean([one.value - two.value for one, two in pairs]))
    return Gain(value, float(shift.std(ddof=1) / np.sqrt(len(shift))))


def _score(found: list[Distance]) -> Score:
    """Classes share their starts: the error is of the influences' mean."""
    influence = np.mean([d.influence for d in found], axis=0)
    values = np.array([d.value for d in found])
    return Score(float(values.mean()), float(influence.std(ddof=1)) / np.sqrt(len(influence)), values)


def _surface(trained: Training, size: int = 41) -> np.ndarray:
    """omega on a grid of (s, t), NaN outside the steps trained on."""
    at = np.linspace(0, 1, size)
    s, t = np.meshgrid(at, at, indexing="ij")
    inside = t - s >= trained.settings.least_step - 1e-12
    found = np.full((trained.network.classes, size, size), np.nan)
    for k in range(len(found)):
        found[k][inside] = trained.network.weights(k, s[inside], t[inside])
    return found
