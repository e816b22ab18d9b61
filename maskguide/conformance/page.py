"""A report as one self-contained page, with empirical against exact probabilities of every case."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.metadata import version
from pathlib import Path

import numpy as np

from .. import _html
from .evidence import bernoulli_interval
from .findings import SKIPPED, Outcome, Picture
from .text import outcome

LISTED = 40  # states of a figure, the most probable first
WIDTH, HEIGHT, MARGIN = 720, 190, 30


def write(report: Outcome, directory: str | Path) -> Path:
    """Write `directory`/index.html; an InputError where that cannot be."""
    return _html.write(directory, lambda: render(report))


def render(report: Outcome) -> str:
    """The page as text."""
    shown = [check for check in report.checks if check.status != SKIPPED]
    figures = [(picture, figure(picture)) for picture in report.pictures]
    values = {"report": report, "checks": shown, "figures": figures, "outcome": outcome(report)}
    return _html.page("conformance.html", version=version("maskguide"), **values)


def figure(picture: Picture) -> str:
    """An SVG: exact probabilities as bars, seen shares as marks with intervals, the most probable states first."""
    law, counts = picture.law.ravel(), picture.counts.ravel()
    order = np.argsort(-np.maximum(law, counts / max(counts.sum(), 1)), kind="stable")[:LISTED]
    order = order[(law[order] > 0) | (counts[order] > 0)]
    n = int(counts.sum())
    top = 1.05 * max(law[order].max(), (counts[order] / n).max())
    parts = [
        *_axis(top),
        *(part for k, i in enumerate(order) for part in _state(picture, int(i), k, len(order), n, top)),
    ]
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(picture.name)}">{"".join(parts)}</svg>'


def _axis(top: float) -> Iterator[str]:
    for value in (0.0, top / 2, top):
        y = _y(value, top)
        yield f'<line class="grid" x1="{MARGIN}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{MARGIN - 4}" y="{y + 3:.1f}" text-anchor="end">{value:.2g}</text>'


def _state(picture: Picture, index: int, place: int, places: int, n: int, top: float) -> Iterator[str]:
    """Bar, interval, mark, and the state itself as a tooltip and, where there is room, below."""
    exact, seen = float(picture.law.flat[index]), int(picture.counts.flat[index])
    low, high = bernoulli_interval(seen, n, 1e-3)
    step = (WIDTH - MARGIN) / places
    x = MARGIN + (place + 0.5) * step
    name = " ".join(
        "M" if v == picture.law.shape[0] - 1 else str(v) for v in np.unravel_index(index, picture.law.shape)
    )
    off = "off" if not low <= exact <= high else "fits"
    yield f'<g class="{off}"><title>{name}: exact {exact:.5g}, seen {seen / n:.5g} ({seen:,} of {n:,})</title>'
    y = _y(exact, top)
    yield f'<rect x="{x - 0.4 * step:.1f}" y="{y:.1f}" width="{0.8 * step:.1f}" height="{_y(0, top) - y:.1f}"/>'
    yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_y(min(high, top), top):.1f}" y2="{_y(low, top):.1f}"/>'
    yield f'<circle cx="{x:.1f}" cy="{_y(seen / n, top):.1f}" r="2.6"/></g>'
    if step > 5 * len(name):
        yield f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{name}</text>'


def _y(value: float, top: float) -> float:
    return 10 + (HEIGHT - 35) * (1 - value / top)
