"""What the command line prints: plain data for --json, and the same as text."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .. import _checks
from ..guidance import Guidance
from ..laws.convergence import steps_needed, tv_error
from ..laws.decay import tv_decay
from ..laws.regime import decay_regime
from ..laws.terminal import terminal_law
from ..problems.table import TableProblem
from ..process import GuidedProcess
from ..samplers.samples import Samples
from ..validation import Validation
from ..verification import Number

LISTED_STATES = 12


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


ERROR_STEPS = (4, 16, 64, 256)


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


def validation_dict(result: Validation, claims: Sequence[Number]) -> dict[str, Any]:
    """Checks, regimes and claims as plain data."""
    return {
        "passed": result.passed and all(c.passed for c in claims),
        "false_alarm": result.false_alarm,
        "checks": [asdict(check) for check in result.checks],
        "regimes": [{"problem": c.problem.name, "regime": c.regime.regime, "sentence": c.regime.sentence,
                     "contexts": [c.problem.context_name(s) for s in c.regime.causes],
                     "clock": c.clock, "weights": c.weights, "log_tv": c.log_tv} for c in result.regimes],
        "claims": claims_list(claims),
    }  # fmt: skip


def validation_text(result: Validation, claims: Sequence[Number], report: Path | None) -> str:
    """A line for each problem, every failure, and the verdict."""
    lines = []
    for curve in result.regimes:
        mine = [check for check in result.checks if check.problem == curve.problem.name]
        lines.append(
            f"{curve.problem.name:20} {sum(c.passed for c in mine):4} of {len(mine)} checks  {curve.regime.sentence}"
        )
    for check in result.checks:
        if not check.passed:
            lines.append(f"FAIL {check.problem}, {check.rule}, w = {check.weight:g}, {check.engine} {check.method}: "
                         f"{check.what} {check.value:.3g}, bound {check.bound:.3g}; {check.sentence}")  # fmt: skip
    lines += [f"FAIL claim {c.name}: expected {c.expected:g}, got {c.got:g}" for c in claims if not c.passed]
    held = sum(c.passed for c in result.checks)
    lines.append(
        f"{held} of {len(result.checks)} checks passed (chance of any false alarm at most {result.false_alarm:.1g})"
    )
    if claims:
        lines.append(f"{sum(c.passed for c in claims)} of {len(claims)} claims hold")
    return "\n".join(lines + ([f"report: {report / 'index.html'}"] if report else []))


def claims_list(claims: Sequence[Number]) -> list[dict[str, Any]]:
    """Claims as plain data: name, expected, got, tolerance, source, passed."""
    return [asdict(claim) | {"passed": claim.passed} for claim in claims]


def claims_text(claims: Sequence[Number]) -> str:
    """A line a claim."""
    rows = [f"{'ok  ' if c.passed else 'FAIL'} {c.name}: expected {c.expected:.6g}, got {c.got:.6g} "
            f"(± {c.tolerance:.2g})  [{c.source}]" for c in claims]  # fmt: skip
    return "\n".join([*rows, f"{sum(c.passed for c in claims)} of {len(claims)} claims hold"])


def print_json(value: Any) -> None:
    """One JSON document on standard output; NaN and infinities become null."""
    print(json.dumps(plain(value), indent=2, allow_nan=False))


def plain(value: Any) -> Any:
    """Nested dicts and lists of JSON's own types."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


@contextmanager
def progress_bar(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A rich progress bar on a terminal, nothing elsewhere; yields a function of the amount done."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def drawn(
    process: GuidedProcess, n: int, method: str, settings: dict[str, Any], steps: int | None, grid: str, schedule: str,
    start: str | None, **options: Any,
) -> Samples:  # fmt: skip
    """Samples by the words of the command line, with a progress bar on a terminal."""
    from ..sampling import DEFAULT_STEPS, sample
    from ..schedules import time_grid

    times: Any = steps
    if grid == "guided":
        from ..comparison.guided_grid import guided_grid

        times = guided_grid(process, DEFAULT_STEPS if steps is None else steps, schedule=schedule)
    elif grid != "time":
        times = time_grid(grid, DEFAULT_STEPS if steps is None else steps, schedule)
    with progress_bar(n, "sampling") as advance:
        return sample(
            process, n, method, grid=times, schedule=schedule, start=_prompt(process, start), progress=advance,
            **options, **settings,
        )  # fmt: skip


def _prompt(process: GuidedProcess, text: str | None) -> list[int] | None:
    if text is None:
        return None
    entries = [entry.strip() for entry in text.split(",")]
    wrong = [entry for entry in entries if entry != "_" and not entry.isdigit()]
    if wrong or len(entries) != process.length:
        fault = f"--start holds {wrong[0]!r}" if wrong else f"--start holds {len(entries)} tokens"
        _checks.fail(fault, f"D = {process.length} tokens, _ where one is to be drawn", "--start 0,_,_")
    return [process.vocab_size if entry == "_" else int(entry) for entry in entries]


def facts(drawn: Samples) -> dict[str, Any]:
    """What is worth knowing of samples, and all it takes to draw them again."""
    info = {"largest_hazard_step": drawn.info.largest_hazard_step, "clipped": drawn.info.clipped}
    return info | {"log_normalizer": drawn.log_normalizer} | asdict(drawn.info.origin)


def drawn_text(drawn: Samples, out: Path) -> str:
    """The same in a line or two."""
    origin = drawn.info.origin
    text = f"{len(drawn):,} trajectories by {origin.method} on {origin.engine} (seed {origin.seed}) -> {out}"
    if drawn.info.clipped:
        text += f"\n{drawn.info.clipped:,} reveal probabilities above one were clipped: take more steps"
    if drawn.log_normalizer is not None:
        text += f"\nlog Z = {drawn.log_normalizer:.6g}; weights in the file: log_weights"
    return text
