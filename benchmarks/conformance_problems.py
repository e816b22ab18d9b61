"""Finds the problems of the conformance suite: python -m benchmarks.conformance_problems [candidates], into reference/.

With the word `extend` it keeps those recorded and adds one of each family of ADDED.

Candidates are random tables of small integers. For every pair of explanations a, b of a claim a case is worth
KL(a | b) nats a draw, b smoothed as in the diagnosis. Cases are chosen, greedily and then one for one, so that the
sum of exp(-DRAWS sum_cases KL(a | b) / cases) over all pairs and claims is least: the pairs that are hardest to tell
apart decide. docs/conformance-problems.md has the definitions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from maskguide.conformance import bank
from maskguide.conformance.bank import SamplingCase
from maskguide.conformance.claim import Claim
from maskguide.conformance.diagnosis import FLOOR
from maskguide.conformance.explanations import EXPLANATIONS, explained_laws
from maskguide.conformance.settings import is_defined
from maskguide.problems.table import TableProblem

REFERENCE = Path(bank.__file__).parent / "reference"
CLAIMS = (
    Claim("normalized", "ancestral"),
    Claim("product", "tau-leaping"),
    Claim("product", "euler"),
    Claim("product", "limit"),
    Claim("normalized", "limit"),
)
DRAWS, QUICK = 20_000, 6
WEIGHTS, CHANCES = (-1.0, 0.0, 1.0, 2.0, 3.0), (0.1, 0.15, 0.25, 0.25, 0.25)
SEED = 5


@dataclass(frozen=True)
class Family:
    """A kind of table: D, N, classes, share of zeros, largest K, and what it is for."""

    name: str
    length: int
    vocab_size: int
    classes: int
    zeros: float
    most_steps: int
    why: str
    others_only: bool = True  # zeros of other classes only, so that no formula divides by a zero of the target
    quick: bool = True
    largest: int = 30
    scattered: bool = True  # some tables have states that no class has
    product_zeros: bool = False  # tokens impossible for a class at one position, whatever the others are
    wanted: int = 1  # cases in the full suite, besides those that the quick one has


FAMILIES = (
    Family("pair", 2, 3, 2, 0.25, 5, "two coordinates, tokens that only the target has"),
    Family("three-classes", 2, 3, 3, 0.25, 5, "two coordinates, three classes, tokens that only some of them have"),
    Family("triple", 3, 2, 2, 0.2, 5, "three coordinates: orders of positions, parallel reveals"),
    Family("triple-wide", 3, 3, 2, 0.25, 4, "three coordinates of three tokens: confidence, margin and entropy differ"),
    Family("near-zero", 2, 3, 2, 0.25, 5, "probabilities of one in a million"),
    Family("degenerate", 2, 3, 2, 0.2, 5, "nearly all of the probability on one state of each class"),
    Family("single", 1, 5, 2, 0.2, 5, "one coordinate: weights and temperatures, no order", quick=False),
    Family("private", 2, 3, 2, 0.3, 5, "states that only one class has", others_only=False, quick=False),
    Family("quintuple", 5, 2, 2, 0.1, 3, "five coordinates: errors grow with the length", quick=False, largest=500),
)
ADDED = (
    Family("positive", 5, 2, 2, 0.0, 4, "five coordinates, all states possible: parallel reveals meet no undefined "
           "context", quick=False, largest=500, scattered=False),
    Family("product-zeros", 3, 3, 2, 0.0, 4, "tokens impossible for one class or all, whatever the context: parallel "
           "reveals meet no undefined one", others_only=False, quick=False, scattered=False, product_zeros=True),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Candidate:
    """A case with what every pair of explanations is worth on it, (claims, explanations, explanations)."""

    family: Family
    case: SamplingCase
    nats: np.ndarray


def main(count: int) -> None:
    """Search, and write reference/."""
    pool = candidates(FAMILIES, count)
    quick = chosen(pool, [], [c for c in pool if c.family.quick], QUICK)
    full = list(quick)
    for family in FAMILIES:
        full = chosen(pool, full, [c for c in pool if c.family is family], len(full) + family.wanted)
    between = [at_a_negative_weight(c, steps) for c in full for steps in (2, 3) if c.case.problem.length < 5]
    write(chosen([*pool, *between], full, between, len(full) + 1), len(quick))


def extend(count: int) -> None:
    """Keep what is recorded, search ADDED, and write reference/."""
    rows = bank.read("problems")["cases"]
    kept = [recorded(row) for row in rows]
    pool, full = candidates(ADDED, count), kept
    for family in ADDED:
        full = chosen([*kept, *pool], full, [c for c in pool if c.family is family], len(full) + 1)
    write(full, sum(row["quick"] for row in rows))


def recorded(row: dict) -> Candidate:
    """A case of reference/."""
    case = SamplingCase(bank.problem(row["problem"]), row["weight"], row["num_steps"], row["why"])
    family = next(f for f in FAMILIES if f.name == row["problem"].rpartition("-")[0])
    return Candidate(family, case, worth(case))


def candidates(families: Sequence[Family], count: int) -> list[Candidate]:
    """Random cases of the families in turn; tables with a tie for the argmax are skipped."""
    return [c for _, c in zip(range(count), _candidates(families), strict=False)]


def _candidates(families: Sequence[Family]) -> Iterator[Candidate]:
    rng, number = np.random.default_rng(SEED), 0
    while True:
        family = families[number % len(families)]
        problem = table(rng, family)
        number += 1
        if problem is None or tied(problem):
            continue
        weight, steps = float(rng.choice(WEIGHTS, p=CHANCES)), int(rng.integers(2, family.most_steps + 1))
        case = SamplingCase(problem, weight, steps, family.why)
        yield Candidate(family, case, worth(case))


def at_a_negative_weight(candidate: Candidate, steps: int) -> Candidate:
    """The same problem at w = -1/2, where rate products are below one."""
    case = SamplingCase(candidate.case.problem, -0.5, steps, "a weight between -1 and 0: Euler steps leave masks")
    return Candidate(candidate.family, case, worth(case))


def table(rng: np.random.Generator, family: Family) -> TableProblem | None:
    """A random problem of small integers; None where a class has no state."""
    shape = (family.vocab_size,) * family.length
    nowhere = rng.random(shape) < (rng.choice([0.0, 0.15]) if family.scattered else 0.0)
    laws = []
    for k in range(family.classes):
        numbers = np.ceil(family.largest * rng.random(shape) ** rng.choice([1, 2, 4])).astype(int)
        if family.name == "degenerate":
            numbers = np.minimum(numbers, 3)
            numbers.flat[rng.integers(numbers.size)] = rng.choice([60, 100, 200])
        spared = k == 0 and family.others_only
        zero = (rng.random(shape) < family.zeros) & (not spared)
        numbers[zero | nowhere | (product_zeros(k, shape) if family.product_zeros else False)] = 0
        if not numbers.any():
            return None
        laws.append(numbers if family.name != "near-zero" else _with_millionths(rng, numbers, nowhere))
    prior = rng.integers(1, 5, family.classes)
    return TableProblem(np.array([_shares(law) for law in laws]), _shares(prior))


def product_zeros(label: int, shape: tuple[int, ...]) -> np.ndarray:
    """Where a token is impossible: position 0's last for every class, position 1's first for the target, position 2's
    middle one for the others. So each class is possible on a product of sets."""
    tokens = np.indices(shape)
    return (tokens[0] == shape[0] - 1) | ((tokens[1] == 0) if label == 0 else (tokens[2] == shape[2] // 2))


def _with_millionths(rng: np.random.Generator, numbers: np.ndarray, nowhere: np.ndarray) -> np.ndarray:
    tiny = ((numbers == 0) | (rng.random(numbers.shape) < 0.2)) & ~nowhere & (numbers < numbers.max())
    numbers = np.where(tiny, 0, numbers) * (10**6 // numbers.sum())
    numbers = np.where(tiny, 1, numbers)
    numbers.flat[numbers.argmax()] += 10**6 - numbers.sum()
    return numbers


def _shares(numbers: np.ndarray) -> np.ndarray:
    total = int(numbers.sum())
    return np.vectorize(lambda v: Fraction(int(v), total), otypes=[object])(numbers)


def tied(problem: TableProblem) -> bool:
    """Whether the two most likely tokens of some possible context are equally likely."""
    for law in (problem.target_table, problem.unconditional_table):
        for axis in range(problem.length):
            row = np.sort(np.moveaxis(law, axis, -1)[..., :-1], axis=-1)
            if ((row[..., -1] > 0) & (row[..., -1] - row[..., -2] < 1e-9)).any():
                return True
    return False


def worth(case: SamplingCase) -> np.ndarray:
    """What it is worth under each claim."""
    return np.array([nats(case, claim) for claim in CLAIMS])


def nats(case: SamplingCase, claim: Claim) -> np.ndarray:
    """KL(a | b) of the laws of all explanations, the claim first; b smoothed. Nothing where the claim is undefined."""
    steps = None if claim.is_limit else case.num_steps
    case = SamplingCase(case.problem, case.weight, steps, case.why)
    if not is_defined(case, claim):
        return np.zeros((1 + len(EXPLANATIONS),) * 2, dtype=np.float32)
    law, others = case.law(claim), explained_laws(case, claim)
    laws = np.array([law, *(others.get(a.name, law) for a in EXPLANATIONS.values())]).reshape(1 + len(EXPLANATIONS), -1)
    logs = np.log((1 - FLOOR) * laws + FLOOR / laws.shape[1])
    return ((laws * logs).sum(axis=1)[:, None] - laws @ logs.T).astype(np.float32)


def chosen(
    pool: Sequence[Candidate], fixed: Sequence[Candidate], eligible: Sequence[Candidate], size: int
) -> list[Candidate]:
    """`fixed` and as many more as make up the size, those that leave the fewest pairs undecided."""
    differ = np.max([c.nats for c in pool], axis=0) > 1e-7
    picked = list(fixed)
    total = sum((c.nats for c in fixed), 0 * pool[0].nats)

    def undecided(nats: np.ndarray) -> float:
        return float(np.exp(-np.minimum(DRAWS / size * nats[differ], 60)).sum())

    while len(picked) < size:
        best = min((c for c in eligible if c not in picked), key=lambda c: undecided(total + c.nats))
        picked.append(best)
        total = total + best.nats
    for place in list(range(len(fixed), size)) * 3:
        rest = total - picked[place].nats
        others = [c for i, c in enumerate(picked) if i != place]
        picked[place] = min((c for c in eligible if c not in others), key=lambda c: undecided(rest + c.nats))
        total = rest + picked[place].nats
    print(f"{size} cases: {undecided(total):.3g} pairs undecided at {DRAWS:,} draws")
    return picked


def write(picked: list[Candidate], quick: int) -> None:
    """problems.json and separation.json."""
    problems, cases, named = {}, [], {}
    for i, c in enumerate(picked):
        number = 1 + sum(name.rpartition("-")[0] == c.family.name for name in problems)
        own = c.case.problem.name
        name = named.setdefault(c.case.problem, own if own in bank.names() else f"{c.family.name}-{number}")
        laws, prior = (np.vectorize(str, otypes=[object])(x).tolist() for x in
                       (c.case.problem.exact_class_laws, c.case.problem.exact_prior))  # fmt: skip
        problems[name] = {"target": 0, "prior": prior, "class_laws": laws}
        cases.append({"problem": name, "weight": c.case.weight, "num_steps": c.case.num_steps,
                      "why": c.case.why, "quick": i < quick})  # fmt: skip
    _dump("problems", {"problems": problems, "cases": cases})
    _dump("separation", {})
    bank.read.cache_clear()
    _dump("separation", {str(claim): _separations(claim) for claim in CLAIMS})


def _separations(claim: Claim) -> dict[str, dict[str, float]]:
    rows = {bank.label(case): bank.separation(case, claim) for case in bank.default_cases(claim)}
    return {case: {name: round(tv, 13) for name, tv in row.items()} for case, row in rows.items()}


def _dump(name: str, data: object) -> None:
    (REFERENCE / f"{name}.json").write_text(_lines(data, 2) + "\n")


def _lines(data: object, levels: int) -> str:
    """JSON with a line for every entry of the outer levels."""
    if levels == 0 or not isinstance(data, (dict, list)):
        return json.dumps(data)
    if isinstance(data, list):
        return "[\n" + ",\n".join(_lines(v, levels - 1) for v in data) + "\n]"
    return "{\n" + ",\n".join(f"{json.dumps(k)}: {_lines(v, levels - 1)}" for k, v in data.items()) + "\n}"


if __name__ == "__main__":
    search = extend if "extend" in sys.argv else main
    search(int(sys.argv[-1]) if sys.argv[-1].isdigit() else 600 if search is main else 120)
