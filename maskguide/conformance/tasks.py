"""Tasks of the suite: each makes some calls at a time, keeps its tests, and has a row for each check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, log
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
from scipy.special import rel_entr

from ..laws.convergence import tv_error
from .claim import Claim
from .evidence import bernoulli_interval, ratio_log_e, tv_width
from .findings import FAILED, PASSED, SKIPPED, UNDECIDED, Check, Finding, Picture
from .guard import Caller, Draw, Fault
from .reveals import by_time, order_law, orders
from .sequential import IndependenceTest, LawTest
from .settings import Seeds, Setting

FIRST, LARGEST, CALL_SECONDS = 64, 16_384, 1.0  # draws of a first call and of any; a call is to take so long at most
SURE = 5.0  # standard deviations; only to name what has been rejected already
SEEN = 0.25  # TV; a large vocabulary without suspected faults was not tested where no such bias would be seen
WHOLE_SECONDS, LEAST_WIDE = 115.0, 20.0  # of the whole suite with a large vocabulary, and of that alone
WIDE_SECONDS = 6.0  # spent on a large vocabulary that is judged already
ENOUGH = 2_000  # draws a case, for the diagnosis, once the sampler has failed


@dataclass
class Plan:
    """How long to go on.

    Attributes
    ----------
    most : int
        Draws of a case after which its law stays undecided.
    tolerance : float or None
        TV within which a law is certified; None: DEFAULT_TOLERANCE, or what `most` draws allow on many states.
    single_calls, single_seconds :
        Calls of batches of 1 and 7, and for how long at most.
    seed_draws : int
        Draws of a call in the checks of seeds.
    large_seconds : float or None
        At most, for a large vocabulary; None: what is left of WHOLE_SECONDS, and LEAST_WIDE at least. None of it in a
        quick run.
    begun : float
        When the suite began.
    """

    most: int = 60_000
    tolerance: float | None = None
    single_calls: int = 300
    single_seconds: float = 4.0
    seed_draws: int = 256
    large_seconds: float | None = None
    begun: float = field(default_factory=perf_counter)

    DEFAULT_TOLERANCE = 0.03

    def quick(self) -> Plan:
        """Less of everything."""
        return Plan(8_000, self.tolerance, 60, 1.0, 128)

    def wide_seconds(self) -> float:
        """For a large vocabulary, from now on."""
        if self.large_seconds is not None:
            return self.large_seconds
        return max(LEAST_WIDE, WHOLE_SECONDS - (perf_counter() - self.begun))

    def tolerance_of(self, law: np.ndarray, alpha: float) -> float:
        """Reached by a right sampler at `most` draws: its TV to p is about 0.4 sqrt(S/n), seldom 2.5/sqrt(n) more."""
        if self.tolerance is not None:
            return self.tolerance
        spread = (0.4 * np.sqrt((law > 0).sum()) + 2.5) / np.sqrt(self.most)
        return max(self.DEFAULT_TOLERANCE, float(np.ceil(100 * (tv_width(self.most, alpha) + spread)) / 100))


@dataclass
class Task:
    """Some calls of the sampler in one setting.

    Attributes
    ----------
    setting, caller, seeds, plan :
    alphas : mapping of check -> its share of the false-alarm rate
    done : bool
    fault : Fault or None
        What ended it.
    """

    setting: Setting
    caller: Caller
    seeds: Seeds
    plan: Plan
    alphas: Mapping[str, float]
    done: bool = False
    fault: Fault | None = None
    reason: str = ""
    seconds: float = 0.0
    wrong: dict[str, tuple[str, str]] = field(default_factory=dict)  # check -> (kind, message)

    CHECKS: ClassVar[tuple[str, ...]] = ()

    def advance(self) -> None:
        """The next calls."""
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

    def rows(self) -> Iterator[Check]:
        """A row for each check."""
        for what in self.CHECKS:
            yield self._row(what)

    def void(self, reason: str, kinds: tuple[str, ...]) -> None:
        """Take back findings of these kinds, for a reason that is a finding elsewhere."""
        self.wrong = {what: found for what, found in self.wrong.items() if found[0] not in kinds}
        self.reason = reason

    def findings(self) -> Iterator[Finding]:
        """The fault, or what was named by `settle`."""
        if self.fault is not None:
            yield Finding(self.fault.kind, self.setting.name, self.fault.message)
        for what, (kind, message) in self.wrong.items():
            yield Finding(kind, self.setting.name, message, tv=self._row(what).tv)

    def _row(self, what: str) -> Check:
        status, message = self._status(what)
        return Check(what, self.setting.name, status, message=message, seconds=self._share(), **self._numbers(what))

    def _share(self) -> float:
        return self.seconds / len(self.CHECKS)

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
    """What a row shows of a test."""
    found = {"log10_e": test.log_e / log(10), "alpha": alpha}
    if isinstance(test, LawTest):
        found |= {"n": test.n, "tv": test.tv, "tv_upper": test.tv_upper, "visible": test.smallest_visible_bias}
    return found


class LawTask(Task):
    """Growing batches until the law is rejected or certified; marginals, independence, reveals on the way."""

    CHECKS = ("law", "marginals", "independence", "reveal times", "reveal order")
    SUSPECTED = ENOUGH  # draws after which alternatives are tested for

    def __init__(self, *arguments: Any, alternatives: Callable[[Any, Claim], Mapping[str, Any]] | None = None):
        super().__init__(*arguments)
        self._alternatives = alternatives
        self.tests: dict[str, list[Any]] = {}
        self.n, self.rate, self.saw_nan, self.enough = 0, np.inf, False, ENOUGH
        self.collecting, self.excess, self.variance = False, 0.0, 0.0
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
        self.tolerance = self.plan.tolerance_of(self.law, alphas["law"] / 2)

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
        excess, variance = excess_matches(states)
        self.excess, self.variance = self.excess + excess, self.variance + variance
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
        return self.n >= self.plan.most or self._certified()

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
        """Counts and law."""
        if not self.n:
            return None
        return Picture(
            self.setting.case, self.setting.name, self.tests["law"][0].counts.reshape(self.law.shape), self.law
        )

    # What is wrong ---------------------------------------------------------------------------------

    def void(self, reason: str, kinds: tuple[str, ...]) -> None:
        """An impossible draw stays a finding: that needs no guarantee."""
        law = self.wrong.get("law")
        super().void(reason, kinds)
        if law and self._impossible:
            self.wrong["law"] = law

    @property
    def _impossible(self) -> bool:
        """Whether a draw is of probability zero."""
        return bool(self.tests) and self.tests["law"][0].log_e == np.inf

    def settle(self) -> None:
        """Name what is wrong: dependence within the batch first, it makes the other tests void."""
        if not self.tests:
            return
        dependent = self._failed("independence") and self._dependent()
        if dependent:
            self.wrong["independence"] = "independence", self._dependence()
        if self._impossible or (not dependent and (self._failed("law") or self._failed("independence"))):
            self.wrong["law"] = self._law_finding()
        elif not dependent and self._failed("marginals"):
            self.wrong["marginals"] = "marginals", self._marginal()
        for what, rule in REVEAL_RULES.items():
            if self._failed(what) and not self.wrong.keys() & {"law", "independence"}:
                self.wrong[what] = what, f"{rule}; largest TV {max(t.tv for t in self.tests[what]):.3g}"

    def _dependent(self) -> bool:
        """Whether the order within batches, or the equality of pairs, is not that of independent draws of *any* law."""
        score = self.excess / max(np.sqrt(self.variance), 1.0)
        return abs(score) > SURE or dependent(self.tests["independence"][0], self.tests["law"][0].counts)

    def _dependence(self) -> str:
        found = self.tests["independence"][0].collisions
        shown = [f"{test.counts[1]} of {test.n} {name}" for name, test in found.items()]
        expected = float((self.law**2).sum())
        return f"draws of one batch are not independent: {' and '.join(shown)} are equal pairs, {expected:.3g} expected"

    def _law_finding(self) -> tuple[str, str]:
        test = self.tests["law"][0]
        counts = test.counts.reshape(self.law.shape)
        masked, supposed = masked_mass(counts), masked_mass(self.law)
        if masked and not supposed:
            return "masks", f"{masked} of {self.n} draws hold a mask; the law has none"
        if counts.max() == self.n and self.law.max() < 1:
            state = state_name(int(counts.argmax()), counts.shape)
            return (
                "constant",
                f"every one of {self.n} draws is {state}; the law gives it {self.law.flat[counts.argmax()]:.3g}",
            )
        nan = "; NaN came up inside the sampler (-inf + inf, or 0 * inf)" if self.saw_nan else ""
        return "law", f"TV {test.tv:.3g} to the exact law after {self.n:,} draws; {self._worst(counts)}{nan}"

    def _worst(self, counts: np.ndarray) -> str:
        impossible = np.where(self.law == 0, counts, 0)
        share = counts / counts.sum()
        off = impossible if impossible.any() else np.abs(share - self.law)
        index = int(off.argmax())
        state = state_name(index, counts.shape)
        exact = "which is impossible" if impossible.any() else f"exact {self.law.flat[index]:.4g}"
        return f"{state} seen {share.flat[index]:.4g}, {exact}"

    def _marginal(self) -> str:
        worst = max(range(self.law.ndim), key=lambda i: self.tests["marginals"][i].log_e)
        return f"the law of coordinate {worst} is off by TV {self.tests['marginals'][worst].tv:.3g}"

    def _outcome(self, what: str) -> tuple[str, str]:
        if what not in self.tests:
            started = bool(self.tests)
            return (SKIPPED, "not returned") if started else (UNDECIDED, "not run")
        if what == "law" and not self._certified():
            if self.wrong:
                return SKIPPED, "draws are not as the law test needs them"
            return UNDECIDED, f"neither rejected nor within TV {self.tolerance:g}"
        if self._failed(what):
            return SKIPPED, "follows from another finding"
        return PASSED, self._certificate() if what == "law" else ""

    def _certificate(self) -> str:
        bias = discretisation_bias(self.setting.claim, self.setting) if self.setting.claim.is_limit else ""
        return f"within TV {self.tolerance:g}" + bias

    def _numbers(self, what: str) -> dict[str, Any]:
        if what not in self.tests:
            return {}
        worst = max(self.tests[what], key=lambda test: test.log_e)
        shown = numbers(self.tests[what][0] if what == "law" else worst, self.alphas[what])
        return shown | {"n": self.n, "log10_e": worst.log_e / log(10)}


NEED_INDEPENDENCE = ("law", "marginals", "reveal times", "reveal order", "batch size", "steps")  # kinds of findings
NEED_SEEDS = (*NEED_INDEPENDENCE, "independence")


class LargeTask(LawTask):
    """A large vocabulary: few draws, as each is dear; the law, on bins of tokens, is not certified within a TV.

    It goes on until it is sure either way between the claim and each suspected fault.
    """

    CHECKS = ("law", "marginals", "independence", "reveal times")
    SUSPECTED = 0
    limit = 0.0

    def _advance(self) -> None:
        self.limit = self.limit or self.plan.wide_seconds()
        try:
            super()._advance()
        except Fault as fault:
            if fault.kind != "hangs":
                raise
            self.done, self.reason = True, "too slow for it: one draw takes longer than the time limit"

    def _size(self) -> int:
        return min(super()._size(), self.n) if self.n else 1

    def _update_order(self, ranks: np.ndarray) -> None:
        """Not judged."""

    def _finished(self) -> bool:
        short = self._judged or self._expected > self.limit
        return super()._finished() or self.seconds > min(WIDE_SECONDS if short else inf, self.limit)

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


REVEAL_RULES = {
    "reveal times": "reveal times do not follow the law of the claim (a step from t to t' < t: t' <= reveal_time < t)",
    "reveal order": "positions are not revealed in the order of the chain's law",
}


def state_name(index: int, shape: tuple[int, ...]) -> str:
    """A lattice state in words: (x0=1, x1=mask)."""
    tokens = (
        "mask" if v == size - 1 else str(v) for v, size in zip(np.unravel_index(index, shape), shape, strict=True)
    )
    return "(" + ", ".join(f"x{i}={token}" for i, token in enumerate(tokens)) + ")"


def masked_mass(array: np.ndarray) -> Any:
    """Sum over the lattice states with a mask."""
    return array[(np.indices(array.shape) == array.shape[0] - 1).any(axis=0)].sum()


def excess_matches(tokens: np.ndarray) -> tuple[float, float]:
    """Equal neighbours of a batch less their mean over all orders of the same draws, and its variance (nearly)."""
    pairs = len(tokens) // 2
    if not pairs:
        return 0.0, 0.0
    counts = np.unique(tokens, axis=0, return_counts=True)[1]
    chance = float((counts * (counts - 1)).sum()) / (len(tokens) * (len(tokens) - 1))
    equal = (tokens[: 2 * pairs : 2] == tokens[1 : 2 * pairs : 2]).all(axis=1).sum()
    return float(equal - pairs * chance), pairs * chance * (1 - chance)


def dependent(test: IndependenceTest, counts: np.ndarray) -> bool:
    """Whether pairs match more or less often than independent draws of the law that was *seen*, in counts.

    So a wrong law of independent draws is not called dependence.
    """
    n = counts.sum()
    match = float((counts * (counts - 1)).sum() / (n * (n - 1)))
    margin = 4 / np.sqrt(n)  # what `match` itself may be off by
    found = test.collisions.values()
    limits = [bernoulli_interval(int(pairs.counts[1]), pairs.n, pairs.alpha) for pairs in found]
    return any(match < low - margin or match > high + margin for low, high in limits)


def discretisation_bias(claim: Claim, setting: Setting) -> str:
    """For a limit claim: how far the K steps of a plain sampler are from the limit, in words."""
    process = claim.process(setting.case.problem, setting.case.weight)
    method = "ancestral" if process.guidance.rule.normalises else "tau-leaping"
    error = float(tv_error(process, method, setting.num_steps, claim.schedule))
    return f"; {method} with {setting.num_steps} steps would be at TV {error:.2g} from this limit"
