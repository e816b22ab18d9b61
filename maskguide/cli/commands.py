"""The command line. Exit code 0: fine; 1: a check failed; 2: bad use (one clear error, no traceback)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Interrupted, Json, Seed, numbers, words
from .papers import app as gaussian_app

if TYPE_CHECKING:
    from ..problems.table import TableProblem
    from ..validation import Validation
    from ..verification import Number

app = typer.Typer(
    help="Exact laws of guided masked discrete diffusion, samplers, and the proof that they agree. "
    "PROBLEM is a zoo name (see `maskguide problems`) or a file: labelled samples in .csv or .parquet, or an .npz "
    "with class_laws, prior, target.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(gaussian_app, name="gaussian")

Problem = Annotated[str, typer.Argument(help="Zoo name or file (.csv, .parquet, .npz).", metavar="PROBLEM")]
Label = Annotated[str | None, typer.Option(help="Files of samples: the column that holds the class.")]
Target = Annotated[str | None, typer.Option(help="The class to guide towards (default: the first, or the file's).")]
Columns = Annotated[str | None, typer.Option(help="Feature columns, comma separated (default: all but the label).")]
Bins = Annotated[list[str] | None, typer.Option(help="Bins of numeric columns: 4, or column=4, or column=1.5:2.5.")]
Smoothing = Annotated[float, typer.Option(help="Pseudo-count added to every combination of occurring tokens.")]
RuleName = Annotated[str, typer.Option("--rule", help="product, normalized, tilted, predictor:temperature=0.5, ...")]
Rules = Annotated[str, typer.Option("--rule", help="Rules, comma separated.")]
Weights = Annotated[str, typer.Option("--weight", help="Weights w >= -1, comma separated (gamma = 1 + w).")]
Weight = Annotated[float, typer.Option(help="Weight w >= -1 (gamma = 1 + w).")]


@app.command()
def problems(as_json: Json = False) -> None:
    """List the problem zoo.

    Example: maskguide problems
    """
    from ..problems import zoo
    from .console import print_json

    rows = {name: zoo.describe(name) for name in (*zoo.names(), *zoo.large_names())}
    print_json(rows) if as_json else print("\n".join(f"{name:18} {_first_line(text)}" for name, text in rows.items()))


@app.command()
def derive(
    problem: Problem,
    rule: RuleName = "product",
    weight: Annotated[str | None, typer.Option(help="A rational weight, 2 or 1/2; symbolic w if left out.")] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX.")] = False,
    label: Label = None, target: Target = None, columns: Columns = None, bins: Bins = None, smoothing: Smoothing = 0.0,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Closed forms: laws, exit rates, TV(u), its large-w asymptotics.

    Example: maskguide derive overlap-1d --latex
    """
    from ..laws.symbolic.derivation import derive as derive_forms
    from .console import print_json

    found = _read(problem, label, target, columns, bins, smoothing)
    derivation = derive_forms(found, rule, None if weight is None else _rational(weight))
    if as_json:
        return print_json(derivation.as_dict())
    print(derivation.latex() if latex else derivation.text())


@app.command()
def solve(
    problem: Problem,
    rule: RuleName = "product",
    weight: Weights = "0,1,2",
    clock: Annotated[str, typer.Option(help="Clocks u = -log m(t), comma separated.")] = "0.5,1,2,4,8",
    label: Label = None, target: Target = None, columns: Columns = None, bins: Bins = None, smoothing: Smoothing = 0.0,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Exact terminal law, TV decay and decay regime.

    Example: maskguide solve squares-2d --weight 0,2,8 --clock 1,2,4
    """
    from . import console

    found = _read(problem, label, target, columns, bins, smoothing)
    solved = console.solution(found, rule, numbers(weight, "weight"), numbers(clock, "clock"))
    console.print_json(solved) if as_json else print(console.solution_text(solved, found))


@app.command()
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
    antithetic: Annotated[bool, typer.Option("--antithetic", help="Trajectories in mirrored pairs.")] = False,
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
    process = GuidedProcess(_read(problem, label, target, columns, bins, smoothing), Guidance.parse(rule, weight))
    parameters = _settings.read(settings or [], "--set", "--set theta=0.4")
    drawn = console.drawn(process, n, method, parameters, steps, grid, schedule, start,
                          record=record, antithetic=antithetic, seed=seed, engine=engine, device=device)  # fmt: skip
    drawn.save(out)
    console.print_json({"file": str(out)} | console.facts(drawn)) if as_json else print(console.drawn_text(drawn, out))


@app.command()
def steps(
    problem: Problem,
    method: Annotated[str, typer.Option(help="tau-leaping, euler, theta-trapezoidal, ...")] = "tau-leaping",
    rule: RuleName = "product",
    weight: Weights = "0,1,2,4",
    schedule: Annotated[str, typer.Option(help="Noise schedule of the steps.")] = "linear",
    tv: Annotated[float, typer.Option(help="The TV error to reach.")] = 0.01,
    label: Label = None, target: Target = None, columns: Columns = None, bins: Bins = None, smoothing: Smoothing = 0.0,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Exact error of a K-step sampler, and the steps it needs for a given error.

    Example: maskguide steps squares-2d --method euler --weight 0,4 --tv 0.01
    """
    from . import console

    found = _read(problem, label, target, columns, bins, smoothing)
    rows = console.convergence(found, rule, numbers(weight, "weight"), method, schedule, tv)
    console.print_json(rows) if as_json else print(console.convergence_text(rows))


@app.command()
def export(
    problem: Problem,
    out: Annotated[Path, typer.Option(help="Where to write: .prism or .drn (Storm).")],
    rule: RuleName = "product",
    weight: Weight = 1.0,
    label: Label = None, target: Target = None, columns: Columns = None, bins: Bins = None, smoothing: Smoothing = 0.0,
) -> None:  # fmt: skip
    """Write the chain for the model checkers PRISM and Storm.

    Example: maskguide export squares-2d --weight 2 --out squares.prism
    """
    from ..guidance import Guidance
    from ..laws.export import export as write
    from ..process import GuidedProcess

    found = _read(problem, label, target, columns, bins, smoothing)
    write(GuidedProcess(found, Guidance.parse(rule, weight)), out)
    print(f"{found.name}, {rule}, w = {weight:g} -> {out}")


@app.command()
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
    from . import console

    found = [_read(name, label, target, columns, bins, smoothing) for name in problem or zoo.names()]
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
    text = console.validation_text(result, numbers_found, report)
    console.print_json(console.validation_dict(result, numbers_found)) if as_json else print(text)
    raise typer.Exit(0 if result.passed and all(c.passed for c in numbers_found) else 1)


@app.command()
def verify(as_json: Json = False) -> None:
    """Recompute every published or derived number the package claims.

    Example: maskguide verify --json
    """
    from .. import verification
    from . import console

    rows = verification.verify()
    console.print_json(console.claims_list(rows)) if as_json else print(console.claims_text(rows))
    raise typer.Exit(0 if all(row.passed for row in rows) else 1)


@app.command()
def conform(
    sampler: Annotated[str, typer.Argument(help="module:function, found from here.", metavar="MODULE:FUNCTION")],
    claim: Annotated[str, typer.Option(help='"normalized, ancestral, uniform t, log-linear", or "product, limit".')],
    quick: Annotated[bool, typer.Option("--quick", help="Fewer cases and draws, a wider tolerance.")] = False,
    seed: Annotated[int, typer.Option(help="Of the seeds the sampler is given.")] = 0,
    backend: Annotated[str, typer.Option(help="numpy or torch: whose dtypes the sampler takes.")] = "numpy",
    time_limit: Annotated[float, typer.Option(help="Seconds a call may take.")] = 60.0,
    tolerance: Annotated[float | None, typer.Option(help="TV within which a law is certified.")] = None,
    plain: Annotated[bool, typer.Option(help="Also hand out a denoiser without carry-over of tokens.")] = True,
    weights: Annotated[str | None, typer.Option(help='The only weights it is asked for, as "0, 1, 2".')] = None,
    least_weight: Annotated[float, typer.Option(help="No weight below this: 0 where it refuses w < 0.")] = -1.0,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML.", metavar="FILE")] = None,
    report: Annotated[Path | None, typer.Option(help="Write DIR/index.html.", metavar="DIR")] = None,
    badge: Annotated[Path | None, typer.Option(help="Write an SVG badge.", metavar="FILE")] = None,
    as_json: Json = False,
) -> None:
    """Hold anyone's sampler against the exact law it claims to draw from.

    Example: maskguide conform mypackage.sampling:sample --claim "normalized, ancestral, uniform t, log-linear"
    """
    from .. import _files
    from ..conformance.outside import imported
    from ..conformance.run import check
    from .console import print_json

    for path in (file for file in (junit, badge) if file is not None):
        _files.check_file(path, (".xml", ".svg"))
    if report is not None:
        _files.check_directory(report)
    found = check(
        imported(sampler), claim, quick=quick, seed=seed, backend=backend, time_limit=time_limit, tolerance=tolerance,
        plain=plain, weights=weights, least_weight=least_weight,
    )  # fmt: skip
    if junit is not None:
        _files.write(junit, found.to_junit())
    if badge is not None:
        _files.write(badge, found.badge())
    page = "" if report is None else f"\nreport: {found.save(report)}"
    print_json(found.to_dict()) if as_json else print(f"{found}{page}")
    raise typer.Exit(0 if found.passed else 1)


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _report_writer(directory: Path) -> Callable[[Validation, list[Number]], None]:
    """Whatever could keep the report from being written is found before the long run, not after it."""
    from .. import _files, plots
    from ..report import page as report

    def write(result: Validation, register: list[Number]) -> None:
        report.write(result, plots.figures(result), directory, register)

    _files.check_directory(directory)
    return write


def _read(name: str, label, target, columns, bins, smoothing) -> TableProblem:
    """A problem from a zoo name or a file."""
    from ..problems import zoo

    if name not in zoo.names() and (Path(name).suffix or Path(name).exists()):
        from ..problems.data import read_problem

        return read_problem(name, target, label=label, columns=columns.split(",") if columns else None,
                            bins=_bins(bins), smoothing=smoothing)  # fmt: skip
    found = zoo.get(name)
    return found if target is None else found.with_target(target)


def _bins(entries: list[str] | None) -> Any:
    from .. import _checks

    if not entries:
        return None
    parsed = {}
    for entry in entries:
        column, _, value = entry.rpartition("=")
        try:
            parsed[column] = int(value) if ":" not in value else [float(edge) for edge in value.split(":")]
        except ValueError:
            _checks.fail(f"--bins {entry!r}", "a number, column=number or column=edge:edge", "for example --bins age=4")
    return parsed[""] if list(parsed) == [""] else parsed


def _rational(text: str):
    from fractions import Fraction

    from .. import _checks

    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        _checks.fail(f"--weight {text!r}", "a rational number such as 2, 1/2 or 0.5", "leave it out for a symbolic w")


def main() -> None:
    """Entry point: one error sentence and exit code 2 for bad input, 130 after Ctrl-C."""
    from .._checks import InputError

    try:
        app()
    except InputError as error:
        print(f"maskguide: {error}", file=sys.stderr)
        sys.exit(2)
    except Interrupted as stopped:
        print(f"maskguide: stopped; {stopped}", file=sys.stderr)
        sys.exit(130)
    except SystemExit as stopped:
        if stopped.code == 130:  # what typer makes of Ctrl-C
            print("maskguide: stopped; nothing was written", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()
