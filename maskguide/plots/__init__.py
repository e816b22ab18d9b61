"""Figures of the main job: exact curves as lines, simulations as marks on them. Colour = weight in every figure.

Each function returns a matplotlib Figure made without pyplot; :func:`svg` turns one into the same bytes every time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .. import _checks
from ..laws.regime import log_minus_log

try:
    from matplotlib import rc_context
    from matplotlib.figure import Figure
except ImportError:
    _checks.fail("matplotlib is not installed", "figures need it", "pip install 'maskguide[report]'")

from .panels import (
    PALETTE,
    REGIME_COLOURS,
    by_rule,
    draw_bars,
    draw_covariance,
    draw_heat,
    draw_law,
    draw_regimes,
    draw_regions,
    draw_tv,
    one_of_each,
    panels,
    spread_name,
    weight_colour,
    weight_handles,
    with_legend,
)

if TYPE_CHECKING:
    from ..problems.table import TableProblem
    from ..validation import Case, RegimeCurve, Validation

    Entry = tuple[str, str, bytes]  # title, caption, SVG

__all__ = [
    "PALETTE",
    "STYLE",
    "covariance",
    "figures",
    "headline",
    "law_heatmaps",
    "regime_curves",
    "regions",
    "svg",
    "tv_decay",
    "weight_colour",
]

STYLE: Any = {
    "figure.facecolor": "white", "font.family": "DejaVu Sans", "font.size": 9.0, "axes.titlesize": 9.0,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.7, "axes.edgecolor": "#555555",
    "axes.grid": True, "grid.color": "#e4e4e4", "grid.linewidth": 0.6, "axes.axisbelow": True, "lines.linewidth": 1.5,
    "legend.frameon": False, "svg.hashsalt": "maskguide", "svg.fonttype": "path",
}  # fmt: skip


def _styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    @wraps(draw)
    def styled(*args: Any) -> Figure:
        with rc_context(STYLE):
            return draw(*args)

    return styled


def svg(figure: Figure) -> bytes:
    """A figure as SVG, the same bytes on every call: fixed hash salt, no date, text as outlines."""
    out = BytesIO()
    with rc_context(STYLE):
        figure.savefig(out, format="svg", metadata={"Date": None})
    return re.sub(rb"\s*\n\s*", b"\n", out.getvalue())  # indentation is a tenth of the file


def figures(validation: Validation) -> dict[TableProblem | None, list[Entry]]:
    """(title, caption, SVG) of every figure of a report, by problem; None: all problems together."""
    found: dict[TableProblem | None, list[Entry]] = {}
    if len(validation.regimes) > 1:
        found[None] = [_entry("Decay regimes", REGIME_CAPTION, regime_curves(validation.regimes))]
    for curve in validation.regimes:
        found[curve.problem] = list(_problem_figures(validation.cases_of(curve.problem), curve))
    return found


LAW_CAPTIONS = {
    1: "Exact law of the finished token, a bar for each weight.",
    2: "Exact law of the finished pair, a panel for each weight; grey cells have probability zero.",
}
REGION_CAPTION = "Probability of each region by weight: exact (dots, joined by lines), simulated by Gillespie (marks)."
TV_CAPTION = (
    "TV(u) = P(some coordinate still masked at clock u): exact (lines), simulated by Gillespie (marks; the engines "
    "take turns over the clocks). Shaded: the band that a correct simulation leaves, at any clock, with probability at "
    "most 1e-6."
)
COVARIANCE_CAPTION = (
    "Exact (dots, joined by lines), simulated by Gillespie (marks). Bars: Bernstein's bound, which a correct "
    "simulation misses with probability at most 1e-6."
)
REGIME_CAPTION = (
    "Rate product at a fixed clock. Left: a straight line means double-exponential decay in w. "
    "Right: a straight line means exponential decay, a level one that more weight no longer helps."
)


def _problem_figures(cases: Sequence[Case], curve: RegimeCurve) -> Iterator[Entry]:
    length = curve.problem.length
    if length in LAW_CAPTIONS:
        yield _entry("Final law", LAW_CAPTIONS[length], law_heatmaps(cases))
    yield _entry("Regions", REGION_CAPTION, regions(cases))
    yield _entry("TV along the dynamics", TV_CAPTION, tv_decay(cases))
    yield _entry(spread_name(length), COVARIANCE_CAPTION, covariance(cases))
    yield _entry("TV at a fixed clock over weights", REGIME_CAPTION, regime_curves([curve]))


def _entry(title: str, caption: str, figure: Figure) -> Entry:
    return title, caption, svg(figure)


# One figure each, of the cases of one problem ---------------------------------------------------------


@_styled
def law_heatmaps(cases: Sequence[Case]) -> Figure:
    """The exact terminal law by weight: heat maps (D = 2, a row for each rule), bars (D = 1), else regions."""
    if cases[0].problem.length > 2:
        return regions(cases)
    if cases[0].problem.length == 1:
        return with_legend(panels(cases, draw_bars), cases, engines=False)
    rows = by_rule(cases)
    widest, top = max(map(len, rows.values())), max(float(case.law.probs.max()) for case in cases)
    figure = Figure(figsize=(1.2 + 1.9 * widest, 0.4 + 2.1 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), widest, squeeze=False)
    for line, (rule, mine) in zip(axes, rows.items(), strict=True):
        for ax in line[len(mine) :]:
            ax.set_axis_off()
        for ax, case in zip(line, mine, strict=False):
            image = draw_heat(ax, case, top)
            ax.set_title(f"{rule}, w = {case.weight:g}")
            ax.label_outer()
    figure.colorbar(image, ax=axes, label="probability", shrink=0.8)
    return figure


@_styled
def regions(cases: Sequence[Case]) -> Figure:
    """Probability of each region by weight, a panel for each rule."""
    figure = panels(cases, draw_regions)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@_styled
def tv_decay(cases: Sequence[Case]) -> Figure:
    """TV(u) against the clock u on logarithmic axes, exact and simulated, a panel for each rule."""
    return with_legend(panels(cases, draw_tv), cases)


@_styled
def covariance(cases: Sequence[Case]) -> Figure:
    """Variance (D = 1), covariance (D = 2) or mean covariance of the pairs, against the weight."""
    return with_legend(panels(cases, draw_covariance), cases)


@_styled
def regime_curves(curves: Sequence[RegimeCurve]) -> Figure:
    """TV at one clock against the weight, one problem of each regime: log(-log TV), and TV on a log scale."""
    figure = Figure(figsize=(8.2, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    chosen = one_of_each(curves)
    for curve in chosen:
        left.plot(curve.weights, log_minus_log(curve.log_tv), color=REGIME_COLOURS[curve.regime.regime])
    left.set(xlabel="weight w", ylabel=f"log(−log TV) at u = {chosen[0].clock:g}")
    draw_regimes(right, chosen)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@_styled
def headline(cases: Sequence[Case], curves: Sequence[RegimeCurve]) -> Figure:
    """One figure for a front page, of the first rule's cases: the law, its TV curve, the regimes."""
    cases = next(iter(by_rule(cases).values()))
    figure = Figure(figsize=(11.5, 3.6), layout="constrained")
    parts: Any = figure.subfigures(1, 3, width_ratios=(1.15, 1, 1))
    law, decay, regime = parts
    draw_law(law, cases)
    ax = decay.subplots()
    draw_tv(ax, cases)
    ax.set_title("TV(u): exact lines, simulated marks")
    ax.legend(handles=weight_handles(cases), loc="lower left", fontsize=8)
    ax = regime.subplots()
    draw_regimes(ax, one_of_each(curves))
    ax.set_title("decay regimes of the rate product")
    ax.legend(loc="lower left", fontsize=8)
    return figure
