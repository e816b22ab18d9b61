"""Problems as the command line names them: of the zoo, or files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..problems.table import TableProblem


def read(
    name: str, label: str | None, target: str | None, columns: str | None, bins: list[str] | None, smoothing: float,
    called: str | None = None,
) -> TableProblem:  # fmt: skip
    """A problem from a zoo name or a file; a file is `called` by its stem if nothing else is said."""
    from ..problems import zoo

    if name not in zoo.names() and (Path(name).suffix or os.path.exists(name)):
        from ..problems.data import read_problem

        return read_problem(name, target, label=label, columns=columns.split(",") if columns else None,
                            bins=_bins(bins), smoothing=smoothing, name=called)  # fmt: skip
    found = zoo.get(name)
    return found if target is None else found.with_target(target)


def read_all(names: Sequence[str], *options: Any) -> list[TableProblem]:
    """Several problems; files with one stem are called by their paths, so that they can be told apart."""
    stems = Counter(Path(name).stem for name in set(names))
    return [read(name, *options, called=name if stems[Path(name).stem] > 1 else None) for name in names]


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
            hint = "for example --bins age=4"
            _checks.fail(f"--bins {_checks.short(entry)}", "a number, column=number or column=edge:edge", hint)
    return parsed[""] if list(parsed) == [""] else parsed
