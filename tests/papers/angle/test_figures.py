"""Figures of the study of angle-domain guidance: the numbers on the axes are those of the study."""

import numpy as np
import pytest

from maskguide.papers.angle.figures import COLOURS, figures, growth
from maskguide.papers.angle.measures import Setting
from maskguide.papers.angle.study import study
from maskguide.plots import svg


@pytest.fixture(scope="module")
def found():
    return study(scales=(1.0, 2.0, 8.0), samples=40, steps=8, tokens=9, settings={"space": Setting(8, 4, 2.0)})


@pytest.fixture(scope="module")
def drawn(found):
    return {name: (caption, figure) for name, caption, figure in figures(found)}


def drawn_line(ax, y):
    return any(np.array_equal(np.asarray(line.get_ydata(), float), np.asarray(y, float)) for line in ax.lines)


def test_names_and_captions(drawn):
    assert list(drawn) == ["growth", "norms", "region", "discrete"]
    for caption, figure in drawn.values():
        assert len(caption) > 40 and figure.axes


def test_growth(found, drawn):
    left, right = drawn["growth"][1].axes
    for curves in found.ensembles["space"].rules.values():
        assert drawn_line(left, curves.growth_in_time[1]) and drawn_line(right, curves.largest_growth)
    assert drawn_line(right, [2**0.5] * 2)


def test_norms(found, drawn):
    left, middle, right = drawn["norms"][1].axes
    space = found.ensembles["space"]
    for ax in (left, middle):
        assert drawn_line(ax, space.class_histogram)
        assert len(ax.lines) == len(found.scales) + 1
    for curves in space.rules.values():
        assert drawn_line(right, 1 + curves.ends["norm_shift"]) and drawn_line(right, curves.ends["atypical"])


def test_region(found, drawn):
    score, x0, balls, shares = drawn["region"][1].axes[:4]
    for ax, values in ((score, found.plane.score), (x0, found.plane.x0)):
        shown = ax.collections[0].get_array()
        np.testing.assert_array_equal(np.ma.getmaskarray(shown), values > found.scales[-1])
        np.testing.assert_array_equal(shown.compressed(), values[values <= found.scales[-1]])
    radii = [circle.get_radius() for circle in balls.patches]
    assert radii == [ball.radius for ball in found.plane.gaussian.values()]
    assert drawn_line(shares, 100 * found.ensembles["plane"].rules["angle"].anomalous_score)


def test_discrete(found, drawn):
    for ax, name in zip(drawn["discrete"][1].axes, ("norm_shift", "spread", "atypical"), strict=True):
        for rule, table in found.discrete.items():
            line = next(line for line in ax.lines if line.get_color() == COLOURS[rule] and line.get_linestyle() == "-")
            np.testing.assert_array_equal(line.get_ydata(), table[name])
        assert drawn_line(ax, found.ensembles["discrete"].rules["linear"].ends[name])


def test_the_same_bytes_twice(found, drawn):
    assert svg(growth(found)) == svg(drawn["growth"][1])
