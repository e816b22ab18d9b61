r"""The discrete counterpart of angle-domain guidance: the same classes on a grid of tokens, guided by exact laws.

A coordinate becomes a token (node of a grid), a class a product of discretised normals. Square roots of a masked
coordinate's two conditionals are unit vectors a = sqrt(p), b = sqrt(p_z) at an angle theta; rule "spherical" goes on
past b by w theta, clips amplitudes at zero and normalises. Angle-domain guidance stops the turn at pi/3; "capped"
is spherical with that stop. It always leaves a token: the last one to go has ratio p_z / p >= 1 / cos^2 theta, and
goes at pi/2 past b or later.

Derivation and measured numbers: docs/gaussian-angle.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ... import _checks
from ...gaussian.mixture import Mixture
from ...gaussian.rules import CLIP
from ...guidance import Guidance
from ...laws.lattice.sweep import all_masked, visits
from ...laws.terminal import terminal_law
from ...problems.table import TableProblem
from ...process import GuidedProcess
from .measures import ATYPICAL

ROTATIONS = ("spherical", "capped")
DISCRETE_RULES = ("product", "normalized", *ROTATIONS)


def discretised(mixture: Mixture, tokens: int, reach: float) -> TableProblem:
    """Classes of one isotropic component each on `tokens` equal nodes of [-reach, reach] a coordinate; target 0.

    p(x | k) proportional to the density of class k at the nodes: products over coordinates.
    """
    nodes = grid(tokens, reach)
    if mixture.variances.shape[1] > 1 or len(mixture.classes) != len(mixture.means):
        _checks.fail("classes are not single isotropic components", "one mean, one variance a class", "use Mixture")
    squares = (nodes - mixture.means[..., None]) ** 2 / (2 * mixture.variances[..., None])
    tables = np.exp(-squares)
    tables /= tables.sum(-1, keepdims=True)
    laws = [_outer(table) for table in tables]
    return TableProblem(np.array(laws), mixture.weights, 0, name="sphere")


def grid(tokens: int, reach: float) -> np.ndarray:
    """The nodes of a coordinate, (N,)."""
    if not _checks.real(reach, "reach") > 0:
        _checks.fail(f"reach = {reach}", "reach > 0", "take the radius and some deviations")
    return np.linspace(-reach, reach, _checks.integer(tokens, "tokens", 2))


def _outer(table: np.ndarray) -> np.ndarray:
    law = np.ones(())
    for one in table:
        law = law[..., None] * one
    return law


def _process(problem: TableProblem, rule: str, weight: float) -> GuidedProcess:
    """ "capped" is the rule "spherical" with angle-domain guidance's stop."""
    guidance = Guidance("spherical", weight, cap=CLIP) if rule == "capped" else Guidance(rule, weight)
    return GuidedProcess(problem, guidance)


@dataclass(frozen=True)
class DiscreteMeasures:
    """Final law of one rule at one weight against the class law; tokens read as positions on the grid.

    Attributes
    ----------
    entropy : over the class's
    norm_distance, norm_shift, atypical, along, spread : as in :class:`.measures.EndMeasures`
    clipped : share of reveals at which a rotation ("spherical", "capped") clips some token away
    removed : class probability of the tokens clipped away, mean over reveals
    hazard : rate of a coordinate's reveal while all are masked, mean over coordinates; 1 but for "product"
    """

    entropy: float
    norm_distance: float
    norm_shift: float
    atypical: float
    along: float
    spread: float
    clipped: float
    removed: float
    hazard: float


def discrete_measures(problem: TableProblem, reach: float, rule: str, weight: float) -> DiscreteMeasures:
    """Exact measures of one of `DISCRETE_RULES` at weight w >= 0."""
    if not _checks.weight(weight) >= 0:
        _checks.fail(f"weight w = {weight}", "w >= 0 here", "w = 0 is the class law")
    process = _process(problem, _checks.choice(rule, DISCRETE_RULES, "rule"), weight)
    law, hazard = terminal_law(process).probs, float(process.exit_rates()[(-1,) * problem.length]) / problem.length
    lost = clipping(process) if rule in ROTATIONS else (0.0, 0.0)
    return DiscreteMeasures(**_against_class(problem, reach, law), clipped=lost[0], removed=lost[1], hazard=hazard)


def clipping(process: GuidedProcess) -> tuple[float, float]:
    """(share of reveals of the guided chain with a token clipped, mean class probability of such tokens)."""
    problem, rates = process.problem, process.rates()
    own = GuidedProcess(problem, Guidance("normalized", 0.0)).rates()
    passed = visits(rates, all_masked(rates)) / np.maximum(_masked(problem), 1) / problem.length
    clipped = removed = 0.0
    for i, (guided, target) in enumerate(zip(rates.edges, own.edges, strict=True)):
        gone, here = np.where(guided == 0, target, 0.0), passed.take(-1, axis=i)
        clipped += float((here * (gone > 0).any(axis=i)).sum())
        removed += float((here * gone.sum(axis=i)).sum())
    return clipped, removed


def _masked(problem: TableProblem) -> np.ndarray:
    """Number of masked coordinates of every context."""
    at = np.indices((problem.vocab_size + 1,) * problem.length)
    return (at == problem.vocab_size).sum(0)


def _against_class(problem: TableProblem, reach: float, law: np.ndarray) -> dict[str, float]:
    from scipy.stats import wasserstein_distance

    own, D = problem.target_law, problem.length
    nodes = grid(problem.vocab_size, reach)
    points = np.stack(np.meshgrid(*[nodes] * D, indexing="ij"), -1).reshape(-1, D)
    norms, p, q = np.linalg.norm(points, axis=1), own.ravel(), law.ravel()
    mean, goal = q @ points, p @ points
    return {
        "entropy": _entropy(q) / _entropy(p),
        "norm_distance": float(wasserstein_distance(norms, norms, q, p) / (p @ norms)),
        "norm_shift": float(q @ norms / (p @ norms) - 1),
        "atypical": float(q[_least_likely(p)].sum()),
        "along": float(mean @ goal / (goal @ goal)),
        "spread": float((q @ points**2 - mean**2).sum() / (p @ points**2 - goal**2).sum()),
    }


def _least_likely(p: np.ndarray) -> np.ndarray:
    """Indices of the least likely states that share at most 1 %."""
    order = np.argsort(p, kind="stable")
    return order[np.cumsum(p[order]) <= ATYPICAL]


def _entropy(p: np.ndarray) -> float:
    from scipy.special import xlogy

    return float(-xlogy(p, p).sum())
