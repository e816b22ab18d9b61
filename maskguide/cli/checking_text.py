"""What the checking commands find: plain data for --json, and the same as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..validation import Validation
from ..verification import Number


def validation_dict(result: Validation, numbers: Sequence[Number]) -> dict[str, Any]:
    """Checks, regimes and recomputed numbers as plain data."""
    return {
        "passed": result.passed and all(c.passed for c in numbers),
        "false_alarm": result.false_alarm,
        "checks": [asdict(check) for check in result.checks],
        "regimes": [{"problem": c.problem.name, "regime": c.regime.regime, "sentence": c.regime.sentence,
                     "contexts": [c.problem.context_name(s) for s in c.regime.causes],
                     "clock": c.clock, "weights": c.weights, "log_tv": c.log_tv} for c in result.regimes],
        "claims": numbers_list(numbers),
    }  # fmt: skip


def validation_text(result: Validation, numbers: Sequence[Number], report: Path | None) -> str:
    """A line for each problem, every failure, and the verdict."""
    lines = []
    for curve in result.regimes:
        mine = result.checks_of(curve.problem)
        lines.append(
            f"{curve.problem.name:20} {sum(c.passed for c in mine):4} of {len(mine)} checks  {curve.regime.sentence}"
        )
    for check in result.checks:
        if not check.passed:
            lines.append(f"FAIL {check.problem}, {check.rule}, w = {check.weight:g}, {check.engine} {check.method}: "
                         f"{check.what} {check.value:.3g}, bound {check.bound:.3g}; {check.sentence}")  # fmt: skip
    lines += [f"FAIL number {c.name}: expected {c.expected:g}, got {c.got:g}" for c in numbers if not c.passed]
    held = sum(c.passed for c in result.checks)
    lines.append(
        f"{held} of {len(result.checks)} checks passed (chance of any false alarm at most {result.false_alarm:.1g})"
    )
    if numbers:
        lines.append(f"{sum(c.passed for c in numbers)} of {len(numbers)} numbers hold")
    return "\n".join(lines + ([f"report: {report / 'index.html'}"] if report else []))


def numbers_list(numbers: Sequence[Number]) -> list[dict[str, Any]]:
    """Recomputed numbers as plain data: name, expected, got, tolerance, source, passed."""
    return [asdict(number) | {"passed": number.passed} for number in numbers]


def numbers_text(numbers: Sequence[Number]) -> str:
    """Recomputed numbers as text, each on a line, and how many hold."""
    rows = [f"{'ok  ' if c.passed else 'FAIL'} {c.name}: expected {c.expected:.6g}, got {c.got:.6g} "
            f"(± {c.tolerance:.2g})  [{c.source}]" for c in numbers]  # fmt: skip
    return "\n".join([*rows, f"{sum(c.passed for c in numbers)} of {len(numbers)} numbers hold"])
