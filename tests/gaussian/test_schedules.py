"""Schedules over the noise level: means, shapes, ranges, the grid version."""

import numpy as np
import pytest
from scipy.integrate import quad

from maskguide import InputError, WeightSchedule
from maskguide.gaussian import schedules as s

OMEGA = 4.0
OF_MEAN = {
    "constant": s.constant(OMEGA),
    "interval": s.interval(OMEGA),
    "triangle": s.triangle(OMEGA),
    "cosine": s.cosine(OMEGA),
    "beta": s.beta(OMEGA, 2.0, 3.5),
}
ALL = {
    **OF_MEAN,
    "step-up": s.step_up(OMEGA),
    "step-down": s.step_down(OMEGA),
    "ramp": s.ramp(1.0, 7.0),
    "linear": s.linear(-0.5, 3.0),
    "switched": s.switched(3.0, -0.8, 0.3),
    "early-late": s.early_late(5.0, 1.0),
    "tabulated": s.tabulated([0.0, 0.4, 1.0], [0.0, 2.0, 1.0]),
    "masked": WeightSchedule([0.7, 0.2], [0.0, 3.0, 1.0]),
}


def mean(schedule) -> float:
    return quad(lambda t: 1 + schedule(t), 0, 1, points=schedule.jumps or None, epsabs=1e-11)[0]


@pytest.mark.parametrize("name", OF_MEAN)
def test_mean_is_omega(name):
    assert mean(OF_MEAN[name]) == pytest.approx(OMEGA, abs=1e-9)


def test_shapes():
    assert [s.triangle(4.0)(t) for t in (1.0, 0.75, 0.5, 0.0)] == [0, 3, 6, 0]
    assert [s.interval(4.0)(t) for t in (0.8, 0.1)] == [0, 0]
    assert s.interval(4.0)(0.5) == pytest.approx(3 / 0.63)
    assert [1 + s.step_up(6.0)(t) for t in (1.0, 0.76, 0.75, 0.0)] == [2, 2, 6, 6]
    assert [1 + s.step_down(6.0)(t) for t in (1.0, 0.76, 0.75, 0.0)] == [6, 6, 2, 2]
    assert mean(s.step_up(6.0)) == pytest.approx(5) and mean(s.step_down(6.0)) == pytest.approx(3)
    assert [s.ramp(1.0, 7.0)(t) for t in (1.0, 0.5, 0.0)] == [0, 3, 6]
    assert [s.linear(-0.5, 3.0)(t) for t in (1.0, 0.0)] == [2.5, -0.5]
    assert [s.switched(3.0, -0.75, 0.25)(t) for t in (0.26, 0.25)] == [3, -0.75]
    assert [s.cosine(4.0)(t) for t in (1.0, 0.0)] == [0, 6]
    assert s.tabulated([0.0, 0.5], [1.0, 3.0])(0.25) == 2


@pytest.mark.parametrize("name", ALL)
def test_rescaled_on_a_grid_to_the_mean_asked_for(name):
    grid = np.array([1.0, 0.9, 0.55, 0.4, 0.1, 0.0])
    on = s.on_grid(ALL[name], grid, omega=2.5)
    scales = np.array([1 + on.at(t) for t in grid[:-1]])  # the weight a step starts with
    assert scales @ -np.diff(grid) == pytest.approx(2.5, rel=1e-14)
    plain = np.array([1 + s.weight_at(ALL[name], t) for t in (grid[:-1] + grid[1:]) / 2])
    np.testing.assert_allclose(scales / scales[0], plain / plain[0], rtol=1e-12)


def test_a_step_that_ends_on_a_jump_keeps_its_own_weight():
    for schedule in (s.early_late(5.0, 1.0, 0.25), WeightSchedule([0.25], [4.0, 0.0])):
        assert s.weight_at(schedule, 0.25) == pytest.approx(0)
        assert s.weight_at(schedule, 0.25, before=0.5) == pytest.approx(4)


BAD = {
    "omega": lambda: s.constant(-0.1),
    "triangle below 1": lambda: s.triangle(0.4),
    "interval": lambda: s.interval(2.0, 0.8, 0.2),
    "share": lambda: s.step_up(3.0, 1.5),
    "linear": lambda: s.linear(-1.5, 1.0),
    "switched": lambda: s.switched(1.0, 0.5, 0.5),
    "beta": lambda: s.beta(2.0, 0.5, 1.0),
    "table": lambda: s.tabulated([0.5, 0.2], [1.0, 1.0]),
    "table weight": lambda: s.tabulated([0.2, 0.5], [1.0, -2.0]),
    "callable": lambda: s.weight_at(lambda t: -2.0, 0.5),
    "callable nan": lambda: s.weight_at(lambda t: float("nan"), 0.5),
    "grid": lambda: s.on_grid(1.0, [0.0, 1.0]),
    "grid out": lambda: s.on_grid(1.0, [1.5, 1.0]),
    "mean": lambda: s.on_grid(-1.0, [1.0, 0.0], omega=2.0),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    with pytest.raises(InputError):
        BAD[case]()
