"""How TV at a fixed clock falls with the weight: the four regimes, and the contexts that cause them.

A masked context x is *blind* when target and unconditional law agree on every masked coordinate given x: there the
rate product guides nothing, R(x) = (number of masks) for every w. Elsewhere R(x) grows like rho(x)^w,
rho(x) the largest ratio p_z(v|x)/p(v|x) among the next reveals.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from .. import _checks
from ..guidance.rule import Rule
from ..problems.table import TableProblem
from ..process import GuidedProcess
from .decay import late_rate
from .lattice.sweep import block, revealed_sets
from .law import masked_states

BLIND_TOLERANCE = 1e-10  # relative difference of conditionals below which they count as equal


@dataclass(frozen=True)
class DecayRegime:
    """What happens to TV(u) at a fixed clock as w -> inf, and why.

    Attributes
    ----------
    regime : str
        "flat", "double-exponential", "exponential" or "saturating".
    late_rate : float
        min R(x) at the process's own (late) weight: TV ~ e^{-late_rate u}.
    slowest_context : tuple of D ints
        The context that attains it (N = mask).
    blind_contexts : tuple of contexts
        Reachable blind contexts.
    causes : tuple of contexts
        The contexts that decide the regime: the blind ones kept with positive share (saturating), those whose
        share fades slowest (exponential), the least guided one (double-exponential), all (flat).
    exponent : float
        d log TV / dw of the fading (exponential); d log(-log TV) / dw (double-exponential); 0 otherwise.
    sentence : str
        The verdict with its reason.
    """

    regime: str
    late_rate: float
    slowest_context: tuple[int, ...]
    blind_contexts: tuple[tuple[int, ...], ...]
    causes: tuple[tuple[int, ...], ...]
    exponent: float
    sentence: str


def decay_regime(process: GuidedProcess) -> DecayRegime:
    """Which of the four decay regimes a problem is in under a rule, with the contexts that cause it.

    ==================  =====================================  ====================================
    regime              when                                   TV at fixed u as w -> inf
    ==================  =====================================  ====================================
    flat                every reachable context blind, or      1 - (1 - e^{-u})^D for every w
                        a rule of unit hazards ("normalized", ...)
    double-exponential  no reachable context blind             log(-log TV) becomes linear in w
    exponential         blind ones reached with probability    log TV becomes linear in w
                        -> 0 as w -> inf
    saturating          blind ones keep a positive share       a positive limit
    ==================  =====================================  ====================================

    The regime is a property of problem and rule (constant weight w -> inf); `late_rate` and
    `slowest_context` belong to the weight of the process. For "contrastive" the negative class takes
    the place of the unconditional law; "rectified" with a fixed gamma0 is refused. The claim that TV always falls
    double exponentially in w needs the hypothesis "no reachable blind context". Source: docs/theory.md, section 2.3.

    Parameters
    ----------
    process : GuidedProcess
        Of a table.

    Returns
    -------
    DecayRegime
        ``.regime``, ``.sentence``, and the contexts behind them.

    Raises
    ------
    InputError
        A problem that is no table, a rule whose growth in w is not declared.
    """
    process.needs_table("decay regime")
    problem, rule = process.problem, process.guidance.rule
    _needs_growing_rates(rule)
    rate, slowest = late_rate(process)
    gain = _largest_log_ratio(_log_posterior(problem, rule))
    reachable = masked_states(problem) & (problem.target_table > 0)
    blind = reachable & (gain <= BLIND_TOLERANCE)
    regime, causes, exponent = _classify(process, gain, reachable, blind)
    exponent *= rule.growth_in_w or 1.0
    sentence = _sentence(problem, regime, causes, exponent, rule.normalises)
    return DecayRegime(regime, rate, slowest, _contexts(blind), _contexts(causes), exponent, sentence)


def _classify(process, gain, reachable, blind) -> tuple[str, np.ndarray, float]:
    if process.guidance.rule.normalises or (blind == reachable).all():
        return "flat", reachable, 0.0
    if not blind.any():
        return "double-exponential", *_least_guided(process, gain, reachable)
    share = _log_share(_log_posterior(process.problem, process.guidance.rule), gain)
    best = float(share[blind].max())
    causes = blind & (share >= best - BLIND_TOLERANCE)
    return ("saturating", causes, 0.0) if best > -BLIND_TOLERANCE else ("exponential", causes, best)


def _least_guided(process: GuidedProcess, gain: np.ndarray, reachable: np.ndarray) -> tuple[np.ndarray, float]:
    """Contexts of the least rho, and of these the least s: R(x) ~ s rho^w is the slowest exit; with log rho."""
    least = float(gain[reachable].min())
    slowest = reachable & (gain <= least + BLIND_TOLERANCE)
    share = _leading_share(process, gain)
    return slowest & (share <= share[slowest].min() + BLIND_TOLERANCE), least


def _leading_share(process: GuidedProcess, gain: np.ndarray) -> np.ndarray:
    """s(x), the sum of p_z(v|x) over the next reveals whose ratio attains rho(x)."""
    target = process.problem.target_table
    posterior = _log_posterior(process.problem, process.guidance.rule)
    share = np.zeros_like(gain)
    for i in range(gain.ndim):
        parent = tuple(slice(-1, None) if j == i else slice(None) for j in range(gain.ndim))
        child = np.split(target, [-1], axis=i)[0]
        leads = _log_ratio(posterior, i) >= gain[parent] - BLIND_TOLERANCE
        share[parent] += np.where(leads, child, 0.0).sum(axis=i, keepdims=True)
    return np.divide(share, target, out=np.zeros_like(share), where=target > 0)


def _needs_growing_rates(rule: Rule) -> None:
    """Where hazards do not grow with w, as with a fixed exponent of the reference, none of the four regimes applies."""
    if not rule.normalises and rule.growth_in_w is None:
        settings = "".join(f", {name} = {value}" for name, value in rule.settings)
        _checks.fail(
            f"decay regime of the rule {rule.name!r}{settings}",
            "the regimes describe rules whose rates follow (p_z/p)^(g w) as w -> inf, g their declared growth",
            "ask tv_decay for the weights of interest",
        )


def _log_posterior(problem: TableProblem, rule: Rule) -> np.ndarray:
    """log p_z(x)/reference(x) on the lattice, -inf where p_z = 0; a reveal's log ratio is its increase."""
    reference = rule.reference(problem)
    ratio = np.divide(problem.target_table, reference, out=np.zeros_like(reference), where=reference > 0)
    with np.errstate(divide="ignore"):
        return np.log(ratio)


def _log_ratio(posterior: np.ndarray, axis: int) -> np.ndarray:
    """log p_z(v|x)/p(v|x) of revealing `axis`, indexed by the child; -inf where p_z(child) = 0."""
    child, parent = np.split(posterior, [-1], axis=axis)
    with np.errstate(invalid="ignore"):
        return np.where(child > -inf, child - parent, -inf)


def _largest_log_ratio(posterior: np.ndarray) -> np.ndarray:
    """log rho(x): the largest over next reveals; 0 exactly when x is blind (ratios average to one under p)."""
    gain = np.full(posterior.shape, -inf)
    for i in range(posterior.ndim):
        parent = tuple(slice(-1, None) if j == i else slice(None) for j in range(posterior.ndim))
        gain[parent] = np.maximum(gain[parent], _log_ratio(posterior, i).max(axis=i, keepdims=True))
    return gain


def _log_share(posterior: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """lim (1/w) log P(visit x): the best path's sum of log ratio - log rho(parent), by a max-plus sweep."""
    length, vocab_size = gain.ndim, gain.shape[0] - 1
    share = np.full(gain.shape, -inf)
    share[(-1,) * length] = 0.0
    ratios = [_log_ratio(posterior, i) for i in range(length)]
    for revealed in revealed_sets(length):
        here = block(revealed, vocab_size)
        for i in (i for i, r in enumerate(revealed) if r):
            parent = block((*revealed[:i], False, *revealed[i + 1 :]), vocab_size)
            ratio = ratios[i][(*parent[:i], slice(None), *parent[i + 1 :])]
            with np.errstate(invalid="ignore"):
                step = np.where(np.isfinite(ratio), share[parent] + ratio - gain[parent], -inf)
            share[here] = np.maximum(share[here], step)
    return share


def _contexts(where: np.ndarray) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(i) for i in state) for state in np.argwhere(where))


def _sentence(problem, regime, causes, exponent, unit_hazard) -> str:
    names = [problem.context_name(c) for c in _contexts(causes)[:3]]
    listed = ", ".join(names) + (f" and {int(causes.sum()) - 3} more" if causes.sum() > 3 else "")
    if regime == "flat":
        reason = "the rule reveals every coordinate at rate 1", "both laws agree in every reachable context"
        why = reason[0] if unit_hazard else reason[1]
        return f"flat: {why}, so TV(u) = 1 - (1 - e^-u)^D for every w"
    if regime == "double-exponential":
        growth = f"log(-log TV) grows by {exponent:.4g} a unit of w"
        return f"double-exponential: no reachable context is blind; {growth}, set by {listed}"
    if regime == "exponential":
        return f"exponential: blind contexts have a share that fades like e^({exponent:.4g} w), slowest {listed}"
    return f"saturating: blind contexts keep a positive share as w grows: {listed}"


def log_minus_log(log_tv: np.ndarray) -> np.ndarray:
    """log(-log TV) of log TV <= 0: the ordinate in which a double-exponential decay is a straight line in w."""
    with np.errstate(divide="ignore"):
        return np.log(-np.asarray(log_tv))
