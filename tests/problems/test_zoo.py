"""Reference problems: exact laws, declared sources, and the decay regime that each one stands for."""

import dataclasses
from fractions import Fraction as F

import numpy as np
import pytest
import sympy

import maskguide as mg
from maskguide.problems import zoo

REGIMES = {
    "disjoint-1d": "double-exponential",
    "overlap-1d": "double-exponential",
    "squares-2d": "saturating",
    "small-squares-2d": "saturating",
    "projections-2d": "saturating",
    "no-blind-2d": "double-exponential",
    "fading-blind-2d": "exponential",
    "identical-2d": "flat",
    "cubes-5d": "saturating",
    "wine-2d": "saturating",
}


def test_every_problem_has_a_regime_below():
    assert set(mg.zoo.names()) == set(REGIMES)


@pytest.mark.parametrize("name", REGIMES)
def test_problems_are_exact_named_and_sourced(name):
    problem = mg.zoo.get(name)
    assert problem.is_exact and problem.name == name
    assert all(sum(law.flat) == 1 for law in problem.exact_class_laws) and sum(problem.exact_prior) == 1
    assert "arXiv:2506.10971" in problem.source or "theory.md" in problem.source or "UCI" in problem.source
    assert problem.source in mg.zoo.describe(name) and "Parameters:" in mg.zoo.describe(name)


@pytest.mark.parametrize("name", REGIMES)
def test_regime(name):
    assert mg.decay_regime(mg.GuidedProcess(mg.zoo.get(name), mg.Guidance("product"))).regime == REGIMES[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("no-blind-2d", {0: 0.6004, 8: 0.1207, 16: 4.893e-3, 24: 1.747e-6}),
        ("fading-blind-2d", {0: 0.6004, 4: 0.1998, 8: 0.0558, 12: 0.00638}),
        ("small-squares-2d", {0: 0.6004, 2: 0.3980, 4: 0.3679, 12: 0.3679}),
    ],
)
def test_decay_at_clock_one_has_the_numbers_of_the_theory(name, expected):
    # by the closed form for D = 2, not by the package's own transient law
    problem = mg.zoo.get(name)
    for weight, tv in expected.items():
        assert masked_mass(problem, weight, 1.0) == pytest.approx(tv, rel=5e-4, abs=5e-5 if tv > 1e-2 else 0)


def masked_mass(problem, weight, clock):
    """TV = q(M,M) + sum_a q(a,M) + sum_b q(M,b), docs/theory.md §2.2."""
    pz, p = problem.exact_target_table, problem.exact_unconditional_table
    power = lambda x: float(pz[x]) * (float(pz[x] / p[x])) ** weight if pz[x] else 0.0  # noqa: E731
    n = problem.vocab_size
    firsts = [[(v, n) for v in range(n)], [(n, v) for v in range(n)]]
    total = sum(power(x) for axis in firsts for x in axis)
    mass = np.exp(-total * clock)
    for axis, states in enumerate(firsts):
        for x in states:
            if power(x):
                pair = [(x[0], v) if axis == 0 else (v, x[1]) for v in range(n)]
                rate = sum(power(y) for y in pair) / power(x)
                gap = total - rate
                decay = np.exp(-rate * clock) - np.exp(-total * clock)
                mass += power(x) * (decay / gap if gap else clock * np.exp(-rate * clock))
    return mass


def test_laws_spelled_out():
    assert mg.zoo.get("disjoint-1d").exact_class_laws.tolist() == [
        [F(2, 3), F(1, 3), 0, 0],
        [0, 0, F(1, 2), F(1, 2)],
    ]
    squares = mg.zoo.get("small-squares-2d").exact_class_laws
    assert squares[0].tolist() == [[F(1, 4), F(1, 4), 0], [F(1, 4), F(1, 4), 0], [0, 0, 0]]
    assert squares[1].tolist() == [[0, 0, 0], [0, F(1, 4), F(1, 4)], [0, F(1, 4), F(1, 4)]]
    cubes = mg.zoo.get("cubes-5d")
    assert cubes.target == 1 and cubes.exact_class_laws.shape == (2, 5, 5, 5, 5, 5)
    assert [cubes.exact_class_laws[k][x] for k, x in [(0, (0, 1, 2, 0, 2)), (1, (2, 3, 4, 4, 4))]] == [F(1, 243)] * 2
    assert cubes.exact_class_laws[1][0, 2, 2, 2, 2] == cubes.exact_class_laws[0][3, 2, 2, 2, 2] == 0
    fading = mg.zoo.get("fading-blind-2d").exact_class_laws
    assert fading[0][1, 0] == F(8, 23) and fading[1][0, 0] == F(1, 8)


def test_projections_overlap_while_supports_do_not():
    parts = {k: int(v.sum()) for k, v in mg.regions(mg.zoo.get("projections-2d")).items()}
    assert parts == {
        "both marginals private": 4,
        "only x0 shared": 2,
        "only x1 shared": 2,
        "both marginals shared, point private": 1,
        "point shared": 0,
    }


@pytest.mark.parametrize("value", [F(1, 10), "1/10", 0.1])
def test_probabilities_are_taken_exactly(value):
    problem = mg.zoo.get("overlap-1d", overlap=value, prior=value)
    assert problem.exact_class_laws[1].tolist() == [0, F(1, 10), F(9, 10)]
    assert problem.exact_prior.tolist() == [F(1, 10), F(9, 10)]


def test_the_prior_is_the_weight_of_the_target():
    for name in ("squares-2d", "cubes-5d"):
        problem = mg.zoo.get(name, prior="1/5")
        assert problem.exact_prior[problem.target] == F(1, 5)


def test_symbols_stay_free_until_replaced():
    overlap, prior = sympy.symbols("epsilon a", positive=True)
    problem = mg.zoo.get("overlap-1d", overlap=overlap, prior=prior)
    assert problem.free_symbols == {overlap, prior}
    numbers = problem.subs({overlap: F(1, 4), prior: F(1, 3)})
    assert (numbers.exact_class_laws == mg.zoo.get("overlap-1d", overlap="1/4").exact_class_laws).all()
    assert numbers.exact_prior.tolist() == [F(1, 3), F(2, 3)]


def test_wine_counts_the_178_samples():
    from sklearn.datasets import load_wine

    wine, problem = load_wine(), mg.zoo.get("wine-2d")
    assert problem.coordinate_names == ("color_intensity", "proline")
    assert problem.class_names == ("class_0", "class_1", "class_2") and problem.target == 1
    assert problem.exact_prior.tolist() == [F(59, 178), F(71, 178), F(48, 178)]
    assert [names[0] for names in problem.token_names] == ["<3.21", "<500"]
    inside = (wine.data[:, 9] < 3.21) & (wine.data[:, 12] < 500) & (wine.target == 1)
    assert problem.exact_class_laws[1][0, 0] == F(int(inside.sum()), 71)
    assert mg.zoo.get("wine-2d", target="class_2", bins=3).vocab_size == 3


def test_unknown_names_and_parameters_and_bad_probabilities():
    with pytest.raises(mg.InputError, match="did you mean 'squares-2d'"):
        mg.zoo.get("square-2d")
    with pytest.raises(mg.InputError, match="one of disjoint-1d, overlap-1d"):
        mg.zoo.describe("nothing like it")
    with pytest.raises(mg.InputError, match="unknown parameter of 'overlap-1d' 'overlaps'"):
        mg.zoo.get("overlap-1d", overlaps=0.5)
    for value in (-0.1, 1.5, float("nan"), "half", None):
        with pytest.raises(mg.InputError, match="overlap = "):
            mg.zoo.get("overlap-1d", overlap=value)
    with pytest.raises(mg.InputError, match="target has a positive prior"):
        mg.zoo.get("squares-2d", prior=0)


def test_what_a_builder_returns_is_not_written_to(monkeypatch):
    shared = mg.TableProblem([[0.5, 0.5], [0.9, 0.1]], [0.5, 0.5], name="mine")
    entry = dataclasses.replace(zoo._ENTRIES["overlap-1d"], build=lambda: shared)
    monkeypatch.setitem(zoo._ENTRIES, "overlap-1d", entry)
    first, second = zoo.get("overlap-1d"), zoo.get("overlap-1d")
    assert (first.name, shared.name) == ("overlap-1d", "mine") and first is not second
