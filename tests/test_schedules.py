"""Noise schedules: inverse, derivative, ends, and the clock, each against an independent computation."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import maskguide as mg
from maskguide.schedules import SCHEDULES, Geometric, Polynomial

mp = mpmath


def geometric(t, low, high):
    noise = lambda s: 1 - mp.exp(-(mp.mpf(low) ** (1 - s)) * mp.mpf(high) ** s)  # noqa: E731
    return (noise(t) - noise(mp.mpf(0))) / (noise(mp.mpf(1)) - noise(mp.mpf(0)))


# name, schedule, m(t) written out once more in mpmath
CASES = [
    ("linear", mg.noise_schedule("linear"), lambda t: t),
    ("log-linear", mg.noise_schedule("log-linear"), lambda t: t),
    ("cosine", mg.noise_schedule("cosine"), lambda t: mp.cos(mp.pi * (1 - t) / 2)),
    ("polynomial", mg.noise_schedule("polynomial"), lambda t: t**2),
    ("polynomial 1/2", Polynomial(0.5), lambda t: mp.sqrt(t)),
    ("polynomial 3", mg.noise_schedule("polynomial", power=3.0), lambda t: t**3),
    ("geometric", mg.noise_schedule("geometric"), lambda t: geometric(t, 1e-5, 20.0)),
    ("geometric narrow", Geometric(0.01, 5.0), lambda t: geometric(t, 0.01, 5.0)),
    ("geometric wide", Geometric(3e-6, 33.3), lambda t: geometric(t, 3e-6, 33.3)),
]
every_schedule = pytest.mark.parametrize(("schedule", "exact"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
times = st.floats(0, 1)
inner = st.floats(1e-3, 1 - 1e-3)


def test_every_named_schedule_is_tested():
    assert {type(c[1]) for c in CASES} == set(map(type, SCHEDULES.values()))


@every_schedule
def test_ends(schedule, exact):
    assert schedule.masking(0.0) == 0 and schedule.masking(1.0) == 1
    assert (schedule.masking(np.repeat([0.0, 1.0], 9)) == np.repeat([0.0, 1.0], 9)).all()
    assert schedule.inverse(0.0) == 0 and schedule.inverse(1.0) == 1
    assert schedule.clock(1.0) == 0 and schedule.clock(0.0) == math.inf
    assert schedule.time(0.0) == 1 and schedule.time(math.inf) == 0
    assert not np.signbit(schedule.clock(1.0))


@every_schedule
@settings(deadline=None)
@given(t=times)
def test_masking_has_its_declared_formula(schedule, exact, t):
    with mp.workdps(40):
        assert float(schedule.masking(t)) == pytest.approx(float(exact(mp.mpf(t))), rel=1e-13, abs=1e-30)
        assert float(schedule.alpha(t)) == pytest.approx(float(1 - exact(mp.mpf(t))), abs=1e-14)


@every_schedule
@settings(deadline=None)
@given(t=inner)
def test_derivative_is_the_slope_of_the_formula(schedule, exact, t):
    with mp.workdps(40):
        assert float(schedule.derivative(t)) == pytest.approx(float(mp.diff(exact, mp.mpf(t))), rel=1e-9)


@every_schedule
@settings(deadline=None)
@given(level=times)
def test_inverse_undoes_masking(schedule, exact, level):
    assert float(schedule.masking(schedule.inverse(level))) == pytest.approx(level, rel=1e-12, abs=1e-30)


@every_schedule
@settings(deadline=None)
@given(first=times, second=times)
def test_masking_grows_with_time(schedule, exact, first, second):
    low, high = sorted((first, second))
    assert 0 <= schedule.masking(low) <= schedule.masking(high) <= 1


@every_schedule
@settings(deadline=None)
@given(clock=st.floats(0, 30))
def test_clock_and_time_undo_each_other(schedule, exact, clock):
    assert float(schedule.clock(schedule.time(clock))) == pytest.approx(clock, rel=1e-12, abs=1e-12)
    t = float(schedule.time(clock))
    assert float(schedule.clock(t)) == pytest.approx(-math.log(schedule.masking(t)), abs=1e-12)


@every_schedule
def test_arrays_are_taken_entry_by_entry(schedule, exact):
    grid = np.linspace(0.1, 0.9, 6).reshape(2, 3)
    for method in (schedule.masking, schedule.derivative, schedule.inverse, schedule.clock, schedule.alpha):
        together = method(grid)
        assert together.shape == (2, 3)
        np.testing.assert_allclose(together[1, 2], method(grid[1, 2]), rtol=1e-15)


def test_geometric_stays_close_to_the_published_form():
    # the affine map moves m by at most max(low, e^-high)
    t, low, high = np.linspace(0, 1, 101), 1e-3, 5.0
    published = -np.expm1(-(low ** (1 - t)) * high**t)
    assert np.abs(Geometric(low, high).masking(t) - published).max() <= max(low, math.exp(-high)) * (1 + 1e-12)


def test_a_schedule_object_passes_through():
    schedule = Polynomial(1.5)
    assert mg.noise_schedule(schedule) is schedule


@pytest.mark.parametrize("method", ["masking", "derivative", "inverse", "clock", "alpha"])
@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, [0.5, 2.0]])
def test_times_and_levels_outside_the_unit_interval(method, value):
    with pytest.raises(mg.InputError, match=r"lies in \[0, 1\]"):
        getattr(mg.noise_schedule("cosine"), method)(value)


def test_bad_clocks_names_and_parameters():
    for clock in (-1.0, math.nan, "late"):
        with pytest.raises(mg.InputError, match="clock"):
            mg.noise_schedule("linear").time(clock)
    with pytest.raises(mg.InputError, match="did you mean 'cosine'"):
        mg.noise_schedule("cosin")
    for power in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(mg.InputError, match="power"):
            Polynomial(power)
    for low, high in ((0, 1), (2, 1), (1, math.inf), (math.nan, 1)):
        with pytest.raises(mg.InputError, match="low < high"):
            Geometric(low, high)


def test_uniform_grid():
    np.testing.assert_allclose(mg.uniform_grid(4), [1, 0.75, 0.5, 0.25, 0], atol=0)
    assert mg.uniform_grid(1).tolist() == [1, 0]
    for bad in (0, -1, 2.0, True):
        with pytest.raises(mg.InputError, match="num_steps"):
            mg.uniform_grid(bad)
