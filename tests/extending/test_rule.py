"""A guidance rule of one's own: the log ratio is clipped, so that no token gains more than a factor e^(c w)."""

import numpy as np
import pytest

import maskguide as mg

from ..conftest import random_problem


def clipped(log_conditional, log_unconditional, weight, most):
    """log p_z + w clip(log p_z/p, -most, most): arrays and tensors both have .clip."""
    return log_conditional + weight * (log_conditional - log_unconditional).clip(-most, most)


CLIPPED = mg.Rule(
    "clipped", clipped, formula="p_z exp(w clip(log p_z/p, -c, c)) / Z", normalises=True,
    parameters=(mg.Parameter("most", float, 1.0),),
)  # fmt: skip


def by_hand(problem, weight, most):
    """The terminal law of D = 2 with the formula written out: the mean over both orders of reveals."""
    target, law = problem.target_law, problem.unconditional_law

    def guided(p, q):
        rate = p * np.exp(weight * np.clip(np.log(p / q), -most, most))
        return rate / rate.sum(axis=-1, keepdims=True)

    def one_order(target, law):
        first = guided(target.sum(axis=1), law.sum(axis=1))
        rows = target / target.sum(axis=1, keepdims=True), law / law.sum(axis=1, keepdims=True)
        return first[:, None] * guided(*rows)

    return (one_order(target, law) + one_order(target.T, law.T).T) / 2


@pytest.mark.parametrize("weight", [0.0, 0.7, 5.0])
@pytest.mark.parametrize("most", [0.4, 2.0])
def test_exact_laws(weight, most):
    problem = random_problem(4, vocab_size=3, zeros=0.0)
    process = mg.GuidedProcess(problem, mg.Guidance(CLIPPED, weight, most=most))
    np.testing.assert_allclose(mg.terminal_law(process).probs, by_hand(problem, weight, most), rtol=1e-12)
    assert mg.decay_regime(process).regime == "flat"


@pytest.mark.parametrize("method", ["gillespie", "ancestral"])
def test_samples_of_every_engine(method):
    problem = random_problem(4, vocab_size=3, zeros=0.0)
    process = mg.GuidedProcess(problem, mg.Guidance(CLIPPED, 3.0))
    grid = {"grid": 40} if method == "ancestral" else {}
    drawn = [mg.sample(process, 20_000, method, engine=engine, **grid) for engine in ("numba", "torch")]
    assert (drawn[0].tokens == drawn[1].tokens).all()
    law = mg.terminal_law(process) if not grid else mg.stepped_law(process, method, mg.uniform_grid(40))
    assert mg.compare(drawn[0], law).passed


def test_conditionals_that_are_computed():
    """On a mixture the rates come from its conditionals; its table gives the same law."""
    mixture = mg.ProductMixture.random(3, 3, components=4, seed=5)
    guidance = mg.Guidance(CLIPPED, 2.0, most=0.3)
    drawn = mg.sample(mg.GuidedProcess(mixture, guidance), 20_000)
    exact = mg.terminal_law(mg.GuidedProcess(mixture.table(), guidance))
    assert mg.compare(drawn, exact).passed
    assert not mg.compare(
        drawn, mg.terminal_law(mg.GuidedProcess(mixture.table(), mg.Guidance("normalized", 2.0)))
    ).passed


def test_its_slope_in_the_weight():
    pytest.importorskip("torch")
    rule = mg.Guidance(CLIPPED, 1.0).rule
    logs = np.log(np.random.default_rng(1).dirichlet(np.ones(5), (2, 20)))
    h = 1e-6
    slope = (rule.log_rates(*logs, 1 + h) - rule.log_rates(*logs, 1 - h)) / (2 * h)
    np.testing.assert_allclose(rule.d_log_rates(*logs, 1.0), slope, atol=1e-8)


def test_a_formula_that_fails_says_so():
    problem = random_problem(4, zeros=0.0)
    for formula, match in (
        (lambda a, b, w: np.log(-1.0 + 0 * a), "gives NaN at w = 1"),
        (lambda a, b, w: a.sum(-1), "of shape"),
    ):
        process = mg.GuidedProcess(problem, mg.Guidance(mg.Rule("broken", formula), 1.0))
        with pytest.raises(mg.InputError, match=match):
            mg.terminal_law(process)
    process = mg.GuidedProcess(problem, mg.Guidance(mg.Rule("silent", lambda a, b, w: a), 1.0))
    with pytest.raises(mg.InputError, match="decay regime"):  # nobody has said how its rates grow
        mg.decay_regime(process)
