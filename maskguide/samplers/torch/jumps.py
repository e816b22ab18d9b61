"""Exact methods, event by event: all trajectories of a batch walk through one segment of w(t), then the next.

A trajectory that leaves a segment waits at its end, where the next one starts for all.
"""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor

from ...guidance import Segment
from ...methods import FirstHitting, Gillespie, Uniformization
from ...methods.first_hitting import waiting_time
from ...methods.uniformization import candidate_rate
from ..task import JUMPS
from .dispatch import complete
from .draws import first_above, pick
from .lazy import LazyRates
from .rates import BatchRates
from .trajectories import Trajectories

LOOK_EVERY = 16  # events between two looks (the host waits) at whether any trajectory is still inside a segment


@complete.register
def next_reaction(method: Gillespie, trajectories: Trajectories) -> None:
    """Gillespie's chain: the coordinate whose waiting time is used up first is the next to be revealed."""
    for segment in trajectories.process.segments:
        clock, inside = _enter(trajectories, segment)
        for event in range(trajectories.process.length):
            if _empty(inside, event):
                break
            here = trajectories.rates(segment.weight)
            due = torch.where(here.hazards > 0, trajectories.waiting / here.hazards, inf)
            wait, position = due.min(-1)
            fires = inside & wait.isfinite() & (clock + wait <= segment.end)
            elapsed = torch.where(fires, wait, 0.0 if segment.end == inf else segment.end - clock)
            trajectories.waiting = torch.where(
                inside[:, None],
                (trajectories.waiting - here.hazards * elapsed[:, None]).clamp_(min=0.0),
                trajectories.waiting,
            )
            clock = clock + elapsed
            _jump(trajectories, here, position, fires, clock)
            inside = fires


@complete.register
def first_hitting(method: FirstHitting, trajectories: Trajectories) -> None:
    """The clock of the next reveal, then which coordinate, then its token."""
    drawn = torch.zeros_like(trajectories.tokens[:, 0])
    for segment in trajectories.process.segments:
        clock, inside = _enter(trajectories, segment)
        for event in range(trajectories.process.length):
            if _empty(inside, event):
                break
            here = trajectories.rates(segment.weight)
            level, choice = (u[:, 0] for u in trajectories.draws.pair(drawn[:, None], JUMPS))
            clock = clock + waiting_time(here.hazards, level)
            fires = inside & (here.hazards.sum(-1) > 0) & (clock <= segment.end)
            _jump(trajectories, here, pick(here.hazards, choice), fires, clock)
            drawn, inside = drawn + inside, fires


@complete.register
def uniformization(method: Uniformization, trajectories: Trajectories) -> None:
    """Candidates at a constant rate L, each a jump or nothing."""
    drawn, size = torch.zeros_like(trajectories.tokens[:, 0]), trajectories.mask
    for segment in trajectories.process.segments:
        rate = candidate_rate(trajectories.process, segment.weight)
        clock, inside = _enter(trajectories, segment)
        event = 0
        while not _empty(inside, event):
            here = trajectories.rates(segment.weight)
            wait, choice = (u[:, 0] for u in trajectories.draws.pair(drawn[:, None], JUMPS))
            drawn, clock = drawn + inside, clock - torch.log1p(-wait) / rate
            inside = inside & (clock <= segment.end) & (here.hazards.sum(-1) > 0)
            jump = first_above(here.rates.flatten(1).cumsum(-1) / rate, choice)
            where = trajectories.at(jump // size, inside)
            trajectories.reveal(where, (jump % size)[:, None], clock[:, None])
            inside = inside & trajectories.masked.any(-1)
            event += 1


def _enter(trajectories: Trajectories, segment: Segment) -> tuple[Tensor, Tensor]:
    """Every trajectory's clock, at the start of a segment, and that it is inside."""
    return torch.full_like(trajectories.waiting[:, 0], segment.start), torch.ones_like(trajectories.given[:, 0])


def _empty(inside: Tensor, event: int) -> bool:
    return event % LOOK_EVERY == 0 and not bool(inside.any())


def _jump(
    trajectories: Trajectories, here: BatchRates | LazyRates, position: Tensor, fires: Tensor, clock: Tensor
) -> None:
    """One coordinate of each trajectory that fires is revealed, its token by that coordinate's V."""
    token = pick(here.row(position), trajectories.choice.take_along_dim(position[:, None], 1)[:, 0])
    trajectories.reveal(trajectories.at(position, fires), token[:, None], clock[:, None])
