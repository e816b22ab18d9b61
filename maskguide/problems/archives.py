"""Stored laws, an .npz archive -> a TableProblem. Nothing in it can run code; its size is known before it is read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from .. import _checks, _files
from .table import TableProblem

LAWS, NAMES = ("class_laws", "prior"), ("class_names", "coordinate_names", "token_names")
COPIES = 4  # of an archive, unpacked, that are in memory while it becomes a problem


def problem_from_archive(path: Path, target: int | str | None, prior: Any, name: str) -> TableProblem:
    """The problem of an .npz file; arguments as for :func:`.data.read_problem`."""
    with _files.readable(path, "an .npz archive of plain arrays"):
        arrays = _arrays(path)
        names = {key: _names(arrays[key], key) for key in NAMES if key in arrays}
        chosen = _target(path, arrays, names, target)
    laws = (arrays["class_laws"], arrays["prior"] if prior is None else prior)
    return TableProblem(*laws, chosen, name=name, source=path.name, **names)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a problem; others are left alone."""
    archive = np.load(path, allow_pickle=False)
    if isinstance(archive, np.ndarray):
        _checks.fail(f"{path.name} holds one bare array", "an .npz archive of named arrays", "use numpy.savez")
    with archive:
        missing = [key for key in LAWS if key not in archive]
        if missing:
            _checks.fail(
                f"{path.name} lacks {' and '.join(missing)}; it holds {', '.join(sorted(archive)) or 'nothing'}",
                "arrays class_laws (K, N, ..., N), prior (K,) and target",
                "numpy.savez(path, class_laws=..., prior=..., target=0)",
            )
        keys = [key for key in (*LAWS, "target", *NAMES) if key in archive]
        _fits(path, [archive.zip.getinfo(file) for file in archive.zip.namelist() if file.removesuffix(".npy") in keys])
        return {key: _array(path, archive, key) for key in keys}


def _fits(path: Path, members: list[zipfile.ZipInfo]) -> None:
    size = COPIES * sum(member.file_size for member in members)
    _checks.fits_in_memory(size, f"{path.name}, unpacked,", "use fewer coordinates or tokens")


def _array(path: Path, archive: Any, key: str) -> np.ndarray:
    try:
        array = archive[key]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        _checks.fail(
            f"{path.name}: {key} holds pickled Python objects",
            "plain numbers and strings; pickled objects are never loaded, they can run code",
            "save it as a float array, names as arrays of strings",
        )
    kinds = "biuf" if key in LAWS else "biufUS"
    if not isinstance(array, np.ndarray) or array.dtype.kind not in kinds:
        found = getattr(array, "dtype", "bytes that are no array")
        _checks.fail(f"{path.name}: {key} holds {found}", "numbers; for names, strings", "save it with numpy.savez")
    return array


def _names(names: np.ndarray, key: str) -> list[Any]:
    axes = 2 if key == "token_names" else 1
    if names.ndim != axes:
        _checks.fail(f"{key} has shape {names.shape}", f"{axes} axes of strings", "see read_problem")
    return names.tolist() if axes == 1 else [[v for v in row if v != ""] for row in names.tolist()]


def _target(path: Path, arrays: dict[str, np.ndarray], names: dict[str, Any], target: Any) -> int | str:
    if target is None:
        if "target" not in arrays or arrays["target"].ndim or arrays["target"].dtype.kind not in "iuU":
            _checks.fail(f"{path.name} stores no target index", "an integer target", "give target=")
        return arrays["target"].item()
    is_index = isinstance(target, str) and target.isdecimal() and len(target) < 10
    return int(target) if is_index and target not in names.get("class_names", ()) else target
