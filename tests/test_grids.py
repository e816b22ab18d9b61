"""Time grids: their formulas, the local error they rest on, and how many steps they save, all from exact laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import maskguide as mg
from benchmarks.grids import GRIDS, WEIGHTS, problems, tv
from maskguide.comparison import guided_grid as grids
from maskguide.comparison.guided_grid import guided_grid, rate_change
from maskguide.laws.kernels import one_step
from maskguide.methods import METHODS, Step, steps
from maskguide.problems.mixture import ProductMixture
from maskguide.schedules import time_grid

from .conftest import random_problem

INTERVAL = mg.WeightSchedule([0.8, 0.3], [0.0, 6.0, 1.0])
K = np.arange(13)


def process_of(problem, rule="product", weight=2.0):
    return mg.GuidedProcess(problem, mg.Guidance(rule, weight))


# Plain grids --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["linear", "cosine", "polynomial", "geometric"])
def test_plain_grids_have_their_formulas(schedule):
    noise = mg.noise_schedule(schedule)
    np.testing.assert_allclose(time_grid("time", 12, schedule), 1 - K / 12, rtol=0, atol=1e-15)
    np.testing.assert_allclose(noise.masking(time_grid("cosine", 12, schedule)), np.cos(np.pi * K / 24), atol=1e-12)
    clocks = noise.clock(time_grid("clock", 12, schedule))
    np.testing.assert_allclose(clocks[:-1], K[:-1] * np.log(12) / 11, atol=1e-9)
    assert clocks[-1] == np.inf


@pytest.mark.parametrize("kind", ["time", "clock", "cosine"])
def test_plain_grids_run_from_one_to_zero(kind):
    for count in (1, 2, 3, 50):
        grid = time_grid(kind, count)
        assert grid[0] == 1 and grid[-1] == 0 and len(grid) == count + 1 and (np.diff(grid) < 0).all()


# The rate change e(u) -----------------------------------------------------------------------------------


def by_loops(process, weight, clock):
    """e(u) written out state by state: probabilities, reveals, and what every one of them changes."""
    size, rates, law = process.vocab_size, process.rates(weight), mg.transient_law(process, clock).probs
    total = 0.0
    row = lambda x, j: rates.edges[j][(*x[:j], slice(None), *x[j + 1 :])]  # noqa: E731
    for x in np.ndindex(law.shape):
        masked = [i for i, token in enumerate(x) if token == size]
        for i in masked:
            for v in range(size):
                y = (*x[:i], v, *x[i + 1 :])
                if rates.edges[i][y] > 0:
                    change = sum(np.abs(row(y, j) - row(x, j)).sum() for j in masked if j != i) / 2
                    total += law[x] * rates.edges[i][y] * change
    return total


@pytest.mark.parametrize("rule", ["product", "normalized", "spherical"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rate_change_against_plain_loops(rule, seed):
    process = process_of(random_problem(seed, 2 + seed % 2, 2 + seed % 3), rule, INTERVAL)
    for clock, weight in ((0.0, 0.0), (0.1, 0.0), (-np.log(0.8), 6.0), (0.7, 6.0), (2.0, 1.0)):
        assert rate_change(process, clock)[0] == pytest.approx(by_loops(process, weight, clock), rel=1e-9)
    assert rate_change(process, np.inf)[0] == 0


CHANGE = grids._change
MUTANTS = {
    "own coordinate counted": lambda before, after, i: np.abs(after - before).sum(axis=(1, 2)) / 2,
    "speeds only": lambda before, after, i: np.abs((after - before).sum(axis=2)).sum(axis=1) / 2,
    "no half": lambda before, after, i: 2 * CHANGE(before, after, i),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_of_the_change_are_noticed(mutant, monkeypatch):
    process = process_of(random_problem(1, 3, 3), weight=2.0)
    right = by_loops(process, 2.0, 0.3)
    assert rate_change(process, 0.3)[0] == pytest.approx(right, rel=1e-9)
    monkeypatch.setattr(grids, "_change", MUTANTS[mutant])
    assert rate_change(process, 0.3)[0] != pytest.approx(right, rel=0.05)


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), weight=st.sampled_from([-0.5, 0.0, 1.0, 3.0]), clock=st.floats(0, 2))
def test_a_short_leap_errs_by_at_most_h_squared_times_the_rate_change(seed, weight, clock):
    process, length = process_of(random_problem(seed, 2, 2 + seed % 3), weight=weight), 1e-3
    rates = process.rates()
    length /= rates.exit.max()
    before, after = mg.transient_law(process, [clock, clock + length]).probs
    leapt = one_step(METHODS["tau-leaping"], rates, before, Step(clock, clock + length, weight))
    bound = rate_change(process, clock)[0] * length**2
    assert 0.5 * np.abs(leapt - after).sum() <= bound * (1 + 10 * length * rates.exit.max()) + 1e-14


def test_the_bound_is_reached():
    # D = 2 at w = 0: half of it; where reveals change speeds as well as tokens, nearly all of it
    process, length = process_of(random_problem(0, 2, 2), weight=3.0), 1e-4
    before, after = mg.transient_law(process, [0.3, 0.3 + length]).probs
    leapt = one_step(METHODS["tau-leaping"], process.rates(), before, Step(0.3, 0.3 + length, 3.0))
    assert 0.9 < 0.5 * np.abs(leapt - after).sum() / length**2 / rate_change(process, 0.3)[0] < 1


@pytest.mark.parametrize("weight", [0.0, 3.0, mg.WeightSchedule([0.8, 0.3], [0.0, 3.0, 1.0])])
def test_pilot_estimates_have_the_right_mean(weight):
    process = process_of(random_problem(4, 3, 3), weight=weight)
    clocks = np.array([0.0, 0.1, 0.5, 1.3])
    means = np.array([rate_change(process, clocks, pilot=512, seed=s) for s in range(64)])
    error = means.std(axis=0, ddof=1) / 8
    exact = rate_change(process, clocks)
    assert (np.abs(means.mean(axis=0) - exact) <= 5.4 * error + 1e-12 * exact).all()  # Student, 63 df: 1e-6
    assert (error < 0.05 * exact).all()  # else the line above would say little


# Guided grids -------------------------------------------------------------------------------------------


def test_two_coordinates_in_closed_form(separating):
    # only the start matters: e(u) ~ exp(-S u), S its exit rate, and grid points have m^(S/2) equally spaced
    for weight in (0.0, 4.0, 8.0):
        process = process_of(separating, weight=weight)
        speed = process.exit_rates()[process.start]
        for pilot in (None, 1, 20):
            levels = guided_grid(process, 12, pilot=pilot)
            np.testing.assert_allclose(levels ** (speed / 2), 1 - K / 12, atol=2e-3)


def test_the_normalised_rule_on_pairs_gets_equal_steps_in_t(separating):
    for weight in (0.0, 8.0):
        np.testing.assert_allclose(guided_grid(process_of(separating, "normalized", weight), 12), 1 - K / 12, atol=2e-3)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(3, 40),
    weight=st.sampled_from([-0.9, -0.5, 0.0, 2.0, 8.0, INTERVAL]),
    rule=st.sampled_from(["product", "normalized"]),
    schedule=st.sampled_from(["linear", "cosine"]),
    pilot=st.sampled_from([None, 1, 8]),
)
def test_every_guided_grid_is_a_grid(seed, count, weight, rule, schedule, pilot):
    process = process_of(random_problem(seed, 2, 1 + seed % 3), rule, weight)
    grid = guided_grid(process, count, schedule=schedule, pilot=pilot, seed=seed)
    assert grid[0] == 1 and grid[-1] == 0 and len(grid) == count + 1 and (np.diff(grid) < 0).all()
    taken = list(steps(process.guidance, grid, mg.noise_schedule(schedule)))
    for segment in process.segments:  # every step lies in one segment, and has its weight
        inside = [s for s in taken if segment.start <= s.start * (1 + 1e-12) < segment.end]
        assert inside and all(s.weight == segment.weight and s.end <= segment.end * (1 + 1e-12) for s in inside)


def test_schedules_change_times_and_no_clock(separating):
    process = process_of(separating, weight=4.0)
    for schedule in ("cosine", "polynomial"):
        times = guided_grid(process, 12, schedule=schedule)
        clocks = mg.noise_schedule(schedule).clock(times)
        np.testing.assert_allclose(clocks[:-1], -np.log(guided_grid(process, 12)[:-1]), rtol=1e-9)


def test_no_rate_changes_no_preference():
    identical = mg.TableProblem(np.full((2, 3), 1 / 3), [0.5, 0.5], 0)  # D = 1
    np.testing.assert_allclose(guided_grid(process_of(identical), 12), 1 - K / 12, atol=2e-2)


def test_a_pilot_serves_where_there_is_no_table():
    problem = ProductMixture.random(12, 4, 6, seed=3, concentration=0.3)
    process = process_of(problem, weight=4.0)
    grid = guided_grid(process, 16)
    assert np.array_equal(grid, guided_grid(process, 16, pilot=128, seed=0))
    assert not np.array_equal(grid, guided_grid(process, 16, seed=1))
    assert np.abs(grid - guided_grid(process, 16, seed=1)).max() < 0.05  # 128 trajectories agree on it


def test_pilots_and_exact_laws_lead_to_the_same_error():
    process = process_of(ProductMixture.random(4, 2, 4, seed=1, concentration=0.4).table(), weight=8.0)
    law = mg.terminal_law(process).probs
    exact = tv(process, "tau-leaping", guided_grid(process, 24), law)
    for seed in range(5):
        assert tv(process, "tau-leaping", guided_grid(process, 24, pilot=16, seed=seed), law) < 1.1 * exact


# Bad input ----------------------------------------------------------------------------------------------


def test_bad_plain_grids():
    with pytest.raises(mg.InputError, match="did you mean 'cosine'"):
        time_grid("cosin", 4)
    with pytest.raises(mg.InputError, match="noise schedule"):
        time_grid("time", 4, "slow")
    for bad in (0, -1, 2.0, True):
        with pytest.raises(mg.InputError, match="steps"):
            time_grid("time", bad)


def test_bad_guided_grids():
    process = process_of(random_problem(0, 2, 2), weight=INTERVAL)
    for bad in (0, -1, 2.0, True):
        with pytest.raises(mg.InputError, match="steps"):
            guided_grid(process, bad)
        with pytest.raises(mg.InputError, match="pilot"):
            guided_grid(process, 4, pilot=bad)
    with pytest.raises(mg.InputError, match="2 steps for 3 weights"):
        guided_grid(process, 2)
    with pytest.raises(mg.InputError, match="seed"):
        guided_grid(process, 4, pilot=4, seed=-1)
    counts = mg.ExchangeableProblem.from_mixture(20, [0.4, 0.6], [0.5, 0.5], labels=[0, 1])
    with pytest.raises(mg.InputError, match=r"problem\.table"):
        guided_grid(process_of(counts), 4)


def test_rates_that_leave_no_room_for_steps():
    # rates of 1e20 at the start: t = 1 - 1e-20 is 1
    problem = mg.TableProblem([[[0.5, 0], [0, 0.5]], [[0.2, 0.3], [0.5, 0]]], [0.1, 0.9], 0)
    with pytest.raises(mg.InputError, match="round-off of t"):
        guided_grid(process_of(problem, weight=110.0), 8)


# What they save -----------------------------------------------------------------------------------------

# problem, rule, method: least K for TV <= 0.01 at w = 0, 2, 4, 8
NEEDED = [
    ("separating", "product", "tau-leaping", "time", (26, 51, 104, 403)),
    ("separating", "product", "tau-leaping", "guided", (26, 42, 41, 22)),
    ("separating", "product", "euler", "time", (26, 49, 86, 241)),
    ("separating", "product", "euler", "guided", (26, 39, 31, 10)),
    ("separating", "product", "theta-trapezoidal", "time", (5, 16, 45, 198)),
    ("separating", "product", "theta-trapezoidal", "guided", (5, 13, 19, 15)),
    ("separating", "normalized", "ancestral", "time", (26, 46, 60, 65)),
    ("separating", "normalized", "ancestral", "guided", (26, 46, 60, 65)),
    ("small-squares-2d", "product", "tau-leaping", "time", (1, 38, 188, 3188)),
    ("small-squares-2d", "product", "tau-leaping", "cosine", (1, 32, 89, 391)),
    ("small-squares-2d", "product", "tau-leaping", "guided", (1, 25, 42, 50)),
    ("small-squares-2d", "normalized", "ancestral", "time", (1, 25, 42, 50)),
]


@pytest.mark.parametrize(("name", "rule", "method", "kind", "counts"), NEEDED)
def test_steps_needed_by_weight(name, rule, method, kind, counts):
    for weight, count in zip(WEIGHTS, counts, strict=True):
        process = process_of(problems()[name], rule, weight)
        law = mg.terminal_law(process).probs
        assert tv(process, method, GRIDS[kind](process, count), law) <= 0.01
        if count > 1:
            assert tv(process, method, GRIDS[kind](process, count - 1), law) > 0.01
