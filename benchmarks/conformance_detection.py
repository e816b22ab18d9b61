"""Each test of the conformance suite: detection probability against a planted bias, and alarms of a right sampler.

`python -m benchmarks.conformance_detection` prints both and writes results/conformance_detection.json; no time is
measured. Looks are those of the suite, 64 draws first and then twice as many in all. docs/conformance-tests.md has the
outcome.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from math import log

import numpy as np

from maskguide import TableProblem
from maskguide.conformance.claim import Claim
from maskguide.conformance.evidence import law_log_e, log_mean
from maskguide.conformance.reveals import by_time, order_law, reveal_law
from maskguide.conformance.sequential import IndependenceTest, LawTest
from maskguide.conformance.side_experiments import STEP_DRAWS, tv_limits

from .results import Result, write
from .timing import load_average

CLAIM, LIMIT, WEIGHT, STEPS = Claim("normalized", "ancestral"), Claim("normalized", "limit"), 1.0, 3
PROBLEM = TableProblem(np.array([[[2, 28], [16, 12]], [[22, 2], [24, 10]]]) / 58, [0.5, 0.5])
ALPHA, TOTAL, LOOSE = 1e-8, 1e-6, 0.05  # of one check, of the suite, and one at which alarms may be seen
LOOKS = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768)
SHOWN = (256, 1024, 4096, 16_384, 32_768)
RUNS, NULL_RUNS, CHUNK, NULL_LOOKS = 100, 10_000, 250, LOOKS[:7]
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]  # tokens (n, D), reveal times (n, D), index of the order (n,)


def ancestral(rng: np.random.Generator, n: int) -> Drawn:
    """K steps equal in t of the normalised rule: a cheap sampler that is right; orders are those of the chain."""
    tokens, times = np.full((n, PROBLEM.length), PROBLEM.vocab_size), np.zeros((n, PROBLEM.length))
    for k in range(STEPS, 0, -1):
        places = np.ravel_multi_index(tuple(tokens.T), (PROBLEM.vocab_size + 1,) * PROBLEM.length)
        new = (rng.random((*tokens.shape, 1)) >= _rows()[places][..., :-1]).sum(axis=-1)
        reveal = (tokens == PROBLEM.vocab_size) & (rng.random(tokens.shape) < 1 / k)
        tokens, times = np.where(reveal, new, tokens), np.where(reveal, (k - 0.5) / STEPS, times)
    return tokens, times, rng.choice(len(_order()), n, p=_order())


@lru_cache(maxsize=1)
def _rows() -> np.ndarray:
    """Cumulative guided conditionals in every lattice state, (states, D, N)."""
    states = np.indices((PROBLEM.vocab_size + 1,) * PROBLEM.length).reshape(PROBLEM.length, -1).T
    conditional, unconditional = (PROBLEM.log_conditionals(states, label) for label in (PROBLEM.target, None))
    with np.errstate(invalid="ignore"):
        rows = np.nan_to_num(np.exp((1 + WEIGHT) * conditional - WEIGHT * unconditional))
    return (rows / rows.sum(axis=-1, keepdims=True)).cumsum(axis=-1)


@lru_cache(maxsize=1)
def _law() -> np.ndarray:
    return CLAIM.law(PROBLEM, WEIGHT, STEPS)


@lru_cache(maxsize=1)
def _reveals() -> tuple[np.ndarray, list[np.ndarray]]:
    return reveal_law(CLAIM, PROBLEM, WEIGHT, STEPS)


@lru_cache(maxsize=1)
def _order() -> np.ndarray:
    return order_law(LIMIT.process(PROBLEM, WEIGHT))


CHECKS = ("law", "marginals", "independence", "reveal times", "reveal order")


def tests_of(check: str) -> list[LawTest | IndependenceTest]:
    """As the suite makes them for a case."""
    axes = range(PROBLEM.length)
    return {
        "law": lambda: [LawTest(_law())],
        "marginals": lambda: [LawTest(_law().sum(axis=tuple(j for j in axes if j != i))) for i in axes],
        "independence": lambda: [IndependenceTest(_law())],
        "reveal times": lambda: [LawTest(p) for p in _reveals()[1]],
        "reveal order": lambda: [LawTest(_order())],
    }[check]()


def given(check: str, drawn: Drawn) -> list[np.ndarray]:
    """What each of them takes of a batch."""
    tokens, times, order = drawn
    if check == "reveal times":
        return list(by_time(times, tokens == PROBLEM.vocab_size, _reveals()[0]).T)
    return {"marginals": list(tokens.T), "reveal order": [order]}.get(check, [tokens])


class Running:
    """A check and the largest of its evidence so far: the mean e-value of its tests, in logs."""

    def __init__(self, check: str):
        self.check, self.tests, self.largest = check, tests_of(check), -np.inf

    def update(self, drawn: Drawn) -> None:
        """A batch."""
        for test, states in zip(self.tests, given(self.check, drawn), strict=True):
            test.update(states)
        logs = [test.log_e for test in self.tests]
        self.largest = max(self.largest, float(np.logaddexp.reduce(logs)) - log(len(logs)))


# Faults: a share of the draws is wrong ----------------------------------------------------------------------------


def another_law(drawn: Drawn, chosen: np.ndarray) -> Drawn:
    """The state (0, 0)."""
    tokens, times, order = drawn
    return np.where(chosen[:, None], 0, tokens), times, order  # it has 0.03 by the law


def copied(drawn: Drawn, chosen: np.ndarray) -> Drawn:
    """The draw before it, and so its law is unchanged."""
    last = np.maximum.accumulate(np.where(chosen, 0, np.arange(len(chosen))))
    return tuple(part[last] for part in drawn)  # type: ignore[return-value]


def masked(drawn: Drawn, chosen: np.ndarray) -> Drawn:
    """A mask is left."""
    tokens, times, order = drawn
    return np.where(chosen[:, None] & (np.arange(PROBLEM.length) == 0), PROBLEM.vocab_size, tokens), times, order


def late(drawn: Drawn, chosen: np.ndarray) -> Drawn:
    """The times of the last step."""
    tokens, times, order = drawn
    return tokens, np.where(chosen[:, None], 0.5 / STEPS, times), order


def in_order(drawn: Drawn, chosen: np.ndarray) -> Drawn:
    """From left to right."""
    tokens, times, order = drawn
    return tokens, times, np.where(chosen, 0, order)


FAULTS = (
    ("law", "the state (0, 0) in place of a draw", another_law),
    ("marginals", "the same", another_law),
    ("law", "a mask is left", masked),
    ("independence", "the draw before it again", copied),
    ("reveal times", "revealed in the last step", late),
    ("reveal order", "left to right", in_order),
)


def draws_needed(check: str, fault: Callable[..., Drawn], share: float) -> np.ndarray:
    """(RUNS,) draws at the look at which the check has rejected, inf if it has not."""
    found = np.full(RUNS, np.inf)
    for run in range(RUNS):
        rng, running, before = np.random.default_rng(run), Running(check), 0
        for now in LOOKS:
            running.update(fault(ancestral(rng, now - before), rng.random(now - before) < share))
            before = now
            if running.largest >= log(1 / ALPHA):
                found[run] = now
                break
    return found


def steps_needed(tv: float) -> np.ndarray:
    """(RUNS,) its draws where "more steps" finds the TV to the limit risen from zero to `tv`; inf elsewhere."""
    p, found = np.array([0.5, 0.5]), np.full(RUNS, np.inf)
    for run in range(RUNS):
        rng, half = np.random.default_rng(run), STEP_DRAWS // 2
        few, many = ([rng.multinomial(half, [0.5 + x, 0.5 - x]) for _ in range(2)] for x in (0.0, tv))
        if tv_limits(*many, p, ALPHA)[0] > tv_limits(*few, p, ALPHA)[1]:
            found[run] = 2 * STEP_DRAWS
    return found


def power_rows() -> Iterator[dict]:
    """A row a check, fault and share of wrong draws."""
    for check, words, fault in FAULTS:
        for share in SHARES:
            yield _row(check, words, share, draws_needed(check, fault, share))
    for tv in (*SHARES, 0.3):
        yield _row("more steps", "TV to the limit with more steps, none with few", tv, steps_needed(tv))


def _row(check: str, fault: str, share: float, draws: np.ndarray) -> dict:
    by = {f"by {n:,}": float((draws <= n).mean()) for n in SHOWN}
    return {"check": check, "fault": fault, "share": share, **by}


def null_evidence() -> np.ndarray:
    """(NULL_RUNS, checks): the largest evidence of each check of a right sampler over NULL_LOOKS, in logs."""
    return np.concatenate([_null_chunk(k) for k in range(NULL_RUNS // CHUNK)])


def _null_chunk(number: int) -> np.ndarray:
    """CHUNK runs at once: the e-values of the tests are functions of counts alone."""
    rng, found, before = np.random.default_rng([1, number]), np.full((CHUNK, len(CHECKS)), -np.inf), 0
    totals: dict[tuple[int, int], np.ndarray] = {}
    for now in NULL_LOOKS:
        drawn, before = ancestral(rng, CHUNK * (now - before)), now
        for column, check in enumerate(CHECKS):
            logs = []
            for k, (p, states) in enumerate(observed(check, drawn)):
                counts = totals.setdefault((column, k), np.zeros((CHUNK, p.size), dtype=int))
                runs = np.arange(CHUNK)[:, None] * p.size
                counts += np.bincount((runs + states).ravel(), minlength=counts.size).reshape(counts.shape)
                logs.append(law_log_e(counts, p))
            found[:, column] = np.maximum(found[:, column], log_mean(np.stack(logs, axis=-1)))
    return found


def observed(check: str, drawn: Drawn) -> list[tuple[np.ndarray, np.ndarray]]:
    """The law of each of a check's tests, and what it counts, (CHUNK, m)."""
    law, flat = _law().ravel(), np.ravel_multi_index(tuple(drawn[0].T), _law().shape).reshape(CHUNK, -1)
    if check == "independence":
        half, equal = flat.shape[1] // 2, float(law @ law)
        pairs = ((flat[:, ::2], flat[:, 1::2]), (flat[:, :half], flat[:, half:]))
        matches = [(np.array([1 - equal, equal]), (first == second).astype(int)) for first, second in pairs]
        return [*matches, *((np.outer(law, law).ravel(), first * law.size + second) for first, second in pairs)]
    laws = [np.ravel(test.p) for test in tests_of(check)]
    states = [flat] if check == "law" else given(check, drawn)
    return [(p, seen.reshape(CHUNK, -1)) for p, seen in zip(laws, states, strict=True)]


def alarms(evidence: np.ndarray) -> str:
    """How many runs have an alarm: at the level of the suite, and at a looser one, all checks together and each."""
    each = len(CHECKS)
    together = {alpha: int((evidence >= log(each / alpha)).any(axis=1).sum()) for alpha in (TOTAL, LOOSE)}
    alone = ", ".join(
        f"{check} {int((found >= log(1 / LOOSE)).sum())}" for check, found in zip(CHECKS, evidence.T, strict=True)
    )
    return (
        f"Right sampler, {len(evidence):,} runs of {NULL_LOOKS[-1]:,} draws, {len(NULL_LOOKS)} looks, five checks: "
        f"{together[TOTAL]} have an alarm at {TOTAL:g} for all checks together, {together[LOOSE]} at {LOOSE:g} "
        f"(allowed: {LOOSE * len(evidence):.0f} on average); each check alone at {LOOSE:g}: {alone}. Largest e-value: "
        f"{np.exp(evidence.max()):.3g}."
    )


NOTE = (
    f"Share of {RUNS} runs that have rejected by so many draws, alpha = {ALPHA:g} a check as in a suite of a hundred. "
    f"Two coordinates of two tokens, normalised rule, w = {WEIGHT:g}, K = {STEPS}; a share of the draws is "
    f"replaced. More steps: one look at {2 * STEP_DRAWS:,} draws."
)


def main() -> None:
    """Both, printed and written."""
    before, begun = load_average(), time.perf_counter()
    rows, notes = list(power_rows()), [NOTE, alarms(null_evidence())]
    title, seconds = "Conformance checks: detection and false alarms", time.perf_counter() - begun
    result = Result("conformance_detection", title, notes, rows, [before, load_average()], RUNS, seconds)
    write(result)
    print(result.markdown())


if __name__ == "__main__":
    main()
