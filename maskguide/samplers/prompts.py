"""Prompts: tokens that are given before a trajectory starts, per sample or the same for all."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..problems.conditionals import ExactDenoiser
from ..process import GuidedProcess


def checked(process: GuidedProcess, start: ArrayLike | None, count: int) -> np.ndarray | None:
    """(D,) or (n, D) int32, N where a token is to be drawn; None when everything is.

    Raises InputError for other shapes, tokens outside 0..N, and given tokens that the target class (at w = -1 the
    mixture) cannot have: no rate leads out of such a context.
    """
    if start is None:
        return None
    tokens = np.asarray(start)
    shapes = (process.length,), (count, process.length)
    if tokens.shape not in shapes or tokens.dtype.kind not in "iu":
        _checks.fail(
            f"start has shape {tokens.shape}, dtype {tokens.dtype}",
            f"integers (D,) = {shapes[0]} or (n, D) = {shapes[1]}, N = {process.vocab_size} for a mask",
            "give one prompt for all samples, or one for each",
        )
    outside = tokens[(tokens < 0) | (tokens > process.vocab_size)]
    if outside.size:
        _checks.fail(f"start holds token {outside[0]}", f"tokens 0..{process.vocab_size} (the mask)", "correct it")
    tokens = tokens.astype(np.int32)
    if isinstance(process.problem, ExactDenoiser):  # a network cannot tell
        _possible(process, tokens.reshape(-1, process.length))
    return tokens


def rows(process: GuidedProcess, start: np.ndarray | None, first: int, size: int) -> np.ndarray:
    """(size, D) int32: where trajectories first, ..., first + size - 1 start.

    What all start from is a view, not to be written to.
    """
    if start is not None and start.ndim > 1:
        return start[first : first + size].copy()
    shared = np.int32(process.vocab_size) if start is None else start
    return np.broadcast_to(shared, (size, process.length))


def common(start: np.ndarray) -> list[int]:
    """The one prompt that all samples share."""
    if start.ndim > 1 and (start != start[0]).any():
        _checks.fail("a prompt for each sample", "one prompt (D,) for all", "call it once for each prompt")
    return start.reshape(-1, start.shape[-1])[0].tolist()


def _possible(process: GuidedProcess, tokens: np.ndarray) -> None:
    masked = tokens == process.vocab_size
    distinct = np.unique(tokens[masked.any(axis=1)], axis=0)
    label = None if process.segments[0].weight == -1 else process.problem.target
    for state in distinct[np.isneginf(process.problem.log_marginal(distinct, label))] if distinct.size else ():
        _checks.fail(
            f"start holds the prompt {state.tolist()}, which has probability 0",
            "a prompt is possible under the target class (the unconditional law, at w = -1)",
            "condition on tokens that the target class can have",
        )
