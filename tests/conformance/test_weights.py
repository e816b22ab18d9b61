"""Weights that a sampler is not asked for: no call has them, and the report says what was not judged."""

from dataclasses import replace

import pytest

import maskguide as mg
from maskguide.conformance import bank, check, planned
from maskguide.conformance.bank import default_cases
from maskguide.conformance.claim import Claim
from maskguide.conformance.settings import settings
from maskguide.conformance.weights import Weights, ties
from tests.conformance import samplers as wild
from tests.conformance.test_run import ANCESTRAL, CASES, LIMIT, run

CLAIM = Claim.parse(ANCESTRAL)


def recording(sampler, seen):
    def wrapped(denoiser, n, *, weight, **given):
        seen.add(weight)
        return sampler(denoiser, n, weight=weight, **given)

    return wrapped


def refuses(least):
    """As public samplers do."""

    def sampler(denoiser, n, *, weight, **given):
        if weight < least:
            raise ValueError("guidance scale must not be negative")
        return wild.ancestral(denoiser, n, weight=weight, **given)

    return sampler


FEW = [replace(CASES[0], weight=weight) for weight in (-0.5, 1.5)]


def test_a_sampler_that_refuses_negative_weights_passes_where_none_is_asked_for():
    assert {finding.kind for finding in run(refuses(0), cases=FEW, plain=False).findings} == {"raises"}
    report = run(refuses(0), cases=FEW, plain=False, least_weight=0)
    assert report.passed, str(report)
    assert "Not judged: weights below 0." in report.verdict and "Not tested: weights below 0." in str(report)
    assert report.to_dict()["left_out"] == "weights below 0"


def test_the_full_run_respects_it_with_cases_given():
    for asked, weights in (({"least": 0}, {0.0, 1.0, 1.5, 3.0}), ({"listed": "0, 1.5"}, {0.0, 1.5}),
                           ({}, {-1.0, 0.0, 1.0, 1.5, 3.0})):  # fmt: skip
        assert {setting.case.weight for setting in settings(CASES, CLAIM, Weights.of(**asked))} == weights
    seen = set()
    check(recording(wild.ancestral, seen), ANCESTRAL, cases=FEW, plain=False, tolerance=0.3, weights="0.5, 2")
    assert seen == {0.5, 2.0}


@pytest.mark.parametrize("quick", [True, False])
def test_every_problem_stays_and_every_weight_listed_is_asked_for(quick):
    cases = default_cases(CLAIM, quick)
    for listed in ((0.0,), (0.0, 1.25, 7.0), (-1.0, 2.5)):
        moved = Weights.of(listed).cases(cases)
        assert {case.weight for case in moved} == set(listed)
        assert {case.problem.name for case in moved} == {case.problem.name for case in cases}
        names = [setting.name for setting in settings(cases, CLAIM, Weights.of(listed), quick=quick)]
        assert len(names) == len(set(names))


def test_decoders_by_score_get_no_case_with_ties():
    """Positions whose tokens are equally likely: each decoder takes one or the other in its own way."""
    problem, none = bank.problem("degenerate-1"), Weights.of((0.0,))
    assert problem.target_law[0].sum() == problem.target_law[:, 0].sum() and ties(problem, 0.0)
    assert not ties(problem, 2.0)
    for claim in (CLAIM, Claim("normalized", "confidence")):
        named = {setting.case.problem.name for setting in settings(default_cases(claim), claim, none)}
        assert ("degenerate-1" in named) == (claim is CLAIM) and len(named) > 5
        found = [setting.case for setting in settings(default_cases(claim), claim)]
        assert {0.0, -1.0} <= {case.weight for case in found}
        assert claim is CLAIM or not any(ties(case.problem, case.weight) for case in found)


def test_cases_at_weights_asked_for_stay_as_they_are():
    cases = default_cases(CLAIM)
    kept = Weights.of().cases(cases)
    assert kept == cases and Weights.of().left_out == "" and all(case.separation for case in kept)
    moved = Weights.of(least=0.0).cases(cases)
    assert [case for case in moved if case in cases] == [case for case in cases if case.weight >= 0]
    assert not any(case.separation for case in moved if case not in cases)


def test_a_sampler_without_guidance():
    def unguided(denoiser, n, *, weight, **given):
        assert weight == 0
        return wild.ancestral(denoiser, n, weight=0.0, **given)

    report = run(unguided, cases=FEW, plain=False, weights=(0,))
    assert report.passed and "Not judged: weights other than 0." in report.verdict, str(report)


def test_planned_knows():
    names = planned(wild.gillespie, LIMIT, quick=True, weights=(0, 2))
    assert not any("w = 3" in name or "w = -1" in name for name in names)
    assert any("w = 2" in name for name in names)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"weights": (0, -2)}, "w >= -1"), ({"weights": ()}, "no weights"), ({"weights": "a, 1"}, "weight"),
     ({"weights": (0,), "least_weight": 0}, "one of the two"), ({"least_weight": -3}, "w >= -1")],
)  # fmt: skip
def test_bad_use(options, said):
    with pytest.raises(mg.InputError, match=said):
        check(wild.ancestral, ANCESTRAL, **options)
