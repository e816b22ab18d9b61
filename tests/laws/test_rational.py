"""The law at one clock by rational approximation: its constants, its error on chains of reveals, its kernel."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

import maskguide as mg
from maskguide._compiled import complex_vectors
from maskguide.laws.lattice import contour, layout, rational, resolvents, shared_contour, sweep
from tests.oracles import enumerate as oracle

from ..conftest import random_problem
from .plain import resolvent

HALPHEN = 9.28902549192081891875544943595
LENGTHS = [3, 8, 11, 15]


def decimals(degree):
    """(z, c) with all digits of the table."""
    numbers = [mpmath.mpf(text) for text in rational.POLES[degree].split()]
    for a, b, c, d in zip(*[iter(numbers)] * 4, strict=True):
        yield mpmath.mpc(a, b), mpmath.mpc(c, d)


@pytest.mark.parametrize("degree", rational.POLES)
def test_the_constants_are_the_best_approximation_of_their_degree(degree):
    # Sup norm 2 H^-(n + 1/2), for large n; without its constant term, which has that size, twice as much.
    with mpmath.workdps(40):
        pairs = list(decimals(degree))
        axis = [-(mpmath.mpf(10) ** (mpmath.mpf(k) / 40 - 2)) for k in range(240)]
        error = max(abs(mpmath.exp(x) - 2 * sum(mpmath.re(c / (z - x)) for z, c in pairs)) for x in axis)
        assert len(pairs) == degree // 2 <= rational.NODES
        assert 0.98 < error / (4 * HALPHEN ** -(degree + mpmath.mpf("0.5"))) < 1.01


def chain_law(rates, clock, shift=0.0):
    """Law of a chain of reveals at these rates, by levels, and the error the approximation gives for it."""
    points, weights, error = rational.rational(clock, len(rates))
    value, levels = 1 / (points + shift + rates[0]), []
    for here, after in zip(rates, [*rates[1:], 0.0], strict=True):
        levels.append(value)
        value = value * here / (points + shift + after)
    return np.real(np.array([*levels, value]) @ weights[0]), error


def exact_chain_law(rates, clock):
    with mpmath.workdps(60):
        matrix = mpmath.zeros(len(rates) + 1)
        for k, rate in enumerate(rates):
            matrix[k, k], matrix[k, k + 1] = -mpmath.mpf(rate) * clock, mpmath.mpf(rate) * clock
        return np.array(mpmath.expm(matrix, method="taylor")[0, :].tolist(), dtype=object)[0]


@pytest.mark.parametrize("length", LENGTHS)
def test_chains_of_equal_rates_stay_within_the_error(length):
    with mpmath.workdps(40):
        for rate in np.geomspace(0.05, 500, 60):
            law, error = chain_law([rate] * length, 1.0)
            exact = [mpmath.exp(-mpmath.mpf(rate)) * mpmath.mpf(rate) ** k / mpmath.factorial(k) for k in range(length)]
            exact.append(1 - mpmath.fsum(exact))
            assert sum(abs(mpmath.mpf(float(a)) - b) for a, b in zip(law, exact, strict=True)) < error, rate


@settings(deadline=None, max_examples=25)
@given(st.data(), st.sampled_from([3, 8]), st.floats(1e-3, 1e3))
def test_chains_of_any_rates_stay_within_the_error(data, length, clock):
    rates = [10**x / clock for x in data.draw(st.lists(st.floats(-1.5, 1.8), min_size=length, max_size=length))]
    law, error = chain_law(rates, clock)
    exact = exact_chain_law(rates, clock)
    with mpmath.workdps(40):
        assert sum(abs(mpmath.mpf(float(a)) - b) for a, b in zip(law, exact, strict=True)) < error


def test_shifted_poles_would_be_seen():
    law, error = chain_law([5.0] * 8, 1.0)
    assert np.abs(law - chain_law([5.0] * 8, 1.0, shift=1e-10)[0]).sum() > error


@settings(deadline=None, max_examples=20)
@given(
    length=st.sampled_from([8, 9, 11]), seed=st.integers(0, 9999), zeros=st.sampled_from([0.0, 0.3]),
    weight=st.sampled_from([-0.5, 0.0, 2.0, 5.0, 20.0]), clock=st.floats(-3, 3).map(lambda x: 10**x),
)  # fmt: skip
def test_problems_stay_within_the_error(length, seed, zeros, weight, clock):
    process = mg.GuidedProcess(random_problem(seed, 2, length, zeros=zeros), mg.Guidance("product", weight))
    law, chain = mg.transient_law(process, clock), layout.grouped_chain(process, weight)
    points, weights, _ = contour.hyperbola(np.array([clock]), length, 1e-16)
    finest = shared_contour.laws(chain, points, weights, np.empty(0))[0][0]
    assert law.method == "contour" and np.abs(law.probs.ravel() - finest).sum() < min(1e-12, law.error)
    assert abs(law.probs.sum() - 1) < law.error


@pytest.mark.parametrize("vocab_size, length", [(2, 1), (5, 1), (3, 2), (2, 5), (3, 4), (6, 3)])
@pytest.mark.parametrize("started", [False, True])
def test_the_kernel_against_its_plain_numpy(vocab_size, length, started):
    for seed in range(4):
        process = mg.GuidedProcess(random_problem(seed, vocab_size, length, zeros=0.3), mg.Guidance("product", 1.5))
        rates, chain = process.rates(), layout.grouped_chain(process, 1.5)
        start = sweep.all_masked(rates)
        if started:
            start = np.random.default_rng(seed).random(process.shape) * (process.problem.target_table > 0)
            start /= start.sum()
        points, weights, _ = rational.rational(0.7, length)
        plain = np.real(np.tensordot(weights[0], resolvent(rates, points, start), axes=1))
        law, wrong = resolvents.law(chain, 0.7, chain.layout.from_lattice(start) if started else np.empty(0))
        assert np.abs(law.reshape(process.shape) - plain).max() < 1e-12 and law.min() >= 0 and not wrong


@pytest.mark.parametrize("vocab_size, length", [(2, 1), (5, 1), (3, 2), (2, 5), (3, 4)])
@pytest.mark.parametrize("started", [False, True])
def test_many_clocks_against_the_plain_numpy(vocab_size, length, started, monkeypatch):
    process = mg.GuidedProcess(random_problem(3, vocab_size, length, zeros=0.3), mg.Guidance("product", 1.5))
    rates, chain = process.rates(), layout.grouped_chain(process, 1.5)
    start = sweep.all_masked(rates)
    if started:
        start = np.random.default_rng(1).random(process.shape) * (process.problem.target_table > 0)
        start /= start.sum()
    points, weights, _ = contour.hyperbola(np.geomspace(0.3, 3, 20), length)
    plain = np.real(np.tensordot(weights, resolvent(rates, points, start), axes=1))
    for together in (7, 1024):
        monkeypatch.setattr(shared_contour, "AT_A_TIME", together)
        begin = chain.layout.from_lattice(start) if started else np.empty(0)
        found, wrong = shared_contour.laws(chain, points, weights, begin)
        assert np.abs(found.reshape(plain.shape) - plain).max() < 1e-12 and found.min() >= 0 and not wrong


@njit
def shares(nodes, points, rate, factor, found):
    complex_vectors.keep(
        resolvents.share(complex_vectors.plus(complex_vectors.alike(3.0, nodes), found, 0), points, rate, factor),
        found,
        0,
    )


@pytest.mark.parametrize("nodes", [10, 12])
@pytest.mark.parametrize("rate", [0.0, 7.5, 1e59, 1e61, 1e200])
def test_complex_vectors_are_divided_at_any_rate(nodes, rate):
    rng = np.random.default_rng(nodes)
    points, values = (rng.normal(size=nodes) + 1j * rng.normal(size=nodes) for _ in range(2))
    found = complex_vectors.interleaved(values)
    shares((0,) * nodes, complex_vectors.divisors(points), rate, 0.5, found)
    np.testing.assert_allclose(found, complex_vectors.interleaved(0.5 * (values + 3) / (points + rate)), rtol=1e-13)


def test_states_whose_potential_vanishes_send_nothing_on():
    # The first token 0 is rare in the target, so G(0, mask) ~ 1e-370 is below the range, while G(0, 1) ~ 1e-2 is not.
    laws = np.array([[[0.0, 1e-12], [0.5, 0.5 - 1e-12]], [[0.9, 0.0], [0.05, 0.05]]])
    process = mg.GuidedProcess(mg.TableProblem(laws, [0.5, 0.5]), mg.Guidance("product", 33.0))
    chain = layout.grouped_chain(process, 33.0)
    potential = chain.layout.to_lattice(chain.potential)
    assert potential[0, 2] == 0 < potential[0, 1]
    exact = oracle.transient_law(process.problem, "product", 33.0, 1.0, binary=True).astype(float)
    together = shared_contour.laws(chain, *contour.hyperbola(np.array([1.0]), 2)[:2], np.empty(0))[0][0]
    for law in (resolvents.law(chain, 1.0, np.empty(0))[0], together):
        assert np.abs(law.reshape(process.shape) - exact).sum() < 1e-12


def test_beyond_fifteen_coordinates_a_hyperbola_serves():
    assert rational.serves(15) and not rational.serves(16)
    assert contour.quadrature(np.array([1.0]), 16)[0].size > rational.NODES
    assert contour.quadrature(np.array([1.0]), 15)[0].size == rational.NODES


def test_few_clocks_one_by_one_and_many_together():
    clocks = np.array([1.0, 0.5, 30.0])
    assert [h.tolist() for h in contour.quadrature_groups(clocks, 8)] == [[1], [0], [2]]
    assert [h.size for h in contour.quadrature_groups(np.geomspace(1, 9, 20), 8)] == [20]
    assert [h.size for h in contour.quadrature_groups(clocks, 20)] == [2, 1]


def test_segments_and_prompts_through_the_kernel():
    process = mg.GuidedProcess(random_problem(2, 2, 8), mg.Guidance("product", mg.WeightSchedule([0.5], [3.0, 0.0])))
    prompt, plain = [0, 2, 2, 1, 2, 2, 2, 2], sweep.starting_law(process, [0, 2, 2, 1, 2, 2, 2, 2])
    for segment, weight in zip((np.log(2), 1.3 - np.log(2)), (3.0, 0.0), strict=True):
        points, weights, _ = rational.rational(segment, 8)
        plain = np.real(np.tensordot(weights[0], resolvent(process.rates(weight), points, plain), axes=1))
    law = mg.transient_law(process, 1.3, start=prompt)
    assert 2 * law.tv(plain) < 1e-12 and law.method == "contour"
    assert law.probs[1].sum() == 0 and law.probs[0].sum() == pytest.approx(1)
