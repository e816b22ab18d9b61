"""Experiments of the suite: each makes some calls at a time, keeps its tests, and has a row for each check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import log
from time import perf_counter
from typing import Any, ClassVar

from .budget import Budget
from .callers import Calls
from .faults import Fault
from .findings import FAILED, PASSED, SKIPPED, UNDECIDED, CheckResult, Finding
from .guard import Draw
from .sequential import IndependenceTest, LawTest
from .settings import Seeds, Setting

NEED_INDEPENDENCE = ("law", "marginals", "reveal times", "reveal order", "batch size", "steps")  # kinds of findings
NEED_SEEDS = (*NEED_INDEPENDENCE, "independence")


@dataclass
class Experiment:
    """Some calls of the sampler in one setting.

    Attributes
    ----------
    setting, caller, seeds, budget :
    alphas : mapping of check -> its share of the false-alarm rate
    done : bool
    fault : Fault or None
        What ended it.
    """

    setting: Setting
    caller: Calls
    seeds: Seeds
    budget: Budget
    alphas: Mapping[str, float]
    done: bool = False
    fault: Fault | None = None
    reason: str = ""
    seconds: float = 0.0
    wrong: dict[str, tuple[str, str]] = field(default_factory=dict)  # check -> (kind, message)

    CHECKS: ClassVar[tuple[str, ...]] = ()

    def advance(self) -> None:
        """Make the next calls; a fault ends the experiment."""
        begun = perf_counter()
        try:
            self._advance()
        except Fault as fault:
            self.fault, self.done = fault, True
        self.seconds += perf_counter() - begun

    def _advance(self) -> None:
        raise NotImplementedError

    def settle(self) -> None:
        """Name what is wrong; called once, at the end."""

    @property
    def rejected(self) -> bool:
        """Whether a law-like test has rejected the sampler."""
        return bool(self.wrong)

    def rows(self) -> Iterator[CheckResult]:
        """A row for each check."""
        for what in self.CHECKS:
            yield self._row(what)

    def withdraw(self, reason: str, kinds: tuple[str, ...]) -> None:
        """Take back findings of these kinds, for a reason that is a finding elsewhere."""
        self.wrong = {what: found for what, found in self.wrong.items() if found[0] not in kinds}
        self.reason = reason

    def findings(self) -> Iterator[Finding]:
        """The fault that ended the experiment, or what `settle` has found wrong."""
        if self.fault is not None:
            yield Finding(self.fault.kind, self.setting.name, self.fault.message)
        for what, (kind, message) in self.wrong.items():
            yield Finding(kind, self.setting.name, message, tv=self._row(what).tv)

    def _row(self, what: str) -> CheckResult:
        status, message = self._status(what)
        seconds = self.seconds / len(self.CHECKS)
        return CheckResult(what, self.setting.name, status, message=message, seconds=seconds, **self._numbers(what))

    def _status(self, what: str) -> tuple[str, str]:
        if what in self.wrong:
            return FAILED, self.wrong[what][1]
        if self.fault is not None:
            first = what == self.CHECKS[0]
            return (FAILED, f"{self.fault.kind}: {self.fault.message}") if first else (SKIPPED, self.fault.kind)
        return (SKIPPED, self.reason) if self.reason else self._outcome(what)

    def _outcome(self, what: str) -> tuple[str, str]:
        return (PASSED, "") if self.done else (UNDECIDED, "stopped before its end")

    def _numbers(self, what: str) -> dict[str, Any]:
        return {}

    def _call(self, n: int, seed: int, **more: Any) -> Draw:
        case = self.setting.case
        return self.caller(
            self.setting.model(), n, weight=case.weight, num_steps=self.setting.num_steps, seed=seed, **more
        )  # fmt: skip


def numbers(test: LawTest | IndependenceTest, alpha: float) -> dict[str, Any]:
    """The numbers that a check's row shows of a test."""
    found = {"log10_e": test.log_e / log(10), "alpha": alpha}
    if isinstance(test, LawTest):
        found |= {"n": test.n, "tv": test.tv, "tv_upper": test.tv_upper, "visible": test.smallest_visible_bias}
    return found
