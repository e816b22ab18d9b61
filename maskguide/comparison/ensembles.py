"""Ensembles that share their randomness: differences between weights, methods and step counts at less noise.

Two calls of `sample` with one seed give trajectory n the same waiting times and token uniforms, whatever the weight,
method or grid, so differences between them are differences of like with like.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import _checks
from ..laws.law import Law
from ..samplers.samples import Samples

ALPHA = 1e-6


@dataclass(frozen=True)
class Coupled:
    """Two ensembles with common random numbers, compared trajectory by trajectory.

    Attributes
    ----------
    n : int
        Number of trajectories in each.
    disagreement : float
        Share of trajectories that end in different tokens.
    tv_limit : float
        TV between the two laws is below this, with probability >= 1 - alpha: TV(P, Q) <= P(X != Y) for every coupling,
        and this is the Clopper-Pearson upper limit of that probability.
    difference : float or None
        Mean of the statistic in the first ensemble minus that in the second.
    standard_error : float or None
        Of the difference, over pairs.
    independent_standard_error : float or None
        What it would be if the two had been drawn independently.
    """

    n: int
    disagreement: float
    tv_limit: float
    difference: float | None
    standard_error: float | None
    independent_standard_error: float | None


@dataclass(frozen=True)
class TVDifference:
    """TV(first, law) - TV(second, law), estimated by `tv_difference`.

    Attributes
    ----------
    difference : float
        The estimate.
    standard_error : float
        Of the difference, over pairs.
    independent_standard_error : float
        What it would be if the two had been drawn independently.
    """

    difference: float
    standard_error: float
    independent_standard_error: float


def couple(
    first: Samples, second: Samples, statistic: Callable[[np.ndarray], np.ndarray] | None = None, alpha: float = ALPHA
) -> Coupled:
    """Compare two ensembles drawn with one seed: how often they disagree, and the mean difference of a statistic.

    Parameters
    ----------
    first, second : Samples
        Same seed, number of trajectories and coordinates; weights, methods or grids may differ.
    statistic : callable, optional
        tokens (n, D) -> numbers (n,).
    alpha : float
        In (0, 1); the upper limit of the TV fails with at most this probability.

    Returns
    -------
    Coupled
        The share of disagreements, the limit on the TV, and the difference with its standard error.

    Raises
    ------
    InputError
        Ensembles that do not share their draws, a statistic of another shape, or alpha outside (0, 1).
    """
    from scipy import stats

    _pairs(first, second)
    if not 0 < alpha < 1:
        _checks.fail(f"alpha = {alpha}", "0 < alpha < 1", "the default is 1e-6")
    n, differ = len(first), int((first.tokens != second.tokens).any(axis=1).sum())
    limit = 1.0 if differ == n else float(stats.beta.ppf(1 - alpha, differ + 1, n - differ))
    spread = (None, None, None) if statistic is None else _spread(*(_values(statistic, s) for s in (first, second)))
    return Coupled(n, differ / n, limit, *spread)


def tv_difference(first: Samples, second: Samples, law: Law) -> TVDifference:
    """How much further from a law one ensemble is than the other, in total variation.

    TV(P, Q) = (1/2) sum_x s(x) (P(x) - Q(x)) with s the sign of P - Q. The signs are estimated on one half of the
    trajectories and the sum on the other, both ways round, so that neither TV is overestimated on average; the
    standard error is that of the mean over pairs, (s_1(x_1) - s_2(x_2)) / 2.

    Parameters
    ----------
    first, second : Samples
        As for `couple`: typically two weights, or two step counts.
    law : Law
        On tokens (N,)*D or on the lattice (N+1,)*D: the class law, a tilted law, the terminal law at some weight.

    Returns
    -------
    TVDifference
        The difference, first minus second, with its standard error.

    Raises
    ------
    InputError
        Ensembles that do not share their draws.
    """
    _pairs(first, second)
    values = [_signed(samples, law) for samples in (first, second)]
    return TVDifference(*_spread(*values))


def _signed(samples: Samples, law: Law) -> np.ndarray:
    """(1/2) (s(x_n) - sum_x s(x) Q(x)) of every trajectory, the signs s from the half it is not in."""
    size = law.problem.vocab_size
    exact = np.zeros((size + 1,) * law.length)
    exact[tuple(slice(0, n) for n in law.probs.shape)] = law.probs
    states = np.asarray(np.ravel_multi_index(tuple(samples.tokens.T), exact.shape))
    exact, half, values = exact.ravel(), len(states) // 2, np.empty(len(states))
    for here, other in ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))):
        share = np.bincount(states[other], minlength=exact.size) / max(1, len(states[other]))
        sign = np.sign(share - exact)
        values[here] = 0.5 * (sign[states[here]] - sign @ exact)
    return values


def _spread(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    n = len(a)
    paired, apart = np.var(a - b, ddof=1), np.var(a, ddof=1) + np.var(b, ddof=1)
    return float(np.mean(a - b)), float(np.sqrt(paired / n)), float(np.sqrt(apart / n))


def _values(statistic: Callable[[np.ndarray], np.ndarray], samples: Samples) -> np.ndarray:
    values = np.asarray(statistic(samples.tokens), dtype=float)
    if values.shape != (len(samples),) or not np.isfinite(values).all():
        _checks.fail(
            f"a statistic of shape {values.shape}, or one that is not finite",
            f"one finite number a trajectory, ({len(samples)},)",
            "lambda tokens: tokens[:, 0] == 0",
        )
    return values


def _pairs(first: Samples, second: Samples) -> None:
    one, other = first.info.provenance, second.info.provenance
    if first.tokens.shape != second.tokens.shape or (one.seed, one.antithetic) != (other.seed, other.antithetic):
        _checks.fail(
            f"ensembles of shapes {first.tokens.shape} and {second.tokens.shape}, seeds {one.seed} and {other.seed}",
            "coupled ensembles have the same shape, seed and antithetic",
            "call sample with the same n and seed",
        )
    if len(first) < 4 or first.log_weights is not None or second.log_weights is not None:
        _checks.fail("fewer than four trajectories, or weighted ones", "unweighted ensembles", "draw more of them")
