"""Figures of the study of learned weights: what is drawn is what the study holds."""

import numpy as np
import pytest

from maskguide.papers.learned_weights import figures as plots
from maskguide.papers.learned_weights.results import Gain, Learned, LearnedStudy, ModelResult, Score
from maskguide.papers.learned_weights.training import Learning
from maskguide.plots import svg

WEIGHTS = np.array([0.0, 0.5, 1.0])


def one(omega, seed=0, loss="energy"):
    score, gain = Score(0.02, 0.001, np.array([0.01, 0.03])), Gain(0.01, 0.001)
    losses = np.linspace(1, 0.5, 60)
    return Learned(loss, "point", seed, losses, np.full(60, 0.8), np.full((2, 4), omega), score, gain, gain)


def case(name, omega, *more):
    scan = np.array([[0.2, 0.3], [0.1, 0.05], [0.3, 0.4]])
    surface = np.full((2, 41, 41), np.nan)
    surface[:, :20, 30:] = omega
    score = Score(0.07, 0.002, np.array([0.05, 0.09]))
    return ModelResult(name, scan, 0.5, np.array([0.5, 0.5]), score, score, score, (one(omega), *more), surface)


@pytest.fixture(scope="module")
def study():
    cases = (case("exact", 0.0), case("leaking", 2.0, one(3.0, 1), one(1.0, 0, "square")), case("network 0", 30.0),
             case("network 1", 20.0))  # fmt: skip
    return LearnedStudy(100, 4, WEIGHTS, Learning(), 0, cases)


def test_names_and_bytes(study):
    found = plots.figures(study)
    assert [name for name, _, _ in found] == ["against-constants", "weights", "surfaces", "losses"]
    assert all(caption.endswith(".") for _, caption, _ in found)
    assert svg(found[1][2]) == svg(plots.weights(study))


def test_scan_and_learned_on_the_axes(study):
    figure = plots.against(study)
    assert [ax.get_title() for ax in figure.axes] == [c.name for c in study.cases]
    for ax, mine in zip(figure.axes, study.cases, strict=True):
        assert np.array_equal(ax.lines[0].get_xdata(), WEIGHTS)
        assert np.array_equal(ax.lines[0].get_ydata(), mine.scan.mean(1))
        assert ax.lines[1].get_xydata()[0] == pytest.approx([0.5, 0.07])
        assert [line.get_ydata()[0] for line in ax.lines[3:]] == [one.score.value for one in mine.learned]
    colours = [line.get_color() for line in figure.axes[1].lines[3:]]
    assert len(set(colours)) == 3 and figure.axes[0].lines[3].get_color() == colours[0]


def test_weights_and_losses(study):
    figure = plots.weights(study)
    for ax, mine in zip(figure.axes, study.cases, strict=True):
        assert np.array_equal([line.get_ydata() for line in ax.lines], np.concatenate([o.omega for o in mine.learned]))
        assert ax.lines[0].get_xdata() == pytest.approx([1, 0.75, 0.5, 0.25]) and ax.xaxis_inverted()
        assert ax.get_yscale() == ("log" if mine.name.startswith("network") else "linear")
    curve = plots.losses(study).axes[0].lines[0]
    losses = study.cases[0].learned[0].losses
    assert curve.get_ydata()[0] == pytest.approx(losses[:25].mean() - 0.8)


def test_surfaces_are_those_with_weights_one_of_a_kind(study):
    figure = plots.surfaces(study)
    maps = [ax for ax in figure.axes if ax.images]
    names = ("leaking", "network 0")
    assert [ax.get_title() for ax in maps] == [f"{name}, class {k}" for name in names for k in range(2)]
    shown = np.ma.filled(maps[0].images[0].get_array(), np.nan)
    assert np.array_equal(shown, study.cases[1].surface[0], equal_nan=True)
    quiet = LearnedStudy(100, 4, WEIGHTS, Learning(), 0, study.cases[:1])
    assert [name for name, _, _ in plots.figures(quiet)] == ["against-constants", "weights", "losses"]
