"""Figures of the study of stages: the numbers on the axes are those of the study, and the bytes are the same twice."""

import numpy as np
import pytest

from maskguide.papers.stages.figures import COLOURS, figures, schedule_name
from maskguide.papers.stages.study import study
from maskguide.plots import svg


@pytest.fixture(scope="module")
def found():
    return study(count=100, steps=30, quick=True)


@pytest.fixture(scope="module")
def drawn(found):
    return {name: (caption, figure) for name, caption, figure in figures(found)}


def drawn_line(ax, y, x=None):
    """Whether a line of these numbers is drawn."""
    return any(
        np.array_equal(np.asarray(line.get_ydata(), float), np.asarray(y, float))
        and (x is None or np.array_equal(np.asarray(line.get_xdata(), float), np.asarray(x, float)))
        for line in ax.lines
    )


def test_names_and_captions(drawn):
    assert list(drawn) == ["schedules", "stages", "region", "discrete"]
    for caption, figure in drawn.values():
        assert len(caption) > 40 and figure.axes


def test_schedules(found, drawn):
    left, right = drawn["schedules"][1].axes
    rows, none = found.rows[1:], found.rows[0]
    for world in ("gaussian", "normalized", "product"):
        weak = [getattr(r, world).weak / getattr(none, world).weak for r in rows]
        within = [getattr(r, world).within / getattr(none, world).within for r in rows]
        assert drawn_line(left, range(len(rows)), weak) and drawn_line(right, range(len(rows)), within)
    assert drawn_line(left, range(len(rows)), [r.simulated / none.gaussian.weak for r in rows])
    assert [t.get_text() for t in left.get_yticklabels()] == ["omega = 5", "early", "late", "triangle"]
    assert schedule_name(found.row("late"), 3.0) == "late (mean 5)"


def test_stages(found, drawn):
    shift, told, spread, onset = drawn["stages"][1].axes
    constant = found.stages["constant"]
    for curve in (constant.distance, constant.distance_unguided, constant.norm, constant.norm_unguided):
        assert drawn_line(shift, curve, constant.times)
    for name, stages in found.stages.items():
        assert drawn_line(told, stages.decided) and drawn_line(spread, stages.spread[:, 1] / stages.natural[:, 1])
        assert any(line.get_color() == COLOURS[name] for line in told.lines)
    begun = [(constant.onset[:, 1] >= t).mean() for t in constant.times]
    assert drawn_line(onset, begun) and len(onset.lines) == 4
    for line in onset.lines:
        assert (np.diff(line.get_ydata()) >= 0).all() and line.get_ydata()[-1] <= 1


def test_region(found, drawn):
    left, right = drawn["region"][1].axes
    assert drawn_line(left, found.borders.unguided) and drawn_line(left, found.borders.guided)
    assert drawn_line(right, found.borders.undecided_guided) and drawn_line(right, found.borders.undecided_unguided)
    corners = left.collections[0].get_paths()[0].get_extents()
    assert corners.ymin == pytest.approx(found.borders.locked.lower.min())
    assert corners.ymax == pytest.approx(found.borders.locked.upper.max())


def test_discrete(found, drawn):
    told, locked, revealed = drawn["discrete"][1].axes
    for stages in found.discrete.values():
        assert drawn_line(told, stages.told) and drawn_line(locked, stages.locked)
        assert drawn_line(revealed, stages.revealed, stages.levels)


def test_the_same_bytes_twice(found, drawn):
    again = {name: figure for name, _, figure in figures(found)}
    assert svg(again["region"]) == svg(drawn["region"][1])
