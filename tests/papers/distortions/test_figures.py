"""Figures of the distortions and of the schedule map: what is drawn is what was found."""

import numpy as np
import pytest

from maskguide import plots
from maskguide.gaussian.closed_forms import ode_moments
from maskguide.papers.distortions import figures as distortions
from maskguide.papers.distortions import map as map_study
from maskguide.papers.distortions import map_figure as schedule_map
from maskguide.papers.distortions import study as distortions_study
from maskguide.papers.distortions.random_means import predicted_loss


@pytest.fixture(scope="module")
def found():
    return distortions_study.study((1,), (3,), quick=True)


@pytest.fixture(scope="module")
def mapped():
    return map_study.study(quick=True, starts=[-1.0, -0.5, 0.5], slopes=[-0.2, 0.3, 0.6])


def test_figures_have_names_and_captions(found, mapped):
    entries = distortions.figures(found) + schedule_map.figures(mapped)
    assert [name for name, _, _ in entries] == ["moments", "windows", "competing", "few-classes", "limit", "map"]
    assert all(caption.endswith(".") for _, caption, _ in entries)
    again = distortions.figures(found) + schedule_map.figures(mapped)
    for (_, _, one), (_, _, two) in zip(entries, again, strict=True):
        assert plots.svg(one) == plots.svg(two)


def test_moments_are_the_closed_forms(found):
    mean = distortions.moments(found).axes[0]
    x, y = mean.lines[0].get_data()
    assert y == pytest.approx([ode_moments(1.0, 2.0, 1.0, w).mean for w in x], rel=1e-12)
    drawn = {
        (float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in mean.lines if len(line.get_xdata()) == 1
    }
    assert {(float(r.schedule), r.sampled.mean) for r in found.moments if r.sampled and "s" not in r.schedule} <= drawn


def test_competing_classes_show_both_predictions_and_every_point(found):
    left, right = distortions.competing(found).axes
    curves = [line.get_data() for line in left.lines if len(line.get_xdata()) == distortions.POINTS]
    for (alphas, shown), path in zip(curves, ("guided", "typical"), strict=True):
        assert shown == pytest.approx([predicted_loss(a, 3.0, path=path)[0] for a in alphas], rel=1e-12)
    for ax, world in ((left, "gaussian"), (right, "masked")):
        drawn = {(float(x[0]), float(y[0])) for x, y in (c.lines[0].get_data() for c in ax.containers)}
        assert drawn == {(p.alpha, p.ratio) for p in found.chosen(world, "exponential", 3)}


@pytest.mark.parametrize(("draw", "regime"), [(distortions.few_classes, "sub-exponential"),
                                              (distortions.limit, "mean density")])  # fmt: skip
def test_points_by_size(found, draw, regime):
    for ax, world in zip(draw(found).axes, ("gaussian", "masked"), strict=True):
        assert [t.get_text() for t in ax.get_xticklabels()] == [str(p.size) for p in found.chosen(world, regime, 3)]


def test_the_map_shows_the_values_and_the_line(mapped):
    ode, sde, _ = schedule_map.schedule_map(mapped).axes
    for ax, name in ((ode, "ode"), (sde, "sde")):
        image = ax.collections[0].get_array()
        assert np.ma.filled(image, np.nan) == pytest.approx(mapped.log_ratio[name].T, nan_ok=True)
        assert ax.lines[0 if name == "ode" else 1].get_linestyle() == "-"
    assert ode.lines[0].get_ydata() == pytest.approx(mapped.neutral["ode"], nan_ok=True)
    assert all(y <= 0.6 for y in sde.lines[-1].get_ydata())
