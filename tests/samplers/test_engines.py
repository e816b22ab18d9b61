"""One stream, one answer: whatever the engine, threads, batch size and order."""

import numpy as np
import pytest

import maskguide as mg

from ..conftest import random_problem

SCHEDULE = mg.WeightSchedule([0.6, 0.3], [0.0, 4.0, 1.5])
METHODS = [("gillespie", None), ("tau-leaping", 12)]


def draw(process, method, grid, **options):
    return mg.sample(process, 3000, method, seed=11, grid=grid, **options)


def same(left, right):
    assert (left.tokens == right.tokens).all()
    assert (left.info.jumps == right.info.jumps).all()
    assert np.allclose(left.info.completion_clock, right.info.completion_clock, rtol=1e-13, atol=1e-15)
    assert left.info.largest_hazard_step == right.info.largest_hazard_step


@pytest.mark.parametrize("method, grid", METHODS)
@pytest.mark.parametrize("rule", ["product", "normalized"])
@pytest.mark.parametrize("weight", [0.0, 3.0, -1.0, SCHEDULE], ids=["w0", "w3", "w-1", "schedule"])
def test_numba_and_torch_draw_the_same(fading, method, grid, rule, weight):
    process = mg.GuidedProcess(fading, mg.Guidance(rule, weight))
    same(draw(process, method, grid), draw(process, method, grid, engine="torch", device="cpu"))


@pytest.mark.parametrize("method, grid", METHODS)
@pytest.mark.parametrize("seed", range(6))
def test_random_problems_draw_the_same(method, grid, seed):
    problem = random_problem(seed, vocab_size=2 + seed % 3, length=1 + seed % 3)
    process = mg.GuidedProcess(problem, mg.Guidance("product", 2.0))
    same(draw(process, method, grid), draw(process, method, grid, engine="torch"))


@pytest.mark.parametrize("engine", ["numba", "torch"])
@pytest.mark.parametrize("method, grid", METHODS)
def test_batch_size_does_not_matter(fading, method, grid, engine):
    process = mg.GuidedProcess(fading, mg.Guidance("product", SCHEDULE))
    same(draw(process, method, grid, engine=engine), draw(process, method, grid, engine=engine, batch_size=77))


@pytest.mark.parametrize("method, grid", METHODS)
def test_threads_do_not_matter(fading, method, grid, monkeypatch):
    from maskguide.samplers import numba_engine

    monkeypatch.setattr(numba_engine, "SERIAL_BELOW", 0)
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    same(draw(process, method, grid, threads=1), draw(process, method, grid, threads=2))


def test_step_chunks_do_not_matter(fading, monkeypatch):
    from maskguide.samplers import sample as module

    process = mg.GuidedProcess(fading, mg.Guidance("product", SCHEDULE))
    whole = draw(process, "tau-leaping", 12)
    monkeypatch.setattr(module, "STEP_TABLE_BYTES", 1)
    same(whole, draw(process, "tau-leaping", 12))


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

    from maskguide.samplers.torch_engine import two_uniforms

    first, _ = two_uniforms(1, 2, torch.arange(10_000), 0)
    assert first.dtype == torch.float64
    assert len(np.unique((first.numpy() * 2**53) % 2**29)) > 9_000


def test_trajectories_beyond_32_bits(fading):
    from maskguide.samplers import numba_engine, torch_engine
    from maskguide.samplers.tables import jump_tables, strides

    process = mg.GuidedProcess(fading, mg.Guidance("product", 1.0))
    tables, stride, first = jump_tables(process), strides(process), 2**33 + 5
    left = numba_engine.gillespie(2**63 + 9, first, tables, stride, 3, 500, None)
    right = torch_engine.gillespie(2**63 + 9, first, tables, stride, 3, 500, "cpu")
    assert (left[0] == right[0]).all()
    assert not (left[0] == numba_engine.gillespie(2**63 + 9, 5, tables, stride, 3, 500, None)[0]).all()
