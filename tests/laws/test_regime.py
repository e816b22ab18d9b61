"""The four decay regimes: recognised, explained, and their slopes shown by TV itself."""

import numpy as np
import pytest
import sympy
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import maskguide as mg
from maskguide.laws.lattice.sweep import all_masked, visits
from maskguide.laws.law import masked_states
from maskguide.laws.regime import log_minus_log

from ..conftest import random_problem, table

EXAMPLES = {
    "flat": ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
    "double-exponential": ([[12, 2], [2, 1]], [[1, 2], [2, 12]]),
    "exponential": ([[1, 1, 1], [8, 1, 1], [8, 1, 1]], [[4, 4, 4], [1, 8, 1], [1, 1, 8]]),
    "saturating": ([[1, 1, 0], [1, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 1], [0, 1, 1]]),
}


def regime(problem, rule="product", weight=0.0):
    return mg.decay_regime(mg.GuidedProcess(problem, mg.Guidance(rule, weight)))


def tv(problem, weight, clock=1.0):
    return float(mg.tv_decay(mg.GuidedProcess(problem, mg.Guidance("product", weight)), clock))


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example(name):
    found = regime(table(*EXAMPLES[name]))
    assert found.regime == name
    assert found.sentence.startswith(name)
    assert regime(table(*EXAMPLES[name]), "normalized").regime == "flat"


def test_slopes_are_those_of_tv():
    double = table(*EXAMPLES["double-exponential"])
    logs = [mg.tv_decay(mg.GuidedProcess(double, mg.Guidance("product", w)), 1.0, log=True) for w in (100.0, 101.0)]
    slope = np.diff(log_minus_log(np.array(logs)))[0]
    assert slope == pytest.approx(regime(double).exponent, abs=1e-4)
    fading = table(*EXAMPLES["exponential"])
    assert np.log(tv(fading, 81.0) / tv(fading, 80.0)) == pytest.approx(regime(fading).exponent, abs=1e-6)


def test_causes_are_the_contexts_that_hold_the_mass():
    fading = table(*EXAMPLES["exponential"])
    assert regime(fading).causes == ((0, 3),)
    rates = mg.GuidedProcess(fading, mg.Guidance("product", 20.0)).rates()
    law = mg.transient_law(mg.GuidedProcess(fading, mg.Guidance("product", 20.0)), 3.0).probs
    assert np.unravel_index((law * masked_states(fading)).argmax(), law.shape) == (0, 3)
    assert rates.exit[0, 3] == pytest.approx(1.0, rel=1e-13)


def test_fully_masked_state_can_be_blind():
    """No single coordinate tells the classes apart: the start itself waits, whatever the weight."""
    found = regime(table([[1, 0], [0, 1]], [[0, 1], [1, 0]]))
    assert found.regime == "saturating"
    assert (2, 2) in found.causes
    assert tv(table([[1, 0], [0, 1]], [[0, 1], [1, 0]]), 40.0) == pytest.approx(np.exp(-2), rel=1e-6)


def test_a_single_class_is_flat():
    assert regime(mg.TableProblem([[[0.5, 0.25], [0.25, 0.0]]], [1.0])).regime == "flat"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_blind_contexts_are_those_of_unit_hazard(seed, length):
    """Blind by the ratio rule is the same as R(x) = |M(x)| at several weights."""
    problem = random_problem(seed, 2, length)
    found = regime(problem)
    masks = (np.indices((3,) * length) == 2).sum(axis=0)
    rates = [mg.GuidedProcess(problem, mg.Guidance("product", w)).rates() for w in (0.7, 3.0)]
    waits = np.all([np.isclose(r.exit, masks, rtol=1e-9) for r in rates], axis=0)
    reachable = (visits(rates[0], all_masked(rates[0])) > 0) & masked_states(problem)
    assert {tuple(int(i) for i in s) for s in np.argwhere(waits & reachable)} == set(found.blind_contexts)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=8, max_size=8))
@example([0, 0, 2, 6, 1, 1, 2, 2])  # two contexts of one rho: the smaller share of it decides
def test_max_plus_sweep_against_path_enumeration(counts):
    """The numeric classification equals the symbolic one, which enumerates unmasking orders in exact arithmetic."""
    target, other = np.array(counts[:4]).reshape(2, 2), np.array(counts[4:]).reshape(2, 2)
    assume(target.sum() > 0 and other.sum() > 0)
    problem = table(target, other)
    found, exact = regime(problem), mg.symbolic.tv_asymptotics(problem)
    assert found.regime == exact.regime
    if found.regime == "exponential":
        assert found.exponent == pytest.approx(float(sympy.log(exact.base)), abs=1e-12)
    if found.regime != "flat":
        assert set(found.causes) == set(exact.contexts)


def test_predictor_temperature_divides_the_slope():
    process = [mg.GuidedProcess(table(*EXAMPLES["double-exponential"]), mg.Guidance("predictor", w, temperature=2.0))
               for w in (200.0, 202.0)]  # fmt: skip
    logs = np.array([mg.tv_decay(p, 1.0, log=True) for p in process])
    assert np.diff(log_minus_log(logs))[0] / 2 == pytest.approx(mg.decay_regime(process[0]).exponent, abs=1e-4)


def test_contrastive_is_blind_against_its_negative_class():
    laws = [[[0.5, 0.1], [0.3, 0.1]], [[0.1, 0.5], [0.3, 0.1]], [[0.25, 0.25], [0.25, 0.25]]]
    problem = mg.TableProblem(laws, [0.3, 0.3, 0.4])
    found = mg.decay_regime(mg.GuidedProcess(problem, mg.Guidance("contrastive", 2.0, negative=1)))
    assert (1, 2) in found.blind_contexts  # the second row is alike in classes 0 and 1, not in class 2
    assert (1, 2) not in regime(problem).blind_contexts
    rates = mg.GuidedProcess(problem, mg.Guidance("contrastive", 7.0, negative=1)).rates()
    assert rates.exit[1, 2] == pytest.approx(1.0, rel=1e-12)


def test_unit_hazard_rules_are_flat_and_a_fixed_coefficient_is_refused():
    problem = table(*EXAMPLES["saturating"])
    assert {regime(problem, rule).regime for rule in ("normalized", "spherical", "tilted")} == {"flat"}
    with pytest.raises(mg.InputError, match="gamma0"):
        mg.decay_regime(mg.GuidedProcess(problem, mg.Guidance("rectified", 2.0, gamma0=-1.0)))
