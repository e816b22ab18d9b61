"""Figures of the study of distortions: moments by weight, windows, and variance left against alpha = log K / d."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...gaussian.closed_forms import ode_moments, sde_moments, tilted_moments
from ...plots import _styled, weight_colour
from ...plots.panels import PALETTE
from .discrete import predicted_bit_loss
from .random_means import predicted_loss
from .study import DistortionsStudy, Point

Entry = tuple[str, str, Figure]
LAWS = {"ode": ode_moments, "sde": sde_moments, "tilted": tilted_moments}
COLOURS = dict(zip(LAWS, PALETTE, strict=False))
MARKS = "osD^vP"
POINTS = 60  # of a curve

MOMENTS_CAPTION = (
    "Mean and variance of one direction against a constant weight: exact (lines), after the sampler's steps, without "
    "draws (crosses), and sampled by them (circles; bars of one standard error are smaller)."
)
WINDOWS_CAPTION = (
    "The best negative window that keeps a demanded separability: what variance is still lost (left), the late weight "
    "and the noise variance below which it holds (right)."
)
COMPETING_CAPTION = (
    "Variance left of a class among K = exp(alpha d), simulated with exact scores (marks, one standard error). Lines: "
    "predicted for d = inf from guided points (solid) and from typical points (dashed, in the Gaussian world); the "
    "grey line is the threshold for typical points."
)
FEW_CAPTION = "The same with as many classes as dimensions: alpha = log d / d falls, and the loss with it."
LIMIT_CAPTION = (
    "Towards d = inf, at one alpha: one class against the mean density of its competitors (marks, one standard error) "
    "and the predictions (lines)."
)


def figures(study: DistortionsStudy) -> list[Entry]:
    """(name, caption, figure) of each figure of a study."""
    return [
        ("moments", MOMENTS_CAPTION, moments(study)),
        ("windows", WINDOWS_CAPTION, windows(study)),
        ("competing", COMPETING_CAPTION, competing(study)),
        ("few-classes", FEW_CAPTION, few_classes(study)),
        ("limit", LIMIT_CAPTION, limit(study)),
    ]


@_styled
def moments(study: DistortionsStudy) -> Figure:
    """Mean and variance against the weight, of the ODE, the SDE and the tilted law."""
    figure = Figure(figsize=(8.2, 3.2), layout="constrained")
    c, u, mu = study.within, study.within + study.between, sqrt(study.between)
    weights = np.linspace(0, max(study.weights) + 0.5, POINTS)
    for ax, name in zip(figure.subplots(1, 2), ("mean", "variance"), strict=True):
        for dynamics, law in LAWS.items():
            values = [getattr(law(c, u, mu, w), name) for w in weights]
            ax.plot(
                weights, values, color=COLOURS[dynamics], label=dynamics if dynamics == "tilted" else dynamics.upper()
            )
        for row in study.moments:
            if row.sampled and row.error and "s" not in row.schedule:
                ax.plot(float(row.schedule), getattr(row.stepped, name), "x", color=COLOURS[row.dynamics], markersize=6)
                ax.errorbar(float(row.schedule), getattr(row.sampled, name), getattr(row.error, name), marker="o",
                            markersize=4, color=COLOURS[row.dynamics], mfc="none")  # fmt: skip
        ax.set(xlabel="weight w", ylabel=f"{name} of the guided class")
    figure.axes[1].set_yscale("log")
    figure.axes[0].legend()
    return figure


@_styled
def windows(study: DistortionsStudy) -> Figure:
    """Variance lost, late weight and switch against the separability that is kept."""
    figure = Figure(figsize=(8.2, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    gains = [row.gain for row in study.windows]
    left.plot(gains, [row.distortion for row in study.windows], marker="o", color=PALETTE[0], label="best window")
    left.axhline(study.windows[0].constant_distortion, color="#999999", ls="--", label="constant weight")
    left.set(xlabel="separability kept, times the class's", ylabel="rms of log(V/c)")
    left.set_ylim(bottom=0)
    left.legend()
    right.plot(gains, [row.late for row in study.windows], marker="o", color=PALETTE[1])
    right.set(xlabel="separability kept, times the class's", ylabel="late weight")
    right.set_ylim(-1.05, 0.05)
    for row in study.windows:
        right.annotate(f"s < {row.switch:.3g}", (row.gain, row.late), (4, 6), textcoords="offset points", fontsize=8)
    return figure


@_styled
def competing(study: DistortionsStudy) -> Figure:
    """Variance left against alpha, Gaussian classes beside their discrete counterpart."""
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for ax, world in ((left, "gaussian"), (right, "masked")):
        points = [p for p in study.points if p.world == world and p.regime == "exponential"]
        alphas = np.linspace(0, 1.05 * max(p.alpha for p in points), POINTS)
        for weight in study.competing_weights:
            _predictions(ax, study, world, weight, alphas)
        _marks(ax, points)
    left.axvline(study.critical_rate, color="#999999", lw=1)
    left.annotate(r"$\alpha^*$", (study.critical_rate, 1.0), (3, -2), textcoords="offset points", color="#666666")
    left.set(title="Gaussian classes, ODE", xlabel="alpha = log K / d", ylabel="variance left", ylim=(0, 1.05))
    right.set(title="discrete counterpart: product classes", xlabel="alpha = log K / D")
    return _with_weights(figure, study)


@_styled
def few_classes(study: DistortionsStudy) -> Figure:
    """Variance left of a class among as many as there are dimensions."""
    return _by_size(study, "sub-exponential", " = K")


@_styled
def limit(study: DistortionsStudy) -> Figure:
    """Variance left of a class against the mean density of its competitors, in ever more dimensions."""
    return _by_size(study, "mean density", "")


def _by_size(study: DistortionsStudy, regime: str, also: str) -> Figure:
    figure = Figure(figsize=(8.2, 3.2), layout="constrained")
    for ax, world in zip(figure.subplots(1, 2, sharey=True), ("gaussian", "masked"), strict=True):
        for weight in study.competing_weights:
            points = study.chosen(world, regime, weight)
            sizes, colour = [p.size for p in points], weight_colour(weight)
            ax.errorbar(sizes, [p.ratio for p in points], [p.error for p in points], color=colour, ls="none",
                        marker="o", markersize=4, mfc="none")  # fmt: skip
            ax.plot(sizes, [p.guided for p in points], color=colour)
        ax.set(xscale="log", xlabel=("d" if world == "gaussian" else "D") + also, title=_title(world), ylim=(0, 1.05))
        ax.set_xticks(sizes, [str(n) for n in sizes])
        ax.minorticks_off()
    figure.axes[0].set_ylabel("variance left")
    return _with_weights(figure, study)


def _title(world: str) -> str:
    return {"gaussian": "Gaussian classes, ODE", "masked": "discrete counterpart: product classes"}[world]


def _predictions(ax: Axes, study: DistortionsStudy, world: str, weight: float, alphas: np.ndarray) -> None:
    colour = weight_colour(weight)
    if world == "masked":
        ax.plot(alphas, [predicted_bit_loss(a, weight)[0] for a in alphas], color=colour)
        return
    for path, dash in (("guided", "-"), ("typical", "--")):
        values = [predicted_loss(a, weight, study.within, study.between, path)[0] for a in alphas]
        ax.plot(alphas, values, dash, color=colour)


def _marks(ax: Axes, points: list[Point]) -> None:
    for size, mark in zip(dict.fromkeys(p.size for p in points), MARKS, strict=False):
        for p in points:
            if p.size == size:
                ax.errorbar(p.alpha, p.ratio, p.error, marker=mark, markersize=4, mfc="none",
                            color=weight_colour(p.weight))  # fmt: skip
        ax.plot([], [], mark, color="#333333", mfc="none", markersize=4, label=f"{size} dimensions")
    ax.legend(loc="lower left", fontsize=8)


def _with_weights(figure: Figure, study: DistortionsStudy) -> Figure:
    handles: list[Any] = [
        Line2D([], [], color=weight_colour(w), lw=3, label=f"w = {w:g}") for w in study.competing_weights
    ]
    figure.legend(handles=handles, loc="outside right upper")
    return figure
