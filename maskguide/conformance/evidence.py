"""E-values of counts under a known law, in logs, and time-uniform bounds (docs/conformance-tests.md).

An e-value is a statistic whose mean under the null is at most one; here each is a (super)martingale in the number of
draws, so that by Ville's inequality it ever reaches 1/alpha with probability at most alpha.
"""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import betaln, gammaln, xlog1py, xlogy

CONCENTRATIONS = 2.0 ** np.arange(2, 25)  # of Dirichlet priors around the law: one is near the number of draws
TILTS = 2.0 ** np.arange(1, -10, -1)  # lambda of the bets on sets of states: one is near 4 TV
PLANNED = 20_000  # draws at which the TV bound is about tightest; times sqrt(n), 8 % more at 2,000, 5 % at 2,000,000
STIRLING = 32.0  # log Gamma by its series from here on: its error is 2e-17


def law_log_e(counts: np.ndarray, p: np.ndarray, alternatives: np.ndarray | None = None) -> np.ndarray:
    """log of the mean of the families below; inf where p = 0 and a draw is there, which p cannot give.

    Parameters
    ----------
    counts : (..., S) whole numbers
    p : (S,) law
    alternatives : (M, S) laws, optional
        A third family, :func:`ratio_log_e`.

    Returns
    -------
    (...,) array
    """
    possible = p > 0
    inside, law = counts[..., possible], p[possible]
    families = [dirichlet_log_e(inside, law), sets_log_e(inside, law)]
    if alternatives is not None:
        families.append(ratio_log_e(inside, law, alternatives[:, possible]))
    return np.where(counts[..., ~possible].any(axis=-1), np.inf, log_mean(np.stack(families, axis=-1)))


def dirichlet_log_e(counts: np.ndarray, p: np.ndarray) -> np.ndarray:
    """log of the mean of Dirichlet-multinomial likelihoods of counts (..., S) over their likelihood under p > 0.

    Priors: Dirichlet(c p) for c in CONCENTRATIONS, and Krichevsky-Trofimov's Dirichlet(1/2, ..., 1/2). With a = c r,

        log E = sum_i [h(a_i, n_i) + n_i log(r_i / p_i)] - h(c, n),   h(a, n) = log[Gamma(a+n) / (Gamma(a) a^n)].
    """
    size, n = p.size, counts.sum(axis=-1)[..., None]
    around = log_rising(CONCENTRATIONS[:, None] * p, counts[..., None, :]).sum(axis=-1) - log_rising(CONCENTRATIONS, n)
    half = (log_rising(0.5, counts) - counts * np.log(size * p)).sum(axis=-1, keepdims=True) - log_rising(size / 2, n)
    return log_mean(np.concatenate([around, half], axis=-1))


def sets_log_e(counts: np.ndarray, p: np.ndarray) -> np.ndarray:
    """log of the mean, over all sets A of states and all TILTS, of exp(lambda (n(A) - n p(A)) - n lambda^2 / 8).

    The sum over the 2^S sets is a product: e^(-n lambda^2/8) prod_i cosh(lambda (n_i - n p_i) / 2). Mean at most one
    by Hoeffding's lemma. One of the sets is where the true law exceeds p: hence :func:`visible_bias`.
    """
    n = counts.sum(axis=-1)[..., None]
    half = TILTS[:, None] * (counts - n * p)[..., None, :] / 2
    return log_mean((np.logaddexp(half, -half) - log(2)).sum(axis=-1) - n * TILTS**2 / 8)


def ratio_log_e(counts: np.ndarray, p: np.ndarray, alternatives: np.ndarray) -> np.ndarray:
    """log of the mean of the likelihood ratios of alternatives (M, S) to p; -inf when none can give these counts."""
    counts = counts[..., None, :]
    return log_mean((xlogy(counts, alternatives) - xlogy(counts, p)).sum(axis=-1))


def log_mean(logs: np.ndarray) -> np.ndarray:
    """log of the mean of exp(logs) along the last axis: the mean of e-values is an e-value."""
    return np.logaddexp.reduce(logs, axis=-1) - log(logs.shape[-1])


def log_rising(a: np.ndarray | float, n: np.ndarray | float) -> np.ndarray:
    """h(a, n) = log[Gamma(a + n) / (Gamma(a) a^n)] = sum_{j<n} log(1 + j/a), by Stirling's series for large a.

    Its error is some 1e-16 n log n: a difference of log Gamma alone would lose 1e-16 a log a.
    """
    a, n = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(n, dtype=float))
    large = np.maximum(a, STIRLING)
    series = (large + n - 0.5) * np.log1p(n / large) - n + _stirling(large + n) - _stirling(large)
    return np.where(a < STIRLING, gammaln(a + n) - gammaln(a) - n * np.log(a), series)


def _stirling(x: np.ndarray) -> np.ndarray:
    return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * x**2)) / x**2) / x**2) / x


def tv_width(n: int, alpha: float) -> float:
    """w_n: TV(true law, p) <= TV(empirical, p) + w_n at every n at once, but for a probability alpha.

        w_n = sqrt(2 (n/4 + rho) log(1/2 + sqrt(1 + n/(4 rho)) / (2 alpha))) / n

    About 1.05 sqrt(log(1/alpha) / 2n) at n = PLANNED, which sets rho; the same for any number of states. inf at n = 0.

    Source: one-sided normal mixture, Howard, Ramdas, McAuliffe and Sekhon, Ann. Statist. 49 (2021), section 3.2.
    """
    if n == 0:
        return np.inf
    budget = 2 * log(1 / alpha)
    variance, rho = n / 4, PLANNED / 4 / (budget + log(1 + budget))
    return sqrt(2 * (variance + rho) * log(0.5 + sqrt(1 + variance / rho) / (2 * alpha))) / n


def visible_bias(n: int, size: int, alpha: float, families: int) -> float:
    """b_n: a law at TV b_n or more has been rejected after n draws with probability at least 1 - alpha.

        b_n = w_n + min over lambda of [size log 2 + log(len(TILTS) families / alpha) + n lambda^2/8] / (n lambda)

    with `size` states in the support, when :func:`sets_log_e` is one of `families` averaged e-values.
    """
    if n == 0:
        return 1.0
    price = size * log(2) + log(len(TILTS) * families / alpha)
    return min(1.0, tv_width(n, alpha) + float(((price + n * TILTS**2 / 8) / (n * TILTS)).min()))


def bernoulli_interval(successes: int, trials: int, alpha: float) -> tuple[float, float]:
    """Limits of a success probability that hold at every number of trials at once, with probability 1 - alpha.

    {q : B(k + 1/2, n - k + 1/2) / B(1/2, 1/2) < q^k (1-q)^(n-k) / alpha}, an interval around k/n.

    Source: Robbins, Ann. Math. Statist. 41 (1970), the beta mixture.
    """
    failures = trials - successes
    return _lower_limit(successes, failures, alpha), 1 - _lower_limit(failures, successes, alpha)


def _lower_limit(k: int, rest: int, alpha: float) -> float:
    if k == 0:
        return 0.0
    mixture = float(betaln(k + 0.5, rest + 0.5) - betaln(0.5, 0.5))

    def excess(log_q: float) -> float:
        return mixture + log(alpha) - k * log_q - float(xlog1py(rest, -exp(log_q)))

    return exp(root_scalar(excess, bracket=(-690.0, log(k / (k + rest))), method="brentq").root)
