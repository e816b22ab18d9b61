"""Figure of the map of schedules w(s) = w0 + Omega s: log(Var/c), and where it is zero."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...plots import _styled
from .map import MapStudy

CAPTION = (
    "log(Var/c) of the class under w(s) = w0 + Omega s: red is lost, blue gained; grey where a weight would fall "
    "below -1. Solid: the schedules that keep the variance (under the ODE the line I = 0), marks: those that were "
    "sampled; dashed: those of the other dynamics."
)
TITLES = {"ode": "probability-flow ODE", "sde": "reverse SDE"}


def figures(study: MapStudy) -> list[tuple[str, str, Figure]]:
    """(name, caption, figure) of the study's one figure."""
    return [("map", CAPTION, schedule_map(study))]


@_styled
def schedule_map(study: MapStudy) -> Figure:
    """Both maps of the study, on one colour scale, with the neutral curves."""
    figure = Figure(figsize=(8.6, 3.8), layout="constrained")
    most = float(max(np.nanmax(np.abs(values)) for values in study.log_ratio.values()))
    for ax, name in zip(figure.subplots(1, 2, sharey=True), TITLES, strict=True):
        image = ax.pcolormesh(study.starts, study.slopes, study.log_ratio[name].T, cmap="RdBu", vmin=-most, vmax=most,
                              rasterized=True)  # fmt: skip
        for kind, values in study.neutral.items():
            ax.plot(study.starts, values, color="black", ls="-" if kind == name else "--", lw=1.2)
        _rows(ax, study, name)
        ax.set(title=TITLES[name], xlabel="w0, weight at s = 0", facecolor="#d0d0d0")
        ax.set(xlim=study.starts[[0, -1]], ylim=study.slopes[[0, -1]])
        ax.grid(visible=False)
    figure.axes[0].set_ylabel("Omega, slope in s")
    figure.colorbar(image, ax=figure.axes, label="log(Var/c)")
    return figure


def _rows(ax: Axes, study: MapStudy, name: str) -> None:
    low, high = study.slopes[0], study.slopes[-1]
    shown = [row for row in study.rows if row.dynamics == name and low <= row.slope <= high]
    ax.plot([r.start for r in shown], [r.slope for r in shown], "o", color="black", mfc="white", markersize=5,
            clip_on=False)  # fmt: skip
