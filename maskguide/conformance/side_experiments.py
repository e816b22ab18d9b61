"""Experiments beside the law of large batches: seeds, batches of one and of seven, given tokens, more steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .dependence import dependent
from .evidence import bernoulli_interval, tv_width
from .experiment import Experiment, numbers
from .findings import FAILED, PASSED, UNDECIDED
from .sequential import IndependenceTest, LawTest
from .settings import prompted

ROUND = 10  # small calls made at a time
PAIRINGS = ("equal rows of two seeds, 2k and 2k + 1 or the other way round,", "equal rows of neighbouring seeds",
            "row i + 1 of a seed and row i of the next")  # fmt: skip
STEPS = (2, 8, 32)
STEP_DRAWS = 2_000


class SeedExperiment(Experiment):
    """The same seed twice, another seed, and the independence of draws with neighbouring seeds."""

    CHECKS = ("same seed", "other seed", "neighbouring seeds")
    CALLS = 8

    def _advance(self) -> None:
        if not hasattr(self, "law"):
            self.law = self.setting.law
            level = self.alphas["neighbouring seeds"] / len(PAIRINGS)
            self.tests = {where: IndependenceTest(self.law, alpha=level) for where in PAIRINGS}
        n, seeds = self.budget.seed_draws, self.seeds.run(self.CALLS)
        drawn = [self._call(n, seed).tokens for seed in seeds]
        self.counts = count_states(np.concatenate(drawn), self.law.shape)
        self._same(drawn[0], self._call(n, seeds[0]).tokens, seeds[0])
        self._other(drawn[0], drawn[1], seeds)
        for k, (first, second) in enumerate(pairwise(drawn)):
            self.tests[PAIRINGS[k % 2]].update(_interleaved(first, second))
            if k % 2 == 0:
                self.tests[PAIRINGS[2]].update(_interleaved(first[1:], second[:-1]))
        self.done = True

    def _same(self, first: np.ndarray, again: np.ndarray, seed: int) -> None:
        differ = int((first != again).any(axis=1).sum())
        if differ:
            self.wrong["same seed"] = "seed", f"two calls with seed {seed} differ in {differ} of {len(first)} draws"

    def _other(self, first: np.ndarray, second: np.ndarray, seeds: range) -> None:
        """P(all n draws equal) = (sum p^2)^n if the seeds count."""
        constant = (first == first[0]).all()
        if not constant and (first == second).all() and self._chance() < self.alphas["other seed"]:
            message = f"seeds {seeds[0]} and {seeds[1]} give the same {len(first)} draws: the seed is not used"
            self.wrong["other seed"] = "seed", message

    def _chance(self) -> float:
        return float((self.law**2).sum()) ** self.budget.seed_draws

    def settle(self) -> None:
        """Neighbouring seeds, unless they are the same anyway or the law itself is off."""
        for where, test in getattr(self, "tests", {}).items():
            if not self.wrong and test.rejected and dependent(test, self.counts):
                self.wrong["neighbouring seeds"] = "seed", f"{where} share random numbers"

    def _numbers(self, what: str) -> dict[str, Any]:
        if not hasattr(self, "law"):
            return {}
        if what != "neighbouring seeds":
            return {"n": 2 * self.budget.seed_draws, "alpha": self.alphas[what] if what == "other seed" else 0.0}
        worst = max(self.tests.values(), key=lambda test: test.log_e)
        return {"n": self.CALLS * self.budget.seed_draws} | numbers(worst, self.alphas[what])


class BatchExperiment(Experiment):
    """Many calls of a few draws: the same law, and no dependence between calls of neighbouring seeds."""

    CHECKS = ("batches",)
    SIZE = 1

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.tests: dict[str, Any] = {}

    def _advance(self) -> None:
        if not self.tests:
            law, level = self.setting.law, self.alphas[self.CHECKS[0]] / 2
            self.tests = {"law": LawTest(law, alpha=level), "independence": IndependenceTest(law, alpha=level)}
        calls = min(ROUND, self.budget.single_calls)
        tokens = np.concatenate([self._call(self.SIZE, seed).tokens for seed in self.seeds.run(calls)])
        self.tests["law"].update(tokens)
        self.tests["independence"].update(tokens)
        calls_made = self.tests["law"].n // self.SIZE
        self.done = self.rejected or calls_made >= self.budget.single_calls or self.seconds > self.budget.single_seconds

    @property
    def rejected(self) -> bool:
        """Whether the law or the independence is rejected."""
        return any(test.rejected for test in self.tests.values())

    def settle(self) -> None:
        """Name what is wrong: the law itself, or else that neighbouring seeds are not independent."""
        if not self.rejected:
            return
        law = self.tests["law"]
        if law.rejected:
            message = f"in calls of n = {self.SIZE} the law is off by TV {law.tv:.3g} after {law.n} draws"
        else:
            message = f"calls of n = {self.SIZE} with neighbouring seeds are not independent"
        self.wrong[self.CHECKS[0]] = "batch size", message

    def _numbers(self, what: str) -> dict[str, Any]:
        return numbers(self.tests["law"], self.alphas[what]) if self.tests else {}


class SinglesExperiment(BatchExperiment):
    """Calls of n = 1: whether batches of one follow the law."""

    CHECKS = ("batches of 1",)


class SevensExperiment(BatchExperiment):
    """Calls of n = 7: whether odd batches follow the law."""

    CHECKS = ("batches of 7",)
    SIZE = 7


class PromptExperiment(Experiment):
    """A sampler with an argument `start` (D,): the given token stays, the others follow the law given it."""

    CHECKS = ("given tokens",)
    lost = 0

    def _advance(self) -> None:
        case = self.setting.case
        if not hasattr(self, "test"):
            token = int(case.problem.target_law.reshape(case.problem.vocab_size, -1).sum(axis=1).argmax())
            self.start = np.full(case.problem.length, case.problem.vocab_size)
            self.start[0] = token
            rest = prompted(case.problem, 0, token)
            self.test = LawTest(
                self.setting.claim.law(rest, case.weight, self.setting.num_steps), alpha=self.alphas["given tokens"]
            )
        tokens = self._call(self.budget.seed_draws, self.seeds.spread(), start=self.start).tokens
        self.lost = int((tokens[:, 0] != self.start[0]).sum())
        if self.lost:
            self.wrong["given tokens"] = "prompt", f"{self.lost} of {len(tokens)} draws lost the given token"
        else:
            self.test.update(tokens[:, 1:])
        self.done = bool(self.wrong) or self.test.rejected or self.test.n >= 8 * self.budget.seed_draws

    @property
    def rejected(self) -> bool:
        """Whether the token was lost, or the law of the others is rejected."""
        return bool(self.wrong) or (hasattr(self, "test") and self.test.rejected)

    def settle(self) -> None:
        """Name what is wrong: the law of the other coordinates, given the tokens."""
        if self.rejected and not self.wrong:
            self.wrong["given tokens"] = (
                "prompt",
                f"given x0 = {self.start[0]}, the rest is off by TV {self.test.tv:.3g}",
            )

    def withdraw(self, reason: str, kinds: tuple[str, ...]) -> None:
        """Take findings back as for every experiment, but for a given token that was lost."""
        super().withdraw(reason, kinds if self.lost else (*kinds, "prompt"))

    def _numbers(self, what: str) -> dict[str, Any]:
        return numbers(self.test, self.alphas[what]) if hasattr(self, "test") else {}


class StepsExperiment(Experiment):
    """Limit claims: with more steps the law must not be further from the limit."""

    CHECKS = ("more steps",)

    def _advance(self) -> None:
        if not hasattr(self, "bounds"):
            self.law, self.bounds = self.setting.law, []
        tokens = [self._with_steps(STEPS[len(self.bounds)]) for _ in range(2)]
        counts = [count_states(t, self.law.shape) for t in tokens]
        level = self.alphas["more steps"] / (2 * len(STEPS))
        self.bounds.append(tv_limits(counts[0], counts[1], self.law.ravel(), level))
        self.done = len(self.bounds) == len(STEPS)

    def _with_steps(self, num_steps: int) -> np.ndarray:
        case = self.setting.case
        n = min(STEP_DRAWS, self.budget.most // 4) // 2
        return self.caller(
            self.setting.model(), n, weight=case.weight, num_steps=num_steps, seed=self.seeds.spread()
        ).tokens  # fmt: skip

    def settle(self) -> None:
        """Sure to be worse with more steps: a lower bound above an upper bound of fewer."""
        for (few, (_, upper)), (many, (lower, _)) in pairwise(zip(STEPS, getattr(self, "bounds", []), strict=False)):
            if lower > upper:
                message = f"TV to the limit at least {lower:.3g} with K = {many}, at most {upper:.3g} with K = {few}"
                self.wrong["more steps"] = "steps", message

    def _outcome(self, what: str) -> tuple[str, str]:
        if not self.done:
            return UNDECIDED, "stopped before its end"
        shown = ", ".join(f"K = {k}: {a:.2g} to {b:.2g}" for k, (a, b) in zip(STEPS, self.bounds, strict=True))
        return (FAILED if self.wrong else PASSED), f"TV to the limit {shown}"

    def _numbers(self, what: str) -> dict[str, Any]:
        made = len(getattr(self, "bounds", []))
        return {"n": made * 2 * (min(STEP_DRAWS, self.budget.most // 4) // 2), "alpha": self.alphas[what]}


def tv_limits(first: np.ndarray, second: np.ndarray, p: np.ndarray, alpha: float) -> tuple[float, float]:
    """Limits of TV(true law, p), each wrong with probability at most alpha, from two sets of counts.

    Lower: the set where the first counts exceed p, its probability judged by the second. Upper: `tv_width`.
    """
    above = first > first.sum() * p
    least, _ = bernoulli_interval(int(second[above].sum()), int(second.sum()), alpha)
    both, n = first + second, int(first.sum() + second.sum())
    upper = 0.5 * float(np.abs(both / n - p).sum()) + tv_width(n, alpha)
    return max(0.0, least - float(p[above].sum())), min(1.0, upper)


def count_states(tokens: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """How often each lattice state occurs, flat."""
    return np.bincount(np.ravel_multi_index(tuple(tokens.T), shape), minlength=int(np.prod(shape)))


def _interleaved(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.stack([first, second], axis=1).reshape(-1, first.shape[1])
