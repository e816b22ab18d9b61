"""Errors by time grid: python docs/gaussian_grids_table.py prints the numbers of docs/gaussian-grids.md."""

import sys

import numpy as np

from maskguide.gaussian import Mixture, grids, sample, schedules
from maskguide.gaussian.normals import normals

STARTS, STEPS = 256, (8, 16, 32, 64)
WEIGHTS = {
    "0": 0.0,
    "2": 2.0,
    "4": 4.0,
    "8": 8.0,
    "interval": schedules.interval(4.0, 0.2, 0.7),
    "early": schedules.early_late(6.0, 1.0),
    "late": schedules.early_late(1.0, 6.0),
    "triangle": schedules.triangle(4.0),
}


def problems() -> dict[str, tuple[Mixture, Mixture]]:
    """Class and total: lengths near one; widths from 0.02 to 1; sixteen dimensions, far apart; the same near one."""
    nested = Mixture(
        [[2.0, 0.1], [2.0, -0.1], [1.2, 0.0], [-1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]],
        [4e-4, 4e-4, 0.01, 0.09, 0.09, 1.0],
        [0.1, 0.1, 0.1, 0.2, 0.2, 0.3],
        [0, 0, 0, 1, 1, 2],
    )
    labels = [0, 1, 2] * 4
    far = Mixture(8 * np.random.default_rng(1).normal(size=(12, 16)), 1.0, labels=labels)
    near = Mixture(np.random.default_rng(5).normal(size=(12, 16)), 0.09, labels=labels)
    modes = Mixture([[-1.0, 0.0], [1.0, 0.0]], 0.04, [0.25, 0.75])
    return {
        "two modes": (modes, Mixture([[0.0, 0.0]])),
        "nested": (nested.given(0), nested),
        "far": (far.given(0), far),
        "near": (near.given(0), near),
    }


def candidates(conditional: Mixture, unconditional: Mixture, weight, steps: int) -> dict[str, np.ndarray]:
    """Grids by name."""
    return {
        "uniform t": np.linspace(1, 0, steps + 1),
        "log SNR": grids.log_snr_grid(steps),
        "cosine": grids.cosine_grid(steps),
        "Karras": grids.karras_grid(steps),
        "path": grids.loss_adaptive_grid(conditional, unconditional, weight, steps, target="path"),
        "data": grids.loss_adaptive_grid(conditional, unconditional, weight, steps),
        "data, w = 0": grids.loss_adaptive_grid(conditional, unconditional, 0.0, steps),
    }


def errors(name: str, weight):
    """(method, steps, {grid: EndErrors}), from the same starts as the reference, in deviations of the class."""
    conditional, unconditional = problems()[name]
    unit = float(np.sqrt(np.trace(np.cov(conditional.sample(100_000).T))))
    start = normals(9, STARTS, conditional.dimension, 2)
    options = {"initial": start, "weight": weight}
    reference = sample(conditional, unconditional, method="adaptive", times=[1.0, 0.0], **options).x
    for method in ("euler", "heun"):
        for steps in STEPS:
            found = {
                grid: grids.end_errors(
                    sample(conditional, unconditional, method=method, times=times, **options).x, reference, unit
                )
                for grid, times in candidates(conditional, unconditional, weight, steps).items()
            }
            yield method, steps, found


def main(names: list[str]) -> None:
    """A row of markdown for each method and number of steps: median / rms / energy; mean / spread."""
    for name in names or problems():
        for label, weight in WEIGHTS.items():
            for method, steps, found in errors(name, weight):
                cells = [
                    f"{e.median:.1e} / {e.rms:.1e} / {e.energy:.1e}; {e.mean:.1e} / {e.spread:.1e}"
                    for e in found.values()
                ]
                print(f"| {name} | {label} | {method} | {steps} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
