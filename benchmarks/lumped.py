"""Exchangeable problems on counts: seconds for each law, and the study of docs/large-dimension.md.

`python -m benchmarks.lumped` prints the tables of the study.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

import maskguide as mg
from maskguide.laws.counts.lumped import late_rate_counts, terminal_counts, transient_counts, tv_decay_counts
from maskguide.problems.exchangeable import ExchangeableProblem

from .results import table
from .timing import measure, ratio, spread

SIZES = ((2, 10), (2, 100), (2, 1000), (3, 20), (3, 60))
FULL_LATTICE = 100_000  # states up to which the full lattice is timed too
WEIGHT = 2.0
TOLERANCE = 1e-12  # L1, against the full lattice
NOTES = [
    "Two classes of independent tokens, rule product, w = 2, u = 1. Every call takes a weight that differs in its last "
    "digits, so that rates are built anew; the conditionals of the problem are at hand.",
    "Terminal: one sweep over the levels. Law at u: parabolic contour, all counts, error bound as printed. TV: four "
    "clocks within a factor of two, one contour, shifted to the late rate.",
    "Full lattice / counts: `mg.terminal_law` of the same problem written out over its sequences, rates included, over "
    "the terminal law on counts; both agree to 1e-12 in L1 first.",
]


def run(sizes: Sequence[tuple[int, int]] = SIZES, rounds: int = 3) -> tuple[list[dict], list[str], int]:
    """One row a problem: (N, D), states, milliseconds, error bound."""
    return [_row(size, length, rounds) for size, length in sizes], NOTES, rounds


def problem(size: int, length: int) -> ExchangeableProblem:
    """Two classes of independent tokens whose probabilities rise and fall with the token."""
    rising = np.arange(1, size + 1) / np.arange(1, size + 1).sum()
    return ExchangeableProblem.from_mixture(length, [rising, rising[::-1]], [0.5, 0.5], labels=[0, 1])


def check(counts: ExchangeableProblem) -> float:
    """L1 distance of the terminal laws on counts and on sequences; an error beyond the tolerance."""
    guidance = mg.Guidance("product", WEIGHT)
    law = mg.terminal_law(mg.GuidedProcess(counts.table(), guidance)).probs
    states = np.indices(law.shape)
    summed = np.zeros_like(counts.target_law)
    np.add.at(summed, tuple((states == v).sum(axis=0) for v in range(1, counts.vocab_size)), law)
    gap = float(np.abs(summed - terminal_counts(counts, guidance).probs).sum())
    if gap > TOLERANCE:
        raise AssertionError(f"laws of {counts} on counts and on sequences differ by {gap:.2g}")
    return gap


def _row(size: int, length: int, rounds: int) -> dict:
    counts, guidances = problem(size, length), _fresh()
    candidates: dict[str, Callable[[], np.ndarray]] = {
        "terminal": lambda: terminal_counts(counts, next(guidances)).probs,
        "transient": lambda: transient_counts(counts, next(guidances), 1.0).probs,
        "tv": lambda: tv_decay_counts(counts, next(guidances), [1.0, 1.3, 1.6, 2.0]),
    }
    compared = (size + 1) ** length <= FULL_LATTICE
    if compared:
        check(counts)
        written_out = counts.table()
        candidates["full"] = lambda: mg.terminal_law(mg.GuidedProcess(written_out, next(guidances))).probs
    times = measure(candidates, rounds)
    against = [ratio(times["full"], times["terminal"]), *spread(times["full"], times["terminal"])] if compared else "-"
    return {
        "N, D": f"{size}, {length}",
        "states on counts": int(np.prod([length + i for i in range(1, size + 1)], dtype=object) // _factorial(size)),
        "terminal, ms": 1e3 * times["terminal"].median_cpu,
        "law at u, ms": 1e3 * times["transient"].median_cpu,
        "error bound": transient_counts(counts, next(guidances), 1.0).error,
        "TV at 4 clocks, ms": 1e3 * times["tv"].median_cpu,
        "full lattice / counts, terminal": against,
    }


def _factorial(n: int) -> int:
    return int(np.prod(range(1, n + 1)))


def _fresh() -> Iterator[mg.Guidance]:
    for k in itertools.count():
        yield mg.Guidance("product", WEIGHT + 1e-9 * (k + 1))


# The study ----------------------------------------------------------------------------------------------

LENGTHS = (10, 30, 100, 300, 1000)
WEIGHTS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)


def far(length: int) -> ExchangeableProblem:
    """Ones with probability 0.6 in the target, 0.4 in the other class: told apart ever better as D grows."""
    return ExchangeableProblem.from_mixture(length, [0.4, 0.6], [0.5, 0.5], labels=[0, 1], target=1)


def close(length: int) -> ExchangeableProblem:
    """1/2 + 1/(2 sqrt D) and 1/2 - 1/(2 sqrt D): told apart equally well at every D."""
    shift = 0.5 / np.sqrt(length)
    return ExchangeableProblem.from_mixture(length, [0.5 - shift, 0.5 + shift], [0.5, 0.5], labels=[0, 1], target=1)


def shared(length: int) -> ExchangeableProblem:
    """Each class has two modes, 1/2 in common: 0.9 and 0.5 in the target, 0.1 and 0.5 in the other."""
    return ExchangeableProblem.from_mixture(length, [0.1, 0.5, 0.5, 0.9], [0.25] * 4, labels=[0, 0, 1, 1], target=1)


def excess(counts: ExchangeableProblem, weight: float) -> str:
    """D (mean - class mean) and D times the variance of the mean."""
    law = terminal_counts(counts, mg.Guidance("product", weight))
    mean = np.arange(counts.length + 1) @ counts.target_law / counts.length
    shift = counts.length * (law.fraction_mean()[1] - mean)
    return f"{shift:.3f}, {counts.length * law.fraction_covariance()[1, 1]:.4f}"


def scaled_excess(counts: ExchangeableProblem, weight: float) -> str:
    """sqrt(D) (mean - 1/2) and D times the variance of the mean."""
    law = terminal_counts(counts, mg.Guidance("product", weight))
    shift = np.sqrt(counts.length) * (law.fraction_mean()[1] - 0.5)
    return f"{shift:.4f}, {counts.length * law.fraction_covariance()[1, 1]:.4f}"


def weak_mode(counts: ExchangeableProblem, weight: float) -> str:
    """Mass at the shared mode (less than 70 % ones) and the variance of the mean."""
    law = terminal_counts(counts, mg.Guidance("product", weight))
    ones = np.arange(counts.length + 1)
    return f"{law.probs[10 * ones < 7 * counts.length].sum():.3g}, {law.fraction_covariance()[1, 1]:.3g}"


def decay(counts: ExchangeableProblem, weight: float) -> str:
    """TV at u = log D, and by how much the late rate exceeds 1."""
    guidance = mg.Guidance("product", weight)
    tv = tv_decay_counts(counts, guidance, np.log(counts.length))
    faster = late_rate_counts(counts, guidance)[0] - 1
    return f"{tv:.4f}, " + (f"{faster:.1e}" if faster > 1e-13 else "0")


STUDY = (
    ("far", far, excess),
    ("close", close, scaled_excess),
    ("shared", shared, weak_mode),
    ("far", far, decay),
    ("close", close, decay),
    ("shared", shared, decay),
)


def study(lengths: Sequence[int] = LENGTHS) -> list[list[dict]]:
    """One table for each entry of STUDY: a row a D, a column a weight."""
    return [
        [{"D": str(d)} | {f"w = {w:g}": figure(family(d), w) for w in WEIGHTS} for d in lengths]
        for _, family, figure in STUDY
    ]


if __name__ == "__main__":
    for (name, _, figure), rows in zip(STUDY, study(), strict=True):
        print(f"{name}: {figure.__doc__}\n\n{table(rows)}\n", flush=True)
