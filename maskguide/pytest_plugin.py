"""pytest plugin: a test item for each check of a sampler, and a fixture.

pytest --maskguide-sampler mypackage:sample --maskguide-claim "normalized, ancestral, uniform t, log-linear"

def test_my_sampler(maskguide_check):
    maskguide_check(sample, "product, limit", quick=True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conformance import Report

PREFIX = "--maskguide-"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options to pytest's."""
    group = parser.getgroup("maskguide", "hold a sampler against the exact law it claims to draw from")
    group.addoption(f"{PREFIX}sampler", metavar="MODULE:FUNCTION", help="a test for each check of this sampler")
    group.addoption(
        f"{PREFIX}claim", metavar="CLAIM", help='for example "normalized, ancestral, uniform t, log-linear"'
    )
    group.addoption(f"{PREFIX}quick", action="store_true", help="fewer cases and draws, a wider tolerance")
    group.addoption(f"{PREFIX}weights", metavar="WEIGHTS", help='the only weights it is asked for, as "0, 1, 2"')
    group.addoption(f"{PREFIX}least-weight", type=float, default=-1.0, help="no weight below this")
    group.addoption(f"{PREFIX}in-process", action="store_true", help="run it in this process, as a debugger needs")
    group.addoption(f"{PREFIX}seed", type=int, default=0, help="from which the sampler's seeds follow")
    group.addoption(
        f"{PREFIX}backend", default="numpy", choices=("numpy", "torch"), help="the library whose dtypes it takes"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a sampler without a claim, and a claim without a sampler."""
    if bool(config.getoption(f"{PREFIX}sampler")) != bool(config.getoption(f"{PREFIX}claim")):
        raise pytest.UsageError(f"{PREFIX}sampler and {PREFIX}claim go together")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the checks of the sampler to the tests found."""
    name = config.getoption(f"{PREFIX}sampler")
    if name:
        items.extend(Conformance.from_parent(session, name=f"maskguide[{name}]", nodeid="", path=Path()).collect())


class Conformance(pytest.Collector):
    """The checks of one sampler; the suite runs when the first of them does."""

    def collect(self) -> Iterator[pytest.Item]:
        """An item for each check, without running any."""
        from ._checks import InputError
        from .conformance import planned

        try:
            names = planned(*self._named, **self._extent)
        except InputError as error:
            raise pytest.UsageError(str(error)) from None
        for row, name in enumerate(names):
            yield Item.from_parent(self, name=f"{self.name}::{name}", row=row)

    @property
    def _named(self) -> tuple[str, str]:
        return self._option("sampler"), self._option("claim")

    def _option(self, name: str) -> Any:
        return self.config.getoption(f"{PREFIX}{name}")

    @property
    def _extent(self) -> dict[str, Any]:
        asked = {"weights": self._option("weights"), "least_weight": self._option("least-weight")}
        return {"quick": self._option("quick"), "in_process": self._option("in-process"), **asked}

    @cached_property
    def report(self) -> Report:
        """The outcome of all checks."""
        from .conformance import check

        return check(*self._named, **self._extent, seed=self._option("seed"), backend=self._option("backend"))


class Item(pytest.Item):
    """A check of the sampler as a test item."""

    def __init__(self, *, row: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.row = row

    def runtest(self) -> None:
        """Pass, skip or fail as the report says of this check."""
        assert isinstance(self.parent, Conformance)
        check, report = self.parent.report.checks[self.row], self.parent.report
        if check.status == "skipped":
            pytest.skip(check.message)
        if not check.passed:
            said = f"\n{report.diagnosis.sentence}" if report.diagnosis is not None else ""
            pytest.fail(f"{check.status}: {check.message}{said}", pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """The check's name for pytest's summary; it has no line of a file."""
        return Path(), None, self.name


@pytest.fixture
def maskguide_check() -> Callable[..., Report]:
    """`maskguide.conformance.check` that fails the test with the whole report unless the sampler passes."""
    from .conformance import check

    def run(sampler: Any, claim: str, **options: Any) -> Report:
        report = check(sampler, claim, **options)
        if not report.passed:
            pytest.fail(str(report), pytrace=False)
        return report

    return run
