"""The tilted law p_z^(1+w) p^(-w) / Z, and Doob's transform that draws it one coordinate at a time."""

from __future__ import annotations

import numpy as np

from .. import _checks
from ..guidance.tilted import log_tilted, log_tilted_table
from ..problems.table import TableProblem, only_tables
from .law import Law


def tilted_law(problem: TableProblem, weight: float) -> Law:
    """p_z(y)^(1+w) p(y)^(-w) / Z on completed states: what guidance is often said to sample, and samples for D = 1.

    It is the terminal law of the rule "tilted" at every D, and of "product" and "normalized" for D = 1 only.
    w = 0 is p_z and w = -1 is p. Computed in logarithms, so any finite w >= -1 is fine.
    Source: docs/theory.md, sections 2.1 and 2.4.

    Parameters
    ----------
    problem : TableProblem
        The laws and the target class.
    weight : float
        w >= -1.

    Returns
    -------
    Law
        ``.probs`` of shape (N,)*D, summing to one.

    Raises
    ------
    InputError
        A weight below -1 or not finite.
    """
    only_tables(problem, "the tilted law")
    logs = log_tilted(problem, _checks.weight(weight))
    probs = np.exp(logs - logs.max())
    return Law(probs / probs.sum(), problem, np.array(np.inf), "tilted")


def log_h(problem: TableProblem, weight: float) -> np.ndarray:
    """Logarithm of h*(x) = E[(p(z|X_0)/p(z))^w | x, z], the function of Doob's transform, for all states.

    The last entry, at the fully masked state, is log Z, the tilted law's normalising constant. Doob's
    transform of the conditional chain, r(x -> y) = p_z(v|x) h*(y)/h*(x), has the tilted law as its terminal
    law; it is the rule "tilted". At w = -1, where the unconditional chain takes its place, h* = 1.
    Source: docs/theory.md, section 2.4.

    Parameters
    ----------
    problem : TableProblem
        The laws and the target class.
    weight : float
        w >= -1.

    Returns
    -------
    array, shape (N+1,)*D
        Natural logarithm; -inf where the class never goes.

    Raises
    ------
    InputError
        A weight below -1 or not finite, a problem that is no table.
    """
    only_tables(problem, "log h*")
    number = _checks.weight(weight)
    base = problem.unconditional_table if number == -1 else problem.target_table
    reached = base > 0
    return np.where(reached, log_tilted_table(problem, number) - np.log(np.where(reached, base, 1.0)), -np.inf)
