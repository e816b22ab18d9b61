"""Files -> problems: labelled samples (CSV, Parquet) or stored laws (npz)."""

from __future__ import annotations

import codecs
import importlib
import os
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import _checks, _files
from .archives import problem_from_archive
from .columns import Bins, complete
from .samples import choose_columns, problem_from_samples
from .table import TableProblem

if TYPE_CHECKING:
    import pyarrow

__all__ = ["problem_from_samples", "read_problem"]

EXTENSIONS = (".csv", ".parquet", ".npz")
LARGEST_BLOCK = 2**31 - 1  # pyarrow's block size is a 32-bit integer
SEPARATORS = (";", "\t", "|")
BYTES_A_BYTE, BYTES_A_CELL = 4, 16  # at most, of memory: while a CSV file is read, and for a number of a table


def read_problem(
    path: str | Path,
    target: int | str | None = None,
    *,
    label: str | None = None,
    columns: Sequence[str] | None = None,
    bins: Bins | None = None,
    smoothing: float | Fraction = 0.0,
    prior: Sequence[Any] | None = None,
    name: str | None = None,
) -> TableProblem:
    """Read a problem from a file.

    ``.csv``, ``.parquet``
        Labelled samples, one a row, read by pyarrow and counted by :func:`problem_from_samples`. In a CSV an
        empty field or an unquoted NA, NaN, null, ... is a missing value, which is refused.
    ``.npz``
        Stored laws: arrays ``class_laws`` (K, N, ..., N) and ``prior`` (K,), the integer ``target``, and
        optionally ``class_names`` (K,), ``coordinate_names`` (D,) and ``token_names`` (D, up to N), arrays of
        strings ("" where a coordinate has fewer tokens). Pickled objects are never loaded.

    Parameters
    ----------
    path : str or Path
        A .csv, .parquet or .npz file.
    target : int or str, optional
        Samples: a class as the label column writes it, by default the first in sorted order. npz: index or
        name of a class, by default the stored target.
    label : str
        Column that holds the class; required for samples.
    columns : sequence of str, optional
        Feature columns, in the order of the coordinates; by default all but `label`. Samples only.
    bins : int, sequence of float, or mapping of column to either, optional
        How float columns are cut, as in :func:`problem_from_samples`. Samples only.
    smoothing : float or Fraction
        Pseudo-count s >= 0 of every combination of tokens, as in :func:`problem_from_samples`. Samples only.
    prior : sequence of K numbers, optional
        Replaces the class frequencies (classes in sorted order), or the stored prior.
    name : str, optional
        What the problem is called; by default the file's name without its extension.

    Returns
    -------
    TableProblem
        Classes, coordinates and tokens have the names that the file gives them.

    Raises
    ------
    InputError
        Missing, empty or damaged file, unknown extension, ragged rows, missing values, missing columns, float
        columns without bins, a target that does not occur, a lattice that does not fit in memory; pyarrow
        not installed.
    """
    path = Path(path)
    extension, name = _extension(path), Path(path).stem if name is None else name
    if extension != ".npz":
        options: dict[str, Any] = {"bins": bins, "smoothing": smoothing, "prior": prior, "name": name}
        return _from_samples(path, extension, target, label, columns, **options)
    if label is not None or columns is not None or bins is not None or smoothing != 0:
        _checks.fail(
            f"label, columns, bins or smoothing given for {path.name}",
            "they belong to files of samples; an .npz stores laws",
            "leave them out",
        )
    return problem_from_archive(path, target, prior, name)


def _extension(path: Path) -> str:
    extension = path.suffix.lower()
    if extension not in EXTENSIONS:
        called = _checks.short(path.name)
        _checks.fail(f"{called} is no known kind of file", f"one of {', '.join(EXTENSIONS)}", "convert it")
    if not os.path.isfile(path):
        seen = f"check the path, seen from {str(Path.cwd())!r}"
        _checks.fail(f"no file {_checks.short(str(path))}", "an existing file", seen)
    if not os.path.getsize(path):
        _checks.fail(f"{path.name} is empty", "a file with content (0 bytes found)", "write it again")
    return extension


# Samples ---------------------------------------------------------------------------------------------


def _from_samples(path: Path, extension: str, target: Any, label: Any, columns: Any, **options: Any) -> TableProblem:
    with _files.readable(path, "a comma-separated table in UTF-8" if extension == ".csv" else "a Parquet table"):
        table = _read_csv(path) if extension == ".csv" else _read_parquet(path)
        names, rows = table.column_names, table.num_rows
        chosen = _chosen(path, names, rows, label, columns)
        features = {name: _to_numpy(table, name) for name in (*chosen, label)}
    labels = features.pop(label)
    return problem_from_samples(features, labels, target, source=f"{path.name}: {rows} samples", **options)


def _chosen(path: Path, names: list[str], rows: int, label: Any, columns: Any) -> list[str]:
    """The feature columns, where label and columns are there."""
    if len(names) == 1 and (found := [mark for mark in SEPARATORS if mark in names[0]]):
        _checks.fail(
            f"{path.name} has one column, {_checks.short(names[0])}",
            "columns separated by commas",
            f"the separator seems to be {found[0]!r}: save it with commas",
        )
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        _checks.fail(f"{path.name} names column {twice!r} twice", "each column has its own name", "rename one")
    if not rows:
        _checks.fail(f"{path.name} has a header but no rows", "at least one sample", "add rows")
    if label is None:
        _checks.fail(
            f"label= is missing for the samples of {path.name}",
            f"it names the column of the class, one of {', '.join(names[:20])}{', ...' if names[20:] else ''}",
            f'read_problem({path.name!r}, label="...")',
        )
    _checks.choice(label, names, "label column")
    chosen = choose_columns([n for n in names if n != label], columns)
    _checks.lattice_fits(1, len(chosen), 8, "at least the lattice", "pick fewer columns=")  # before all are read
    return chosen


def _read_csv(path: Path) -> pyarrow.Table:
    pa = _pyarrow("csv")
    ragged: list[Any] = []
    refuse = (lambda row: ragged.append(row) or "error") if _is_utf8(path) else None  # pyarrow must decode the row
    size = path.stat().st_size
    _checks.fits_in_memory(BYTES_A_BYTE * size, f"{path.name} as a table", "use fewer rows or columns")
    block = min(size + 1, LARGEST_BLOCK)  # one: types from the whole column, rows are numbered
    try:
        return pa.csv.read_csv(
            path,
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=block),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=refuse),
            convert_options=pa.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False),
        )
    except pa.ArrowException as error:
        if ragged:
            _ragged(path, ragged[0])
        if "mpty CSV" in str(error):
            _checks.fail(f"{path.name} has no rows of samples", "a header and at least one row", "add rows")
        raise


def _is_utf8(path: Path) -> bool:
    decode = codecs.getincrementaldecoder("utf-8")().decode
    try:
        with path.open("rb") as file:
            while piece := file.read(2**20):
                decode(piece)
        decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _ragged(path: Path, row: Any) -> NoReturn:
    _checks.fail(
        f"line {row.number} of {path.name} has {row.actual_columns} fields, not {row.expected_columns}",
        "every line has as many fields as the header (empty lines are skipped and not counted)",
        "mend the line; a text with commas must be quoted",
    )


def _read_parquet(path: Path) -> pyarrow.Table:
    file = _pyarrow("parquet").parquet.ParquetFile(path)
    cells = file.metadata.num_rows * file.metadata.num_columns
    _checks.fits_in_memory(BYTES_A_CELL * cells, f"{path.name} as a table", "use fewer rows or columns")
    table = file.read()
    table.validate(full=True)
    return table


def _to_numpy(table: pyarrow.Table, name: str) -> np.ndarray:
    """A column of strings, booleans or numbers, none missing."""
    pa = _pyarrow("types")
    column = table.column(name)
    complete(name, column.is_null().to_numpy(zero_copy_only=False))
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_decimal(kind):
        kind = pa.float64()
    if pa.types.is_binary(kind):
        hint = "save the file in UTF-8; it may be in Latin-1 or Windows-1252"
        _checks.fail(f"column {name!r} holds text that is not UTF-8", "the encoding of texts is UTF-8", hint)
    good = ("boolean", "integer", "floating", "string", "large_string", "string_view")
    if not any(getattr(pa.types, f"is_{test}")(kind) for test in good):
        _checks.fail(
            f"column {name!r} has type {kind}",
            "strings, booleans, integers or floats",
            "convert it, or leave it out of columns=",
        )
    return column.cast(kind).to_numpy(zero_copy_only=False)


def _pyarrow(part: str) -> Any:
    try:
        importlib.import_module(f"pyarrow.{part}")
        return importlib.import_module("pyarrow")
    except ImportError:
        _checks.fail("pyarrow is not installed", ".csv and .parquet files need it", "pip install 'maskguide[data]'")
