"""Guided trajectories on torch tensors, any device, float64: the steps of `steps` without a wait inside the loop.

Weights and noise levels are numbers on the host; random numbers, explosions and blocks are computed on the device.
The points travel there once a batch, and back at its end. Run and tested on the CPU; a test takes the loop through
tensors of another device that have no data, where whatever needs a value on the host is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .. import _checks
from .steps import Field
from .trajectories import Trajectories, stepped


def find(device: str | None) -> str:
    """The device, or torch's GPU if it has one, or the CPU; an error where torch cannot make a float64 there."""
    try:
        import torch
    except ImportError:
        _checks.fail('engine "torch" without torch', "it needs PyTorch", 'pip install "maskguide[torch]"')
    wanted = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, dtype=torch.float64, device=wanted).cpu()
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        found = f"device {wanted!r}: {str(error).splitlines()[0][:80]}"
        _checks.fail(found, "a device that torch sees, with float64", 'device="cpu"')
    return wanted


def stepped_on(
    device: str,
    step: Callable[..., Any],
    field: Field,
    x: np.ndarray,
    grid: np.ndarray,
    keep: bool,
    seed: int | None,
    first: int,
) -> Trajectories:
    """One batch of trajectories, from and to numpy."""
    import torch

    with torch.no_grad():
        run = stepped(step, field, torch.tensor(x, device=device), grid, keep, seed, first)
    held = {name: getattr(run, name).cpu().numpy() for name in ("x", "exploded", "stopped_at")}
    return replace(run, **held, path=None if run.path is None else run.path.cpu().numpy())  # type: ignore[attr-defined]
