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


class Faulty(Network):
    """As above, with a fault in what it gives once `revealed` tokens are there."""

    def __init__(self, fault, revealed=0):
        super().__init__()
        self.fault, self.revealed = fault, revealed

    def log_conditionals(self, tokens, label=None):
        found = super().log_conditionals(tokens, label)
        return self.fault(found, (tokens < self.vocab_size).sum(-1) >= self.revealed)


def put(value):
    """The value at the first token of every coordinate, in the states that are meant."""
    return lambda found, there: torch.where(
        there[:, None, None] & (torch.arange(found.shape[-1]) == 0), torch.as_tensor(value, dtype=found.dtype), found
    )


FAULTS = {
    "NaN": (put(float("nan")), "gives NaN at coordinate"),
    "infinity": (put(float("inf")), "sum to inf at coordinate"),
    "logits": (lambda found, there: found + 3.0, "sum to 20.09 at coordinate"),
    "a mask column": (lambda found, there: torch.cat([found, found[..., :1]], -1), "with a column of the mask"),
    "another shape": (lambda found, there: found[:, 0], "gives shape"),
    "nothing possible": (lambda found, there: found - torch.inf, "sum to 0 at coordinate"),
}


@pytest.mark.parametrize("method", ["gillespie", "tau-leaping", "confidence", "smc"])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_network_gives_is_looked_at(fault, method):
    change, message = FAULTS[fault]
    grid = {"grid": 4} if method in ("tau-leaping", "confidence") else {}
    process = mg.GuidedProcess(Faulty(change), mg.Guidance("product", 1.0))
    with pytest.raises(mg.InputError, match=message):
        mg.sample(process, 50, method, **grid)


@pytest.mark.parametrize("fault", ["NaN", "infinity", "logits"])
def test_every_batch_is_looked_at(fault):
    """A fault that shows once two tokens are there names a state with two tokens."""
    change, message = FAULTS[fault]
    late = Faulty(lambda found, there: torch.where(there[:, None, None], change(found, there), found), revealed=2)
    with pytest.raises(mg.InputError, match=message) as error:
        mg.sample(mg.GuidedProcess(late, mg.Guidance("product", 1.0)), 200, "tau-leaping", grid=6)
    state = eval(str(error.value).split("of the state ")[1].split("\n")[0])
    assert sum(token < 3 for token in state) == 2


def test_half_precision_is_no_fault():
    half = Network(dtype=torch.bfloat16)
    assert (mg.sample(mg.GuidedProcess(half, mg.Guidance("product", 1.0)), 200, "tau-leaping", grid=4).tokens < 3).all()


def test_on_a_device_the_first_state_is_looked_at():
    from maskguide.samplers.task import Task
    from maskguide.samplers.torch import run

    process = mg.GuidedProcess(Faulty(FAULTS["logits"][0]), mg.Guidance("product", 1.0))
    task = Task(process, METHODS["gillespie"], (), 0, device="cuda:0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "to", lambda tensor, device: tensor)  # a device at hand: the CPU under its name
        with pytest.raises(mg.InputError, match=r"sum to 20\.09"):
            run(task, np.full((5, 3), 3, dtype=np.int32), 0)


def test_one_bad_row_of_a_batch_is_found():
    """NaN at one coordinate of one state among many, of the last there is."""

    def one(found, there):
        found = found.clone()
        found[-1, -1, 0] = float("nan")
        return found

    with pytest.raises(mg.InputError, match=r"NaN at coordinate 2 of the state \[3, 3, 3\]"):
        mg.sample(mg.GuidedProcess(Faulty(one), mg.Guidance("product", 1.0)), 50, "tau-leaping", grid=3)
