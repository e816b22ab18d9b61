"""The under-trained network: where it starts, what it learns, and its use in the samplers."""

import numpy as np
import pytest
import torch

from maskguide import InputError
from maskguide.gaussian import Mixture, sample
from maskguide.papers.learned_weights.denoiser import ClassView, DenoiserNetwork, _loss, undertrained
from maskguide.papers.learned_weights.study import five_modes

MODES = five_modes()
X = np.random.default_rng(0).normal(size=(30, 2))


def test_it_starts_as_the_denoiser_of_one_gaussian():
    start = undertrained(MODES, 0, points=500)
    mean, variance = start.unconditional.network.mean.numpy(), start.unconditional.network.variance
    one = Mixture([mean], variance)
    for model in (*start.conditional, start.unconditional):
        got, exact = model.predict(X, 0.7, 0.3), one.predict(X, 0.7, 0.3)
        assert got.x0 == pytest.approx(exact.x0, rel=1e-12)
        assert got.score == pytest.approx(exact.score, rel=1e-10)


def test_training_lowers_the_error_and_tells_the_classes():
    def error(models, k):
        return ((models.conditional[k].denoise(X, 0.5, 0.5) - MODES.given(k).denoise(X, 0.5, 0.5)) ** 2).mean()

    start, later = undertrained(MODES, 0), undertrained(MODES, 250)
    assert all(error(later, k) < error(start, k) / 2 for k in range(3))
    assert later.unconditional.denoise(X, 1.0, 1e-9) == pytest.approx(X, abs=1e-7)  # data are left as they are
    gaps = [
        np.abs(m.conditional[0].denoise(X, 0.5, 0.5) - m.conditional[1].denoise(X, 0.5, 0.5)).max()
        for m in (start, later)
    ]
    assert gaps[0] == 0 and gaps[1] > 0.5


def test_deterministic_and_the_seed_matters():
    one, two, other = (undertrained(MODES, 5, points=300, seed=s) for s in (3, 3, 4))
    found = [m.conditional[1].denoise(X, 0.5, np.full(30, 0.5)) for m in (one, two, other)]
    assert (found[0] == found[1]).all() and (found[0] != found[2]).any()


def test_rows_are_in_proportion_and_a_fifth_loses_its_class(monkeypatch):
    seen = []

    class Sees(DenoiserNetwork):
        def forward(self, x, scale, sigma, label):
            seen.append(label.numpy())
            return super().forward(x, scale, sigma, label)

    law = Mixture([[0.0], [1.0]], 1.0, [0.9, 0.1], labels=["a", "b"])
    data, labels = np.zeros((1000, 1)), np.repeat([0, 1], [900, 100])
    network = Sees(2, np.zeros(1), 1.0, 0)
    for k in range(40):
        _loss(network, data, labels, "flow", np.random.default_rng(k))
    share = np.bincount(np.concatenate(seen), minlength=3) / (40 * 256)
    assert share == pytest.approx([0.72, 0.08, 0.2], abs=5 * 0.5 / np.sqrt(40 * 256))
    assert undertrained(law, 1, points=50).conditional[1].dimension == 1


def test_in_the_samplers():
    models = undertrained(MODES, 60)
    run = sample(models.conditional[2], models.unconditional, 1.0, method="ddim", times=10, count=50, batch=50)
    assert np.isfinite(run.x).all() and not run.exploded.any()


def test_bad_input():
    view = ClassView(DenoiserNetwork(1, np.zeros(2), 1.0, 0), 0, 2)
    with pytest.raises(InputError, match="sigma"):
        view.predict(X, 1.0, 0.0)
    for given in ({"steps": -1}, {"seed": 2**32}, {"points": 1}, {"noise": "sde"}):
        with pytest.raises(InputError):
            undertrained(MODES, **{"steps": 2, **given})


def test_global_random_numbers_are_left_alone():
    before = torch.random.get_rng_state()
    undertrained(MODES, 2, points=100)
    assert torch.equal(torch.random.get_rng_state(), before)
