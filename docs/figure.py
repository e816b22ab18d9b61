"""Draws docs/figure.svg, the README's figure: python docs/figure.py."""

from pathlib import Path

import maskguide as mg
from maskguide import plots
from maskguide.validation import Plan, regime_curve, validate

squares = validate([mg.zoo.get("squares-2d")], Plan(rules=("product",)))
curves = [regime_curve(mg.zoo.get(f"{name}-2d")) for name in ("identical", "no-blind", "fading-blind", "small-squares")]
Path(__file__).with_name("figure.svg").write_bytes(plots.svg(plots.headline(squares.cases, curves)))
