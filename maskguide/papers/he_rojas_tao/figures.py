"""The paper's subject in figures: the law by weight, TV by theory and simulation, the regimes of its decay."""

from __future__ import annotations

from matplotlib.figure import Figure

from ...plots import headline
from ...problems import zoo
from ...validation import Plan, regime_curve, validate

REGIMES = ("identical-2d", "no-blind-2d", "fading-blind-2d", "small-squares-2d")


def overview() -> Figure:
    """Final law and TV of two overlapping squares under the rate product, and one problem of each regime."""
    squares = validate([zoo.get("squares-2d")], Plan(rules=("product",)))
    return headline(squares.cases, [regime_curve(zoo.get(name)) for name in REGIMES])
