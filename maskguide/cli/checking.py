"""Commands that check: validate, verify, conform. They exit with 1 when something fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .inputs import read_all
from .options import Bins, Columns, Json, Label, Rules, Seed, Smoothing, Target, Weights, numbers, words

if TYPE_CHECKING:
    from ..validation import Validation
    from ..verification import Number


def validate(
    problem: Annotated[list[str] | None, typer.Argument(help="Zoo names or files; default: the whole zoo.")] = None,
    rule: Rules = "product,normalized",
    weight: Weights = "0,1,2,4,8",
    n: Annotated[int, typer.Option(help="Trajectories of each simulation.")] = 100_000,
    steps: Annotated[int, typer.Option(help="Steps of tau-leaping.")] = 16,
    seed: Seed = 0,
    engine: Annotated[str, typer.Option(help="Engines, comma separated.")] = "numba,torch",
    report: Annotated[Path | None, typer.Option(help="Write DIR/index.html.", metavar="DIR")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer weights and samples: about ten seconds.")] = False,
    label: Label = None, target: Target = None, columns: Columns = None, bins: Bins = None, smoothing: Smoothing = 0.0,
    as_json: Json = False,
) -> None:  # fmt: skip
    """The main job: derive, solve, simulate on every engine, compare, report.

    Example: maskguide validate survey.csv --label class --report report
    """
    from .. import verification
    from ..problems import zoo
    from ..validation import Plan
    from ..validation import validate as run
    from . import checking_text, console

    found = read_all(problem or zoo.names(), label, target, columns, bins, smoothing)
    plan = Plan(
        rules=words(rule), weights=numbers(weight, "weight"), engines=words(engine), n=n, steps=steps, seed=seed
    )
    plan = plan.quick() if quick else plan
    write_report = _report_writer(report) if report is not None else None
    with console.progress_bar(plan.num_cases(found), "validating") as advance:
        result = run(found, plan, advance)
    numbers_found = [] if problem else verification.verify()
    if write_report:
        write_report(result, numbers_found)
    if as_json:
        console.say_json(checking_text.validation_dict(result, numbers_found))
    else:
        console.say(checking_text.validation_text(result, numbers_found, report))
    raise typer.Exit(0 if result.passed and all(c.passed for c in numbers_found) else 1)


def verify(as_json: Json = False) -> None:
    """Recompute every published or derived number the package claims.

    Example: maskguide verify --json
    """
    from .. import verification
    from . import checking_text, console

    rows = verification.verify()
    console.say_json(checking_text.numbers_list(rows)) if as_json else console.say(checking_text.numbers_text(rows))
    raise typer.Exit(0 if all(row.passed for row in rows) else 1)


def conform(
    sampler: Annotated[
        str, typer.Argument(help="The sampler; modules in this directory are found.", metavar="MODULE:FUNCTION")
    ],
    claim: Annotated[str, typer.Option(help='"normalized, ancestral, uniform t, log-linear", or "product, limit".')],
    quick: Annotated[
        bool, typer.Option("--quick", help="A shorter run: fewer cases and draws, a wider tolerance.")
    ] = False,
    seed: Annotated[int, typer.Option(help="From which the sampler's seeds follow.")] = 0,
    backend: Annotated[str, typer.Option(help="The library whose dtypes the sampler takes: numpy or torch.")] = "numpy",
    time_limit: Annotated[float, typer.Option(help="Seconds a call may take.")] = 60.0,
    tolerance: Annotated[float | None, typer.Option(help="TV within which a law is certified.")] = None,
    plain: Annotated[bool, typer.Option(help="Also hand out a denoiser without carry-over of tokens.")] = True,
    weights: Annotated[str | None, typer.Option(help='The only weights it is asked for, as "0, 1, 2".')] = None,
    least_weight: Annotated[float, typer.Option(help="No weight below this: 0 where it refuses w < 0.")] = -1.0,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML.", metavar="FILE")] = None,
    report: Annotated[Path | None, typer.Option(help="Write DIR/index.html.", metavar="DIR")] = None,
    badge: Annotated[Path | None, typer.Option(help="Write an SVG badge.", metavar="FILE")] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Run it in this process, as a debugger needs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Hold anyone's sampler against the exact law it claims to draw from.

    Example: maskguide conform mypackage.sampling:sample --claim "normalized, ancestral, uniform t, log-linear"
    """
    from .. import _files
    from ..conformance.run import check
    from . import console

    shown = "" if report is None else f"\nreport: {report / 'index.html'}"
    junit, badge, report = (None if path is None else path.absolute() for path in (junit, badge, report))
    for path in (file for file in (junit, badge) if file is not None):
        _files.check_file(path, (".xml", ".svg"))
    if report is not None:
        _files.check_directory(report)
    found = check(
        sampler, claim, quick=quick, seed=seed, backend=backend, time_limit=time_limit, tolerance=tolerance,
        plain=plain, weights=weights, least_weight=least_weight, in_process=in_process,
    )  # fmt: skip
    try:
        if junit is not None:
            _files.write(junit, found.to_junit())
        if badge is not None:
            _files.write(badge, found.badge())
        if report is not None:
            found.save(report)
    finally:  # a verdict, whatever becomes of the files
        console.say_json(found.to_dict()) if as_json else console.say(f"{found}{shown}")
    raise typer.Exit(0 if found.passed else 1)


def _report_writer(directory: Path) -> Callable[[Validation, list[Number]], None]:
    """Whatever could keep the report from being written is found before the long run, not after it."""
    from .. import _files, plots
    from ..report import page as report

    def write(result: Validation, register: list[Number]) -> None:
        report.write(result, plots.figures(result), directory, register)

    _files.check_directory(directory)
    return write
