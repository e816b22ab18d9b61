"""The suite: right samplers pass whatever the seed, and every misbehaviour is found and named."""

import json
import time
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

import maskguide as mg
from maskguide.conformance import CheckResult, builtin_sampler, check, planned
from maskguide.conformance.bank import SamplingCase
from maskguide.conformance.dependence import excess_matches
from maskguide.conformance.side_experiments import tv_limits
from tests.conformance import samplers as wild
from tests.conftest import random_problem, table

ANCESTRAL, LIMIT = "normalized, ancestral, uniform t, log-linear", "product, limit"
SEPARATING = table([[2, 28], [16, 12]], [[22, 0], [4, 2]], name="separating")
LINE = table([4, 3, 1, 0], [0, 1, 3, 4], name="line")
MIXED = random_problem(7, vocab_size=3, length=2, zeros=0.0)
CASES = [
    SamplingCase(MIXED, 1.5, 4, "no zeros"),
    SamplingCase(LINE, 1.0, 3, "one coordinate"),
    SamplingCase(SEPARATING, 3.0, 1, "rules differ"),
]


def run(sampler, claim=ANCESTRAL, **options):
    return check(sampler, claim, **{"cases": CASES, "quick": True} | options)


def kinds(report):
    return {finding.kind for finding in report.findings}


@pytest.mark.parametrize("seed", range(10))
def test_a_right_sampler_passes(seed):
    report = run(wild.ancestral, seed=seed)
    assert report.passed, str(report)
    assert sum(row.alpha for row in report.checks) <= report.false_alarm * (1 + 1e-12)
    assert all(row.tv_upper <= 0.12 for row in report.checks if row.what == "law")


@pytest.mark.parametrize("seed", range(3))
def test_a_right_sampler_of_the_limit_passes_with_times_and_order(seed):
    report = run(wild.gillespie, LIMIT, seed=seed)
    assert report.passed, str(report)
    seen = {row.what for row in report.checks if row.passed}
    assert {"reveal times", "reveal order", "more steps", "batches of 1", "neighbouring seeds"} <= seen
    assert "would be at TV" in str(report)  # the bias of a discretisation is stated


@pytest.mark.verify
@pytest.mark.parametrize("seed", range(100))
def test_right_samplers_pass_for_every_seed(seed):
    for sampler, claim in ((wild.ancestral, ANCESTRAL), (wild.gillespie, LIMIT)):
        report = check(sampler, claim, seed=seed, quick=True)
        assert report.passed, str(report)


@pytest.mark.verify
@pytest.mark.parametrize("claim", [ANCESTRAL, LIMIT, "product, tau-leaping, uniform clock, cosine"])
def test_own_samplers_pass_the_whole_suite(claim):
    report = check(builtin_sampler(claim), claim)
    assert report.passed and "on bins of tokens, not rejected" in report.verdict, str(report)


LONG = ["normalized, first-hitting", "product, euler, cosine grid", "product, theta-trapezoidal", "normalized, remdm",
        "product, posterior-product", "normalized, margin:temperature=0.5:counts=even"]  # fmt: skip


@pytest.mark.parametrize(
    "claim",
    [ANCESTRAL, "product, tau-leaping, uniform clock, cosine", LIMIT, "normalized, confidence:temperature=0.5",
     *(pytest.param(claim, marks=pytest.mark.verify) for claim in LONG)],
)  # fmt: skip
def test_own_samplers_pass(claim):
    report = run(builtin_sampler(claim), claim)
    assert report.passed, str(report)
    assert "builtin_sampler(" in report.sampler


BAD = {
    "raises": wild.raises,
    "shape": wild.changed(lambda tokens, *_: tokens[:-1]),
    "type": wild.changed(lambda tokens, *_: tokens.tolist()),
    "dtype": wild.changed(lambda tokens, *_: tokens.astype(float)),
    "nan": wild.changed(lambda tokens, *_: np.where(tokens == 0, np.nan, tokens)),
    "range": wild.changed(lambda tokens, *_: tokens - 1),
    "mutates": wild.changed(wild.relabelled),
    "masks": wild.changed(wild.masked),
    "constant": wild.changed(lambda tokens, *_: tokens * 0),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_returns_are_named_and_the_suite_goes_on(kind):
    report = run(BAD[kind])
    assert kind in kinds(report) and not report.passed
    assert {finding.case for finding in report.findings} >= {row.case for row in report.checks if row.what == "law"}
    assert kind in str(report)


WRONG = {
    "weight off by one": ("law", wild.with_arguments(weight=lambda w: w + 1)),
    "steps fewer": ("law", wild.with_arguments(num_steps=lambda k: 1)),
    "revealed tokens redrawn": ("law", wild.overwriting),
    "every draw twice": ("independence", wild.changed(wild.twice)),
    "sorted": ("independence", wild.changed(wild.ordered)),
    "one draw a batch": ("independence", wild.changed(wild.alike)),
    "small batches": ("batch size", wild.changed(wild.small_wrong)),
    "seed ignored": ("seed", wild.with_arguments(seed=lambda seed: 1)),
    "seed of the clock": ("seed", wild.with_arguments(seed=lambda seed: time.perf_counter_ns() % 2**31)),
    "half of the seed": ("seed", wild.with_arguments(seed=lambda seed: seed // 2)),
    "given token lost": ("prompt", wild.changed(wild.forgetful)),
}


@pytest.mark.parametrize("fault", WRONG)
def test_faults_of_the_law_and_of_the_stream_are_named(fault):
    kind, sampler = WRONG[fault]
    if kind == "prompt":
        wrong = sampler

        def sampler(denoiser, n, *, weight, num_steps, seed, dtype, start=None):
            return wrong(denoiser, n, weight=weight, num_steps=num_steps, seed=seed, dtype=dtype, start=start)

    report = run(sampler)
    assert kinds(report) == {kind} or (kind == "independence" and kind in kinds(report)), str(report)
    assert not report.passed


def dependent_and_wrong(tokens, denoiser, given):
    """Every draw twice, and a weight as if one more."""
    return wild.twice(tokens, denoiser, given)


@pytest.mark.parametrize("sampler", [
    WRONG["every draw twice"][1], WRONG["sorted"][1],
    wild.changed(dependent_and_wrong, wild.with_arguments(weight=lambda w: w + 1)),
], ids=["twice", "sorted", "twice, and another law"])  # fmt: skip
def test_dependent_draws_void_what_is_said_of_laws(sampler):
    report = run(sampler)
    laws = [row for row in report.checks if row.what in ("law", "marginals")]
    assert laws and all(row.status == "skipped" and "depend on each other" in row.message for row in laws)
    assert kinds(report) <= {"independence", "seed"} and report.diagnosis is None, str(report)
    assert "Laws are not judged" in report.verdict
    assert "Laws are not judged" not in run(WRONG["weight off by one"][1]).verdict


def test_masks_need_no_independence():
    def wrong(tokens, denoiser, given):
        return wild.masked(wild.twice(tokens, denoiser, given), denoiser, given)

    report = run(wild.changed(wrong))
    assert kinds(report) >= {"independence", "masks"}, str(report)


def test_prompts_are_completed():
    report = run(wild.ancestral)
    assert "given tokens" in {row.what for row in report.checks if row.passed}


@pytest.mark.parametrize("kind", ["reveal times", "reveal order"])
def test_wrong_times_and_order(kind):
    def first_is_first(*arguments, **given):
        tokens, _ = wild.gillespie(*arguments, **given)
        return tokens, {"reveal_order": np.tile(np.arange(tokens.shape[1]), (len(tokens), 1))}

    report = run(wild.late(wild.gillespie) if kind == "reveal times" else first_is_first, LIMIT)
    assert kinds(report) == {kind}


def test_more_steps_may_not_be_worse():
    cases = [SamplingCase(MIXED, 1.5, 4, "")]
    report = run(wild.worse_with_steps, LIMIT, cases=cases, plain=False)
    assert kinds(report) == {"steps"}, str(report)


def test_a_hanging_sampler_is_given_up():
    begun = time.perf_counter()
    report = run(wild.changed(wild.hang), time_limit=0.3)
    assert kinds(report) == {"hangs"} and time.perf_counter() - begun < 5
    assert report.undecided  # two hang, then the suite ends


def test_a_gross_fault_is_reported_within_seconds_at_5000_draws_a_second():
    def slow(denoiser, n, **given):
        time.sleep(n / 5000)
        return wild.with_arguments(weight=lambda w: -0.9)(denoiser, n, **given)

    report = run(slow, quick=False, fail_fast=True)
    assert kinds(report) == {"law"} and report.seconds < 5


def test_out_of_time_is_undecided_not_passed():
    report = run(wild.ancestral, max_seconds=1e-3)
    assert not report.findings and report.undecided and not report.passed
    assert "ndecided" in str(report)


def test_torch_backend():
    torch = pytest.importorskip("torch")
    kinds_of_dtype = set()

    def in_torch(denoiser, n, *, weight, num_steps, seed, dtype):
        kinds_of_dtype.add(dtype)
        draw = torch.Generator().manual_seed(seed)
        tokens = torch.full((n, denoiser.length), denoiser.mask_id)
        for k in range(num_steps, 0, -1):
            conditional, unconditional = denoiser(tokens, denoiser.label), denoiser(tokens, None)
            logs = torch.where(conditional.isfinite(), (1 + weight) * conditional - weight * unconditional, -torch.inf)
            rates = logs.exp().reshape(-1, denoiser.vocab_size)
            new = torch.multinomial(rates, 1, generator=draw).reshape(tokens.shape)
            reveal = (tokens == denoiser.mask_id) & (torch.rand(tokens.shape, generator=draw) < 1 / k)
            tokens = torch.where(reveal, new, tokens)
        return tokens

    report = run(in_torch, backend="torch")
    assert report.passed, str(report)
    assert kinds_of_dtype == {torch.float32, torch.float64}


@pytest.mark.parametrize("claim", [ANCESTRAL, LIMIT])
def test_names_are_planned_without_a_run(claim):
    assert planned(wild.raises, claim, cases=CASES, quick=True) == [row.name for row in run(wild.raises, claim).checks]


@pytest.mark.parametrize(
    ("options", "said"),
    [({"backend": "jax"}, "backend"), ({"time_limit": 0}, "time_limit"), ({"seed": -1}, "seed"),
     ({"alpha": 2.0}, "alpha"), ({"tolerance": -1.0}, "tolerance")],
)  # fmt: skip
def test_bad_use(options, said):
    with pytest.raises(mg.InputError, match=said):
        run(wild.ancestral, **options)
    with pytest.raises(mg.InputError, match="callable"):
        run("ancestral")


@pytest.mark.parametrize(
    ("old", "new"), [("Model", "ServedDenoiser"), ("Check", "CheckResult"), ("own", "builtin_sampler")]
)
def test_old_names_warn(old, new):
    with pytest.warns(DeprecationWarning, match=f"is called maskguide.conformance.{new}"):
        assert getattr(mg.conformance, old) is getattr(mg.conformance, new)


def test_no_limit_on_a_call():
    assert run(wild.ancestral, time_limit=float("inf"), cases=CASES[:1]).passed


# Parts ------------------------------------------------------------------------------------------------


def test_limits_of_tv_hold():
    p, q, rng = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5]), np.random.default_rng(0)
    for law, tv in ((p, 0.0), (q, 0.3)):
        for _ in range(50):
            low, high = tv_limits(rng.multinomial(2000, law), rng.multinomial(2000, law), p, 1e-4)
            assert low <= tv <= high
    assert low > 0.2


def test_excess_matches_of_shuffled_and_of_sorted_draws():
    tokens = np.random.default_rng(0).integers(3, size=(2000, 2))
    excess, variance = excess_matches(tokens)
    assert abs(excess) < 5 * np.sqrt(variance)
    excess, variance = excess_matches(wild.ordered(tokens, None, {}))
    assert excess > 20 * np.sqrt(variance)
    assert excess_matches(tokens[:1]) == (0.0, 0.0)


# The report -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reports():
    return [run(wild.ancestral), run(wild.with_arguments(weight=lambda w: w + 1)), run(wild.raises)]


def test_report_as_json(reports):
    for report in reports:
        data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
        assert data["passed"] == report.passed and len(data["checks"]) == len(report.checks)
        assert len(data["findings"]) == len(report.findings)


def test_report_as_junit(reports):
    for report in reports:
        suite = ElementTree.fromstring(report.to_junit())
        cases = suite.findall("testcase")
        assert len(cases) == int(suite.get("tests")) == len(report.checks)
        failed = sum(case.find("failure") is not None for case in cases)
        assert failed == int(suite.get("failures")) and (failed == 0) == report.passed


def test_report_as_page_and_badge(reports, tmp_path):
    for report, word in zip(reports, ("conforms", "fails", "fails"), strict=True):
        page = report.save(tmp_path / "out").read_text()
        assert report.verdict in page.replace("&#39;", "'") and "http" not in page.replace("http-equiv", "")
        assert page.count("<figure>") == len(report.pictures)
        badge = ElementTree.fromstring(report.badge())
        assert badge.get("aria-label").endswith(word)
    ElementTree.fromstring(reports[0].to_html().partition("<figure>")[2].partition("<figcaption>")[0])


def test_a_pass_says_what_was_not_judged(reports):
    """A float32 race goes unseen by a sampler too slow for 50,000 tokens: the verdict must not hide that."""
    good, bad, _ = reports
    skipped = CheckResult("law", "large-vocabulary", "skipped", n=9, message="too slow for it: 9 draws in 14 s")
    passed, failed = (replace(report, checks=(*report.checks, skipped)) for report in (good, bad))
    words = "Not judged: large-vocabulary (too slow for it: 9 draws in 14 s)."
    assert passed.passed and words in passed.verdict and words in passed.to_html()
    assert any(line.startswith("-    large-vocabulary: law") for line in str(passed).splitlines())
    assert "Not judged" not in good.verdict + failed.verdict
