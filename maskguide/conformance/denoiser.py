"""The model that a sampler under test is given: exact conditionals of a table, as a network would give them."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import namespace
from .._deprecated import moved


class ServedDenoiser:
    """The model that a sampler under test is given: exact conditionals of a table, as a network would give them.

    Called as ``denoiser(tokens, label_or_None)`` it gives log-probabilities (n, D, N), numpy for numpy and torch for
    torch.

    Parameters
    ----------
    problem : TableProblem or Denoiser
        Whatever has `log_conditionals`.
    carry_over : bool
        True: a revealed position has probability one at its own token. False, as a plain network behaves: it has
        the conditional of that position given the *other* revealed tokens, and a sampler must keep the token itself.
    dtype : str
        "float64" or "float32" of the result.

    Attributes
    ----------
    length, vocab_size : int
        D and N.
    mask_id : int
        N, the mask.
    label : int
        The class to guide towards. ``denoiser(tokens, None)`` is the unconditional model.
    num_classes : int
        K.

    Raises
    ------
    InputError
        Another dtype.

    Examples
    --------
    >>> from maskguide import zoo
    >>> model = ServedDenoiser(zoo.get("no-blind-2d"))
    >>> np.exp(model(np.array([[2, 2]]), model.label)).round(3).tolist()
    [[[0.824, 0.176], [0.824, 0.176]]]
    """

    def __init__(self, problem: Any, *, carry_over: bool = True, dtype: str = "float64"):
        self.length, self.vocab_size, self.num_classes = problem.length, problem.vocab_size, problem.num_classes
        self.mask_id, self.label = problem.vocab_size, problem.target
        self.dtype = _checks.choice(dtype, ("float32", "float64"), "dtype")
        self.carry_over = carry_over
        self._problem = problem

    def __call__(self, tokens: Any, label: Any = None) -> Any:
        """log p(x_i = v | revealed tokens, label), (n, D, N); None: the unconditional law. Each time a new array."""
        row = None if label is None else operator.index(label)
        found = self._problem.log_conditionals(tokens, row)
        if not self.carry_over:
            found = self._plain(tokens, row, found)
        xp = namespace(found)
        return found.astype(self.dtype) if xp is np else found.to(getattr(xp, self.dtype))

    def _plain(self, tokens: Any, label: int | None, found: Any) -> Any:
        """Revealed positions: what the others say of them."""
        xp = namespace(tokens)
        for i in range(self.length):
            others = tokens.copy() if xp is np else tokens.clone()
            others[:, i] = self.mask_id
            found[:, i] = self._problem.log_conditionals(others, label)[:, i]
        return found

    def __repr__(self) -> str:
        return f"ServedDenoiser({self._problem!r}, carry_over={self.carry_over}, dtype={self.dtype!r})"


def __getattr__(name: str) -> Any:
    if name == "Model":
        return moved(__name__, "Model", "ServedDenoiser")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
