"""The command that draws: sample."""

from __future__ import annotations

from dataclasses import asdict
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .inputs import read
from .options import (
    Bins,
    Columns,
    Json,
    Label,
    Problem,
    RuleName,
    Seed,
    Smoothing,
    Target,
    Weight,
)

if TYPE_CHECKING:
    from ..process import GuidedProcess
    from ..samplers.samples import Samples


def sample(
    problem: Problem,
    out: Annotated[Path, typer.Option(help="Where to write: .npz or .parquet.")],
    n: Annotated[int, typer.Option(help="Number of trajectories.")] = 10_000,
    rule: RuleName = "product",
    weight: Weight = 1.0,
    method: Annotated[str, typer.Option(help="gillespie, tau-leaping, ..., smc (tilted law), exact.")] = "gillespie",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the method, name=value, such as theta=0.4.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of a stepped method.")] = None,
    grid: Annotated[str, typer.Option(help="Where the steps lie: time, clock, cosine or guided.")] = "time",
    schedule: Annotated[str, typer.Option(help="Noise schedule of the steps.")] = "linear",
    start: Annotated[str | None, typer.Option(help="A prompt: D tokens, _ where one is to be drawn: 0,_,2.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Keep the clock of every reveal.")] = False,
    antithetic: Annotated[bool, typer.Option("--antithetic", help="Pairs of mirrored draws, U and 1 - U.")] = False,
    seed: Seed = 0,
    engine: Annotated[str | None, typer.Option(help="numba or torch (default: numba where it can).")] = None,
    device: Annotated[str | None, typer.Option(help="torch only: cpu, cuda, ...")] = None,
    label: Label = None, target: Target = None, columns: Columns = None, bins: Bins = None, smoothing: Smoothing = 0.0,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Draw samples to a file.

    Example: maskguide sample squares-2d --out samples.parquet --n 100000 --weight 2
    """
    from .. import _files, _settings
    from ..guidance import Guidance
    from ..process import GuidedProcess
    from ..samplers.samples import FILE_TYPES
    from . import console

    _files.check_file(out, FILE_TYPES)
    process = GuidedProcess(read(problem, label, target, columns, bins, smoothing), Guidance.parse(rule, weight))
    parameters = _settings.read(settings or [], "--set", "--set theta=0.4")
    drawn = _drawn(process, n, method, parameters, steps, grid, schedule, start,
                   record=record, antithetic=antithetic, seed=seed, engine=engine, device=device)  # fmt: skip
    drawn.save(out)
    console.say_json({"file": str(out)} | _facts(drawn)) if as_json else console.say(_text(drawn, out))


def _drawn(
    process: GuidedProcess, n: int, method: str, settings: dict[str, Any], steps: int | None, grid: str, schedule: str,
    start: str | None, **options: Any,
) -> Samples:  # fmt: skip
    """Samples by the words of the command line, with a progress bar on a terminal."""
    from .. import _checks
    from ..sampling import DEFAULT_STEPS, sample
    from ..schedules import time_grid
    from .console import progress_bar

    if taken := set(settings) & set(signature(sample).parameters):
        _checks.fail(f"--set {min(taken)}", "--set gives parameters of the method", "see maskguide sample --help")
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
    from .. import _checks

    if text is None:
        return None
    entries = [entry.strip() for entry in text.split(",")]
    wrong = [entry for entry in entries if entry != "_" and not (entry.isdecimal() and len(entry) < 10)]
    if wrong or len(entries) != process.length:
        fault = f"--start holds {_checks.short(wrong[0])}" if wrong else f"--start holds {len(entries)} tokens"
        _checks.fail(fault, f"D = {process.length} tokens, _ where one is to be drawn", "--start 0,_,_")
    return [process.vocab_size if entry == "_" else int(entry) for entry in entries]


def _facts(drawn: Samples) -> dict[str, Any]:
    """What is worth knowing of samples, and all it takes to draw them again."""
    info = {"largest_hazard_step": drawn.info.largest_hazard_step, "clipped": drawn.info.clipped}
    return info | {"log_normalizer": drawn.log_normalizer} | asdict(drawn.info.provenance)


def _text(drawn: Samples, out: Path) -> str:
    """What is worth knowing of samples, as text."""
    about = drawn.info.provenance
    text = f"{len(drawn):,} trajectories by {about.method} on {about.engine} (seed {about.seed}) -> {out}"
    if drawn.info.clipped:
        text += f"\n{drawn.info.clipped:,} reveal probabilities above one were clipped: take more steps"
    if drawn.log_normalizer is not None:
        text += f"\nlog Z = {drawn.log_normalizer:.6g}; weights in the file: log_weights"
    return text
