"""Stages on kept paths: one Gaussian in closed form, brute force, blocks, the locked region, explosions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskguide import InputError
from maskguide.gaussian import Mixture, sample, schedules
from maskguide.papers.stages import measures as stages
from maskguide.papers.stages.line import Line
from maskguide.papers.stages.measures import NEVER, measure, replayed

NORMAL = Mixture([[0.0, 0.0]])
TWO = Mixture([[-1.0, 0.0], [1.0, 0.0]], 0.04, [0.25, 0.75])
LINE = Line(TWO, NORMAL)
GRID = np.linspace(1, 0, 51)
LOCKED = LINE.locked(GRID[::-1], 10.0)
FOUND = measure(TWO, NORMAL, 4.0, times=GRID, count=600, seed=3, locked=LOCKED)


def one_gaussian(steps, w=3.0, c=0.25):
    """Measured stages, sqrt(v) and the guided contraction (v^omega / V^w)^(1/2)."""
    grid = np.linspace(1, 0, steps + 1)
    v, V = (1 - grid) ** 2 * c + grid**2, (1 - grid) ** 2 + grid**2
    return measure(Mixture([[1.0, 0.0]], c), NORMAL, w, times=grid, count=40), np.sqrt(v), np.sqrt(v ** (1 + w) / V**w)


def test_one_gaussian_contracts_as_its_formula_says():
    errors = []
    for steps in (100, 200):
        found, natural, exact = one_gaussian(steps)
        np.testing.assert_allclose(found.natural[:, 0], natural, rtol=1e-12)
        errors.append(np.abs(found.spread[:, 0] / found.spread[0, 0] - exact).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.05) and errors[1] < 5e-5  # Heun's own error
    assert set(found.onset[:, 3]) == {found.times[np.argmax(exact <= natural / 2)]}  # every pair at once
    assert set(found.onset[:, 1]) == {1.0} and (found.labels == 1).all()  # one mode is always told


def test_nothing_happens_without_guidance():
    found = measure(TWO, NORMAL, 0.0, times=40, count=300)
    assert found.summary()["direction shift"] == (0.0, NEVER)
    np.testing.assert_array_equal(found.distance, found.distance_unguided)
    one = measure(Mixture([[1.0, 0.0]], 0.25), NORMAL, 0.0, times=100, count=20)
    assert (one.onset[:, 3] == NEVER).all()


def test_curves_by_brute_force():
    run, plain = (sample(TWO, NORMAL, w, times=GRID, count=600, seed=3, keep=True) for w in (4.0, 0.0))
    assert run.path is not None and plain.path is not None
    goal = (1 - GRID)[:, None] * 5.0 * TWO.mean
    np.testing.assert_allclose(FOUND.omega, 5)
    np.testing.assert_allclose(
        FOUND.distance, [np.linalg.norm(x - g, axis=1).mean() for x, g in zip(run.path, goal, strict=True)]
    )
    np.testing.assert_allclose(FOUND.norm, np.linalg.norm(run.path, axis=2).mean(1))
    np.testing.assert_allclose(FOUND.norm_unguided, np.linalg.norm(plain.path, axis=2).mean(1))
    for i in (0, 7, 23):
        gap = np.linalg.norm(run.path[:, i] - plain.path[:, i], axis=1) / np.linalg.norm(plain.path[:, i], axis=1)
        assert FOUND.onset[i, 0] == GRID[np.flatnonzero(gap > 0.1)[0]]
        x, a, v = run.path[:, i, 0], 1 - GRID, (1 - GRID) ** 2 * 0.04 + GRID**2
        strong = 1 / (1 + np.exp(-2 * x * a / v) / 3)
        mine = strong if FOUND.basin[i] else 1 - strong
        assert FOUND.onset[i, 1] == GRID[np.flatnonzero(mine < 0.9)[-1] + 1]
    assert FOUND.basin.tolist() == (run.x[:, 0] > LINE.ends[0]).astype(int).tolist()


def test_masses_and_curves_begin_and_end_as_they_must():
    assert FOUND.masses == pytest.approx([(FOUND.basin == 0).mean(), (FOUND.basin == 1).mean()])
    assert FOUND.decided[0] == 0 and FOUND.decided[-1] == 1
    np.testing.assert_allclose(FOUND.labels[-1], FOUND.masses)
    assert FOUND.locked is not None and FOUND.locked[-1] == 1 and (np.diff(FOUND.locked) >= 0).all()
    assert (FOUND.norm[1:25] > FOUND.norm_unguided[1:25]).all()  # the norm grows while the direction shifts
    assert (FOUND.distance[1:25] < FOUND.distance_unguided[1:25]).all()
    assert FOUND.status == "all 600 trajectories reached t = 0"


def test_stages_come_in_order():
    shift, separation, lock, concentration = FOUND.onset.T
    assert (FOUND.onset != NEVER).all()
    assert (shift >= separation).mean() > 0.99 and (separation > concentration).mean() > 0.5
    assert (lock >= separation).all()  # none is told before it is locked


def test_locked_trajectories_stay():
    assert FOUND.broken == 0
    small = LINE.locked(GRID[::-1], 0.0)  # the region for no later guidance at all: guidance leaves it
    assert measure(TWO, NORMAL, 4.0, times=GRID, count=600, seed=3, locked=small).broken > 0


def test_times_that_differ_by_round_off_are_the_same():
    region = LINE.locked(np.linspace(0, 1, 8), 10.0)
    assert measure(TWO, NORMAL, 4.0, times=7, count=10, locked=region).broken == 0


def test_another_region_is_noticed():
    mirrored = Line(Mixture([[-1.0, 0.0], [1.0, 0.0]], 0.04, [0.75, 0.25]), NORMAL).locked(GRID[::-1], 10.0)
    assert measure(TWO, NORMAL, 4.0, times=GRID, count=200, locked=mirrored).broken > 0


def test_replays_are_basins_of_samples():
    points = np.array([[-2.5, 0.0], [-0.5, 0.3], [0.4, -0.1]])
    ends = replayed(TWO, NORMAL, points, [0.6, 0.3, 0.0], [0.0, 10.0])
    for w, row in zip((0.0, 10.0), ends, strict=True):
        x = sample(TWO, NORMAL, w, times=[0.6, 0.3, 0.0], initial=points).x[:, 0]
        assert row.tolist() == (x > LINE.ends[0]).astype(int).tolist()


def test_blocks_do_not_matter(monkeypatch):
    monkeypatch.setattr(stages, "ROOM", 2 * 51 * 2 * 100)  # blocks of 100
    blocks = measure(TWO, NORMAL, 4.0, times=GRID, count=600, seed=3, locked=LOCKED)
    for name in ("distance", "norm", "decided", "locked", "labels"):
        np.testing.assert_allclose(getattr(blocks, name), getattr(FOUND, name), rtol=1e-12)
    np.testing.assert_array_equal(blocks.onset[:, :3], FOUND.onset[:, :3])  # pairs are made within blocks
    np.testing.assert_array_equal(blocks.basin, FOUND.basin)


def test_paths_fill_a_bounded_room(monkeypatch):
    kept = []
    monkeypatch.setattr(stages, "sample", lambda *a, **k: kept.append(len(k["initial"])) or sample(*a, **k))
    monkeypatch.setattr(stages, "ROOM", 2 * 51 * 2 * 64)
    measure(TWO, NORMAL, 4.0, times=GRID, count=200)
    assert max(kept) == 64 and sum(kept) == 2 * 200


def test_full_covariances_and_many_dimensions():
    turned = Mixture([[0.0, 2.0, 0.0], [2.0, 0.0, 0.0]], [np.diag([0.1, 0.2, 0.3]) + 0.05] * 2)
    found = measure(turned, Mixture([[0.0, 0.0, 0.0]]), 2.0, times=40, count=200, process="vp")
    assert found.masses.sum() == pytest.approx(1) and found.locked is None
    assert found.natural[-1, 0] == pytest.approx(np.sqrt(0.25)) and found.summary()["mode separation"][0] == 1


def test_exploding_trajectories_are_told_and_left_out():
    narrow = Mixture([[0.0, 0.0], [1.0, 0.0]], 1e-12)
    found = measure(narrow, NORMAL, 1e6, times=30, count=20, process="vp")
    assert found.finished == 0 and (found.basin == -1).all() and found.masses.tolist() == [0, 0]
    assert "20 of 20 trajectories exploded, the first at t = 0.63" in found.status
    for name in ("distance", "norm", "decided", "labels", "spread", "onset"):
        assert np.isfinite(getattr(found, name)).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_first_and_for_good(holds):
    column, n = np.array(holds)[:, None], len(holds)
    assert stages._first(column)[0] == next((i for i in range(n) if holds[i]), n)
    assert stages._for_good(column)[0] == next((i for i in range(n) if all(holds[i:])), n)


BAD = {
    "start": lambda: measure(TWO, NORMAL, times=[0.9, 0.0]),
    "steps": lambda: measure(TWO, NORMAL, times=0),
    "count": lambda: measure(TWO, NORMAL, count=0),
    "seed": lambda: measure(TWO, NORMAL, seed=-1),
    "weight": lambda: measure(TWO, NORMAL, -2.0),
    "method": lambda: measure(TWO, NORMAL, method="euler-maruyama"),
    "dimension": lambda: measure(TWO, Mixture([[0.0]])),
    "schedule": lambda: measure(TWO, NORMAL, schedules.triangle(0.2)),
    "locked": lambda: measure(TWO, NORMAL, times=10, locked=LOCKED),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    with pytest.raises(InputError):
        BAD[case]()
