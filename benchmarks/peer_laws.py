"""The exact law that each public sampler's own code should give, on a lattice: (process, K) -> (N+1,)*D."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

import maskguide as mg
from maskguide.laws.kernels import one_step
from maskguide.laws.lattice.sweep import all_masked
from maskguide.laws.stepped import final_law
from maskguide.methods import METHODS, Step, steps
from maskguide.process import Rates
from maskguide.schedules import noise_schedule

EULER = METHODS["euler"]
SEDD_END = 1e-5  # the time at which SEDD's steps end and its last draw begins


def discrete_guidance_law(process: mg.GuidedProcess, total: int) -> np.ndarray:
    """Euler with every entry of a step's probabilities clipped at one, then the likeliest token of what is left."""
    law, rates = all_masked(process.rates()), process.rates()
    for step in _uniform(process, total):
        law = one_step(EULER, _with_edges(rates, lambda e, i, a=step.fraction: np.minimum(e, 1 / a)), law, step)
    return one_step(EULER, _with_edges(rates, _likeliest), law, Step(0.0, np.inf, 0.0))


def llada_law(process: mg.GuidedProcess, total: int) -> np.ndarray:
    """Random order, D // K reveals a step."""
    few = min(total, process.length)
    return mg.stepped_law(process, "random-order", mg.uniform_grid(few), counts="even").probs


def sedd_law(process: mg.GuidedProcess, total: int) -> np.ndarray:
    """Euler down to a small time, then all that is left at once, by the conditionals."""
    grid = np.linspace(1.0, SEDD_END, total + 1)
    law = final_law(process, EULER, list(steps(process.guidance, grid, noise_schedule("linear"))))
    return one_step(METHODS["tau-leaping"], process.rates(), law, Step(0.0, np.inf, 0.0))


def flow_matching_law(process: mg.GuidedProcess, total: int) -> np.ndarray:
    """Leaps of clock length 1/(K-k), the rates at the start of a step in t, and all that is left in the last."""
    lengths = [1 / (total - k) for k in range(total - 1)] + [np.inf]
    weight = process.guidance.weight
    return final_law(process, METHODS["tau-leaping"], [Step(0.0, length, weight) for length in lengths])


def _uniform(process: mg.GuidedProcess, total: int) -> Iterator[Step]:
    return steps(process.guidance, mg.uniform_grid(total), noise_schedule("linear"))


def _with_edges(rates: Rates, change: Callable[[np.ndarray, int], np.ndarray]) -> Rates:
    edges = tuple(change(edge, axis) for axis, edge in enumerate(rates.edges))
    return replace(rates, edges=edges, hazards=tuple(e.sum(axis=i, keepdims=True) for i, e in enumerate(edges)))


def _likeliest(edge: np.ndarray, axis: int) -> np.ndarray:
    first = np.expand_dims(edge.argmax(axis=axis), axis)
    index = np.arange(edge.shape[axis]).reshape([-1 if i == axis else 1 for i in range(edge.ndim)])
    return (index == first).astype(float)
