"""ProductMixture: classes that are mixtures of independent coordinates, at any length, without a table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import Placed
from .conditionals import label_row, log, log_rows, log_sum, looked_up, posterior, token_array
from .labelled import LabelledProblem, floats, laws
from .table import TableProblem


class ProductMixture(LabelledProblem):
    r"""Laws on {0..N-1}^D whose components draw every coordinate on its own; a class may have several components.

    p(x) = sum_c weights[c] prod_i probs[c, i, x_i],   prior_k = sum of the weights of class k.

    Revealed tokens reweigh the components, so every conditional is exact at the price of one matrix product:

    p(x_i = v | x_A) = sum_c pi_c probs[c, i, v],   pi_c proportional to weights[c] prod_{i in A} probs[c, i, x_i],

    with pi from logarithms, n D C look-ups, and n C D N multiplications. No array has more than n D max(N, C) entries.
    A component that is possible weighs at least 1e-100, so that no possible token becomes impossible: entries
    above 1e-85 have all their digits, those below keep their support only. Source: docs/large-problems.md.

    Parameters
    ----------
    probs : array_like, shape (C, D, N)
        Token probabilities of each component, rows summing to one within 1e-9; zeros are allowed.
    weights : array_like, shape (C,)
        Weights of the components, summing to one over all classes.
    labels : sequence of C ints
        The class of each component; every class from 0 to the largest label has positive weight.
    target : int or str
        The class z: an index, or one of `class_names`.
    class_names, coordinate_names, token_names : sequence of names, optional
        K, D and N names for reports.
    name, source : str
        What the problem is called and where it comes from.

    Attributes
    ----------
    prior : array, shape (K,)
        Class probabilities.
    class_weights : array, shape (K, C)
        Weights of the components within each class, rows summing to one.

    Raises
    ------
    InputError
        Wrong shapes, NaN, negative or non-normalised rows, a class of weight zero, target out of range.

    Examples
    --------
    >>> problem = ProductMixture([[[0.75, 0.25]] * 2, [[0.25, 0.75]] * 2], [0.5, 0.5], labels=[0, 1])
    >>> np.exp(problem.log_conditionals(np.array([[1, 2]])))      # coordinate 0 shows token 1, coordinate 1 a mask
    array([[[0.   , 1.   ],
            [0.375, 0.625]]])
    """

    def __init__(
        self,
        probs: Any,
        weights: Any,
        labels: Sequence[int],
        target: int | str = 0,
        *,
        class_names: Sequence[object] | None = None,
        coordinate_names: Sequence[object] | None = None,
        token_names: Sequence[object] | None = None,
        name: str = "mixture",
        source: str = "",
    ):
        self.probs, self.weights, self.labels = _components(probs, weights, labels)
        members = self.labels == np.arange(self.labels.max() + 1)[:, None]
        prior = (members * self.weights).sum(axis=1)
        for k in np.flatnonzero(~(prior > 0))[:1]:
            _checks.fail(f"class {k} has weight zero", "every class has a component of positive weight", "relabel")
        self.class_weights = members * self.weights / prior[:, None]
        _, length, vocab_size = self.probs.shape
        super().__init__(
            (len(prior), vocab_size, length), prior, target, class_names=class_names,
            coordinate_names=coordinate_names, token_names=token_names, name=name, source=source,
        )  # fmt: skip
        best, seen = _relative(log(self.probs).transpose(1, 2, 0))
        self._best, self._seen = Placed(best.ravel()), Placed(seen.reshape(-1, len(self.probs)))
        self._log_weights = Placed(log(np.vstack([self.class_weights, self.weights])))
        self._factors = Placed(self.probs.reshape(len(self.probs), -1))
        self._rows = Placed(np.ascontiguousarray(self.probs.swapaxes(0, 1)))
        self._first = Placed((vocab_size + 1) * np.arange(length))

    @classmethod
    def random(
        cls,
        length: int,
        vocab_size: int,
        components: int,
        seed: int = 0,
        *,
        classes: int = 2,
        concentration: float = 1.0,
        **names: Any,
    ) -> ProductMixture:
        """A mixture of random components, for trials: Dirichlet rows, equal weights, component c in class c mod K.

        Parameters
        ----------
        length : int
            D >= 1.
        vocab_size : int
            N >= 1.
        components : int
            C, at least the number of classes.
        seed : int
            0 <= seed < 2^64.
        classes : int
            K >= 1.
        concentration : float
            Positive; 1 is uniform on the simplex, less makes rows peaked.
        **names
            class_names, coordinate_names, token_names, name, source and target as for the class itself.

        Returns
        -------
        ProductMixture
            The same for the same seed.

        Raises
        ------
        InputError
            A number out of range.

        Examples
        --------
        >>> ProductMixture.random(64, 32, components=6)
        ProductMixture('random': K=2, N=32, D=64, target='class 0')
        """
        length, vocab_size = _checks.integer(length, "length", 1), _checks.integer(vocab_size, "vocab_size", 1)
        classes = _checks.integer(classes, "classes", 1)
        components = _checks.integer(components, "components", classes)
        if not 0 < _checks.real(concentration, "concentration") < np.inf:
            _checks.fail(f"concentration = {concentration}", "it is positive and finite", "1 is uniform on the simplex")
        draw = np.random.default_rng(_checks.seed(seed))
        probs = draw.dirichlet(np.full(vocab_size, concentration), (components, length))
        labels, weights = np.arange(components) % classes, np.full(components, 1 / components)
        return cls(probs, weights, labels.tolist(), **{"name": "random", **names})

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
        tokens = token_array(self, tokens)
        return log_rows(tokens, self.rows(self.context(tokens, [label]))[0])

    def context(self, tokens: Any, labels: Sequence[int | None]) -> Any:
        """Posterior of the components given the revealed tokens, from which `rows` makes conditionals.

        Parameters
        ----------
        tokens : integer array or tensor, shape (n, D)
            States, entries 0..N with N the mask.
        labels : sequence of L ints or Nones
            Classes; None is the unconditional law.

        Returns
        -------
        array or tensor, shape (n, L, C)
            Rows over components sum to one; zeros where the state is impossible.

        Raises
        ------
        InputError
            Tokens of another shape or (numpy) out of range, or an unknown class.
        """
        return posterior(self._log_joint(token_array(self, tokens), labels))

    def rows(self, context: Any, at: tuple[Any, Any] | None = None) -> Any:
        """p(x_i = v | revealed tokens, label) of all coordinates or of some; rows of revealed ones mean nothing.

        Parameters
        ----------
        context : array or tensor, shape (n, L, C)
            From `context`.
        at : pair of integer arrays of shape (m,), optional
            State and coordinate of the rows that are wanted, instead of all.

        Returns
        -------
        array or tensor, shape (L, n, D, N), or (L, m, N) with `at`
            Probabilities, an array of its own.
        """
        count, labels, components = context.shape
        if at is not None and len(at[0]) * components < count * self.length:
            state, coordinate = at
            return (context[state][..., None] * self._rows.like(context)[coordinate][:, None]).sum(2).swapaxes(0, 1)
        every = context.swapaxes(0, 1) @ self._factors.like(context)
        every = every.reshape(labels, count, self.length, self.vocab_size)
        return every if at is None else every[:, at[0], at[1]]

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
        tokens = token_array(self, tokens)
        best = self._best.like(tokens)[self._first.like(tokens) + tokens]
        return log_sum(self._log_joint(tokens, [label])[:, 0]) + best.sum(-1)

    def _log_joint(self, tokens: Any, labels: Sequence[int | None]) -> Any:
        """log of weight times probability of the revealed tokens, each relative to its best component, (n, L, C).

        Components that compete for a state differ by little: their sums are small and keep their digits.
        """
        seen = looked_up(self._seen.like(tokens), self._first.like(tokens) + tokens)  # (n, D, C)
        return seen.sum(1)[:, None] + self._log_weights.like(tokens)[[label_row(self, label) for label in labels]]

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
        _checks.lattice_fits(self.vocab_size, self.length, 16 * (self.num_classes + 1))
        class_laws = np.zeros((self.num_classes, *(self.vocab_size,) * self.length))
        for k, rows, weight in zip(self.labels, self.probs, self.class_weights.sum(axis=0), strict=True):
            class_laws[k] += weight * reduce(np.multiply.outer, rows)
        return TableProblem(class_laws, self.prior, self.target, **self._names())


def _components(probs: Any, weights: Any, labels: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, shares = floats(probs, "probs"), floats(weights, "weights")
    classes = np.array([_checks.integer(label, "label", 0) for label in labels], dtype=int)
    if rows.ndim != 3 or 0 in rows.shape or shares.shape != rows.shape[:1] or classes.shape != rows.shape[:1]:
        _checks.fail(
            f"probs of shape {rows.shape}, weights {shares.shape}, {classes.size} labels",
            "(C, D, N), (C,) and C labels",
            "give a (D, N) array of token probabilities, one weight and one class for each component",
        )
    return laws(rows, "probs"), _checks.law(shares, "weights"), classes


def _relative(log_probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest of log p over components, (D, N+1), and log p less that, (D, N+1, C); 0 where token N = mask is."""
    best = log_probs.max(axis=2)
    best = np.where(np.isfinite(best), best, 0.0)
    return np.pad(best, ((0, 0), (0, 1))), np.pad(log_probs - best[..., None], ((0, 0), (0, 1), (0, 0)))
