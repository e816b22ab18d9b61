"""Samples against an exact law, with stated false-alarm rates that hold for every seed.

Two complementary tests of the final law at fixed n (docs/theory.md, section "Calibrated comparison"):
the TV bound sees a bias spread over all states, the limits of Clopper and Pearson see one in a few of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .. import _checks
from ..laws.law import Law
from ..samplers.samples import Samples

ALPHA = 1e-6
ROUND_OFF = 1e-14  # of a covariance of token indices, relative to N^2: a coordinate that never varies has bound zero


@dataclass(frozen=True)
class Comparison:
    """Verdict on samples against an exact law.

    Attributes
    ----------
    n : int
        Number of samples.
    tv, tv_bound : float
        Empirical TV, and the value it exceeds with probability at most alpha.
    worst_state : tuple of D ints
        The state whose count fits least.
    worst_state_p : float
        Its two-sided binomial tail (Clopper-Pearson at alpha / number of states).
    smallest_visible_bias : float
        A sampler whose law is further than this in TV from the exact one fails with probability >= 1 - alpha.
    covariance, exact_covariance, covariance_bound : array, shape (D, D), or None
        Of the token indices, in the samples and in the law, and how far the two may differ; None when masks are left.
    regions : dict of name to (float, float)
        Share in the samples and exact weight of each region.
    worst_region_p : float or None
        Smallest two-sided binomial tail of a region; None when masks are left.
    checks : dict of name to bool
        Whether each check passed.
    false_alarm : float
        Bound on the probability that a correct sampler fails any of the checks.
    """

    n: int
    tv: float
    tv_bound: float
    worst_state: tuple[int, ...]
    worst_state_p: float
    smallest_visible_bias: float
    covariance: np.ndarray | None
    exact_covariance: np.ndarray | None
    covariance_bound: np.ndarray | None
    regions: dict[str, tuple[float, float]]
    worst_region_p: float | None
    checks: dict[str, bool]
    false_alarm: float

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(self.checks.values())

    @property
    def sentence(self) -> str:
        """The verdict in a sentence, with its numbers."""
        failed = [name for name, ok in self.checks.items() if not ok]
        numbers = f"TV {self.tv:.3g} against a bound of {self.tv_bound:.3g} at n = {self.n:,}"
        if failed:
            worst = f"worst state {self.worst_state} has p = {self.worst_state_p:.2g}"
            return f"fails ({', '.join(failed)}): {numbers}; {worst}"
        return f"agrees: {numbers}; any bias beyond TV {self.smallest_visible_bias:.3g} would have shown"


@dataclass(frozen=True)
class DecayComparison:
    """Simulated completion clocks against an exact TV curve, with a band that holds at all clocks at once.

    Attributes
    ----------
    clock : array, shape (T,)
        Clocks u.
    exact : array, shape (T,)
        Exact TV at these clocks.
    simulated : array, shape (T,)
        Share of trajectories with a mask left at the clock.
    band : float
        Half-width of the Dvoretzky-Kiefer-Wolfowitz band, sqrt(log(2/alpha) / 2n).
    alpha : float
        Probability that a correct sampler leaves the band anywhere.
    """

    clock: np.ndarray
    exact: np.ndarray
    simulated: np.ndarray
    band: float
    alpha: float

    @property
    def largest_gap(self) -> float:
        """Largest |simulated - exact| over the clocks."""
        return float(np.abs(self.simulated - self.exact).max())

    @property
    def passed(self) -> bool:
        """Whether the exact curve lies within the band at every clock."""
        return self.largest_gap <= self.band

    @property
    def sentence(self) -> str:
        """The verdict in a sentence, with its numbers."""
        verdict = "agrees" if self.passed else "fails"
        return f"{verdict}: largest gap of TV(u) {self.largest_gap:.3g} against a band of {self.band:.3g}"


def compare(samples: Samples, law: Law, alpha: float = ALPHA) -> Comparison:
    """Judge samples by an exact law: TV, every state, covariance and regions.

    - TV(empirical, law) <= (1/2) sum sqrt(p(1-p)/n) + sqrt(log(1/alpha) / 2n)   (mean + McDiarmid)
    - every state's probability within Clopper-Pearson limits at alpha / number of states; regions likewise
    - covariance within Bernstein's inequality at the exact means and variances, alpha / number of pairs

    Each of these fails a correct sampler with probability at most alpha, for every n and seed. Source: docs/theory.md,
    section "Calibrated comparison".

    Parameters
    ----------
    samples : Samples
        Independent draws of equal weight.
    law : Law
        One law, on tokens (N,)*D or on the lattice (N+1,)*D. Judge a K-step sampler by ``stepped_law``, not
        by the terminal law: its discretisation error is real.
    alpha : float
        False-alarm rate of each check, in (0, 1).

    Returns
    -------
    Comparison
        ``.passed``, ``.sentence``, and every number behind them.

    Raises
    ------
    InputError
        alpha outside (0, 1), weighted samples, or a law at several clocks.
    """
    if not 0 < alpha < 1:
        _checks.fail(f"alpha = {alpha}", "0 < alpha < 1", "the default is 1e-6")
    if samples.log_weights is not None:
        _checks.fail(
            "weighted samples",
            "the bounds hold for independent draws of equal weight",
            'use samples.shares, or draw unweighted ones: method="exact" with the rule "tilted"',
        )
    exact, counts, n = _on_lattice(law), samples.counts(law.problem.vocab_size), len(samples)
    tv, spread = 0.5 * float(np.abs(counts / n - exact).sum()), sqrt(log(1 / alpha) / (2 * n))
    bound = 0.5 * float(np.sqrt(exact * (1 - exact) / n).sum()) + spread
    tails = _binomial_tails(counts, n, exact)
    worst = tuple(int(i) for i in np.unravel_index(int(tails.argmin()), tails.shape))
    checks = {"TV": tv <= bound, "states": bool(tails.min() >= alpha / tails.size)}
    completed = completed_part(law)
    covariance = (None, None, None)
    shares: dict[str, tuple[float, float]] = {}
    region_p = None
    if completed is not None and not (samples.tokens == law.problem.vocab_size).any():
        covariance = _covariance(samples, completed, alpha)
        checks["covariance"] = bool((np.abs(covariance[0] - covariance[1]) <= covariance[2]).all())
        shares, region_p = _regions(counts, n, completed)
        checks["regions"] = region_p >= alpha / len(shares)
    visible = bound + 0.5 * sqrt((exact.size - 1) / n) + spread
    return Comparison(n, tv, bound, worst, float(tails[worst]), min(1.0, visible), *covariance, shares, region_p,
                      checks, alpha * len(checks))  # fmt: skip


def compare_decay(samples: Samples, clock: ArrayLike, tv: ArrayLike, alpha: float = ALPHA) -> DecayComparison:
    """Judge completion clocks by an exact curve TV(u) = P(still masked at u).

    The band of Dvoretzky, Kiefer and Wolfowitz holds at every clock at once. Source: Massart, Ann. Probab. 18 (1990),
    its tight constant; docs/theory.md, section "Calibrated comparison".

    Parameters
    ----------
    samples : Samples
        With completion clocks: by a method that steps through the chain.
    clock : array_like, shape (T,)
        Finite clocks u >= 0.
    tv : array_like, shape (T,)
        Exact TV there: from :func:`tv_decay` for exact methods; for stepped ones the masked probability of
        ``stepped_law(..., every_step=True)`` at the grid's own clocks.
    alpha : float
        False-alarm rate, uniform over clocks, in (0, 1).

    Returns
    -------
    DecayComparison
        ``.passed``, ``.sentence``, and the two curves.

    Raises
    ------
    InputError
        Clocks and TV of different shapes, or clocks that are negative or NaN.
    """
    clocks, exact = _checks.clocks(clock), np.asarray(tv, dtype=float)
    if clocks.shape != exact.shape or clocks.ndim != 1 or not clocks.size:
        _checks.fail(
            f"clock {clocks.shape} and tv {exact.shape}", "two arrays of shape (T,), T >= 1", "give one TV a clock"
        )
    done = np.sort(samples.info.completion_clock)
    simulated = 1 - np.searchsorted(done, clocks, side="right") / len(done)
    return DecayComparison(clocks, exact, simulated, sqrt(log(2 / alpha) / (2 * len(done))), alpha)


def completed_part(law: Law) -> Law | None:
    """The law on completed states, or None when masks keep positive probability."""
    if not law.has_mask:
        return law
    if float(law.masked_probability) > 0:
        return None
    return Law(law.probs[(slice(0, -1),) * law.length], law.problem, law.clock, law.method, law.error)


def _on_lattice(law: Law) -> np.ndarray:
    if law.probs.ndim != law.length:
        _checks.fail(f"a law of shape {law.probs.shape}", "one law, (N,)*D or (N+1,)*D", "compare one clock at a time")
    return law.probs if law.has_mask else np.pad(law.probs, [(0, 1)] * law.length)


def _binomial_tails(counts: np.ndarray, n: int, probability: np.ndarray) -> np.ndarray:
    """Two-sided tails: below alpha exactly when the Clopper-Pearson interval at alpha excludes the probability."""
    p = np.clip(probability, 0, 1)
    return np.minimum(1, 2 * np.minimum(stats.binom.cdf(counts, n, p), stats.binom.sf(counts - 1, n, p)))


def _covariance(samples: Samples, law: Law, alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    centred = samples.tokens - law.mean()
    estimate, exact = centred.T @ centred / len(centred), law.covariance()
    grid = np.indices(law.probs.shape).reshape(law.length, -1) - law.mean()[:, None]
    products = grid[:, None] * grid[None, :] - exact[..., None]
    possible = law.probs.ravel() > 0
    variance = (products**2 * law.probs.ravel()).sum(axis=2)
    largest = np.abs(products[..., possible]).max(axis=2)
    budget = log(law.length * (law.length + 1) / alpha)  # two sides, D(D+1)/2 pairs
    bound = np.sqrt(2 * variance * budget / len(centred)) + 2 * largest * budget / (3 * len(centred))
    return estimate, exact, bound + ROUND_OFF * law.problem.vocab_size**2


def _regions(counts: np.ndarray, n: int, law: Law) -> tuple[dict[str, tuple[float, float]], float]:
    from ..problems.regions import regions

    inside = regions(law.problem)
    completed = counts[(slice(0, -1),) * law.length]
    hits = np.array([int(completed[mask].sum()) for mask in inside.values()])
    exact = np.array([float(law.probs[mask].sum()) for mask in inside.values()])
    shares = {name: (float(h / n), float(p)) for name, h, p in zip(inside, hits, exact, strict=True)}
    return shares, float(_binomial_tails(hits, n, exact).min())
