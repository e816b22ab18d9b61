"""One stream, one answer: every method, whatever the engine, threads, batch size, problem kind and order."""

import numpy as np
import pytest

import maskguide as mg
from maskguide.methods import METHODS

from ..conftest import random_problem

SCHEDULE = mg.WeightSchedule([0.6, 0.3], [0.0, 4.0, 1.5])
UNIT_HAZARD = {"ancestral", "remdm", "uniformization"}  # they refuse the rate product, or need its bound on a table
SMALL = mg.ProductMixture.random(3, 2, components=4, seed=5)
CHAIN = mg.MarkovProblem(
    [[0.5, 0.5], [0.9, 0.1]], [[[0.7, 0.3], [0.2, 0.8]], [[0.5, 0.5], [0.4, 0.6]]], [0.4, 0.6], length=3
)


def draw(process, method, **options):
    grid = {} if METHODS[method].is_exact else {"grid": 7}
    return mg.sample(process, 3000, method, seed=11, **grid, **options)


def process_for(problem, method, weight=2.0, rule=None):
    return mg.GuidedProcess(
        problem, mg.Guidance(rule or ("normalized" if method in UNIT_HAZARD else "product"), weight)
    )


def same(left, right):
    assert (left.tokens == right.tokens).all()
    assert (left.info.jumps == right.info.jumps).all()
    assert left.info.clipped == right.info.clipped
    np.testing.assert_allclose(left.info.completion_clock, right.info.completion_clock, rtol=1e-12, atol=1e-15)
    if left.info.largest_hazard_step is not None:
        np.testing.assert_allclose(left.info.largest_hazard_step, right.info.largest_hazard_step, rtol=1e-12)
    if left.info.reveal_clock is not None:
        np.testing.assert_allclose(left.info.reveal_clock, right.info.reveal_clock, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("weight", [0.0, 3.0, -1.0, SCHEDULE], ids=["w0", "w3", "w-1", "schedule"])
def test_numba_and_torch_draw_the_same(fading, method, weight):
    process = process_for(fading, method, weight)
    same(draw(process, method, record=True), draw(process, method, engine="torch", device="cpu", record=True))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("problem", [SMALL, CHAIN], ids=["mixture", "chain"])
def test_computed_conditionals_draw_what_the_table_draws(problem, method):
    table = draw(process_for(problem.table(), method), method)
    for engine in ("numba", "torch"):
        computed = draw(process_for(problem, method), method, engine=engine)
        assert (computed.tokens != table.tokens).any(axis=1).sum() == 0  # rounding ties: 1 in 10^5


@pytest.mark.parametrize("method", METHODS)
def test_prompts_and_antithetic_pairs_on_both_engines(fading, method):
    prompts = np.full((3000, 2), 3)
    prompts[::3, 0] = 1
    for problem in (fading,):
        process = process_for(problem, method, 1.0)
        options = {"start": prompts, "antithetic": True, "record": True}
        left, right = (draw(process, method, engine=engine, **options) for engine in ("numba", "torch"))
        same(left, right)
        assert (left.tokens[::3, 0] == 1).all()
        assert np.isnan(left.info.reveal_clock[::3, 0]).all()


@pytest.mark.parametrize("engine", ["numba", "torch"])
@pytest.mark.parametrize("method", METHODS)
def test_batch_size_does_not_matter(fading, method, engine):
    process = process_for(fading, method, SCHEDULE)
    same(draw(process, method, engine=engine), draw(process, method, engine=engine, batch_size=977))


@pytest.mark.parametrize("method", METHODS)
def test_threads_do_not_matter(fading, method, monkeypatch):
    from maskguide.samplers.tables import engine as lattice

    monkeypatch.setattr(lattice, "SERIAL_BELOW", 0)
    process = process_for(fading, method)
    same(draw(process, method, threads=1), draw(process, method, threads=2))


@pytest.mark.parametrize("seed", range(4))
def test_random_problems_draw_the_same(seed):
    problem = random_problem(seed, vocab_size=2 + seed % 3, length=1 + seed % 3)
    for method in ("gillespie", "tau-leaping", "theta-trapezoidal"):
        process = mg.GuidedProcess(problem, mg.Guidance("product", 2.0))
        same(draw(process, method), draw(process, method, engine="torch"))


def test_more_samples_extend_fewer(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 1.0))
    few, many = mg.sample(process, 100, seed=5), mg.sample(process, 5000, seed=5)
    assert (many.tokens[:100] == few.tokens).all()


def test_different_seeds_differ(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 1.0))
    assert (mg.sample(process, 1000, seed=0).tokens != mg.sample(process, 1000, seed=1).tokens).any(axis=1).mean() > 0.3


def test_float32_uniforms_would_be_seen(fading):
    """The torch engine once drew float32 uniforms (int64 tensor times a float): clocks then differ at 1e-4."""
    import torch

    from maskguide.samplers.task import Task
    from maskguide.samplers.torch.draws import Draws

    task = Task(mg.GuidedProcess(fading, mg.Guidance("product", 1.0)), METHODS["gillespie"], (), seed=3)
    first, _ = Draws(task, 0, 10_000).pair(torch.zeros(1, dtype=torch.int64), 0)
    assert first.dtype == torch.float64
    assert len(np.unique((first.numpy() * 2**53) % 2**29)) > 9_000


@pytest.mark.parametrize("method", ["gillespie", "theta-rk2"])
def test_trajectories_beyond_32_bits(fading, method):
    from maskguide.methods import steps
    from maskguide.samplers import compiled as rows
    from maskguide.samplers import torch as batched
    from maskguide.samplers.tables import engine as lattice
    from maskguide.samplers.task import Task

    process = mg.GuidedProcess(fading, mg.Guidance("product", 1.0))
    taken = (
        () if method == "gillespie" else tuple(steps(process.guidance, mg.uniform_grid(4), mg.noise_schedule("linear")))
    )
    task, start = Task(process, METHODS[method], taken, 2**63 + 9), np.full((500, 2), 3, dtype=np.int32)
    engines = (lattice, rows, batched) if method == "gillespie" else (rows, batched)
    found = [engine.run(task, start.copy(), 2**33 + 5).tokens for engine in engines]
    assert all((tokens == found[0]).all() for tokens in found)
    assert (found[0] != engines[0].run(task, start.copy(), 5).tokens).any()


def test_methods_and_weights_share_their_waiting_times(fading):
    """One seed: many small steps end where the chain itself does, for all but a few trajectories."""
    process = mg.GuidedProcess(fading, mg.Guidance("product", 1.0))
    exact = mg.sample(process, 4000, seed=2)
    coarse, fine = (mg.sample(process, 4000, "tau-leaping", seed=2, grid=k) for k in (8, 512))
    differ = [(exact.tokens != s.tokens).any(axis=1).mean() for s in (coarse, fine)]
    assert differ[1] < differ[0] / 8 < 0.01


def with_zeros(seed):
    """A mixture and a chain in which coordinates revealed in one step may not go together."""
    rng = np.random.default_rng(seed)
    rows = [np.where(rng.random(shape) < 0.4, 0, rng.random(shape)) for shape in ((4, 3, 3), (2, 3, 3))]
    for row in rows:
        row[row.sum(axis=-1) == 0] = [1, 0, 0]
    probs, moves = (row / row.sum(axis=-1, keepdims=True) for row in rows)
    chain = mg.MarkovProblem([[0.5, 0.5, 0], [0.2, 0.3, 0.5]], moves, [0.4, 0.6], length=3)
    return mg.ProductMixture(probs, [0.25] * 4, [0, 0, 1, 1]), chain


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("method", ["tau-leaping", "ancestral", "theta-trapezoidal", "random-order", "remdm"])
@pytest.mark.parametrize("weight", [-1.0, 0.0, 2.0])
def test_masks_stay_where_tokens_do_not_go_together(seed, method, weight):
    for problem in with_zeros(seed):
        runs = [
            mg.sample(mg.GuidedProcess(p, mg.Guidance("normalized", weight)), 2000, method, grid=3, engine=engine)
            for p in (problem, problem.table())
            for engine in ("numba", "torch")
        ]
        assert all((run.tokens == runs[0].tokens).all() for run in runs)
