"""The case of 50,000 tokens goes on until it is sure between the claim and a race in float32, or says what it needs."""

import time

import numpy as np
import pytest

from maskguide.conformance import large_experiment
from maskguide.conformance.budget import Budget
from maskguide.conformance.claim import Claim
from maskguide.conformance.explanations import explained_laws
from maskguide.conformance.guard import Caller
from maskguide.conformance.large_vocabulary import large_vocabulary_cases
from maskguide.conformance.settings import Seeds, Setting

CLAIM = Claim("normalized", "ancestral")
LEVELS = dict.fromkeys(large_experiment.LargeVocabularyExperiment.CHECKS, 1e-8)


@pytest.fixture
def case():
    return large_vocabulary_cases(CLAIM)[0]


def drawing(case, law, seconds=0.0):
    """Draws of a law on bins, evenly within them."""
    starts = np.append(0, np.cumsum(case.sizes))

    def sampler(denoiser, n, *, weight, num_steps, seed, dtype):
        time.sleep(n * seconds)
        rng = np.random.default_rng(seed)
        bins = np.stack(np.unravel_index(rng.choice(law.size, n, p=law.ravel()), law.shape), axis=1)
        return rng.integers(starts[bins], np.append(starts, starts[-1] + 1)[bins + 1])

    return sampler


def finished(case, sampler, large_seconds=30.0):
    budget, caller = Budget(large_seconds=large_seconds), Caller(sampler, 60.0)
    experiment = large_experiment.LargeVocabularyExperiment(
        Setting(case, CLAIM, "float32"), caller, Seeds(0), budget, LEVELS, alternatives=explained_laws
    )
    while not experiment.done:
        experiment.advance()
    experiment.settle()
    return experiment, next(iter(experiment.rows()))


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(large_experiment, "JUDGED_SECONDS", 0.3)


def test_a_right_sampler_rules_the_race_out(case, impatient):
    experiment, row = finished(case, drawing(case, case.law(CLAIM)))
    assert row.passed and "no float32 race" in row.message and experiment.seconds < 10


def test_a_race_is_rejected(case, impatient):
    experiment, row = finished(case, drawing(case, explained_laws(case, CLAIM)["float32 race"]))
    assert row.status == "failed" and experiment.wrong["law"][0] == "law"


def test_some_hundred_draws_decide_and_too_slow_a_sampler_is_given_up_early(case, impatient):
    level, nats = np.log(1e8), {}
    law, race = case.law(CLAIM).ravel(), explained_laws(case, CLAIM)["float32 race"].ravel()
    for name, (p, q) in {"right": (law, race), "race": (race, law)}.items():
        nats[name] = float((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())
    assert level / min(nats.values()) < 300
    _, row = finished(case, drawing(case, case.law(CLAIM), seconds=0.05), large_seconds=2.0)
    assert row.status == "skipped" and "s needed" in row.message
    needed = float(row.message.rpartition("some ")[2].split()[0])
    assert 0.5 < needed / (0.05 * level / nats["right"]) < 3
