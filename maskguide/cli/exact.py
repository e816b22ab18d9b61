"""Commands that answer exactly: problems, derive, solve, steps, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .inputs import read
from .options import (
    Bins,
    Columns,
    Json,
    Label,
    Problem,
    RuleName,
    Smoothing,
    Target,
    Weight,
    Weights,
    numbers,
    rational,
)


def problems(as_json: Json = False) -> None:
    """List the problem zoo.

    Example: maskguide problems
    """
    from ..problems import zoo
    from . import console

    rows = {name: zoo.describe(name) for name in (*zoo.names(), *zoo.large_names())}
    lines = (f"{name:18} {text.splitlines()[0]}" for name, text in rows.items())
    console.say_json(rows) if as_json else console.say("\n".join(lines))


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
    from . import console

    found = read(problem, label, target, columns, bins, smoothing)
    sys.set_int_max_str_digits(0)  # exact laws at a large weight: the powers are long
    derivation = derive_forms(found, rule, None if weight is None else rational(weight))
    if as_json:
        return console.say_json(derivation.as_dict())
    console.say(derivation.latex() if latex else derivation.text())


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
    from . import console, exact_text

    found = read(problem, label, target, columns, bins, smoothing)
    solved = exact_text.solution(found, rule, numbers(weight, "weight"), numbers(clock, "clock"))
    console.say_json(solved) if as_json else console.say(exact_text.solution_text(solved, found))


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
    from . import console, exact_text

    found = read(problem, label, target, columns, bins, smoothing)
    rows = exact_text.convergence(found, rule, numbers(weight, "weight"), method, schedule, tv)
    console.say_json(rows) if as_json else console.say(exact_text.convergence_text(rows))


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
    from . import console

    found = read(problem, label, target, columns, bins, smoothing)
    write(GuidedProcess(found, Guidance.parse(rule, weight)), out)
    console.say(f"{found.name}, {rule}, w = {weight:g} -> {out}")
