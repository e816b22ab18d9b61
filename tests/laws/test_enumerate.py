"""The oracle itself, against hand computation and identities that do not use it."""

from fractions import Fraction as F

import mpmath
import numpy as np
import pytest
import sympy

import maskguide as mg
from tests.oracles import enumerate as oracle

OVERLAP = mg.TableProblem([[F(3, 4), F(1, 4), 0], [0, F(1, 2), F(1, 2)]], [F(1, 3), F(2, 3)])
CORRELATED = mg.TableProblem(
    [[[F(12, 17), F(2, 17)], [F(2, 17), F(1, 17)]], [[F(1, 17), F(2, 17)], [F(2, 17), F(12, 17)]]], [F(1, 2)] * 2
)


def test_one_dimension_by_hand():
    # p = (1/4, 5/12, 1/3); w = 1: p_z^2/p = (9/4, 3/20), so Z = 12/5 and P = (15/16, 1/16).
    assert oracle.rates(OVERLAP, "product", 1) == {(0,): {}, (1,): {}, (3,): {(0,): F(9, 4), (1,): F(3, 20)}}
    assert list(oracle.terminal_law(OVERLAP, "product", 1)) == [F(15, 16), F(1, 16), 0]
    assert oracle.rates(OVERLAP, "normalized", 1)[3,] == {(0,): F(15, 16), (1,): F(1, 16)}


def test_one_dimension_transient_is_exponential():
    with mpmath.workdps(60):
        gone = mpmath.exp(-mpmath.mpf(12) / 5 * 300)
    tv = oracle.masked_probability(OVERLAP, "product", 1, 300)
    assert abs(tv / gone - 1) < 1e-14  # this comparison is rounded to 15 digits; tv is 1e-313
    with mpmath.workdps(60):
        assert abs(tv / gone - 1) < mpmath.mpf(10) ** -58


@pytest.mark.parametrize("rule", ["product", "normalized"])
@pytest.mark.parametrize("weight", [-1, 0, 1, 3])
def test_laws_sum_to_one(rule, weight):
    assert sum(oracle.terminal_law(CORRELATED, rule, weight).flat) == 1
    with mpmath.workdps(60):
        total = mpmath.fsum(oracle.transient_law(CORRELATED, rule, weight, 0.3).flat)
        assert abs(total - 1) < mpmath.mpf(10) ** -55


@pytest.mark.parametrize("rule", ["product", "normalized"])
def test_weight_zero_is_the_target_and_minus_one_the_unconditional_law(rule):
    exact = np.s_[:2, :2]
    assert (oracle.terminal_law(CORRELATED, rule, 0) == CORRELATED.exact_target_table[exact]).all()
    assert (oracle.terminal_law(CORRELATED, rule, -1) == CORRELATED.exact_unconditional_table[exact]).all()


def test_the_transient_law_is_a_matrix_exponential():
    chain = oracle.rates(CORRELATED, "product", F(3, 2), digits=40)
    states = list(np.ndindex(3, 3))
    with mpmath.workdps(40):
        generator = mpmath.zeros(9)
        for x, row in chain.items():
            for y, rate in row.items():
                generator[states.index(x), states.index(y)] = rate
                generator[states.index(x), states.index(x)] -= rate
        row = mpmath.expm(generator * mpmath.mpf("0.8"))[8, :]
        law = oracle.transient_law(CORRELATED, "product", F(3, 2), mpmath.mpf("0.8"), digits=40)
        assert max(abs(law[x] - row[k]) for k, x in enumerate(states)) < mpmath.mpf(10) ** -36


def test_confluent_nodes_are_the_limit_of_close_ones():
    with mpmath.workdps(90):
        two = mpmath.mpf(2)
        equal = oracle.divided_difference([two, two, mpmath.mpf(0)], mpmath.mpf(1), 30)
        close = oracle.divided_difference([two, two + mpmath.mpf(10) ** -25, mpmath.mpf(0)], mpmath.mpf(1), 30)
        # [2, 2, 0] = ([2,2] - [2,0])/2 by hand
        by_hand = (-mpmath.exp(-2) - (mpmath.exp(-2) - 1) / 2) / 2
        assert abs(equal - by_hand) < mpmath.mpf(10) ** -80
        assert abs(equal - close) < mpmath.mpf(10) ** -24


def test_a_schedule_of_equal_weights_is_a_constant_weight():
    schedule = mg.WeightSchedule([0.6, 0.2], [2.0, 2.0, 2.0])
    with mpmath.workdps(40):
        split = oracle.transient_law(CORRELATED, "product", schedule, 2.5, digits=40)
        whole = oracle.transient_law(CORRELATED, "product", 2, 2.5, digits=40)
        assert max(abs(a - b) for a, b in zip(split.flat, whole.flat, strict=True)) < mpmath.mpf(10) ** -35
    ends = oracle.terminal_law(CORRELATED, "product", schedule, digits=30)
    exact = oracle.terminal_law(CORRELATED, "product", 2)
    assert max(abs(float(a) - float(b)) for a, b in zip(ends.flat, exact.flat, strict=True)) < 1e-15


def test_a_binary_start_keeps_the_float_laws():
    floats = mg.TableProblem([[0.1, 0.9], [0.6, 0.4]], [0.5, 0.5])
    short, exact = (oracle.rates(floats, "product", 0, binary=b)[2,][0,] for b in (False, True))
    assert short == F(1, 10)
    assert exact == F(0.1) / (F(0.1) + F(0.9)) != short


def test_clear_refusals():
    symbol = sympy.Symbol("a", positive=True)
    symbolic = mg.TableProblem([[F(1, 2), F(1, 2)], [1, 0]], [symbol, 1 - symbol])
    large = mg.TableProblem(np.full((1,) + (2,) * 8, 2.0**-8), [1.0])
    with pytest.raises(mg.InputError, match="rational numbers"):
        oracle.terminal_law(symbolic, "product", 1)
    with pytest.raises(mg.InputError, match="10,321,920 unmasking paths"):
        oracle.terminal_law(large, "product", 1)
    with pytest.raises(mg.InputError, match="whole number"):
        oracle.terminal_law(OVERLAP, "product", 0.5)
    with pytest.raises(mg.InputError, match="schedule in exact"):
        oracle.terminal_law(OVERLAP, "product", mg.WeightSchedule([0.5], [1.0, 2.0]))
    with pytest.raises(mg.InputError, match="terminal_law"):
        oracle.transient_law(OVERLAP, "product", 1, float("inf"))
    with pytest.raises(mg.InputError, match="w >= -1"):
        oracle.terminal_law(OVERLAP, "product", -2)


def test_fractions_of_numpy_integers_do_not_overflow():
    one = np.int64(1)
    laws = [[F(one, np.int64(17)), F(16 * one, np.int64(17))], [F(one, np.int64(2)), F(one, np.int64(2))]]
    law = oracle.terminal_law(mg.TableProblem(laws, [F(one, np.int64(2))] * 2), "product", 40)
    assert sum(law) == 1
    assert law[0] / law[1] == F(1, 16) * (F(4, 19) / F(64, 49)) ** 40  # p = (19/68, 49/68)
