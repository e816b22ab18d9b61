"""One self-contained page of the main job's findings: verdict, figures, every check, provenance.

Figures come in as bytes, so this module draws nothing; the page loads nothing from anywhere.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__, _html

if TYPE_CHECKING:
    from ..problems.table import TableProblem
    from ..validation import Check, RegimeCurve, Validation
    from ..verification import Number

    Figures = Mapping[TableProblem | None, Sequence[tuple[str, str, bytes]]]

LISTED_CONTEXTS = 12
PACKAGES = ("numpy", "scipy", "sympy", "numba", "torch", "matplotlib", "jinja2")


@dataclass(frozen=True)
class Section:
    """What the page says about one problem."""

    curve: RegimeCurve
    checks: list[Check]
    figures: Sequence[tuple[str, str, bytes]]

    @property
    def problem(self) -> TableProblem:
        """The problem that the section is about."""
        return self.curve.problem

    @property
    def failed(self) -> list[Check]:
        """The checks that did not pass."""
        return [check for check in self.checks if not check.passed]

    @property
    def contexts(self) -> str:
        """The contexts that cause the regime, in words."""
        causes = self.curve.regime.causes
        names = [self.problem.context_name(state) for state in causes[:LISTED_CONTEXTS]]
        more = len(causes) - len(names)
        return ", ".join(names) + (f" and {more:,} more" if more else "")


def write(validation: Validation, figures: Figures, directory: str | Path, numbers: Sequence[Number] = ()) -> Path:
    """Write `directory`/index.html, whole or not at all, and return its path.

    Parameters
    ----------
    validation : Validation
    figures : mapping of problem -> sequence of (title, caption, SVG or PNG bytes)
        Under None: figures of all problems together.
    directory : path
        Created when missing.
    numbers : sequence of rows with name, expected, got, tolerance, source, passed

    Raises
    ------
    InputError
        The directory cannot be created or written.
    """
    return _html.write(directory, lambda: render(validation, figures, numbers))


def render(validation: Validation, figures: Figures, numbers: Sequence[Number] = ()) -> str:
    """The page as text; parameters as for :func:`write`."""
    sections = [_section(validation, curve, figures) for curve in validation.regimes]
    return _html.page(
        "report.html",
        validation=validation,
        plan=validation.plan,
        sections=sections,
        overall=figures.get(None, ()),
        numbers=sorted(numbers, key=lambda number: number.passed),
        verdict=verdict(validation, numbers),
        passed=bool(validation.checks) and validation.passed and all(number.passed for number in numbers),
        versions=_versions(),
        produced=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def verdict(validation: Validation, numbers: Sequence[Number] = ()) -> str:
    """The finding in a sentence or two."""
    if not validation.checks:
        return "No check was run."
    failed = [check for check in validation.checks if not check.passed]
    total = f"{len(validation.checks):,} checks"
    where = ", ".join(dict.fromkeys(check.problem for check in failed))
    found = f"{len(failed):,} of {total} failed, on {where}." if failed else f"All {total} passed."
    broken = [number for number in numbers if not number.passed]
    if broken:
        return f"{found} {len(broken)} of {len(numbers)} numbers do not hold."
    return f"{found} All {len(numbers)} numbers hold." if numbers else found


def _section(validation: Validation, curve: RegimeCurve, figures: Figures) -> Section:
    checks = sorted(validation.checks_of(curve.problem), key=lambda check: check.passed)
    return Section(curve, checks, figures.get(curve.problem, ()))


def _versions() -> dict[str, str]:
    found = {"maskguide": __version__, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
