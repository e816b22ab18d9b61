"""The rule "tilted", which looks ahead: Doob's transform towards the law p_z^(1+w) p^(-w) / Z of completed states."""

from __future__ import annotations

import numpy as np

from .._caching import cached_on_first
from ..problems.table import TableProblem
from .formulas import log_product, softmax


def log_tilted(problem: TableProblem, weight: float) -> np.ndarray:
    """log p_z^(1+w) p^(-w) on completed states, (N,)*D, and log p at w = -1; -inf where impossible."""
    law = problem.unconditional_law if weight == -1 else problem.target_law
    return log_product(law, problem.unconditional_law, weight)


@cached_on_first(2)
def log_tilted_table(problem: TableProblem, weight: float) -> np.ndarray:
    """log H on the lattice, (N+1,)*D: H(x) = sum of p_z^(1+w) p^(-w) over the completions of x; last entry log Z.

    One backward sweep: every axis gets its own sum appended, in logarithms, so that nothing underflows. With
    h*(x) = H(x)/p_z(x) = E[(p(z|X_0)/p(z))^w | x, z], Doob's rates are p_z(v|x) h*(x_v)/h*(x) = H(x_v)/H(x).
    """
    table = log_tilted(problem, weight)
    for axis in range(problem.length):
        table = np.concatenate([table, np.logaddexp.reduce(table, axis=axis, keepdims=True)], axis=axis)
    return table


def tilted_rates(problem: TableProblem, weight: float, axis: int) -> np.ndarray:
    """H(x_v)/H(x): rates of revealing coordinate `axis` in every context, lattice shape, that axis last, length N."""
    return softmax(np.moveaxis(log_tilted_table(problem, weight), axis, -1)[..., :-1])
