"""The fast engine for tables: exact laws, addresses of draws, independence of blocks, threads and batches, mutants."""

from dataclasses import replace

import numpy as np
import pytest

import maskguide as mg
from maskguide import _checks, _random
from maskguide._compiled import philox as lattice_draws
from maskguide.methods import METHODS, steps
from maskguide.samplers.lookup import cumulative_law
from maskguide.samplers.samples import SampleInfo, Samples
from maskguide.samplers.tables import engine as lattice
from maskguide.samplers.tables import rate_tables
from maskguide.samplers.tables import state as lattice_state
from maskguide.samplers.task import Task
from maskguide.schedules import noise_schedule

from ..conftest import random_problem

N = 40_000
GRID = mg.uniform_grid(10)
STEPPED = ("tau-leaping", "euler", "posterior-product", "ancestral")
SCHEDULE = mg.WeightSchedule([0.7, 0.4], [0, 6, 2])


def task(process, method="gillespie", grid=GRID, schedule="linear", **options):
    chosen = METHODS[method]
    taken = () if chosen.is_exact else tuple(steps(process.guidance, np.asarray(grid), noise_schedule(schedule)))
    return Task(process, chosen, taken, **{"seed": 0, "threads": 1} | options)


def draw(process, method="gillespie", n=N, first=0, start=None, **options):
    masks = np.full((n, process.length), process.vocab_size) if start is None else start
    return lattice.run(task(process, method, **options), masks, first)


def samples(batch):
    return Samples(batch.tokens, SampleInfo(batch.completion_clock, batch.jumps, batch.largest_hazard_step, None))


def agrees(process, batch, method="gillespie", schedule="linear", grid=GRID):
    """Final law and completion clocks against the exact ones, both at alpha = 1e-6."""
    found = samples(batch)
    if method == "gillespie":
        clocks = np.geomspace(0.01, 10, 30)
        law, curve = mg.terminal_law(process), mg.tv_decay(process, clocks)
    else:
        law = mg.stepped_law(process, method, grid, schedule)
        every = mg.stepped_law(process, method, grid, schedule, every_step=True)
        clocks, curve = every.clock[1:-1], every.masked_probability[1:-1]
    return mg.compare(found, law), mg.compare_decay(found, clocks, curve)


def rule_of(method):
    return "normalized" if method == "ancestral" else "product"


@pytest.mark.parametrize("method", ["gillespie", *STEPPED])
@pytest.mark.parametrize("weight", [-1.0, -0.5, 0.0, 2.0, 8.0, SCHEDULE])
def test_law_and_completion_clocks(fading, method, weight):
    process = mg.GuidedProcess(fading, mg.Guidance(rule_of(method), weight))
    for verdict in agrees(process, draw(process, method, seed=1), method):
        assert verdict.passed, verdict.sentence


@pytest.mark.parametrize("method", ["gillespie", *STEPPED])
@pytest.mark.parametrize("size, length", [(3, 1), (2, 4), (5, 3)])
def test_random_problems_with_zeros(method, size, length):
    process = mg.GuidedProcess(random_problem(length, size, length), mg.Guidance(rule_of(method), 1.5))
    for verdict in agrees(process, draw(process, method, seed=length), method):
        assert verdict.passed, verdict.sentence


@pytest.mark.parametrize("schedule", ["cosine", "geometric"])
@pytest.mark.parametrize("method", STEPPED)
def test_noise_schedules(fading, method, schedule):
    process = mg.GuidedProcess(fading, mg.Guidance(rule_of(method), 2.0))
    for verdict in agrees(process, draw(process, method, schedule=schedule), method, schedule):
        assert verdict.passed, verdict.sentence


@pytest.mark.parametrize("method", STEPPED)
def test_a_grid_that_stops_early_leaves_masks(fading, method):
    process, grid = mg.GuidedProcess(fading, mg.Guidance(rule_of(method), 1.0)), np.array([1.0, 0.8, 0.5])
    batch = draw(process, method, grid=grid)
    left = (batch.tokens == 3).any(axis=1)
    assert left.any() and np.isinf(batch.completion_clock[left]).all()
    assert np.isfinite(batch.completion_clock[~left]).all()
    assert mg.compare(samples(batch), mg.stepped_law(process, method, grid)).passed


def test_completion_clock_has_the_exact_quantiles(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    clock = np.sort(draw(process).completion_clock)
    band = np.sqrt(np.log(2e6) / (2 * N))
    for quantile in (0.1, 0.5, 0.9):
        exact = mg.completion_time(process).quantile(quantile)
        assert abs(np.searchsorted(clock, exact) / N - quantile) < band


def plain(process, method, n, seed=0, start=None, antithetic=False, grid=GRID):
    """The scheme of draws of :mod:`maskguide.samplers.task`, trajectory by trajectory in plain Python."""
    k0, k1 = _random.split_seed(seed)
    found, clocks = [], []
    for trajectory in range(n):
        source, mirror = _random.pair(trajectory, int(antithetic))
        draws = [_random.two_draws(k0, k1, source, i) for i in range(process.length)]
        e = [-np.log1p(-((u ^ mirror) * 2.0**-53)) for u, _ in draws]
        v = [(v ^ mirror) * 2.0**-53 for _, v in draws]
        tokens = [process.vocab_size] * process.length if start is None else list(start[trajectory])
        advance = react if method == "gillespie" else leap
        clocks.append(advance(process, METHODS[method], tokens, e, v, grid))
        found.append(tokens)
    return np.array(found), np.array(clocks)


def rates_at(process, tokens, weight):
    """(coordinate, Z, cumulative law) of the masked coordinates."""
    edges, size = process.rates(weight).edges, process.vocab_size
    masked = [i for i, token in enumerate(tokens) if token == size]
    rows = [edges[i][tuple(slice(size) if j == i else t for j, t in enumerate(tokens))] for i in masked]
    return [(i, row.sum(), cumulative_law(row)) for i, row in zip(masked, rows, strict=True)]


def react(process, method, tokens, e, v, grid):
    clock = 0.0
    for segment in process.segments:
        while (rates := rates_at(process, tokens, segment.weight)) and clock < segment.end:
            times = [e[i] / z if z > 0 else np.inf for i, z, _ in rates]
            due, soonest = rates[int(np.argmin(times))], min(times)
            reveals = clock + soonest < segment.end
            if not reveals and np.isinf(segment.end):
                return np.inf
            for i, z, _ in rates:
                e[i] -= z * (soonest if reveals else segment.end - clock)
            if reveals:
                tokens[due[0]] = int((due[2] <= v[due[0]]).sum())
            clock = clock + soonest if reveals else segment.end
    return clock


def leap(process, method, tokens, e, v, grid):
    clock = 0.0
    for step in steps(process.guidance, grid, noise_schedule("linear")):
        for i, z, law in rates_at(process, tokens, step.weight):
            with np.errstate(divide="ignore"):
                used = -np.log1p(-float(method.reveal(np.array(z), step)))
            if e[i] < used:
                tokens[i], clock = int((law <= v[i]).sum()), step.end
            e[i] -= used
    return np.inf if process.vocab_size in tokens else clock


@pytest.mark.parametrize("antithetic", [False, True])
@pytest.mark.parametrize("weight", [-1.0, 2.0, SCHEDULE])
@pytest.mark.parametrize("method", ["gillespie", *STEPPED])
def test_tokens_and_clocks_of_the_scheme_in_plain_python(method, weight, antithetic):
    process = mg.GuidedProcess(random_problem(1, 3, 3), mg.Guidance(rule_of(method), weight))
    batch = draw(process, method, n=200, seed=7, antithetic=antithetic)
    tokens, clock = plain(process, method, 200, 7, antithetic=antithetic)
    assert np.array_equal(batch.tokens, tokens)
    assert np.allclose(batch.completion_clock, clock, rtol=1e-12)


@pytest.mark.parametrize("weight", [-1.0, 2.0, SCHEDULE])
@pytest.mark.parametrize("method", ["gillespie", *STEPPED])
def test_same_trajectories_as_the_torch_engine(method, weight):
    pytest.importorskip("torch")
    from maskguide.samplers import torch as batched

    process = mg.GuidedProcess(random_problem(3, 4, 3), mg.Guidance(rule_of(method), weight))
    asked = task(process, method, antithetic=True, record=True, seed=2**60 + 1)
    here, there = (engine.run(asked, np.full((5_000, 3), 4, dtype=np.int32), 11) for engine in (lattice, batched))
    assert np.array_equal(here.tokens, there.tokens) and np.array_equal(here.jumps, there.jumps)
    assert np.allclose(here.completion_clock, there.completion_clock, rtol=1e-12)
    assert np.allclose(here.reveal_clock, there.reveal_clock, rtol=1e-12, equal_nan=True)
    assert here.clipped == there.clipped
    assert (here.largest_hazard_step or 0.0) == pytest.approx(there.largest_hazard_step or 0.0, rel=1e-12)


@pytest.mark.parametrize("method", ["gillespie", *STEPPED])
def test_prompts_that_differ_from_trajectory_to_trajectory(method):
    process = mg.GuidedProcess(random_problem(5, 3, 3, zeros=0.0), mg.Guidance(rule_of(method), 2.0))
    start = np.random.default_rng(0).integers(0, 4, (300, 3))
    batch = draw(process, method, n=300, start=start, record=True)
    tokens, clock = plain(process, method, 300, start=start)
    assert np.array_equal(batch.tokens, tokens)
    assert np.allclose(batch.completion_clock, clock, rtol=1e-12)
    assert (np.isnan(batch.reveal_clock) == (start < 3)).all()
    full = (start < 3).all(axis=1)
    assert full.any() and (batch.completion_clock[full] == 0).all() and (batch.jumps[full] == 0).all()


@pytest.mark.parametrize("method", ["gillespie", *STEPPED])
def test_blocks_threads_and_batches_do_not_show(fading, method, monkeypatch):
    process = mg.GuidedProcess(fading, mg.Guidance(rule_of(method), SCHEDULE))
    whole = draw(process, method, n=9_000, record=True, seed=3)
    parts = [draw(process, method, n=n, first=f, record=True, seed=3) for f, n in ((0, 1), (1, 4_499), (4_500, 4_500))]
    several = draw(process, method, n=9_000, record=True, seed=3, threads=3)
    monkeypatch.setattr(lattice, "BLOCK", 7)
    blocks = draw(process, method, n=9_000, record=True, seed=3)
    for name in ("tokens", "completion_clock", "jumps", "reveal_clock"):
        expected = getattr(whole, name)
        assert np.array_equal(np.concatenate([getattr(p, name) for p in parts]), expected, equal_nan=True)
        assert np.array_equal(getattr(several, name), expected, equal_nan=True)
        assert np.array_equal(getattr(blocks, name), expected, equal_nan=True)
    for other in (several, blocks):
        assert (other.largest_hazard_step, other.clipped) == (whole.largest_hazard_step, whole.clipped)


@pytest.mark.parametrize("length", [2, 3])
@pytest.mark.parametrize("weight", [-1.0, 2.0, SCHEDULE])
@pytest.mark.parametrize("method", ["gillespie", "tau-leaping", "ancestral"])
def test_first_reveals_found_together_are_those_found_one_by_one(method, weight, length):
    """One given token anywhere, and no trajectory takes the short way from fully masked."""
    process = mg.GuidedProcess(random_problem(3, 3, length), mg.Guidance(rule_of(method), weight))
    start = np.full((2_000, length), 3)
    together = draw(process, method, start=start, record=True, seed=4)
    start[0, 0] = 0
    singly = draw(process, method, start=start, record=True, seed=4)
    for name in ("tokens", "completion_clock", "jumps", "reveal_clock"):
        assert np.array_equal(getattr(together, name)[1:], getattr(singly, name)[1:], equal_nan=True)


@pytest.mark.parametrize("width", [0, 1, 7, 8, 9, 31, 64, 65, 127, 255, 1000])
def test_tokens_are_counted_as_by_searchsorted(width):
    from numba import njit

    count = njit(lambda values, at, width, bound: lattice_state.first_above(values, at, width, bound))
    values, at = np.sort(np.random.default_rng(width).integers(0, max(1, width), width + 10) / max(1, width)), 5
    for bound in [-1.0, 2.0, *values, *(values + 1e-9)]:
        expected = np.searchsorted(values[at : at + width], bound, side="right")
        assert count(values, np.uint64(at), np.uint64(width), bound) == expected


@pytest.mark.parametrize("method", ["gillespie", *STEPPED])
def test_recorded_clocks_and_jumps(fading, method):
    process = mg.GuidedProcess(fading, mg.Guidance(rule_of(method), 1.0))
    batch = draw(process, method, n=2_000, record=True)
    clocks = batch.reveal_clock
    assert np.array_equal(clocks.max(axis=1), batch.completion_clock)
    assert batch.jumps.tolist() == [len(set(row)) for row in clocks.tolist()]
    if method != "gillespie":
        assert set(clocks.ravel()) <= {step.end for step in task(process, method).steps}


@pytest.mark.parametrize("method", STEPPED)
def test_largest_hazard_step_and_clipping(fading, method):
    process = mg.GuidedProcess(fading, mg.Guidance(rule_of(method), SCHEDULE))
    batch, chosen = draw(process, method, n=2_000, record=True), task(process, method)
    largest, clipped = 0.0, 0
    for step in chosen.steps:
        for row, clocks in zip(batch.tokens.tolist(), batch.reveal_clock.tolist(), strict=True):
            before = [t if c <= step.start else 3 for t, c in zip(row, clocks, strict=True)]
            hazards = [z for _, z, _ in rates_at(process, before, step.weight)]
            largest = max([largest, *(z * step.length for z in hazards if np.isfinite(step.length))])
            clipped += sum(z * step.fraction > 1 + 1e-12 for z in hazards)
    assert batch.largest_hazard_step == pytest.approx(largest, rel=1e-12)
    assert batch.clipped == (clipped if method == "euler" else None)


@pytest.mark.parametrize("trajectory", [0, 5, 2**32 - 20, 2**40 + 1])
@pytest.mark.parametrize("antithetic", [0, 1])
def test_draws_bit_for_bit(trajectory, antithetic):
    clocks, choices = np.empty((3, 40)), np.empty((3, 40))
    k0, k1 = _random.split_seed(2**63 + 12345)
    lattice_draws.fill(clocks, choices, *map(np.uint64, (k0, k1, trajectory, antithetic)))
    for i, j in np.ndindex(3, 40):
        source, mirror = _random.pair(trajectory + j, antithetic)
        u, v = _random.two_draws(k0, k1, source, i)
        assert choices[i, j] == (v ^ mirror) * 2.0**-53
        assert clocks[i, j] == pytest.approx(-np.log1p(-((u ^ mirror) * 2.0**-53)), rel=4e-16)


def test_antithetic_pairs_have_mirrored_uniforms():
    clocks, choices = np.empty((2, 64)), np.empty((2, 64))
    lattice_draws.fill(clocks, choices, *map(np.uint64, (1, 2, 0, 1)))
    assert np.array_equal(choices[:, 0::2] + choices[:, 1::2], np.full((2, 32), 1 - 2.0**-53))
    assert np.allclose(np.exp(-clocks[:, 0::2]) + np.exp(-clocks[:, 1::2]), 1, atol=1e-14)


def test_logarithm_within_two_units_in_the_last_place():
    import mpmath
    from numba import njit

    logarithm = njit(lambda y: lattice_draws.minus_log(y))
    rng = np.random.default_rng(0)
    bits = np.concatenate([rng.integers(1, 2**53, 3_000), 2 ** rng.integers(0, 53, 500), 2**53 - np.arange(500)])
    root = int(0.5**0.5 * 2**53)
    for k in [*bits.tolist(), *range(root - 200, root + 200), 2**53 - 1, 1]:
        exact, found = -mpmath.log(mpmath.mpf(k) / 2**53), logarithm(k * 2.0**-53)
        assert abs(found - exact) <= 2 * np.spacing(float(exact))
    assert logarithm(1.0) == 0.0


@pytest.mark.parametrize("weight", [-1.0, 3.0])
@pytest.mark.parametrize("size, length", [(1, 2), (3, 1), (3, 3)])
def test_rows_hold_the_hazards_and_laws_of_every_state(size, length, weight):
    process = mg.GuidedProcess(random_problem(2, size, length), mg.Guidance("product", weight))
    tables = rate_tables.rate_tables(process, (weight, 0.5))
    assert tables.rows.ctypes.data % 64 == 0
    for state in np.ndindex(process.shape):
        revealed = [i for i in range(length) if state[i] < size]
        expected = rates_at(process, state, weight)
        at = int(tables.offsets[sum(1 << i for i in revealed)])
        place = sum(state[i] * size ** (len(revealed) - 1 - k) for k, i in enumerate(revealed))
        row = tables.rows[at + place * len(expected) * size :][: len(expected) * size]
        assert row[: len(expected)] == pytest.approx([z for _, z, _ in expected], rel=1e-15)
        assert np.array_equal(row[len(expected) :], np.ravel([law[:-1] for *_, law in expected]))


@pytest.mark.parametrize("method", ["gillespie", *STEPPED])
def test_impossible_tokens_are_never_drawn(line, method):
    process = mg.GuidedProcess(line, mg.Guidance(rule_of(method), 3.0))
    assert not (draw(process, method, n=1_000_000, seed=3).tokens == 3).any()


@pytest.mark.verify
@pytest.mark.parametrize("method", ["gillespie", "tau-leaping"])
def test_impossible_tokens_are_never_drawn_in_1e8(line, method):
    process = mg.GuidedProcess(line, mg.Guidance("product", 3.0))
    for first in range(0, 10**8, 10**6):
        assert not (draw(process, method, n=10**6, first=first).tokens == 3).any()


def test_ancestral_is_refused_where_hazards_are_not_one(fading):
    with pytest.raises(_checks.InputError, match="ancestral"):
        draw(mg.GuidedProcess(fading, mg.Guidance("product", 2.0)), "ancestral")


MUTANTS = {
    "w where 1 + w belongs": lambda p, w: mg.GuidedProcess(p, mg.Guidance("product", w - 1)),
    "normalized for product": lambda p, w: mg.GuidedProcess(p, mg.Guidance("normalized", w)),
    "swapped conditionals": lambda p, w: mg.GuidedProcess(p.with_target(1), mg.Guidance("product", w)),
}


@pytest.mark.parametrize("method", ["gillespie", "tau-leaping", "euler", "posterior-product"])
@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_are_rejected(separating, mutant, method):
    right = mg.GuidedProcess(separating, mg.Guidance("product", 3.0))
    found, decay = agrees(right, draw(MUTANTS[mutant](separating, 3.0), method, seed=2), method)
    assert not (found.passed and decay.passed)


@pytest.mark.parametrize("method", STEPPED)
def test_a_grid_without_one_of_its_times_is_rejected(fading, method):
    process = mg.GuidedProcess(fading, mg.Guidance(rule_of(method), 2.0))
    _, decay = agrees(process, draw(process, method, grid=np.delete(GRID, 5)), method)
    assert not decay.passed


@pytest.mark.parametrize("other", ["euler", "posterior-product"])
def test_another_reveal_probability_is_rejected(fading, other):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    _, decay = agrees(process, draw(process, other), "tau-leaping")
    assert not decay.passed


def test_waiting_times_that_forget_are_rejected(fading, monkeypatch):
    """Every trajectory with the same clocks: each is right, all together are not."""
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    one = draw(process, n=1)
    batch = replace(one, **{k: np.repeat(getattr(one, k), N, 0) for k in ("tokens", "completion_clock", "jumps")})
    assert not any(verdict.passed for verdict in agrees(process, batch))


def test_a_step_counts_at_the_hazards_it_starts_with():
    """A long first step with hazards of one; those of 2^w that follow a reveal are met by shorter steps only."""
    unlike = mg.TableProblem([[[0.5, 0.0], [0.0, 0.5]], [[0.0, 0.5], [0.5, 0.0]]], [0.5, 0.5])
    process = mg.GuidedProcess(unlike, mg.Guidance("product", 2.0))
    grid = [1.0, 0.5, 0.45, 0.4, 0.36, 0.33, 0.3, 0.0]
    found = [
        mg.sample(process, 3000, "tau-leaping", grid=grid, engine=engine).info.largest_hazard_step
        for engine in ("numba", "torch")
    ]
    assert found == pytest.approx([np.log(2.0)] * 2, rel=1e-12)
