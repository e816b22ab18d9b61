"""The experiment on a large vocabulary: few draws, until each suspected fault is named or ruled out."""

from __future__ import annotations

from math import inf, log

import numpy as np
from scipy.special import rel_entr

from .evidence import ratio_log_e
from .faults import Fault
from .findings import PASSED, SKIPPED
from .law_experiment import LawExperiment

SEEN = 0.25  # TV; a large vocabulary without suspected faults was not tested where no such bias would be seen
JUDGED_SECONDS = 6.0  # spent on a large vocabulary that is judged already


class LargeVocabularyExperiment(LawExperiment):
    """A large vocabulary: few draws, as each is costly; the law, on bins of tokens, is not certified within a TV.

    It goes on until it is sure either way between the claim and each suspected fault.
    """

    CHECKS = ("law", "marginals", "independence", "reveal times")
    SUSPECTED = 0
    limit = 0.0

    def _advance(self) -> None:
        self.limit = self.limit or self.budget.seconds_for_large()
        try:
            super()._advance()
        except Fault as fault:
            if fault.kind != "hangs":
                raise
            self.done, self.reason = True, "too slow for it: one draw takes longer than the time limit"

    def _size(self) -> int:
        return min(super()._size(), self.n) if self.n else 1

    def _update_order(self, ranks: np.ndarray) -> None:
        """Do nothing: the order of reveals is not judged on a large vocabulary."""

    def _finished(self) -> bool:
        short = self._judged or self._expected > self.limit
        return super()._finished() or self.seconds > min(JUDGED_SECONDS if short else inf, self.limit)

    @property
    def _expected(self) -> float:
        """Seconds in which a right sampler rules every fault out: log(1/alpha) nats, at KL(law, fault) a draw."""
        laws = [np.ravel(law) for law in self.suspected.values()]
        nats = [float(rel_entr(self.law.ravel(), law).sum()) for law in laws]
        return log(1 / self.alphas["law"]) / min(nats, default=inf) / self.rate

    @property
    def _judged(self) -> bool:
        """Whether every suspected fault is ruled out: likelihood ratios of the claim to it are e-values under it."""
        if not self.suspected:
            return self.tests["law"][0].smallest_visible_bias <= SEEN
        counts, level = self.tests["law"][0].counts, log(1 / self.alphas["law"])
        laws = (np.ravel(law) for law in self.suspected.values())
        return all(ratio_log_e(counts, law, self.law.reshape(1, -1)) >= level for law in laws)

    def _outcome(self, what: str) -> tuple[str, str]:
        if what != "law" or not self.done or self._failed("law"):
            return super()._outcome(what)
        if not self._judged:
            more = f", some {self._expected:.0f} s needed" if self.suspected else ""
            return SKIPPED, f"too slow for it: {self.n} draws in {self.seconds:.0f} s{more}"
        return PASSED, "on bins of tokens, not rejected" + "".join(f"; no {name}" for name in self.suspected)
