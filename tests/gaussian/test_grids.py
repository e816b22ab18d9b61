"""Time grids: losses against brute force and closed forms, the tangent law, shares, errors against fixed grids."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from maskguide import InputError
from maskguide.gaussian import Mixture, grids, sample, schedules
from maskguide.gaussian.noise import PROCESSES, process
from maskguide.gaussian.normals import normals

LINE = Mixture([[-2.0], [0.3], [1.5]], [0.01, 0.2, 0.4], [0.3, 0.2, 0.5], [0, 1, 0])
NORMAL = Mixture([[0.0, 0.0]])
MODES = Mixture([[-1.0, 0.0], [1.0, 0.0]], 0.04, [0.25, 0.75])
NESTED = Mixture(
    [[2.0, 0.1], [2.0, -0.1], [1.2, 0.0], [-1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]],
    [4e-4, 4e-4, 0.01, 0.09, 0.09, 1.0],
    [0.1, 0.1, 0.1, 0.2, 0.2, 0.3],
    [0, 0, 0, 1, 1, 2],
)
RATIOS = np.array([0.01, 0.3, 1.0, 4.0, 30.0])
ALPHA = 1e-6


def ratios(times, name="flow") -> np.ndarray:
    levels = [process(name).at(t) for t in times]
    return np.array([level.scale / level.sigma if level.variance > 0 else np.inf for level in levels])


# Losses ------------------------------------------------------------------------------------------------


def by_hand(mixture: Mixture, ratio: float) -> tuple[float, float, float]:
    """On the line, from the definitions: E Var(x_0 | x), E Var(x_0 | x)^2 and E(E[x_0 | x] - E x_0)^2."""
    x = np.linspace(-8, 8, 40001) * (1 + 4 * ratio)  # of ratio x_0 + eps
    m, c = mixture.means[:, 0], mixture.variances[:, 0]
    v = ratio**2 * c + 1
    p = mixture.weights * np.exp(-((x[:, None] - ratio * m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)
    density = p.sum(1)
    share = p / np.maximum(density, 1e-300)[:, None]
    own = m + ratio * c / v * (x[:, None] - ratio * m)
    mean = (share * own).sum(1)
    variance = (share * (c / v + own**2)).sum(1) - mean**2
    step = x[1] - x[0]
    return tuple(step * (density * f).sum() for f in (variance, variance**2, (mean - mixture.mean[0]) ** 2))


@pytest.mark.parametrize("ratio", RATIOS)
def test_losses_on_the_line_are_those_of_the_definition(ratio):
    found = grids.losses(LINE, ratio)
    mmse, _, gain = by_hand(LINE, ratio)
    np.testing.assert_allclose([found.mmse[0], found.gain[0], found.error[0]], [mmse, gain, 0], rtol=1e-8)


@pytest.mark.parametrize("ratio", RATIOS[:-1])
def test_the_loss_falls_by_the_mean_squared_posterior_variance(ratio):
    """d mmse / dg = -E Var(x_0 | x)^2, g = r^2."""
    g, h = ratio**2, 1e-4 * ratio**2
    up, down = grids.losses(LINE, np.sqrt([g + h, g - h])).mmse
    assert (up - down) / (2 * h) == pytest.approx(-by_hand(LINE, ratio)[1], rel=1e-6)


def test_a_narrow_component_inside_a_wide_one(monkeypatch):
    """Nodes of the wide one must see the narrow one: against thirty times as many."""
    law, ratios_ = Mixture([[0.0], [0.3]], [9.0, 0.01], [0.7, 0.3]), np.geomspace(0.01, 1e4, 15)
    found = grids.losses(law, ratios_)
    monkeypatch.setitem(grids.AXES, 1, 40001)
    exact = grids.losses(law, ratios_)
    np.testing.assert_allclose(found.mmse, exact.mmse, rtol=1e-9)
    np.testing.assert_allclose(found.gain, exact.gain, rtol=1e-9)


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_gap_is_what_the_other_denoiser_loses_more(ratio):
    """E|x_0 - E'[x_0 | x]|^2 - mmse, its left term from x_0 and x of each component: Gauss-Hermite in two variables."""
    law, other = LINE.given(0), LINE
    angle = np.arctan2(1.0, ratio)
    a, s = np.cos(angle), np.sin(angle)
    z = np.linspace(-8, 8, 601)
    p = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    lost = 0.0
    for weight, mean, c in zip(law.weights, law.means[:, 0], law.variances[:, 0], strict=True):
        x0, eps = mean + np.sqrt(c) * z[:, None], z[None]
        guess = other.denoise((a * x0 + s * eps).reshape(-1, 1), a, s).reshape(601, 601)
        lost += weight * p @ (x0 - guess) ** 2 @ p
    found = grids.losses(law, ratio, other)
    assert found.gap[0] == pytest.approx(lost - found.mmse[0], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("c", [0.04, 9.0])
def test_losses_of_one_gaussian(d, c):
    found = grids.losses(Mixture(np.full((1, d), 3.0), c), [0.0, *RATIOS, np.inf])
    r = np.array([0.0, *RATIOS])
    np.testing.assert_allclose(found.mmse, [*(d * c / (1 + c * r * r)), 0.0], rtol=1e-12, atol=1e-15)
    gain = d * np.array([*(c * c * r * r / (1 + c * r * r)), c])
    np.testing.assert_allclose(found.gain, gain, rtol=1e-10 if d < 3 else 0.1, atol=1e-28)


@pytest.mark.parametrize(("mixture", "tolerance"), [(LINE, 1e-10), (MODES, 1e-3), (NESTED, 2e-3)])
def test_loss_and_gain_add_up_to_the_variance(mixture, tolerance):
    found = grids.losses(mixture, np.geomspace(0.01, 3e3, 20))
    np.testing.assert_allclose(found.mmse + found.gain, grids._total_variance(mixture), rtol=tolerance)


def test_drawn_points_give_the_loss_within_their_error():
    """Three dimensions whose components lie on a line: two of them have the loss of one Gaussian."""
    c = np.array([0.3, 0.3, 0.3])
    line = Mixture(LINE.means, c, LINE.weights)
    space = Mixture(np.pad(LINE.means, ((0, 0), (0, 2))), c, LINE.weights)
    exact = grids.losses(line, RATIOS).mmse + 2 * 0.3 / (1 + 0.3 * RATIOS**2)
    found = grids.losses(space, RATIOS, points=4000, seed=2)
    within = stats.norm.isf(ALPHA / 2 / len(RATIOS)) * found.error + 1e-12
    assert (np.abs(found.mmse - exact) < within).all() and (found.error[:-1] > 0).all()
    assert (found.error < 0.03 * exact).all()
    np.testing.assert_array_equal(found.mmse, grids.losses(space, RATIOS, points=4000, seed=2).mmse)


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_other_covariances(kind, monkeypatch):
    """Independent coordinates: losses add up; turned by a rotation they stay. Nodes enough for round-off."""
    monkeypatch.setitem(grids.AXES, 2, 121)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    means, variances = np.array([[1.0, 0.5], [-1.0, 0.5]]), np.array([[0.2, 0.7], [0.1, 0.7]])
    mixture = Mixture(means, variances)
    if kind == "full":
        mixture = Mixture(means @ turn.T, np.einsum("ij,cj,kj->cik", turn, variances, turn))
    first = grids.losses(Mixture(means[:, :1], variances[:, 0]), RATIOS).mmse
    exact = first + 0.7 / (1 + 0.7 * RATIOS**2)
    np.testing.assert_allclose(grids.losses(mixture, RATIOS).mmse, exact, rtol=1e-9)


def test_losses_at_times():
    r = ratios([0.9, 0.5, 0.2], "vp")
    exact = 2 / (1 + r * r)
    np.testing.assert_allclose(grids.mmse(NORMAL, [0.9, 0.5, 0.2, 0.0], "vp"), [*exact, 0.0], rtol=1e-12, atol=1e-15)


@settings(max_examples=10)
@given(
    means=st.lists(st.floats(-10, 10), min_size=1, max_size=4),
    widths=st.lists(st.floats(0.3, 9), min_size=4, max_size=4),
    weight=st.floats(-1, 20),
)
def test_any_class_on_the_line_has_a_falling_loss_and_a_grid(means, widths, weight):
    law = Mixture(np.array(means)[:, None], np.square(widths[: len(means)]))
    found = grids.losses(law, np.geomspace(1e-3, 1e3, 30))
    total = grids._total_variance(law)
    assert (np.diff(found.mmse) <= 1e-9 * total).all() and (found.mmse > 0).all()
    assert (found.mmse <= total * (1 + 1e-9)).all()
    times = grids.loss_adaptive_grid(law, Mixture([[0.0]], 4.0), weight, 9)
    assert len(times) == 10 and times[0] == 1 and times[-1] == 0 and (np.diff(times) < 0).all()


# Grids -------------------------------------------------------------------------------------------------


def tangent(steps: int, c: float) -> np.ndarray:
    return np.tan(np.pi / 2 * np.arange(1, steps) / steps) / np.sqrt(c)


@pytest.mark.parametrize("c", [1e-4, 1.0, 100.0])
@pytest.mark.parametrize("w", [-1.0, 0.0, 3.0])
def test_one_gaussian_has_the_tangent_law(c, w):
    law = Mixture([[2.0, 2.0]], c)
    found = ratios(grids.loss_adaptive_grid(law, law, w, 12))[1:-1]
    np.testing.assert_allclose(found, tangent(12, c), rtol=0.02)


def wrong_densities():
    right = grids._data_density

    def no_transport(c, w, d):
        return np.sqrt(np.gradient(np.sqrt(c.gain), c.ratios))

    return {
        "no transport": no_transport,
        "no root": lambda *a: right(*a) ** 2,
        "loss for gain": lambda c, w, d: right(replace(c, mmse=c.gain, gain=c.mmse[::-1]), w, d),
    }


@pytest.mark.parametrize("name", wrong_densities())
def test_wrong_densities_do_not(name, monkeypatch):
    monkeypatch.setattr(grids, "_data_density", wrong_densities()[name])
    law = Mixture([[0.0]], 1.0)
    assert np.abs(ratios(grids.loss_adaptive_grid(law, law, 0.0, 12))[1:-1] / tangent(12, 1.0) - 1).max() > 0.1


@pytest.mark.parametrize("target", ["data", "path"])
def test_the_grid_follows_the_unit_of_length(target):
    big = Mixture(100 * LINE.means, 1e4 * LINE.variances[:, 0], LINE.weights, LINE.labels)
    one, other = (ratios(grids.loss_adaptive_grid(m.given(0), m, 2.0, 10, target=target))[1:-1] for m in (LINE, big))
    np.testing.assert_allclose(100 * other, one, rtol=1e-6)


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("target", ["data", "path"])
def test_every_process_has_the_same_ratios_but_for_its_start(name, target):
    """Equal shares of one integral over the ratio, from the ratio at which the process starts."""
    at, effort = grids._effort(MODES, NORMAL, 1.0, process("flow"), target, (2000, 0))
    found = ratios(grids.loss_adaptive_grid(MODES, NORMAL, 1.0, 40, process=name, target=target), name)
    last = -1 if target == "path" else 40  # the path's last step goes to data, beyond the integral
    shares = np.interp(found[:last], at, effort)
    step = (effort[-1] - shares[0]) / (39 if target == "path" else 40)
    np.testing.assert_allclose(np.diff(shares), step, rtol=1e-6)


@pytest.mark.parametrize("target", ["data", "path"])
@pytest.mark.parametrize("steps", [1, 2, 3, 500])
def test_any_number_of_steps(steps, target):
    times = grids.loss_adaptive_grid(NESTED.given(0), NESTED, 4.0, steps, target=target)
    assert len(times) == steps + 1 and times[0] == 1 and times[-1] == 0 and (np.diff(times) < 0).all()


def test_jumps_of_the_weight_are_grid_points():
    weight = schedules.interval(3.0, 0.2, 0.7)
    for steps in (3, 7, 40):
        times = grids.loss_adaptive_grid(MODES, NORMAL, weight, steps)
        assert len(times) == steps + 1 and {0.2, 0.7} <= set(times.tolist())


def test_more_steps_where_the_weight_is_large():
    inside = []
    for weight in (0.0, schedules.interval(3.0, 0.2, 0.7), schedules.interval(9.0, 0.2, 0.7)):
        times = grids.loss_adaptive_grid(MODES, NORMAL, weight, 60)
        inside.append(int(((times > 0.2) & (times < 0.7)).sum()))
    assert inside[0] + 5 < inside[1] < inside[2]


def test_a_constant_weight_scales_out_where_both_laws_are_one():
    one, other = (grids.loss_adaptive_grid(NESTED, NESTED, w, 20) for w in (0.0, 8.0))
    np.testing.assert_allclose(one, other, rtol=1e-9)


FIXED = {"log SNR": grids.log_snr_grid, "karras": grids.karras_grid, "cosine": grids.cosine_grid}


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("kind", FIXED)
def test_fixed_grids_are_equally_spaced_in_their_own_measure(kind, name):
    times = FIXED[kind](20, name)
    assert len(times) == 21 and times[0] == 1 and times[-1] == 0
    r = ratios(times, name)
    even = {"log SNR": np.log(r[1:-1]), "karras": r[1:-1] ** (-1 / 7), "cosine": np.arctan(r)}[kind]
    np.testing.assert_allclose(np.diff(even), np.diff(even)[0], rtol=1e-6)
    if kind != "cosine":
        assert r[-2] == pytest.approx(500, rel=1e-6)


# Path KL -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("c", [0.3, 4.0])
def test_path_divergence_of_one_gaussian(c):
    times = np.array([1.0, 0.8, 0.5, 0.1, 0.0])
    g = ratios(times[:-1]) ** 2
    exact = 0.0
    for low, high in itertools.pairwise(g):
        exact += 2 * (c * (high - low) / (1 + c * low) - np.log((1 + c * high) / (1 + c * low))) / 2
    assert grids.path_divergence(Mixture([[1.0, 0.0]], c), times) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("mixture", [LINE, Mixture([[-1.0], [1.0]], 0.04, [0.25, 0.75])])
def test_path_steps_have_the_least_divergence(mixture):
    """Among grids that end at the same noise before the step to data."""
    times = grids.loss_adaptive_grid(mixture, mixture, 0.0, 24, target="path")
    noise = 1 / ratios(times)[-2]
    others = [np.append(np.linspace(1, times[-2], 24), 0.0)]
    others += [make(24, least=noise) for make in (grids.log_snr_grid, grids.karras_grid)]
    others.append(grids.karras_grid(24, rho=3.0, least=noise))
    ours = grids.path_divergence(mixture, times, fine=8)
    assert all(1.1 * ours < grids.path_divergence(mixture, other, fine=8) for other in others)


# Errors ------------------------------------------------------------------------------------------------


def medians(c: Mixture, u: Mixture, w: float, method: str, steps: int) -> dict[str, float]:
    """Median error of end points for each grid; from fixed starts, no randomness."""
    start = normals(9, 100, 2, 2)
    exact = sample(c, u, w, method="adaptive", times=[1.0, 0.0], initial=start).x
    times = {name: make(steps) for name, make in FIXED.items()} | {"uniform": np.linspace(1, 0, steps + 1)}
    times["data"] = grids.loss_adaptive_grid(c, u, w, steps)
    ends = {name: sample(c, u, w, method=method, times=t, initial=start).x for name, t in times.items()}
    return {name: grids.end_errors(x, exact).median for name, x in ends.items()}


@pytest.mark.parametrize(("method", "factor"), [("euler", 1.9), ("heun", 3.0)])
def test_widths_far_from_one_are_where_the_losses_help(method, factor):
    found = medians(NESTED.given(0), NESTED, 2.0, method, 16)
    ours = found.pop("data")
    assert factor * ours < min(found["uniform"], found["cosine"])
    assert ours < min(found.values())


def test_near_unit_width_uniform_steps_of_flow_matching_are_as_good():
    """Stated as it is measured: Euler gains little, Heun loses a little."""
    found = medians(MODES, NORMAL, 0.0, "euler", 32)
    assert 0.75 < found["data"] / found["uniform"] < 1
    found = medians(MODES, NORMAL, 0.0, "heun", 32)
    assert 1 < found["data"] / found["uniform"] < 1.6


def test_euler_on_a_gaussian_errs_least_on_its_own_grid():
    law, start = Mixture([[0.0, 0.0]], 0.01), np.array([[1.0, -0.5], [0.2, 2.0]])
    exact = 0.1 * start
    ours, *others = (
        np.abs(sample(law, law, 0.0, method="euler", times=t, initial=start).x - exact).max()
        for t in (
            grids.loss_adaptive_grid(law, law, 0.0, 24),
            np.linspace(1, 0, 25),
            *(make(24) for make in FIXED.values()),
            grids.loss_adaptive_grid(law, law, 0.0, 24, target="path"),
        )
    )
    assert all(1.05 * ours < other for other in others)


def test_end_errors():
    x = normals(0, 50, 3, 0)
    none, moved = grids.end_errors(x, x), grids.end_errors(x + np.array([0.3, 0.0, 0.0]), x, 2.0)
    assert (none.median, none.rms, none.mean, none.spread) == (0, 0, 0, 0) and none.energy < 1e-7
    assert (moved.median, moved.mean) == (pytest.approx(0.15), pytest.approx(0.15))
    assert moved.spread < 1e-12 and 0 < moved.energy < 1
    assert grids.end_errors(x * np.array([1.5, 1.0, 1.0]), x).spread == pytest.approx(0.5)


BAD = {
    "dimension": lambda: grids.loss_adaptive_grid(LINE, NORMAL),
    "steps": lambda: grids.loss_adaptive_grid(LINE, LINE, 0.0, 0),
    "jumps": lambda: grids.loss_adaptive_grid(LINE, LINE, schedules.interval(3.0), 2),
    "weight": lambda: grids.loss_adaptive_grid(LINE, LINE, -2.0),
    "target": lambda: grids.loss_adaptive_grid(LINE, LINE, target="pixels"),
    "process": lambda: grids.loss_adaptive_grid(LINE, LINE, process="vq"),
    "points": lambda: grids.losses(LINE, 1.0, points=1),
    "ratios": lambda: grids.losses(LINE, [-1.0]),
    "nan": lambda: grids.losses(LINE, [np.nan]),
    "rho": lambda: grids.karras_grid(10, rho=0.0),
    "least": lambda: grids.log_snr_grid(10, least=90.0),
    "times": lambda: grids.path_divergence(LINE, [0.0, 1.0]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    with pytest.raises(InputError) as caught:
        BAD[case]()
    assert len(str(caught.value).splitlines()) == 3
