"""A training run's state, saved atomically and taken up exactly: parameters, Adam's moments, step, losses.

A file is a line that names the format, the SHA-256 of what follows, and PyTorch's archive of the state: a
changed bit is not taken for a number.

The random numbers of a training step are addressed by (seed, step), both of which are here: nothing else is their
state. A checkpoint says which run it is of, by the settings and by what the predictions are at some fixed points.
"""

from __future__ import annotations

import copy
import hashlib
import io
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ... import _checks, _files
from .models import Models
from .settings import Learning
from .weight_network import WeightNetwork

FORMAT = "maskguide learned weights 2"


class TrainingState:
    """What a training run carries from step to step.

    Attributes
    ----------
    network : WeightNetwork
    optimizer : torch.optim.Adam
    step : steps done
    losses : (2, steps), with the weights and without, filled up to `step`
    """

    def __init__(self, settings: Learning, models: Models):
        self.about = {"settings": asdict(settings), "classes": len(models.truth), "predictions": _probe(models)}
        self.network = WeightNetwork(len(models.truth), settings.width, settings.seed)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=settings.rate)
        self.step = 0
        self.losses = torch.zeros(2, settings.steps, dtype=torch.float64)

    def state(self) -> dict[str, Any]:
        """A copy that later steps leave alone."""
        parts = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "losses": self.losses}
        return copy.deepcopy({"about": self.about, "step": self.step, **parts})

    def load(self, path: Path) -> None:
        """Take up a checkpoint of this run; an InputError if it is damaged or of another run."""
        saved = read(path)
        if saved["about"] != self.about:
            _checks.fail(
                f"checkpoint {_checks.short(path.name)} is of another run",
                "settings, classes and predictions are those that it was written with",
                "train with the same, or to another file",
            )
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.losses = saved["step"], saved["losses"]


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a state whole or not at all."""
    content = io.BytesIO()
    torch.save(state, content)
    _files.write(path, _header(content.getvalue()) + content.getvalue())


def read(path: Path) -> dict[str, Any]:
    """A checkpoint's state; one InputError whatever is wrong with the file."""
    try:
        content = path.read_bytes()
        archive = content[len(_header(b"")) :]
        if content != _header(archive) + archive:
            raise ValueError("format or checksum")
        saved = torch.load(io.BytesIO(archive), weights_only=True)
        _fits(saved)
    except Exception:
        _checks.fail(
            f"{_checks.short(str(path))} is damaged or no checkpoint of learned weights",
            f"a file that training wrote, format {FORMAT!r}",
            "delete it to start anew, or give another file",
        )
    return saved


def _header(archive: bytes) -> bytes:
    return f"{FORMAT}\n{hashlib.sha256(archive).hexdigest()}\n".encode()


def load_network(path: str | Path) -> WeightNetwork:
    """The network of a checkpoint, to be used in sampling: `load_network(path).schedule(label, times)`."""
    saved = read(Path(path))
    network = WeightNetwork(saved["about"]["classes"], saved["about"]["settings"]["width"])
    network.load_state_dict(saved["network"])
    return network


def _fits(saved: dict[str, Any]) -> None:
    """Raises unless network, optimiser and losses are those of the settings they come with."""
    settings = saved["about"]["settings"]
    network = WeightNetwork(saved["about"]["classes"], settings["width"])
    network.load_state_dict(saved["network"])
    moments = saved["optimizer"]["state"]
    torch.optim.Adam(network.parameters()).load_state_dict(saved["optimizer"])
    if not 0 <= saved["step"] <= settings["steps"] or saved["losses"].shape != (2, settings["steps"]):
        raise ValueError("step")
    for k, parameter in enumerate(network.parameters()):
        if saved["step"] and any(moments[k][name].shape != parameter.shape for name in ("exp_avg", "exp_avg_sq")):
            raise ValueError("moments")


def _probe(models: Models) -> list[float]:
    """Laws and predictions at a few fixed points, by which they are known again."""
    d, classes = models.truth[0].dimension, len(models.truth)
    x = np.linspace(-1, 1, 3 * d).reshape(1, 3, d).repeat(classes, 0)
    label, half = np.arange(classes), np.full(classes, 0.5)
    exact = [law.denoise(x[0], 0.5, 0.5) for law in models.truth]
    return np.concatenate([np.ravel(v) for v in (*exact, *models.denoise(x, label, half, half))]).tolist()
