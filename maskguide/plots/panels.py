"""What one set of axes shows, and the colours, marks and labels that all figures share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..methods import METHODS

if TYPE_CHECKING:
    from ..problems.table import TableProblem
    from ..validation import Case, RegimeCurve, Run

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito, 2008
REGIME_COLOURS: dict[str, str] = dict(
    zip(("flat", "double-exponential", "exponential", "saturating"), PALETTE, strict=False)
)
ENGINE_MARKS = {"numba": "o", "torch": "+"}
MOST_TICKS = 12
DASHES = ("-", "--", ":", "-.")
LONGEST_NAME, LONGEST_TICK = 40, 12
TV_FLOOR = 1e-20


def weight_colour(weight: float) -> Any:
    """The colour of a weight, in every figure: viridis at 1 - (1+w)^(-1/2); grey for w < 0."""
    return colormaps["viridis"](1 - (1 + weight) ** -0.5) if weight >= 0 else "#999999"


def draw_law(figure, cases: Sequence[Case]) -> None:
    """The exact final law, as the first column of :func:`maskguide.plots.headline`."""
    if cases[0].problem.length != 2:
        ax = figure.subplots()
        draw_bars(ax, cases) if cases[0].problem.length == 1 else draw_regions(ax, cases)
        ax.set_title("Exact final law")
        return
    ends = (cases[0], cases[-1])
    top = max(float(case.law.probs.max()) for case in ends)
    for ax, case in zip(figure.subplots(1, 2), ends, strict=True):
        image = draw_heat(ax, case, top)
        ax.set_title(f"exact law, w = {case.weight:g}")
        ax.label_outer()
    figure.colorbar(image, ax=figure.axes, label="probability", location="bottom", shrink=0.7)


def draw_bars(ax: Axes, cases: Sequence[Case]) -> None:
    """The law of one coordinate, a bar for each weight."""
    tokens, width = np.arange(cases[0].problem.vocab_size), 0.8 / len(cases)
    for k, case in enumerate(cases):
        shift = (k - (len(cases) - 1) / 2) * width
        ax.bar(tokens + shift, case.law.probs, width, color=weight_colour(case.weight))
    _token_axis(ax.xaxis, cases[0].problem, 0)
    ax.grid(axis="x", visible=False)
    ax.set_ylabel("probability")


def draw_heat(ax: Axes, case: Case, top: float):
    """The law of two coordinates."""
    shown = np.where(case.law.probs > 0, case.law.probs, np.nan).T
    image = ax.imshow(shown, origin="lower", cmap="YlGnBu", vmin=0, vmax=top, aspect="equal")
    _token_axis(ax.xaxis, case.problem, 0)
    _token_axis(ax.yaxis, case.problem, 1)
    ax.set_facecolor("#dddddd")
    ax.grid(visible=False)
    return image


def draw_regions(ax: Axes, cases: Sequence[Case]) -> None:
    """Region probabilities by weight."""
    exact = [case.law.region_weights() for case in cases]
    for name, colour, dash in zip(_nonempty(exact), cycle(PALETTE), cycle(DASHES), strict=False):
        ax.plot([c.weight for c in cases], [w[name] for w in exact], dash, marker=".", color=colour, label=_plain(name))
        for case in cases:
            for run in _exact_runs(case):
                ax.plot(case.weight, run.comparison.regions[name][0], color=colour, ls="none", **_mark(run.engine, 5))
    _weight_axis(ax, cases)
    ax.set(ylabel="probability", ylim=(-0.03, 1.03))


def draw_tv(ax: Axes, cases: Sequence[Case]) -> None:
    """TV(u), exact, simulated, and the band around the exact curve."""
    for case in cases:
        colour = weight_colour(case.weight)
        ax.plot(case.clocks, case.tv, color=colour)
        runs = _exact_runs(case)
        for k, run in enumerate(runs):
            ax.plot(run.decay.clock, run.decay.simulated, color=colour, ls="none", markevery=(k, len(runs)),
                    **_mark(run.engine, 4))  # fmt: skip
        if runs:
            band = runs[0].decay.band
            ax.fill_between(case.clocks, np.maximum(case.tv - band, TV_FLOOR), case.tv + band, color=colour,
                            alpha=0.1, lw=0)  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="clock u = −log m(t)", ylabel="TV to the final law",
           xlim=(cases[0].clocks[0], cases[0].clocks[-1]), ylim=(_resolution(cases), 1.5))  # fmt: skip
    ax.minorticks_off()


def draw_covariance(ax: Axes, cases: Sequence[Case]) -> None:
    """Covariance by weight."""
    ax.plot([c.weight for c in cases], [_spread(c.law.covariance()) for c in cases], marker=".", color="#333333")
    for case in cases:
        for run in _exact_runs(case):
            found = run.comparison
            ax.errorbar(case.weight, _spread(found.covariance), _spread(found.covariance_bound), capsize=2.5,
                        color=weight_colour(case.weight), ls="none", **_mark(run.engine, 5))  # fmt: skip
    _weight_axis(ax, cases)
    ax.set_ylabel(spread_name(cases[0].problem.length) + " (token indices)")


def draw_regimes(ax: Axes, curves: Sequence[RegimeCurve]) -> None:
    """TV at one clock by weight, on a log scale."""
    for curve in curves:
        kind = curve.regime.regime
        tv = np.where(curve.tv > 0, curve.tv, np.nan)
        ax.plot(curve.weights, tv, color=REGIME_COLOURS[kind], label=f"{kind}: {_plain(curve.problem.name)}")
    ax.set(yscale="log", xlabel="weight w", ylabel=f"TV at u = {curves[0].clock:g}")
    ax.set_ylim(min(max(ax.get_ylim()[0], TV_FLOOR), 0.1), 1.5)
    ax.minorticks_off()


def panels(cases: Sequence[Case], draw: Callable[[Axes, list[Case]], None]) -> Figure:
    """A row of panels, one for each rule."""
    rows = by_rule(cases)
    figure = Figure(figsize=(1.4 + 3.6 * len(rows), 3.2), layout="constrained")
    axes = figure.subplots(1, len(rows), squeeze=False, sharey=True)[0]
    for ax, (rule, mine) in zip(axes, rows.items(), strict=True):
        draw(ax, mine)
        ax.set_title(f"rule {rule}")
        ax.label_outer()
    return figure


def with_legend(figure: Figure, cases: Sequence[Case], engines: bool = True) -> Figure:
    """Name the weights, and the engines, beside the figure."""
    handles = weight_handles(cases)
    names = dict.fromkeys(run.engine for case in cases for run in _exact_runs(case)) if engines else ()
    handles += [Line2D([], [], color="#333333", ls="none", label=name, **_mark(name, 5)) for name in names]
    figure.legend(handles=handles, loc="outside right upper")
    return figure


def weight_handles(cases: Sequence[Case]) -> list[Line2D]:
    """Legend entries of the weights."""
    weights = dict.fromkeys(case.weight for case in cases)
    return [Line2D([], [], color=weight_colour(w), lw=3, label=f"w = {w:g}") for w in weights]


def _mark(engine: str, size: float) -> dict[str, Any]:
    return {"marker": ENGINE_MARKS.get(engine, "x"), "markersize": size, "markerfacecolor": "none"}


def _weight_axis(ax: Axes, cases: Sequence[Case]) -> None:
    ax.set_xticks([case.weight for case in cases], [f"{case.weight:g}" for case in cases])
    ax.set_xlabel("weight w")


def _token_axis(axis, problem: TableProblem, coordinate: int) -> None:
    names = [*problem.token_names[coordinate], *map(str, range(problem.vocab_size))]
    shown = range(0, problem.vocab_size, -(-problem.vocab_size // MOST_TICKS))
    labels = [_plain(names[v], LONGEST_TICK) for v in shown]
    axis.set_ticks(list(shown), labels)
    if axis.axis_name == "x" and max(map(len, labels)) > 3:
        axis.set_tick_params(rotation=90)
    axis.set_label_text(_plain(problem.coordinate_names[coordinate]))


def _plain(name: str, longest: int = LONGEST_NAME) -> str:
    """A name from outside as a label: one line, not too long, no mathematics between dollar signs."""
    line = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    cut = line if len(line) <= longest else line[: longest - 1] + "…"
    return cut.replace("$", r"\$")


def by_rule(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Cases of each rule, by increasing weight."""
    ordered = sorted(cases, key=lambda case: case.weight)
    return {rule: [c for c in ordered if c.rule == rule] for rule in dict.fromkeys(c.rule for c in cases)}


def _exact_runs(case: Case) -> list[Run]:
    return [run for run in case.runs if METHODS[run.method].is_exact]


def _nonempty(weights: Sequence[dict[str, float]]) -> list[str]:
    return [name for name in weights[0] if any(row[name] > 0 for row in weights)]


def _resolution(cases: Sequence[Case]) -> float:
    """A little below 1/n, the smallest TV that n samples can show."""
    return 0.3 / max((run.comparison.n for case in cases for run in case.runs), default=10**6)


def _spread(matrix: np.ndarray | None) -> float:
    """The variance, or the mean over the pairs i < j."""
    if matrix is None:
        return float("nan")
    pairs = list(combinations(range(len(matrix)), 2)) or [(0, 0)]
    return float(np.mean([matrix[pair] for pair in pairs]))


def spread_name(length: int) -> str:
    """Title of what :func:`draw_covariance` shows in D coordinates."""
    return {1: "Variance", 2: "Covariance"}.get(length, "Mean covariance of the pairs")


def one_of_each(curves: Sequence[RegimeCurve]) -> list[RegimeCurve]:
    """For each regime the problem whose curve shows most: the most points above TV_FLOOR."""
    best: dict[str, RegimeCurve] = {}
    for curve in curves:
        known = best.get(curve.regime.regime)
        if known is None or (curve.tv > TV_FLOOR).sum() > (known.tv > TV_FLOOR).sum():
            best[curve.regime.regime] = curve
    return [best[kind] for kind in REGIME_COLOURS if kind in best]
