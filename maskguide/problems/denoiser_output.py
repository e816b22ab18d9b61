"""What a denoiser of somebody's own gives, looked at before it is used: its shape, NaN, sums of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _checks
from .._arrays import namespace
from .conditionals import ExactDenoiser, log_sum

SUM_TOLERANCE = 0.01  # of a row's probabilities: half-precision networks are off by less, logits by more


def log_conditionals(problem: Any, tokens: Any, label: int | None, *, wait: bool = False) -> Any:
    """`problem.log_conditionals(tokens, label)`; what no class of the package has computed is checked.

    Parameters
    ----------
    problem : Denoiser
    tokens : (n, D) integers in 0..N
    label : int or None
    wait : bool
        Look at tensors of other devices, too, for which the host has to wait; otherwise only at their shape.

    Returns
    -------
    (n, D, N) array or tensor

    Raises
    ------
    InputError
        Another shape, such as with a column of the mask; NaN or +inf, or probabilities that do not sum to one, at a
        masked coordinate: the first such state is named. A row of -inf says that what is revealed is impossible: where
        nothing is revealed, that is an error, too.
    """
    found = problem.log_conditionals(tokens, label)
    if isinstance(problem, ExactDenoiser):
        return found
    _shape(problem, tokens, found)
    if wait or namespace(found) is np or found.device.type == "cpu":
        _sums(problem, tokens, found)
    return found


def _shape(problem: Any, tokens: Any, found: Any) -> None:
    needed, shape = (*tokens.shape, problem.vocab_size), tuple(getattr(found, "shape", ()))
    if shape != tuple(needed):
        column = shape == (*tokens.shape, problem.vocab_size + 1)
        _checks.fail(
            f"{type(problem).__name__}.log_conditionals gives shape {shape}" + (" with a column of the mask" * column),
            f"(n, D, N) = {tuple(needed)}, one entry for each token",
            "leave the mask's column out before log_softmax" if column else "return log-probabilities of the N tokens",
        )


def _sums(problem: Any, tokens: Any, found: Any) -> None:
    xp, masked = namespace(found), tokens == problem.vocab_size
    with np.errstate(all="ignore"):
        rows = found[masked]
        total = log_sum(rows.astype(float) if xp is np else rows.double())
    untouched = xp.broadcast_to(masked.all(-1)[:, None], masked.shape)[masked]  # nothing is revealed
    usable = (abs(total) <= SUM_TOLERANCE) | ((total == -np.inf) & ~untouched)
    if not usable.all():
        _refuse(problem, tokens, found, masked, int(xp.argmin(usable * 1)))


def _refuse(problem: Any, tokens: Any, found: Any, masked: Any, row: int) -> None:
    state, i = (int(k) for k in np.argwhere(np.asarray(masked.tolist()))[row])
    values = np.asarray(found[state, i].tolist())
    with np.errstate(all="ignore"):
        fault = "NaN" if np.isnan(values).any() else f"probabilities that sum to {np.exp(values).sum():.4g}"
    place = f"coordinate {i} of the state {_checks.short(tokens[state].tolist())}"
    _checks.fail(
        f"{type(problem).__name__}.log_conditionals gives {fault} at {place}",
        f"log p(x_i = v | x, label) of a mask, N = {problem.vocab_size} natural logarithms: exponentials sum to 1",
        "take log_softmax of the logits over the tokens, without the mask",
    )
