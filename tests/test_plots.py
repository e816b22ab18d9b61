"""Figures: the data on the axes are the data of the cases, and the bytes are the same twice."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgba

import maskguide as mg
from maskguide import plots
from maskguide.laws.regime import log_minus_log
from maskguide.plots.panels import REGIME_COLOURS, weight_colour
from maskguide.validation import Plan, regime_curve, validate

from .conftest import table

PLAN = Plan(weights=(0.0, 2.0), n=400, steps=4, clocks=np.array([0.1, 0.5, 1.0, 3.0]))
NAMES = ("overlap-1d", "no-blind-2d")


@pytest.fixture(scope="module")
def found():
    return validate([mg.zoo.get(name) for name in NAMES], PLAN)


@pytest.fixture(scope="module")
def cube():
    """Three coordinates, on one engine."""
    laws = [np.ones((2, 2, 2)) / 8, np.full((2, 2, 2), 1 / 7)]
    laws[1][1, 1, 1] = 0
    problem = mg.TableProblem(laws, [0.5, 0.5], 0, name="cube")
    return validate([problem], replace(PLAN, engines=("numba",), rules=("product",)))


def cases_of(found, name, rule=None):
    return [c for c in found.cases if c.problem.name == name and rule in (None, c.rule)]


def lines(ax):
    """Every line and mark of an axes: (x, y, colour)."""
    return [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata()), line.get_color()) for line in ax.lines]


def drawn(ax, x, y):
    """Whether a line through exactly these points is on the axes."""
    return any(a.shape == np.shape(x) and np.array_equal(a, x) and np.array_equal(b, y) for a, b, _ in lines(ax))


def panel(figure, rule):
    return next(ax for ax in figure.axes if ax.get_title() == f"rule {rule}")


def test_heat_maps_show_the_exact_law_with_x0_across_and_x1_up(found):
    cases = cases_of(found, "no-blind-2d")
    figure = plots.law_heatmaps(cases)
    maps = [ax for ax in figure.axes if ax.images and ax.get_title()]
    assert [ax.get_title() for ax in maps] == [f"{c.rule}, w = {c.weight:g}" for c in cases]
    for ax, case in zip(maps, cases, strict=True):
        assert np.array_equal(np.asarray(ax.images[0].get_array()), case.law.probs.T)
        assert ax.images[0].origin == "lower"
        assert ax.images[0].get_clim() == (0, max(c.law.probs.max() for c in cases))


def test_impossible_pairs_are_left_out_of_the_colour_scale():
    problem = table([[1, 0], [1, 2]], [[1, 1], [1, 1]], name="zeros")
    (case,) = validate([problem], Plan(rules=("product",), weights=(1.0,), engines=("numba",), n=10, steps=2)).cases
    image = next(ax for ax in plots.law_heatmaps([case]).axes if ax.images).images[0].get_array()
    assert np.array_equal(np.ma.getmaskarray(image) | np.isnan(np.ma.filled(image, np.nan)), case.law.probs.T == 0)


def test_bars_show_the_exact_law_of_one_coordinate(found):
    for rule in PLAN.rules:
        cases = cases_of(found, "overlap-1d", rule)
        bars = panel(plots.law_heatmaps(cases), rule).containers
        heights = [[bar.get_height() for bar in group] for group in bars]
        assert np.array_equal(heights, [case.law.probs for case in cases])
        colours = [group[0].get_facecolor() for group in bars]
        assert colours == [to_rgba(weight_colour(case.weight)) for case in cases]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rule", PLAN.rules)
def test_tv_curves_and_marks(found, name, rule):
    cases = cases_of(found, name, rule)
    ax = panel(plots.tv_decay(cases), rule)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    for case in cases:
        assert drawn(ax, PLAN.clocks, case.tv)
        exact = [run for run in case.runs if run.method == "gillespie"]
        assert len(exact) == 2
        for run in exact:
            assert drawn(ax, PLAN.clocks, run.decay.simulated)
    assert len(ax.lines) == len(cases) * (1 + 2)
    assert len(ax.collections) == len(cases)
    for band, case in zip(ax.collections, cases, strict=True):
        width = case.runs[0].decay.band
        assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx((case.tv + width).max())


def test_every_clock_is_marked_by_one_engine(found):
    ax = panel(plots.tv_decay(cases_of(found, "no-blind-2d", "product")[:1]), "product")
    marks = [line.get_markevery() for line in ax.lines if line.get_linestyle() == "None"]
    shown = sorted(index for start, step in marks for index in range(len(PLAN.clocks))[start::step])
    assert shown == list(range(len(PLAN.clocks)))


@pytest.mark.parametrize(("name", "entry"), [("overlap-1d", (0, 0)), ("no-blind-2d", (0, 1))])
def test_covariance_with_bernstein_bars(found, name, entry):
    cases = cases_of(found, name, "product")
    ax = panel(plots.covariance(cases), "product")
    assert drawn(ax, [c.weight for c in cases], [c.law.covariance()[entry] for c in cases])
    bars = [bar.lines[2][0].get_segments()[0] for bar in ax.containers]
    runs = [(c.weight, r.comparison) for c in cases for r in c.runs if r.method == "gillespie"]
    for segment, (weight, found_here) in zip(bars, runs, strict=True):
        middle, half = found_here.covariance[entry], found_here.covariance_bound[entry]
        assert segment == pytest.approx(np.array([[weight, middle - half], [weight, middle + half]]))


def test_three_coordinates_show_the_mean_over_pairs_and_regions_for_the_law(cube):
    cases = list(cube.cases)
    matrices = [c.law.covariance() for c in cases]
    means = [(m[0, 1] + m[0, 2] + m[1, 2]) / 3 for m in matrices]
    curve = lines(plots.covariance(cases).axes[0])[0]
    assert curve[1] == pytest.approx(means, abs=1e-15)
    assert plots.svg(plots.law_heatmaps(cases)) == plots.svg(plots.regions(cases))


@pytest.mark.parametrize("rule", PLAN.rules)
def test_region_weights_exact_and_simulated(found, rule):
    cases = cases_of(found, "overlap-1d", rule)
    figure = plots.regions(cases)
    ax = panel(figure, rule)
    for name in ("private", "shared"):
        assert drawn(ax, [c.weight for c in cases], [c.law.region_weights()[name] for c in cases])
        for case in cases:
            for run in (r for r in case.runs if r.method == "gillespie"):
                assert drawn(ax, [case.weight], [run.comparison.regions[name][0]])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["private", "shared"]


def test_empty_regions_are_not_drawn(found):
    figure = plots.regions(cases_of(found, "no-blind-2d", "product"))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["point shared"]


def test_one_problem_of_each_regime():
    names = ("disjoint-1d", "no-blind-2d", "fading-blind-2d", "identical-2d", "squares-2d")
    curves = [regime_curve(mg.zoo.get(name)) for name in names]
    figure = plots.regime_curves(curves)
    left, right = figure.axes
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [
        "flat: identical-2d",
        "double-exponential: no-blind-2d",
        "exponential: fading-blind-2d",
        "saturating: squares-2d",
    ]  # of the two double-exponential ones the curve that is visible over more weights
    by_name = {curve.problem.name: curve for curve in curves}
    assert right.get_yscale() == "log"
    for k, label in enumerate(labels):
        kind, name = label.split(": ")
        curve = by_name[name]
        assert np.array_equal(lines(left)[k][1], log_minus_log(curve.log_tv))
        assert np.array_equal(lines(right)[k][1], curve.tv)
        assert lines(left)[k][2] == lines(right)[k][2] == REGIME_COLOURS[kind]


def test_headline_shows_first_and_last_law_and_the_tv_curves(found):
    cases = cases_of(found, "no-blind-2d")
    figure = plots.headline(cases, found.regimes)
    maps = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    product = [c for c in cases if c.rule == "product"]
    assert np.array_equal(maps[0], product[0].law.probs.T)
    assert np.array_equal(maps[1], product[-1].law.probs.T)
    decay = next(ax for ax in figure.axes if ax.get_ylabel() == "TV to the final law")
    assert all(drawn(decay, PLAN.clocks, c.tv) for c in product)


def test_axes_name_their_quantity(found):
    for figure in (plots.tv_decay(found.cases[:2]), plots.covariance(found.cases[:2]), plots.regions(found.cases[:2])):
        assert figure.axes[0].get_xlabel() in ("clock u = −log m(t)", "weight w")
        assert figure.axes[0].get_ylabel() in ("TV to the final law", "Variance (token indices)", "probability")


def test_weights_keep_their_colour_and_differ():
    colours = {weight_colour(w) for w in (-0.5, 0, 0.5, 1, 2, 4, 8, 16, 32)}
    assert len(colours) == 9


def test_the_same_bytes_twice_without_touching_global_style(found):
    import matplotlib

    before = dict(matplotlib.rcParams)
    cases = cases_of(found, "no-blind-2d")
    first = plots.svg(plots.tv_decay(cases))
    assert first == plots.svg(plots.tv_decay(cases))
    assert first.lstrip().startswith(b"<?xml") and b"<dc:date>" not in first
    assert dict(matplotlib.rcParams) == before


def test_figures_of_every_problem_and_of_all_together(found):
    figures = plots.figures(found)
    assert list(figures) == [None, *(curve.problem for curve in found.regimes)]
    assert all(title and caption and b"</svg>" in svg for rows in figures.values() for title, caption, svg in rows)
    titles = [title for title, _, _ in figures[found.regimes[0].problem]]
    assert titles == ["Final law", "Regions", "TV along the dynamics", "Variance", "TV at a fixed clock over weights"]


def test_names_that_look_like_mathematics_or_hide_from_legends():
    problem = table([3, 1], [1, 3], name="_$\\frac{$" + "x" * 50, token_names=[["$\\bad$", "a\nb"]],
                    coordinate_names=["$y_$"])  # fmt: skip
    found = validate([problem], Plan(rules=("product",), weights=(1.0,), engines=("numba",), n=10, steps=2))
    svgs = [svg for rows in plots.figures(found).values() for _, _, svg in rows]
    assert len(svgs) == 5
    bars = plots.law_heatmaps(found.cases).axes[0]
    assert [text.get_text() for text in bars.get_xticklabels()] == ["\\$\\bad\\$", "a b"]
    (label,) = plots.regime_curves(found.regimes).legends[0].get_texts()
    assert label.get_text().startswith("double-exponential: _") and label.get_text().endswith("…")


def test_neither_pyplot_nor_torch_is_loaded():
    code = "import sys, maskguide.plots; assert not {'matplotlib.pyplot', 'torch', 'sympy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_matplotlib_is_one_clear_error():
    code = (
        "import sys; sys.modules['matplotlib'] = None\nimport maskguide as mg\ntry:\n import maskguide.plots\n"
        "except mg.InputError as error:\n assert 'maskguide[report]' in str(error)\nelse:\n raise SystemExit('none')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
