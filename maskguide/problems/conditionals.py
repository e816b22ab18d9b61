r"""Conditionals of any partially masked state: what every kind of problem gives, and the arithmetic they share.

States are rows of tokens 0..N-1 and masks N. In logarithms, so that class posteriors keep their digits at any D.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from .. import _checks
from .._arrays import namespace

LEAST_WEIGHT = 1e-100  # the smallest weight of anything possible: a product of three such stays within float64
CHECKED_BYTES = 2**28  # results from this size on are held against the memory available


@runtime_checkable
class Denoiser(Protocol):
    """What a sampler needs of a problem: a table, a mixture, a chain or a network. Source: docs/large-problems.md.

    Attributes
    ----------
    name : str
        What the problem is called.
    length, vocab_size, num_classes : int
        D, N (the mask is token N) and K.
    target : int
        Index of the class z to guide towards.
    class_names : tuple of K strings
        Names of the classes.
    prior : array, (K,) float64
        Class probabilities.
    """

    name: str
    length: int
    vocab_size: int
    num_classes: int
    target: int
    class_names: tuple[str, ...]

    @property
    def prior(self) -> np.ndarray:
        """Class probabilities, (K,) float64."""
        ...

    def log_conditionals(self, tokens: Any, label: int | None = None) -> Any:
        """log p(x_i = v | revealed tokens, label): conditionals of masked coordinates, natural logarithm.

        float64. With torch tensors the result lies on their device and the host waits for nothing, nor is the range of
        the tokens checked.

        Parameters
        ----------
        tokens : integer array or tensor, shape (n, D)
            States, entries 0..N with N the mask; numpy, or a torch tensor on any device.
        label : int, optional
            A class, 0 <= label < K; None is the unconditional law, classes mixed by the prior.

        Returns
        -------
        array or tensor, shape (n, D, N)
            As the tokens are, 8 n D N bytes. A revealed coordinate has 0 at its own token and -inf elsewhere; all is
            -inf in rows of masked coordinates where the revealed tokens have probability zero under the law.
        """
        ...


@runtime_checkable
class ExactDenoiser(Denoiser, Protocol):
    """A Denoiser that knows its marginals too, hence every class posterior; a network seldom does."""

    def log_marginal(self, tokens: Any, label: int | None = None) -> Any:
        """log p(revealed tokens | label): logarithm of a marginal probability.

        The class posterior follows: log p(z | x) = log prior[z] + log_marginal(x, z) - log_marginal(x).

        Parameters
        ----------
        tokens : integer array or tensor, shape (n, D)
            States, entries 0..N with N the mask; numpy, or a torch tensor on any device.
        label : int, optional
            A class, 0 <= label < K; None is the unconditional law.

        Returns
        -------
        array or tensor, shape (n,)
            -inf where the tokens are impossible, 0 where all is masked.
        """
        ...


@runtime_checkable
class RowDenoiser(ExactDenoiser, Protocol):
    """An ExactDenoiser that gives probabilities row by row, for less than it takes to give all logarithms."""

    def context(self, tokens: Any, labels: Sequence[int | None]) -> Any:
        """What the conditionals of n states follow from, in a form of the problem's own.

        Parameters
        ----------
        tokens : integer array or tensor, shape (n, D)
            States, entries 0..N with N the mask.
        labels : sequence of L ints or Nones
            Classes; None is the unconditional law.

        Returns
        -------
        array or tensor, shape (n, L, ...)
            Zeros where a state is impossible under a label.
        """
        ...

    def rows(self, context: Any, at: tuple[Any, Any] | None = None) -> Any:
        """p(x_i = v | revealed tokens, label) of masked coordinates; rows of revealed ones mean nothing.

        Parameters
        ----------
        context : array or tensor, shape (n, L, ...)
            From `context`.
        at : pair of integer arrays of shape (m,), optional
            State and coordinate of the rows that are wanted, instead of all.

        Returns
        -------
        array or tensor, shape (L, n, D, N), or (L, m, N) with `at`
            Probabilities, an array of its own, free to be written to.
        """
        ...


# Arguments -------------------------------------------------------------------------------------------


def token_array(problem: Any, tokens: Any) -> Any:
    """Tokens as int64 (n, D), checked; the range in numpy only, where nothing has to be waited for."""
    xp = namespace(tokens)
    tokens = tokens if xp is not np else np.asarray(tokens)
    if tokens.ndim != 2 or tokens.shape[1] != problem.length:
        _checks.fail(f"tokens have shape {tuple(tokens.shape)}", f"(n, D) with D = {problem.length}", "one state a row")
    if xp is not np:
        return tokens.to(xp.int64)
    if tokens.dtype.kind not in "iu":
        _checks.fail(f"tokens have dtype {tokens.dtype}", "integers 0..N, N = mask", "tokens.astype(int)")
    if tokens.size and not (tokens.min() >= 0 and tokens.max() <= problem.vocab_size):
        _checks.fail(
            f"tokens run from {tokens.min()} to {tokens.max()}",
            f"0..N-1 = {problem.vocab_size - 1}, and N = {problem.vocab_size} for a mask",
            "write masks as N",
        )
    if 8 * tokens.size * problem.vocab_size > CHECKED_BYTES:
        needed = 3 * 8 * tokens.size * problem.vocab_size
        _checks.fits_in_memory(needed, f"conditionals of {len(tokens):,} states", "give fewer states at a time")
    return tokens.astype(np.int64)


def label_row(problem: Any, label: int | None) -> int:
    """The class index, or K for the unconditional law: the row of that law in an array of K + 1."""
    if label is None:
        return problem.num_classes
    index = _checks.integer(label, "label", 0)
    if index >= problem.num_classes:
        _checks.fail(
            f"label = {index}", f"0 <= label < K = {problem.num_classes}, or None", "None is the unconditional law"
        )
    return index


# Arithmetic ------------------------------------------------------------------------------------------


def log_rows(tokens: Any, probabilities: Any) -> Any:
    """Logarithms of (n, D, N) conditionals, taken in place; revealed coordinates have their own token."""
    xp, last = namespace(tokens), probabilities.shape[-1] - 1
    masked = (tokens > last)[..., None]
    logs = xp.where(masked, log(probabilities, out=probabilities), -np.inf)
    place, own = tokens.clip(max=last)[..., None], xp.where(masked, logs[..., -1:], 0.0)
    if xp is not np:
        return logs.scatter_(-1, place, own)
    np.put_along_axis(logs, place, own, -1)
    return logs


def posterior(log_joint: Any) -> Any:
    """exp(log_joint) divided by its sum over the last axis; possible entries are at least about `LEAST_WEIGHT`.

    So a token that only an entry of 1e-400 can produce stays possible. Entries of impossible rows are 0.
    """
    xp = namespace(log_joint)
    weights = xp.where(xp.isfinite(log_joint), xp.exp(log_joint - _top(log_joint)).clip(LEAST_WEIGHT), 0.0)
    return normalized(weights)


def normalized(weights: Any) -> Any:
    """Divided by their sum over the last axis; zero where that is zero."""
    total = weights.sum(-1)[..., None]
    return weights / namespace(weights).where(total > 0, total, 1.0)


def rescaled(weights: Any) -> tuple[Any, Any]:
    """Divided by the largest of the last axis, positive ones at least `LEAST_WEIGHT`; and the log of the largest."""
    xp = namespace(weights)
    top = xp.amax(weights, -1)
    ratio = weights / xp.where(top > 0, top, 1.0)[..., None]
    return xp.where(ratio > 0, ratio.clip(LEAST_WEIGHT), 0.0), log(top)


def looked_up(table: Any, index: Any) -> Any:
    """Rows of a table (M, C) at integers (n, D), (n, D, C)."""
    flat = index.reshape(-1)
    rows = table[flat] if namespace(table) is np else table.index_select(0, flat)
    return rows.reshape(*index.shape, table.shape[1])


def log_sum(log_joint: Any) -> Any:
    """log of the sum of exp over the last axis."""
    top = _top(log_joint)
    return top[..., 0] + log(namespace(log_joint).exp(log_joint - top).sum(-1))


def _top(log_joint: Any) -> Any:
    xp = namespace(log_joint)
    top = xp.amax(log_joint, -1)[..., None]
    return xp.where(xp.isfinite(top), top, 0.0)


def log(x: Any, out: Any = None) -> Any:
    """Natural logarithm, -inf at zero without a warning."""
    with np.errstate(divide="ignore"):
        return namespace(x).log(x, out=out)


def count_up(stop: int, tokens: Any) -> Any:
    """0, ..., stop - 1 where the tokens are."""
    xp = namespace(tokens)
    return np.arange(stop) if xp is np else xp.arange(stop, device=tokens.device)
