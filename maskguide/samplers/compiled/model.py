"""A process as arrays for compiled code: one shape for tables, mixtures and chains, what a kind lacks left empty."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ... import _checks
from ...problems.chain import MarkovProblem
from ...problems.mixture import ProductMixture
from ...process import GuidedProcess
from .chain import ChainArrays, chain_arrays
from .mixture import MixtureArrays, mixture_arrays
from .table import TableArrays, table_arrays

TABLE, MIXTURE, CHAIN = range(3)


class ProcessArrays(NamedTuple):
    """Rates at J weights.

    Attributes
    ----------
    kind : TABLE, MIXTURE or CHAIN
    length, vocab_size : D, N
    powers : (J, 2)
        Exponents of p_z^a p^b; of no meaning for tables.
    unit : (J,) bool
        Every hazard of a mask is one, whatever the state: then none is computed.
    normalise : bool
        Rates are divided by their sum.
    table, mixture, chain
        The problem's own arrays.
    """

    kind: int
    length: int
    vocab_size: int
    powers: np.ndarray
    unit: np.ndarray
    normalise: bool
    table: TableArrays
    mixture: MixtureArrays
    chain: ChainArrays


class State(NamedTuple):
    """One trajectory: its tokens, and what its conditionals follow from.

    `index`, `logs` and the messages follow the tokens; the second `index` and `weights` are those of the last
    `refresh`, so that all coordinates of a step see its start while tokens are being written.
    """

    tokens: np.ndarray  # (D,) int32
    index: np.ndarray  # (2,) tables: of the state, now and at the last refresh
    logs: np.ndarray  # (W,) log joint of components or classes with the revealed tokens
    weights: np.ndarray  # (W,) of the target's among themselves, then of the others in the reference
    share: np.ndarray  # (1,) of the target in the reference
    forward: np.ndarray  # (K, D, H)
    backward: np.ndarray  # (K, D, H)
    scale: np.ndarray  # (K, D) logarithms
    target: np.ndarray  # (N,) a conditional under the target
    reference: np.ndarray  # (N,) and under the law guided away from
    flags: np.ndarray  # (4,) stale; to be recounted; first and last coordinate changed
    rates: np.ndarray  # (N,)
    hazard: np.ndarray  # (D,) Z
    energy: np.ndarray  # (D,) what is left of waiting times
    choice: np.ndarray  # (D,) V of the token to come
    confidence: np.ndarray  # (D,) probability with which the token was drawn, or a score
    times: np.ndarray  # (D,) how often it was masked again
    since: np.ndarray  # (D,) step of the reveal, -1 before
    given: np.ndarray  # (D,) bool
    before: np.ndarray  # (D, N) rates at the start of a step, for methods of two stages


STALE, RECOUNT, LOW, HIGH = range(4)


def new_state(model: ProcessArrays, *, rows: bool = False) -> State:
    """Memory for one trajectory: a thread needs one. With `rows` there is room for the rates of all coordinates."""
    classes, states = model.chain.initial.shape
    size = max(model.mixture.log_weights.size, classes)

    def floats(*shape: int) -> np.ndarray:
        return np.zeros(shape)

    def integers(size: int) -> np.ndarray:
        return np.zeros(size, dtype=np.int64)

    length, vocab_size, messages = model.length, model.vocab_size, (classes, model.length, states)
    return State(
        np.zeros(length, dtype=np.int32), integers(2), floats(size), floats(size), floats(1),
        floats(*messages), floats(*messages) + 1.0, floats(*messages[:2]),
        floats(vocab_size), floats(vocab_size), integers(4), floats(vocab_size),
        floats(length), floats(length), floats(length), floats(length),
        integers(length), integers(length), np.zeros(length, dtype=np.bool_),
        floats(length if rows else 0, vocab_size),
    )  # fmt: skip


def build(process: GuidedProcess, weights: tuple[float, ...]) -> ProcessArrays:
    """The model of a process at some weights."""
    problem: Any = process.problem
    sizes = problem.length, problem.vocab_size
    if process.on_lattice:
        powers, unit = np.zeros((len(weights), 2)), np.zeros(len(weights), dtype=bool)
        parts = table_arrays(process, weights), mixture_arrays(None), chain_arrays(None)
        return ProcessArrays(TABLE, *sizes, powers, unit, False, *parts)
    rule = process.guidance.rule
    powers = np.array([rule.exponents(w) for w in weights], dtype=float)
    away = rule.reference_label(problem)
    alone = ((powers == (1, 0)) | (powers == (0, 1))).all(axis=1)  # p_z or p itself
    unit = np.full(len(weights), rule.normalises) | (alone & (away is None))
    if isinstance(problem, ProductMixture):
        kind, mixture, chain = MIXTURE, mixture_arrays(problem, away), chain_arrays(None)
    elif isinstance(problem, MarkovProblem):
        kind, mixture, chain = CHAIN, mixture_arrays(None), chain_arrays(problem, away)
    else:
        _checks.fail(
            f"engine 'numba' for {problem!r}", "it takes tables, ProductMixture and MarkovProblem", 'engine="torch"'
        )
    return ProcessArrays(kind, *sizes, powers, unit, rule.normalises, table_arrays(None), mixture, chain)
