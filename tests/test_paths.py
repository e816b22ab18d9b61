"""Recorded trajectories: states, orders, hazards and class posterior along them, against exact laws."""

import numpy as np
import pytest

import maskguide as mg

N = 20_000


@pytest.fixture(scope="module")
def process():
    problem = mg.ProductMixture.random(3, 2, components=4, seed=7, concentration=0.5)
    return mg.GuidedProcess(problem.table(), mg.Guidance("product", 1.5))


@pytest.fixture(scope="module")
def paths(process):
    return mg.Paths(process, mg.sample(process, N, seed=3, record=True))


@pytest.mark.parametrize("clock", [0.2, 1.0, 3.0])
def test_states_follow_the_transient_law(process, paths, clock):
    states = mg.Samples(paths.states(clock), paths.samples.info)
    assert mg.compare(states, mg.transient_law(process, clock)).passed


def test_ends_of_the_paths(process, paths):
    assert (paths.states(0.0) == process.vocab_size).all()
    assert (paths.states(np.inf) == paths.samples.tokens).all()
    np.testing.assert_array_equal(paths.reveal_clock.max(axis=1), paths.samples.info.completion_clock)


def test_order_is_a_permutation_and_steps_tie(process, paths):
    assert (np.sort(paths.order(), axis=1) == np.arange(3)).all()
    leaps = mg.Paths(process, mg.sample(process, 500, "tau-leaping", seed=3, grid=3, record=True))
    order = leaps.order()
    clocks = leaps.reveal_clock
    for i in range(3):
        for j in range(3):
            assert ((clocks[:, i] == clocks[:, j]) <= (order[:, i] == order[:, j])).all()
            assert ((clocks[:, i] < clocks[:, j]) <= (order[:, i] < order[:, j])).all()


def test_given_tokens_have_no_place_in_the_order(process):
    samples = mg.sample(process, 200, seed=3, record=True, start=[1, 2, 2])
    order = mg.Paths(process, samples).order()
    assert (order[:, 0] == -1).all()
    assert (np.sort(order[:, 1:], axis=1) == [0, 1]).all()


def test_hazards_and_posterior_along_the_path(process, paths):
    clocks = [0.3, 1.5]
    rates, posterior, masks = paths.exit_rates(clocks), paths.class_posterior(clocks), paths.masks(clocks)
    table = mg.posterior_table(process.problem)[process.problem.target]
    for k, u in enumerate(clocks):
        index = tuple(paths.states(u).T)
        np.testing.assert_allclose(rates[k], process.exit_rates()[index], rtol=1e-12)
        np.testing.assert_allclose(posterior[k], table[index], rtol=1e-12)
        assert (masks[k] == (paths.states(u) == 2).sum(axis=1)).all()


def test_a_step_reveals_at_its_end(process):
    paths = mg.Paths(process, mg.sample(process, 500, "tau-leaping", seed=3, grid=4, record=True))
    for u in np.unique(paths.reveal_clock):
        now, later = paths.reveal_clock == u, paths.reveal_clock > u
        assert now.any() and (paths.states(u)[now] < process.vocab_size).all()
        assert (paths.states(np.nextafter(u, 0))[now] == process.vocab_size).all()
        assert (paths.states(u)[later] == process.vocab_size).all()


def test_hazards_follow_the_weight_of_the_moment(process):
    schedule = mg.WeightSchedule([0.5, 0.1], [0.0, 3.0, 1.0])
    changing = mg.GuidedProcess(process.problem, mg.Guidance("product", schedule))
    paths = mg.Paths(changing, mg.sample(changing, 300, seed=3, record=True))
    edges = [segment.end for segment in changing.segments[:-1]]
    for u, weight in [(0.1, 0.0), (edges[0], 3.0), (1.0, 3.0), (edges[1], 1.0), (4.0, 1.0), (np.inf, 1.0)]:
        constant = mg.GuidedProcess(process.problem, mg.Guidance("product", weight)).exit_rates()
        np.testing.assert_allclose(paths.exit_rates(u)[0], constant[tuple(paths.states(u).T)], rtol=1e-12)


def test_large_problems_have_paths_too():
    process = mg.GuidedProcess(mg.zoo.get("mixture-64d"), mg.Guidance("normalized", 2.0))
    paths = mg.Paths(process, mg.sample(process, 50, "ancestral", grid=16, record=True))
    posterior = paths.class_posterior([0.01, np.inf])
    assert np.isfinite(posterior).all()
    assert posterior[1].mean() > posterior[0].mean()


def test_bad_paths(process):
    with pytest.raises(mg.InputError, match="record=True"):
        mg.Paths(process, mg.sample(process, 10))
    with pytest.raises(mg.InputError, match="only reveal"):
        mg.Paths(process, mg.sample(process, 10, "predictor-corrector", grid=4, record=True))
    other = mg.GuidedProcess(mg.zoo.get("squares-2d"), mg.Guidance("product", 1.0))
    with pytest.raises(mg.InputError, match="coordinates"):
        mg.Paths(other, mg.sample(process, 10, record=True))
