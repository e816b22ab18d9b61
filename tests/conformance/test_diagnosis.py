"""Counts drawn from each explanation's own law: the diagnosis must name it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maskguide import InputError
from maskguide.conformance.bank import default_cases
from maskguide.conformance.claim import Claim
from maskguide.conformance.diagnosis import FLOOR, diagnose
from maskguide.conformance.explanations import EXPLANATIONS, explained_laws
from maskguide.conformance.large_vocabulary import large_vocabulary_cases

CLAIMS = [Claim("normalized", "ancestral"), Claim("product", "tau-leaping"), Claim("product", "euler"),
          Claim("product", "limit"), Claim("normalized", "limit")]  # fmt: skip
DRAWS = 20_000


def drawn(law: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    p = np.clip(law, 0, None).ravel()
    return rng.multinomial(n, p / p.sum()).reshape(law.shape)


def observations(cases, claim, name=None, n=DRAWS, seed=0):
    rng = np.random.default_rng(seed)
    laws = [explained_laws(case, claim).get(name, case.law(claim)) for case in cases]
    return [(case, drawn(law, n // len(cases), rng)) for case, law in zip(cases, laws, strict=True)]


def nats(cases, claim, name, other) -> float:
    """Expected log-likelihood by which an explanation is ahead of another when it holds, DRAWS in all."""
    total = 0.0
    for case in cases:
        laws, law = explained_laws(case, claim), case.law(claim)
        p, q = laws.get(name, law), laws.get(other, law)
        smoothed = [(1 - FLOOR) * x + FLOOR / x.size for x in (p, q)]
        total += DRAWS / len(cases) * float((p * np.log(smoothed[0] / smoothed[1])).sum())
    return total


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_the_right_explanation_wins(claim):
    cases = default_cases(claim, quick=True)
    names = [a.name for a in EXPLANATIONS.values() if any(a.name in explained_laws(case, claim) for case in cases)]
    assert len(names) > 50
    alone = 0
    for seed, name in enumerate(names):
        found = diagnose(observations(cases, claim, name, seed=seed), claim)
        assert found.name is not None and name in found.name.split(" or "), (name, found.sentence)
        told_apart = {other: nats(cases, claim, name, other) for other in found.name.split(" or ")}
        assert max(told_apart.values()) < 12, (name, told_apart)  # named with it: equal laws, or nearly so
        alone += all(gap < 1e-6 for gap in told_apart.values())
    assert alone >= 0.95 * len(names)


def test_tokens_redrawn_and_a_race_are_named_on_the_cases_that_show_them():
    claim = CLAIMS[0]
    quick = default_cases(claim, quick=True)
    plain = [*quick, replace(next(c for c in quick if c.problem.length > 1), plain=True)]
    assert diagnose(observations(plain, claim, "revealed tokens redrawn"), claim).name == "revealed tokens redrawn"
    large = [*quick[:2], *large_vocabulary_cases(claim)]
    assert diagnose(observations(large, claim, "float32 race", n=1_500), claim).name == "float32 race"


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_a_right_sampler_is_given_no_explanation(claim):
    for seed in range(10):
        found = diagnose(observations(default_cases(claim, quick=True), claim, seed=seed), claim)
        assert found.name is None and "the claim fits them" in found.sentence


def test_what_no_explanation_fits_is_said_so():
    claim = CLAIMS[1]
    cases = default_cases(claim, quick=True)
    rng = np.random.default_rng(1)
    wrong = [(case, drawn(0.6 * case.law(claim) + 0.4 * rng.dirichlet(np.ones(case.law(claim).size)).reshape(
        case.law(claim).shape), 3_000, rng)) for case in cases]  # fmt: skip
    found = diagnose(wrong, claim)
    assert found.name is None and found.sentence.startswith("None of the") and found.tv > 0.05


def test_a_few_impossible_draws_do_not_rule_the_right_one_out():
    claim, name = CLAIMS[3], "gamma for w"
    seen = observations(default_cases(claim, quick=True), claim, name)
    for case, counts in seen:
        counts[(-1,) * case.problem.length] += 1
    found = diagnose(seen, claim)
    assert name in found.ranking[0].names and found.name is None and "nearest" in found.sentence


def test_explanations_with_the_same_laws_are_named_together():
    claim = Claim("product", "limit")
    found = diagnose(observations(default_cases(claim, quick=True), claim, "normalized rule"), claim)
    assert found.name is not None and {"normalized rule", "uniform positions"} <= set(found.name.split(" or "))
    assert "or, not told apart from it" in found.sentence


def test_numbers_of_the_ranking():
    claim = CLAIMS[0]
    cases = default_cases(claim, quick=True)[:1]
    law = explained_laws(cases[0], claim)["one step"]
    counts = drawn(law, 5_000, np.random.default_rng(3))
    found = diagnose([(cases[0], counts)], claim)
    assert found.tv == pytest.approx(0.5 * np.abs(counts / 5_000 - law).sum())
    smoothed = (1 - 1e-4) * law + 1e-4 / law.size
    assert found.ranking[0].log_likelihood == pytest.approx((counts * np.log(smoothed)).sum())
    values = [e.log_likelihood for e in found.ranking]
    assert values == sorted(values, reverse=True)
    listed = [name for e in found.ranking for name in e.names]
    assert len(listed) == len(set(listed)) and "the claim" in listed


def test_bad_input():
    claim = CLAIMS[0]
    with pytest.raises(InputError, match="no observations"):
        diagnose([], claim)
    with pytest.raises(InputError, match="shape"):
        diagnose([(default_cases(claim, quick=True)[0], np.ones(3, dtype=int))], claim)
