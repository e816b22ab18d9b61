"""One pass over the lattice in order of reveals, in numpy: the jump chain; and starting laws.

Masks only disappear, so every parent is done before its children:

    P(y) = q0(y) + sum over revealed i of P(parent_i y) r(parent_i y -> y) / R(parent_i y).

States are visited in blocks by their revealed set; within a block everything is vectorised.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ... import _checks
from ...process import GuidedProcess, Rates

MANY_COORDINATES = 3  # from here on compiled sweeps take over: below, a numpy sweep takes less time than loading numba


def is_compiled(process: GuidedProcess) -> bool:
    """Whether a compiled sweep is used instead of this one."""
    process.needs_table("exact laws")
    return process.length >= MANY_COORDINATES


def revealed_sets(length: int) -> Iterator[tuple[bool, ...]]:
    """All subsets of the coordinates as flags, every set after its own subsets."""
    for bits in range(2**length):
        yield tuple(bool(bits >> i & 1) for i in range(length))


def block(revealed: tuple[bool, ...], vocab_size: int) -> tuple[slice, ...]:
    """Index of the states whose revealed set this is; masked axes keep length 1."""
    return tuple(slice(0, vocab_size) if r else slice(vocab_size, vocab_size + 1) for r in revealed)


def inflow(flow: np.ndarray, rates: Rates, revealed: tuple[bool, ...]) -> np.ndarray | float:
    """sum over revealed i of flow(parent_i) * rate(parent_i -> .) on the block; flow may have leading axes."""
    total: np.ndarray | float = 0.0
    for i, is_revealed in enumerate(revealed):
        if is_revealed:
            parent = (*revealed[:i], False, *revealed[i + 1 :])
            edge = rates.edges[i][
                (*block(parent, rates.vocab_size)[:i], slice(None), *block(parent, rates.vocab_size)[i + 1 :])
            ]
            total = total + flow[(..., *block(parent, rates.vocab_size))] * edge
    return total


def visits(rates: Rates, start: np.ndarray) -> np.ndarray:
    """P(the chain ever visits x), shape (N+1,)*D: the jump chain, r/R, swept once.

    On completed states this is the terminal law.
    """
    arrival = start.copy()
    flow = np.zeros_like(arrival)
    for revealed in revealed_sets(rates.length):
        here = block(revealed, rates.vocab_size)
        arrival[here] += inflow(flow, rates, revealed)
        if not all(revealed):
            np.divide(arrival[here], rates.exit[here], out=flow[here], where=rates.exit[here] > 0)
    return arrival


def all_masked(rates: Rates) -> np.ndarray:
    """The start of every chain: probability one on the fully masked state."""
    start = np.zeros_like(rates.exit)
    start[(-1,) * rates.length] = 1.0
    return start


def starting_law(process: GuidedProcess, start: object) -> np.ndarray | None:
    """A checked starting law on the lattice, (N+1,)*D; None for the fully masked state.

    `start` is None; a list or tuple of D tokens, N for a mask (a prompt to be completed); an array (N+1,)*D of
    probabilities; or a Law on the lattice. Raises InputError for anything else, and for masked states with mass
    that the target class (at w = -1, the unconditional law) never visits: no rate leads out of them.
    """
    if start is None:
        return None
    if isinstance(start, (list, tuple)):
        law = _prompt(process, start)
    else:
        law = np.asarray(getattr(start, "probs", start), dtype=float)
        if law.shape != process.shape:
            _checks.fail(
                f"start has shape {law.shape}",
                f"a law on the lattice, (N+1,)*D = {process.shape}, or a list of D tokens with N for masks",
                "transient_law(...).probs has this shape",
            )
        law = _checks.law(law, "start")
    problem, stuck = process.problem, law > 0
    stuck[(slice(0, process.vocab_size),) * process.length] = False
    table = problem.unconditional_table if process.segments[0].weight == -1 else problem.target_table
    if (stuck & (table == 0)).any():
        state = np.argwhere(stuck & (table == 0))[0]
        _checks.fail(
            f"start holds {problem.context_name(state.tolist())}, which has probability 0",
            "masked states of the start are possible under the target class (the unconditional law, at w = -1)",
            "condition on tokens that the target class can have",
        )
    return law


def _prompt(process: GuidedProcess, tokens: list | tuple) -> np.ndarray:
    if len(tokens) != process.length:
        _checks.fail(f"start has {len(tokens)} tokens", f"D = {process.length} tokens, N for a mask", "list them all")
    state = tuple(_checks.integer(v, "start token", 0) for v in tokens)
    if max(state) > process.vocab_size:
        _checks.fail(
            f"start token {max(state)}", f"tokens 0..{process.vocab_size - 1}, mask {process.vocab_size}", "correct it"
        )
    law = np.zeros(process.shape)
    law[state] = 1.0
    return law
