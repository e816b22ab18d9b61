"""Draws docs/sampler_cost.svg from benchmarks/results/sampler_cost.json: python docs/sampler_cost_figure.py."""

import json
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskguide import plots

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "sampler_cost.json"
COLOURS = dict(zip(("table", "mixture", "chain"), plots.PALETTE, strict=False))
LINES = {"tau-leaping": "-", "gillespie": "--"}
AXES = {"D": ("D, N = 32", "log"), "w": ("weight w", "linear"), "steps": ("steps of tau-leaping", "log")}


def value(row: dict, axis: str) -> float:
    """What is varied on an axis of the benchmark."""
    size, length = map(int, row["N, D"].split(", "))
    return {"D": length, "N": size, "w": row["w"], "steps": row["steps"]}[axis]


def methods(ax: Axes, rows: list[dict]) -> None:
    """A mark for every method, problem and engine."""
    names = list(dict.fromkeys(row["method"] for row in rows))
    for row in rows:
        filled = COLOURS[row["problem"]] if row["engine"] == "numba" else "none"
        ax.scatter(row["ns per reveal"], names.index(row["method"]), color=filled, edgecolor=COLOURS[row["problem"]])
    ax.set(xscale="log", xlabel="ns per reveal", yticks=range(len(names)), yticklabels=names, title="64 steps, w = 1")
    ax.invert_yaxis()


def curves(ax: Axes, rows: list[dict], axis: str) -> None:
    """ns per reveal against what is varied, a line a problem and method."""
    for problem, method in dict.fromkeys((row["problem"], row["method"]) for row in rows):
        own = [row for row in rows if (row["problem"], row["method"]) == (problem, method)]
        points = [[value(row, axis) for row in own], [row["ns per reveal"] for row in own]]
        ax.plot(*points, LINES[method], color=COLOURS[problem], marker="o", markersize=3)
    label, scale = AXES[axis]
    ax.set(xscale=scale, yscale="log", xlabel=label, title="rate product")


def draw(rows: list[dict]) -> Figure:
    """Methods on the left; length, weight and steps."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    first, *others = figure.subplots(1, 4, width_ratios=(1.6, 1, 1, 1))
    methods(first, [row for row in rows if row["axis"] == "method"])
    for ax, axis in zip(others, AXES, strict=True):
        curves(ax, [row for row in rows if row["axis"] == axis], axis)
    others[0].set_ylabel("ns per reveal")
    handles = [first.scatter([], [], color=colour, label=problem) for problem, colour in COLOURS.items()]
    handles.append(first.scatter([], [], color="none", edgecolor="#333333", label="torch, CPU"))
    handles += [others[0].plot([], [], style, color="#333333", label=method)[0] for method, style in LINES.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=6)
    return figure


if __name__ == "__main__":
    with rc_context(plots.STYLE):
        found = draw(json.loads(RESULTS.read_text())["rows"])
        Path(__file__).with_name("sampler_cost.svg").write_bytes(plots.svg(found))
