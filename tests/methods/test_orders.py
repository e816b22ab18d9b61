"""Declared orders, limits and steps needed, all from exact K-step laws: nothing here is random."""

from functools import reduce

import numpy as np
import pytest

import maskguide as mg
from maskguide.laws.convergence import measured_order, steps_needed, tv_error
from maskguide.laws.kernels.corrector import correct
from maskguide.methods import METHODS

from ..conftest import random_problem, table

SEPARATING = table([[2, 28], [16, 12]], [[22, 0], [4, 2]])
THREE = random_problem(2, 2, 3, zeros=0.0)
WITH_AN_ORDER = [
    (name, rule)
    for name, method in METHODS.items()
    for rule in ("product", "normalized")
    if method.order and (name, rule) != ("ancestral", "product")
]


def smooth(length, vocab_size):
    """Two product laws that lean opposite ways, with a ripple: rates change little from context to context."""
    rng = np.random.default_rng(0)
    lean = 1 + 0.25 * np.linspace(-1, 1, vocab_size)
    laws = np.stack([reduce(np.multiply.outer, [side] * length) for side in (lean, lean[::-1])])
    laws = laws * (1 + 0.15 * rng.uniform(-1, 1, laws.shape))
    laws /= laws.sum(axis=tuple(range(1, length + 1)), keepdims=True)
    return mg.TableProblem(laws, [0.5, 0.5], 0)


def largest_fall(process):
    """max r(x) / r(x*) over x and one more reveal: above two, theta-trapezoidal clips at theta = 1/2."""
    falls = []
    for i, edge in enumerate(process.rates().edges):
        for j in range(process.length):
            if i != j:
                falls.append((np.take(edge, [-1], axis=j) / np.take(edge, range(process.vocab_size), axis=j)).max())
    return max(falls)


def process(problem, rule="product", weight=1.0):
    return mg.GuidedProcess(problem, mg.Guidance(rule, weight))


def tv_to(law, process, method, steps, **parameters):
    found = mg.stepped_law(process, method, mg.uniform_grid(steps), **parameters).probs
    return 0.5 * np.abs(found - np.pad(law, [(0, 1)] * process.length)).sum()


@pytest.mark.parametrize("weight", [1.0, 1.5])
@pytest.mark.parametrize("length, vocab_size", [(2, 3), (3, 2), (3, 3)])
@pytest.mark.parametrize("name, rule", WITH_AN_ORDER)
def test_declared_orders(name, length, vocab_size, weight, rule):
    method, special = METHODS[name], rule == "normalized" and length == 2 and name == "theta-trapezoidal"
    chain = process(smooth(length, vocab_size), rule, weight)
    assert largest_fall(chain) < 2
    assert measured_order(chain, name) == pytest.approx(3 if special else method.order, abs=0.02)


def test_orders_of_the_theory_page():
    """Section 2.6, D = 2, N = 2, theta = 1/2: 2.00 under the rate product, 3.00 normalised; that needs theta = 1/2."""
    problem = mg.zoo.get("no-blind-2d")
    assert measured_order(process(problem), "theta-trapezoidal") == pytest.approx(2, abs=0.005)
    assert measured_order(process(problem, "normalized"), "theta-trapezoidal") == pytest.approx(3, abs=0.005)
    mild = table([[3, 2], [2, 2]], [[2, 3], [2, 1]])
    assert measured_order(process(mild, "normalized"), "theta-trapezoidal") == pytest.approx(3, abs=0.005)
    other = measured_order(process(mild, "normalized"), "theta-trapezoidal", theta=0.3)
    assert other == pytest.approx(2, abs=0.02)
    assert measured_order(process(problem), "tau-leaping") == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("theta", [0.4, 0.5, 1.0])
def test_rk2_is_of_first_order(theta):
    for rule in ("product", "normalized"):
        order = measured_order(process(smooth(3, 2), rule), "theta-rk2", theta=theta)
        assert order == pytest.approx(1, abs=0.02)


def test_the_positive_part_costs_the_trapezoidal_method_an_order():
    """A reveal that cuts a rate to less than half is followed by a clipped rate: error O(h^2) a step."""
    assert largest_fall(process(SEPARATING)) > 2
    assert measured_order(process(SEPARATING), "theta-trapezoidal") == pytest.approx(1, abs=0.02)


def test_trapezoidal_split_by_level_is_exact_for_two_normalised_coordinates():
    for grid in (mg.uniform_grid(1), mg.uniform_grid(4), [1.0, 0.35, 0.3, 0.0]):
        for weight in (0.0, 1.0):
            chain = process(table([[3, 2], [2, 2]], [[2, 3], [2, 1]]), "normalized", weight)
            law = mg.stepped_law(chain, "theta-trapezoidal", grid, split="level")
            np.testing.assert_allclose(law.probs[:-1, :-1], mg.terminal_law(chain).probs, atol=1e-15)
    chain = process(smooth(3, 2), "normalized")
    assert 1e-6 < tv_error(chain, "theta-trapezoidal", 4, split="level") < 1e-3


@pytest.mark.parametrize("name, rule", WITH_AN_ORDER)
def test_limits(name, rule):
    errors = tv_error(process(SEPARATING, rule, 2.0), name, [64, 128, 256])
    assert errors[0] > 1.9 * errors[1] > 1.9**2 * errors[2]
    assert errors[2] < 0.01


def test_the_limit_of_the_posterior_product_is_the_rate_product():
    right = process(SEPARATING, "product", 3.0)
    other = mg.terminal_law(process(SEPARATING, "normalized", 3.0)).probs
    assert tv_error(right, "posterior-product", 512) < 2e-3
    assert tv_to(other, right, "posterior-product", 512) > 0.15
    normalised = process(SEPARATING, "normalized", 3.0)
    laws = [mg.stepped_law(normalised, m, mg.uniform_grid(5)).probs for m in ("posterior-product", "ancestral")]
    np.testing.assert_allclose(*laws, atol=1e-15)


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_random_order_one_at_a_time_has_the_normalised_terminal_law_under_both_rules(weight):
    law = mg.terminal_law(process(THREE, "normalized", weight)).probs
    for rule in ("product", "normalized"):
        chain = process(THREE, rule, weight)
        assert tv_to(law, chain, "random-order", 3) < 1e-14
        assert tv_to(law, chain, "random-order", 50) < 1e-14
        assert tv_to(law, chain, "random-order", 2) > 0.01
    if weight:
        assert tv_error(process(THREE, "product", weight), "random-order", 3) > 0.01


@pytest.mark.parametrize("kind", ["margin", "entropy"])
def test_orders_that_see_contexts_only_keep_the_law_at_zero_weight(kind):
    assert tv_error(process(THREE, "normalized", 0.0), kind, 3) < 1e-14
    assert tv_error(process(THREE, "normalized", 0.0), kind, 3, temperature=0.5) > 0.01
    assert tv_error(process(THREE, "normalized", 2.0), kind, 3) > 0.1


def test_confidence_is_far_from_the_law_even_at_zero_weight():
    for problem in (SEPARATING, THREE):
        errors = tv_error(process(problem, "normalized", 0.0), "confidence", [3, 300])
        assert errors[0] == errors[1] > 0.15


def test_remasking_keeps_the_law_at_zero_weight_only():
    at_zero, guided = (process(SEPARATING, "normalized", w) for w in (0.0, 2.0))
    counts = (32, 128, 512)
    weak, held, drift = ([tv_error(p, "remdm", k, eta=eta(k)) for k in counts] for p, eta in
                         ((at_zero, lambda k: 1 / k), (at_zero, lambda k: 0.1), (guided, lambda k: 1 / k)))  # fmt: skip
    assert weak[0] > 3.9 * weak[1] > 3.9**2 * weak[2] and weak[2] < 1e-3
    assert held[0] > 1.5 * held[1] > 1.5**2 * held[2] and held[2] < 6e-3
    assert drift[2] > drift[1] > 0.03
    without = [tv_error(guided, m, 64, **p) for m, p in (("remdm", {"eta": 0.0}), ("ancestral", {}))]
    assert without[0] == pytest.approx(without[1], rel=1e-12)


def tilted(problem, weight):
    law = problem.target_law ** (1 + weight) * problem.unconditional_law ** (-weight)
    return law / law.sum()


def test_corrections_keep_every_clock_s_law_at_zero_weight():
    chain, guided = process(THREE, "normalized", 0.0), process(THREE, "normalized", 2.0)
    for clock in (0.3, 1.5, np.inf):
        law = mg.transient_law(chain, clock).probs
        np.testing.assert_allclose(correct(chain.rates(), law), law, atol=1e-15)
    law = mg.transient_law(guided, 1.5).probs
    assert np.abs(correct(guided.rates(), law) - law).sum() > 0.01
    errors = tv_error(chain, "predictor-corrector", [8, 32, 128])
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert tv_error(process(SEPARATING, "product", 0.0), "predictor-corrector", 2) < 1e-14


def test_corrections_of_completed_states_lead_to_the_tilted_law():
    for problem in (SEPARATING, THREE):
        assert (problem.target_law > 0).all()
        chain = process(problem, "normalized", 2.0)
        assert tv_to(tilted(problem, 2.0), chain, "predictor-corrector", 3, corrections=3000) < 1e-6
        assert tv_error(chain, "predictor-corrector", 256) > 0.05


def test_steps_needed_is_the_smallest_number():
    for weight, method in ((0.0, "tau-leaping"), (2.0, "tau-leaping"), (2.0, "euler"), (1.0, "theta-trapezoidal")):
        chain = process(SEPARATING, "product", weight)
        count = steps_needed(chain, method, 0.01)
        assert count > 2
        assert tv_error(chain, method, count) <= 0.01 < tv_error(chain, method, count - 1)
    assert steps_needed(chain, "tau-leaping", 0.99) == 1
    few, many = (steps_needed(process(SEPARATING, "product", w), "tau-leaping", 0.01) for w in (0.0, 4.0))
    assert many > few


def test_tv_error_shapes_windows_and_schedules():
    chain = process(SEPARATING, "product", 2.0)
    assert tv_error(chain, "tau-leaping", 4).shape == ()
    assert tv_error(chain, "tau-leaping", [[2, 4]]).shape == (1, 2)
    assert tv_error(chain, "gillespie", [1, 2]).tolist() == [0, 0]
    law = mg.stepped_law(chain, "tau-leaping", mg.uniform_grid(6), "cosine").probs[:-1, :-1]
    expected = 0.5 * np.abs(law - mg.terminal_law(chain).probs).sum()
    assert tv_error(chain, "tau-leaping", 6, "cosine") == pytest.approx(expected, rel=1e-12)
    window = mg.stepped_law(chain, "tau-leaping", np.exp(-np.linspace(0, 0.7, 4)))
    expected = window.tv(mg.transient_law(chain, 0.7))
    assert tv_error(chain, "tau-leaping", 3, clock=0.7) == pytest.approx(float(expected), rel=1e-9)
    one = process(random_problem(0, 4, 1))
    assert tv_error(one, "tau-leaping", 3) < 1e-15 < 1e-3 < tv_error(one, "euler", 3, clock=1.0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda p: tv_error(p, "tau-leaping", 0), "steps = 0"),
        (lambda p: tv_error(p, "tau-leaping", 2.5), "steps = 2.5"),
        (lambda p: tv_error(p, "tau-leaping", 2, clock=-1), "clock holds -1"),
        (lambda p: measured_order(p, "gillespie"), "is exact and takes no steps"),
        (lambda p: measured_order(p, "tau-leaping", clock=np.inf), "0 < clock < inf"),
        (lambda p: measured_order(process(random_problem(0, 3, 1)), "tau-leaping"), "no order to measure"),
        (lambda p: steps_needed(p, "confidence", 0.01, largest=64), "it tends to another law"),
        (lambda p: steps_needed(p, "tau-leaping", 1e-6, largest=64), "its error still falls with K"),
        (lambda p: steps_needed(p, "tau-leaping", 0.0), "0 < tv < 1"),
        (lambda p: steps_needed(p, "first-hitting", 0.1), "is exact and takes no steps"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(mg.InputError, match=message):
        call(process(SEPARATING))
