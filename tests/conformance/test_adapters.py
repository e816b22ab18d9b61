"""Samplers written for models of other shapes: right ones pass through their adapter, wrong ones do not."""

import functools
from itertools import pairwise

import numpy as np
import pytest

import maskguide as mg
from maskguide.conformance import ServedDenoiser, check
from maskguide.conformance.adapters import LogitsModel, ScoreModel, TimeModel, adapt
from maskguide.conformance.bank import SamplingCase
from tests.conftest import random_problem, table

torch = pytest.importorskip("torch")

SEPARATING = table([[2, 28], [16, 12]], [[22, 0], [4, 2]], name="separating")
MIXED = random_problem(7, vocab_size=3, length=3, zeros=0.0)
CASES = [SamplingCase(SEPARATING, 3.0, 3, "rules differ"), SamplingCase(MIXED, 1.5, 2, "three coordinates")]


def judged(draw, shape, claim, backend="numpy", **settings):
    return check(adapt(draw, shape, **settings), claim, quick=True, cases=CASES, backend=backend)


# In the style of Hugging Face and LLaDA: prompt and answer in one row, torch ---------------------------------------


def masked_decoder(model, n, *, weight, num_steps, seed, dtype, scale=lambda w: w + 1):
    draw = torch.Generator().manual_seed(seed)
    x = torch.full((n, 1 + model.length), model.mask_id)
    x[:, :1] = torch.as_tensor(model.prompt)
    for k in range(num_steps):
        unprompted = x.clone()
        unprompted[:, 0] = model.mask_id
        conditional, unconditional = model(torch.cat([x, unprompted])).logits.double().chunk(2)
        logits = unconditional + scale(weight) * (conditional - unconditional)
        u = torch.rand(logits.shape, generator=draw, dtype=torch.float64)
        new = (logits - torch.log(-torch.log(u))).argmax(-1)
        masks = x == model.mask_id
        order = torch.rand(x.shape, generator=draw).masked_fill(~masks, 2.0).argsort(-1)
        each, more = divmod(model.length, num_steps)
        chosen = torch.zeros_like(masks).scatter(1, order[:, : each + (k < more)], True)
        x = torch.where(chosen & masks, new, x)
    return x


RANDOM = "normalized, random-order:counts=even"


def test_logits_model():
    report = judged(masked_decoder, "logits", RANDOM, "torch")
    assert report.passed, str(report)


def test_logits_model_with_gamma_for_w_is_named():
    wrong = functools.partial(masked_decoder, scale=lambda w: w)
    wrong.__name__ = wrong.__qualname__ = "wrong"
    report = judged(wrong, "logits", RANDOM, "torch")
    assert report.diagnosis.name == "gamma for w", str(report)


# In the style of SEDD: scores and the total noise -----------------------------------------------------------------


def euler(scores, n, *, weight, num_steps, seed, dtype, tokens=lambda rates: rates):
    """Rates from concrete scores, sigma'(t) e^score, t from 1 to 0 at sigma = -log(1 - t); a last step to data."""
    rng, x = np.random.default_rng(seed), np.full((n, scores.length), scores.mask_id)
    times = np.linspace(1, 0, num_steps + 1)
    for now, then in pairwise(times):
        sigma = np.full(n, -np.log1p(-min(now, 1 - 1e-9)))
        guided = (1 + weight) * scores(x, sigma, scores.label) - weight * scores(x, sigma, None)
        jumps = tokens((now - then) / (1 - min(now, 1 - 1e-9)) * np.exp(guided[..., :-1]))
        leaves = np.minimum(1, jumps.sum(-1))
        steps = jumps.cumsum(-1)
        new = (rng.random((*x.shape, 1)) * steps[..., -1:] >= steps[..., :-1]).sum(-1)
        x = np.where((x == scores.mask_id) & (rng.random(x.shape) < leaves), new, x)
    return x


def test_score_model():
    report = judged(euler, "scores", "product, euler, uniform t, log-linear")
    assert report.passed, str(report)


def test_score_model_with_another_claim_is_named():
    report = judged(euler, "scores", "product, tau-leaping, uniform t, log-linear")
    assert report.diagnosis.name == "product rule, euler", str(report)


# In the style of MDLM and discrete_guidance: x_theta(x, t) --------------------------------------------------------


def ancestral(x_theta, n, *, weight, num_steps, seed, dtype, keep=True):
    draw = torch.Generator().manual_seed(seed)
    x = torch.full((n, x_theta.length), x_theta.mask_id)
    times = torch.linspace(1, 0, num_steps + 1, dtype=torch.float64)
    for t, s in pairwise(times):
        conditional, unconditional = (x_theta(x, t.expand(n), label).double() for label in (x_theta.label, None))
        probs = torch.softmax((1 + weight) * conditional - weight * unconditional, -1) * (t - s) / t
        probs[..., -1] = s / t
        new = torch.multinomial(probs.flatten(0, 1), 1, generator=draw).view(x.shape)
        x = torch.where(x == x_theta.mask_id, new, x) if keep else new
    return x


def test_time_model():
    report = judged(ancestral, "x_theta", "normalized, ancestral, uniform t, log-linear", "torch")
    assert report.passed, str(report)


def test_time_model_without_carry_over_is_named():
    forgetful = functools.partial(ancestral, keep=False)
    forgetful.__name__ = forgetful.__qualname__ = "forgetful"
    report = judged(forgetful, "x_theta", "normalized, ancestral, uniform t, log-linear", "torch")
    assert "revealed tokens not kept" in report.diagnosis.ranking[0].names, str(report)


# Guided logits ----------------------------------------------------------------------------------------------------


def one_by_one(logits, n, *, weight, num_steps, seed, dtype):
    rng, x = np.random.default_rng(seed), np.full((n, logits.length), logits.mask_id)
    for _ in range(logits.length):
        rates = np.exp(logits(x)) * (x == logits.mask_id)[..., None]
        levels = rates.reshape(n, -1).cumsum(-1)
        place, token = np.divmod((rng.random((n, 1)) * levels[:, -1:] >= levels[:, :-1]).sum(-1), logits.vocab_size)
        x[np.arange(n), place] = token
    return x


@pytest.mark.parametrize("rule", ["product", "normalized"])
def test_guided_model(rule):
    assert judged(one_by_one, "guided", f"{rule}, limit", rule=rule).passed
    other = {"product": "normalized", "normalized": "product"}[rule]
    report = judged(one_by_one, "guided", f"{other}, limit", rule=rule)
    assert f"{rule} rule" in report.diagnosis.ranking[0].names


# The shapes themselves --------------------------------------------------------------------------------------------

TOKENS = np.array([[2, 2], [1, 2], [2, 0], [0, 1]])


@pytest.mark.parametrize("array", [np.asarray, torch.as_tensor])
def test_values(array):
    denoiser, tokens = ServedDenoiser(SEPARATING), array(TOKENS)
    conditional, unconditional = (np.asarray(denoiser(TOKENS, label)) for label in (0, None))
    masked = TOKENS == 2

    prompted = array(np.hstack([[[3], [2], [4], [2]], TOKENS]))  # target, no class, the other class, no class
    logits = np.asarray(LogitsModel(denoiser, 1.0, least=-np.inf)(prompted, attention_mask=None).logits)
    assert logits.shape == (4, 3, 2)
    np.testing.assert_array_equal(logits[0, 1:], conditional[0])
    np.testing.assert_array_equal(logits[[1, 3], 1:], unconditional[[1, 3]])
    np.testing.assert_array_equal(logits[2, 1:], np.asarray(denoiser(TOKENS, 1))[2])

    x_theta = np.asarray(TimeModel(denoiser, 1.0)(tokens, array(np.ones(4)), 0))
    np.testing.assert_array_equal(x_theta[..., :2], np.maximum(conditional, -60))
    assert (x_theta[..., 2] == -60).all()

    sigma = np.array([0.1, 0.5, 1.0, 2.0])
    scores = np.exp(np.asarray(ScoreModel(denoiser, 1.0, least=-np.inf)(tokens, array(sigma), 0)))
    expected = np.exp(conditional) / np.expm1(sigma)[:, None, None]  # p(v | x) alpha / (1 - alpha)
    np.testing.assert_allclose(scores[masked][:, :2], expected[masked], rtol=1e-12)
    np.testing.assert_array_equal(np.take_along_axis(scores, TOKENS[..., None], -1), 1.0)


def test_dtype_is_the_denoisers():
    for dtype in ("float32", "float64"):
        denoiser = ServedDenoiser(SEPARATING, dtype=dtype)
        assert LogitsModel(denoiser, 1.0)(np.array([[3, 2, 2]])).logits.dtype == dtype
        assert ScoreModel(denoiser, 1.0)(TOKENS, 0.5).dtype == dtype
        assert TimeModel(denoiser, 1.0)(TOKENS).dtype == dtype


def test_bad_use():
    with pytest.raises(mg.InputError, match="shape of a model"):
        adapt(one_by_one, "logit")
    with pytest.raises(mg.InputError, match="rule of guided logits"):
        adapt(one_by_one, "guided", rule="tilted")
