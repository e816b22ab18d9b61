"""The compiled sweeps against their plain numpy counterparts, on random problems with zeros; the grouped layout."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import maskguide as mg
from maskguide._compiled import elementary, threads
from maskguide.laws.lattice import (
    absorption,
    contour,
    layout,
    potential,
    sweep,
    sweeps,
)

from ..conftest import random_problem
from .plain import resolvent

SHAPES = [(2, 1), (5, 1), (3, 2), (40, 2), (2, 3), (4, 3), (8, 3), (2, 5), (3, 5), (2, 7)]
WEIGHTS = [-1.0, -0.6, 0.0, 1.0, 2.5, 12.0]


@st.composite
def processes(draw, rules=("product", "normalized")):
    vocab_size, length = draw(st.sampled_from(SHAPES))
    problem = random_problem(draw(st.integers(0, 10_000)), vocab_size, length, zeros=draw(st.sampled_from([0.0, 0.4])))
    return mg.GuidedProcess(problem, mg.Guidance(draw(st.sampled_from(rules)), draw(st.sampled_from(WEIGHTS))))


def plain_visits(process, start=None):
    rates = process.rates()
    return sweep.visits(rates, sweep.all_masked(rates) if start is None else start)


def weight_of(process):
    return process.segments[-1].weight


@pytest.mark.parametrize("vocab_size, length", SHAPES)
def test_the_layout_is_a_permutation_in_blocks(vocab_size, length):
    groups = layout.layout(vocab_size, length)
    lattice = np.arange((vocab_size + 1.0) ** length).reshape((vocab_size + 1,) * length)
    grouped = groups.from_lattice(lattice)
    assert np.array_equal(np.sort(grouped), lattice.ravel())
    assert np.array_equal(groups.to_lattice(grouped), lattice)
    assert np.array_equal(groups._scatter(np.stack([grouped, 2 * grouped]), lattice.shape)[1], 2 * lattice)
    assert grouped[0] == lattice[(-1,) * length]
    masks = (np.indices(lattice.shape) == vocab_size).sum(axis=0)
    assert np.array_equal(groups.to_lattice(groups.masks()), masks)
    order, levels = groups.levels()
    for level in range(length + 1):
        assert {int(s).bit_count() for s in order[levels[level] : levels[level + 1]]} == {level}


@settings(deadline=None, max_examples=60)
@given(processes(rules=("product",)))
def test_the_potential_is_the_rate_product(process):
    groups, weight = layout.layout(process.vocab_size, process.length), weight_of(process)
    made, lost = layout.potential(process, weight)
    rates, lattice = process.rates(), groups.to_lattice(made)
    assert lost == 0
    for i, edge in enumerate(rates.edges):
        parent = np.take(lattice, [process.vocab_size], axis=i)
        child = np.take(lattice, range(process.vocab_size), axis=i)
        expected = np.divide(child, parent, out=np.zeros_like(child), where=parent > 0)
        np.testing.assert_allclose(expected, edge, rtol=1e-12)
    chain = layout.grouped_chain(process, weight)
    np.testing.assert_allclose(groups.to_lattice(chain.exit), rates.exit, rtol=1e-12)


@pytest.mark.parametrize("vocab_size, length", [(3, 5), (2, 6)])
@pytest.mark.parametrize("weight", [-1.0, -0.3, 0.0, 1.5, 2.2])
def test_cache_blocks_and_threads_of_any_number_give_the_same_potential(vocab_size, length, weight, monkeypatch):
    process = mg.GuidedProcess(random_problem(3, vocab_size, length), mg.Guidance("product", weight))
    whole = layout.potential(process, weight)[0]
    monkeypatch.setattr(layout, "_split", layout._split.__wrapped__)  # which remembers
    for size in (1, 100, 10_000):
        monkeypatch.setattr(layout, "CACHE_BLOCK", size)
        monkeypatch.setattr(layout, "idle", lambda states: 1)
        in_blocks = layout.potential(process, weight)[0]
        np.testing.assert_allclose(in_blocks, whole, rtol=1e-14)
        monkeypatch.setattr(layout, "idle", lambda states: 3)
        assert np.array_equal(layout.potential(process, weight)[0], in_blocks)


@pytest.mark.parametrize("exponent", [-0.9, -0.5, 0.5, 1.0, 1.37, 1.5, 2.0, 2.5, 3.0, 70.0, 1000.0])
def test_powers(exponent):
    largest = min(280 / abs(exponent), 300) * np.log(10)
    numbers = np.exp(np.random.default_rng(0).uniform(-largest, largest, 20_000))
    numbers = np.concatenate([numbers, [1, 1 - 2**-53, 1 + 2**-52, np.sqrt(0.5), 0.5, 2]])
    found = 1 / numbers  # target 1, so that the ratio is the number up to round-off
    ratio = 1 / found
    potential.powers(np.ones(found.size), found, *elementary.parts(exponent))
    exact = ratio.astype(np.longdouble) ** exponent
    np.testing.assert_allclose((found / exact).astype(float), 1, rtol=3e-16 * (1 + abs(exponent)))


def test_powers_at_the_ends_of_the_range():
    target, least = np.array([5e-324, 1e-310, 1e-300, 1.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, 1e-200, 0.0, 1e-308])
    with np.errstate(divide="ignore", over="ignore"):
        ratio = target / least
    for exponent in (0.7, 1.5, -0.25):
        found = least.copy()
        potential.powers(target, found, *elementary.parts(exponent))
        with np.errstate(over="ignore"):
            expected = ratio**exponent
        expected[4] = np.inf  # p = 0 < p_z: beyond the range, whatever the exponent
        np.testing.assert_allclose(found, np.where(expected < 2.3e-308, found, expected), rtol=1e-13)
        assert (found[expected < 2.3e-308] < 2.3e-308).all()


@settings(deadline=None, max_examples=60)
@given(processes())
def test_visits_and_terminal_laws(process):
    groups, expected = layout.layout(process.vocab_size, process.length), plain_visits(process)
    by_rule, method = layout.visits(process, weight_of(process), np.empty(0))
    assert method == ("coordinate sweep" if process.guidance.rule.name == "normalized" else "edge sweep")
    np.testing.assert_allclose(groups.to_lattice(by_rule), expected, rtol=1e-11)
    if process.guidance.rule.name == "product":
        values = layout.potential(process, weight_of(process))[0]
        threaded = values.copy()
        sweeps.terminal(values, groups.blocks, np.empty(0))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(absorption, "idle", lambda states: 2)
            absorption._run_in_place(threaded, groups, np.empty(0))
        assert np.array_equal(values, threaded)
        completed = expected[(slice(0, process.vocab_size),) * process.length].ravel()
        np.testing.assert_allclose(values[groups.completed], completed, rtol=1e-11)


@settings(deadline=None, max_examples=40)
@given(processes(rules=("product",)), st.integers(0, 99), st.integers(1, 3))
def test_terminal_laws_from_a_start(process, seed, threads):
    groups, rng = layout.layout(process.vocab_size, process.length), np.random.default_rng(seed)
    start = rng.random(process.shape) * (process.problem.target_table > 0) * (rng.random(process.shape) < 0.7)
    expected = plain_visits(process, start)[(slice(0, process.vocab_size),) * process.length]
    begin, values = groups.from_lattice(start), layout.potential(process, weight_of(process))[0]
    possible = (values[groups.completed] > 0).reshape(expected.shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(absorption, "idle", lambda states: threads)
        absorption._run_in_place(values, groups, begin)
    np.testing.assert_allclose(
        values[groups.completed].reshape(expected.shape), np.where(possible, expected, 0.0), rtol=1e-11
    )


@settings(deadline=None, max_examples=40)
@given(processes(), st.booleans(), st.integers(0, 99))
def test_resolvents(process, from_a_law, seed):
    rates, points = process.rates(), np.array([0.3 + 0.1j, 2 - 3j, -4 + 5j, 1e3 + 1e4j, 1, 1j, 0.1 - 9j, 40])
    start = sweep.all_masked(rates)
    if from_a_law:
        start = np.random.default_rng(seed).random(process.shape) * (process.problem.target_table > 0)
        start /= start.sum()
    expected = resolvent(rates, points, start)
    for by_edges in (False, True):
        chain = layout.grouped_chain(process, weight_of(process), by_edges=by_edges)
        begin = chain.layout.from_lattice(start) if from_a_law else np.empty(0)
        swept = contour.swept(chain, points, begin).T
        values = swept[:8] + 1j * swept[8:]
        values = chain.layout.to_lattice(values * chain.potential if chain.potential.size else values)
        assert np.abs(values - expected).max() <= 1e-13 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("busy, expected", [(0, 4), (1, 3), (3, 1), (9, 1)])
def test_threads_are_the_idle_cores_from_a_million_states_on(busy, expected, monkeypatch):
    monkeypatch.setattr(threads, "busy", lambda: busy)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr("numba.get_num_threads", lambda: 8)
    assert threads.idle(threads.MANY_STATES) == expected
    assert threads.idle(threads.MANY_STATES - 1) == 1


def test_cores_are_busy_where_the_system_does_not_say(monkeypatch):
    monkeypatch.setattr("os.getloadavg", lambda: (0.2, 9.0, 9.0))
    assert threads.busy() == 0
    monkeypatch.delattr("os.getloadavg")
    assert threads.busy() >= 1


def test_parts_cover_a_range_in_order():
    with ThreadPoolExecutor(3) as pool:
        parts = threads.in_parts(pool, 3, lambda begin, end: list(range(begin, end)), 11)
    assert len(parts) == 3 and np.concatenate(parts).tolist() == list(range(11))


def test_beyond_the_range_of_float64_edge_rates_take_over(monkeypatch):
    monkeypatch.setattr(sweep, "MANY_COORDINATES", 1)
    laws = np.array([[[0.5, 0.2], [0.2, 0.1]], [[0.25] * 2] * 2])
    problem = mg.TableProblem(laws, [1e-40, 1 - 1e-40])
    process = mg.GuidedProcess(problem, mg.Guidance("product", 1000.0))
    assert layout.potential(process, 1000.0) is None
    law = mg.terminal_law(process)
    assert law.method == "edge sweep"
    np.testing.assert_allclose(law.probs, plain_visits(process)[:2, :2], rtol=1e-12)


def test_a_potential_that_vanishes_costs_what_is_said(monkeypatch):
    monkeypatch.setattr(sweep, "MANY_COORDINATES", 1)
    laws = np.array([[[0.9, 0.05], [0.04999, 1e-5]], [[0.01, 0.01], [0.01, 0.97]]])
    process = mg.GuidedProcess(mg.TableProblem(laws, [0.5, 0.5]), mg.Guidance("product", 70.0))
    law = mg.terminal_law(process)
    assert 0 < law.error < 1e-285
    assert np.abs(law.probs - plain_visits(process)[:2, :2]).max() < 1e-15


def test_small_problems_load_no_numba():
    code = (
        "import sys, maskguide as mg; p = mg.GuidedProcess(mg.zoo.get('squares-2d'), mg.Guidance('product', 2.0));"
        "mg.terminal_law(p), mg.transient_law(p, [0.5, 1.0]), mg.tv_decay(p, [1.0, 700.0]);"
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
