"""The experiment on one law: growing batches until it is rejected or certified, and what else the draws say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log
from typing import Any

import numpy as np

from . import wording
from .claim import Claim
from .dependence import Matches, dependent
from .evidence import tv_width
from .experiment import Experiment, numbers
from .findings import PASSED, SKIPPED, UNDECIDED, Picture
from .guard import Draw
from .reveals import by_time, order_law, orders
from .sequential import IndependenceTest, LawTest

FIRST, LARGEST, CALL_SECONDS = 64, 16_384, 1.0  # draws of a first call and of any; a call is to take so long at most
ENOUGH = 2_000  # draws a case, for the diagnosis, once the sampler has failed


class LawExperiment(Experiment):
    """Growing batches until the law is rejected or certified; marginals, independence, reveals on the way."""

    CHECKS = ("law", "marginals", "independence", "reveal times", "reveal order")
    SUSPECTED = ENOUGH  # draws after which alternatives are tested for

    def __init__(self, *arguments: Any, alternatives: Callable[[Any, Claim], Mapping[str, Any]] | None = None):
        super().__init__(*arguments)
        self._alternatives = alternatives
        self.tests: dict[str, list[Any]] = {}
        self.n, self.rate, self.saw_nan, self.enough = 0, np.inf, False, ENOUGH
        self.collecting, self.matches = False, Matches()
        self.suspected: Mapping[str, Any] = {}

    def _advance(self) -> None:
        if not self.tests:
            self._prepare()
        if self.n >= self.SUSPECTED and not self.collecting:
            self._suspect()
        draw = self._call(self._size(), self.seeds.spread())
        self.n += len(draw.tokens)
        self.rate, self.saw_nan = len(draw.tokens) / max(draw.seconds, 1e-6), self.saw_nan or draw.saw_nan
        self._update(draw)
        self.done = self._finished()

    def _prepare(self) -> None:
        alphas = self.alphas
        self.law = self.setting.law
        axes = range(self.law.ndim)
        sums = [self.law.sum(axis=tuple(j for j in axes if j != i)) for i in axes]
        self.tests = {
            "law": [LawTest(self.law, alpha=alphas["law"] / 2)],
            "marginals": [LawTest(p, alpha=alphas["marginals"] / len(sums)) for p in sums],
            "independence": [IndependenceTest(self.law, alpha=alphas["independence"])],
        }
        self.tolerance = self.budget.tolerance_of(self.law, alphas["law"] / 2)

    def _suspect(self) -> None:
        """From now on a second test, with the alternatives: they take seconds to compute, a gross fault needs none."""
        if self._alternatives and len(self.tests["law"]) == 1:
            self.suspected = self._alternatives(self.setting.case, self.setting.claim)
            self.tests["law"].append(LawTest(self.law, self.suspected, alpha=self.alphas["law"] / 2))

    def _size(self) -> int:
        wanted = max(FIRST, self.n if self.n < ENOUGH else min(self.n // 2, self._missing))
        if self.collecting:
            wanted = min(wanted, max(FIRST, self.enough - self.n))
        return int(max(1, min(wanted, LARGEST, self.rate * min(CALL_SECONDS, self.caller.time_limit / 4))))

    @property
    def _missing(self) -> int:
        """Draws that the certificate still needs if its bound falls like 1/sqrt(n); at least a twentieth of n."""
        test = self.tests["law"][0]
        bound = test.tv + tv_width(test.n, test.alpha)
        return int(test.n * max(1.02 * (bound / self.tolerance) ** 2 - 1, 0.05))

    def _update(self, draw: Draw) -> None:
        states = self.setting.states(draw.tokens)
        for test in self.tests["law"]:
            test.update(states)
        for i, test in enumerate(self.tests["marginals"]):
            test.update(states[:, i])
        self.tests["independence"][0].update(states)
        self.matches.update(states)
        times, ranks = draw.extras.get("reveal_time"), draw.extras.get("reveal_order")
        if times is not None:
            self._update_times(times, draw.tokens == self.setting.case.problem.vocab_size)
        if draw.extras and self.setting.claim.is_limit:
            self._update_order(-times if ranks is None and times is not None else np.asarray(ranks))

    def _update_times(self, times: np.ndarray, masked: np.ndarray) -> None:
        if not hasattr(self, "grid"):
            level = self.alphas["reveal times"] / masked.shape[1]
            self.grid, laws = self.setting.reveals()
            if laws:
                self.tests["reveal times"] = [LawTest(p, alpha=level) for p in laws]
        bins = by_time(times, masked, self.grid)
        for i, test in enumerate(self.tests.get("reveal times", ())):
            test.update(bins[:, i])

    def _update_order(self, ranks: np.ndarray) -> None:
        if "reveal order" not in self.tests:
            law = order_law(self.setting.claim.process(self.setting.case.problem, self.setting.case.weight))
            self.tests["reveal order"] = [LawTest(law, alpha=self.alphas["reveal order"])]
        self.tests["reveal order"][0].update(orders(ranks))

    def _failed(self, what: str) -> bool:
        return any(test.rejected for test in self.tests.get(what, ()))

    @property
    def rejected(self) -> bool:
        """Whether a test has rejected."""
        return any(map(self._failed, self.CHECKS))

    def _finished(self) -> bool:
        if self.rejected and not self.collecting:
            self.collect()
        if self.collecting:
            return self.n >= self.enough
        return self.n >= self.budget.most or self._certified()

    def _certified(self) -> bool:
        return not self._failed("law") and self.tests["law"][0].certified(self.tolerance)

    def collect(self) -> None:
        """Go on only as long as the diagnosis needs: twice the draws that rejected, and ENOUGH."""
        self.collecting, self.enough = True, max(ENOUGH, 2 * self.n if self.rejected else 0)
        self.done = self.done or self.n >= self.enough

    @property
    def is_varied(self) -> bool:
        """Whether two draws differ."""
        return self.n > 0 and self.tests["law"][0].counts.max() < self.n

    @property
    def picture(self) -> Picture | None:
        """Counts against the exact law, for figures and the diagnosis."""
        if not self.n:
            return None
        return Picture(
            self.setting.case, self.setting.name, self.tests["law"][0].counts.reshape(self.law.shape), self.law
        )

    # What is wrong ---------------------------------------------------------------------------------

    def withdraw(self, reason: str, kinds: tuple[str, ...]) -> None:
        """A draw that is impossible stays a finding: that needs no guarantee."""
        law = self.wrong.get("law")
        super().withdraw(reason, kinds)
        if law and self._impossible:
            self.wrong["law"] = law

    @property
    def _impossible(self) -> bool:
        """Whether a draw is of probability zero."""
        return bool(self.tests) and self.tests["law"][0].log_e == np.inf

    def settle(self) -> None:
        """Name what is wrong: dependence within the batch first, the other tests hold for independent draws only."""
        if not self.tests:
            return
        pairs, law = self.tests["independence"][0], self.tests["law"][0]
        depends = self._failed("independence") and (self.matches.unusual or dependent(pairs, law.counts))
        if depends:
            self.wrong["independence"] = "independence", wording.dependence(pairs, self.law)
        if self._impossible or (not depends and (self._failed("law") or self._failed("independence"))):
            self.wrong["law"] = wording.of_law(law, self.law, self.saw_nan)
        elif not depends and self._failed("marginals"):
            self.wrong["marginals"] = "marginals", wording.of_marginals(self.tests["marginals"])
        for what, rule in wording.REVEAL_RULES.items():
            if self._failed(what) and not self.wrong.keys() & {"law", "independence"}:
                self.wrong[what] = what, f"{rule}; largest TV {max(t.tv for t in self.tests[what]):.3g}"

    def _outcome(self, what: str) -> tuple[str, str]:
        if what not in self.tests:
            return (SKIPPED, "not returned") if self.tests else (UNDECIDED, "not run")
        if what == "law" and not self._certified():
            if self.wrong:
                return SKIPPED, "draws are not as the law test needs them"
            return UNDECIDED, f"neither rejected nor within TV {self.tolerance:g}"
        if self._failed(what):
            return SKIPPED, "follows from another finding"
        return PASSED, self._certificate() if what == "law" else ""

    def _certificate(self) -> str:
        bias = wording.discretisation_bias(self.setting) if self.setting.claim.is_limit else ""
        return f"within TV {self.tolerance:g}" + bias

    def _numbers(self, what: str) -> dict[str, Any]:
        if what not in self.tests:
            return {}
        worst = max(self.tests[what], key=lambda test: test.log_e)
        shown = numbers(self.tests[what][0] if what == "law" else worst, self.alphas[what])
        return shown | {"n": self.n, "log10_e": worst.log_e / log(10)}
