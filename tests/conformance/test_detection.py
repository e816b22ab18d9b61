"""The benchmark's counts of many runs at once are those of the suite's own tests."""

import numpy as np

from benchmarks import conformance_detection as detection
from maskguide.conformance.sequential import LawTest


def test_evidence_of_many_runs_is_that_of_the_tests(monkeypatch):
    monkeypatch.setattr(detection, "CHUNK", 1)
    rng, suite, before = np.random.default_rng([1, 0]), [detection.Running(c) for c in detection.CHECKS], 0
    for now in detection.NULL_LOOKS:
        drawn, before = detection.ancestral(rng, now - before), now
        for running in suite:
            running.update(drawn)
    assert np.abs(detection._null_chunk(0)[0] - [running.largest for running in suite]).max() < 1e-9


def test_its_sampler_is_right_and_its_faults_are_not():
    tokens, times, order = drawn = detection.ancestral(np.random.default_rng(0), 20_000)
    chosen = np.random.default_rng(1).random(20_000) < 0.2
    for check, _, fault in detection.FAULTS:
        right, wrong = detection.Running(check), detection.Running(check)
        right.update((tokens, times, order))
        wrong.update(fault(drawn, chosen))
        assert right.largest < np.log(1e3) and wrong.largest > np.log(1e8), check
    copies = LawTest(detection._law(), alpha=1e-8)
    copies.update(detection.copied(drawn, chosen)[0])
    assert not copies.rejected  # the law is right, the draws depend


def test_a_few_rows(monkeypatch):
    monkeypatch.setattr(detection, "RUNS", 3)
    assert (detection.draws_needed("law", detection.masked, 0.2) <= 256).all()
    assert np.isinf(detection.steps_needed(0.0)).all() and np.isfinite(detection.steps_needed(0.4)).all()
