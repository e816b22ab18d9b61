"""Files -> problems: labelled samples (CSV, Parquet) or stored laws (npz)."""

from __future__ import annotations

import importlib
import zipfile
import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import _checks
from .samples import Bins, choose_columns, complete, problem_from_samples
from .table import TableProblem

if TYPE_CHECKING:
    import pyarrow

__all__ = ["problem_from_samples", "read_problem"]

EXTENSIONS = (".csv", ".parquet", ".npz")
LARGEST_BLOCK = 2**31 - 1  # pyarrow's block size is a 32-bit integer


def read_problem(
    path: str | Path,
    target: int | str | None = None,
    *,
    label: str | None = None,
    columns: Sequence[str] | None = None,
    bins: Bins | None = None,
    smoothing: float | Fraction = 0.0,
    prior: Sequence[Any] | None = None,
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
    target : int or str, optional
        Samples: a class as the label column writes it, by default the first in sorted order. npz: index or
        name of a class, by default the stored target.
    label : str
        Column that holds the class; required for samples.
    columns : sequence of str, optional
        Feature columns, in the order of the coordinates; by default all but `label`. Samples only.
    bins, smoothing
        As in :func:`problem_from_samples`. Samples only.
    prior : sequence of K numbers, optional
        Replaces the class frequencies (classes in sorted order), or the stored prior.

    Raises
    ------
    InputError
        Missing, empty or damaged file, unknown extension, ragged rows, missing values, missing columns, float
        columns without bins, a target that does not occur, a lattice that does not fit in memory; pyarrow
        not installed.
    """
    path = Path(path)
    extension = _extension(path)
    if extension != ".npz":
        return _from_samples(path, extension, target, label, columns, bins=bins, smoothing=smoothing, prior=prior)
    if label is not None or columns is not None or bins is not None or smoothing != 0:
        _checks.fail(
            f"label, columns, bins or smoothing given for {path.name}",
            "they belong to files of samples; an .npz stores laws",
            "leave them out",
        )
    return _from_laws(path, target, prior)


def _extension(path: Path) -> str:
    extension = path.suffix.lower()
    if extension not in EXTENSIONS:
        _checks.fail(f"{path.name!r} is no known kind of file", f"one of {', '.join(EXTENSIONS)}", "convert it")
    if not path.is_file():
        _checks.fail(f"no file {str(path)!r}", "an existing file", f"check the path, seen from {str(Path.cwd())!r}")
    if path.stat().st_size == 0:
        _checks.fail(f"{path.name} is empty", "a file with content (0 bytes found)", "write it again")
    return extension


# Samples ---------------------------------------------------------------------------------------------


def _from_samples(path: Path, extension: str, target: Any, label: Any, columns: Any, **options: Any) -> TableProblem:
    table = _read_csv(path) if extension == ".csv" else _read_parquet(path)
    names = _column_names(path, table)
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        _checks.fail(f"{path.name} names column {twice!r} twice", "each column has its own name", "rename one")
    if not table.num_rows:
        _checks.fail(f"{path.name} has a header but no rows", "at least one sample", "add rows")
    if label is None:
        _checks.fail(
            f"label= is missing for the samples of {path.name}",
            f"it names the column of the class, one of {', '.join(names[:20])}{', ...' if names[20:] else ''}",
            f'read_problem({path.name!r}, label="...")',
        )
    _checks.choice(label, names, "label column")
    chosen = choose_columns([n for n in names if n != label], columns)
    features = {name: _to_numpy(table, name) for name in chosen}
    return problem_from_samples(
        features, _to_numpy(table, label), target, name=path.stem, source=f"{path.name}: {table.num_rows} samples",
        **options,
    )  # fmt: skip


def _read_csv(path: Path) -> pyarrow.Table:
    pa = _pyarrow("csv")
    ragged: list[Any] = []
    block = min(path.stat().st_size + 1, LARGEST_BLOCK)  # one: types from the whole column, rows are numbered
    try:
        return pa.csv.read_csv(
            path,
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=block),
            parse_options=pa.csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=lambda row: ragged.append(row) or "error"
            ),
            convert_options=pa.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False),
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if ragged:
            _ragged(path, ragged[0])
        if "mpty CSV" in str(error):
            _checks.fail(f"{path.name} has no rows of samples", "a header and at least one row", "add rows")
        _damaged(path, "a comma-separated table in UTF-8", error)


def _column_names(path: Path, table: pyarrow.Table) -> list[str]:
    try:
        return table.column_names
    except UnicodeDecodeError as error:
        _damaged(path, "column names in UTF-8", error)


def _ragged(path: Path, row: Any) -> NoReturn:
    _checks.fail(
        f"line {row.number} of {path.name} has {row.actual_columns} fields, not {row.expected_columns}",
        "every line has as many fields as the header (empty lines are skipped and not counted)",
        "mend the line; a text with commas must be quoted",
    )


def _read_parquet(path: Path) -> pyarrow.Table:
    pa = _pyarrow("parquet")
    try:
        return pa.parquet.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        _damaged(path, "a Parquet table", error)


def _to_numpy(table: pyarrow.Table, name: str) -> np.ndarray:
    """A column of strings, booleans or numbers, none missing."""
    pa = _pyarrow("types")
    column = table.column(name)
    complete(name, column.is_null().to_numpy(zero_copy_only=False))
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_decimal(kind):
        kind = pa.float64()
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


# Laws ------------------------------------------------------------------------------------------------


def _from_laws(path: Path, target: int | str | None, prior: Any) -> TableProblem:
    arrays = _read_npz(path)
    missing = [key for key in ("class_laws", "prior") if key not in arrays]
    if missing:
        _checks.fail(
            f"{path.name} lacks {' and '.join(missing)}; it holds {', '.join(sorted(arrays)) or 'nothing'}",
            "arrays class_laws (K, N, ..., N), prior (K,) and target",
            "numpy.savez(path, class_laws=..., prior=..., target=0)",
        )
    names = {key: _names(arrays, key) for key in ("class_names", "coordinate_names", "token_names")}
    return TableProblem(
        arrays["class_laws"], arrays["prior"] if prior is None else prior, _stored_target(path, arrays, names, target),
        name=path.stem, source=path.name, **names,
    )  # fmt: skip


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    key = ""
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            _checks.fail(f"{path.name} holds one bare array", "an .npz archive of named arrays", "use numpy.savez")
        with archive:
            arrays = {}
            for key in archive.files:
                arrays[key] = archive[key]
            return arrays
    except MemoryError:
        _checks.fail(f"{path.name}: {key} does not fit in memory", "it must fit", "use fewer coordinates or tokens")
    except _checks.InputError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if key and "allow_pickle" in str(error):
            _checks.fail(
                f"{path.name}: {key} holds pickled Python objects",
                "plain numbers and strings; pickled objects are never loaded, they can run code",
                "save it as a float array, names as arrays of strings",
            )
        _damaged(path, "an .npz archive of plain arrays", error)


def _names(arrays: dict[str, np.ndarray], key: str) -> list[Any] | None:
    if key not in arrays:
        return None
    names, axes = arrays[key], 2 if key == "token_names" else 1
    if names.ndim != axes:
        _checks.fail(f"{key} has shape {names.shape}", f"{axes} axes of strings", "see read_problem")
    return names.tolist() if axes == 1 else [[v for v in row if v != ""] for row in names.tolist()]


def _stored_target(path: Path, arrays: dict[str, np.ndarray], names: dict[str, Any], target: Any) -> int | str:
    if target is None:
        if "target" not in arrays or arrays["target"].ndim or arrays["target"].dtype.kind not in "iuU":
            _checks.fail(f"{path.name} stores no target index", "an integer target", "give target=")
        return arrays["target"].item()
    is_index = isinstance(target, str) and target.isdecimal() and target not in (names["class_names"] or ())
    return int(target) if is_index else target


def _damaged(path: Path, wanted: str, error: Exception) -> NoReturn:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    _checks.fail(
        f"{path.name} cannot be read: {reason if len(reason) <= 100 else reason[:97] + '...'}",
        f"{wanted}, complete",
        "the file is damaged, or its extension is wrong: write it again",
    )
