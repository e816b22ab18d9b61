"""Draws docs/time-grids.svg, TV of 24 tau-leaps over weights by time grid: python docs/time_grids_figure.py."""

import sys
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from maskguide import plots

sys.path.append(str(Path(__file__).parents[1]))
from benchmarks.grids import FINE_WEIGHTS, GRIDS, STEPS, curve, problems

SHOWN = ("small-squares-2d", "separating", "mixture 4, 2")


def draw() -> Figure:
    """A panel a problem, a line a grid."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    for ax, name in zip(figure.subplots(1, 3, sharey=True), SHOWN, strict=True):
        for (kind, grid), colour in zip(GRIDS.items(), plots.PALETTE, strict=False):
            ax.semilogy(FINE_WEIGHTS, curve(problems()[name], grid), label=kind, color=colour)
        ax.axhline(0.01, color="#555555", linewidth=0.7, linestyle=":")
        ax.set(title=name, xlabel="weight w")
    figure.axes[0].set(ylabel=f"TV of {STEPS} steps", ylim=(1e-3, 1))
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


if __name__ == "__main__":
    with rc_context(plots.STYLE):
        Path(__file__).with_name("time-grids.svg").write_bytes(plots.svg(draw()))
