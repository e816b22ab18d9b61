"""Regions split the target's support by what it shares with other classes: against a pointwise definition."""

from fractions import Fraction as F

import numpy as np
from hypothesis import given, settings

import maskguide as mg

from .test_table import counts, from_counts


@settings(deadline=None)
@given(counts(largest=1))
def test_regions_follow_their_pointwise_definition(weights):
    problem = from_counts(weights)
    parts = mg.regions(problem)
    support = weights[0] > 0
    assert (sum(part.astype(int) for part in parts.values()) == support).all()  # disjoint, nothing left out
    for x in np.argwhere(support):
        assert parts[region_of(x, weights[1:])][tuple(x)]


def region_of(x, others):
    length = len(x)
    visits = [tuple(y) for law in others for y in np.argwhere(law > 0)]
    shared = [any(y[i] == x[i] for y in visits) for i in range(length)]
    if tuple(x) in visits:
        return "shared" if length == 1 else "point shared"
    if length == 1:
        return "private"
    if length > 2:
        return f"{sum(shared)} coordinates shared"
    return {
        (False, False): "both marginals private",
        (True, False): "only x0 shared",
        (False, True): "only x1 shared",
        (True, True): "both marginals shared, point private",
    }[tuple(shared)]


def test_the_five_regions_of_two_squares():
    parts = mg.regions(mg.zoo.get("squares-2d"))
    assert {name: int(part.sum()) for name, part in parts.items()} == {
        "both marginals private": 4,
        "only x0 shared": 2,
        "only x1 shared": 2,
        "both marginals shared, point private": 0,
        "point shared": 1,
    }
    assert parts["only x0 shared"][2, 0] and not parts["only x0 shared"][0, 2]


def test_cubes_by_the_number_of_shared_coordinates():
    sizes = {name: int(part.sum()) for name, part in mg.regions(mg.zoo.get("cubes-5d")).items()}
    assert sizes == {f"{k} coordinates shared": n for k, n in enumerate([32, 80, 80, 40, 10, 0])} | {"point shared": 1}


def test_a_class_of_prior_zero_shares_nothing():
    laws = [[F(1, 2), F(1, 2)], [1, 0]]
    assert mg.regions(mg.TableProblem(laws, [1, 0]))["private"].tolist() == [True, True]
    assert mg.regions(mg.TableProblem(laws, [F(1, 2), F(1, 2)]))["private"].tolist() == [False, True]


def test_regions_carry_the_names_of_coordinates():
    problem = mg.TableProblem([[[0.5, 0.5], [0, 0]]], [1.0], coordinate_names=["age", "income"])
    assert list(mg.regions(problem))[1:3] == ["only age shared", "only income shared"]
