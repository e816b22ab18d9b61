"""Terminal laws: brute force, invariances, starts other than the fully masked one."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import maskguide as mg
from maskguide.laws.lattice import sweep
from tests.oracles import enumerate as oracle

from ..conftest import random_problem

RULES = ["product", "normalized"]


@pytest.fixture(params=["numpy", "compiled"])
def engine(request, monkeypatch):
    monkeypatch.setattr(sweep, "MANY_COORDINATES", 1 if request.param == "compiled" else 99)
    return request.param


def process_of(problem, rule="product", weight=2.0):
    return mg.GuidedProcess(problem, mg.Guidance(rule, weight))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("vocab_size, length", [(3, 1), (3, 2), (2, 3), (2, 4)])
@pytest.mark.parametrize("weight", [-1, -0.5, 0.0, 2.0, 9.5])
def test_against_brute_force(engine, rule, vocab_size, length, weight):
    for seed in range(3):
        problem = random_problem(seed, vocab_size, length)
        exact = oracle.terminal_law(problem, rule, weight, digits=40, binary=True).astype(float)
        law = mg.terminal_law(process_of(problem, rule, weight))
        assert ("sweep" == law.method) == (engine == "numpy")
        np.testing.assert_allclose(law.probs, exact, rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_order_of_coordinates_and_names_of_tokens_do_not_matter(engine, rule):
    problem = random_problem(4, 3, 4)
    law = mg.terminal_law(process_of(problem, rule)).probs
    axes, tokens = (2, 0, 3, 1), [2, 0, 1]
    moved = problem.class_laws.transpose(0, *(a + 1 for a in axes))[:, :, :, tokens]
    other = mg.terminal_law(process_of(mg.TableProblem(moved, problem.prior, problem.target), rule)).probs
    np.testing.assert_allclose(other, law.transpose(axes)[:, :, tokens], rtol=1e-12)


def test_the_compiled_engine_is_chosen_for_many_coordinates():
    process = process_of(random_problem(0, 2, 9))
    law, rates = mg.terminal_law(process), process.rates()
    assert law.method == "potential sweep"
    expected = sweep.visits(rates, sweep.all_masked(rates))[(slice(0, 2),) * 9]
    np.testing.assert_allclose(law.probs, expected, rtol=1e-11)


@pytest.mark.parametrize("rule", RULES)
def test_a_prompt_is_the_conditional_problem(engine, rule):
    problem = random_problem(6, 3, 3, zeros=0.0)
    posterior = problem.prior * problem.class_laws[:, :, 1].sum(axis=(1, 2))
    given = [law[:, 1] / law[:, 1].sum() for law in problem.class_laws]
    conditional = mg.TableProblem(given, posterior / posterior.sum(), problem.target)
    law = mg.terminal_law(process_of(problem, rule), start=[3, 1, 3])
    np.testing.assert_allclose(law.probs[:, 1], mg.terminal_law(process_of(conditional, rule)).probs, rtol=1e-12)
    assert law.probs.sum() == pytest.approx(law.probs[:, 1].sum(), rel=1e-15)


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 1000))
def test_a_start_is_a_mixture_of_its_states(rule, seed):
    problem, rng = random_problem(seed, 2, 3), np.random.default_rng(seed)
    start = rng.dirichlet(np.ones(27)).reshape(3, 3, 3) * (problem.target_table > 0)
    start[1, 1, 1] += 0.1  # completed: stays there, be it possible or not
    start /= start.sum()
    process = process_of(problem, rule)
    parts = sum(
        start[x] * mg.terminal_law(process, start=list(x)).probs
        for x in itertools.product(range(3), repeat=3)
        if start[x] > 0
    )
    for many in (99, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sweep, "MANY_COORDINATES", many)
            np.testing.assert_allclose(mg.terminal_law(process, start=start).probs, parts, rtol=1e-12)


def test_a_schedule_from_a_start_is_its_segments_in_turn(engine):
    problem = random_problem(2, 2, 3)
    schedule = mg.WeightSchedule([0.5], [4.0, 1.0])
    first = mg.transient_law(process_of(problem, weight=4.0), np.log(2))
    expected = mg.terminal_law(process_of(problem, weight=1.0), start=first).probs
    np.testing.assert_allclose(mg.terminal_law(process_of(problem, weight=schedule)).probs, expected, atol=1e-13)


@pytest.mark.parametrize(
    "start, message",
    [
        ([2, 2], "3 tokens"),
        ([0, 3, 2], "token 3"),
        ([0, 0.5, 2], "integer"),
        (np.ones((2, 2, 2)) / 8, "shape"),
        (np.ones((3, 3, 3)), "sums to"),
        ([1, 2, 2], "probability 0"),
    ],
)
def test_bad_starts(start, message):
    laws = np.full((2, 2, 2, 2), 1 / 8)
    laws[0, 1], laws[0, 0] = 0, 1 / 4
    with pytest.raises(mg.InputError, match=message):
        mg.terminal_law(process_of(mg.TableProblem(laws, [0.5, 0.5])), start=start)
