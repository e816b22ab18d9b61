"""Figures of the study of stages: schedules, stages in time, the locked region, the discrete counterpart."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...plots import _styled
from ...plots.panels import PALETTE
from .measures import NEVER, Stages
from .study import FOLLOWED, RULES, Row, StagesStudy

COLOURS: dict[str, str] = dict(zip(FOLLOWED, ("#666666", *PALETTE), strict=False))
WORLDS = {
    "gaussian": ("Gaussian", "o", PALETTE[0]),
    "normalized": ("masked, normalized", "s", PALETTE[1]),
    "product": ("masked, rate product", "^", PALETTE[2]),
}
DASHES = {"normalized": "-", "product": "--"}
SCHEDULES_CAPTION = (
    "What each schedule leaves of the unguided process, exact in both worlds; crosses: Gaussian samples. Left: mass of "
    "the weak mode. Right: deviation (Gaussian) or entropy (masked) within the modes, logarithmic."
)
STAGES_CAPTION = (
    "Stages of trajectories followed from noise (left) to data. Mean distance to a·omega·mean of the class, and mean "
    "norm, under constant guidance (full) and without, from the same noise (dashed); share whose mode is told; "
    "deviation within the strong basin over that of the noised mode; share in which each stage has begun."
)
REGION_CAPTION = (
    "Left: border between the basins of the two modes; outside the shaded band no later weight up to the most can "
    "change the basin. Right: probability of the band along the flow. Exact."
)
DISCRETE_CAPTION = (
    "The discrete counterpart over the masking level, exact: mode told with probability 0.9, locked whatever is "
    "revealed, share of bits revealed. Full lines: normalized rule; dashed: rate product."
)


def figures(study: StagesStudy) -> list[tuple[str, str, Figure]]:
    """(name, caption, figure) of the study."""
    return [
        ("schedules", SCHEDULES_CAPTION, schedules(study)),
        ("stages", STAGES_CAPTION, stages(study)),
        ("region", REGION_CAPTION, region(study)),
        ("discrete", DISCRETE_CAPTION, discrete(study)),
    ]


@_styled
def schedules(study: StagesStudy) -> Figure:
    """Weak-mode mass and spread of every schedule over those of the unguided process."""
    none, rows = study.rows[0], study.rows[1:]
    figure = Figure(figsize=(8.6, 1.4 + 0.24 * len(rows)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(rows))
    for world, (label, mark, colour) in WORLDS.items():
        style: Any = {"color": colour, "marker": mark, "ls": "none", "label": label, "alpha": 0.85}
        unguided = getattr(none, world)
        left.plot([getattr(r, world).weak / unguided.weak for r in rows], places, **style)
        right.plot([getattr(r, world).within / unguided.within for r in rows], places, **style)
    left.plot([r.simulated / none.gaussian.weak for r in rows], places, "x", color="#000000", ms=4, label="samples")
    left.set_yticks(places, [schedule_name(r, study.omega) for r in rows])
    left.set_ylim(len(rows) - 0.5, -0.5)
    left.set(xlabel="weak-mode mass over unguided", xlim=(-0.03, 1.03))
    right.set(xlabel="spread within modes over unguided", xscale="log")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


@_styled
def stages(study: StagesStudy) -> Figure:
    """Distance, share told, spread within basins, onsets."""
    figure = Figure(figsize=(8.6, 5.8), layout="constrained")
    (distance, told), (spread, onset) = figure.subplots(2, 2)
    for name, found in study.stages.items():
        style: Any = {"color": COLOURS[name], "label": name}
        told.plot(found.times, found.decided, **style)
        spread.plot(found.times, found.spread[:, 1] / found.natural[:, 1], **style)
    draw_shift(distance, study.stages["constant"])
    draw_onsets(onset, study.stages["constant"])
    told.set(ylabel="share of trajectories", title="mode separation: mode told at 0.9")
    spread.set(ylabel="deviation over the noised mode's", yscale="log", title="concentration: strong mode")
    for ax in (distance, told, spread, onset):
        noise_to_data(ax)
    figure.legend(*told.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def draw_shift(ax: Axes, found: Stages) -> None:
    """Distance to a omega times the class mean, and norm: guided and unguided."""
    pairs = (("distance to a·omega·mean", found.distance, found.distance_unguided, PALETTE[4]),
             ("norm", found.norm, found.norm_unguided, PALETTE[5]))  # fmt: skip
    for label, guided, unguided, colour in pairs:
        ax.plot(found.times, guided, color=colour, label=label)
        ax.plot(found.times, unguided, "--", color=colour)
    ax.set(ylabel="mean", title="direction shift: constant guidance, unguided dashed", ylim=(0, None))
    ax.legend(loc="lower left", fontsize=8)


def draw_onsets(ax: Axes, found: Stages) -> None:
    """Share of trajectories in which each stage has begun by time t."""
    ran = found.onset[found.basin >= 0]
    names = ("direction shift", "locked", "mode separation", "concentration")
    for name, k, colour in zip(names, (0, 2, 1, 3), PALETTE[3:], strict=True):
        began = ran[:, k][None] >= np.maximum(found.times, 0)[:, None]
        ax.plot(found.times, (began & (ran[:, k] != NEVER)).mean(1), color=colour, label=name)
    ax.set(ylabel="share of trajectories", title="constant guidance: stages begun")
    ax.legend(loc="lower right", fontsize=8)


@_styled
def region(study: StagesStudy) -> Figure:
    """Borders of the basins over time, the band where guidance decides, and its probability."""
    figure = Figure(figsize=(8.6, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    b, guided = study.borders, COLOURS["constant"]
    left.fill_between(b.times, b.locked.lower[:, 0], b.locked.upper[:, 0], color="#e6e6e6",
                      label=f"later 0 ≤ w ≤ {study.most:g} decides")  # fmt: skip
    left.plot(b.times, b.unguided, color=COLOURS["unguided"], label="border, unguided")
    left.plot(b.times, b.guided, color=guided, label=f"border, omega = {study.omega:g}")
    left.set(ylabel="x", title="weak mode below, strong mode above")
    left.legend(loc="lower right", fontsize=8)
    right.plot(b.times, b.undecided_unguided, color=COLOURS["unguided"], label="unguided")
    right.plot(b.times, b.undecided_guided, color=guided, label=f"omega = {study.omega:g}")
    right.set(ylabel="probability", title="not yet locked")
    right.legend(loc="upper right", fontsize=8)
    for ax in (left, right):
        noise_to_data(ax)
    return figure


@_styled
def discrete(study: StagesStudy) -> Figure:
    """Told, locked and revealed in the masked world."""
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    for rule in RULES:
        for name in FOLLOWED:
            found = study.discrete[rule, name]
            for ax, curve in zip(axes, (found.told, found.locked, found.revealed), strict=True):
                ax.plot(found.levels, curve, DASHES[rule], color=COLOURS[name])
    for ax, title in zip(axes, ("mode told", "basin locked", "bits revealed"), strict=True):
        ax.set(title=title, xlabel="masking level m", xlim=(1, 0))
    axes[0].set_ylabel("probability or share")
    lines = [Line2D([], [], color=COLOURS[name], label=name) for name in FOLLOWED]
    lines += [Line2D([], [], color="#333333", ls=DASHES[rule], label=rule) for rule in RULES]
    figure.legend(handles=lines, loc="outside lower center", ncols=6)
    return figure


def schedule_name(row: Row, omega: float) -> str:
    """The name, with the mean scale where it is not the common one or said by the name."""
    said = row.name.startswith("omega") or abs(row.mean - omega) < 1e-6
    return row.name if said else f"{row.name} (mean {row.mean:.3g})"


def noise_to_data(ax: Axes) -> None:
    """Time from 1 to 0."""
    ax.set(xlabel="time t, noise to data", xlim=(1, 0))
