"""Draws docs/figure.svg, the README's figure: python docs/figure.py."""

from pathlib import Path

from maskguide import plots
from maskguide.papers.he_rojas_tao.figures import overview

Path(__file__).with_name("figure.svg").write_bytes(plots.svg(overview()))
