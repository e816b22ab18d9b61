"""The zoo: every specimen draws from the law that its explanation predicts; the suite catches and names each."""

from functools import lru_cache

import numpy as np
import pytest

from maskguide.conformance import Claim, ServedDenoiser, check
from maskguide.conformance.bank import SamplingCase
from maskguide.conformance.explanations import explained_laws
from maskguide.conformance.sequential import LawTest
from tests.conformance.mutants import FAULTY, LARGE, RIGHT, RUDE
from tests.conftest import random_problem, table

N, ALPHA = 20_000, 1e-6 / (len(RIGHT) + len(FAULTY))
SEPARATING = table([[2, 28], [16, 12]], [[22, 0], [4, 2]], name="separating")
HOLES = table([[3, 7, 0], [0, 2, 12], [5, 4, 0]], [[0, 4, 2], [7, 1, 1], [1, 9, 0]], name="holes")
TRIPLE = random_problem(11, vocab_size=3, length=3, zeros=0.0)
CASES = [
    SamplingCase(SEPARATING, 3.0, 3, "rules differ"),
    SamplingCase(SEPARATING, 3.0, 1, "rates above one are clipped"),
    SamplingCase(HOLES, 1.5, 4, "tokens impossible under both laws"),
    SamplingCase(HOLES, 0.0, 3, "conditional sampling"),
    SamplingCase(TRIPLE, 6.0, 2, "parallel reveals"),
    SamplingCase(TRIPLE, -0.5, 2, "Euler leaves masks"),
    SamplingCase(TRIPLE, 2.0, 3, "revealed positions predicted afresh", plain=True),
]


@lru_cache(maxsize=128)
def laws(case, claim):
    return {None: case.law(claim), **explained_laws(case, claim)}


def separation(case, claim, explanation):
    known = laws(case, claim)
    return 0.5 * np.abs(known.get(explanation, known[None]) - known[None]).sum()


def counts(specimen, case, seed=0):
    model = ServedDenoiser(case.problem, carry_over=not case.plain)
    drawn = specimen.sampler(model, N, weight=case.weight, num_steps=case.num_steps, seed=seed, dtype=np.float64)
    return case.counts(drawn[0] if isinstance(drawn, tuple) else drawn)


def rejected(law, counts):
    test = LawTest(law, alpha=ALPHA)
    test.update(counts=counts)
    return test.rejected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
@pytest.mark.parametrize("name", RIGHT)
def test_right_ones_have_the_law_of_their_claim(name, case):
    specimen = RIGHT[name]
    assert not rejected(case.law(Claim.parse(specimen.claim)), counts(specimen, case))


@pytest.mark.parametrize("name", FAULTY)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_faulty_ones_have_the_law_of_their_explanation(name):
    """On the case where it is furthest from the claim."""
    specimen = FAULTY[name]
    claim = Claim.parse(specimen.claim)
    case = max(CASES, key=lambda case: separation(case, claim, specimen.explanation))
    found = counts(specimen, case)
    assert separation(case, claim, specimen.explanation) > 0.02
    assert rejected(case.law(claim), found)
    assert not rejected(laws(case, claim)[specimen.explanation], found)


# Through the suite ------------------------------------------------------------------------------------------------


def judged(specimen, **options):
    return check(specimen.sampler, specimen.claim, **{"quick": True} | specimen.options | options)


@pytest.mark.parametrize("name", RIGHT)
def test_right_ones_pass(name):
    report = judged(RIGHT[name])
    assert report.passed, str(report)


@pytest.mark.parametrize("name", FAULTY)
def test_faulty_ones_are_caught_and_named(name):
    specimen = FAULTY[name]
    report = judged(specimen)
    assert specimen.finding in {finding.kind for finding in report.findings}, str(report)
    assert report.diagnosis.name, report.diagnosis.sentence
    assert specimen.explanation in report.diagnosis.ranking[0].names, report.diagnosis.sentence


@pytest.mark.parametrize("name", RUDE)
def test_rude_ones_are_named_and_the_suite_goes_on(name):
    specimen = RUDE[name]
    report = judged(specimen)
    found = [finding for finding in report.findings if finding.kind == specimen.finding]
    assert found and specimen.says in found[0].message, str(report)
    assert len({row.case for row in report.checks}) > 1


@pytest.mark.verify
def test_a_race_in_float32_is_caught_and_named():
    """On the large vocabulary, which a quick run leaves out: some hundred draws of 25 million numbers each."""
    report = judged(LARGE, quick=False, large_seconds=900.0)  # it is the draws that are tested, not the machine
    assert {finding.case.partition(",")[0] for finding in report.findings} == {"large-vocabulary"}, str(report)
    assert report.diagnosis.name == LARGE.explanation, report.diagnosis.sentence
