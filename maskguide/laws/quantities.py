"""What the exact laws say: reveals by clock, class posteriors, mutual information, divergences between laws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import kl_div

from .. import _checks
from ..guidance.rule import class_index
from ..problems.table import TableProblem, marginal_table, only_tables
from ..process import GuidedProcess
from .law import Law
from .transient import transient_law


def expected_reveals(process: GuidedProcess, clock: ArrayLike) -> np.ndarray:
    """Expected number of coordinates revealed at clock u: 0 at u = 0, D at u = inf.

    D (1 - e^{-u}) for a rule of unit hazards. Source: docs/theory.md, section 2.

    Parameters
    ----------
    process : GuidedProcess
        Of a table.
    clock : float or array_like, shape (T,)
        u = -log m(t) in [0, inf].

    Returns
    -------
    array, shape of clock
        In [0, D].

    Raises
    ------
    InputError
        A problem that is no table, clocks that are negative or NaN.
    """
    process.needs_table("expected reveals")
    law = transient_law(process, clock)
    return sum((law.marginal(i)[..., :-1].sum(axis=-1) for i in range(law.length)), np.zeros(law.clock.shape))


def class_posterior(process: GuidedProcess, clock: ArrayLike) -> np.ndarray:
    """E[p(k|x_u)] under the guided law at clock u, for every class k: what a classifier makes of the guided states.

    At u = 0 it is the prior. At w = -1 it stays the prior at every clock (a martingale); guidance drives
    the target's towards one. Weight the states by the law itself with :func:`posterior_table`.
    Source: docs/theory.md, section 2.4.

    Parameters
    ----------
    process : GuidedProcess
        Of a table.
    clock : float or array_like, shape (T,)
        u = -log m(t) in [0, inf].

    Returns
    -------
    array, shape of clock followed by (K,)
        Rows sum to one.

    Raises
    ------
    InputError
        A problem that is no table, clocks that are negative or NaN.
    """
    process.needs_table("class posterior")
    law = transient_law(process, clock)
    axes = tuple(range(law.clock.ndim, law.probs.ndim))
    classes = range(process.problem.num_classes)
    return np.stack([(law.probs * _posterior(process.problem, k)).sum(axis=axes) for k in classes], axis=-1)


def posterior_table(problem: TableProblem) -> np.ndarray:
    """Class posteriors p(k|x) = a_k p(x|k)/p(x) of all states. Source: docs/theory.md, section 1.

    Parameters
    ----------
    problem : TableProblem
        The laws and the prior.

    Returns
    -------
    array, shape (K,) + (N+1,)*D
        0 where p(x) = 0.

    Raises
    ------
    InputError
        A problem that is no table.
    """
    only_tables(problem, "the table of posteriors")
    size, length, count = problem.vocab_size, problem.length, problem.num_classes
    _checks.lattice_fits(size, length, 8 * (count + 2), "posteriors on the lattice")
    return np.stack([_posterior(problem, k) for k in range(count)])


def _posterior(problem: TableProblem, k: int) -> np.ndarray:
    joint = problem.prior[k] * marginal_table(problem.class_laws[k])
    unconditional = problem.unconditional_table
    return np.divide(joint, unconditional, out=np.zeros_like(joint), where=unconditional > 0)


def mutual_information(law: Law) -> np.ndarray:
    """Mutual information I(x_i; x_j) of every pair of coordinates, in nats. Source: docs/theory.md, section 2.

    On the lattice the mask counts as a token. A sum of terms >= 0, so near independence nothing cancels.

    Parameters
    ----------
    law : Law
        On completed states or on the lattice, at one clock or several.

    Returns
    -------
    array, shape (D, D) or (T, D, D)
        The diagonal is the entropy of each coordinate.
    """
    lead = law.probs.shape[: law.probs.ndim - law.length]
    result = np.zeros((*lead, law.length, law.length))
    alone = [law.marginal(i) for i in range(law.length)]
    for i in range(law.length):
        result[..., i, i] = 0.0 - (alone[i] * np.log(np.where(alone[i] > 0, alone[i], 1.0))).sum(axis=-1)
        for j in range(i):
            pair = law.marginal(j, i)
            independent = alone[j][..., :, None] * alone[i][..., None, :]
            result[..., i, j] = result[..., j, i] = kl_div(pair, independent).sum(axis=(-2, -1))
    return result


@dataclass(frozen=True)
class Divergences:
    """How far a law P is from another, Q.

    Attributes
    ----------
    tv : array, shape () or (T,)
        Total variation, half the L1 distance.
    kl : array, shape () or (T,)
        KL(P || Q) = sum P log(P/Q) in nats; inf where P goes and Q does not.
    reverse_kl : array, shape () or (T,)
        KL(Q || P).
    """

    tv: np.ndarray
    kl: np.ndarray
    reverse_kl: np.ndarray


def divergences(law: Law, other: Law | ArrayLike) -> Divergences:
    """Total variation and Kullback-Leibler divergences of a law from another one of the same states.

    The other may be a law at another weight or of another rule, ``class_law(problem)`` (what w = 0 draws),
    ``tilted_law(problem, w)`` (what guidance is said to draw), or an array. Sums of terms >= 0.
    Source: docs/theory.md, section 2.

    Parameters
    ----------
    law : Law
        One law, or laws at several clocks (T,).
    other : Law or array of the shape of a law
        Of the same shape, or one law for all clocks.

    Returns
    -------
    Divergences
        ``.tv``, ``.kl`` and ``.reverse_kl``, law first.

    Raises
    ------
    InputError
        States that do not correspond: completed laws, (N,)*D, against laws on the lattice, (N+1,)*D.
    """
    p, q = law.probs, np.asarray(other.probs if isinstance(other, Law) else other, dtype=float)
    states = p.shape[p.ndim - law.length :]
    if q.shape not in (p.shape, states):
        _checks.fail(
            f"laws of shapes {p.shape} and {q.shape}",
            "the same states: (N,)*D completed, or (N+1,)*D with masks",
            "compare terminal laws with terminal laws",
        )
    axes = tuple(range(p.ndim - law.length, p.ndim))
    tv = 0.5 * np.abs(p - q).sum(axis=axes)
    return Divergences(tv, kl_div(p, q).sum(axis=axes), kl_div(q, p).sum(axis=axes))


def class_law(problem: TableProblem, label: int | str | None = None) -> Law:
    """The data law of a class, as a :class:`Law` on completed states. Source: docs/theory.md, section 1.

    Parameters
    ----------
    problem : TableProblem
        The laws.
    label : int or str, optional
        A class by number or name; by default the target.

    Returns
    -------
    Law
        ``.probs`` of shape (N,)*D.

    Raises
    ------
    InputError
        A problem that is no table, or an unknown class.
    """
    only_tables(problem, "the class law")
    index = problem.target if label is None else class_index(problem, label, "class")
    return Law(problem.class_laws[index], problem, np.array(np.inf), "class law")
