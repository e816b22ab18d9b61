"""What the exact commands find: plain data for --json, and the same as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ..guidance import Guidance
from ..laws.convergence import steps_needed, tv_error
from ..laws.decay import tv_decay
from ..laws.regime import decay_regime
from ..laws.terminal import terminal_law
from ..problems.table import TableProblem
from ..process import GuidedProcess

LISTED_STATES = 12
ERROR_STEPS = (4, 16, 64, 256)


def solution(problem: TableProblem, rule: str, weights: Sequence[float], clocks: Sequence[float]) -> dict[str, Any]:
    """Exact answers for one problem: a row for each weight, and the decay regime."""
    processes = [GuidedProcess(problem, Guidance.parse(rule, w)) for w in weights]
    regime = decay_regime(processes[-1])
    return {
        "problem": problem.name,
        "rule": rule,
        "target": problem.class_names[problem.target],
        "clock": list(clocks),
        "regime": asdict(regime) | {"contexts": [problem.context_name(c) for c in regime.causes]},
        "weights": [_row(process, w, clocks) for process, w in zip(processes, weights, strict=True)],
    }


def _row(process: GuidedProcess, weight: float, clocks: Sequence[float]) -> dict[str, Any]:
    law = terminal_law(process)
    return {
        "weight": weight,
        "terminal_law": law.probs,
        "mean": law.mean(),
        "covariance": law.covariance(),
        "entropy": float(law.entropy()),
        "regions": law.region_weights(),
        "tv": tv_decay(process, clocks),
        "late_rate": decay_regime(process).late_rate,
        "method": law.method,
        "error": law.error,
    }


def solution_text(found: dict[str, Any], problem: TableProblem) -> str:
    """The solution as a table a person reads."""
    lines = [f"{problem!r}", f"rule {found['rule']}; decay: {found['regime']['sentence']}"]
    for row in found["weights"]:
        decay = ", ".join(f"{u:g}: {tv:.6g}" for u, tv in zip(found["clock"], row["tv"], strict=True))
        shares = ", ".join(f"{name} {share:.6g}" for name, share in row["regions"].items() if share)
        lines += [
            "",
            f"w = {row['weight']:g}",
            f"  entropy {row['entropy']:.6g} nats; late rate {row['late_rate']:.6g}",
        ]
        lines += [f"  regions: {shares}", f"  TV at clock u: {decay}", *_likeliest(row["terminal_law"], problem)]
    return "\n".join(lines)


def _likeliest(law: np.ndarray, problem: TableProblem) -> Iterator[str]:
    order = np.argsort(-law, axis=None, kind="stable")[:LISTED_STATES]
    for index in order:
        state = np.unravel_index(int(index), law.shape)
        if law[state] > 0:
            yield f"  P{problem.context_name([int(i) for i in state])} = {law[state]:.12g}"


def convergence(problem: TableProblem, rule: str, weights: Sequence[float], method: str, schedule: str, tv: float
                ) -> list[dict[str, Any]]:  # fmt: skip
    """Exact TV error of a stepped method at some K, and the K it needs for an error of `tv`, a row a weight."""
    rows = []
    for weight in weights:
        process = GuidedProcess(problem, Guidance.parse(rule, weight))
        errors = {k: tv_error(process, method, k, schedule) for k in ERROR_STEPS}
        needed = steps_needed(process, method, tv, schedule)
        rows.append({"problem": problem.name, "rule": rule, "method": method, "schedule": schedule, "weight": weight,
                     "tv_error": errors, "tv": tv, "steps_needed": needed})  # fmt: skip
    return rows


def convergence_text(rows: list[dict[str, Any]]) -> str:
    """The rows of :func:`convergence` as a table."""
    first = rows[0]
    head = f"{first['problem']}, rule {first['rule']}, {first['method']} on the {first['schedule']} schedule"
    columns = "".join(f"{'K = ' + str(k):>12}" for k in ERROR_STEPS)
    lines = [head, f"{'w':>6}{columns}   steps for TV <= {first['tv']:g}"]
    for row in rows:
        lines.append(
            f"{row['weight']:6g}"
            + "".join(f"{e:12.3g}" for e in row["tv_error"].values())
            + f"   {row['steps_needed']}"
        )
    return "\n".join(lines)
