"""MarkovProblem: classes that are Markov or hidden-Markov chains along the coordinates, at any length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import Placed, namespace
from .conditionals import label_row, log, log_rows, log_sum, normalized, posterior, rescaled, token_array
from .labelled import LabelledProblem, floats, laws
from .table import TableProblem


class MarkovProblem(LabelledProblem):
    r"""Laws on {0..N-1}^D that are Markov chains along the coordinates, seen as they are or through emissions.

    p(h | k) = initial[k, h_1] prod_i transition[k, i, h_i, h_{i+1}],   x_i drawn from emission[k, h_i], or x_i = h_i.

    With forward messages f_i(h) = p(h_i = h, revealed tokens before i) and backward ones b_i(h) = p(revealed tokens
    after i | h_i = h), p(x_i = v | x_A, k) is proportional to sum_h f_i(h) b_i(h) emission[k, h, v]; classes are
    mixed by their posterior. Both passes are D products of (n, H) with (H, H), for all classes and states at once.

    Messages are scaled to maximum one at every coordinate, and a hidden state that is possible weighs at least
    1e-100: no possible token becomes impossible, entries above 1e-85 have all their digits, those below keep their
    support only. (Positive parameters below 1e-100 may count as zero.)

    Source: docs/large-problems.md; forward-backward: Rabiner, A tutorial on hidden Markov models (1989).

    Parameters
    ----------
    initial : array_like, shape (K, H)
        Law of the first state of each class.
    transition : array_like, shape (K, H, H) or (K, D-1, H, H)
        Rows are laws of the next state; the second form has its own matrix between every two coordinates.
    prior : array_like, shape (K,)
        Class probabilities, summing to one; the target's must be positive.
    target : int or str
        The class z: an index, or one of `class_names`.
    length : int
        D >= 1; may be left out where the shape of `transition` tells.
    emission : array_like, shape (K, H, N), optional
        Laws of the token in each hidden state; without it the tokens are the states, H = N.
    class_names, coordinate_names, token_names : sequence of names, optional
        K, D and N names for reports.
    name, source : str
        What the problem is called and where it comes from.

    Raises
    ------
    InputError
        Wrong shapes, NaN, negative or non-normalised rows, no length, target out of range or of prior zero.

    Examples
    --------
    >>> stay, flip = [[0.9, 0.1], [0.1, 0.9]], [[0.1, 0.9], [0.9, 0.1]]
    >>> problem = MarkovProblem([[0.5, 0.5]] * 2, [stay, flip], [0.5, 0.5], length=3)
    >>> np.exp(problem.log_conditionals(np.array([[0, 2, 2]]), 0))[0, 1:]   # the class that stays, token 0 first
    array([[0.9 , 0.1 ],
           [0.82, 0.18]])
    """

    def __init__(
        self,
        initial: Any,
        transition: Any,
        prior: Any,
        target: int | str = 0,
        *,
        length: int | None = None,
        emission: Any = None,
        class_names: Sequence[object] | None = None,
        coordinate_names: Sequence[object] | None = None,
        token_names: Sequence[object] | None = None,
        name: str = "chain",
        source: str = "",
    ):
        self.initial, self.transition, self.emission, weights = _parameters(initial, transition, emission, prior)
        vocab_size = (self.initial if self.emission is None else self.emission).shape[-1]
        shape = len(self.initial), vocab_size, _length(self.transition, np.ndim(transition) == 4, length)
        super().__init__(
            shape, weights, target, class_names=class_names, coordinate_names=coordinate_names,
            token_names=token_names, name=name, source=source,
        )  # fmt: skip
        states = self.initial.shape[1]
        emitted = np.broadcast_to(np.eye(states), (len(weights), states, states)) if emission is None else self.emission
        assert emitted is not None
        seen = np.concatenate([emitted, np.ones((*emitted.shape[:2], 1))], axis=2)  # a mask says nothing
        self._seen = Placed(np.ascontiguousarray(seen.swapaxes(1, 2)))
        self._log_weights = Placed(log(np.vstack([np.eye(self.num_classes), self.prior])))
        self._initial, self._transition, self._emission = map(Placed, (self.initial, self.transition, emitted))

    def log_conditionals(self, tokens: Any, label: int | None = None) -> Any:
        """log p(x_i = v | revealed tokens, label): conditionals of masked coordinates, natural logarithm.

        Parameters
        ----------
        tokens : integer array or tensor, shape (n, D)
            States, entries 0..N with N the mask; numpy, or a torch tensor on any device.
        label : int, optional
            A class, 0 <= label < K; None is the unconditional law, classes mixed by the prior.

        Returns
        -------
        array or tensor, shape (n, D, N)
            As the tokens are. A revealed coordinate has 0 at its own token and -inf elsewhere; all is -inf in rows of
            masked coordinates where the revealed tokens have probability zero under the law.

        Raises
        ------
        InputError
            Tokens of another shape or (numpy) out of range, or an unknown class.
        """
        return log_rows(tokens, self._conditionals(token_array(self, tokens), label))

    def context(self, tokens: Any, labels: Sequence[int | None]) -> Any:
        """The conditionals themselves, which `rows` looks up.

        Parameters
        ----------
        tokens : integer array or tensor, shape (n, D)
            States, entries 0..N with N the mask.
        labels : sequence of L ints or Nones
            Classes; None is the unconditional law.

        Returns
        -------
        array or tensor, shape (n, L, D, N)
            The conditionals.

        Raises
        ------
        InputError
            Tokens of another shape or (numpy) out of range, or an unknown class.
        """
        tokens = token_array(self, tokens)
        return namespace(tokens).stack([self._conditionals(tokens, label) for label in labels], 1)

    def rows(self, context: Any, at: tuple[Any, Any] | None = None) -> Any:
        """p(x_i = v | revealed tokens, label) of all coordinates or of some; rows of revealed ones mean nothing.

        Parameters
        ----------
        context : array or tensor, shape (n, L, D, N)
            From `context`.
        at : pair of integer arrays of shape (m,), optional
            State and coordinate of the rows that are wanted, instead of all.

        Returns
        -------
        array or tensor, shape (L, n, D, N), or (L, m, N) with `at`
            Probabilities, an array of its own.
        """
        every = context.swapaxes(0, 1)
        return every * 1.0 if at is None else every[:, at[0], at[1]]

    def _conditionals(self, tokens: Any, label: int | None) -> Any:
        """p(x_i = v | revealed tokens, label), (n, D, N)."""
        xp, classes = namespace(tokens), self._classes(label)
        seen = self._evidence(tokens, classes)
        before, log_joint = self._forward(seen, tokens, classes, label)
        states = normalized(rescaled(xp.stack(before) * xp.stack(self._backward(seen, tokens, classes)))[0])
        weighed = states * posterior(log_joint).T[..., None]  # (D, K, n, H)
        emitted = weighed if self.emission is None else weighed @ self._emission.like(tokens)[classes]
        return emitted.sum(1).swapaxes(0, 1)

    def log_marginal(self, tokens: Any, label: int | None = None) -> Any:
        """log p(revealed tokens | label): logarithm of a marginal probability.

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

        Raises
        ------
        InputError
            Tokens of another shape or (numpy) out of range, or an unknown class.
        """
        tokens, classes = token_array(self, tokens), self._classes(label)
        return log_sum(self._forward(self._evidence(tokens, classes), tokens, classes, label)[1])

    def _classes(self, label: int | None) -> slice:
        row = label_row(self, label)
        return slice(None) if label is None else slice(row, row + 1)

    def _evidence(self, tokens: Any, classes: slice) -> list[Any]:
        """p(what coordinate i shows | hidden state), one (K, n, H) array for each coordinate."""
        table = self._seen.like(tokens)[classes]
        return [table[:, tokens[:, i]] for i in range(self.length)]

    def _forward(self, seen: list[Any], tokens: Any, classes: slice, label: int | None) -> tuple[list[Any], Any]:
        """Messages from the left, and log of prior times evidence, (n, K)."""
        start = namespace(tokens).broadcast_to(self._initial.like(tokens)[classes][:, None], seen[0].shape)
        messages, log_scale = _pass(start, seen, self._moves(tokens, classes))
        evidence = log((messages[-1] * seen[-1]).sum(-1)) + log_scale
        return messages, evidence.T + self._log_weights.like(tokens)[label_row(self, label)][classes]

    def _backward(self, seen: list[Any], tokens: Any, classes: slice) -> list[Any]:
        """Messages from the right, in the order of the coordinates."""
        moves = (move.swapaxes(-1, -2) for move in reversed(list(self._moves(tokens, classes))))
        return _pass(namespace(tokens).ones_like(seen[0]), seen[::-1], moves)[0][::-1]

    def _moves(self, tokens: Any, classes: slice) -> Iterable[Any]:
        transition = self._transition.like(tokens)[classes]
        return (transition[:, i % transition.shape[1]] for i in range(self.length - 1))

    def table(self) -> TableProblem:
        """The same problem with its laws written out over all N^D states; for small D.

        Returns
        -------
        TableProblem
            With the same names.

        Raises
        ------
        InputError
            A lattice of (N+1)^D states that does not fit in memory.
        """
        _checks.lattice_fits(self.vocab_size, self.length, 16 * (self.num_classes + self.initial.shape[1]))
        class_laws = np.array([self._law(k) for k in range(self.num_classes)])
        return TableProblem(class_laws, self.prior, self.target, **self._names())

    def _law(self, k: int) -> np.ndarray:
        """p(x | k), (N,)*D, coordinate by coordinate: the last axis is the hidden state until it is summed out."""
        emitted = self._emission.array[k].T
        joint = self.initial[k] * emitted
        for i in range(self.length - 1):
            joint = (joint @ self.transition[k, i % self.transition.shape[1]])[..., None, :] * emitted
        return joint.sum(axis=-1)


def _pass(start: Any, seen: list[Any], moves: Iterable[Any]) -> tuple[list[Any], Any]:
    """start, then message <- (message * seen_i) @ move_i, each scaled to maximum one; and the log of all scales."""
    messages, log_scale = [start], 0.0
    for evidence, move in zip(seen[:-1], moves, strict=True):
        message, scale = rescaled((messages[-1] * evidence) @ move)
        messages.append(message)
        log_scale = log_scale + scale
    return messages, log_scale


def _parameters(initial: Any, transition: Any, emission: Any, prior: Any) -> tuple[Any, Any, Any, np.ndarray]:
    """Checked arrays; the transition as (K, 1 or D-1, H, H)."""
    first, moves, weights = floats(initial, "initial"), floats(transition, "transition"), floats(prior, "prior")
    emitted = None if emission is None else floats(emission, "emission")
    classes, states = first.shape if first.ndim == 2 else (0, 0)
    good = first.size > 0 and weights.shape == (classes,) and moves.ndim in (3, 4)
    good = good and moves.shape[0] == classes and moves.shape[-2:] == (states, states)
    if emitted is not None:
        good = good and emitted.ndim == 3 and emitted.shape[:2] == (classes, states) and emitted.size > 0
    if not good:
        shown = "" if emitted is None else f", emission {emitted.shape}"
        _checks.fail(
            f"initial of shape {first.shape}, transition {moves.shape}, prior {weights.shape}{shown}",
            "(K, H), (K, H, H) or (K, D-1, H, H), (K,), and emission (K, H, N)",
            "give one chain for each class, all with the same number of states",
        )
    moves = laws(moves, "transition")
    moves = moves[:, None] if moves.ndim == 3 else moves
    emitted = None if emitted is None else laws(emitted, "emission")
    return laws(first, "initial"), moves, emitted, _checks.law(weights, "prior")


def _length(moves: np.ndarray, each: bool, length: int | None) -> int:
    if length is None and not each:
        _checks.fail("length is missing", "one transition matrix serves any number of coordinates", "length=64")
    found = moves.shape[1] + 1 if length is None else _checks.integer(length, "length", 1)
    if each and found != moves.shape[1] + 1:
        _checks.fail(
            f"length = {found}, and transition has {moves.shape[1]} matrices",
            "D - 1 matrices, one between every two coordinates",
            "leave length out",
        )
    return found
