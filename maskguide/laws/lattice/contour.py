"""Laws at a clock by contour quadrature: exp(uQ) from a few resolvents, each one lattice sweep.

    exp(uQ) = (1 / 2 pi i) * integral of e^{zu} (zI - Q)^{-1} dz

over a hyperbola z = mu (1 + sin(i theta - alpha)) around the negative real axis, where all eigenvalues
-R(x) lie. Midpoints theta_k = (k + 1/2) h; conjugate symmetry leaves `nodes` of them. The error does not
depend on the stiffness of Q, and one contour serves all clocks of an interval [t0, t1]: only its weights change.
A single clock, or a few, are served by the rational approximations of :mod:`.rational`, with half as many nodes.

Four errors are balanced (log scale, x = mu t1, t0 the shortest clock). A path of D reveals multiplies factors
R/|s + R| <= 1/cos(a) on a contour of angle a, so resolvents grow like cos(a)^-D towards the negative axis:
the strip of analyticity above, min over d of -2 pi d / h - D log cos(alpha + d), and below, x - 2 pi alpha / h;
the truncated tail, x (t0/t1) (1 - sin(alpha) cosh(h nodes)) - D log cos(alpha); and round-off, which the largest
term magnifies, log(eps) + x (1 - sin(alpha)). The number of nodes is the least whose sum of errors will do.

Source: Weideman and Trefethen, "Parabolic and hyperbolic contours for computing the Bromwich integral", Math. Comp.
76 (2007); round-off as in Lopez-Fernandez, Palencia and Schadle, SIAM J. Numer. Anal. 44 (2006).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from ... import _checks
from ...process import GuidedProcess
from . import rational
from .layout import GroupedChain, grouped_chain
from .rational import NEGATIVE

WIDEST = 10.0  # longest over shortest clock on one contour
NODES = tuple(range(16, 88, 8))  # whole vectors
WANTED = 1e-12
NOTHING_YET = 1e-17  # clock times the fastest rate: the law is still that of the start
ORDINARY = 1e-9, 1e9  # clocks that need no look at the rates
ALL_DONE = 1e4  # clock times the slowest rate: no mask is left
SAFETY = 100.0  # measured L1 errors stay below the model's times this
ROUND_OFF = 3e-18  # of the sum, relative to its largest term times the other errors' factors; measured


@lru_cache(maxsize=256)
def parameters(nodes: int, ratio: float, length: int) -> tuple[float, float, float, float]:
    """(alpha, h, mu * longest clock, error) of the hyperbola for clocks within a factor `ratio`, from a grid."""
    alpha = np.linspace(0.5, 1.4, 31)[:, None, None]
    step = np.geomspace(0.8, 6.4, 61)[None, :, None] / nodes
    x = np.geomspace(0.12, 6, 49)[None, None, :] * nodes
    widths = np.linspace(0.05, 0.95, 10) * (np.pi / 2 - alpha)
    above = np.min(-2 * np.pi * widths / step - length * np.log(np.cos(alpha + widths)), axis=-1, keepdims=True)
    below = x - 2 * np.pi * alpha / step
    tail = x / ratio * (1 - np.sin(alpha) * np.cosh(step * nodes)) - length * np.log(np.cos(alpha))
    rounding = np.log(ROUND_OFF) + x * (1 - np.sin(alpha))
    worst = np.maximum(np.maximum(above, below), np.maximum(tail, rounding))
    a, h, m = np.unravel_index(int(worst.argmin()), worst.shape)
    return float(alpha[a, 0, 0]), float(step[0, h, 0]), float(x[0, 0, m]), float(np.exp(worst[a, h, m])) * SAFETY


@lru_cache(maxsize=256)
def enough_nodes(ratio: float, length: int, wanted: float = WANTED) -> int:
    """The least number of nodes whose error is `wanted`, or else the one with the least error."""
    for nodes in NODES:
        if parameters(nodes, ratio, length)[3] <= wanted:
            return nodes
    return min(NODES, key=lambda nodes: parameters(nodes, ratio, length)[3])


def hyperbola(clocks: np.ndarray, length: int, wanted: float = WANTED) -> tuple[np.ndarray, np.ndarray, float]:
    """Points z (nodes,), weights c (T, nodes), complex, and the error: f(u_t) = Re sum_k c_tk F(z_k), F = Laplace f."""
    longest = float(clocks.max())
    ratio = _rounded_up(longest / float(clocks.min()))
    nodes = enough_nodes(ratio, length, wanted)
    alpha, step, x, error = parameters(nodes, ratio, length)
    angle, scale = 1j * (np.arange(nodes) + 0.5) * step - alpha, x / longest
    points = scale * (1 + np.sin(angle))
    return points, step / np.pi * scale * np.cos(angle) * np.exp(np.multiply.outer(clocks, points)), error


def _rounded_up(ratio: float) -> float:
    return next(r for r in (1.0, 1.5, 2.0, 3.0, 5.0, WIDEST) if ratio <= r * (1 + 1e-9))


def contour_groups(clocks: np.ndarray) -> Iterator[np.ndarray]:
    """Indices of positive clocks that share a contour."""
    order = np.argsort(clocks)
    while order.size:
        together = clocks[order] <= clocks[order[0]] * WIDEST
        here, order = order[together], order[~together]
        yield here


def quadrature_groups(clocks: np.ndarray, length: int) -> Iterator[np.ndarray]:
    """Indices of positive clocks for one quadrature each: those on one contour, or one clock where these are few."""
    for here in contour_groups(clocks):
        yield from np.split(here, here.size) if here.size <= _few(clocks[here], length) else [here]


def _few(clocks: np.ndarray, length: int) -> int:
    """How many clocks rational approximations serve with no more nodes than one hyperbola takes."""
    if clocks.size == 1 or not rational.serves(length):
        return 0
    return enough_nodes(_rounded_up(float(clocks.max()) / float(clocks.min())), length) // rational.NODES


def quadrature(clocks: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Points, weights and error as of `hyperbola`: for one clock a rational approximation."""
    if clocks.size == 1 and rational.serves(length):
        return rational.rational(float(clocks[0]), length)
    return hyperbola(clocks, length)


def propagate(
    process: GuidedProcess, weight: float, start: np.ndarray | None, clocks: np.ndarray
) -> tuple[np.ndarray, float]:
    """start exp(u Q) for every clock u in (0, inf), (T,) + lattice, and the L1 error; start None: all is masked.

    The accuracy is absolute: entries below the error may be off altogether; those that came out negative are zero.
    """
    chain = grouped_chain(process, weight)
    begin = np.empty(0) if start is None else chain.layout.from_lattice(start)
    together = [clocks] if clocks.size == 1 else list(quadrature_groups(clocks, process.length))
    if together[0].size == clocks.size and ORDINARY[0] < clocks[0] < ORDINARY[1]:
        laws, worst = _on_lattice(chain, clocks, begin)
        return laws.reshape(-1, *process.shape), worst + chain.lost
    early = clocks < NOTHING_YET / float(chain.exit.max())
    late = clocks > ALL_DONE / float(chain.exit[chain.exit > 0].min())
    left = np.flatnonzero(~(early | late))
    together = [left] if left.size == 1 else [left[k] for k in quadrature_groups(clocks[left], process.length)]
    laws, worst = np.zeros((clocks.size, chain.layout.states)), NOTHING_YET
    laws[early] = np.arange(chain.layout.states) == chain.layout.states - 1 if start is None else start.ravel()
    if late.any():
        from .absorption import absorbed

        inside = (slice(0, process.vocab_size),) * process.length
        laws.reshape(-1, *process.shape)[(late, *inside)] = absorbed(process, weight, start)[0]
    for here in together:
        laws[here], error = _on_lattice(chain, clocks[here], begin)
        worst = max(worst, error)
    return laws.reshape(-1, *process.shape), worst + chain.lost


def _on_lattice(chain: GroupedChain, clocks: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, float]:
    """Laws at clocks that share a quadrature, (T, states) in the order of the lattice, and their error."""
    length = chain.layout.length
    if chain.potential.size and clocks.size == 1 and rational.serves(length):
        from . import resolvents

        law, wrong = resolvents.law(chain, float(clocks[0]), start)
        _none_wrong(wrong)
        return law[None], rational.unit(length)[2]
    points, weights, error = quadrature(clocks, length)
    if chain.potential.size:
        from . import shared_contour

        laws, wrong = shared_contour.laws(chain, points, weights, start)
        _none_wrong(wrong)
        return laws, error
    laws = chain.layout.to_lattice(_by_edges(chain, points, weights, start)).reshape(clocks.size, -1)
    return without_negatives(laws), error


def without_negatives(law: np.ndarray) -> np.ndarray:
    """Round-off below zero set to zero."""
    if not law.min() >= -NEGATIVE:
        _none_wrong(int((~(law >= -NEGATIVE)).sum()))
    return np.maximum(law, 0.0, out=law)


def _none_wrong(count: int) -> None:
    if count:
        raise FloatingPointError(f"contour quadrature returned {count} negative entries; please report this problem")


def _by_edges(chain: GroupedChain, points: np.ndarray, weights: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Laws at some clocks by edge rates, (T, states): all nodes in one pass, as memory allows, and a matrix product."""
    more = -points.size % 8
    points, weights = np.append(points, np.ones(more)), np.pad(weights, [(0, 0), (0, more)])
    laws = np.zeros((len(weights), chain.layout.states))
    for part in batches(points.size, chain.layout.states, 1):
        values = swept(chain, points[part], start)
        laws += np.concatenate([np.real(weights[:, part]), -np.imag(weights[:, part])], axis=1) @ values.T
        del values
    return laws


def swept(
    chain: GroupedChain, points: np.ndarray, start: np.ndarray, slowest: float = 0.0, fastest: float = np.inf
) -> np.ndarray:
    """The compiled resolvent sweep, (states, 2 nodes), twice as wide with a finite `fastest`: `sweeps.resolvent`."""
    from . import sweeps

    groups, width = chain.layout, 2 * points.size * (1 if np.isinf(fastest) else 2)
    values = np.empty(groups.states * width)
    nodes = np.concatenate([np.real(points), np.imag(points)])
    sweeps.resolvent(values, groups.blocks, chain.arrays, start, nodes, float(slowest), float(fastest))
    return values.reshape(groups.states, -1)


def batches(nodes: int, states: int, parts: int) -> list[slice]:
    """Nodes to sweep together: all, or as many as leave half of the memory free."""
    bytes_a_node = 16 * states * parts
    _checks.fits_in_memory(2 * 8 * bytes_a_node, f"contour sweeps over {states:,} states", "use fewer coordinates")
    most = _checks.available_memory() // (2 * bytes_a_node)
    together = nodes if most >= nodes else max(8, int(most) // 8 * 8)
    return [slice(k, k + together) for k in range(0, nodes, together)]
