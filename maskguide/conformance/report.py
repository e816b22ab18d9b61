"""The report of a run: what was found, in words, as data, as JUnit XML, as a page and as a badge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import text
from .findings import Outcome


class Report(Outcome):
    """The outcome of :func:`maskguide.conformance.check`; its attributes are those of :class:`.findings.Outcome`.

    Examples
    --------
    >>> import maskguide as mg
    >>> claim = "normalized, ancestral"
    >>> report = mg.conformance.check(mg.conformance.builtin_sampler(claim), claim, quick=True, in_process=True)
    >>> report.passed, report.findings
    (True, ())
    """

    @property
    def verdict(self) -> str:
        """The outcome in a sentence or two."""
        return text.verdict(self)

    def __str__(self) -> str:
        return text.text(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: numbers, text, lists and None."""
        return text.to_dict(self)

    def to_junit(self) -> str:
        """JUnit XML, a test case for each check: failures where it failed, errors where it is undecided."""
        return text.junit(self)

    def to_html(self) -> str:
        """One self-contained page, with a figure for each case."""
        from .page import render

        return render(self)

    def badge(self) -> str:
        """An SVG badge: maskguide | conforms, fails or undecided."""
        return text.badge(self)

    def save(self, directory: str | Path) -> Path:
        """Write the page into a directory.

        Parameters
        ----------
        directory : path
            Created where it does not exist.

        Returns
        -------
        Path
            `directory`/index.html.

        Raises
        ------
        InputError
            Where it cannot be created or written.
        """
        from .page import write

        return write(self, directory)
