"""The discrete counterpart of angle-domain guidance: classes on a grid, and exact measures of their guided laws."""

import numpy as np
import pytest

import maskguide as mg
from maskguide import InputError
from maskguide.gaussian import Mixture
from maskguide.papers.angle.discrete import DISCRETE_RULES, clipping, discrete_measures, discretised, grid
from maskguide.papers.angle.measures import classes_on_a_sphere

PROBLEM = discretised(classes_on_a_sphere(2, 3, 1.5), 9, 4.0)


def test_classes_on_the_grid():
    mixture, nodes = classes_on_a_sphere(2, 3, 1.5), grid(9, 4.0)
    points = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    for k in range(3):
        density = np.exp(mixture.given(k).log_density(points))
        np.testing.assert_allclose(PROBLEM.class_laws[k].ravel(), density / density.sum(), rtol=1e-10)


@pytest.mark.parametrize("rule", DISCRETE_RULES)
def test_no_weight_is_the_class(rule):
    found = discrete_measures(PROBLEM, 4.0, rule, 0.0)
    assert (found.entropy, found.along, found.spread, found.hazard) == pytest.approx((1, 1, 1, 1), rel=1e-12)
    assert (found.norm_distance, found.norm_shift, found.clipped, found.removed) == pytest.approx((0,) * 4, abs=1e-12)
    assert 0 < found.atypical <= 0.01


def test_measures_written_out():
    law = mg.terminal_law(mg.GuidedProcess(PROBLEM, mg.Guidance("product", 2.0))).probs
    own, nodes = PROBLEM.target_law, grid(9, 4.0)
    found = discrete_measures(PROBLEM, 4.0, "product", 2.0)
    x, y = np.meshgrid(nodes, nodes, indexing="ij")
    norms = np.hypot(x, y)
    assert found.norm_shift == pytest.approx((law * norms).sum() / (own * norms).sum() - 1, rel=1e-10)
    variance = [sum((p * v**2).sum() - (p * v).sum() ** 2 for v in (x, y)) for p in (law, own)]
    assert found.spread == pytest.approx(variance[0] / variance[1], rel=1e-10)
    assert found.entropy == pytest.approx((law * np.log(law)).sum() / (own * np.log(own)).sum(), rel=1e-10)
    conditional = [t[:-1, -1] for t in (PROBLEM.target_table, PROBLEM.unconditional_table)]
    other = [t[-1, :-1] for t in (PROBLEM.target_table, PROBLEM.unconditional_table)]
    hazard = sum((p**3 / q**2).sum() for p, q in (conditional, other)) / 2
    assert found.hazard == pytest.approx(hazard, rel=1e-10)
    gone = own <= np.sort(own.ravel())[np.flatnonzero(np.cumsum(np.sort(own.ravel())) <= 0.01)[-1]]
    assert found.atypical == pytest.approx(law[gone].sum(), rel=1e-9)


def test_clipping_written_out_for_one_coordinate():
    problem = mg.TableProblem([[0.1, 0.3, 0.6], [0.9, 0.1, 0.0]], [0.5, 0.5])
    theta = np.arccos(np.sqrt([0.05, 0.06, 0.18]).sum())
    leaves = (np.pi / 2 + np.arctan2(np.sqrt(0.2) - np.cos(theta), np.sin(theta))) / theta - 1  # token 0
    for w, expected in ((leaves - 1e-6, (0, 0)), (leaves + 1e-6, (1, 0.1)), (3 * leaves, (1, 0.1))):
        assert clipping(mg.GuidedProcess(problem, mg.Guidance("spherical", w))) == pytest.approx(expected, rel=1e-12)
    capped = mg.GuidedProcess(problem, mg.Guidance("spherical", 3 * leaves, cap=0.99 * leaves * theta))
    assert clipping(capped) == (0, 0)


def test_the_cap_keeps_what_the_rotation_alone_drives_to_the_edge():
    far, near = (discrete_measures(PROBLEM, 4.0, rule, 14.0) for rule in ("spherical", "capped"))
    assert far.atypical > 0.1 > 0.02 > near.atypical
    assert far.removed > near.removed > 0
    w = np.array([1.0, 4.0, 14.0])
    spherical, capped = ([discrete_measures(PROBLEM, 4.0, r, v).norm_shift for v in w] for r in ("spherical", "capped"))
    assert spherical[2] > 5 * capped[2] and abs(capped[2] - capped[1]) < 0.05


BAD = {
    "weight": lambda: discrete_measures(PROBLEM, 4.0, "capped", -0.5),
    "rule": lambda: discrete_measures(PROBLEM, 4.0, "predictor", 1.0),
    "reach": lambda: discretised(classes_on_a_sphere(2, 3, 1.5), 9, 0.0),
    "tokens": lambda: discretised(classes_on_a_sphere(2, 3, 1.5), 1, 4.0),
    "classes of two components": lambda: discretised(Mixture([[0.0], [1.0]]), 9, 4.0),
    "full covariance": lambda: discretised(Mixture([[0.0, 0.0]], np.eye(2)[None]), 9, 4.0),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    with pytest.raises(InputError):
        BAD[case]()
