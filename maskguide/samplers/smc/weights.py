"""One reveal: the rates of proposal and goal, a draw from the proposal, and the factor it brings to the weight."""

from __future__ import annotations

from math import inf
from typing import Any, NoReturn

import numpy as np
import torch

from ... import _checks
from ...guidance.rules import RULES
from ...problems.denoiser_output import log_conditionals
from ...process import GuidedProcess
from .resampling import drawn


def log_rates(process: GuidedProcess, tokens: torch.Tensor, proposal: float, goal: float | None) -> tuple[Any, Any]:
    """log q and log r, both (n, D, N), of no meaning at revealed coordinates; r = q without a weight of the goal."""
    rule, problem = process.guidance.rule, process.problem
    target, reference = (log_conditionals(problem, tokens, a) for a in (problem.target, rule.reference_label(problem)))
    looks_ahead = rule.looks_ahead
    log_q = _looked_up(process, tokens, proposal) if looks_ahead else rule.log_rates(target, reference, proposal)
    return log_q, log_q if goal is None else RULES["product"].log_rates(target, reference, goal)


def log_increment(log_exit: Any, masks: Any, log_q: Any, log_r: Any) -> Any:
    """log of the factor R_q(x) / |M(x)|  r(x -> y) / q(x -> y) that a reveal brings, from log R_q and |M|."""
    return log_exit - np.log(masks) + log_r - log_q


def revealed(tokens, hazards, log_proposal, log_goal, masks, u, v) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens after a reveal drawn from the proposal, and the log increments of the weights."""
    row = torch.arange(len(tokens), device=tokens.device)
    position = drawn(hazards, u)
    token = drawn(log_proposal[row, position], v)
    log_exit = torch.logsumexp(hazards, -1)
    possible = log_exit > -inf
    after = tokens.clone()
    after[row, position] = torch.where(possible, token, tokens[row, position])
    log_q, log_r = (rates[row, position, token] for rates in (log_proposal, log_goal))
    return after, torch.where(possible, log_increment(log_exit, masks, log_q, log_r), -inf)


def covered(log_proposal: torch.Tensor, log_goal: torch.Tensor, masked: torch.Tensor) -> None:
    """Refuse a proposal that never makes a reveal of positive rate in the goal, of these coordinates (n, D)."""
    missing = ((log_goal > -inf) & (log_proposal == -inf)).any(-1)
    if bool((missing & masked).any()):
        _not_covered()


def covered_table(process: GuidedProcess, goal: float | None) -> None:
    """The same, in every context of a table, for rules that may have such zeros: all that are no products of powers."""
    rule, problem = process.guidance.rule, process.problem
    if goal is None or rule.powers is not None:
        return
    for weight in set(process.guidance.schedule.weights):
        for axis in range(process.length):
            proposal, needed = rule.edges(problem, weight, axis), RULES["product"].edges(problem, goal, axis)
            if ((needed > 0) & (proposal == 0)).any():
                _not_covered()


def _not_covered() -> NoReturn:
    _checks.fail(
        "the proposal gives rate 0 to a reveal that the tilted law needs",
        "weights can correct rates that are positive wherever p_z^(1+w) p^(-w) is",
        'take the rule "normalized" or "product" at the weight of the goal as proposal',
    )


def _looked_up(process: GuidedProcess, tokens: torch.Tensor, weight: float) -> torch.Tensor:
    """log q of a rule that is known on tables only."""
    rows = []
    for i, edge in enumerate(process.rates(weight).edges):
        others = tuple(tokens[:, j] for j in range(process.length) if j != i)
        contexts = torch.from_numpy(np.moveaxis(edge, i, -1)).to(tokens.device)
        rows.append(contexts[others] if others else contexts.expand(len(tokens), -1))
    return torch.stack(rows, 1).log()
