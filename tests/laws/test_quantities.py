"""Reveals, posteriors, mutual information and divergences against loops over states, in plain Python."""

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import maskguide as mg
from maskguide.laws.quantities import (
    class_law,
    class_posterior,
    divergences,
    expected_reveals,
    mutual_information,
    posterior_table,
)
from maskguide.laws.tilted import tilted_law

from ..conftest import random_problem
from ..problems.test_table import brute_force_marginal, counts, from_counts

rules = st.sampled_from(["product", "normalized", "tilted"])
clocks = st.sampled_from([0.0, 0.3, 2.0, math.inf])


def law_by_expm(process, clock):
    """state -> probability, from the dense rate matrix."""
    start = np.zeros(int(np.prod(process.shape)))
    start[-1] = 1.0
    law = start @ scipy.linalg.expm(min(clock, 300.0) * process.rate_matrix().toarray())
    return dict(zip(np.ndindex(process.shape), law, strict=True))


@settings(deadline=None, max_examples=25)
@given(counts(), rules, st.floats(-1, 4), clocks)
def test_reveals_and_posteriors_are_sums_over_states(laws, rule, weight, clock):
    problem = from_counts(laws)
    process = mg.GuidedProcess(problem, mg.Guidance(rule, weight))
    law, mask = law_by_expm(process, clock), problem.vocab_size
    reveals = math.fsum(p * sum(v != mask for v in x) for x, p in law.items())
    late = 1e-9 if clock == math.inf else 1e-11  # 300 is not inf
    assert float(expected_reveals(process, clock)) == pytest.approx(reveals, abs=late)
    unconditional = sum(a * k for a, k in zip(problem.exact_prior, problem.exact_class_laws, strict=True))
    expected = np.zeros(problem.num_classes)
    for x, p in law.items():
        whole = brute_force_marginal(unconditional, x)
        for k in range(problem.num_classes):
            part = problem.exact_prior[k] * brute_force_marginal(problem.exact_class_laws[k], x)
            assert posterior_table(problem)[k][x] == pytest.approx(float(part / whole) if whole else 0.0, rel=1e-12)
            expected[k] += p * float(part / whole) if whole else 0.0
    np.testing.assert_allclose(class_posterior(process, clock), expected, atol=late)


def test_unit_hazards_reveal_like_independent_exponentials(fading):
    at = np.array([0.0, 0.5, 3.0, np.inf])
    for rule in ("normalized", "tilted"):
        process = mg.GuidedProcess(fading, mg.Guidance(rule, 5.0))
        np.testing.assert_allclose(expected_reveals(process, at), 2 * -np.expm1(-at), atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(counts())
def test_the_posterior_of_the_unconditional_chain_is_a_martingale(laws):
    problem = from_counts(laws)
    process = mg.GuidedProcess(problem, mg.Guidance("product", -1.0))
    for row in class_posterior(process, [0.0, 0.7, 4.0, np.inf]):
        np.testing.assert_allclose(row, problem.prior, atol=1e-12)


def test_guidance_raises_the_posterior_of_the_target(separating):
    at = [0.0, 1.0, np.inf]
    found = {w: class_posterior(mg.GuidedProcess(separating, mg.Guidance("product", w)), at) for w in (-1.0, 0.0, 4.0)}
    z = separating.target
    assert found[4.0].shape == (3, 2)
    np.testing.assert_allclose(found[4.0].sum(axis=1), 1)
    assert found[4.0][0, z] == found[0.0][0, z] == 0.5
    for late in (1, 2):
        assert found[4.0][late, z] > found[0.0][late, z] > found[-1.0][late, z]


# Mutual information --------------------------------------------------------------------------------------


def entropy_of(probabilities):
    return -math.fsum(p * math.log(p) for p in probabilities if p > 0)


@settings(deadline=None, max_examples=25)
@given(counts(), st.sampled_from([0.4, math.inf]))
def test_mutual_information_is_a_difference_of_entropies(laws, clock):
    process = mg.GuidedProcess(from_counts(laws), mg.Guidance("product", 1.5))
    for law in (mg.terminal_law(process), mg.transient_law(process, clock)):
        found = mutual_information(law)
        for i, j in itertools.product(range(law.length), repeat=2):
            pairs, ones, others = {}, {}, {}
            for x in np.ndindex(law.probs.shape):
                p = float(law.probs[x])
                pairs[x[i], x[j]] = pairs.get((x[i], x[j]), 0) + p
                ones[x[i]], others[x[j]] = ones.get(x[i], 0) + p, others.get(x[j], 0) + p
            expected = entropy_of(ones.values()) + entropy_of(others.values()) - entropy_of(pairs.values())
            assert found[i, j] == pytest.approx(expected, abs=1e-12)


def test_mutual_information_known_cases():
    copies = mg.TableProblem([[[0.5, 0], [0, 0.5]]], [1.0])
    np.testing.assert_allclose(mutual_information(class_law(copies)), math.log(2), rtol=1e-14)
    p, tiny = np.outer([0.3, 0.7], [0.6, 0.4]), 1e-7 * np.array([[1, -1], [-1, 1]])
    nearly = mg.TableProblem([p + tiny], [1.0])
    expected = 0.5 * (tiny**2 / p).sum()  # to second order; entropies would leave one digit of these 1e-13
    assert mutual_information(class_law(nearly))[0, 1] == pytest.approx(expected, rel=1e-5)
    several = mg.transient_law(mg.GuidedProcess(copies, mg.Guidance()), [0.1, 2.0])
    assert mutual_information(several).shape == (2, 2, 2)
    assert mutual_information(several)[1, 0, 1] > mutual_information(several)[0, 0, 1]


# Divergences ---------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(counts(), st.floats(0, 5))
def test_divergences_are_sums_over_states(laws, weight):
    problem = from_counts(laws)
    law = mg.terminal_law(mg.GuidedProcess(problem, mg.Guidance("product", weight)))
    for other in (class_law(problem), tilted_law(problem, weight), problem.unconditional_law):
        q = getattr(other, "probs", other)
        pairs = [(float(law.probs[x]), float(q[x])) for x in np.ndindex(q.shape)]
        found = divergences(law, other)
        assert float(found.tv) == pytest.approx(sum(abs(a - b) for a, b in pairs) / 2, abs=1e-14)
        assert float(found.kl) == pytest.approx(sum(a * math.log(a / b) for a, b in pairs if a > 0), abs=1e-12)
        backwards = sum(b * math.log(b / a) if a > 0 else math.inf for a, b in pairs if b > 0)
        assert float(found.reverse_kl) == pytest.approx(backwards, abs=1e-12)
        assert found.kl >= 2 * found.tv**2 - 1e-15  # Pinsker


def test_divergences_along_the_clock(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    along, end = mg.transient_law(process, [0.5, 2.0, np.inf]), mg.transient_law(process, np.inf)
    found = divergences(along, end)
    np.testing.assert_allclose(found.tv, mg.tv_decay(process, [0.5, 2.0, np.inf]), atol=1e-12)
    assert list(np.isinf(found.kl)) == [True, True, False] and found.kl[2] == pytest.approx(0, abs=1e-12)


def test_class_laws_by_name_and_number():
    problem = random_problem(1, 2, 3, num_classes=3)
    for k in range(3):
        np.testing.assert_array_equal(class_law(problem, k).probs, problem.class_laws[k])
        np.testing.assert_array_equal(class_law(problem, f"class {k}").probs, problem.class_laws[k])
    np.testing.assert_array_equal(class_law(problem).probs, problem.target_law)
    for label in (3, "class 9", -1):
        with pytest.raises(mg.InputError, match="class"):
            class_law(problem, label)


def test_laws_of_other_states_do_not_compare(fading):
    process = mg.GuidedProcess(fading, mg.Guidance())
    with pytest.raises(mg.InputError, match="the same states"):
        divergences(mg.terminal_law(process), mg.transient_law(process, 1.0))


@pytest.mark.parametrize("call", [expected_reveals, class_posterior])
def test_bad_clocks(fading, call):
    with pytest.raises(mg.InputError, match="clock"):
        call(mg.GuidedProcess(fading, mg.Guidance()), -1.0)
