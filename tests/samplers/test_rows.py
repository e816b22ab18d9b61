"""Trajectory by trajectory on the CPU: every method against its exact law, computed conditionals against tables."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import maskguide as mg
from maskguide.methods import METHODS, Step, steps
from maskguide.problems.chain import MarkovProblem
from maskguide.problems.mixture import ProductMixture
from maskguide.samplers import compiled as rows
from maskguide.samplers.compiled import fixed_count, leaps, mixture, powers
from maskguide.samplers.engine import COMPILED
from maskguide.samplers.samples import Provenance, SampleInfo, Samples
from maskguide.samplers.task import Task
from maskguide.schedules import noise_schedule

from ..conftest import random_problem

N = 20_000
SETTINGS = [
    ("gillespie", {}),
    ("first-hitting", {}),
    ("uniformization", {}),
    ("tau-leaping", {}),
    ("euler", {}),
    ("ancestral", {}),
    ("posterior-product", {}),
    ("theta-trapezoidal", {"theta": 0.3, "split": "level"}),
    ("theta-rk2", {}),
    ("theta-rk2", {"theta": 0.3}),
    ("random-order", {"counts": "even"}),
    ("confidence", {"noise": 0.5}),
    ("confidence", {"temperature": 0.0}),
    ("margin", {}),
    ("entropy", {"temperature": 0.5}),
    ("remdm", {"eta": 0.5, "strategy": "rescale"}),
    ("predictor-corrector", {"corrections": 2}),
]
EXACT = ("gillespie", "first-hitting", "uniformization")
UNIT = ("ancestral", "remdm")


def task(process, name, grid=6, schedule="linear", seed=0, **parameters):
    method = METHODS[name].with_parameters(**parameters) if parameters else METHODS[name]
    times = mg.uniform_grid(grid) if isinstance(grid, int) else np.array(grid)
    taken = () if method.is_exact else tuple(steps(process.guidance, times, noise_schedule(schedule)))
    return Task(process, method, taken, seed)


def masks(process, n=N, **given):
    start = np.full((n, process.length), process.vocab_size, dtype=np.int32)
    for i, token in given.items():
        start[:, int(i[1:])] = token
    return start


def draw(process, name, n=N, *, start=None, first=0, grid=6, schedule="linear", seed=0, **parameters):
    asked = task(process, name, grid, schedule, seed, **parameters)
    return rows.run(asked, masks(process, n) if start is None else start, first)


def as_samples(asked, batch):
    setting = {}, COMPILED, "cpu", asked.seed, len(batch.tokens), None, "", None, False
    provenance = Provenance.of(asked.process, asked.method.name, *setting)
    return Samples(batch.tokens, SampleInfo(batch.completion_clock, batch.jumps, batch.largest_hazard_step, provenance))


def verdict(process, batch, name, grid=6, schedule="linear", **parameters):
    samples = as_samples(task(process, name), batch)
    if name in EXACT:
        return mg.compare(samples, mg.terminal_law(process))
    times = mg.uniform_grid(grid) if isinstance(grid, int) else grid
    return mg.compare(samples, mg.stepped_law(process, name, times, schedule, **parameters))


def small_mixture():
    return ProductMixture.random(3, 3, components=4, seed=3)


def small_chain(emission=False):
    rng = np.random.default_rng(5)
    if not emission:
        laws = rng.dirichlet(np.ones(3), 2), rng.dirichlet(np.ones(3), (2, 3))
        return MarkovProblem(*laws, [0.4, 0.6], length=3)
    hidden = rng.dirichlet(np.ones(4), 2), rng.dirichlet(np.ones(4), (2, 2, 4))
    return MarkovProblem(*hidden, [0.4, 0.6], emission=rng.dirichlet(np.ones(3), (2, 4)))


@pytest.mark.parametrize(("name", "parameters"), SETTINGS)
def test_every_method_follows_its_exact_law(fading, name, parameters):
    weights = [1.5, mg.WeightSchedule([0.7, 0.4], [0.0, 4.0, 2.0])]
    for rule, weight in zip(("normalized", "normalized" if name in UNIT else "product"), weights, strict=True):
        for problem in (fading, random_problem(4, 3, 3)):
            process = mg.GuidedProcess(problem, mg.Guidance(rule, weight))
            for schedule in ("linear",) if name in EXACT else ("linear", "cosine"):
                batch = draw(process, name, schedule=schedule, **parameters)
                found = verdict(process, batch, name, schedule=schedule, **parameters)
                assert found.passed, found.sentence


@pytest.mark.parametrize("rule", ["spherical", "tilted", "predictor", "rectified"])
def test_every_rule_on_tables(fading, rule):
    process = mg.GuidedProcess(fading, mg.Guidance(rule, 2.0))
    for name in ("gillespie", "tau-leaping", "theta-trapezoidal"):
        found = verdict(process, draw(process, name), name)
        assert found.passed, found.sentence


@pytest.mark.parametrize(("name", "parameters"), SETTINGS)
def test_computed_conditionals_draw_the_tokens_of_the_table(name, parameters):
    rules = [("normalized", 1.7, {}), ("product", 2.5, {}), ("rectified", 0.5, {"gamma0": -0.3})]
    rules += [("product", mg.WeightSchedule([0.6, 0.3], [0.0, 1.0, 0.5]), {}), ("contrastive", 1.0, {"negative": 1})]
    for rule, weight, settings in rules[:1] if name in UNIT or name == "uniformization" else rules:
        for problem in (small_mixture(), small_chain(), small_chain(emission=True)):
            guidance = mg.Guidance(rule, weight, **settings)
            process, table = mg.GuidedProcess(problem, guidance), mg.GuidedProcess(problem.table(), guidance)
            start = masks(process, 4000)
            start[::3, 1] = 1
            first, second = (draw(p, name, start=start, first=7, **parameters) for p in (process, table))
            assert (first.tokens != second.tokens).any(axis=1).sum() == 0
            np.testing.assert_allclose(first.completion_clock, second.completion_clock, rtol=1e-9)
            assert (first.jumps == second.jumps).all()


def test_prompts_condition_and_stay(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    for name, parameters in SETTINGS:
        if name in UNIT:
            continue
        batch = draw(process, name, 2000, start=masks(process, 2000, x0=1), **parameters)
        assert (batch.tokens[:, 0] == 1).all()
    batch = draw(process, "gillespie", start=masks(process, x0=1))
    rates = process.rates(2.0).edges[1][1]
    found = np.bincount(batch.tokens[:, 1], minlength=3) / N
    assert np.abs(found - rates / rates.sum()).max() < 5 * np.sqrt(0.25 / N)
    remasked = draw(mg.GuidedProcess(fading, mg.Guidance("normalized", 2.0)), "remdm", 2000,
                    start=masks(process, 2000, x0=1), eta=1.0, strategy="confidence")  # fmt: skip
    assert (remasked.tokens[:, 0] == 1).all()


@pytest.mark.parametrize(("name", "parameters"), SETTINGS)
def test_neither_threads_nor_batches_change_a_token(name, parameters):
    problem = ProductMixture.random(12, 5, components=5, seed=1)
    process = mg.GuidedProcess(
        problem, mg.Guidance("normalized" if name in (*UNIT, "uniformization") else "product", 1.0)
    )
    asked = replace(task(process, name, **parameters), record=True, antithetic=True, seed=2**63 + 5)
    start = masks(process, 60, x3=2)
    whole = rows.run(asked, start, 10)
    for threads in (1, 3):
        other = rows.run(replace(asked, threads=threads), start, 10)
        assert (other.tokens == whole.tokens).all()
        assert (other.completion_clock == whole.completion_clock).all()
    part = rows.run(asked, start[7:20], 17)
    assert (part.tokens == whole.tokens[7:20]).all()
    assert whole.reveal_clock is not None and part.reveal_clock is not None
    np.testing.assert_array_equal(part.reveal_clock, whole.reveal_clock[7:20])


@pytest.mark.parametrize("name", ["tau-leaping", "euler", "ancestral", "posterior-product"])
def test_compiled_forms_are_the_methods(name):
    rng, method = np.random.default_rng(0), METHODS[name]
    for length in (*rng.exponential(0.5, 20), np.inf):
        step = Step(0.3, 0.3 + length, 1.0)
        hazards = np.ones(3) if name == "ancestral" else np.append(rng.exponential(1.0, 50), [0.0, 1.0])
        if method.gain is None:
            pace = method.hazard_spent(np.ones(1), step)[0]
            found = -np.expm1([-pace * z if z else 0.0 for z in hazards])
        else:
            gain = method.gain(np.array([step.fraction]))[0]
            falls = gain < 0
            begin = 1e200 if falls else 1e-200  # far from 1, where a coordinate is marked as revealed
            left = np.full(hazards.shape, begin)
            marked = leaps.multiply(left, hazards, gain, falls)
            found = np.where(left < 0, 1.0, 1 - (left / begin if falls else begin / left))
            assert marked == (left < 0).sum()
        np.testing.assert_allclose(found, method.reveal(hazards, step), rtol=1e-12, atol=4e-16)


def test_steps_mark_what_has_passed_one():
    """Products around 1, both ways; nothing happens where the hazard is zero, also in a step to data."""
    left, hazards = np.array([1.5, 2.5, 1.5, 0.3]), np.array([1.0, 1.0, 0.0, 2.0])
    assert leaps.multiply(left, hazards, -0.5, True) == 2
    np.testing.assert_allclose(left, [-1, 1.25, 1.5, -1])
    left, hazards = np.array([0.9, 0.5, 0.9, 0.9]), np.array([1.0, 1.0, 0.0, 0.1])
    assert leaps.multiply(left, hazards, 0.5, False) == 1
    np.testing.assert_allclose(left, [-1, 0.75, 0.9, 0.945])
    assert leaps.multiply(left, hazards * [0, 1, 1, 1], np.inf, False) == 2
    np.testing.assert_allclose(left, [-1, -1, 0.9, -1])
    assert leaps.clipped(np.array([0.5, 2.0, 3.0]), 0.5) == 1


def test_blends_of_any_number_of_components():
    rng = np.random.default_rng(4)
    for own, others in itertools.product(range(1, 9), range(9)):
        weights, laws, share = rng.random(own + others), rng.random((own + others, 5)), 0.3
        laws[:, 4] = 0.0
        target, reference = np.full(5, np.nan), np.full(5, np.nan)
        mixture.blend(weights, share, own, laws, target, reference)
        p_z = weights[:own] @ laws[:own]
        p = share * p_z + weights[own:] @ laws[own:]
        np.testing.assert_allclose(target, p_z, rtol=1e-14)
        np.testing.assert_allclose(reference, p, rtol=1e-14)
        found = mixture.squares_hazard(weights, share, own, laws, target, reference)
        assert found == pytest.approx((p_z[:4] ** 2 / p[:4]).sum(), rel=1e-14)


def test_compiled_scores_and_proposals_are_the_decoders():
    rng = np.random.default_rng(1)
    for q in rng.dirichlet(np.ones(5), 30) * rng.integers(0, 2, (30, 5)) + [1e-3, 0, 0, 0, 0]:
        law, scale = q / q.sum(), q.sum()
        np.testing.assert_allclose(fixed_count.top_margin(q, scale), METHODS["margin"].score(law)[0], atol=1e-14)
        np.testing.assert_allclose(fixed_count.negative_entropy(q, scale), METHODS["entropy"].score(law)[0], atol=1e-14)
        for temperature in (0.0, 0.3, 1.0, 2.0):
            cumulative = METHODS["random-order"].with_parameters(temperature=temperature).proposal(law).cumsum()
            for uniform in rng.random(10):
                token = fixed_count.proposed(q.copy(), scale, temperature, uniform)
                assert token == np.searchsorted(cumulative / cumulative[-1], uniform, side="right")


def test_powers_by_products_and_by_logarithms():
    rng = np.random.default_rng(2)
    for weight in (-1.0, -0.5, -0.3, 0.0, 0.5, 1.0, 1.5, 2.0, 3.7, 30.0):
        for a, b in ((1 + weight, -weight), (1 + weight, -0.3)):
            target, reference, out = *rng.dirichlet(np.full(9, 0.5), 2), np.empty(9)
            target[2] = reference[5] = target[7] = reference[7] = 0.0
            possible = (reference > 0) & ((target > 0) | (a == 0))
            logs = np.where(possible, a * np.log(target + ~possible) if a else 0.0, 0.0)
            rates = np.where(possible, np.exp(logs + b * np.log(np.where(possible, reference, 1.0))), 0.0)
            total = powers.power_rates(target.copy(), reference.copy(), a, b, False, out)
            np.testing.assert_allclose(out, rates, rtol=1e-11)
            assert total == pytest.approx(rates.sum(), rel=1e-11)
            assert powers.power_rates(target.copy(), reference.copy(), a, b, True, out) == 1.0
            np.testing.assert_allclose(out, rates / rates.sum(), rtol=1e-11)


def test_wrong_rule_weight_or_method_is_rejected(fading):
    right = mg.GuidedProcess(fading, mg.Guidance("product", 3.0))
    for rule, weight in (("product", 2.0), ("normalized", 3.0)):
        wrong = mg.GuidedProcess(fading, mg.Guidance(rule, weight))
        assert not verdict(right, draw(wrong, "tau-leaping", 100_000), "tau-leaping").passed
    assert not verdict(
        right, draw(right, "euler", 100_000, grid=[1, 0.6, 0.3]), "tau-leaping", grid=[1, 0.6, 0.3]
    ).passed
    assert not verdict(right, draw(right, "tau-leaping", 100_000, grid=2), "tau-leaping").passed
    assert not verdict(right, draw(right, "random-order", 100_000), "confidence").passed


def test_refusals():
    process = mg.GuidedProcess(small_mixture(), mg.Guidance("product", 2.0))
    for name in ("ancestral", "remdm", "uniformization"):
        with pytest.raises(mg.InputError, match="rate one"):
            draw(process, name, 2)
    steep = mg.GuidedProcess(ProductMixture.random(3, 3, 4, seed=3, concentration=0.05), mg.Guidance("product", 3000.0))
    with pytest.raises(mg.InputError, match="overflow"):
        draw(steep, "tau-leaping", 200)
    unknown = replace(METHODS["tau-leaping"], freezes_rates=False, reveal=lambda z, s: z * 0 + 0.5)
    with pytest.raises(mg.InputError, match="torch"):
        rows.run(replace(task(process, "tau-leaping"), method=unknown), masks(process, 2), 0)
