"""BatchRates on a CPU, where the host may look: computed for states that have changed and rows that are revealed only.

The same rates as :mod:`.rates`, up to rounding where they are computed. A device would have to be waited for. A network
gives all rows at once; it is asked about states that have changed, so that idle steps cost it nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from ...problems.conditionals import RowDenoiser
from ...process import GuidedProcess
from .draws import pick
from .rates import BatchRates, Law, computed, labels, lookup, powers, rates, shares

BLOCK_BYTES = 2**19  # of the rows of some states, in the second cache while hazards are summed


def applies(device: torch.device) -> bool:
    """Whether values of tensors can be looked at without waiting for a device."""
    return device.type == "cpu"


def knows_rows(process: GuidedProcess) -> bool:
    """Whether rows can be had one by one."""
    return process.on_lattice or isinstance(process.problem, RowDenoiser)


class LazyRates:
    """As :class:`.rates.BatchRates`, from hazards (n, D) and what gives all rates, or some rows."""

    def __init__(
        self, masked: Tensor, hazards: Tensor, every: Callable[[], BatchRates], rows: Callable[[Tensor, Tensor], Tensor]
    ):
        self._masked, self.hazards, self._every, self._rows = masked, hazards, every, rows

    @cached_property
    def _all(self) -> BatchRates:
        return self._every()

    @cached_property
    def largest(self) -> Tensor:
        """The largest hazard, ()."""
        return self.hazards.amax()

    @property
    def rates(self) -> Tensor:
        """r, (n, D, N)."""
        return self._all.rates

    @property
    def conditionals(self) -> Tensor:
        """q = r/Z, (n, D, N); zero where Z is."""
        return self._all.conditionals

    def tokens(self, uniform: Tensor, where: Tensor, law: Law | None = None) -> Tensor:
        """See :meth:`.rates.BatchRates.tokens`; 0 where `where` is False."""
        flat, length = where.flatten().nonzero()[:, 0], where.shape[1]  # half the time of nonzero in two dimensions
        state, coordinate = flat // length, flat % length
        found = torch.zeros_like(where, dtype=torch.int64)
        if len(state):
            rows = self._rows(state, coordinate)
            rows = rows if law is None else law(shares(rows, rows.sum(-1)))
            found[state, coordinate] = pick(rows, uniform[state, coordinate])
        return found

    def row(self, position: Tensor) -> Tensor:
        """Weights of one coordinate (n,) of each state, (n, N); zero where it is revealed."""
        state = torch.arange(len(position))
        return torch.where(self._masked[state, position, None], self._rows(state, position), 0.0)


class Memory:
    """What is known of the states that a batch has been in last."""

    def __init__(self, process: GuidedProcess):
        self._process, self._weight = process, float("nan")

    def rates(self, tokens: Tensor, weight: float) -> LazyRates:
        """The rates out of states (n, D); of computed ones, hazards are found where a state has changed."""
        process, masked = self._process, tokens == self._process.vocab_size
        if process.on_lattice:
            table, hazards, stride = lookup(process, weight, tokens.device)
            index = (tokens.double() @ stride.double()).long()  # exact, and faster than in integers
            return LazyRates(
                masked,
                hazards.index_select(0, index),
                lambda: BatchRates(table[index]),
                lambda n, i: table[index[n], i],
            )
        if not knows_rows(process):
            known = self._ask(tokens, weight)
            return LazyRates(masked, self._hazards, lambda: known, lambda n, i: known.weights[n, i])
        self._follow(tokens, masked, weight)
        context, problem = self._context, process.problem
        return LazyRates(
            masked, self._hazards, lambda: computed(process, tokens, weight, context),
            lambda n, i: powers(process, weight, problem.rows(context, (n, i))),
        )  # fmt: skip

    def _ask(self, tokens: Tensor, weight: float) -> BatchRates:
        """All rates of a network's states; only those that have changed are asked for."""
        changed = self._changed(tokens, weight)
        if changed is None:
            self._known = rates(self._process, tokens, weight)
            self._hazards = self._known.hazards
        elif len(changed):
            new = rates(self._process, tokens[changed], weight)
            self._known = self._known.replaced(changed, new)
            self._hazards = self._hazards.index_copy(0, changed, new.hazards)
        self._weight, self._tokens = weight, tokens
        return self._known

    def _changed(self, tokens: Tensor, weight: float) -> Tensor | None:
        """Numbers of the states that are not what they were; None where nothing is known at this weight."""
        return None if weight != self._weight else (tokens != self._tokens).any(-1).nonzero()[:, 0]

    def _follow(self, tokens: Tensor, masked: Tensor, weight: float) -> None:
        """Bring contexts and hazards up to date."""
        problem, asked = self._process.problem, labels(self._process, weight)
        changed = self._changed(tokens, weight)
        if changed is None:
            self._context = problem.context(tokens, asked)
            self._hazards = hazards(self._process, masked, weight, self._context)
        else:
            context = problem.context(tokens[changed], asked)
            new = hazards(self._process, masked[changed], weight, context)
            self._context = self._context.index_copy(0, changed, context)
            self._hazards = self._hazards.index_copy(0, changed, new)
        self._weight, self._tokens = weight, tokens


def hazards(process: GuidedProcess, masked: Tensor, weight: float, context: Tensor) -> Tensor:
    """Z (n, D), zero where a token is; rows are computed only for rules under which it is not one."""
    rule, problem = process.guidance.rule, process.problem
    if rule.normalises or context.shape[1] == 1:
        asked = context if rule.laws_used(weight)[0] else context[:, -1:]
        possible = (asked > 0).flatten(2).any(-1).all(-1, keepdim=True)
        return (masked & possible).double()
    size = max(1, BLOCK_BYTES // (8 * problem.length * problem.vocab_size))
    parts = [powers(process, weight, problem.rows(part)).sum(-1) for part in context.split(size)]
    return torch.where(masked, torch.cat(parts), 0.0)
