"""Samplers: exact Gaussians, declared orders, recorded masses, the kernel, explosions, reproducibility."""

import itertools

import numpy as np
import pytest
from scipy import stats

from maskguide import InputError
from maskguide.gaussian import GaussianMethod, Mixture, power_law, rectified, sample, samplers, schedules
from maskguide.gaussian.methods import METHODS
from maskguide.gaussian.steps import Field

NORMAL = Mixture([[0.0, 0.0]])
TWO = Mixture([[-1.0, 0.0], [1.0, 0.0]], 0.04, [0.25, 0.75])
WEAK = {1: 0.249, 2: 0.127, 3: 0.058, 5: 0.011, 7: 0.0018}  # recorded, 40,000 samples; exact: docs/gaussian-stages.md
ALPHA = 1e-6
TWO_SIDED = stats.norm.isf(ALPHA / 2)
BENT = Mixture([[1.0, 0.2], [-0.5, 0.4]], [[[0.5, 0.2], [0.2, 0.4]], [[0.3, 0.0], [0.0, 0.6]]], [0.4, 0.6])
SOME = np.array([[0.3, -0.2], [1.1, 0.8], [-0.6, 0.4], [-1.5, -1.0]])
INNER = {"process": "vp", "initial": SOME}  # orders: where log(a / sigma) is finite


@pytest.mark.parametrize(("omega", "mean"), [(1, 1.0), (2, 1.38017), (3, 1.5), (5, 1.5)])
def test_a_gaussian_class_ends_with_the_mean_and_width_of_the_theory(omega, mean):
    narrow = Mixture([[1.0, 0.0]], 0.25)
    ends = sample(narrow, NORMAL, omega - 1, method="adaptive", initial=[[0.0, 0.0], [1.0, 0.0]]).x[:, 0]
    assert ends[0] == pytest.approx(mean, abs=6e-6)
    assert ends[1] - ends[0] == pytest.approx(0.5**omega, abs=1e-9)  # a normal starts with deviation 1


@pytest.mark.parametrize("omega", WEAK)
def test_weak_mode_mass(omega):
    n = 40_000
    ours = (sample(TWO, NORMAL, omega - 1, count=n, times=100, seed=1).x[:, 0] < 0).sum()
    theirs = round(WEAK[omega] * n)
    assert stats.fisher_exact([[ours, n - ours], [theirs, n - theirs]])[1] > ALPHA


def test_weak_mode_mass_without_guidance_is_that_of_the_class():
    n = 40_000
    hits = int((sample(TWO, NORMAL, 0.0, count=n, seed=2).x[:, 0] < 0).sum())
    assert stats.binomtest(hits, n, 0.25).pvalue > ALPHA


@pytest.mark.parametrize(("early", "mass", "width"), [(True, 0.014, 0.1), (False, 0.188, 0.0017)])
def test_early_and_late_guidance(early, mass, width):
    n, schedule = 40_000, schedules.early_late(5, 1) if early else schedules.early_late(1, 5)
    x = sample(TWO, NORMAL, schedule, count=n, times=200, seed=3).x
    ours, theirs = int((x[:, 0] < 0).sum()), round(mass * n)
    assert stats.fisher_exact([[ours, n - ours], [theirs, n - theirs]])[1] > ALPHA
    strong = x[x[:, 0] > 0].std(0)
    assert width / 2 < np.sqrt((strong**2).mean()) < 2 * width  # recorded to the order of magnitude


def test_triangle_is_no_better_than_constant():
    n, grid = 40_000, np.linspace(1, 0, 201)
    schedule = schedules.on_grid(schedules.triangle(5), grid, omega=5)
    ours, theirs = int((sample(TWO, NORMAL, schedule, times=grid, count=n).x[:, 0] < 0).sum()), round(0.0116 * n)
    assert stats.fisher_exact([[ours, n - ours], [theirs, n - theirs]])[1] > ALPHA


def error(method, steps: int, weight=1.5, rule="linear", **options) -> float:
    settings = INNER | options
    grid = np.linspace(0.95, 0.05, steps + 1)
    exact = sample(BENT, NORMAL, weight, times=grid, method="adaptive", rule=rule, **settings).x
    return np.abs(sample(BENT, NORMAL, weight, times=grid, method=method, rule=rule, **settings).x - exact).max()


def order(method, steps: int = 128, **options) -> float:
    return float(np.log2(error(method, steps, **options) / error(method, 2 * steps, **options)))


def midpoint(field, x, t, s, z):
    half = (t + s) / 2
    return x + (s - t) * field.velocity(x + (half - t) * field.velocity(x, t), half)


STEPPED = [m for m in METHODS.values() if not m.noisy and not m.integrate]
OURS = GaussianMethod("midpoint", midpoint, 2, evaluations=2)


@pytest.mark.parametrize("method", [*STEPPED, OURS], ids=lambda m: m.name)
@pytest.mark.parametrize("process", ["vp", "flow", "cosine", "ve"])
def test_declared_orders(method, process):
    assert order(method, process=process) == pytest.approx(method.order, abs=0.15)


@pytest.mark.parametrize("method", [*METHODS.values(), OURS], ids=lambda m: m.name)
def test_declared_evaluations_and_noise(method, monkeypatch):
    calls, predict = [], Field.predict
    monkeypatch.setattr(Field, "predict", lambda self, *about: calls.append(1) or predict(self, *about))
    field = samplers.guided_field(BENT, NORMAL, 1.5, "linear", "vp")
    one, other = (method.step(field, SOME, 0.6, 0.5, np.full_like(SOME, z)) for z in (0.0, 1.0))
    assert (one != other).any() == method.noisy
    assert method.integrate or len(calls) == 2 * method.evaluations


@pytest.mark.parametrize("name", METHODS)
def test_an_object_is_as_good_as_its_name(name):
    settings = {"process": "vp", "times": [0.9, 0.6, 0.3], "count": 5}
    by_name, by_object = (sample(BENT, NORMAL, 1.5, method=m, **settings).x for m in (name, METHODS[name]))
    np.testing.assert_array_equal(by_name, by_object)


@pytest.mark.parametrize("rule", ["angle", power_law(0.5), rectified(lambda t: 1 - t)])
def test_order_with_other_rules_and_a_changing_weight(rule):
    smooth = schedules.cosine(1.5)  # small enough a weight for no turn to reach the clip
    assert order("heun", weight=smooth, rule=rule) == pytest.approx(2, abs=0.2)


def test_heun_keeps_its_order_across_a_jump_on_the_grid():
    jump = schedules.early_late(3.0, 1.0, 0.5)
    assert order("heun", weight=jump) == pytest.approx(2, abs=0.15)


def test_a_weight_where_one_plus_it_belongs_is_seen():
    narrow = Mixture([[1.0, 0.0]], 0.25)
    wrong = sample(narrow, NORMAL, 2.0, method="adaptive", initial=[[0.0, 0.0]]).x[0, 0]
    assert abs(wrong - 1.38017) > 0.1


def final_variance(method: str, eta: float, steps: int, c: float = 0.25) -> float:
    """Of the method's own K steps on N(0, c): each is x -> k x + noise."""
    noise, grid = samplers.process("vp"), np.linspace(1, 0, steps + 1)
    variance = noise.at(1.0).scale ** 2 * c + noise.at(1.0).variance
    for t, s in itertools.pairwise(grid):
        level, then = noise.at(t), noise.at(s)
        total = level.scale**2 * c + level.variance
        if method == "euler-maruyama":
            k, added = 1 + (s - t) * (level.drift + level.diffusion / total), level.diffusion * (t - s)
        else:
            kept = level.variance - (level.scale / then.scale) ** 2 * then.variance
            added = eta**2 * then.variance / level.variance * kept
            k = (then.scale * level.scale * c + np.sqrt(then.variance - added) * level.sigma) / total
        variance = k * k * variance + added
    return variance


NOISY = [("euler-maruyama", 0.0), ("ddim", 0.5), ("ddim", 1.0)]


@pytest.mark.parametrize(("method", "eta"), NOISY)
def test_stochastic_steps_have_the_variance_of_their_affine_recursion(method, eta):
    n, one = 20_000, Mixture([[0.0, 0.0]], 0.25)
    run = sample(one, one, 0.0, method=method, eta=eta, process="vp", times=25, count=n, initial="class")
    exact = final_variance(method, eta, 25)
    assert np.abs(run.x.var(0) / exact - 1).max() < TWO_SIDED * np.sqrt(2 / n) + 20 / n
    assert np.abs(run.x.mean(0)).max() < TWO_SIDED * np.sqrt(exact / n)


@pytest.mark.parametrize(("method", "eta"), NOISY)
def test_the_recursion_tends_to_the_class_at_order_one(method, eta):
    errors = [abs(final_variance(method, eta, steps) - 0.25) for steps in (800, 1600)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("method", ["euler", "heun"])
@pytest.mark.parametrize("process", ["flow", "vp", "ve"])
def test_kernel_is_the_stepped_sampler(method, process):
    options = {"method": method, "process": process, "times": 20, "count": 50, "seed": 9}
    schedule = schedules.early_late(3.0, 0.5, 0.25)
    slow = sample(BENT, TWO, schedule, keep=True, **options)
    np.testing.assert_allclose(sample(BENT, TWO, schedule, **options).x, slow.x, rtol=1e-9, atol=1e-9)
    assert slow.path is not None and slow.path.shape == (21, 50, 2)
    np.testing.assert_array_equal(slow.path[-1], slow.x)


@pytest.mark.parametrize("method", ["heun", "euler-maruyama"])
def test_neither_count_nor_batch_matters(method):
    options = {"method": method, "process": "vp", "times": 10, "seed": 5, "initial": "class"}
    many = sample(BENT, TWO, 2.0, count=40, keep=True, batch=7, **options).x
    np.testing.assert_allclose(sample(BENT, TWO, 2.0, count=13, keep=True, **options).x, many[:13], rtol=1e-13)
    assert (sample(BENT, TWO, 2.0, count=13, keep=True, **options | {"seed": 6}).x != many[:13]).all()


@pytest.mark.parametrize(("method", "keep"), [("euler", False), ("euler", True), ("heun", True)])
def test_exploding_trajectories_get_a_status_not_nan(method, keep):
    """Steps far too long for a narrow class under a huge weight."""
    narrow = Mixture([[0.0, 0.0]], 1e-12)
    run = sample(narrow, NORMAL, 1e6, method=method, times=30, count=20, process="vp", keep=keep)
    assert run.exploded.all() and np.isfinite(run.x).all()
    assert (run.stopped_at > 0).all() and set(run.stopped_at) <= set(run.times)
    assert "exploded, the first at t =" in run.status


@pytest.mark.parametrize("keep", [False, True])
def test_one_exploding_start_does_not_disturb_the_others(keep):
    options = {"process": "ve", "times": [1.0, 0.9, 0.0], "method": "euler", "keep": keep}
    run = sample(NORMAL, NORMAL, 0.0, initial=np.vstack([SOME, [[1e60, 0.0]]]), **options)
    assert run.exploded.tolist() == [False] * 4 + [True]
    assert run.stopped_at.tolist() == [0.0] * 4 + [0.9] and np.isfinite(run.x).all()
    np.testing.assert_array_equal(run.x[:4], sample(NORMAL, NORMAL, 0.0, initial=SOME, **options).x)
    assert run.status == "1 of 5 trajectories exploded, the first at t = 0.9"


def test_the_reference_sets_apart_what_explodes():
    starts = np.vstack([SOME[:2], [[1e60, 0.0]]])
    run = sample(BENT, NORMAL, 1.0, process="ve", times=[1.0, 0.5, 0.0], method="adaptive", initial=starts, keep=True)
    assert run.exploded.tolist() == [False, False, True] and run.stopped_at.tolist() == [0.0, 0.0, 1.0]
    alone = sample(BENT, NORMAL, 1.0, process="ve", times=[1.0, 0.0], method="adaptive", initial=SOME[:2])
    np.testing.assert_allclose(run.x[:2], alone.x, atol=1e-8)
    assert run.path is not None and run.path.shape == (3, 3, 2)


BAD = {
    "dimension": lambda: sample(TWO, Mixture([[0.0]])),
    "method": lambda: sample(TWO, NORMAL, method="hean"),
    "rule": lambda: sample(TWO, NORMAL, rule="spherical"),
    "process": lambda: sample(TWO, NORMAL, process="vq"),
    "weight": lambda: sample(TWO, NORMAL, -2.0),
    "weight nan": lambda: sample(TWO, NORMAL, float("nan")),
    "schedule": lambda: sample(TWO, NORMAL, lambda t: t - 3),
    "times": lambda: sample(TWO, NORMAL, times=[0.0, 1.0]),
    "steps": lambda: sample(TWO, NORMAL, times=0),
    "count": lambda: sample(TWO, NORMAL, count=0),
    "seed": lambda: sample(TWO, NORMAL, seed=-1),
    "initial": lambda: sample(TWO, NORMAL, initial=[[0.0]]),
    "start": lambda: sample(TWO, NORMAL, initial="data"),
    "eta": lambda: sample(TWO, NORMAL, method="ddim", eta=2.0),
    "eta of another method": lambda: sample(TWO, NORMAL, method="heun", eta=0.5),
    "sde at pure noise": lambda: sample(TWO, NORMAL, method="euler-maruyama"),
    "rectified at pure noise": lambda: sample(TWO, NORMAL, rule=rectified(0.5)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    with pytest.raises(InputError):
        BAD[case]()
