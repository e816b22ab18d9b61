"""A denoiser as networks are: it predicts every position, revealed ones too, and knows nothing of tables."""

import numpy as np
import pytest

import maskguide as mg
from maskguide.methods import METHODS

torch = pytest.importorskip("torch")
from maskguide.samplers.torch import trajectories as walk  # noqa: E402

EXACT = mg.ProductMixture.random(3, 3, components=4, seed=8, concentration=0.5)


class Network:
    """Logits for every position in float32, off by a constant, with no carry-over of revealed tokens."""

    name, length, vocab_size, num_classes, target = "network", 3, 3, 2, 0
    class_names, prior = ("a", "b"), EXACT.prior

    def __init__(self, dtype=torch.float64):
        self.dtype, self.rows = dtype, 0

    def log_conditionals(self, tokens, label=None):
        assert isinstance(tokens, torch.Tensor)
        self.rows += len(tokens)
        visible = (tokens < self.vocab_size)[..., None]
        exact = EXACT.log_conditionals(tokens, label)
        return torch.where(visible, torch.full_like(exact, -np.log(self.vocab_size)), exact).to(self.dtype)


@pytest.mark.parametrize("rule", ["product", "normalized"])
@pytest.mark.parametrize("weight", [0.0, 2.0])
@pytest.mark.parametrize("method", ["gillespie", "tau-leaping", "theta-trapezoidal", "random-order"])
def test_revealed_tokens_are_carried_over(rule, weight, method):
    grid = {} if METHODS[method].is_exact else {"grid": 5}
    runs = [
        mg.sample(mg.GuidedProcess(problem, mg.Guidance(rule, weight)), 4000, method, engine="torch", **grid)
        for problem in (Network(), EXACT.table())
    ]
    assert (runs[0].tokens == runs[1].tokens).all()


def test_a_network_has_torch_as_its_engine_and_follows_the_law():
    process = mg.GuidedProcess(Network(), mg.Guidance("normalized", 1.5))
    samples = mg.sample(process, 20_000, "ancestral", grid=4)
    assert samples.info.provenance.engine == "torch"
    table = mg.GuidedProcess(EXACT.table(), mg.Guidance("normalized", 1.5))
    assert mg.compare(samples, mg.stepped_law(table, "ancestral", mg.uniform_grid(4))).passed
    with pytest.raises(mg.InputError, match="numba knows"):
        mg.sample(process, 10, engine="numba")


@pytest.mark.parametrize("rule", ["product", "normalized"])
@pytest.mark.parametrize("method", [m for m in METHODS if m != "uniformization"])
def test_a_network_is_asked_about_new_states_only(rule, method, monkeypatch):
    """The same draws, clocks and hazards as when every state is computed in every step, for fewer questions."""
    if method in ("ancestral", "remdm") and rule == "product":
        pytest.skip("needs unit hazards")
    runs, asked = [], []
    for lazy in (True, False):
        network = Network()
        process = mg.GuidedProcess(network, mg.Guidance(rule, mg.WeightSchedule([0.5], [2.0, 0.5])))
        with monkeypatch.context() as patch:
            if not lazy:
                patch.setattr(walk, "applies", lambda device: False)
            grid = {} if METHODS[method].is_exact else {"grid": 12}
            runs.append(mg.sample(process, 300, method, engine="torch", record=True, **grid))
        asked.append(network.rows)
    assert (runs[0].tokens == runs[1].tokens).all()
    np.testing.assert_allclose(runs[0].info.reveal_clock, runs[1].info.reveal_clock, rtol=1e-12)
    assert asked[0] <= asked[1]
    if method == "tau-leaping":  # two laws, a start, a change of weight, three reveals
        assert asked[0] <= 2 * 300 * 5 < asked[1] / 2


def test_single_precision_logits_are_not_drawn_in_single_precision():
    exact, rounded = (mg.GuidedProcess(Network(t), mg.Guidance("product", 1.0)) for t in (torch.float64, torch.float32))
    differ = (mg.sample(exact, 20_000).tokens != mg.sample(rounded, 20_000).tokens).any(axis=1).mean()
    assert differ < 1e-3


def test_particles_take_networks_too():
    samples = mg.sample(mg.GuidedProcess(Network(), mg.Guidance("normalized", 1.0)), 4000, "smc")
    exact = mg.log_h(EXACT.table(), 1.0)[-1, -1, -1]
    assert abs(samples.log_normalizer - exact) < 0.1


def test_prompts_for_a_network_are_trusted():
    """A network has no marginals to check a prompt by."""
    samples = mg.sample(mg.GuidedProcess(Network(), mg.Guidance("product", 1.0)), 50, start=[1, 3, 3])
    assert (samples.tokens[:, 0] == 1).all() and (samples.tokens < 3).all()
