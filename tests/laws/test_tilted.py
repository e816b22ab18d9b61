"""The rule "tilted": its terminal law is the tilted law at every D, against brute force in plain Python."""

import copy
import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import maskguide as mg
from maskguide import process as process_module
from maskguide.guidance.rules import RULES
from maskguide.laws.tilted import log_h, tilted_law

from ..conftest import random_problem
from ..problems.test_table import counts, from_counts

weights = st.one_of(st.sampled_from([-1.0, 0.0, 8.0]), st.floats(-0.99, 8))


def tilted_by_hand(problem, weight):
    """p_z^(1+w) p^(-w) / Z, state by state; p at w = -1."""
    states = list(itertools.product(range(problem.vocab_size), repeat=problem.length))
    laws = problem.class_laws
    unconditional = {y: math.fsum(a * law[y] for a, law in zip(problem.prior, laws, strict=True)) for y in states}
    target = {y: float(laws[problem.target][y]) for y in states}
    if weight == -1:
        return unconditional, 1.0
    values = {y: p ** (1 + weight) / unconditional[y] ** weight if p > 0 else 0.0 for y, p in target.items()}
    total = math.fsum(values.values())
    return {y: v / total for y, v in values.items()}, total


def as_array(problem, values):
    return np.array([values[y] for y in np.ndindex(problem.target_law.shape)]).reshape(problem.target_law.shape)


@settings(deadline=None, max_examples=60)
@given(counts(), weights)
@example(np.array([[[2, 1], [0, 0]], [[0, 1], [3, 0]]]), -1.0)
@example(np.array([[[2, 1], [0, 0]], [[0, 1], [3, 0]]]), -0.5)
def test_terminal_law_is_the_tilted_law(laws, weight):
    problem = from_counts(laws)
    expected = as_array(problem, tilted_by_hand(problem, weight)[0])
    terminal = mg.terminal_law(mg.GuidedProcess(problem, mg.Guidance("tilted", weight)))
    np.testing.assert_allclose(terminal.probs, expected, rtol=1e-11, atol=0)
    np.testing.assert_allclose(tilted_law(problem, weight).probs, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("vocab", "length"), [(6, 1), (5, 2), (3, 4), (2, 7)])
@pytest.mark.parametrize("weight", [-1.0, -0.5, 0.0, 1.0, 8.0])
def test_terminal_law_at_every_dimension(vocab, length, weight):
    problem = random_problem(vocab + length, vocab, length, num_classes=3)
    expected = as_array(problem, tilted_by_hand(problem, weight)[0])
    terminal = mg.terminal_law(mg.GuidedProcess(problem, mg.Guidance("tilted", weight)))
    np.testing.assert_allclose(terminal.probs, expected, rtol=1e-11, atol=0)


@settings(deadline=None, max_examples=40)
@given(counts(), st.floats(-0.99, 8))
def test_h_is_a_conditional_expectation_and_the_rates_are_doobs(laws, weight):
    problem = from_counts(laws)
    mask, target, unconditional = problem.vocab_size, problem.target_table, problem.unconditional_table
    h = np.exp(log_h(problem, weight))
    for x in np.ndindex(target.shape):
        completions = itertools.product(*(range(mask) if v == mask else [v] for v in x))
        terms = [target[y] / target[x] * (target[y] / unconditional[y]) ** weight for y in completions if target[y] > 0]
        assert h[x] == pytest.approx(math.fsum(terms), rel=1e-11)
    assert h[(-1,) * problem.length] == pytest.approx(tilted_by_hand(problem, weight)[1], rel=1e-11)
    for i, edge in enumerate(mg.GuidedProcess(problem, mg.Guidance("tilted", weight)).rates().edges):
        for y in np.ndindex(edge.shape):
            x = (*y[:i], mask, *y[i + 1 :])
            expected = target[y] / target[x] * h[y] / h[x] if target[y] > 0 else 0.0
            assert edge[y] == pytest.approx(expected, rel=1e-11)


@settings(deadline=None, max_examples=30)
@given(counts(), st.floats(-1, 8), st.floats(0.05, 5))
def test_hazards_are_one_and_tv_does_not_depend_on_the_weight(laws, weight, clock):
    problem = from_counts(laws)
    process = mg.GuidedProcess(problem, mg.Guidance("tilted", weight))
    expected = 1 - (1 - math.exp(-clock)) ** problem.length
    assert float(mg.tv_decay(process, clock)) == pytest.approx(expected, rel=1e-10)


def test_w_zero_is_conditional_and_minus_one_unconditional(fading):
    for weight, law in ((0.0, fading.target_law), (-1.0, fading.unconditional_law)):
        terminal = mg.terminal_law(mg.GuidedProcess(fading, mg.Guidance("tilted", weight)))
        np.testing.assert_allclose(terminal.probs, law, rtol=1e-14)
    np.testing.assert_allclose(log_h(fading, -1.0), 0.0, atol=1e-15)


def test_nothing_underflows_at_huge_weights():
    problem = mg.TableProblem([[[0.7, 0.1], [0.1, 0.1]], [[0.1, 0.1], [0.1, 0.7]]], [0.5, 0.5])
    process = mg.GuidedProcess(problem, mg.Guidance("tilted", 5000.0))
    exit_rates = process.exit_rates()
    np.testing.assert_allclose(exit_rates[:2, 2], 1.0, rtol=1e-14)  # e^-4000 away, and still with a way out
    assert mg.terminal_law(process).probs[0, 0] == pytest.approx(1)
    assert log_h(problem, 5000.0)[-1, -1] == pytest.approx(math.log(0.7) + 5000 * math.log(0.7 / 0.4), rel=1e-12)


def test_a_schedule_switches_between_the_chains_of_its_weights():
    # docs/theory.md 2.5 with tilted laws in place of the normalized rule's
    problem = random_problem(3, 3, 2)
    levels, values = [0.7, 0.2], [0.0, 4.0, 1.0]
    lengths = [0.3, 0.5, 0.2]
    laws = [tilted_law(problem, w).probs for w in values]
    expected = np.zeros_like(laws[0])
    for (i, a), (j, b) in itertools.product(enumerate(laws), repeat=2):
        if i <= j:
            share = lengths[i] ** 2 if i == j else 2 * lengths[i] * lengths[j]
            rows = a.sum(axis=1, keepdims=True) * b / np.maximum(b.sum(axis=1, keepdims=True), 1e-300)
            columns = a.sum(axis=0, keepdims=True) * b / np.maximum(b.sum(axis=0, keepdims=True), 1e-300)
            expected += share * (rows + columns) / 2
    guidance = mg.Guidance("tilted", mg.WeightSchedule(levels, values))
    terminal = mg.terminal_law(mg.GuidedProcess(problem, guidance))
    np.testing.assert_allclose(terminal.probs, expected, atol=1e-11)
    assert all(terminal.tv(law) > 1e-3 for law in laws)  # a schedule has no tilted law of its own


def test_product_and_normalized_are_not_the_tilted_law_in_two_dimensions(separating):
    for rule in ("product", "normalized"):
        one_step = mg.terminal_law(mg.GuidedProcess(separating, mg.Guidance(rule, 3.0)))
        assert one_step.tv(tilted_law(separating, 3.0)) > 0.01


@pytest.mark.parametrize("weight", [-1.5, math.inf, math.nan, "high"])
def test_bad_weights(fading, weight):
    for call in (tilted_law, log_h):
        with pytest.raises(mg.InputError, match="weight"):
            call(fading, weight)


def without_h(rule, problem, weight, axis):
    return dataclasses.replace(rule, table_rates=None).edges(problem, weight, axis)


def one_too_many(rule, problem, weight, axis):
    return RULES["tilted"].edges(problem, weight + 1, axis)


def swapped(rule, problem, weight, axis):
    return RULES["tilted"].edges(problem, -weight if weight <= 1 else -1.0, axis)


@pytest.mark.parametrize("mutant", [None, without_h, one_too_many, swapped])
def test_a_wrong_transform_is_found(separating, monkeypatch, mutant):
    expected = as_array(separating, tilted_by_hand(separating, 3.0)[0])
    if mutant is not None:
        monkeypatch.setattr(process_module, "_edge", lambda p, r, w, i: np.moveaxis(mutant(r, p, w, i), -1, i).copy())
    found = mg.terminal_law(mg.GuidedProcess(copy.copy(separating), mg.Guidance("tilted", 3.0))).probs
    assert np.allclose(found, expected, rtol=1e-3) == (mutant is None)
