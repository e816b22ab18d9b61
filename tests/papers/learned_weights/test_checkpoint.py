"""Checkpoints: a resumed run is the uninterrupted one bit for bit; damage and foreign files are one error."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from maskguide import InputError
from maskguide.papers.learned_weights import checkpoint as learned_checkpoint
from maskguide.papers.learned_weights.checkpoint import load_network, read
from maskguide.papers.learned_weights.models import exact, leaking
from maskguide.papers.learned_weights.study import five_modes
from maskguide.papers.learned_weights.training import Learning, train

MODELS = leaking(five_modes(), 0.3)
FEW = Learning(steps=24, groups=2, points=50, rate=1e-2)


def same(one, two):
    pairs = zip(one.network.state_dict().values(), two.network.state_dict().values(), strict=True)
    losses = (np.array_equal(getattr(one, name), getattr(two, name)) for name in ("losses", "unguided"))
    return all(torch.equal(a, b) for a, b in pairs) and all(losses)


def stop_at(step):
    def advance(now, loss):
        if now == step:
            raise KeyboardInterrupt

    return advance


@pytest.fixture(scope="module")
def whole():
    return train(MODELS, FEW)


@pytest.fixture
def stopped(tmp_path):
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        train(MODELS, FEW, checkpoint=path, advance=stop_at(17))
    return path


def test_resumed_is_uninterrupted(whole, stopped):
    assert read(stopped)["step"] == 10
    seen = []
    resumed = train(MODELS, FEW, checkpoint=stopped, advance=lambda step, loss: seen.append((step, loss)))
    assert same(resumed, whole)
    assert [step for step, _ in seen] == list(range(11, 25)) and [v for _, v in seen] == whole.losses[10:].tolist()
    assert [file.name for file in stopped.parent.iterdir()] == ["run.pt"]


def test_a_run_that_forgets_the_moments_is_another(whole, stopped, monkeypatch):
    monkeypatch.setattr(torch.optim.Adam, "load_state_dict", lambda self, state: None)
    assert not same(train(MODELS, FEW, checkpoint=stopped), whole)


def test_stopped_in_the_middle_of_a_step(whole, tmp_path, monkeypatch):
    path, step = tmp_path / "run.pt", torch.optim.Adam.step
    count = iter(range(100))

    def half(self):
        step(self)
        if next(count) == 14:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(torch.optim.Adam, "step", half)
        train(MODELS, FEW, checkpoint=path)
    assert same(train(MODELS, FEW, checkpoint=path), whole)


def test_a_finished_run_is_read_again(whole, tmp_path):
    path = tmp_path / "run.pt"
    assert same(train(MODELS, FEW, checkpoint=path), whole)
    assert same(train(MODELS, FEW, checkpoint=path, advance=stop_at(1)), whole)
    network = load_network(path)
    assert network.weights(1, 0.4, 0.6) == whole.network.weights(1, 0.4, 0.6)


def test_written_whole_or_not_at_all(stopped, monkeypatch):
    before = stopped.read_bytes()

    def breaks(file):
        raise OSError(28, "no space left")

    monkeypatch.setattr(os, "fsync", breaks)
    with pytest.raises(InputError, match="no space"):
        train(MODELS, FEW, checkpoint=stopped)
    assert stopped.read_bytes() == before and len(list(stopped.parent.iterdir())) == 1


def test_a_flipped_bit_is_found(stopped):
    whole, rng = stopped.read_bytes(), np.random.default_rng(0)
    for place, bit in zip(rng.integers(len(whole), size=400), rng.integers(8, size=400), strict=True):
        stopped.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        with pytest.raises(InputError, match="damaged"):
            read(stopped)


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.9, -1])
def test_cut_short(stopped, keep):
    whole = stopped.read_bytes()
    stopped.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(InputError, match="damaged") as error:
        train(MODELS, FEW, checkpoint=stopped)
    assert len(str(error.value).splitlines()) == 3


def altered(change):
    def write(path):
        state = read(path)
        change(state)
        learned_checkpoint.save(path, state)

    return write


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_text("not a checkpoint"),
        lambda path: torch.save({"model": torch.zeros(3)}, path),
        lambda path: torch.save([1, 2], path),
        lambda path: torch.save(FEW, path),  # an object: reading one could run code
        lambda path: path.write_bytes(path.read_bytes().replace(b"weights 2", b"weights 1", 1)),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\1"),
        altered(lambda state: state.update(step=25)),
        altered(lambda state: state.update(losses=torch.zeros(3))),
        altered(lambda state: state["network"].pop("embedding.weight")),
        altered(lambda state: state["network"].update({"embedding.weight": torch.zeros(2, 2)})),
        altered(lambda state: state["optimizer"].update(state={})),
        altered(lambda state: state["optimizer"]["state"][0].update(exp_avg=torch.zeros(1))),
    ],
)
def test_damaged_or_foreign(stopped, write):
    write(stopped)
    for use in (lambda: train(MODELS, FEW, checkpoint=stopped), lambda: load_network(stopped)):
        with pytest.raises(InputError, match="damaged or no checkpoint"):
            use()


@pytest.mark.parametrize(
    ("models", "settings"),
    [(MODELS, replace(FEW, seed=1)), (MODELS, replace(FEW, steps=30)), (exact(five_modes()), FEW)],
    ids=["seed", "steps", "predictions"],
)
def test_another_run(stopped, models, settings):
    with pytest.raises(InputError, match="another run"):
        train(models, settings, checkpoint=stopped)


def test_file_that_could_not_be_written(tmp_path):
    for path in (tmp_path / "none" / "run.pt", tmp_path / "run.txt"):
        with pytest.raises(InputError):
            train(MODELS, FEW, checkpoint=path)
    with pytest.raises(InputError, match="damaged"):
        load_network(tmp_path / "run.pt")
