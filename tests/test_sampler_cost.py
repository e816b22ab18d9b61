"""The samplers' benchmarks against public samplers and of cost run and notice a wrong candidate; none asserts speed."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

import maskguide as mg
from benchmarks import peer_laws, peer_samplers, peers, sampler_cost

EULER = """
import torch
from tqdm import tqdm

def flow_matching_sampling_masking_euler(denoising_model, batch_size, S, D, device, dt, **guide):
    conditional, scale = guide["cond_denoising_model"], 1 / guide["guide_temp"]
    x, total = torch.full((batch_size, D), S - 1), round(1 / dt)
    for k in tqdm(range(total + 1)):
        rates = (scale * conditional(x, k) + (1 - scale) * denoising_model(x, k)).exp()[..., :-1]
        chance = (rates / max(total - k, 1)).clamp(max=1)
        if k == total:
            chance = (rates == rates.amax(-1, keepdim=True)).float()
        chance = torch.cat([chance, (1 - chance.sum(-1, keepdim=True)).clamp(min=0)], -1)
        x = torch.where(x == S - 1, torch.distributions.Categorical(chance).sample(), x)
    return x.numpy()
"""
PROBLEM = mg.TableProblem([[[0.5, 0.1], [0.1, 0.3]], [[0.1, 0.2], [0.6, 0.1]]], [0.4, 0.6])


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder that looks like one of the peers, with the given source."""

    def write(source: str):
        (tmp_path / "src").mkdir()
        (tmp_path / "src" / "fm_utils.py").write_text(source)
        monkeypatch.setenv(peers.VARIABLE, str(tmp_path))
        monkeypatch.delitem(peer_samplers.sys.modules, "fm_utils", raising=False)
        return peers.PEERS[0], peers.PEERS[0].load(peers.clone_of(peers.PEERS[0]))

    yield write
    peer_samplers.sys.modules.pop("fm_utils", None)


def conditionals(rule, weight):
    """Rates of both coordinates from fully masked, and those of each once the other is known."""
    rates = mg.GuidedProcess(PROBLEM, mg.Guidance(rule, weight)).rates()
    return rates.edges[0][:, 2], rates.edges[1][2], rates.edges[0][:, :2], rates.edges[1][:2]


def normalized(rates, axis=0):
    return rates / rates.sum(axis=axis, keepdims=True)


def reveals(first, second, rows, columns, chances):
    """Law of two tokens: each is revealed at once with its chance, what is left by conditionals afterwards."""
    (a, b), p, q = chances, normalized(first)[:, None], normalized(second)[None]
    together = a * b + (1 - a) * (1 - b)
    later = a * (1 - b) * p * normalized(columns, 1) + (1 - a) * b * q * normalized(rows, 0)
    return together * p * q + later


def test_no_clone_is_said_and_skipped(monkeypatch, capsys):
    monkeypatch.delenv(peers.VARIABLE, raising=False)
    assert peers.run() is None
    assert capsys.readouterr().out.count("skipped") == len(peers.PEERS)


def test_a_peer_runs_from_its_clone(clone, monkeypatch):
    monkeypatch.setattr(peers, "TABLE", (3, 4))
    monkeypatch.setattr(peers, "MIXTURE", (8, 4, 2))
    clone(EULER)
    rows, notes, _ = peers.run({"table": (400, 100, 100), "mixture": (8, 4, 4)}, rounds=1)
    assert [row["problem"] for row in rows] == ["table", "mixture"]
    assert rows[0]["commit"] == "unknown" and rows[0]["numba / peer"][0] > 0
    assert sum("skipped" in note for note in notes) == len(peers.PEERS) - 1


@pytest.mark.parametrize("right, wrong", [("(1 - scale)", "scale"), ("max(total - k, 1)", "total"), ("S - 1)", "0)")])
def test_a_peer_that_draws_another_law_is_noticed(clone, right, wrong):
    peer, modules = clone(EULER.replace(right, wrong, 1))
    with pytest.raises(AssertionError, match=peer.repository):
        peers.check(peer, modules, 4_000)


def test_masks_left_are_noticed():
    process = mg.GuidedProcess(PROBLEM, mg.Guidance("product", 1.0))
    peers.in_range(np.zeros((3, 2), dtype=int), process)
    with pytest.raises(AssertionError, match="from 0 to 2"):
        peers.in_range(np.array([[0, 2]]), process)


@pytest.mark.parametrize("weight", [-0.5, 0.0, 1.0])
def test_law_of_sedds_steps_and_last_draw(weight):
    process = mg.GuidedProcess(PROBLEM, mg.Guidance("product", weight))
    first, second, rows, columns = conditionals("product", weight)
    fraction = 1 - peer_laws.SEDD_END
    chances = [min(1.0, z.sum() * fraction) for z in (first, second)]
    expected = reveals(first, second, rows, columns, chances)
    np.testing.assert_allclose(peer_laws.sedd_law(process, 1)[:2, :2], expected, rtol=1e-9)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_law_of_flow_matchings_leaps(weight):
    process = mg.GuidedProcess(PROBLEM, mg.Guidance("normalized", weight))
    expected = reveals(*conditionals("normalized", weight), [1 - np.exp(-0.5)] * 2)
    np.testing.assert_allclose(peer_laws.flow_matching_law(process, 2)[:2, :2], expected, rtol=1e-9)


def test_law_of_clipped_entries_and_the_last_argmax():
    problem = mg.TableProblem([[0.8, 0.1, 0.1], [0.1, 0.3, 0.6]], [0.4, 0.6])
    for weight in (-0.5, 1.0):
        process = mg.GuidedProcess(problem, mg.Guidance("product", weight))
        rates = process.rates().edges[0]
        first, second = np.minimum(rates / 2, 1), np.minimum(rates, 1)
        left = 1 - min(first.sum(), 1)
        law = first / max(first.sum(), 1) + left * second / max(second.sum(), 1)
        law[rates.argmax()] += left * (1 - min(second.sum(), 1))
        np.testing.assert_allclose(peer_laws.discrete_guidance_law(process, 2)[:3], law, rtol=1e-12)


@pytest.mark.parametrize("row, label", [(0, 1), (1, None)])
def test_denoisers_are_exact(row, label):
    mixture = mg.ProductMixture.random(3, 2, components=4, seed=1)
    mixture = mg.ProductMixture(mixture.probs, mixture.weights, mixture.labels.tolist(), target=1)
    states = np.indices((3, 3, 3)).reshape(3, -1).T
    exact = np.exp(mixture.log_conditionals(states, label))
    for problem in (mixture, mixture.table()):
        given = peer_samplers.denoiser_of(problem)(peer_samplers.torch.tensor(states), row).exp()
        np.testing.assert_allclose(given, exact, atol=1e-6)


def cost_cases():
    """One case an axis, small, and a torch one."""
    cheap = [case for case in sampler_cost.cases((4, 6), (3,), (4, 3)) if case.kind != "table"]
    chosen = [case for case in cheap if case.axis == "method" and case.method == "tau-leaping"]
    return (*chosen, *(case for case in cheap if case.axis in ("D", "N") and case.method == "tau-leaping"))


def test_small_run_of_sampler_cost_and_its_figure(monkeypatch):
    monkeypatch.setattr(sampler_cost, "SECONDS", 0.0)
    monkeypatch.setattr(sampler_cost, "TORCH", 2)
    monkeypatch.setattr(sampler_cost, "alone", lambda *sizes: (2**30 + sizes[3], "tokens"))
    rows, notes, _ = sampler_cost.run(cost_cases(), rounds=1, held=2)
    assert {row["engine"] for row in rows} == {"numba", "torch"} and all(row["ns per reveal"] > 0 for row in rows)
    assert "1.00 GiB with batches of 4,096" in notes[-1]
    spec = spec_from_file_location("figure", Path(__file__).parents[1] / "docs" / "sampler_cost_figure.py")
    figure = module_from_spec(spec)
    spec.loader.exec_module(figure)
    _, by_length, *_ = figure.draw(rows).axes
    assert sorted(by_length.lines[0].get_xdata()) == [4, 6]


def test_axes_of_sampler_cost():
    found = {(case.axis, case.engine) for case in sampler_cost.cases()}
    assert {axis for axis, _ in found} == {"method", "D", "N", "w", "steps", "longest"}
    assert {case.method for case in sampler_cost.cases() if case.axis == "method"} == set(sampler_cost.METHODS)
    assert (1024, 256) in {(case.length, case.vocab_size) for case in sampler_cost.cases()}


def test_engines_that_differ_are_noticed(monkeypatch):
    case = sampler_cost.Case("method", "mixture", 4, 3)
    sampler_cost.check(case)
    other = {"numba": 0, "torch": 1}
    monkeypatch.setattr(sampler_cost.Case, "draw", lambda self, n: np.full((n, 4), other[self.engine]))
    with pytest.raises(AssertionError, match="64 of 64 tokens differ"):
        sampler_cost.check(case)


def test_batches_that_change_the_tokens_are_noticed(monkeypatch):
    monkeypatch.setattr(sampler_cost, "alone", lambda *sizes: (2**20, str(sizes[-1])))
    with pytest.raises(AssertionError, match="depend on the batch size"):
        sampler_cost.memory(4)


def test_a_process_of_its_own_says_its_peak_and_tokens():
    (peak, tokens), (_, others) = (sampler_cost.alone(3, 2, 2, n, 4) for n in (9, 10))
    assert 2**25 < peak < 2**31 and len(tokens) == 64 and tokens != others
