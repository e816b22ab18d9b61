"""The records of all methods, and the formulas of exact ones put to use in plain numpy."""

import numpy as np
import pytest
from scipy.stats import poisson

import maskguide as mg
from maskguide._arrays import namespace
from maskguide.laws.kernels import one_step
from maskguide.methods import METHODS, Step, steps
from maskguide.methods.ancestral import ANCESTRAL
from maskguide.methods.euler import clipped
from maskguide.methods.first_hitting import next_level, position_probability
from maskguide.methods.fixed_count import TIE, tempered
from maskguide.methods.uniformization import jump_probability
from maskguide.samplers.samples import SampleInfo, Samples
from maskguide.schedules import noise_schedule

from ..conftest import table

SEPARATING = table([[2, 28], [16, 12]], [[22, 0], [4, 2]])
STEP = Step(0.0, 1.0, 0.0)


@pytest.mark.parametrize("name", METHODS)
def test_records(name):
    method = METHODS[name]
    assert method.name == name
    assert method.use and method.keeps and method.source
    assert not method.is_exact or method.order is None
    assert method.with_parameters() == method


def test_parameters_are_the_fields_that_a_kind_adds():
    assert METHODS["theta-rk2"].parameters == {"theta": 0.5, "split": "clock"}
    assert METHODS["confidence"].parameters == {
        "temperature": 1.0,
        "noise": 0.0,
        "annealed": False,
        "counts": "schedule",
    }
    assert METHODS["remdm"].with_parameters(eta=0.5).parameters == {"eta": 0.5, "strategy": "cap"}
    assert METHODS["tau-leaping"].parameters == {}
    assert METHODS["remdm"].parameters["eta"] == 0.1


@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if m.order == 1 and "theta" not in n])
def test_reveal_probabilities_agree_to_first_order(name):
    """Z h + O(h^2), and 0 where no token is possible, also in a step to data."""
    hazards = np.array([1.0, 1.0, 0.0]) if name == "ancestral" else np.array([0.3, 2.0, 0.0])
    reveal = METHODS[name].reveal
    small = reveal(hazards, Step(1.0, 1.0 + 1e-6, 0.0))
    np.testing.assert_allclose(small, 1e-6 * hazards, rtol=3e-6)
    assert reveal(hazards, Step(1.0, np.inf, 0.0))[-1] == 0
    assert ((small >= 0) & (small <= 1)).all()


def test_hazards_that_are_not_one_are_refused_by_value():
    step = Step(0.0, 0.5, 0.0)
    ANCESTRAL.reveal(np.array([1.0 + 1e-12, 0.0]), step)
    with pytest.raises(mg.InputError, match=r"hazard Z_i\(x\) = 1.01"):
        ANCESTRAL.reveal(np.array([1.0, 1.01]), step)


def test_clipped_amount():
    np.testing.assert_allclose(clipped(np.array([1.0, 3.0]), Step(0.0, np.log(2), 0.0)), [0, 0.5], atol=1e-15)


def test_tempered_weights():
    logs = np.log([0.2, 0.5, 0.3])
    np.testing.assert_allclose(tempered(logs, 1.0), [0.2, 0.5, 0.3])
    np.testing.assert_allclose(tempered(logs, 0.5), np.square([0.2, 0.5, 0.3]) / 0.38)
    assert tempered(logs, 0.0).tolist() == [0, 1, 0]
    assert tempered(np.array([0.0, TIE / 2, -1.0]), 0.0).tolist() == [0.5, 0.5, 0]
    assert tempered(np.array([-np.inf, -np.inf]), 0.0).tolist() == [0, 0]
    assert tempered(np.array([-np.inf, -1e4]), 0.3).tolist() == [0, 1]


def test_gumbel_noise_is_sampling_without_replacement():
    """Top-2 of scores + noise * Gumbel against next_position twice; a Hoeffding band at 1e-6."""
    rng, scores, noise, n = np.random.default_rng(7), np.array([0.0, 1.0, 0.4]), 0.8, 200_000
    method = METHODS["confidence"].with_parameters(noise=noise)
    dropped = (scores + noise * rng.gumbel(size=(n, 3))).argmin(axis=1)
    first = method.next_position(scores, STEP)
    for out in range(3):
        a, b = (i for i in range(3) if i != out)
        exact = sum(first[i] * method.next_position(scores[[j, out]], STEP)[0] for i, j in ((a, b), (b, a)))
        assert abs((dropped == out).mean() - exact) < np.sqrt(np.log(2e6) / (2 * n))


def first_hitting_samples(process, n, seed, position):
    """One trajectory after another in a loop over D reveals, all n at once."""
    rng, size, length = np.random.default_rng(seed), process.vocab_size, process.length
    rates = process.rates()
    tokens, level = np.full((n, length), size), np.ones(n)
    for _ in range(length):
        at = tuple(tokens.T)
        hazards = np.stack([np.broadcast_to(z, process.shape)[at] for z in rates.hazards], axis=-1)
        hazards = hazards * (tokens == size)
        level = next_level(level, hazards, rng.random(n))
        chosen = (rng.random((n, 1)) > np.cumsum(position(hazards), axis=1)).sum(axis=1)
        for i, edge in enumerate(rates.edges):
            rows = np.flatnonzero(chosen == i)
            weights = np.moveaxis(edge, i, -1)[tuple(np.delete(tokens[rows], i, axis=1).T)]
            token = (rng.random((len(rows), 1)) * weights.sum(1, keepdims=True) > np.cumsum(weights, axis=1)).sum(
                axis=1
            )
            tokens[rows, i] = token
    return Samples(tokens.astype(np.int32), SampleInfo(-np.log(level), np.full(n, length), None, None))


def uniform_position(hazards):
    return (hazards > 0) / (hazards > 0).sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("rule", ["product", "normalized"])
@pytest.mark.parametrize("position", [position_probability, uniform_position])
def test_first_hitting(rule, position):
    """Exact with Z_i / R under both rules; a uniform position is right under the normalised rule only."""
    process = mg.GuidedProcess(SEPARATING, mg.Guidance(rule, 3.0))
    samples = first_hitting_samples(process, 40_000, 5, position)
    clocks = np.geomspace(0.01, 10, 30)
    right = rule == "normalized" or position is position_probability
    assert mg.compare(samples, mg.terminal_law(process)).passed == right
    if right:
        assert mg.compare_decay(samples, clocks, mg.tv_decay(process, clocks)).passed


def test_next_level_is_the_published_form_for_unit_hazards():
    hazards = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(next_level(0.8, hazards, 0.3), [0.8 * 0.3 ** (1 / 3), 0.8 * 0.3, 0.0])


def test_uniformization_series_is_the_transient_law(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    exit, clock = process.exit_rates().ravel(), 0.7
    bound = exit.max()
    jumps = process.rate_matrix().toarray() + np.diag(exit)
    jump_law = np.divide(jumps, exit[:, None], out=np.zeros_like(jumps), where=exit[:, None] > 0)
    chance = jump_probability(exit, bound)
    event = chance[:, None] * jump_law + np.diag(1 - chance)
    law, total = np.eye(len(exit))[-1], 0.0
    for n in range(200):
        total = total + poisson.pmf(n, bound * clock) * law
        law = law @ event
    np.testing.assert_allclose(total.reshape(process.shape), mg.transient_law(process, clock).probs, atol=1e-14)


TENSOR_STEPS = [Step(0.1, 0.6, 0.0), Step(0.4, np.inf, 0.0)]


@pytest.mark.parametrize("step", TENSOR_STEPS)
@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if m.reveal])
def test_reveal_formulas_take_tensors(name, step):
    """The same float64 numbers from a tensor, for the probability and for the hazard that it spends."""
    torch = pytest.importorskip("torch")
    method = METHODS[name]
    hazards = np.array([[1.0, 0.0, 1.0]]) if name == "ancestral" else np.array([[0.3, 0.0, 2.5]])
    for formula in (method.reveal, method.hazard_spent):
        found = formula(torch.from_numpy(hazards), step)
        assert found.dtype == torch.float64
        np.testing.assert_allclose(found.numpy(), formula(hazards, step), rtol=1e-15)
    with np.errstate(divide="ignore"):
        spent = -np.log1p(-method.reveal(hazards, step))
    np.testing.assert_allclose(method.hazard_spent(hazards, step), spent, rtol=1e-14)


def test_other_formulas_take_tensors():
    torch = pytest.importorskip("torch")
    q = np.array([[0.5, 0.5, 0.0], [0.2, 0.1, 0.7], [0.0, 1.0, 0.0]])
    theta, decoder = METHODS["theta-trapezoidal"], METHODS["confidence"]
    remdm = METHODS["remdm"].with_parameters(strategy="confidence")
    formulas = [
        *(METHODS[name].score for name in ("random-order", "confidence", "margin", "entropy")),
        *(decoder.with_parameters(temperature=t).proposal for t in (0.0, 0.7)),
        lambda x: theta.combined(x, 0.9 * x[..., [1, 0, 2]]),
        lambda x: remdm.remask_probabilities(-namespace(x).log(x), TENSOR_STEPS[0]),
        lambda x: METHODS["remdm"].remask_probabilities(-namespace(x).log(x), TENSOR_STEPS[0]),
        lambda x: next_level(0.8, x, namespace(x).exp(-x[..., 0])),
        position_probability,
    ]
    for formula in formulas:
        found = formula(torch.from_numpy(q))
        assert found.dtype == torch.float64
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(found.numpy(), formula(q), rtol=1e-14)


def test_remasking_by_confidence():
    """sigma_i = eta sigma_max softmax(-psi) over the revealed; masks are revealed with a; no law on tokens alone."""
    step = Step(-np.log(0.6), -np.log(0.4), 0.0)
    method = METHODS["remdm"].with_parameters(strategy="confidence", eta=0.5)
    psi, share = np.array([0.9, np.inf, 0.2]), 1 / (1 + np.exp(-0.7))
    np.testing.assert_allclose(method.remask_probabilities(psi, step), [0.5 * (1 - share), 0, 0.5 * share])
    later = Step(-np.log(0.3), -np.log(0.2), 0.0)
    np.testing.assert_allclose(method.remask_probabilities(psi, later).sum(), 0.5 * 0.2 / 0.7)
    np.testing.assert_allclose(method.reveal_probability(np.array([1.0, 0.0]), later), [1 / 3, 0])
    process = mg.GuidedProcess(SEPARATING, mg.Guidance("normalized", 1.0))
    with pytest.raises(mg.InputError, match="no stepped law"):
        mg.stepped_law(process, "remdm", mg.uniform_grid(4), strategy="confidence")


@pytest.mark.parametrize("counts", ["even", [0, 1, 1]])
def test_annealed_noise(counts):
    """The law of three steps with noise n (2/3, 1/3, 0) is that of one-step laws with these noises in turn."""
    process = mg.GuidedProcess(SEPARATING, mg.Guidance("product", 1.0))
    grid = mg.uniform_grid(3)
    annealed = mg.stepped_law(process, "confidence", grid, noise=0.9, annealed=True, counts=counts)
    taken = list(steps(process.guidance, grid, noise_schedule("linear")))
    law = np.zeros(process.shape)
    law[-1, -1] = 1.0
    for step, noise in zip(taken, (0.6, 0.3, 0.0), strict=True):
        method = METHODS["confidence"].with_parameters(noise=noise, counts=counts)
        law = one_step(method, process.rates(step.weight), law, step)
    np.testing.assert_allclose(annealed.probs, law, atol=1e-15)
    constant = mg.stepped_law(process, "confidence", grid, noise=0.9, counts=counts)
    assert np.abs(annealed.probs - constant.probs).max() > 0.01
