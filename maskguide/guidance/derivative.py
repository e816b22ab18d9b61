"""The derivative of a rule's formula in the weight: as declared, in closed form for powers, or by torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import namespace


def of_powers(at_zero: tuple[float, float], at_one: tuple[float, float], logs: tuple[Any, Any]) -> Any:
    """a' log p_z + b' log p from the exponents (a, b) at w = 0 and w = 1, which are linear in w; 0 for -inf."""
    xp = namespace(logs[1])
    first, second = (xp.where(log > -np.inf, log, 0.0) for log in logs)
    return (at_one[0] - at_zero[0]) * first + (at_one[1] - at_zero[1]) * second


def by_torch(formula: Callable[..., Any], logs: tuple[Any, Any], weight: float, name: str) -> Any:
    """Forward-mode derivative of formula(log p_z, log p, w) at a weight, numpy or torch as the logarithms are.

    At w = -1, where a formula may return the reference itself, just above it.
    """
    try:
        import torch
    except ImportError:
        needed = "a rule without a declared derivative is differentiated by torch"
        _checks.fail(f"the derivative of the rule {name!r} without torch", needed, "declare `derivative`")
    tensors = [torch.as_tensor(log) for log in logs]
    at = torch.tensor(float(weight), dtype=tensors[0].dtype, device=tensors[0].device)
    at = torch.where(at == -1, torch.nextafter(at, torch.zeros_like(at)), at)
    slope = torch.func.jvp(lambda w: formula(*tensors, w), (at,), (torch.ones_like(at),))[1]
    return slope if namespace(logs[0]) is torch else slope.numpy()
