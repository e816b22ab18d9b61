"""What a sampler returns, whatever that is, as plain arrays; or the :class:`Fault` that it is."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .denoiser import ServedDenoiser
from .faults import Fault, described

EXTRAS = ("reveal_time", "reveal_order")


def arrays(returned: Any, n: int, denoiser: ServedDenoiser) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Tokens (n, D), int64 in 0..N, and the known extras, (n, D) float64; anything else is a Fault."""
    try:
        tokens, extras = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, {})
        if not isinstance(extras, dict):
            raise Fault("type", f"beside the tokens it returns a {type(extras).__name__}, not a dict of extras")
        shape = (n, denoiser.length)
        known = {name: _extra(name, _array(extras[name]), shape) for name in EXTRAS if name in extras}
        return _tokens(_array(tokens), shape, denoiser.vocab_size), known
    except Fault:
        raise
    except Exception as error:  # objects of other libraries may do anything when they are looked at
        raise Fault("type", f"what it returns cannot be read: {described(error)}") from error


def _array(value: Any) -> np.ndarray:
    """A numpy array of no subclass."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = _of_tensor(value)
    if isinstance(value, np.ma.MaskedArray):
        raise Fault("type", "it returns a MaskedArray, in which entries may be missing, not an array of tokens")
    if isinstance(value, np.ndarray):
        return np.ndarray.view(value, np.ndarray)
    raise Fault("type", f"it returns a {type(value).__name__}, not an array of tokens")


def _of_tensor(value: Any) -> Any:
    """Dense tensors of a dtype that numpy has; others (sparse, nested, meta, quantised, bfloat16) are a Fault."""
    try:
        return value.detach().cpu().numpy()
    except Exception as error:
        raise Fault("type", f"it returns a tensor that is no plain array: {described(error)}") from error


def _tokens(tokens: np.ndarray, shape: tuple[int, int], vocab_size: int) -> np.ndarray:
    if tokens.shape != shape:
        raise Fault("shape", f"tokens of shape {tokens.shape}; asked for (n, D) = {shape}")
    if tokens.dtype.kind == "f" and np.isnan(tokens).any():
        raise Fault("nan", f"{int(np.isnan(tokens).sum())} of {tokens.size} tokens are NaN")
    if tokens.dtype.kind not in "iu":
        raise Fault("dtype", f"tokens of dtype {tokens.dtype}; tokens are integers")
    if tokens.min() < 0 or tokens.max() > vocab_size:
        raise Fault("range", f"tokens run from {tokens.min()} to {tokens.max()}; the tokens are "
                    f"0..{vocab_size - 1} and {vocab_size} is the mask")  # fmt: skip
    return tokens.astype(np.int64)


def _extra(name: str, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if values.shape != shape:
        raise Fault("shape", f"{name} of shape {values.shape}; it is (n, D) = {shape}")
    if values.dtype.kind not in "fiub":
        raise Fault("dtype", f"{name} of dtype {values.dtype}; it is an array of numbers")
    return values.astype(float)
