"""What several commands share: options, how lists in them are read, and an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Seed = Annotated[int, typer.Option(help="Seed of the Philox stream.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Quick = Annotated[bool, typer.Option("--quick", help="A smaller version: about ten seconds.")]
Figures = Annotated[Path | None, typer.Option(help="Write the figures to DIR as SVG.", metavar="DIR")]


class Interrupted(Exception):
    """Ctrl-C in work that can go on: the message says how."""


def numbers(text: str, name: str) -> tuple[float, ...]:
    """'0,1,2' -> (0.0, 1.0, 2.0)."""
    from .. import _checks

    try:
        return tuple(float(part) for part in words(text))
    except ValueError:
        _checks.fail(f"--{name} {text!r}", "numbers separated by commas", f"for example --{name} 0,1,2")


def words(text: str) -> tuple[str, ...]:
    """'a,b' -> ('a', 'b')."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
