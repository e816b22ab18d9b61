"""Figures of the study of learned weights: D^2 against constants, omega by class, surfaces over (s, t), losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...plots import _styled
from ...plots.panels import PALETTE

if TYPE_CHECKING:
    from .results import LearnedStudy, ModelResult

Entry = tuple[str, str, Figure]
SHOWN = 0.1  # largest weight from which a surface is worth a look

AGAINST_CAPTION = (
    "Energy distance of guided samples to the class laws, mean over classes, against a constant weight (line). On new "
    "samples: its best (dot), the best of each class (dashes), learned weights (coloured, two standard errors)."
)
WEIGHTS_CAPTION = (
    "Learned omega of each class on the sampler's steps, from noise (t = 1) to data; a line for each network."
)
SURFACES_CAPTION = (
    "Learned omega(c, s, t) of a step from t to s: energy loss, first seed. White: steps shorter than delta."
)
LOSSES_CAPTION = "Training losses less those of omega = 0 on the same numbers, running mean of 25 steps."


def figures(study: LearnedStudy) -> list[Entry]:
    """(name, caption, figure) of each figure of a study."""
    found = [("against-constants", AGAINST_CAPTION, against(study)), ("weights", WEIGHTS_CAPTION, weights(study))]
    if _with_surface(study):
        found.append(("surfaces", SURFACES_CAPTION, surfaces(study)))
    return [*found, ("losses", LOSSES_CAPTION, losses(study))]


@_styled
def against(study: LearnedStudy) -> Figure:
    """D^2 against the constant weight, a panel for each case."""
    figure, axes = _panels(study, "D² to the class laws")
    colours = _legend(figure, study)
    for ax, case in zip(axes, study.cases, strict=True):
        mean = case.scan.mean(axis=1)
        ax.plot(study.weights, mean, color="#555555")
        ax.plot(case.constant, case.at_constant.value, "o", color="#555555", markersize=4)
        ax.axhline(case.at_each.value, color="#555555", linestyle="--", linewidth=1)
        for one in case.learned:
            value, width, colour = one.score.value, 2 * one.score.error, colours[_kind(one)]
            ax.axhline(value, color=colour)
            ax.axhspan(value - width, value + width, color=colour, alpha=0.15, linewidth=0)
        ax.set_xscale("symlog", linthresh=1)
        ax.set(
            yscale="log",
            xlabel="constant weight w",
            ylim=(0.6 * _least(case), 2 * max(mean[0], case.learned[0].score.value)),
        )
        ax.set(xlim=(-0.1, study.weights[-1]), xticks=[0, 1, 10, 100], xticklabels=["0", "1", "10", "100"])
    return figure


@_styled
def weights(study: LearnedStudy) -> Figure:
    """omega on the sampler's grid, a panel for each case, a colour for each class."""
    figure, axes = _panels(study, "omega")
    times = np.linspace(1, 0, study.sampler_steps + 1)[:-1]
    for ax, case in zip(axes, study.cases, strict=True):
        for one in case.learned:
            for k, (omega, colour) in enumerate(zip(one.omega, PALETTE, strict=False)):
                ax.plot(times, omega, color=colour, alpha=0.8, label=f"class {k}")
        ax.set(xlabel="t, the step's start")
        ax.invert_xaxis()
        most = max(one.omega.max() for one in case.learned)
        ax.set(yscale="log") if most > 10 else ax.set(ylim=(-0.02, max(0.5, 1.05 * most)))
    handles, labels = axes[0].get_legend_handles_labels()
    count = len(study.cases[0].surface)
    figure.legend(handles[:count], labels[:count], loc="outside lower center", ncols=count)
    return figure


@_styled
def surfaces(study: LearnedStudy) -> Figure:
    """omega(c, s, t): a row for each kind of predictions, a column for each class."""
    cases = _with_surface(study)
    classes = len(cases[0].surface)
    figure = Figure(figsize=(0.9 + 2.3 * classes, 0.5 + 2.0 * len(cases)), layout="constrained")
    axes = figure.subplots(len(cases), classes, squeeze=False, sharex=True, sharey=True)
    for line, case in zip(axes, cases, strict=True):
        most = float(np.nanmax(case.surface))
        for k, ax in enumerate(line):
            image = ax.imshow(case.surface[k], origin="lower", extent=(0, 1, 0, 1), vmin=0, vmax=most, cmap="viridis")
            ax.set(title=f"{case.name}, class {k}", xlabel="from t", ylabel="to s")
            ax.label_outer()
            ax.grid(visible=False)
        figure.colorbar(image, ax=line, label="omega")
    return figure


@_styled
def losses(study: LearnedStudy) -> Figure:
    """Loss of every training step, smoothed, a panel for each case."""
    figure, axes = _panels(study, "loss, less unguided")
    colours = _legend(figure, study)
    for ax, case in zip(axes, study.cases, strict=True):
        for one in case.learned:
            width = min(25, len(one.losses))
            smooth = np.convolve(one.losses - one.unguided, np.ones(width) / width, "valid")
            ax.plot(np.arange(len(smooth)) + width, smooth, color=colours[_kind(one)])
        ax.set(xlabel="training step")
    return figure


def _panels(study: LearnedStudy, label: str) -> tuple[Figure, list[Any]]:
    """A panel for each case, at most four in a row."""
    across = min(4, len(study.cases))
    down = -(-len(study.cases) // across)
    figure = Figure(figsize=(0.4 + 2.4 * across, 0.6 + 2.2 * down), layout="constrained")
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for ax in axes[len(study.cases) :]:
        ax.set_axis_off()
    for k, (ax, case) in enumerate(zip(axes, study.cases, strict=False)):
        ax.set(title=case.name, ylabel=label if k % across == 0 else "")
    return figure, axes[: len(study.cases)]


def _legend(figure: Figure, study: LearnedStudy) -> dict[str, str]:
    """A colour for each kind of training, in a legend below."""
    kinds = dict.fromkeys(_kind(one) for case in study.cases for one in case.learned)
    colours: dict[str, str] = dict(zip(kinds, PALETTE, strict=False))
    handles = [Line2D([], [], color=colour, label=kind) for kind, colour in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return colours


def _kind(one: Any) -> str:
    together = "one x₀" if one.share == "point" else "one class"
    return f"{one.loss} loss, groups of {together}, seed {one.seed}"


def _least(case: ModelResult) -> float:
    values = [
        case.scan.mean(axis=1).min(),
        case.at_constant.value,
        case.at_each.value,
        *(one.score.value for one in case.learned),
    ]
    return max(1e-4, min(values))


def _with_surface(study: LearnedStudy) -> list[ModelResult]:
    """Cases with weights to be seen, one of each kind (the first word of their names)."""
    seen = [case for case in study.cases if np.nanmax(case.surface) > SHOWN]
    return list({case.name.split()[0]: case for case in reversed(seen)}.values())[::-1]
