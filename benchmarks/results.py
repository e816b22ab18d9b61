"""Results with their origin: a JSON file a benchmark, and one readable page of all of them."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parent / "results"
PACKAGES = ("maskguide", "numpy", "scipy", "numba", "torch")
PAGE = """# Benchmark results

Written by `python -m benchmarks`. Times are medians over interleaved rounds, CPU seconds of the whole process, one
thread for every candidate; ratios are medians over rounds of the two times of the same round, with their smallest and
largest value in brackets. Before anything is timed the candidates must agree. Ratios carry over to other machines
better than times do; where the load average exceeds one, other programs ran at the same time.
"""


@dataclass(frozen=True)
class Result:
    """A table: one dict of column -> value a row, notes on what was compared, and the origin."""

    name: str
    title: str
    notes: list[str]
    rows: list[dict[str, Any]]
    load_average: list[float]
    rounds: int
    seconds: float
    origin: dict[str, Any] = field(default_factory=lambda: machine())

    def markdown(self) -> str:
        """Title, origin, table and notes."""
        before, after = self.load_average
        facts = (
            f"{self.origin['date']}, {self.origin['cpu']}, {self.origin['cores']} cores, {self.rounds} rounds, "
            f"{self.seconds:.0f} s, load average {before:.2f} before and {after:.2f} after"
        )
        versions = ", ".join(f"{name} {number}" for name, number in self.origin["versions"].items())
        notes = "\n".join(f"- {note}" for note in self.notes)
        return f"## {self.title}\n\n{facts}; {versions}\n\n{table(self.rows)}\n\n{notes}\n"


def table(rows: list[dict[str, Any]]) -> str:
    """A markdown table, padded so that it reads well as plain text too."""
    header = list(rows[0])
    body = [[text(row[column]) for column in header] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]
    lines = [header, ["-" * width for width in widths], *body]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines)


def text(value: Any) -> str:
    """Numbers to three digits; [middle, least, most] as 'middle (least to most)'."""
    if isinstance(value, list):
        middle, least, most = map(text, value)
        return f"{middle} ({least} to {most})"
    if isinstance(value, float):
        return f"{value:,.0f}" if 100 <= abs(value) < 1e6 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def write(result: Result, directory: Path = DIRECTORY) -> None:
    """Write name.json, and README.md from all the JSON files there."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{result.name}.json").write_text(json.dumps(asdict(result), indent=1) + "\n")
    stored = [Result(**json.loads(path.read_text())) for path in sorted(directory.glob("*.json"))]
    (directory / "README.md").write_text("\n".join([PAGE, *(r.markdown() for r in stored)]))


def machine() -> dict[str, Any]:
    """CPU model, cores, system, versions, date."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version()} | {p: _version(p) for p in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or sys.platform
