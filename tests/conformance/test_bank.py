"""The bank: exact rationals, recorded separations recomputed, kinds of problems that must be there."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from maskguide.conformance import bank
from maskguide.conformance.claim import Claim
from maskguide.conformance.explanations import EXPLANATIONS, explained_laws
from maskguide.conformance.settings import is_defined

RECORDED = [Claim("normalized", "ancestral"), Claim("product", "tau-leaping"), Claim("product", "euler"),
            Claim("product", "limit"), Claim("normalized", "limit")]  # fmt: skip
CASES = bank.default_cases(RECORDED[0])


def problems():
    return [bank.problem(name) for name in bank.names()]


def test_laws_are_exact_and_sum_to_one():
    for problem in problems():
        assert problem.is_exact and all(sum(law.flat) == 1 for law in problem.exact_class_laws)
        assert all(isinstance(v, Fraction) for v in problem.exact_class_laws.flat)
        assert sum(problem.exact_prior) == 1


@pytest.mark.parametrize("claim", RECORDED, ids=str)
def test_recorded_separations_are_those_of_the_exact_laws(claim):
    recorded = bank.separations()[str(claim)]
    assert set(recorded) == {bank.label(case) for case in bank.default_cases(claim)}
    for case in bank.default_cases(claim):
        found = bank.separation(case, claim)
        assert found.keys() == recorded[bank.label(case)].keys()
        assert case.separation == recorded[bank.label(case)]
        assert max(abs(found[name] - case.separation[name]) for name in found) < 1e-12


def test_every_kind_of_problem_is_there():
    laws = [problem.class_laws for problem in problems()]
    assert {problem.length for problem in problems()} == {1, 2, 3, 5}
    assert any((law == 0).all(axis=0).any() for law in laws)  # impossible under every class: NaN shows there
    assert any(((law[0] > 0) & (law[1:] == 0).all(axis=0)).any() for law in laws)  # the target's own
    assert any(((law[0] == 0) & (law[1:] > 0).any(axis=0)).any() for law in laws)  # others' own
    assert any(((law > 0) & (law <= 1e-6)).any() for law in laws)
    assert any((law.max(axis=tuple(range(1, law.ndim))) > 0.8).all() for law in laws)
    assert {case.weight for case in CASES} >= {-1.0, 0.0, 1.0, 2.0}
    assert {case.num_steps for case in CASES} >= {2, 3, 5}


def test_every_alternative_is_seen_by_some_case_of_some_claim():
    """Except what only a plain network or a large vocabulary shows."""
    seen = {name for claim in RECORDED for case in bank.default_cases(claim) for name in case.separation}
    own = {"grid uniform in t", "linear noise"}  # what all of these claims say
    assert {a.name for a in EXPLANATIONS.values()} - seen == {"revealed tokens redrawn", "float32 race"} | own


@pytest.mark.parametrize("claim", RECORDED, ids=str)
def test_quick_cases_tell_alternatives_from_the_claim(claim):
    """20,000 draws in all see TV 0.02 on one of six cases: n TV^2 beyond what noise does."""
    quick = bank.default_cases(claim, quick=True)
    assert 4 <= len(quick) <= 6 and quick == bank.default_cases(claim)[: len(quick)]
    for name in {name for case in quick for name in case.separation}:
        assert max(case.separation.get(name, 0.0) for case in quick) > 0.01, name


def test_claims_of_the_limit_have_no_steps_and_each_problem_and_weight_once():
    cases = bank.default_cases(Claim("product", "gillespie"))
    assert all(case.num_steps is None for case in cases)
    assert len({(case.problem.name, case.weight) for case in cases}) == len(cases)


@pytest.mark.parametrize("claim", [claim for claim in RECORDED if not claim.is_limit], ids=str)
def test_claims_of_k_steps_have_five_coordinates_and_exact_zeros(claim):
    """Where parallel reveals meet contexts that the target cannot have, no conditional is defined: not a case."""
    defined = [case.problem for case in CASES if is_defined(case, claim)]
    assert {problem.length for problem in defined} == {1, 2, 3, 5}
    (five,) = [problem for problem in defined if problem.length == 5]
    assert (five.class_laws > 0).all()
    zeros = bank.problem("product-zeros-1")
    assert zeros in defined and zeros.length == 3
    for law in zeros.class_laws:  # possible on a product of sets
        sets = [law.sum(axis=tuple(j for j in range(3) if j != i)) > 0 for i in range(3)]
        np.testing.assert_array_equal(law > 0, np.einsum("i,j,k->ijk", *sets).astype(bool))
        assert not all(tokens.all() for tokens in sets)


def test_a_claim_that_is_not_recorded_has_computed_separations():
    claim = Claim("product", "tau-leaping", grid="clock")
    case = bank.default_cases(claim, quick=True)[0]
    found = bank.separation(case, claim)
    assert found["grid uniform in t"] > 0 and "grid uniform in the clock" not in found
    assert case.separation == {}  # nothing is computed before a run
    assert bank.problem(case.problem.name) is case.problem


def test_counts_are_those_of_tokens():
    case = CASES[0]
    tokens = np.random.default_rng(0).integers(0, case.problem.vocab_size + 1, (500, case.problem.length))
    counts = case.counts(tokens)
    assert counts.sum() == 500 and counts[tuple(tokens[7])] == (tokens == tokens[7]).all(axis=1).sum()


def test_a_plain_network_shows_tokens_that_are_redrawn():
    from dataclasses import replace

    plain = replace(next(case for case in CASES if case.problem.length > 1), plain=True)
    claim = RECORDED[0]
    law = explained_laws(plain, claim)["revealed tokens redrawn"]
    assert 0.5 * np.abs(law - plain.law(claim)).sum() > 0.02
