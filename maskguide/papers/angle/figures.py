"""Figures of the study of angle-domain guidance: growth, norms, the anomalous region, the discrete counterpart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from ...plots import _styled
from ...plots.panels import PALETTE, weight_colour
from .measures import Ensemble
from .study import MAPPED_AT, AngleStudy, PlaneMap

COLOURS: dict[str, str] = dict(
    zip(("linear", "angle", "product", "normalized", "spherical", "capped"), PALETTE, strict=False)
)
NAMES = {"linear": "linear", "angle": "angle-domain"}
GROWTH_CAPTION = (
    "Norm of the guided x0-prediction over the conditional's along trajectories. Left: median over trajectories; full "
    "lines linear, dashed angle-domain guidance. Right: 5 to 95 % (band), median and largest (dots) of all points."
)
NORM_CAPTION = (
    "Density of the norm of final samples, thin lines one omega each; black: the class itself, exact. "
    "Right: mean norm, variance and atypical share (where the class puts its least likely 1 %) against omega."
)
REGION_CAPTION = (
    f"The omega from which linear guidance points against its conditional, t = {MAPPED_AT:g}, exact; crosses: class "
    "means times a, the circled one guided to. Lower left: one class against a normal total, balls in closed form. "
    "Lower right: share of the plane's trajectory points at which guided and conditional point apart."
)
DISCRETE_CAPTION = (
    "The same classes in both worlds. Dashed: probability-flow ODE, simulated. Full lines: masked, exact; capped is "
    "spherical with angle-domain guidance's stop at pi/3."
)


def figures(study: AngleStudy) -> list[tuple[str, str, Figure]]:
    """(name, caption, figure) of the study."""
    return [
        ("growth", GROWTH_CAPTION, growth(study)),
        ("norms", NORM_CAPTION, norms(study)),
        ("region", REGION_CAPTION, region(study)),
        ("discrete", DISCRETE_CAPTION, discrete(study)),
    ]


@_styled
def growth(study: AngleStudy) -> Figure:
    """|guided x0| / |conditional x0| in time and against omega."""
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    rules = study.ensembles["space"].rules
    times = np.linspace(1, 0, study.steps + 1)[:-1]
    for i, scale in enumerate(study.scales):
        for rule, dash in (("linear", "-"), ("angle", "--")):
            left.plot(times, rules[rule].growth_in_time[i], dash, color=weight_colour(scale - 1))
    left.set(xlabel="time t (1 noise, 0 data)", ylabel="norm ratio, median", yscale="log", xlim=(1, 0))
    for rule, curves in rules.items():
        colour = COLOURS[rule]
        right.fill_between(study.scales, curves.growth[:, 0], curves.growth[:, -1], color=colour, alpha=0.2, lw=0)
        right.plot(study.scales, curves.growth[:, 2], color=colour, label=NAMES[rule])
        right.plot(study.scales, curves.largest_growth, ".:", color=colour)
    right.set(xlabel="omega", ylabel="norm ratio, all points", yscale="log")
    for ax in (left, right):
        ax.axhline(2**0.5, color="#888888", lw=0.8)
        _plain_ticks(ax, (0.5, 1, 2, 5, 10, 20))
    right.annotate("√2", (study.scales[-1], 2**0.5), xytext=(0, 2), textcoords="offset points", ha="right", size=8)
    right.legend(loc="upper left")
    _omegas(figure, study.scales)
    return figure


@_styled
def norms(study: AngleStudy) -> Figure:
    """Histograms of the final norms, and what became of the class."""
    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    space = study.ensembles["space"]
    left, middle, right = figure.subplots(1, 3)
    centres = (space.bins[1:] + space.bins[:-1]) / 2
    for ax, rule in ((left, "linear"), (middle, "angle")):
        for i, scale in enumerate(study.scales):
            ax.plot(*_coarser(centres, space.rules[rule].histogram[i]), color=weight_colour(scale - 1), lw=1)
        ax.plot(centres, space.class_histogram, color="black", lw=2)
        ax.set(xlabel="norm of the sample", title=NAMES[rule], ylim=(0, None), xlim=_reached(space))
    left.set_ylabel("density")
    middle.sharey(left)
    middle.label_outer()
    for rule, curves in space.rules.items():
        for name, dash in (("norm", "-"), ("spread", "--"), ("atypical", ":")):
            values = 1 + curves.ends["norm_shift"] if name == "norm" else curves.ends[name]
            right.plot(study.scales, values, dash, marker=".", color=COLOURS[rule])
    right.set(xlabel="omega", ylabel="norm and variance over the class's; share", ylim=(0, 1.3 * right.get_ylim()[1]))
    right.legend(
        handles=[*_rule_handles(("linear", "angle")), *_dash_handles(("mean norm", "variance", "atypical"))],
        loc="upper left", fontsize=7,
    )  # fmt: skip
    _omegas(figure, study.scales)
    return figure


@_styled
def region(study: AngleStudy) -> Figure:
    """Where guided and conditional point apart."""
    figure = Figure(figsize=(8.8, 8.0), layout="constrained")
    (score, x0), (balls, shares) = figure.subplots(2, 2)
    shown = [scale for scale in study.scales if scale > 1]
    norm = LogNorm(1, max(study.scales[-1], 2.0))
    for ax, values, title in ((score, study.plane.score, "scores"), (x0, study.plane.x0, "x0-predictions")):
        _map(ax, study.plane, values, shown, norm)
        ax.set_title(f"{title}: anomalous from omega = ...")
    bar = ScalarMappable(norm, "viridis_r")
    figure.colorbar(bar, ax=[score, x0], label="omega", ticks=shown, format="%g", shrink=0.8)
    _balls(balls, study.plane)
    for rule, curves in study.ensembles["plane"].rules.items():
        shares.plot(study.scales, 100 * curves.anomalous_score, ".-", color=COLOURS[rule], label=NAMES[rule])
        shares.plot(study.scales, 100 * curves.anomalous_x0, ".:", color=COLOURS[rule])
    shares.set(xlabel="omega", ylabel="anomalous points of trajectories, %", title="shares: scores (full), x0 (dotted)")
    shares.legend()
    _omegas(figure, tuple(study.plane.gaussian))
    return figure


def _map(ax: Axes, plane: PlaneMap, values: np.ndarray, levels: list[float], norm: Any) -> None:
    seen = np.where(np.isfinite(values), values, np.nan)
    ax.pcolormesh(plane.axis, plane.axis, np.where(seen <= norm.vmax, seen, np.nan), cmap="viridis_r", norm=norm)
    if levels:
        ax.contour(
            plane.axis, plane.axis, np.where(np.isfinite(values), values, 1e9), levels, colors="black", linewidths=0.6
        )
    ax.plot(*plane.means.T, "x", color=PALETTE[1])
    ax.plot(*plane.means[0], "o", mfc="none", color=PALETTE[1], ms=9)
    ax.set(aspect="equal", xlabel="x₀", ylabel="x₁")
    ax.grid(visible=False)


def _balls(ax: Axes, plane: PlaneMap) -> None:
    for scale, ball in plane.gaussian.items():
        centre = (float(ball.centre[0]), float(ball.centre[1]))
        ax.add_patch(Circle(centre, ball.radius, fill=False, color=weight_colour(scale - 1)))
    ax.plot(*plane.means[0], "x", color=PALETTE[1])
    ax.autoscale_view()
    ax.set(aspect="equal", xlabel="x₀", ylabel="x₁", title="scores: one class against a normal total")


@_styled
def discrete(study: AngleStudy) -> Figure:
    """Norms, variance and atypical share by weight, of Gaussian classes and of their discrete counterpart."""
    figure = Figure(figsize=(10.5, 3.8), layout="constrained")
    panels = (
        ("norm_shift", "mean norm over the class's, less 1"),
        ("spread", "variance over the class's"),
        (
            "atypical",
            "probability of the class's least likely 1 %",
        ),
    )
    for ax, (name, label) in zip(figure.subplots(1, 3), panels, strict=True):
        for rule, curves in study.ensembles["discrete"].rules.items():
            ax.plot(study.scales, curves.ends[name], "--", marker=".", color=COLOURS[rule])
        for rule, table in study.discrete.items():
            ax.plot(study.scales, table[name], marker=".", color=COLOURS[rule])
        ax.set(xlabel="omega = 1 + w", ylabel=label)
    handles = [*_rule_handles(study.discrete), *_rule_handles(("linear", "angle"), "--", " (ODE)")]
    figure.legend(handles=handles, loc="outside lower center", ncols=6)
    return figure


def _reached(world: Ensemble) -> tuple[float, float]:
    """Smallest and largest norm that occurs in any histogram."""
    seen = np.any([curves.histogram.sum(0) > 0 for curves in world.rules.values()], axis=0)
    seen |= world.class_histogram > 1e-3
    return float(world.bins[:-1][seen].min()), float(world.bins[1:][seen].max())


def _coarser(centres: np.ndarray, density: np.ndarray, join: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A histogram with every three neighbouring bins joined."""
    whole = len(centres) // join * join
    return tuple(v[:whole].reshape(-1, join).mean(1) for v in (centres, density))  # type: ignore[return-value]


def _plain_ticks(ax: Axes, ticks: tuple[float, ...]) -> None:
    low, high = ax.get_ylim()
    kept = [tick for tick in ticks if low <= tick <= high]
    ax.set_yticks(kept, [f"{tick:g}" for tick in kept])
    ax.minorticks_off()


def _rule_handles(rules: Iterable[str], dash: str = "-", more: str = "") -> list[Line2D]:
    return [Line2D([], [], ls=dash, color=COLOURS[rule], label=NAMES.get(rule, rule) + more) for rule in rules]


def _dash_handles(names: tuple[str, ...]) -> list[Line2D]:
    return [Line2D([], [], ls=d, color="#555555", label=n) for n, d in zip(names, ("-", "--", ":"), strict=True)]


def _omegas(figure: Figure, scales: tuple[float, ...]) -> None:
    handles = [Line2D([], [], color=weight_colour(scale - 1), label=f"omega = {scale:g}") for scale in scales]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(scales), fontsize=7, handlelength=1.2)
