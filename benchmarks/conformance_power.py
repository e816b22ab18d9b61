"""Anytime-valid tests: false alarms of null runs, and draws needed to certify a right law and to reject a wrong one.

`python -m benchmarks.conformance_power` prints them, in three minutes; no time is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from maskguide.conformance.evidence import law_log_e, tv_width, visible_bias

from .results import table

STATES = (2, 9, 27, 125, 243)
BIASES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
TOLERANCES = (0.02, 0.03)
ALPHA, LOOSE = 1e-7, 0.05
NULL_RUNS, POWER_RUNS = 10_000, 40
LONGEST, GROWTH, NULL_GROWTH = 4_000_000, 1.05, 1.3
NOTES = [
    "Laws: uniform on S states (null), and with the bias moved from half of the states to the other half, evenly: the "
    "shape hardest to see. Looks after every 5 % more draws; alpha = 1e-7.",
    "Certify: median draws until the upper bound on TV is below the tolerance, right law. Reject: median draws (in "
    "brackets the 10 % and 90 % points) to rejection; suspected: the law is among three alternatives; inf: more than "
    "{:,}.",
    "Found by: share of {} runs of the plain test that have rejected after 10,000, 100,000 draws; guaranteed: the "
    "smallest bias that is seen with probability 1 - alpha whatever its shape, after 100,000 draws.",
    "Alarms: right law, looks every 30 % up to 20,000 draws, of {:,} runs: at alpha = 1e-6, and at 0.05 (allowed: at "
    "most 5 %).",
]


def run(
    states: Sequence[int] = STATES, null_runs: int = NULL_RUNS, runs: int = POWER_RUNS, longest: int = LONGEST
) -> tuple[list[dict], list[str], int]:
    """One row a number of states and bias; the first row of each has the figures of the right law too."""
    rows = [_row(size, bias, null_runs, runs, longest) for size in states for bias in BIASES]
    notes = [NOTES[0], NOTES[1].format(longest), NOTES[2].format(runs), NOTES[3].format(null_runs)]
    return rows, notes, runs


def biased(size: int, bias: float) -> np.ndarray:
    """Uniform, with `bias` moved from the last half of the states to the first."""
    half = size // 2
    law = np.full(size, 1 / size)
    law[:half] += bias / half
    law[size - half :] -= bias / half
    return law


def looks(longest: int, growth: float, first: int = 50) -> np.ndarray:
    """Numbers of draws, a factor of `growth` apart."""
    steps = int(math.log(longest / first) / math.log(growth))
    return np.unique((first * growth ** np.arange(steps + 1)).astype(int))


def first_look(
    stops: Callable[[np.ndarray, int], np.ndarray], law: np.ndarray, runs: int, longest: int, growth: float = GROWTH
) -> np.ndarray:
    """(runs,) draws of the law at the first look where stops(counts, n) holds, inf if none."""
    rng, counts, found = np.random.default_rng(0), np.zeros((runs, law.size), dtype=int), np.full(runs, np.inf)
    before = 0
    for now in looks(longest, growth):
        going = np.isinf(found)
        if not going.any():
            break
        counts += rng.multinomial(now - before, law, size=runs)
        found[going] = np.where(stops(counts[going], int(now)), now, np.inf)
        before = now
    return found


def alarms(size: int, runs: int) -> np.ndarray:
    """Of runs of the right law: how many reach 1e6, and how many 20, up to 20,000 draws."""
    p, largest = np.full(size, 1 / size), np.full(runs, -np.inf)

    def watch(counts: np.ndarray, n: int) -> np.ndarray:
        parts = [law_log_e(part, p) for part in np.array_split(counts, max(1, counts.size // 20_000))]
        np.maximum(largest, np.concatenate(parts), out=largest)
        return np.zeros(len(counts), dtype=bool)

    first_look(watch, p, runs, 20_000, NULL_GROWTH)
    return np.array([(largest >= math.log(1 / alpha)).sum() for alpha in (1e-6, LOOSE)])


def draws_to_certify(size: int, tolerance: float, runs: int, longest: int) -> np.ndarray:
    """(runs,) draws of the right law until its certificate."""
    p = np.full(size, 1 / size)
    return first_look(lambda c, n: 0.5 * np.abs(c / n - p).sum(axis=1) + tv_width(n, ALPHA) <= tolerance, p, runs,
                      longest)  # fmt: skip


def draws_to_reject(size: int, bias: float, suspected: bool, runs: int, longest: int) -> np.ndarray:
    """(runs,) draws of the biased law until it is rejected."""
    p, q = np.full(size, 1 / size), biased(size, bias)
    others = np.array([q, biased(size, -bias), biased(size, bias / 3)]) if suspected else None
    return first_look(lambda c, n: law_log_e(c, p, others) >= math.log(1 / ALPHA), q, runs, longest)


def _row(size: int, bias: float, null_runs: int, runs: int, longest: int) -> dict:
    first = bias == BIASES[0]
    strict, loose = alarms(size, null_runs).tolist() if first else ("", "")
    certify = {f"certify {t}": float(np.median(draws_to_certify(size, t, runs, longest))) if first else "" for t in
               TOLERANCES}  # fmt: skip
    plain = draws_to_reject(size, bias, False, runs, longest)
    return {
        "S": size,
        "alarms 1e-6": strict,
        "alarms 0.05": loose,
        **certify,
        "guaranteed TV": visible_bias(100_000, size, ALPHA, 2) if first else "",
        "bias TV": bias,
        "reject": _spread(plain),
        "reject, suspected": _spread(draws_to_reject(size, bias, True, runs, longest)),
        "found by 10,000": float((plain <= 10_000).mean()),
        "by 100,000": float((plain <= 100_000).mean()),
    }


def _spread(draws: np.ndarray) -> list[float]:
    return [float(np.quantile(draws, q, method="nearest")) for q in (0.5, 0.1, 0.9)]


if __name__ == "__main__":
    rows, notes, _ = run()
    print(table(rows), *notes, sep="\n")
