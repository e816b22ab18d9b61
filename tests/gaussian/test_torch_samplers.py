"""The torch path: the trajectories of numpy, for every method and rule; nothing in the loop waits for a device."""

import itertools

import numpy as np
import pytest
import torch

from maskguide import InputError
from maskguide.gaussian import Mixture, normals, power_law, rectified, sample, samplers, schedules
from maskguide.gaussian.methods import METHODS, ddim
from maskguide.gaussian.trajectories import stepped

NORMAL = Mixture([[0.0, 0.0]])
BENT = Mixture([[1.0, 0.2], [-0.5, 0.4]], [[[0.5, 0.2], [0.2, 0.4]], [[0.3, 0.0], [0.0, 0.6]]], [0.4, 0.6])
RNG = np.random.default_rng(3)
MANY = Mixture(RNG.normal(size=(30, 12)), RNG.uniform(0.1, 0.5, 30), labels=[0, 1, 2] * 10)  # matrix products
RULES = {
    "linear": "linear",
    "contrastive": "contrastive",
    "power": power_law(0.5),
    "power of scores": power_law(0.5, of="score"),
    "rectified": rectified(lambda t: 1 - t / 2),
    "rectified each": rectified(np.array([0.5, 0.9])),
    "angle": "angle",
}
STEPPED = [method for method in METHODS.values() if not method.integrate]
STEPS = [*[(method.name, 0.0) for method in STEPPED], ("ddim", 0.5), ("ddim", 1.0)]
SCHEDULE = schedules.early_late(3.0, 1.5, 0.4)


def both(c, u, **options):
    options = {"process": "vp", "times": 20, "count": 40, "seed": 4} | options
    return [sample(c, u, SCHEDULE, engine=engine, **options) for engine in ("numpy", "torch")]


def agree(one, other, tolerance=1e-10):
    np.testing.assert_allclose(other.x, one.x, rtol=tolerance, atol=tolerance)
    for name in ("exploded", "stopped_at"):
        np.testing.assert_array_equal(getattr(other, name), getattr(one, name))
        assert type(getattr(other, name)) is np.ndarray and getattr(other, name).dtype == getattr(one, name).dtype
    assert one.status == other.status


@pytest.mark.parametrize(("method", "eta"), STEPS)
@pytest.mark.parametrize("rule", RULES)
def test_torch_has_the_trajectories_of_numpy(method, eta, rule):
    agree(*both(BENT, NORMAL, method=method, eta=eta, rule=RULES[rule]))


@pytest.mark.parametrize(("method", "eta"), [("heun", 0.0), ("ddim", 1.0)])
def test_classes_of_many_components_and_starts_from_the_class(method, eta):
    agree(*both(MANY.given(1), MANY, method=method, eta=eta, initial="class"))


@pytest.mark.parametrize("process", ["flow", "cosine", "ve"])
def test_every_process_and_all_points(process):
    one, other = both(BENT, NORMAL, process=process, keep=True)
    agree(one, other)
    assert one.path is not None and other.path is not None and other.path.shape == (21, 40, 2)
    np.testing.assert_allclose(other.path, one.path, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("process", ["flow", "vp"])
def test_the_compiled_kernel_is_one_of_them(process):
    _, other = both(BENT, NORMAL, process=process)
    fast = sample(BENT, NORMAL, SCHEDULE, process=process, times=20, count=40, seed=4)
    np.testing.assert_allclose(fast.x, other.x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", ["heun", "euler-maruyama"])
def test_neither_count_nor_batch_matters(method):
    options = {"method": method, "process": "vp", "times": 10, "seed": 5, "engine": "torch"}
    many = sample(BENT, NORMAL, 2.0, count=40, batch=7, **options).x
    np.testing.assert_allclose(sample(BENT, NORMAL, 2.0, count=13, **options).x, many[:13], rtol=1e-12)
    assert (sample(BENT, NORMAL, 2.0, count=13, **options | {"seed": 6}).x != many[:13]).all()


def test_normals_are_the_same_numbers():
    ours, theirs = (normals.normals(7, 50, 3, 4, 11, like=like) for like in (None, torch.zeros(1)))
    assert theirs.dtype == torch.float64
    np.testing.assert_allclose(theirs.numpy(), ours, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("keep", [False, True])
def test_exploding_trajectories(keep):
    narrow, options = Mixture([[0.0, 0.0]], 1e-12), {"process": "vp", "times": 30, "count": 20, "keep": keep}
    one, other = (sample(narrow, NORMAL, 1e6, engine=engine, **options) for engine in ("numpy", "torch"))
    assert other.exploded.all() and np.isfinite(other.x).all() and one.status == other.status
    np.testing.assert_array_equal(other.stopped_at, one.stopped_at)


def test_one_exploding_start_does_not_disturb_the_others():
    starts = np.array([[0.3, -0.2], [1e60, 0.0], [-0.6, 0.4]])
    options = {"process": "ve", "times": [1.0, 0.9, 0.0], "method": "euler", "engine": "torch"}
    run = sample(NORMAL, NORMAL, 0.0, initial=starts, **options)
    assert run.exploded.tolist() == [False, True, False] and run.stopped_at.tolist() == [0.0, 0.9, 0.0]
    np.testing.assert_array_equal(run.x[[0, 2]], sample(NORMAL, NORMAL, 0.0, initial=starts[[0, 2]], **options).x)


CASES = [*itertools.product([*STEPPED, ddim(0.5)], RULES)]


@pytest.mark.parametrize(("method", "rule"), CASES)
@pytest.mark.parametrize("kind", ["full", "isotropic"])
def test_the_loop_never_makes_the_host_wait(method, rule, kind):
    """On tensors of the device "meta", which have no data: a look at a value fails, and so does a mix of devices."""
    mixtures = {"full": (BENT, NORMAL), "isotropic": (MANY.given(0), MANY)}[kind]
    chosen = rectified(np.linspace(0.5, 0.9, 12)) if (rule, kind) == ("rectified each", "isotropic") else RULES[rule]
    field = samplers.guided_field(*mixtures, SCHEDULE, chosen, "vp")
    x = torch.empty(9, mixtures[0].dimension, dtype=torch.float64, device="meta")
    run = stepped(method.step, field, x, np.linspace(1, 0.1, 4), True, 1, 0)
    tensors = (run.x, run.exploded, run.stopped_at, run.path)
    assert all(torch.is_tensor(part) and part.device.type == "meta" for part in tensors)
    with pytest.raises(RuntimeError, match="meta"):
        bool(run.exploded.any())  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="device"):
        run.x + torch.ones(9, mixtures[0].dimension)


def test_the_loop_sends_nothing_to_the_device_after_its_first_step():
    """A number sent along with each step would wait for the device too, where no error tells."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Moves(TorchDispatchMode):
        seen = ()

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func.name() in ("aten::_to_copy", "aten::copy_", "aten::lift_fresh", "aten::_local_scalar_dense"):
                self.seen = (*self.seen, func.name())
            return func(*args, **(kwargs or {}))

    field = samplers.guided_field(MANY.given(0), MANY, SCHEDULE, "angle", "vp")
    x = torch.tensor(RNG.normal(size=(9, 12)))
    stepped(METHODS["euler-maruyama"].step, field, x, np.linspace(1, 0.5, 2), False, 1, 0)
    with Moves() as moves:
        stepped(METHODS["euler-maruyama"].step, field, x, np.linspace(1, 0.1, 4), False, 1, 0)
        assert not moves.seen
        torch.tensor(0.5)  # what it would have seen
        assert moves.seen


BAD = {
    "device": lambda: sample(BENT, NORMAL, engine="torch", device="gpu7"),
    "missing device": lambda: sample(BENT, NORMAL, engine="torch", device="cuda:93"),
    "no data": lambda: sample(BENT, NORMAL, engine="torch", device="meta"),
    "device of numpy": lambda: sample(BENT, NORMAL, device="cuda"),
    "engine": lambda: sample(BENT, NORMAL, engine="jax"),
    "adaptive": lambda: sample(BENT, NORMAL, engine="torch", method="adaptive"),
    "sde at pure noise": lambda: sample(BENT, NORMAL, engine="torch", method="euler-maruyama"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    with pytest.raises(InputError) as caught:
        BAD[case]()
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize(("method", "eta"), STEPS)
def test_a_gpu_has_the_trajectories_of_numpy(method, eta):
    one, _ = both(MANY.given(1), MANY, method=method, eta=eta)
    options = {"method": method, "eta": eta, "process": "vp", "times": 20, "count": 40, "seed": 4}
    agree(one, sample(MANY.given(1), MANY, SCHEDULE, engine="torch", device="cuda", **options))
