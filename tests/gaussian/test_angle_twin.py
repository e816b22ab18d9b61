"""The masked twin of angle-domain guidance: rotations against the rule, the sweep against the engine."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import maskguide as mg
from maskguide import InputError
from maskguide.gaussian import Mixture
from maskguide.gaussian.angle_measures import classes_on_a_sphere
from maskguide.gaussian.angle_twin import (
    TWINS,
    capped_rates,
    clipping,
    discretised,
    grid,
    sweep,
    turned,
    twin_measures,
)
from maskguide.pointwise import normalized_rates, spherical_rates

from ..conftest import random_problem

CAP = np.pi / 3
PROBLEM = discretised(classes_on_a_sphere(2, 3, 1.5), 9, 4.0)


def laws(seed, tokens):
    return np.random.default_rng(seed).dirichlet(np.full(tokens, 0.5), 2) * 0.999 + 0.001 / tokens


@given(st.integers(0, 2**32), st.integers(2, 9), st.floats(0, 14))
def test_amplitudes_are_unit_vectors_on_the_circle(seed, tokens, w):
    target, mixture = laws(seed, tokens)
    a, b, s = np.sqrt(mixture), np.sqrt(target), turned(target, mixture, w, CAP)
    theta = np.arccos(np.clip(a @ b, -1, 1))
    turn = min(w * theta, CAP)
    assert np.linalg.norm(s) == pytest.approx(1, abs=1e-12)
    assert s @ b == pytest.approx(np.cos(turn), abs=1e-7)
    assert s @ a == pytest.approx(np.cos(theta + turn), abs=1e-7)


@given(st.integers(0, 2**32), st.integers(2, 9), st.floats(0, 14))
def test_capped_is_spherical_at_the_weight_of_the_cap_and_never_empty(seed, tokens, w):
    target, mixture = laws(seed, tokens)
    theta = 2 * np.arcsin(min(1.0, np.linalg.norm(np.sqrt(target) - np.sqrt(mixture)) / 2))
    got = capped_rates(target, mixture, w)
    np.testing.assert_allclose(got, spherical_rates(target, mixture, min(w, CAP / theta)), atol=1e-9)
    assert got.sum() == pytest.approx(1, abs=1e-12)


@given(st.integers(0, 2**32), st.integers(2, 9))
def test_a_turn_below_a_right_angle_leaves_a_token(seed, tokens):
    """sqrt(p_z / p) >= 1 / cos(theta) for the largest ratio, so that its token goes at pi/2 past b or later."""
    target, mixture = laws(seed, tokens)
    s = turned(target, mixture, 1e6, np.pi / 2 * (1 - 1e-9))
    assert s.max() > 0
    cosine = np.sqrt(target) @ np.sqrt(mixture)
    assert np.sqrt((target / mixture).max()) >= 1 / cosine - 1e-12


def test_equal_laws_are_left_alone():
    p = laws(1, 5)[0]
    np.testing.assert_allclose(capped_rates(p, p, 9.0), p, rtol=1e-12)


def enumerated(problem, rates):
    """The final law by going through all orders of reveals, coordinate by coordinate."""
    D, N = problem.length, problem.vocab_size
    law = np.zeros((N,) * D)
    orders = list(permutations(range(D)))
    for y in np.ndindex(*law.shape):
        for order in orders:
            context, chance = [N] * D, 1.0
            for i in order:
                rows = [tuple([*context[:i], slice(0, N), *context[i + 1 :]]) for _ in range(2)]
                tables = problem.target_table[rows[0]], problem.mixture_table[rows[1]]
                if tables[0].sum() == 0:
                    chance = 0.0
                    break
                chance *= rates(*(t / t.sum() for t in tables))[y[i]]
                context[i] = y[i]
            law[y] += chance / len(orders)
    return law


@pytest.mark.parametrize("seed", [0, 1])
def test_the_sweep_against_all_orders(seed):
    problem = random_problem(seed, vocab_size=3, length=3, zeros=0.0)
    for rates in (lambda p, q: capped_rates(p, q, 5.0), lambda p, q: normalized_rates(p, q, 2.0)):
        passed = sweep(problem, rates)
        np.testing.assert_allclose(passed[:-1, :-1, :-1], enumerated(problem, rates), rtol=1e-11, atol=1e-15)
        assert passed[-1, -1, -1] == 1
        assert passed[:-1, -1, -1].sum() == pytest.approx(
            1 / 3, rel=1e-12
        )  # coordinate 0 is first in one case of three


@pytest.mark.parametrize("w", [0.5, 3.0, 11.0])
def test_the_sweep_against_the_engine(w):
    theirs = mg.terminal_law(mg.GuidedProcess(PROBLEM, mg.Guidance("spherical", w))).probs
    np.testing.assert_allclose(sweep(PROBLEM, lambda p, q: spherical_rates(p, q, w))[:-1, :-1], theirs, atol=1e-14)


def test_classes_on_the_grid():
    mixture, nodes = classes_on_a_sphere(2, 3, 1.5), grid(9, 4.0)
    points = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    for k in range(3):
        density = np.exp(mixture.given(k).log_density(points))
        np.testing.assert_allclose(PROBLEM.class_laws[k].ravel(), density / density.sum(), rtol=1e-10)


@pytest.mark.parametrize("rule", TWINS)
def test_no_weight_is_the_class(rule):
    found = twin_measures(PROBLEM, 4.0, rule, 0.0)
    assert (found.entropy, found.along, found.spread, found.hazard) == pytest.approx((1, 1, 1, 1), rel=1e-12)
    assert (found.norm_distance, found.norm_shift, found.clipped, found.removed) == pytest.approx((0,) * 4, abs=1e-12)
    assert 0 < found.atypical <= 0.01


def test_measures_written_out():
    law = mg.terminal_law(mg.GuidedProcess(PROBLEM, mg.Guidance("product", 2.0))).probs
    own, nodes = PROBLEM.target_law, grid(9, 4.0)
    found = twin_measures(PROBLEM, 4.0, "product", 2.0)
    x, y = np.meshgrid(nodes, nodes, indexing="ij")
    norms = np.hypot(x, y)
    assert found.norm_shift == pytest.approx((law * norms).sum() / (own * norms).sum() - 1, rel=1e-10)
    variance = [sum((p * v**2).sum() - (p * v).sum() ** 2 for v in (x, y)) for p in (law, own)]
    assert found.spread == pytest.approx(variance[0] / variance[1], rel=1e-10)
    assert found.entropy == pytest.approx((law * np.log(law)).sum() / (own * np.log(own)).sum(), rel=1e-10)
    conditional = [t[:-1, -1] for t in (PROBLEM.target_table, PROBLEM.mixture_table)]
    other = [t[-1, :-1] for t in (PROBLEM.target_table, PROBLEM.mixture_table)]
    hazard = sum((p**3 / q**2).sum() for p, q in (conditional, other)) / 2
    assert found.hazard == pytest.approx(hazard, rel=1e-10)
    gone = own <= np.sort(own.ravel())[np.flatnonzero(np.cumsum(np.sort(own.ravel())) <= 0.01)[-1]]
    assert found.atypical == pytest.approx(law[gone].sum(), rel=1e-9)


def test_clipping_written_out_for_one_coordinate():
    problem = mg.TableProblem([[0.1, 0.3, 0.6], [0.9, 0.1, 0.0]], [0.5, 0.5])
    theta = np.arccos(np.sqrt([0.05, 0.06, 0.18]).sum())
    leaves = (np.pi / 2 + np.arctan2(np.sqrt(0.2) - np.cos(theta), np.sin(theta))) / theta - 1  # token 0
    for w, expected in ((leaves - 1e-6, (0, 0)), (leaves + 1e-6, (1, 0.1)), (3 * leaves, (1, 0.1))):
        assert clipping(problem, lambda p, q, w=w: spherical_rates(p, q, w)) == pytest.approx(expected, rel=1e-12)


def test_the_cap_keeps_what_the_rotation_alone_drives_to_the_edge():
    far, near = (twin_measures(PROBLEM, 4.0, rule, 14.0) for rule in ("spherical", "capped"))
    assert far.atypical > 0.1 > 0.02 > near.atypical
    assert far.removed > near.removed > 0
    w = np.array([1.0, 4.0, 14.0])
    spherical, capped = ([twin_measures(PROBLEM, 4.0, r, v).norm_shift for v in w] for r in ("spherical", "capped"))
    assert spherical[2] > 5 * capped[2] and abs(capped[2] - capped[1]) < 0.05


BAD = {
    "weight": lambda: twin_measures(PROBLEM, 4.0, "capped", -0.5),
    "rule": lambda: twin_measures(PROBLEM, 4.0, "predictor", 1.0),
    "reach": lambda: discretised(classes_on_a_sphere(2, 3, 1.5), 9, 0.0),
    "tokens": lambda: discretised(classes_on_a_sphere(2, 3, 1.5), 1, 4.0),
    "classes of two components": lambda: discretised(Mixture([[0.0], [1.0]]), 9, 4.0),
    "full covariance": lambda: discretised(Mixture([[0.0, 0.0]], np.eye(2)[None]), 9, 4.0),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    with pytest.raises(InputError):
        BAD[case]()
