"""Laws at a clock: dense exponentials, 60-digit arithmetic, the semigroup, all methods against each other."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

import maskguide as mg
from maskguide.laws import transient
from maskguide.laws.lattice import contour, sweep
from tests.oracles import enumerate as oracle

from ..conftest import random_problem

RULES = ["product", "normalized"]


def process_of(problem, rule="product", weight=2.0):
    return mg.GuidedProcess(problem, mg.Guidance(rule, weight))


@pytest.fixture
def contours(monkeypatch):
    """Contour quadrature, also where sums of positive terms would be taken."""
    monkeypatch.setattr(transient, "CHEAP_WORK", 0)


@settings(deadline=None, max_examples=40)
@given(
    shape=st.sampled_from([(4, 1), (3, 2), (2, 3), (2, 4)]), rule=st.sampled_from(RULES), seed=st.integers(0, 9999),
    weight=st.sampled_from([-1.0, -0.5, 0.0, 1.0, 3.0]), clock=st.floats(1e-3, 30), started=st.booleans(),
    positive=st.booleans(),
)  # fmt: skip
def test_against_the_dense_exponential(shape, rule, seed, weight, clock, started, positive):
    process = process_of(random_problem(seed, *shape), rule, weight)
    start = None
    if started:
        start = np.random.default_rng(seed).random(process.shape) * (process.problem.target_table > 0)
        start /= start.sum()
    begin = sweep.all_masked(process.rates()) if start is None else start
    dense = process.rate_matrix().toarray()
    expected = begin.ravel() @ expm(clock * dense)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transient, "CHEAP_WORK", 3e5 if positive else 0)
        law = mg.transient_law(process, clock, start=start)
    assert law.method == ("reveals" if rule == "normalized" else "subtraction-free" if positive else "contour")
    assert np.abs(law.probs.ravel() - expected).sum() < 2e-12
    assert law.probs.min() >= 0


@pytest.mark.parametrize("weight", [-1, 0.0, 2.0, 20.0])
@pytest.mark.parametrize("vocab_size, length", [(3, 2), (2, 4)])
def test_contours_against_sixty_digits(contours, vocab_size, length, weight):
    for seed in range(2):
        problem = random_problem(seed, vocab_size, length)
        clocks = [0.02, 0.1, 0.55, 1.0, 30.0]
        laws = mg.transient_law(process_of(problem, weight=weight), clocks)
        assert laws.method == "contour" and 0 < laws.error <= 1e-12
        for clock, law in zip(clocks, laws.probs, strict=True):
            exact = oracle.transient_law(problem, "product", weight, clock, binary=True)
            with mpmath.workdps(60):
                error = float(
                    mpmath.fsum(abs(mpmath.mpf(float(a)) - b) for a, b in zip(law.flat, exact.flat, strict=True))
                )
            assert error < laws.error, f"u = {clock}"


@pytest.mark.parametrize("rule", RULES)
def test_positive_methods_have_every_digit_of_tiny_entries(rule):
    problem = random_problem(1, 2, 3)
    for clock in (1e-3, 40.0):
        law = mg.transient_law(process_of(problem, rule, 3.0), clock)
        exact = oracle.transient_law(problem, rule, 3.0, clock, binary=True).astype(float)
        assert law.error == 0 and 0 < exact[exact > 0].min() < 1e-8
        np.testing.assert_allclose(law.probs, exact, rtol=1e-11)


def test_many_coordinates_by_two_unrelated_methods():
    # At w = 0 the two rules are the same chain: binomial reveals against contours, 10 coordinates.
    problem, clocks = random_problem(3, 2, 10), np.array([0.05, 0.1, 0.45, 3.0, 25.0])
    by_contour = mg.transient_law(process_of(problem, "product", 0.0), clocks)
    by_reveals = mg.transient_law(process_of(problem, "normalized", 0.0), clocks)
    assert (by_contour.method, by_reveals.method) == ("contour", "reveals")
    assert (2 * by_contour.tv(by_reveals)).max() < min(1e-12, by_contour.error) and by_contour.error < 2e-12


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("shape", [(3, 2), (2, 8)])
def test_semigroup(rule, shape):
    process = process_of(random_problem(7, *shape), rule, 1.5)
    half = mg.transient_law(process, 0.4)
    twice = mg.transient_law(process, 0.7, start=half)
    assert 2 * mg.transient_law(process, 1.1).tv(twice) < 2e-12


@pytest.mark.parametrize("rule", RULES)
def test_segments_in_turn_and_in_one_go(contours, rule):
    schedule = mg.WeightSchedule([0.7, 0.2], [3.0, 0.0, 1.0])
    problem, clocks = random_problem(9, 2, 3), [0.0, 0.2, -np.log(0.7), 1.0, 2.5, np.inf]
    laws = mg.transient_law(process_of(problem, rule, schedule), clocks)
    for clock, law in zip(clocks[1:-1], laws.probs[1:-1], strict=True):
        exact = oracle.transient_law(problem, rule, schedule, clock, digits=20, binary=True).astype(float)
        assert np.abs(law - exact).sum() < 2e-12
    assert laws.probs[0, -1, -1, -1] == 1
    terminal = mg.terminal_law(process_of(problem, rule, schedule))
    np.testing.assert_allclose(laws.probs[-1, :2, :2, :2], terminal.probs, atol=1e-13)


def test_nodes_in_batches_give_the_same_law(monkeypatch):
    process, clocks = process_of(random_problem(5, 2, 8)), np.geomspace(0.3, 3, 9)
    whole = mg.transient_law(process, clocks).probs
    monkeypatch.setattr(contour._checks, "available_memory", lambda: 2 * 8 * 16 * 3**8)
    np.testing.assert_allclose(mg.transient_law(process, clocks).probs, whole, atol=1e-14)


def test_contour_errors_grow_slowly_with_the_number_of_coordinates():
    for length in (1, 4, 8, 12, 16):
        for ratio in (1.0, 10.0):
            nodes = contour.enough_nodes(ratio, length)
            assert contour.parameters(nodes, ratio, length)[3] <= 1e-12 and nodes <= 64


def test_a_wrong_angle_would_be_seen(contours, monkeypatch):
    process, right, clocks = process_of(random_problem(1, 3, 2)), contour.parameters, np.geomspace(0.3, 3, 9)
    laws = mg.transient_law(process, clocks).probs
    monkeypatch.setattr(contour, "parameters", lambda *a: (right(*a)[0] * 1.4, *right(*a)[1:]))
    with np.errstate(all="ignore"):
        assert np.abs(contour.propagate(process, 2.0, None, clocks)[0] - laws).sum(axis=(1, 2)).max() > 1e-11
