"""Regions of the data space by what the target shares with the other classes."""

from __future__ import annotations

import numpy as np

from .table import TableProblem, only_tables

TWO_DIMENSIONAL = (
    "both marginals private",
    "only {0} shared",
    "only {1} shared",
    "both marginals shared, point private",
    "point shared",
)


def regions(problem: TableProblem) -> dict[str, np.ndarray]:
    """Split the support of the target law into named regions by what it shares with the other classes.

    A token of a coordinate is *shared* when another class (of positive prior) gives it positive marginal
    probability there, and a point is shared when another class gives the point positive probability.

    - D = 1: ``private``, ``shared``.
    - D = 2: the five regions of He, Rojas and Tao (arXiv:2506.10971): both marginals private, one of
      them shared (two regions), both shared but the point private, point shared.
    - D >= 3: ``k coordinates shared`` for k = 0..D (point private), and ``point shared``.

    Parameters
    ----------
    problem : TableProblem
        The laws and the target class.

    Returns
    -------
    dict of name to boolean array, shape (N,)*D
        Disjoint, and together the support of p_z. Empty regions are kept.

    Raises
    ------
    InputError
        A problem that is no table.
    """
    only_tables(problem, "regions")
    support = problem.target_law > 0
    others = np.delete(problem.class_laws, problem.target, axis=0)[np.delete(problem.prior, problem.target) > 0]
    point_shared = (others > 0).any(axis=0)
    shared = [_shared_tokens(others, axis) for axis in range(problem.length)]
    grid = np.array(np.meshgrid(*shared, indexing="ij"))
    if problem.length == 1:
        return {"private": support & ~point_shared, "shared": support & point_shared}
    private = support & ~point_shared
    masks = _pairs(grid, private) if problem.length == 2 else _counts(grid, private)
    named = [n.format(*problem.coordinate_names) for n in TWO_DIMENSIONAL[:-1]] if problem.length == 2 else [
        f"{k} coordinates shared" for k in range(problem.length + 1)]  # fmt: skip
    return dict(zip(named, masks, strict=True)) | {"point shared": support & point_shared}


def _shared_tokens(others: np.ndarray, axis: int) -> np.ndarray:
    rest = tuple(a + 1 for a in range(others.ndim - 1) if a != axis)
    return (others.sum(axis=rest) > 0).any(axis=0)


def _pairs(grid: np.ndarray, private: np.ndarray) -> list[np.ndarray]:
    first, second = grid
    return [
        private & (first == a) & (second == b) for a, b in ((False, False), (True, False), (False, True), (True, True))
    ]


def _counts(grid: np.ndarray, private: np.ndarray) -> list[np.ndarray]:
    return [private & (grid.sum(axis=0) == k) for k in range(len(grid) + 1)]
