"""The command line. Exit code 0: fine; 1: a check failed; 2: bad use (one clear error, no traceback)."""

from __future__ import annotations

import io
import sys
import warnings
from typing import NoReturn

import typer

from . import checking, drawing, exact
from .options import Interrupted
from .papers import app as gaussian_app

app = typer.Typer(
    help="Exact laws of guided masked discrete diffusion, samplers, and the proof that they agree. "
    "PROBLEM is a zoo name (see `maskguide problems`) or a file: labelled samples in .csv or .parquet, or an .npz "
    "with class_laws, prior, target.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (
    exact.problems, exact.derive, exact.solve, drawing.sample, exact.steps, exact.export, checking.validate,
    checking.verify, checking.conform,
):  # fmt: skip
    app.command()(command)
app.add_typer(gaussian_app, name="gaussian")


def main() -> None:
    """Entry point: one error sentence and exit code 2 for bad input, 130 after Ctrl-C."""
    from .._checks import InputError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows ASCII or Latin-1 only
    warnings.formatwarning = lambda message, *_, **__: f"maskguide: {message}\n"
    try:
        app()
    except InputError as error:
        _stop(str(error), 2)
    except MemoryError as error:
        _stop(f"out of memory{f': {error}' if str(error) else ''}", 2)
    except Interrupted as stopped:
        _stop(f"stopped; {stopped}", 130)
    except SystemExit as stopped:
        if stopped.code == 130:  # what typer makes of Ctrl-C
            _stop("stopped; nothing was written", 130)
        raise


def _stop(sentence: str, code: int) -> NoReturn:
    print(f"maskguide: {sentence}", file=sys.stderr)
    sys.exit(code)
