"""Learned weights: the training step against the sampler's, losses against loops, minima against exact optima."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from maskguide import InputError
from maskguide.gaussian import Mixture, sample
from maskguide.gaussian.noise import process
from maskguide.gaussian.rules import LINEAR
from maskguide.gaussian.steps import Field, ddim
from maskguide.papers.learned_weights.losses import batch, energy_loss, loss_of, training_data
from maskguide.papers.learned_weights.models import Models, exact, leaking, shrunk
from maskguide.papers.learned_weights.optimum import square_optimum
from maskguide.papers.learned_weights.study import five_modes
from maskguide.papers.learned_weights.training import Learning, train
from maskguide.papers.learned_weights.weight_network import WeightNetwork, nonnegative

BOUND = stats.norm.isf(1e-6 / 2)
MODES = five_modes()
LINE = Models(  # true class N(1, 1/4), predicted as N(1/2, 1/4) of N(0, 1)
    "line", (Mixture([[1.0]], 0.25),), (Mixture([[0.5]], 0.25),), Mixture([[0.0]])
)


def numbers(models, **given):
    settings = Learning(**given)
    return batch(models, training_data(models, settings), settings, 3), settings


@pytest.mark.parametrize(("eta", "noise"), [(0.0, "flow"), (0.6, "flow"), (1.0, "vp"), (0.3, "ve")])
def test_a_training_step_is_the_samplers_step(eta, noise):
    found, settings = numbers(leaking(MODES, 0.3), groups=2, eta=eta, process=noise, seed=5)
    draw = np.random.Generator(np.random.Philox(key=[5, 3]))
    draw.random((2, 6)), draw.integers(settings.points, size=(3, 2))
    eps, _, z = draw.standard_normal((3, 6, 4, 2))
    models, omega = leaking(MODES, 0.3), np.linspace(0.2, 3, 6)
    data = training_data(models, settings)
    draw = np.random.Generator(np.random.Philox(key=[5, 3]))
    draw.random((2, 6))
    x0 = np.take_along_axis(data, draw.integers(settings.points, size=(3, 2))[:, :, None], 1).reshape(6, 1, 2)
    moved = found.gain * (found.conditional + torch.tensor(omega)[:, None, None] * found.difference) + found.rest
    for g, k in enumerate((0, 0, 1, 1, 2, 2)):
        s, t = float(found.s[g]), float(found.t[g])
        level = process(noise).at(t)
        field = Field(models.conditional[k], models.unconditional, process(noise), LINEAR, omega[g])
        x_t = level.scale * x0[g] + level.sigma * eps[g]
        assert moved[g].numpy() == pytest.approx(ddim(eta, field, x_t, t, s, z[g]), rel=1e-9, abs=1e-9)
        assert 0 <= s < t <= 1 and t - s >= settings.least_step


def test_steps_groups_and_what_they_share():
    found, _ = numbers(exact(MODES), groups=500, particles=3)
    assert found.label.bincount().tolist() == [500] * 3
    assert stats.kstest(found.s.numpy() / 0.9, "uniform").pvalue > 1e-6
    share = (found.t - found.s - 0.1) / (0.9 - found.s)
    assert stats.kstest(share.numpy(), "uniform").pvalue > 1e-6
    for kind, together in (("point", True), ("class", False)):
        x0 = numbers(exact(MODES), groups=4, share=kind, loss="square", least_step=0.999)[0]
        s = x0.s[:, None, None]  # at s < 0.001 the target is x_0 to some 0.003
        near = (x0.target / (1 - s)).diff(dim=1).abs().amax() < 0.02
        assert bool(near) == together


@pytest.mark.parametrize(("power", "repulsion"), [(1.0, 1.0), (0.5, 0.3), (1.9, 0.0)])
def test_energy_loss_is_the_sum_over_pairs(power, repulsion):
    moved, target = np.random.default_rng(0).normal(size=(2, 3, 4, 2))
    total = 0.0
    for g in range(3):
        across = np.mean([np.linalg.norm(moved[g, j] - target[g, k]) ** power for j in range(4) for k in range(4)])
        pairs = itertools.permutations(range(4), 2)
        total += across - repulsion / 2 * np.mean(
            [np.linalg.norm(moved[g, j] - moved[g, k]) ** power for j, k in pairs]
        )
    got = energy_loss(torch.tensor(moved), torch.tensor(target), power, repulsion)
    assert float(got) == pytest.approx(total / 3, rel=1e-13)


@pytest.mark.parametrize("loss", ["energy", "square"])
def test_gradients(loss):
    found, settings = numbers(leaking(MODES, 0.3), groups=2, loss=loss, reward_scale=0.7)
    omega = torch.linspace(0.1, 2, 6, dtype=torch.float64, requires_grad=True)
    reward = lambda x0, label: (x0[:, 0] * (label + 1)).tanh()  # noqa: E731
    assert torch.autograd.gradcheck(lambda w: loss_of(w, found, settings, reward), omega)


def test_coinciding_particles_have_a_gradient():
    x = torch.zeros(1, 2, 2, dtype=torch.float64, requires_grad=True)
    energy_loss(x, x.detach()).backward()
    assert bool((x.grad == 0).all())


def slopes(models, omega, change=lambda found: found, keep=lambda s, t: s < t, **given):
    """d loss / d omega of each group of class 0 at omega(t)."""
    found, settings = numbers(models, groups=4000, **given)
    found = change(found)
    w = torch.tensor([omega(float(t)) for t in found.t], dtype=torch.float64, requires_grad=True)
    loss_of(w, found, settings).backward()
    mine = ((found.label == 0) & keep(found.s, found.t)).numpy()
    return (w.grad.numpy() * len(w))[mine]


def away(values):
    return values.mean() / (values.std(ddof=1) / np.sqrt(len(values)))


def test_square_optimum_by_hand():
    assert square_optimum(LINE, 0, 0.5) == pytest.approx(16 / 49, rel=1e-12)
    for t in (0.1, 0.5, 1.0):
        assert all(square_optimum(exact(MODES), k, t) == 0 for k in range(3))


def test_square_optimum_in_any_axes():
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    full = turn @ np.diag([0.3, 0.1]) @ turn.T
    law = Mixture([[1.0, 0.0], [-1.0, 0.5]], np.array([full, full]), labels=[0, 1])
    turned = Mixture(law.means @ turn, np.broadcast_to([0.3, 0.1], (2, 2)), labels=[0, 1])
    for k in range(2):
        got = [square_optimum(leaking(m, 0.4), k, 0.4, nodes=60) for m in (law, turned)]
        assert got[0] == pytest.approx(got[1], rel=1e-6) and got[0] > 0.1


@pytest.mark.parametrize("models", [LINE, leaking(MODES, 0.3)], ids=["line", "leaking"])
def test_the_square_loss_has_its_minimum_at_the_optimum(models):
    optimum = {}

    def at(t):
        t = round(t, 2) or 0.01
        if t not in optimum:
            optimum[t] = square_optimum(models, 0, min(t, 1.0), nodes=20)
        return optimum[t]

    assert abs(away(slopes(models, at, loss="square"))) < BOUND
    assert away(slopes(models, lambda t: at(t) + 0.2, loss="square")) > BOUND


def test_exact_scores_have_their_minimum_at_zero():
    models = exact(MODES)
    assert abs(away(slopes(models, lambda t: 0.0, loss="square"))) < BOUND
    for share in ("point", "class"):
        assert away(slopes(models, lambda t: 0.0, share=share)) > BOUND  # up from the edge omega = 0


def test_the_square_loss_with_a_noise_of_its_own_would_guide_exact_scores():
    def own_noise(found):
        return found._replace(target=numbers(exact(MODES), groups=4000, loss="energy")[0].target)

    assert away(slopes(exact(MODES), lambda t: 0.0, own_noise, loss="square")) < -BOUND


def test_how_much_it_would():
    """N(1, 1/4) in N(0, 1), t = 1/2 -> s = 0.4: all is affine in (1, z, eps, eps'), x_0 = 1 + z/2; docs: 1.655."""
    t, s, x0, eps, own = 0.5, 0.4, *np.array([[1, 0.5, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    x, gain = (1 - t) * x0 + t * eps, (1 - s) - (1 - t) * s / t
    c, u = np.array([1.0, 0, 0, 0]) + 0.4 * (x - [0.5, 0, 0, 0]), x  # slopes a var / (a^2 var + sigma^2)
    off = gain * c + s / t * x - (1 - s) * x0 - s * own
    best = -(off @ (c - u)) / (gain * (c - u) @ (c - u))
    law, total = Mixture([[1.0]], 0.25), Mixture([[0.0]])
    points = np.array([[0.0], [1.0]])
    slope = np.diff((law.denoise(points, 0.5, 0.5) - total.denoise(points, 0.5, 0.5))[:, 0])[0]
    assert best == pytest.approx(-s * t * slope / (gain * (c - u) @ (c - u)), rel=1e-12)
    assert best == pytest.approx(1.655, abs=5e-4)


def test_less_repulsion_would_guide_exact_scores_at_short_steps():
    short = lambda s, t: t - s < 0.2  # noqa: E731
    whole, half = (
        slopes(exact(MODES), lambda t: 0.0, keep=short, share="class", repulsion=repulsion) for repulsion in (1.0, 0.5)
    )
    assert away(whole) > -BOUND > away(half)


def test_nonnegative_rises_again_but_never_sinks():
    z = torch.tensor([-1.0, -1.0, 2.0, 2.0], requires_grad=True)
    omega = nonnegative(z)
    assert omega.tolist() == [0, 0, 2, 2]
    (omega * torch.tensor([1.0, -1.0, 1.0, -1.0])).sum().backward()
    assert z.grad.tolist() == [0, -1, 1, -1]


def test_schedule_is_the_networks_weight_on_the_samplers_grid():
    network = WeightNetwork(3, seed=4)
    times = np.array([1.0, 0.7, 0.2, 0.05])
    schedule = network.schedule(1, times)
    assert [schedule(t) for t in times[:-1]] == pytest.approx(network.weights(1, times[1:], times[:-1]), rel=1e-14)
    assert schedule(0.05) == schedule(0.2)
    assert network.schedule(1, 4)(0.5) == pytest.approx(network.weights(1, 0.25, 0.5)[0], rel=1e-14)
    law, x = MODES.given(1), np.random.default_rng(0).normal(size=(5, 2))
    end = sample(law, MODES, schedule, method="ddim", times=times, count=5, initial=x).x
    for t, s in itertools.pairwise(times.tolist()):
        x = ddim(0.0, Field(law, MODES, process("flow"), LINEAR, float(network.weights(1, s, t)[0])), x, t, s, None)
    assert end == pytest.approx(x, rel=1e-12)


def test_deterministic_by_seed_and_global_random_numbers_are_left_alone():
    few = Learning(steps=5, groups=4, points=100)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    one = train(leaking(MODES, 0.3), few)
    assert bool((torch.random.get_rng_state() == before).all())
    torch.manual_seed(1)
    two, other = train(leaking(MODES, 0.3), few), train(leaking(MODES, 0.3), replace(few, seed=1))
    same = [bool((a == b).all()) for a, b in zip(one.network.parameters(), two.network.parameters(), strict=True)]
    assert all(same) and (one.losses == two.losses).all() and (one.losses != other.losses).all()


def test_what_is_learned_follows_how_much_of_the_label_is_lost():
    found = train(leaking(MODES, [0.0, 0.3, 0.6]), Learning(steps=150, rate=1e-2, groups=16, share="class"))
    low, middle, high = (found.network.weights(k, 0.6, 0.8)[0] for k in range(3))
    assert low < 0.15 < 0.25 < middle < 0.7 < high < 2.2
    assert away((found.unguided - found.losses)[-50:]) > BOUND


def test_a_reward_raises_the_weight():
    models, few = exact(MODES), Learning(steps=60, rate=1e-2, groups=8)
    away_from_origin = lambda x0, label: x0.norm(dim=1)  # noqa: E731
    plain = train(models, few).network.weights(2, 0.4, 0.6)[0]
    rewarded = train(models, replace(few, reward_scale=2.0), reward=away_from_origin).network.weights(2, 0.4, 0.6)[0]
    assert rewarded > plain + 0.5
    found, settings = numbers(models, groups=1, reward_scale=2.0)
    omega = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    without = loss_of(omega, found, settings)
    x0 = found.conditional + omega[:, None, None] * found.difference
    by_hand = float(without) - 2.0 * x0.norm(dim=2).mean().item()
    assert float(loss_of(omega, found, settings, away_from_origin)) == pytest.approx(by_hand, rel=1e-13)


def test_models():
    x = np.random.default_rng(0).normal(size=(20, 2))
    for k, law in enumerate(leaking(MODES, 1.0).conditional):
        assert law.denoise(x, 0.6, 0.4) == pytest.approx(MODES.denoise(x, 0.6, 0.4), rel=1e-12)
        own, total = MODES.given(MODES.classes[k]), MODES
        p, q = np.exp(own.log_density(x, 0.6, 0.4)), np.exp(total.log_density(x, 0.6, 0.4))
        share = (0.7 * p / (0.7 * p + 0.3 * q))[:, None]
        mixed = share * own.denoise(x, 0.6, 0.4) + (1 - share) * total.denoise(x, 0.6, 0.4)
        assert leaking(MODES, 0.3).conditional[k].denoise(x, 0.6, 0.4) == pytest.approx(mixed, rel=1e-9)
    half = shrunk(MODES, 0.5)
    assert half.unconditional.means == pytest.approx((MODES.means + MODES.mean) / 2)
    assert half.truth[0].means == pytest.approx(MODES.given(0).means) and half.conditional[1].labels == (1, 1)
    c, u = exact(MODES).denoise(x.reshape(4, 5, 2), np.array([2, 0, 0, 1]), np.full(4, 0.6), np.full(4, 0.4))
    assert c[3] == pytest.approx(MODES.given(1).denoise(x[15:], 0.6, 0.4))
    assert u.reshape(-1, 2) == pytest.approx(MODES.denoise(x, 0.6, 0.4))


@pytest.mark.parametrize(
    "given",
    [
        {"loss": "l1"}, {"share": "batch"}, {"process": "sde"}, {"particles": 1}, {"groups": 0}, {"steps": 0},
        {"power": 2.0}, {"power": 0.0}, {"repulsion": -0.1}, {"repulsion": 1.1}, {"least_step": 0.0},
        {"least_step": 1.0}, {"eta": 1.5}, {"rate": 0.0}, {"rate": np.inf}, {"rate": np.nan}, {"reward_scale": -1.0},
        {"seed": 2**32}, {"seed": -1}, {"width": 0}, {"points": 0}, {"power": "one"},
    ],
    ids=str,
)  # fmt: skip
def test_bad_settings(given):
    with pytest.raises(InputError):
        Learning(**given)


def test_bad_calls():
    with pytest.raises(InputError, match="reward"):
        train(exact(MODES), Learning(), reward=lambda x0, label: x0[:, 0])
    with pytest.raises(InputError, match="reward"):
        train(exact(MODES), Learning(reward_scale=1.0))
    with pytest.raises(InputError, match="finite"):
        train(exact(MODES), Learning(reward_scale=1.0), reward=lambda x0, label: x0[:, 0] * np.nan)
    for shares in ([0.1], 1.5, [-0.1, 0, 0], [np.nan, 0, 0]):
        with pytest.raises(InputError, match="shares"):
            leaking(MODES, shares)
    for factor in (0.0, -1.0, np.inf):
        with pytest.raises(InputError, match="factor"):
            shrunk(MODES, factor)
    with pytest.raises(InputError, match="direction"):
        square_optimum(leaking(MODES, 1.0), 0, 0.5)
    with pytest.raises(InputError, match="nodes"):
        square_optimum(LINE, 0, 0.5, nodes=10**7)
    network = WeightNetwork(2)
    for label, s, t in ((2, 0.1, 0.2), (0, 0.2, 0.2), (0, 0.1, 1.2), (0, [0.1, 0.2], [0.3])):
        with pytest.raises(InputError):
            network.weights(label, s, t)
