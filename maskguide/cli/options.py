"""What several commands share: options, how lists and numbers in them are read, and an interruption."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

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
Seed = Annotated[int, typer.Option(help="Seed of the Philox stream.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Quick = Annotated[bool, typer.Option("--quick", help="A smaller version: about ten seconds.")]
Figures = Annotated[Path | None, typer.Option(help="Write the figures to DIR as SVG.", metavar="DIR")]

LONGEST_NUMBER, LARGEST_WEIGHT = 30, 1000  # characters and size of a rational weight: exact powers of more have no end


class Interrupted(Exception):
    """Ctrl-C in work that can go on: the message says how."""


def numbers(text: str, name: str) -> tuple[float, ...]:
    """'0,1,2' -> (0.0, 1.0, 2.0)."""
    from .. import _checks

    try:
        if found := tuple(float(part) for part in words(text)):
            return found
    except ValueError:
        pass
    _checks.fail(f"--{name} {_checks.short(text)}", "numbers separated by commas", f"for example --{name} 0,1,2")


def words(text: str) -> tuple[str, ...]:
    """'a,b' -> ('a', 'b')."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def rational(text: str) -> Fraction:
    """'1/2', '0.5' or '2' as a fraction."""
    from .. import _checks

    try:
        if len(text) <= LONGEST_NUMBER and abs(int(text.lower().partition("e")[2] or 0)) <= LONGEST_NUMBER:
            found = Fraction(text)
            if abs(found) <= LARGEST_WEIGHT:
                return found
    except (ValueError, ZeroDivisionError):
        pass
    _checks.fail(
        f"--weight {_checks.short(text)}",
        f"a rational number such as 2, 1/2 or 0.5, at most {LARGEST_WEIGHT}, of at most {LONGEST_NUMBER} characters",
        "leave it out for a symbolic w",
    )
