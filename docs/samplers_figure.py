"""Draws docs/samplers.svg and prints its table, TV against cost of every method: python docs/samplers_figure.py."""

from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import maskguide as mg
from maskguide import plots

PROBLEM = mg.ProductMixture.random(4, 3, components=6, seed=3, concentration=0.5).table()
STEPS = [1, 2, 4, 8, 16, 32, 64]
METHODS = {  # name -> evaluations of the denoiser a step, parameters
    "tau-leaping": (1, {}),
    "euler": (1, {}),
    "posterior-product": (1, {}),
    "theta-trapezoidal": (2, {}),
    "theta-rk2": (2, {}),
    "predictor-corrector": (2, {}),
    "random-order": (1, {"counts": "even"}),
    "confidence": (1, {"counts": "even"}),
    "remdm": (1, {"eta": 0.1}),
}
UNIT_HAZARD = {"remdm"}  # refused for the rate product unless w = 0


def curve(rule: str, weight: float, method: str) -> tuple[list[int], list[float]]:
    """(evaluations, exact TV to the terminal law of the rule's own chain)."""
    cost, parameters = METHODS[method]
    process = mg.GuidedProcess(PROBLEM, mg.Guidance(rule, weight))
    steps = [k for k in STEPS if "counts" not in parameters or k <= PROBLEM.length]
    return [cost * k for k in steps], [float(e) for e in mg.tv_error(process, method, steps, **parameters)]


def draw() -> Figure:
    """A panel a rule and weight; the exact methods are a mark at their D evaluations."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    for row, rule in zip(figure.subplots(2, 3, sharex=True, sharey=True), ("product", "normalized"), strict=True):
        for ax, weight in zip(row, (0.0, 2.0, 6.0), strict=True):
            marks = cycle("osv^<>DPX")
            for method, colour in zip(METHODS, cycle(plots.PALETTE), strict=False):
                mark = next(marks)
                if rule == "product" and weight != 0 and method in UNIT_HAZARD:
                    continue
                evaluations, errors = curve(rule, weight, method)
                ax.loglog(evaluations, np.maximum(errors, 1e-7), marker=mark, ms=3, lw=1, color=colour, label=method)
                print(f"{rule:11} w = {weight:g} {method:20}", " ".join(f"{e:.2g}" for e in errors))
            ax.axvline(PROBLEM.length, color="#999999", ls=":", lw=1)
            ax.set_title(f"{rule}, w = {weight:g}", fontsize=9)
            ax.set_ylim(1e-6, 1)
    figure.supxlabel("evaluations of the denoiser (dotted: gillespie and first-hitting, exact)", fontsize=9)
    figure.supylabel("exact TV to the chain's own law", fontsize=9)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5, fontsize=8)
    return figure


if __name__ == "__main__":
    Path(__file__).with_name("samplers.svg").write_bytes(plots.svg(draw()))
