"""TableProblem: marginals against brute-force sums, exactness, symbols, and one clear error for each bad input."""

import itertools
from fractions import Fraction as F

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import maskguide as mg
from maskguide import _checks
from maskguide.problems.table import marginal_table


@st.composite
def counts(draw, largest=4):
    """Whole weights (K, N, ..., N), each class with at least one."""
    num_classes, vocab, length = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    size = vocab**length
    rows = st.lists(st.integers(0, largest), min_size=size, max_size=size).filter(any)
    return np.array([draw(rows) for _ in range(num_classes)]).reshape(num_classes, *(vocab,) * length)


def from_counts(weights, **options):
    laws = [np.vectorize(F, [object])(w, w.sum()) for w in weights]
    return mg.TableProblem(np.stack(laws), [F(1, len(weights))] * len(weights), **options)


def brute_force_marginal(law, state):
    mask = law.shape[0]
    free = [range(mask) if v == mask else [v] for v in state]
    return sum((law[y] for y in itertools.product(*free)), F(0))


# Laws and tables ---------------------------------------------------------------------------------------


@settings(deadline=None)
@given(counts())
def test_marginal_tables_are_sums_over_completions(weights):
    problem = from_counts(weights)
    unconditional = sum(law * F(1, len(weights)) for law in problem.exact_class_laws)
    for state in itertools.product(range(problem.vocab_size + 1), repeat=problem.length):
        expected = brute_force_marginal(problem.exact_class_laws[0], state)
        assert problem.exact_target_table[state] == expected
        assert problem.target_table[state] == float(expected)  # exact laws are rounded once
        assert problem.exact_unconditional_table[state] == brute_force_marginal(unconditional, state)
        assert problem.unconditional_table[state] == float(brute_force_marginal(unconditional, state))


@settings(deadline=None)
@given(counts())
def test_float_laws_agree_with_exact_ones(weights):
    exact = from_counts(weights)
    rounded = mg.TableProblem(exact.class_laws, exact.prior)
    assert not rounded.is_exact
    np.testing.assert_allclose(rounded.target_table, exact.target_table, atol=1e-15)
    np.testing.assert_allclose(rounded.unconditional_table, exact.unconditional_table, atol=1e-15)
    assert (rounded.exact_class_laws == exact.exact_class_laws).all()  # short fractions are recognised
    assert (rounded.exact_prior == exact.exact_prior).all()


def test_marginal_table_of_a_2d_law_by_hand():
    table = marginal_table(np.array([[F(1, 2), F(1, 8)], [F(1, 4), F(1, 8)]]))
    assert table.tolist() == [
        [F(1, 2), F(1, 8), F(5, 8)],
        [F(1, 4), F(1, 8), F(3, 8)],
        [F(3, 4), F(1, 4), F(1)],
    ]


def test_long_float_laws_become_exact_with_sum_one():
    law = np.random.default_rng(0).dirichlet(np.ones(9)).reshape(3, 3)
    problem = mg.TableProblem([law], [1.0])
    exact = problem.exact_class_laws[0]
    assert sum(exact.flat) == 1
    np.testing.assert_allclose(exact.astype(float), law, rtol=1e-15)


def test_float_laws_are_divided_by_their_sum():
    problem = mg.TableProblem([[0.5, 0.5 + 9e-10]], [1.0])
    assert problem.class_laws.sum() == pytest.approx(1, abs=1e-15)


def test_zero_stays_exactly_zero_in_every_view():
    problem = mg.TableProblem([[[0.3, 0.0], [0.0, 0.7]]], [1.0])
    assert problem.class_laws[0, 0, 1] == problem.target_table[0, 1] == problem.exact_target_table[0, 1] == 0


def test_a_single_class_is_its_own_unconditional_law():
    problem = mg.TableProblem([[0.25, 0.75]], [1])
    assert problem.num_classes == 1
    np.testing.assert_array_equal(problem.target_table, problem.unconditional_table)


def test_rational_laws_stay_rational():
    problem = mg.TableProblem([[F(1, 3), F(2, 3)], [1, 0]], [F(1, 7), F(6, 7)], target=1)
    assert problem.exact_unconditional_table.tolist() == [F(1, 21) + F(6, 7), F(2, 21), 1]
    assert all(isinstance(e, F) for e in problem.exact_class_laws.flat)


def test_sympy_rationals_are_fractions_and_a_float_prior_is_made_exact():
    problem = mg.TableProblem([[sympy.Rational(1, 3), sympy.Rational(2, 3)]] * 2, [0.1, 0.9])
    assert problem.exact_class_laws[0].tolist() == [F(1, 3), F(2, 3)]
    assert problem.exact_prior.tolist() == [F(1, 10), F(9, 10)]
    assert problem.free_symbols == set()


# Symbols -----------------------------------------------------------------------------------------------


def symbolic_problem():
    e, a = sympy.symbols("epsilon a", positive=True)
    laws = np.array([[1 - e, e, 0], [0, e, 1 - e]], dtype=object)
    return e, a, mg.TableProblem(laws, np.array([a, 1 - a], dtype=object), name="overlap", token_names=["abc"])


def test_symbols_survive_in_the_exact_view():
    e, a, problem = symbolic_problem()
    assert problem.free_symbols == {e, a}
    assert sympy.simplify(problem.exact_unconditional_table[1] - e) == 0
    assert sympy.simplify(problem.exact_unconditional_table[3] - 1) == 0


def test_numeric_views_of_symbols_are_refused_by_name():
    _, _, problem = symbolic_problem()
    for view in ("class_laws", "target_table", "unconditional_table"):
        with pytest.raises(mg.InputError, match=r"holds the symbols (a|epsilon)\n"):
            getattr(problem, view)
    with pytest.raises(mg.InputError, match="symbols a\n"):
        _ = problem.prior


def test_subs_replaces_some_or_all_symbols_and_keeps_the_names():
    e, a, problem = symbolic_problem()
    half = problem.subs({e: F(1, 4)})
    assert half.free_symbols == {a} and half.name == "overlap" and half.token_names == (("a", "b", "c"),)
    assert half.subs({a: F(1, 2)}).unconditional_table.tolist() == [0.375, 0.25, 0.375, 1]
    with pytest.raises(mg.InputError, match="holds -1"):
        problem.subs({e: 2})


# Names -------------------------------------------------------------------------------------------------


def test_target_by_name_and_contexts_in_words():
    problem = mg.TableProblem(
        [[[0.5, 0.5], [0, 0]]] * 2,
        [0.5, 0.5],
        target="sick",
        class_names=["well", "sick"],
        coordinate_names=["age", "sex"],
        token_names=[["young", "old"], ["f"]],
    )
    assert problem.target == 1
    assert problem.context_name((1, 2)) == "(age=old, sex=mask)"
    assert problem.context_name((0, 1)) == "(age=young, sex=1)"  # no name for padding
    assert "target='sick'" in repr(problem)


# Errors ------------------------------------------------------------------------------------------------

LAWS, PRIOR = [[0.5, 0.5], [0.25, 0.75]], [0.5, 0.5]


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        (r"class_laws\[1\] sums to 0.95, off by -0.05", ([[0.5, 0.5], [0.25, 0.7]], PRIOR)),
        (r"class_laws\[0\] sums to 11/10, off by 1/10", ([[F(1, 2), F(3, 5)]], [1])),
        (r"class_laws\[0\] sums to 1.000000002, off by \+2e-09", ([[0.5, 0.500000002]], [1.0])),
        (r"class_laws\[1\] holds -0.5", ([[0.5, 0.5], [-0.5, 1.5]], PRIOR)),
        (r"class_laws\[0\] holds -1/2", ([[F(-1, 2), F(3, 2)]], [1])),
        (r"class_laws\[0\] holds NaN", ([[np.nan, 0.5], [0.5, 0.5]], PRIOR)),
        (r"class_laws\[0\] sums to inf", ([[np.inf, 0.5]], [1.0])),
        ("prior sums to 0.9, off by -0.1", (LAWS, [0.5, 0.4])),
        ("prior holds -0.5", (LAWS, [-0.5, 1.5])),
        (r"prior has shape \(3,\)", (LAWS, [0.5, 0.25, 0.25])),
        (r"prior has shape \(\)", (LAWS, 1.0)),
        ("target = 2", (LAWS, PRIOR, 2)),
        ("target = -1", (LAWS, PRIOR, -1)),
        ("target = 0.0", (LAWS, PRIOR, 0.0)),
        ("target = True", (LAWS, PRIOR, True)),
        ("unknown target class 'class 3'", (LAWS, PRIOR, "class 3")),
        (r"prior\[0\] = 0 is the target's", (LAWS, [0.0, 1.0])),
        (r"class_laws has shape \(2, 2, 1\)", ([[[0.5], [0.5]], [[0.5], [0.5]]], PRIOR)),
        (r"class_laws has shape \(2,\)", ([0.5, 0.5], PRIOR)),
        (r"class_laws has shape \(0,\)", ([], [])),
        ("class_laws is ragged", ([[0.5, 0.5], [1.0]], PRIOR)),
        ("class_laws has dtype <U1", ([["a", "b"]], [1.0])),
        ("class_laws has dtype complex", ([[0.5 + 0j, 0.5]], [1.0])),
        ("class_laws mixes 0.1 with exact entries", ([[F(9, 10), 0.1]], [1])),
    ],
)
def test_bad_input_is_one_clear_sentence(match, arguments):
    with pytest.raises(mg.InputError, match=match) as caught:
        mg.TableProblem(*arguments)
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("match", "names"),
    [
        ("3 class names given", {"class_names": "abc"}),
        ("2 coordinate names given", {"coordinate_names": ["a", "b"]}),
        ("token_names has 1 rows of up to 3", {"token_names": ["abc"]}),
        ("token_names has 2 rows", {"token_names": ["ab", "ab"]}),
    ],
)
def test_names_that_do_not_fit(match, names):
    with pytest.raises(mg.InputError, match=match):
        mg.TableProblem(LAWS, PRIOR, **names)


def test_a_lattice_that_does_not_fit_says_states_and_bytes(monkeypatch):
    law = np.full((4,) * 6, 4.0**-6)
    monkeypatch.setattr(_checks, "LEAST_MEMORY", 0)
    monkeypatch.setattr(_checks, "available_memory", lambda: 200_000)
    with pytest.raises(mg.InputError, match=r"5\^6 = 15,625 states needs 250,000 bytes \(244 KiB\), 195 KiB"):
        mg.TableProblem([law], [1.0])
    monkeypatch.setattr(_checks, "LEAST_MEMORY", 0)
    monkeypatch.setattr(_checks, "available_memory", lambda: 250_000)
    assert mg.TableProblem([law], [1.0]).length == 6


@pytest.mark.parametrize("name", ["law", "table"])
def test_the_old_names_of_the_unconditional_law_warn(name):
    problem = mg.zoo.get("no-blind-2d")
    with pytest.warns(DeprecationWarning, match=f"mixture_{name} is called TableProblem.unconditional_{name}"):
        assert getattr(problem, f"mixture_{name}") is getattr(problem, f"unconditional_{name}")


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_low_precision_is_accepted_as_far_as_its_rounding_explains(dtype):
    laws = np.random.default_rng(5).dirichlet(np.ones(64), 2).reshape(2, 8, 8)
    low = laws.astype(dtype)
    with pytest.warns(mg.AccuracyWarning, match="class_laws in low precision"):
        problem = mg.TableProblem(low, [0.5, 0.5])
    expected = low.astype(float) / low.astype(float).sum(axis=(1, 2), keepdims=True)
    assert problem.class_laws.dtype == float
    np.testing.assert_allclose(problem.class_laws, expected, rtol=1e-15)
    with pytest.raises(mg.InputError, match="sums to"):
        mg.TableProblem((laws * (1 + 4 * np.finfo(dtype).eps)).astype(dtype), [0.5, 0.5])
    with pytest.raises(mg.InputError, match="sums to"):
        mg.TableProblem(low.astype(float), [0.5, 0.5])


def test_low_precision_of_mixtures_and_chains():
    rows = np.random.default_rng(1).dirichlet(np.ones(5), (2, 5)).astype(np.float32)
    with pytest.warns(mg.AccuracyWarning, match="low precision"):
        chain = mg.MarkovProblem(rows[:, 0], rows, [0.5, 0.5], length=3)
    np.testing.assert_allclose(chain.transition.sum(axis=-1), 1.0, rtol=1e-15)
    with pytest.warns(mg.AccuracyWarning, match="low precision"):
        mg.ProductMixture(rows, [0.5, 0.5], [0, 1])
