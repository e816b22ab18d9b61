"""Samples against exact laws: fixed n, alpha = 1e-6, both asserts; and mutants that the same asserts reject."""

import numpy as np
import pytest

import maskguide as mg

from ..conftest import random_problem

N = 40_000
GRID = mg.uniform_grid(10)


def agrees(process, samples, method="gillespie", schedule="linear"):
    if method == "gillespie":
        clocks = np.geomspace(0.01, 10, 30)
        found, decay = mg.compare(samples, mg.terminal_law(process)), mg.tv_decay(process, clocks)
        return found, mg.compare_decay(samples, clocks, decay)
    laws = mg.stepped_law(process, method, GRID, schedule, every_step=True)
    last = mg.stepped_law(process, method, GRID, schedule)
    return mg.compare(samples, last), mg.compare_decay(samples, laws.clock[1:-1], laws.masked_probability[1:-1])


@pytest.mark.parametrize("engine", ["numba", "torch"])
@pytest.mark.parametrize("method", ["gillespie", "tau-leaping"])
@pytest.mark.parametrize("rule", ["product", "normalized"])
@pytest.mark.parametrize("weight", [-1.0, -0.5, 0.0, 2.0, 8.0, mg.WeightSchedule([0.7, 0.4], [0, 6, 2])])
def test_law_and_decay(fading, engine, method, rule, weight):
    process = mg.GuidedProcess(fading, mg.Guidance(rule, weight))
    grid = None if method == "gillespie" else GRID
    for verdict in agrees(process, mg.sample(process, N, method, seed=1, engine=engine, grid=grid), method):
        assert verdict.passed, verdict.sentence


@pytest.mark.parametrize("schedule", ["linear", "cosine", "polynomial", "geometric"])
def test_noise_schedules(fading, schedule):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    samples = mg.sample(process, N, "tau-leaping", grid=GRID, schedule=schedule)
    for verdict in agrees(process, samples, "tau-leaping", schedule):
        assert verdict.passed, verdict.sentence


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("length", [1, 3])
def test_random_problems(seed, length):
    process = mg.GuidedProcess(random_problem(seed, 3, length), mg.Guidance("product", 1.5))
    for method in ("gillespie", "tau-leaping"):
        grid = None if method == "gillespie" else GRID
        for verdict in agrees(process, mg.sample(process, N, method, seed=seed, grid=grid), method):
            assert verdict.passed, verdict.sentence


def test_every_seed_passes(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    law = mg.terminal_law(process)
    assert all(mg.compare(mg.sample(process, 5000, seed=seed), law).passed for seed in range(100))


def test_impossible_tokens_are_never_drawn(line):
    process = mg.GuidedProcess(line, mg.Guidance("product", 3.0))
    assert not (mg.sample(process, 2_000_000, seed=3).tokens == 3).any()


def test_masks_left_by_a_grid_that_stops_early(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 1.0))
    grid = [1.0, 0.8, 0.5]
    samples = mg.sample(process, N, "tau-leaping", grid=grid)
    assert (samples.tokens == 3).any()
    assert np.isinf(samples.info.completion_clock[(samples.tokens == 3).any(axis=1)]).all()
    assert mg.compare(samples, mg.stepped_law(process, "tau-leaping", grid)).passed


MUTANTS = {
    "w where 1 + w belongs": lambda p, w: mg.GuidedProcess(p, mg.Guidance("product", w - 1)),
    "gamma given as w": lambda p, w: mg.GuidedProcess(p, mg.Guidance("product", w + 1)),
    "normalized for product": lambda p, w: mg.GuidedProcess(p, mg.Guidance("normalized", w)),
    "swapped conditionals": lambda p, w: mg.GuidedProcess(p.with_target(1), mg.Guidance("product", w)),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_are_rejected(separating, mutant):
    right = mg.GuidedProcess(separating, mg.Guidance("product", 3.0))
    samples = mg.sample(MUTANTS[mutant](separating, 3.0), N, seed=2)
    found, decay = agrees(right, samples)
    assert not found.passed
    assert not decay.passed


def test_off_by_one_step_is_rejected(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    shifted = np.append(GRID[:1], GRID[2:])
    _, decay = agrees(process, mg.sample(process, N, "tau-leaping", grid=shifted), "tau-leaping")
    assert not decay.passed


def test_linear_reveal_probability_is_rejected(fading):
    """Euler's Z a in place of 1 - exp(-Z h): another law, which the K-step law tells apart."""
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    laws = mg.stepped_law(process, "tau-leaping", GRID, every_step=True)
    samples = mg.sample(process, N, "euler", grid=GRID)
    assert not mg.compare_decay(samples, laws.clock[1:-1], laws.masked_probability[1:-1]).passed


def test_terminal_law_is_the_wrong_oracle_for_few_steps(separating):
    process = mg.GuidedProcess(separating, mg.Guidance("product", 4.0))
    samples = mg.sample(process, N, "tau-leaping", grid=4)
    assert not mg.compare(samples, mg.terminal_law(process)).passed
    assert mg.compare(samples, mg.stepped_law(process, "tau-leaping", mg.uniform_grid(4))).passed
    assert samples.info.largest_hazard_step is not None and samples.info.largest_hazard_step > 1
