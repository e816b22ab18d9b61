"""The grouped layout of the lattice, and the chain in it: what the compiled sweeps of :mod:`.sweeps` run on.

States are grouped by their revealed set, as bits: coordinate D-1 is bit 0. The block of a set with k members holds
its (N,)*k states in C order, and blocks follow each other in the order of the sets as numbers, so every parent comes
before its children and the last block is the completed states. A parent or a child lies at a fixed stride.

For the rate product r(x -> y) = G(y)/G(x), so in units of the potential every edge has weight one: no edge arrays.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from ... import _checks
from ..._compiled.threads import idle, in_parts
from ...process import GuidedProcess
from .sweep import block, revealed_sets

LEAST, MOST = 1e-290, 1e290  # a potential outside is not used: edge rates take its place
CACHE_BLOCK = 2**15  # states whose potential is computed at a time, in the cache
KEPT_PERMUTATION = 2**22  # states up to which the order of the lattice is remembered
NO_WEIGHTS, NO_OFFSETS = np.empty(0), np.empty(0, np.uint64)


# What compiled sweeps take, as plain tuples: numba finds their types in a fifth of the time. Inside, fields have names.


@dataclass(frozen=True)
class Layout:
    """Where the blocks start: ``offsets[set]`` of 2^D + 1, unsigned."""

    vocab_size: int
    length: int
    offsets: np.ndarray

    @cached_property
    def blocks(self) -> tuple[np.ndarray, int, int]:
        """:class:`.arrays.Blocks`."""
        return self.offsets, self.vocab_size, self.length

    @cached_property
    def states(self) -> int:
        """Number of states, (N+1)^D."""
        return int(self.offsets[-1])

    @cached_property
    def completed(self) -> slice:
        """The places of the completed states: the last block."""
        return slice(int(self.offsets[-2]), self.states)

    def masks(self) -> np.ndarray:
        """Number of masked coordinates of every state, int8."""
        sets = np.arange(2**self.length, dtype=np.uint64)
        return np.repeat((self.length - np.bitwise_count(sets)).astype(np.int8), np.diff(self.offsets).astype(np.int64))

    def from_lattice(self, values: np.ndarray) -> np.ndarray:
        """(N+1,)*D -> (states,)."""
        grouped = np.empty(self.states, dtype=values.dtype)
        for here, index in self._blocks():
            grouped[here] = values[index].ravel()
        return grouped

    def to_lattice(self, grouped: np.ndarray) -> np.ndarray:
        """(..., states) -> (...,) + (N+1,)*D."""
        shape = (self.vocab_size + 1,) * self.length
        if self.states <= KEPT_PERMUTATION:
            return grouped.take(_permutation(self.vocab_size, self.length), axis=-1).reshape(
                *grouped.shape[:-1], *shape
            )
        return self._scatter(grouped, shape)

    def _scatter(self, grouped: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        lattice = np.empty((*grouped.shape[:-1], *shape), dtype=grouped.dtype)
        for here, index in self._blocks():
            view = lattice[(..., *index)]
            view[...] = grouped[..., here].reshape(view.shape)
        return lattice

    def _blocks(self):
        """(slice of the grouped array, index into the lattice) of every set."""
        for members, revealed in enumerate(revealed_sets(self.length)):
            here = slice(int(self.offsets[members]), int(self.offsets[members + 1]))
            yield here, block(revealed[::-1], self.vocab_size)

    def places(self) -> np.ndarray:
        """Where each grouped state is on the lattice, (states,)."""
        small = self.states <= KEPT_PERMUTATION
        return _places(self.vocab_size, self.length) if small else self._places()

    def _places(self) -> np.ndarray:
        return self.from_lattice(np.arange(self.states, dtype=np.uint64).reshape((self.vocab_size + 1,) * self.length))

    def levels(self) -> tuple[np.ndarray, np.ndarray]:
        """The sets by number of members, and where each number starts (D + 2 places)."""
        counts = np.bitwise_count(np.arange(2**self.length, dtype=np.uint64))
        order = np.argsort(counts, kind="stable").astype(np.uint64)
        return order, np.searchsorted(counts[order.astype(np.int64)], np.arange(self.length + 2))


@lru_cache(maxsize=16)
def layout(vocab_size: int, length: int) -> Layout:
    """The grouped layout of {0..N}^D."""
    sizes = np.uint64(vocab_size) ** np.bitwise_count(np.arange(2**length, dtype=np.uint64)).astype(np.uint64)
    return Layout(vocab_size, length, np.concatenate([[np.uint64(0)], np.cumsum(sizes, dtype=np.uint64)]))


@lru_cache(maxsize=4)
def _permutation(vocab_size: int, length: int) -> np.ndarray:
    groups = layout(vocab_size, length)
    return groups._scatter(np.arange(groups.states), (vocab_size + 1,) * length).ravel()


@lru_cache(maxsize=4)
def _places(vocab_size: int, length: int) -> np.ndarray:
    return layout(vocab_size, length)._places()


@dataclass(frozen=True)
class GroupedChain:
    """The chain at one weight in the grouped layout.

    Attributes
    ----------
    potential : (states,) or (0,)
        G, with values of (v / G) swept over edges of weight one; empty when edge rates are used instead.
    weights, weight_offsets : (edges,), (2^D,) or empty
        Rates into every state, block by block, from its parents in the order of the bits.
    exit : (states,)
        R; 0 on completed states, and on those that cannot be reached.
    lost : float
        Bound on the probability of states whose potential is below the range of float64 and was set to zero.
    """

    layout: Layout
    potential: np.ndarray
    weights: np.ndarray
    weight_offsets: np.ndarray
    exit: np.ndarray
    lost: float

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """:class:`.arrays.ChainArrays`."""
        return self.potential, self.weights, self.weight_offsets, self.exit


def grouped_chain(process: GuidedProcess, weight: float, *, by_edges: bool = False) -> GroupedChain:
    """The chain at a weight: by its potential for the rate product in range, otherwise by its edge rates."""
    groups = layout(process.vocab_size, process.length)
    if by_edges or (made := potential(process, weight)) is None:
        return _edge_chain(process, weight, groups)
    from . import sweeps

    exit = np.empty(groups.states)
    sweeps.exit_rates(exit, made[0], groups.blocks)
    return GroupedChain(groups, made[0], NO_WEIGHTS, NO_OFFSETS, exit, made[1])


def _edge_chain(process: GuidedProcess, weight: float, groups: Layout) -> GroupedChain:
    edges = groups.length * groups.vocab_size * (groups.vocab_size + 1) ** (groups.length - 1)
    _checks.fits_in_memory(20 * edges, f"the rates of {edges:,} edges", "use fewer coordinates, or a smaller weight")
    rates = process.rates(weight)
    bits = np.arange(2**groups.length, dtype=np.uint64)
    sizes = np.bitwise_count(bits).astype(np.uint64) * np.diff(groups.offsets)
    ends = np.cumsum(sizes, dtype=np.uint64)
    weights = np.empty(int(ends[-1]))
    place = 0
    for revealed in revealed_sets(groups.length):  # revealed[b]: bit b, coordinate D-1-b
        here = block(revealed[::-1], groups.vocab_size)
        for i in (groups.length - 1 - b for b, member in enumerate(revealed) if member):
            edge = rates.edges[i][here]
            weights[place : place + edge.size] = edge.ravel()
            place += edge.size
    return GroupedChain(groups, np.empty(0), weights, ends - sizes, groups.from_lattice(rates.exit), 0.0)


def potential(process: GuidedProcess, weight: float) -> tuple[np.ndarray, float] | None:
    """G = p_z^(1+w) p^(-w) of every state in the grouped layout, and the probability it may have lost.

    None for another rule, and where G leaves [1e-290, 1e290] in a way that is not harmless. For w >= 0 a state's
    probability is at most its potential (every exit rate is at least the number of masks), so tiny ones may go.
    Built by cache blocks from the laws: little memory beside the result, and no table on the lattice.
    """
    rule = process.guidance.rule
    if rule.normalises or not rule.is_ratio_product(weight):
        return None
    groups, problem = layout(process.vocab_size, process.length), process.problem
    target = problem.unconditional_law if weight == -1 else problem.target_law
    power = 0.0 if weight == -1 else weight
    return _potential(groups, target, problem.unconditional_law, power)


def _potential(groups: Layout, target: np.ndarray, unconditional: np.ndarray, exponent: float):
    from ..._compiled import elementary
    from . import potential

    outer, inner = _split(groups.vocab_size, groups.length)
    laws = _rows(target, outer), _rows(unconditional, outer) if exponent else np.empty(0)
    product = *laws, *elementary.parts(exponent)
    values, threads = np.empty(groups.states), idle(groups.states)

    def fill(begin: int, end: int) -> tuple[int, int]:
        return potential.fill(values, groups.blocks, outer.offsets, inner.offsets, product, (LEAST, MOST), begin, end)

    if threads == 1:
        lost, beyond = fill(0, outer.states)
    else:
        with ThreadPoolExecutor(threads) as pool:
            lost, beyond = np.sum(in_parts(pool, threads, fill, outer.states), axis=0).tolist()
    if beyond or (lost and exponent < 0):
        return None
    return values, lost * LEAST * groups.length * groups.vocab_size


def _rows(law: np.ndarray, outer: Layout) -> np.ndarray:
    """The law, joint with what the outer coordinates show or hide: a row for each of their states."""
    if not outer.length:
        return law.ravel()
    from . import potential

    rows = np.empty(outer.states * (law.size // outer.vocab_size**outer.length))
    rows[rows.size - law.size :] = law.ravel()
    potential.marginals(rows, outer.blocks)
    return rows


@lru_cache(maxsize=16)
def _split(vocab_size: int, length: int) -> tuple[Layout, Layout]:
    """Layouts of the first coordinates and of the last, these as many as a cache block holds."""
    low = next((k for k in range(length, 1, -1) if (vocab_size + 1) ** k <= CACHE_BLOCK), 1)
    return layout(vocab_size, length - low), layout(vocab_size, low)


def visits(process: GuidedProcess, weight: float, start: np.ndarray) -> tuple[np.ndarray, str]:
    """P(the chain ever visits x) in the grouped layout, from a grouped start (empty: fully masked), and the method."""
    from . import sweeps

    groups = layout(process.vocab_size, process.length)
    flow = np.zeros(groups.states) if not start.size else start.copy()
    flow[0] = 1.0 if not start.size else flow[0]
    rule = process.guidance.rule
    divided = rule.normalises and rule.is_ratio_product(weight)
    if divided and (made := _normalized_potential(process, weight)) is not None:
        stays = np.where(made[groups.completed] > 0, 0.0, flow[groups.completed])
        np.divide(flow, made, out=flow, where=made > 0)
        sweeps.normalized_visits(made, flow, groups.blocks)
        flow[groups.completed] += stays
        return flow, "coordinate sweep"
    chain = _edge_chain(process, weight, groups)
    sweeps.weighted_visits(flow, chain.arrays, groups.blocks)
    return flow, "edge sweep"


def _normalized_potential(process: GuidedProcess, weight: float) -> np.ndarray | None:
    """A potential whose coordinate-wise normalisation gives the rule "normalized"; None where one leaves the range."""
    problem, groups = process.problem, layout(process.vocab_size, process.length)
    target = problem.unconditional_law if weight == -1 else problem.target_law
    made = _potential(groups, target, problem.unconditional_law, 0.0 if weight == -1 else weight)
    return None if made is None or made[1] > 0 else made[0]
